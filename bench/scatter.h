/*
 * Instants all over a range: frac(offset(seed) + n × 0.618…) of it. They are as scattered as random
 * ones, but N of them are never nearer to each other than 0.38/N of the range, so every one is a
 * place of its own, and no table is needed. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_SCATTER_H
#define TAPEDECK_BENCH_SCATTER_H

#include <stdint.h>

/* 0 … 1, out of the seed. */
double scatter_offset(uint64_t seed);
/* The place with this number: from ≤ place < to, where from < to. */
int64_t scatter_place(double offset, double number, int64_t from, int64_t to);

#endif
