#include "app/option_value.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#define NONE INT64_MIN
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

Test(option_value, reads_what_people_write_for_yes_and_no)
{
    static const char *const yes[] = {"true", "TRUE", "yes", "on", "1"};
    static const char *const no[] = {"false", "No", "off", "0"};
    static const char *const neither[] = {"", "2", "y", "t", "truee", " true", "enabled"};
    bool value;
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        value = false;
        cr_expect_eq(value_parse_bool(yes[i], &value, NULL), STATUS_OK, "%s", yes[i]);
        cr_expect(value, "%s", yes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        value = true;
        cr_expect_eq(value_parse_bool(no[i], &value, NULL), STATUS_OK, "%s", no[i]);
        cr_expect_not(value, "%s", no[i]);
    }
    for (size_t i = 0; i < COUNT_OF(neither); i++)
        cr_expect_eq(value_parse_bool(neither[i], &value, NULL), STATUS_INVALID, "%s", neither[i]);
}

Test(option_value, reads_whole_numbers_within_their_bounds_and_nothing_else)
{
    static const struct {
        const char *text;
        int64_t min;
        int64_t max;
        int64_t value;
    } cases[] = {
        {"0", 0, 65535, 0},
        {"65535", 0, 65535, 65535},
        {"10_000", 0, 65535, 10000},
        {"10 000", 0, 65535, 10000},
        {"-5", -10, 10, -5},
        {"9223372036854775807", 0, INT64_MAX, INT64_MAX},

        {"65536", 0, 65535, NONE},
        {"-1", 0, 65535, NONE},
        {"9223372036854775808", 0, INT64_MAX, NONE},
        {"99999999999999999999999", 0, INT64_MAX, NONE},
        {"", 0, 65535, NONE},
        {"-", -10, 10, NONE},
        {"1.5", 0, 65535, NONE},
        {"1e3", 0, 65535, NONE},
        {"0x10", 0, 65535, NONE},
        {"80 ", 0, 65535, NONE},
        {" 80", 0, 65535, NONE},
        {"_80", 0, 65535, NONE},
        {"8__0", 0, 65535, NONE},
        {"80_", 0, 65535, NONE},
        {"+80", 0, 65535, NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = NONE;
        enum status status =
            value_parse_integer(cases[i].text, cases[i].min, cases[i].max, &value, NULL);
        cr_expect_eq(status, cases[i].value == NONE ? STATUS_INVALID : STATUS_OK, "\"%s\"",
                     cases[i].text);
        cr_expect_eq(value, cases[i].value, "\"%s\": %" PRId64, cases[i].text, value);
    }
}

Test(option_value, reads_sizes_in_units_of_1024_and_of_1000)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},
        {"512MiB", INT64_C(512) << 20},
        {"512 MiB", INT64_C(512) << 20},
        {"512mib", INT64_C(512) << 20},
        {"1GiB", INT64_C(1) << 30},
        {"64kB", 64000},
        {"2GB", INT64_C(2000000000)},
        {"100B", 100},
        {"1_000_000", 1000000},

        {"", NONE},
        {"512M", NONE},
        {"512 MiBs", NONE},
        {"MiB", NONE},
        {"1.5GiB", NONE},
        {"-1", NONE},
        {"1GiB1MiB", NONE},
        {"17TiB", NONE},
        {"9000000000000TiB", NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t bytes = NONE;
        enum status status = value_parse_bytes(cases[i].text, 0, INT64_C(16) << 40, &bytes, NULL);
        cr_expect_eq(status, cases[i].bytes == NONE ? STATUS_INVALID : STATUS_OK, "\"%s\"",
                     cases[i].text);
        cr_expect_eq(bytes, cases[i].bytes, "\"%s\": %" PRId64, cases[i].text, bytes);
    }
}

