/*
 * Market time: int64_t microseconds since the Unix epoch, UTC, timestamptz's own resolution.
 * Ranges are half-open [from, to). Pure functions; any thread.
 */
#ifndef TAPEDECK_MARKET_TIME_H
#define TAPEDECK_MARKET_TIME_H

#include "base/status.h"

#include <stdint.h>

#define TIME_SECOND_US INT64_C(1000000)
#define TIME_MINUTE_US (60 * TIME_SECOND_US)
#define TIME_HOUR_US (60 * TIME_MINUTE_US)
#define TIME_DAY_US (24 * TIME_HOUR_US)

/* What tapedeck accepts: years 1 to 9999, so that every time has an RFC 3339 text. */
#define TIME_MIN INT64_C(-62135596800000000)
#define TIME_MAX INT64_C(253402300799999999)

/* PostgreSQL counts microseconds from 2000-01-01; its infinities are the int64 extremes. */
#define TIME_POSTGRES_EPOCH_US INT64_C(946684800000000)

/* 2000-01-03 00:00 UTC, a Monday: every bucket of every interval is aligned to it. */
#define TIME_BUCKET_ORIGIN_US INT64_C(946857600000000)

struct time_range {
    int64_t from;
    int64_t to;
};

/*
 * RFC 3339, also with a blank for the T, PostgreSQL's short zones (+02, +0230), a missing zone
 * (UTC) or only a date: 2024-08-08, 2024-08-08T23:54:15Z, 2024-08-08 23:54:15.088169+02:00. Zones
 * reach to ±18:00. Digits below a microsecond are floored. A leap second (…:60) is read as the
 * following second. STATUS_INVALID otherwise, and outside [TIME_MIN, TIME_MAX].
 */
enum status time_parse(const char *text, size_t length, int64_t *time) MUST_CHECK;

#define TIME_TEXT_BYTES 32
struct time_text {
    char text[TIME_TEXT_BYTES];
};
/* 2024-08-08T23:54:15.088169Z: always six digits, so that texts sort like times. PostgreSQL reads
 * it too. Times outside [TIME_MIN, TIME_MAX] are clamped. */
struct time_text time_format(int64_t time);

/* Days since the epoch of a proleptic Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms", days_from_civil). month 1…12, day 1…31. */
int64_t time_days_from_date(int year, int month, int day);

/* Rounded to multiples of a step since the Unix epoch. */
static inline int64_t time_floor(int64_t time, int64_t step_us)
{
    int64_t rest = time % step_us;
    return time - rest - (rest < 0 ? step_us : 0);
}

static inline int64_t time_ceil(int64_t time, int64_t step_us)
{
    int64_t floor = time_floor(time, step_us);
    return floor == time ? time : floor + step_us;
}

/* The part of a range in which ticks can lie. */
static inline struct time_range time_range_clip(struct time_range range)
{
    if (range.from < TIME_MIN)
        range.from = TIME_MIN;
    if (range.to > TIME_MAX + 1)
        range.to = TIME_MAX + 1;
    return range;
}

#endif
