/*
 * Candle intervals: "<n>s|m|h|d|w". Buckets are aligned to 2000-01-03 00:00 UTC. Pure; any thread.
 */
#ifndef TAPEDECK_MARKET_INTERVAL_H
#define TAPEDECK_MARKET_INTERVAL_H

#include "base/status.h"

#include <stdint.h>

#define INTERVAL_MAX_US (INT64_C(366) * 24 * 3600 * 1000000)

/* Text to microseconds: 1s … 366d, n without leading zeros. STATUS_INVALID with a sentence
 * otherwise. */
enum status interval_parse(const char *text, size_t length, int64_t *interval_us,
                           struct error *error) MUST_CHECK;

/* The bucket that holds `time`: [floor, floor + interval). Any time may be asked for: where the
 * answer does not fit, it is the nearest int64_t. interval_us in 1 … INTERVAL_MAX_US. */
int64_t interval_floor(int64_t interval_us, int64_t time);
/* The first bucket start ≥ time. */
int64_t interval_ceil(int64_t interval_us, int64_t time);

#endif