Test(option_value, reads_durations_with_units_and_only_zero_without)
{
    static const struct {
        const char *text;
        int64_t duration_us;
    } cases[] = {
        {"0", 0},
        {"30s", 30000000},
        {"30 s", 30000000},
        {"1h30m", INT64_C(5400000000)},
        {"1h 30m", INT64_C(5400000000)},
        {"250ms", 250000},
        {"7us", 7},
        {"2d", INT64_C(172800000000)},

        {"30", NONE},
        {"", NONE},
        {"s", NONE},
        {"30sec", NONE},
        {"-1s", NONE},
        {"1h30", NONE},
        {"1.5h", NONE},
        {"31d", NONE},
        {"99999999999d", NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t duration_us = NONE;
        enum status status = value_parse_duration(cases[i].text, 0, INT64_C(30) * 86400 * 1000000,
                                                  &duration_us, NULL);
        cr_expect_eq(status, cases[i].duration_us == NONE ? STATUS_INVALID : STATUS_OK, "\"%s\"",
                     cases[i].text);
        cr_expect_eq(duration_us, cases[i].duration_us, "\"%s\": %" PRId64, cases[i].text,
                     duration_us);
    }
}

Test(option_value, says_what_would_be_right)
{
    struct error error;
    int64_t value;
    cr_assert_eq(value_parse_integer("x", 1, 9, &value, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "expected a whole number from 1 to 9");
    cr_assert_eq(value_parse_integer("x", 0, INT64_MAX, &value, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "expected a whole number, 0 or larger");
    cr_assert_eq(value_parse_bytes("1KiB", 1 << 20, 1 << 30, &value, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "expected a size from 1MiB to 1GiB");
    cr_assert_eq(value_parse_duration("2d", 0, 3600000000, &value, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "expected a duration from 0 to 1h");
}

Test(option_value, writes_sizes_and_durations_so_that_they_read_back)
{
    static const int64_t sizes[] = {0, 1, 1023, 1024, 1 << 20, (1 << 20) + 1, INT64_C(3) << 40};
    static const int64_t durations[] = {0, 1, 999, 1000, 90000000, INT64_C(90061000001)};
    int64_t value;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        cr_assert_eq(
            value_parse_bytes(value_format_bytes(sizes[i]).text, 0, INT64_MAX, &value, NULL),
            STATUS_OK);
        cr_expect_eq(value, sizes[i], "%s", value_format_bytes(sizes[i]).text);
    }
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        cr_assert_eq(value_parse_duration(value_format_duration(durations[i]).text, 0, INT64_MAX,
                                          &value, NULL),
                     STATUS_OK);
        cr_expect_eq(value, durations[i], "%s", value_format_duration(durations[i]).text);
    }
    cr_assert_str_eq(value_format_bytes(INT64_C(256) << 20).text, "256MiB");
    cr_assert_str_eq(value_format_duration(5400000000).text, "1h30m");
}

static const char *masked(const char *text)
{
    static struct buffer out;
    buffer_deinit(&out);
    buffer_init(&out, 4096);
    value_append_masked(&out, text);
    return buffer_text(&out);
}

Test(option_value, masks_passwords_and_leaves_the_rest)
{
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {
        {"postgresql://me:secret@db:5432/x", "postgresql://me:***@db:5432/x"},
        {"postgresql://me:s@cr:et@db/x", "postgresql://me:***@db/x"},
        {"postgres://me:secret@db/x?sslmode=require", "postgres://me:***@db/x?sslmode=require"},
        {"postgresql://db/x?user=me&password=secret&a=b",
         "postgresql://db/x?user=me&password=***&a=b"},
        {"host=db password=secret user=me", "host=db password=*** user=me"},
        {"host=db PASSWORD = 'two words' user=me", "host=db PASSWORD = *** user=me"},
        {"password=secret", "password=***"},
        {"sslpassword=secret host=x", "sslpassword=*** host=x"},
        {"postgresql://me@db/x", "postgresql://me@db/x"},
        {"postgresql://db:5432/x", "postgresql://db:5432/x"},
        {"host=db user=me passfile=/x", "host=db user=me passfile=/x"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_str_eq(masked(cases[i].text), cases[i].shown, "%s: %s", cases[i].text,
                         masked(cases[i].text));
}

Test(option_value, finds_the_name_that_was_meant_when_there_is_one)
{
    static const char *const names[] = {"port", "host", "cache_bytes", "connections_max"};
    cr_assert_str_eq(value_closest("prot", names, COUNT_OF(names)), "port");
    cr_assert_str_eq(value_closest("PORT", names, COUNT_OF(names)), "port");
    cr_assert_str_eq(value_closest("hosts", names, COUNT_OF(names)), "host");
    cr_assert_str_eq(value_closest("cache-byte", names, COUNT_OF(names)), "cache_bytes");
    cr_assert_str_eq(value_closest("conections_max", names, COUNT_OF(names)), "connections_max");
    cr_assert_null(value_closest("database", names, COUNT_OF(names)));
    cr_assert_null(value_closest("x", names, COUNT_OF(names)));
    cr_assert_null(value_closest("", names, COUNT_OF(names)));
    cr_assert_null(value_closest("port", names, 0));
    char overlong[200];
    memset(overlong, 'p', sizeof overlong - 1);
    overlong[sizeof overlong - 1] = '\0';
    cr_assert_null(value_closest(overlong, names, COUNT_OF(names)));
}
