/* Numerics of up to 39 digits, which sums of volumes may have. */
#include "market/decimal.h"

#include "random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 60
#define UNTOUCHED 4711
#define DECIMALS DECIMAL_EXP_MAX

__extension__ typedef unsigned __int128 wide_magnitude;
#define WIDE_MAX ((decimal_wide)(((wide_magnitude)1 << 127) - 1))

/* Decimal digits with a point: what a person would write. */
struct text {
    char digits[DIGITS_MAX + 1]; /* without the point */
    size_t whole;                /* of them before it */
    bool negative;
};

/* One digit after the other, as at school. False: not a multiple of 10^−8, or too large. */
static bool slow_value(const struct text *text, decimal_wide *value)
{
    wide_magnitude sum = 0;
    size_t count = strlen(text->digits);
    for (size_t i = 0; i < count || i < text->whole + DECIMALS; i++) {
        unsigned digit = i < count ? (unsigned)(text->digits[i] - '0') : 0;
        if (i >= text->whole + DECIMALS) {
            if (digit != 0)
                return false;
            continue;
        }
        if (sum > ((wide_magnitude)WIDE_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = text->negative ? -(decimal_wide)sum : (decimal_wide)sum;
    return true;
}

static unsigned group_of(const char *digits, long at, size_t count)
{
    unsigned group = 0;
    for (long i = at; i < at + 4; i++)
        group = group * 10 + (i >= 0 && i < (long)count ? (unsigned)(digits[i] - '0') : 0);
    return group;
}

/* The bytes of numeric_send, with zeros at both ends left where they are. */
static void write_numeric(const struct text *text, struct buffer *out)
{
    size_t count = strlen(text->digits);
    long first = (long)text->whole % 4 == 0 ? 0 : (long)text->whole % 4 - 4;
    size_t groups = ((size_t)((long)count - first) + 3) / 4;
    buffer_append_u16_be(out, (uint16_t)groups);
    buffer_append_u16_be(out, (uint16_t)(((long)text->whole - first) / 4 - 1));
    buffer_append_u16_be(out, text->negative ? 0x4000 : 0);
    buffer_append_u16_be(out, 8);
    for (size_t i = 0; i < groups; i++)
        buffer_append_u16_be(out, (uint16_t)group_of(text->digits, first + 4 * (long)i, count));
}

static enum status read_text(const struct text *text, decimal_wide *value)
{
    struct buffer bytes;
    buffer_init(&bytes, 256);
    write_numeric(text, &bytes);
    struct reader reader = reader_of(bytes.bytes, bytes.count);
    enum status status = decimal_read_numeric128(&reader, value);
    cr_assert(reader_left(&reader) == 0);
    buffer_deinit(&bytes);
    return status;
}

static struct text random_text(struct random *random)
{
    struct text text = {.whole = random_below(random, 36), .negative = random_one_in(random, 2)};
    size_t decimals = random_below(random, random_one_in(random, 8) ? 14 : 9);
    size_t from = random_one_in(random, 3) ? random_below(random, text.whole + decimals + 1) : 0;
    for (size_t i = 0; i < text.whole + decimals; i++)
        text.digits[i] = (char)(i < from ? '0' : '0' + random_below(random, 10));
    return text;
}

Test(decimal_wide, means_the_same_as_its_text)
{
    struct random random = {.state = 11};
    size_t good = 0;
    size_t wide = 0;
    for (size_t i = 0; i < 200000; i++) {
        struct text text = random_text(&random);
        decimal_wide expected = UNTOUCHED;
        decimal_wide value = UNTOUCHED;
        bool is_good = slow_value(&text, &expected);
        enum status status = read_text(&text, &value);
        cr_assert(status == (is_good ? STATUS_OK : STATUS_INVALID), "%s|%zu", text.digits,
                  text.whole);
        cr_assert(value == expected, "%s|%zu", text.digits, text.whole);
        good += is_good;
        wide += is_good && (value > INT64_MAX || value < -INT64_MAX);
    }
    cr_assert(good > 50000, "%zu", good);
    cr_assert(wide > 20000, "%zu", wide);
}

struct edge {
    struct text text;
    bool is_good;
};

Test(decimal_wide, reaches_to_the_last_of_128_bits)
{
    static const struct edge edges[] = {
        {{"170141183460469231731687303715884105727", 31, false}, true},
        {{"170141183460469231731687303715884105727", 31, true}, true},
        {{"170141183460469231731687303715884105728", 31, false}, false},
        {{"170141183460469231731687303715884105728", 31, true}, false},
        {{"340282366920938463463374607431768211456", 31, false}, false},
        {{"999999999999999999999999999999999999999", 31, false}, false},
        {{"99999999999999999999999999999999999999", 30, true}, true},
        {{"1", 31, false}, true},
        {{"1", 32, false}, false},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        decimal_wide expected = UNTOUCHED;
        decimal_wide value = UNTOUCHED;
        cr_assert(slow_value(&edges[i].text, &expected) == edges[i].is_good, "%zu", i);
        enum status status = read_text(&edges[i].text, &value);
        cr_assert(status == (edges[i].is_good ? STATUS_OK : STATUS_INVALID), "%zu", i);
        cr_assert(value == expected, "%zu", i);
    }
}

Test(decimal_wide, is_what_64_bits_read_where_those_suffice)
{
    struct random random = {.state = 12};
    struct buffer bytes;
    buffer_init(&bytes, 18);
    for (size_t i = 0; i < 100000; i++) {
        int64_t expected = random_mantissa(&random);
        buffer_clear(&bytes);
        decimal_write_numeric(&bytes, expected);
        struct reader reader = reader_of(bytes.bytes, bytes.count);
        decimal_wide value;
        cr_assert(decimal_read_numeric128(&reader, &value) == STATUS_OK);
        cr_assert(value == expected);
    }
    buffer_deinit(&bytes);
}

Test(decimal_wide, refuses_what_is_no_number)
{
    static const uint8_t bad[][12] = {
        {0, 0, 0, 0, 0xc0, 0, 0, 0},          /* NaN */
        {0, 0, 0, 0, 0xd0, 0, 0, 0},          /* infinity */
        {0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10}, /* a digit of 10000 */
        {0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1}, /* 10000^32767 */
        {0, 1, 0xff, 0xfd, 0, 0, 0, 0, 0, 1}, /* 10^−12 */
        {0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, /* a digit is missing */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t count = 8 + 2 * (bad[i][1] < 2 ? (size_t)bad[i][1] : 2);
        struct reader reader = reader_of(bad[i], count);
        decimal_wide value = UNTOUCHED;
        cr_assert(decimal_read_numeric128(&reader, &value) == STATUS_INVALID, "%zu", i);
        cr_assert(value == UNTOUCHED, "%zu", i);
    }
}
