#include "market/interval.h"

#include "base/assert.h"
#include "market/time.h"

/* 366 days are 31 622 400 seconds. */
#define COUNT_DIGITS_MAX 8

static int64_t unit_us(char unit)
{
    switch (unit) {
    case 's':
        return TIME_SECOND_US;
    case 'm':
        return TIME_MINUTE_US;
    case 'h':
        return TIME_HOUR_US;
    case 'd':
        return TIME_DAY_US;
    case 'w':
        return 7 * TIME_DAY_US;
    default:
        return 0;
    }
}

/* A whole number ≥ 1 without leading zeros; 0 when it is none. */
static int64_t parse_count(const char *text, size_t length)
{
    if (length < 1 || length > COUNT_DIGITS_MAX || text[0] == '0')
        return 0;
    int64_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        count = count * 10 + (text[i] - '0');
    }
    return count;
}

enum status interval_parse(const char *text, size_t length, int64_t *interval_us,
                           struct error *error)
{
    int64_t unit = length > 0 ? unit_us(text[length - 1]) : 0;
    int64_t count = unit > 0 ? parse_count(text, length - 1) : 0;
    if (count == 0)
        return error_set(error, STATUS_INVALID,
                         "an interval is a whole number and one of s, m, h, d, w, as in 1m or 1h");
    if (count > INTERVAL_MAX_US / unit)
        return error_set(error, STATUS_INVALID, "an interval is at most 366d");
    *interval_us = count * unit;
    return STATUS_OK;
}

/* How far into its bucket `time` is. */
static int64_t into_bucket(int64_t interval_us, int64_t time)
{
    ASSERT(interval_us > 0);
    ASSERT(interval_us <= INTERVAL_MAX_US);
    /* Each remainder alone, as the difference of the times may not fit. */
    int64_t into = (time % interval_us - TIME_BUCKET_ORIGIN_US % interval_us) % interval_us;
    return into < 0 ? into + interval_us : into;
}

int64_t interval_floor(int64_t interval_us, int64_t time)
{
    int64_t floor;
    if (__builtin_sub_overflow(time, into_bucket(interval_us, time), &floor))
        return INT64_MIN;
    return floor;
}

int64_t interval_ceil(int64_t interval_us, int64_t time)
{
    int64_t into = into_bucket(interval_us, time);
    int64_t ceil;
    if (__builtin_add_overflow(time, into > 0 ? interval_us - into : 0, &ceil))
        return INT64_MAX;
    return ceil;
}
