/*
 * How long something took, as a histogram: bucket i counts what took less than 2^i µs and not less
 * than bucket i − 1 allows; the last one counts all that took longer.
 *
 * Relaxed atomics: any thread may note, any may read. A reading is not one instant's, but no count
 * is ever lost.
 */
#ifndef TAPEDECK_STORE_LATENCY_H
#define TAPEDECK_STORE_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

/* Up to 2^25 µs, half a minute: then a silent statement is cancelled. */
#define LATENCY_BUCKETS 27

struct latency {
    atomic_uint_least64_t counts[LATENCY_BUCKETS];
    atomic_uint_least64_t sum_us;
};

struct latency_statistics {
    uint64_t counts[LATENCY_BUCKETS];
    uint64_t count; /* of all buckets */
    uint64_t sum_us;
};

/* What everything in the bucket is less than; INT64_MAX for the last. */
static inline int64_t latency_bound_us(unsigned bucket)
{
    return bucket < LATENCY_BUCKETS - 1 ? INT64_C(1) << bucket : INT64_MAX;
}

static inline void latency_note(struct latency *latency, int64_t us)
{
    uint64_t length_us = us > 0 ? (uint64_t)us : 0;
    unsigned bits = length_us > 0 ? 64U - (unsigned)__builtin_clzll(length_us) : 0;
    unsigned bucket = bits < LATENCY_BUCKETS ? bits : LATENCY_BUCKETS - 1;
    atomic_fetch_add_explicit(&latency->counts[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&latency->sum_us, length_us, memory_order_relaxed);
}

static inline struct latency_statistics latency_read(struct latency *latency)
{
    struct latency_statistics read = {.count = 0};
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        read.counts[i] = atomic_load_explicit(&latency->counts[i], memory_order_relaxed);
        read.count += read.counts[i];
    }
    read.sum_us = atomic_load_explicit(&latency->sum_us, memory_order_relaxed);
    return read;
}

#endif
