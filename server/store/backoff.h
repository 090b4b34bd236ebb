/*
 * How long to wait before trying again: 100 ms, doubling to 5 s, ± a quarter at random, so that a
 * crowd does not come back in step. Owner's thread (or under its lock).
 */
#ifndef TAPEDECK_STORE_BACKOFF_H
#define TAPEDECK_STORE_BACKOFF_H

#include <stdint.h>

#define BACKOFF_US_FIRST INT64_C(100000)
#define BACKOFF_US_MAX INT64_C(5000000)

/* One step of a 64-bit xorshift (Marsaglia, "Xorshift RNGs"); the state is never 0. */
static inline uint64_t backoff_random(uint64_t *state)
{
    uint64_t x = *state != 0 ? *state : UINT64_C(0x9e3779b97f4a7c15);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* `failures` in a row so far, ≥ 1. */
static inline int64_t backoff_us(unsigned failures, uint64_t *random)
{
    int64_t us = BACKOFF_US_FIRST;
    for (unsigned i = 1; i < failures && us < BACKOFF_US_MAX; i++)
        us *= 2;
    us = us < BACKOFF_US_MAX ? us : BACKOFF_US_MAX;
    return us * 3 / 4 + (int64_t)(backoff_random(random) % (uint64_t)(us / 2 + 1));
}

#endif
