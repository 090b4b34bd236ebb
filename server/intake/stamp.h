/*
 * The time notations of the formats, each to microseconds since the Unix epoch, floored. Pure; any
 * thread.
 */
#ifndef TAPEDECK_INTAKE_STAMP_H
#define TAPEDECK_INTAKE_STAMP_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* STATUS_INVALID when it is no such time. The result may still be outside [TIME_MIN, TIME_MAX]. */
typedef enum status stamp_fn(const char *text, size_t length, int64_t *time);

struct stamp {
    stamp_fn *parse;
    const char *wanted; /* completes "time is not …" */
};

/*
 * An integer below 10^14 is no plausible number of microseconds (10^14 is 1973-03-03): it is
 * seconds or milliseconds by mistake, and would silently put the ticks into January 1970.
 * Nanoseconds are beyond TIME_MAX. So a file with integers of the wrong unit is rejected row by
 * row.
 */
#define STAMP_US_MIN INT64_C(100000000000000)

extern const struct stamp STAMP_RFC3339;       /* what time_parse reads */
extern const struct stamp STAMP_RFC3339_OR_US; /* or an integer of microseconds */
extern const struct stamp STAMP_US;
/* An integer of milliseconds below STAMP_US_MIN (until the year 5138), of microseconds above. */
extern const struct stamp STAMP_MS_OR_US;
extern const struct stamp STAMP_TRUEFX;   /* 20130101 22:00:00.295, UTC */
extern const struct stamp STAMP_HISTDATA; /* 20200101 170000065, UTC−5 in every season */

#endif
