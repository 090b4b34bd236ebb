#include "wire/number.h"
#include "wire/utf8.h"

#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

static const char *integer_text(int64_t value)
{
    static char text[NUMBER_BYTES_MAX + 1];
    text[number_write_integer(text, value)] = '\0';
    return text;
}

static const char *float_text(double value)
{
    static char text[NUMBER_BYTES_MAX + 1];
    text[number_write_float(text, value)] = '\0';
    return text;
}

Test(wire_number, integers_are_written_as_printf_writes_them)
{
    static const int64_t edges[] = {0,   1,    -1,    9,          10,         99,        100,
                                    101, 1000, 99999, INT32_MAX,  INT32_MIN,  INT64_MAX, INT64_MIN,
                                    -9,  -10,  -100,  4294967295, 1000000000, -999999999};
    char expected[32];
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        snprintf(expected, sizeof expected, "%" PRId64, edges[i]);
        cr_assert_str_eq(integer_text(edges[i]), expected);
    }
    struct random random = {1};
    for (int run = 0; run < 100000; run++) {
        int64_t value = random_mantissa(&random);
        snprintf(expected, sizeof expected, "%" PRId64, value);
        cr_assert_str_eq(integer_text(value), expected);
    }
}

Test(wire_number, floats_are_written_in_their_shortest_form)
{
    static const struct {
        double value;
        const char *text;
    } forms[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1, "-1.0"},
        {0.5, "0.5"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {0.01, "0.01"},
        {0.0001, "0.0001"},
        {0.00001, "1e-5"},
        {1.5e-7, "1.5e-7"},
        {123.456, "123.456"},
        {-99999.99, "-99999.99"},
        {1e5, "100000.0"},
        {1e16, "10000000000000000.0"},
        {1e17, "1e17"},
        {1.25e300, "1.25e300"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {9007199254740993.0, "9007199254740992.0"},
        {1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        cr_assert_str_eq(float_text(forms[i].value), forms[i].text);
}

Test(wire_number, floats_read_back_as_themselves_and_are_never_integers)
{
    struct random random = {2};
    for (int run = 0; run < 100000; run++) {
        uint64_t bits = random_next(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        const char *text = float_text(value);
        cr_assert_eq(strtod(text, NULL), value, "%s", text);
        cr_assert_not_null(strpbrk(text, ".e"), "%s", text);
    }
}

Test(wire_number, a_locale_with_a_comma_changes_nothing)
{
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < COUNT_OF(locales); i++) {
        if (setlocale(LC_ALL, locales[i]) != NULL)
            break;
    }
    cr_assert_str_eq(float_text(0.25), "0.25");
    cr_assert_str_eq(float_text(1234567.5), "1234567.5");
}

Test(wire_utf8, well_formed_text_is_valid_to_its_end)
{
    static const char *const texts[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        cr_assert_eq(utf8_valid_bytes(texts[i], strlen(texts[i])), strlen(texts[i]), "%zu", i);
}

Test(wire_utf8, the_valid_beginning_ends_before_the_first_wrong_byte)
{
    static const char *const wrong[] = {
        "\x80",             /* a continuation alone */
        "\xbf",             /* another */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong 0x7f */
        "\xe0\x9f\xbf",     /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xf4\x90\x80\x80", /* past U+10FFFF */
        "\xf5\x80\x80\x80", /* no such first byte */
        "\xff",             /* nor this */
        "\xc3",             /* cut */
        "\xe2\x82",         /* cut */
        "\xf0\x9f\x98",     /* cut */
        "\xe2\x28\xa1",     /* no continuation */
        "\xe2\x82\x28",     /* no continuation */
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[32];
        snprintf(text, sizeof text, "ab\xc3\xa9%s", wrong[i]);
        cr_assert_eq(utf8_valid_bytes(text, strlen(text)), 4, "%zu", i);
    }
}
