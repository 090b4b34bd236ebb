#include "market/time.h"

#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UNTOUCHED INT64_C(-4711)

static const struct {
    const char *text;
    int64_t time;
} times[] = {
    {"1970-01-01", 0},
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01 00:00:00", 0},
    {"1970-01-01t00:00:00z", 0},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"1969-12-31T23:59:59.9999999Z", -1}, /* floored, not rounded towards the epoch */
    {"1970-01-01T00:00:00.0000009Z", 0},
    {"2000-01-01T00:00:00Z", TIME_POSTGRES_EPOCH_US},
    {"2000-01-03T00:00:00Z", TIME_BUCKET_ORIGIN_US},
    {"2024-08-08", INT64_C(1723075200000000)},
    {"2024-08-08T23:54:15Z", INT64_C(1723161255000000)},
    {"2024-08-08T23:54:15", INT64_C(1723161255000000)},
    {"2024-08-08 23:54:15", INT64_C(1723161255000000)},
    {"2024-08-08T23:54:15.088169Z", INT64_C(1723161255088169)},
    {"2024-08-08T23:54:15.088169", INT64_C(1723161255088169)},
    {"2024-08-08T23:54:15.088169999999999999999999Z", INT64_C(1723161255088169)},
    {"2024-08-08T23:54:15.1Z", INT64_C(1723161255100000)},
    {"2024-08-08T23:54:15.000001Z", INT64_C(1723161255000001)},
    {"2024-08-08 23:54:15.088169+02:00", INT64_C(1723154055088169)},
    {"2024-08-08 23:54:15.088169+02", INT64_C(1723154055088169)},
    {"2024-08-08 23:54:15.088169+0200", INT64_C(1723154055088169)},
    {"2024-08-08T23:54:15-05:30", INT64_C(1723181055000000)},
    {"2024-08-08T23:54:15-0530", INT64_C(1723181055000000)},
    {"2024-08-08T23:54:15+00:00", INT64_C(1723161255000000)},
    {"2024-08-08T23:54:15-00:00", INT64_C(1723161255000000)},
    {"2024-08-08T23:54:15+18:00", INT64_C(1723096455000000)},
    {"2024-08-08T23:54:15-18:00", INT64_C(1723226055000000)},
    {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
    {"2016-12-31T23:59:60.5Z", INT64_C(1483228800500000)},
    {"2024-02-29T12:00:00Z", INT64_C(1709208000000000)},
    {"2000-02-29", INT64_C(951782400000000)},
    {"0001-01-01", TIME_MIN},
    {"0001-01-01T01:00:00+01:00", TIME_MIN},
    {"9999-12-31T23:59:59.999999Z", TIME_MAX},
    {"9999-12-31T23:59:59.9999999Z", TIME_MAX},
    {"9999-12-31T22:59:59.999999-01:00", TIME_MAX},
};

Test(time_parse, reads_rfc_3339_and_what_postgresql_writes)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const char *text = times[i].text;
        int64_t time = UNTOUCHED;
        cr_assert(time_parse(text, strlen(text), &time) == STATUS_OK, "%s", text);
        cr_assert(time == times[i].time, "%s: %" PRId64, text, time);
    }
}

static const char *const no_times[] = {
    "", " ", "now", "0", "1723161255", "2024", "2024-08", "2024-08-", "2024-8-8", "24-08-08",
    "02024-08-08", "+2024-08-08", "-2024-08-08", "2024/08/08", "20240808", "2024-08-08T",
    "2024-08-08 ", " 2024-08-08", "2024-08-08Z", "2024-08-08+02:00", "2024-08-08_00:00:00",
    /* no such day */
    "2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32", "2024-04-31", "2024-02-30",
    "2023-02-29", "1900-02-29", "2100-02-29",
    /* no such time of day */
    "2024-08-08T24:00:00Z", "2024-08-08T23:60:00Z", "2024-08-08T23:59:61Z", "2024-08-08T-1:00:00Z",
    "2024-08-08T1:00:00Z", "2024-08-08T00:00Z", "2024-08-08T00:00:0Z", "2024-08-08T000000Z",
    "2024-08-08T00:00:00.Z", "2024-08-08T00:00:00.", "2024-08-08T00:00:00,5Z",
    "2024-08-08T00:00:00.5.5Z", "2024-08-08  00:00:00",
    /* no such zone */
    "2024-08-08T00:00:00 Z", "2024-08-08T00:00:00ZZ", "2024-08-08T00:00:00Z+00:00",
    "2024-08-08T00:00:00+", "2024-08-08T00:00:00+1", "2024-08-08T00:00:00+18:01",
    "2024-08-08T00:00:00-18:01", "2024-08-08T00:00:00+19:00", "2024-08-08T00:00:00+24:00",
    "2024-08-08T00:00:00+02:60", "2024-08-08T00:00:00+02:", "2024-08-08T00:00:00+02:0",
    "2024-08-08T00:00:00+020", "2024-08-08T00:00:00+02:000", "2024-08-08T00:00:00+02:00:00",
    "2024-08-08T00:00:00 UTC", "2024-08-08T00:00:00 +02:00", "2024-08-08T00:00:00Z ",
    "2024-08-08T00:00:00Zx",
    /* out of range */
    "0000-12-31", "0000-01-01T00:00:00Z", "10000-01-01", "0001-01-01T00:59:59+01:00",
    "9999-12-31T23:00:00-01:00", "9999-12-31T23:59:60Z", "infinity", "-infinity"};

