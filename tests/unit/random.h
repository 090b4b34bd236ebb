/*
 * Seeded pseudo-random numbers for property tests (SplitMix64, Steele, Lea and Flood 2014): the
 * same seed gives the same run on every machine. A failing seed becomes a test of its own.
 */
#ifndef TAPEDECK_TESTS_RANDOM_H
#define TAPEDECK_TESTS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 … count − 1. */
static inline size_t random_below(struct random *random, size_t count)
{
    return (size_t)(random_next(random) % count);
}

/* least … most; the whole range of int64_t as well. */
static inline int64_t random_between(struct random *random, int64_t least, int64_t most)
{
    uint64_t span = (uint64_t)most - (uint64_t)least;
    uint64_t offset = span == UINT64_MAX ? random_next(random) : random_next(random) % (span + 1);
    return (int64_t)((uint64_t)least + offset);
}

static inline bool random_one_in(struct random *random, size_t count)
{
    return random_below(random, count) == 0;
}

/* −INT64_MAX … INT64_MAX, as likely to have 3 bits as 63. */
static inline int64_t random_mantissa(struct random *random)
{
    uint64_t magnitude = (random_next(random) >> 1) >> random_below(random, 63);
    return random_one_in(random, 2) ? (int64_t)magnitude : -(int64_t)magnitude;
}

#endif
