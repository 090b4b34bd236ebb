/*
 * Counts of durations in log-linear buckets, as HdrHistogram has them: exact below 256, and from
 * there on 128 buckets for every power of two. A value is told as the last one of its bucket, so a
 * percentile is never too low, and too high by at most 1/128 of itself.
 *
 * Microseconds by custom, any unit by nature. The caller's storage, 34 KiB; no allocation. One
 * owner thread.
 */
#ifndef TAPEDECK_BENCH_HISTOGRAM_H
#define TAPEDECK_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_VALUE_MAX ((INT64_C(1) << 40) - 1) /* 12 days in µs; more is counted as this */
#define HISTOGRAM_ERROR_PARTS 128                    /* a told value is at most 1/128 too high */
#define HISTOGRAM_BUCKETS 4352

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    int64_t max; /* exact; 0 when nothing was counted */
};

void histogram_clear(struct histogram *histogram);
/* Less than nothing is counted as nothing. */
void histogram_add(struct histogram *histogram, int64_t value);
/* The smallest told value that at least `share` (0 … 1) of all values do not pass; never more than
 * the greatest. 0 when nothing was counted. */
int64_t histogram_at(const struct histogram *histogram, double share);

#endif