Test(time_parse, refuses_everything_else_and_leaves_the_output_alone)
{
    for (size_t i = 0; i < sizeof no_times / sizeof *no_times; i++) {
        const char *text = no_times[i];
        int64_t time = UNTOUCHED;
        cr_assert(time_parse(text, strlen(text), &time) == STATUS_INVALID, "%s", text);
        cr_assert(time == UNTOUCHED, "%s", text);
    }
}

Test(time_parse, reads_no_further_than_the_length)
{
    int64_t time;
    cr_assert(time_parse("2024-08-08T23:54:15Zx", 20, &time) == STATUS_OK);
    cr_assert(time_parse("2024-08-08T23:54:15Zx", 21, &time) == STATUS_INVALID);
    cr_assert(time_parse("2024-08-08T23:54:15Z\0", 21, &time) == STATUS_INVALID);
    cr_assert(time_parse("2024-08-08", 9, &time) == STATUS_INVALID);
    cr_assert(time_parse(NULL, 0, &time) == STATUS_INVALID);
}

Test(time_parse, refuses_every_beginning_of_a_time_that_is_none_itself)
{
    const char *text = "2024-08-08T23:54:15.088169+02:30";
    for (size_t length = 0; length <= strlen(text); length++) {
        /* The date; the seconds; a fraction of 1 to 6 digits; a zone of hours, and the whole. */
        bool whole = length == 10 || length == 19 || (length > 20 && length <= 26) ||
                     length == 29 || length == 32;
        int64_t time;
        cr_assert((time_parse(text, length, &time) == STATUS_OK) == whole, "%zu", length);
    }
}

Test(time_format, writes_six_digits_always)
{
    cr_assert_str_eq(time_format(0).text, "1970-01-01T00:00:00.000000Z");
    cr_assert_str_eq(time_format(-1).text, "1969-12-31T23:59:59.999999Z");
    cr_assert_str_eq(time_format(INT64_C(1723161255088169)).text, "2024-08-08T23:54:15.088169Z");
    cr_assert_str_eq(time_format(INT64_C(951868799000001)).text, "2000-02-29T23:59:59.000001Z");
}

Test(time_format, clamps_to_the_years_that_have_a_text)
{
    const char *first = "0001-01-01T00:00:00.000000Z";
    const char *last = "9999-12-31T23:59:59.999999Z";
    cr_assert_str_eq(time_format(TIME_MIN).text, first);
    cr_assert_str_eq(time_format(TIME_MIN - 1).text, first);
    cr_assert_str_eq(time_format(INT64_MIN).text, first);
    cr_assert_str_eq(time_format(TIME_MAX).text, last);
    cr_assert_str_eq(time_format(TIME_MAX + 1).text, last);
    cr_assert_str_eq(time_format(INT64_MAX).text, last);
}

Test(time_format, agrees_with_the_c_library_and_is_read_back)
{
    struct random random = {.state = 1};
    for (size_t i = 0; i < 100000; i++) {
        int64_t expected = random_between(&random, TIME_MIN, TIME_MAX);
        int64_t micros = (expected % TIME_SECOND_US + TIME_SECOND_US) % TIME_SECOND_US;
        time_t seconds = (time_t)((expected - micros) / TIME_SECOND_US);
        struct tm utc;
        cr_assert(gmtime_r(&seconds, &utc) != NULL);
        char library[128];
        (void)snprintf(library, sizeof library, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                       utc.tm_sec, (int)micros);
        struct time_text text = time_format(expected);
        cr_assert_str_eq(text.text, library);
        int64_t time;
        cr_assert(time_parse(text.text, strlen(text.text), &time) == STATUS_OK, "%s", text.text);
        cr_assert(time == expected, "%s: %" PRId64, text.text, time);
    }
}

Test(time_format, sorts_like_the_times)
{
    struct random random = {.state = 2};
    for (size_t i = 0; i < 10000; i++) {
        int64_t a = random_between(&random, TIME_MIN, TIME_MAX);
        int64_t b = random_between(&random, TIME_MIN, TIME_MAX);
        int order = strcmp(time_format(a).text, time_format(b).text);
        cr_assert((order < 0) == (a < b), "%" PRId64 " %" PRId64, a, b);
    }
}

Test(time_days_from_date, counts_every_day_of_ten_thousand_years)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = TIME_MIN / TIME_DAY_US;
    for (int year = 1; year <= 9999; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= lengths[month - 1] + (month == 2 && leap); day++, days++) {
                int64_t counted = time_days_from_date(year, month, day);
                if (counted != days)
                    cr_assert_fail("%d-%d-%d: %" PRId64 " instead of %" PRId64, year, month, day,
                                   counted, days);
            }
        }
    }
    cr_assert(days == (TIME_MAX + 1) / TIME_DAY_US);
}
