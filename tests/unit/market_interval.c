#include "market/interval.h"

#include "market/time.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#define UNTOUCHED INT64_C(-4711)

static const struct {
    const char *text;
    int64_t interval_us;
} intervals[] = {
    {"1s", TIME_SECOND_US},         {"90s", 90 * TIME_SECOND_US}, {"1m", TIME_MINUTE_US},
    {"5m", 5 * TIME_MINUTE_US},     {"7m", 7 * TIME_MINUTE_US},   {"15m", 15 * TIME_MINUTE_US},
    {"1h", TIME_HOUR_US},           {"1d", TIME_DAY_US},          {"1w", 7 * TIME_DAY_US},
    {"52w", 364 * TIME_DAY_US},     {"366d", 366 * TIME_DAY_US},  {"8784h", INTERVAL_MAX_US},
    {"31622400s", INTERVAL_MAX_US},
};

Test(interval_parse, reads_a_number_and_a_unit)
{
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        const char *text = intervals[i].text;
        int64_t interval_us = UNTOUCHED;
        cr_assert(interval_parse(text, strlen(text), &interval_us, NULL) == STATUS_OK, "%s", text);
        cr_assert(interval_us == intervals[i].interval_us, "%s: %" PRId64, text, interval_us);
    }
}

static const char *const no_intervals[] = {
    "",     "1",   "m",         "s",         "0s",         "0m",
    "-1m",  "+1m", "01m",       "1.5m",      " 1m",        "1m ",
    "1 m",  "1M",  "1H",        "1min",      "1y",         "1ms",
    "1m1s", "m1",  "1e1m",      "53w",       "367d",       "8785h",
    "1mm",  "10",  "31622401s", "99999999s", "100000000s", "18446744073709551617m"};

Test(interval_parse, refuses_everything_else_with_a_sentence)
{
    for (size_t i = 0; i < sizeof no_intervals / sizeof *no_intervals; i++) {
        const char *text = no_intervals[i];
        int64_t interval_us = UNTOUCHED;
        struct error error = {.status = STATUS_OK};
        cr_assert(interval_parse(text, strlen(text), &interval_us, &error) == STATUS_INVALID, "%s",
                  text);
        cr_assert(interval_us == UNTOUCHED, "%s", text);
        cr_assert(error.status == STATUS_INVALID, "%s", text);
        cr_assert(strlen(error.text) > 0, "%s", text);
    }
}

Test(interval_parse, reads_no_further_than_the_length)
{
    int64_t interval_us;
    cr_assert(interval_parse("15mx", 3, &interval_us, NULL) == STATUS_OK);
    cr_assert(interval_us == 15 * TIME_MINUTE_US);
    cr_assert(interval_parse("15m", 2, &interval_us, NULL) == STATUS_INVALID);
    cr_assert(interval_parse("15m\0", 4, &interval_us, NULL) == STATUS_INVALID);
    cr_assert(interval_parse(NULL, 0, &interval_us, NULL) == STATUS_INVALID);
}

static const struct {
    int64_t interval_us;
    const char *time;
    const char *floor;
    const char *ceil;
} buckets[] = {
    {TIME_MINUTE_US, "2024-08-08T23:54:15.5Z", "2024-08-08T23:54:00Z", "2024-08-08T23:55:00Z"},
    {TIME_MINUTE_US, "2024-08-08T23:54:00Z", "2024-08-08T23:54:00Z", "2024-08-08T23:54:00Z"},
    {TIME_DAY_US, "2024-08-08T23:54:00Z", "2024-08-08", "2024-08-09"},
    /* Weeks begin on Mondays. */
    {7 * TIME_DAY_US, "2024-08-08T23:54:00Z", "2024-08-05", "2024-08-12"},
    {7 * TIME_DAY_US, "1999-12-31", "1999-12-27", "2000-01-03"},
    /* 7 minutes do not divide a day: only the origin tells where the buckets are. */
    {7 * TIME_MINUTE_US, "2000-01-02T23:59:59Z", "2000-01-02T23:53:00Z", "2000-01-03"},
    {7 * TIME_MINUTE_US, "2000-01-03T00:06:59Z", "2000-01-03", "2000-01-03T00:07:00Z"},
    {7 * TIME_MINUTE_US, "2000-01-04T00:00:00Z", "2000-01-03T23:55:00Z", "2000-01-04T00:02:00Z"},
    {TIME_HOUR_US, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:00:00Z", "1970-01-01"},
    {INTERVAL_MAX_US, "1999-01-02", "1999-01-02", "1999-01-02"},
    {INTERVAL_MAX_US, "1999-01-01", "1998-01-01", "1999-01-02"},
};

Test(interval_floor, finds_the_bucket_of_a_time)
{
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
        int64_t time;
        cr_assert(time_parse(buckets[i].time, strlen(buckets[i].time), &time) == STATUS_OK);
        int64_t floor = interval_floor(buckets[i].interval_us, time);
        int64_t ceil = interval_ceil(buckets[i].interval_us, time);
        int64_t expected;
        cr_assert(time_parse(buckets[i].floor, strlen(buckets[i].floor), &expected) == STATUS_OK);
        cr_assert(floor == expected, "floor of %s: %s", buckets[i].time, time_format(floor).text);
        cr_assert(time_parse(buckets[i].ceil, strlen(buckets[i].ceil), &expected) == STATUS_OK);
        cr_assert(ceil == expected, "ceil of %s: %s", buckets[i].time, time_format(ceil).text);
    }
}

Test(interval_floor, and_ceil_agree_with_wide_arithmetic)
{
    struct random random = {.state = 1};
    for (size_t i = 0; i < 200000; i++) {
        int64_t interval_us = random_between(&random, 1, INTERVAL_MAX_US);
        if (random_one_in(&random, 2))
            interval_us = 1 + interval_us % 1000;
        int64_t time = random_one_in(&random, 4) ? (int64_t)random_next(&random)
                                                 : random_between(&random, TIME_MIN, TIME_MAX);
        __extension__ __int128 into = (__int128)time - TIME_BUCKET_ORIGIN_US;
        into %= interval_us;
        if (into < 0)
            into += interval_us;
        __extension__ __int128 floor = (__int128)time - into;
        __extension__ __int128 ceil = into == 0 ? floor : floor + interval_us;
        if (floor < INT64_MIN)
            floor = INT64_MIN;
        if (ceil > INT64_MAX)
            ceil = INT64_MAX;
        cr_assert(interval_floor(interval_us, time) == (int64_t)floor, "%" PRId64 " of %" PRId64,
                  time, interval_us);
        cr_assert(interval_ceil(interval_us, time) == (int64_t)ceil, "%" PRId64 " of %" PRId64,
                  time, interval_us);
    }
}

Test(interval_floor, and_ceil_stay_within_the_type)
{
    cr_assert(interval_floor(INTERVAL_MAX_US, INT64_MIN) == INT64_MIN);
    cr_assert(interval_ceil(INTERVAL_MAX_US, INT64_MAX) == INT64_MAX);
    cr_assert(interval_floor(1, INT64_MIN) == INT64_MIN);
    cr_assert(interval_floor(1, INT64_MAX) == INT64_MAX);
    cr_assert(interval_ceil(1, INT64_MAX) == INT64_MAX);
}
