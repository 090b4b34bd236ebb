#include "market/decimal.h"

#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED INT64_C(-4711)

static const struct {
    const char *text;
    int64_t mantissa;
} numbers[] = {
    {"0", 0},
    {"-0", 0},
    {"+0.0", 0},
    {"0e0", 0},
    {"0e999999999999999999999", 0},
    {"-0.00000000000000e-99999", 0},
    {"1", DECIMAL_ONE},
    {"+1", DECIMAL_ONE},
    {"-1", -DECIMAL_ONE},
    {"007", 7 * DECIMAL_ONE},
    {"61800.3", INT64_C(6180030000000)},
    {"61800.30", INT64_C(6180030000000)},
    {"61800.300000000000000000000000000", INT64_C(6180030000000)},
    {"0000000000000000000000000061800.3", INT64_C(6180030000000)},
    {"0.00000001", 1},
    {"-0.00000001", -1},
    {"0.12345678", 12345678},
    {"99999999.99999999", INT64_C(9999999999999999)},
    {"1e2", 100 * DECIMAL_ONE},
    {"1E+2", 100 * DECIMAL_ONE},
    {"1e002", 100 * DECIMAL_ONE},
    {"1e0000000000000000000000000000000002", 100 * DECIMAL_ONE},
    {"1.5e-7", 15},
    {"150e-9", 15},
    {"-1e-8", -1},
    {"0.000000000000000000000000000001e30", DECIMAL_ONE},
    {"100000000000000000000000000000e-29", DECIMAL_ONE},
    {"92233720368.54775807", INT64_MAX},
    {"-92233720368.54775807", -INT64_MAX},
    {"9223372036854775807e-8", INT64_MAX},
    {"9.223372036854775807e10", INT64_MAX},
    {"92233720368.547758070000", INT64_MAX},
};

Test(decimal_parse, reads_numbers_exactly)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *text = numbers[i].text;
        int64_t mantissa = UNTOUCHED;
        cr_assert(decimal_parse(text, strlen(text), &mantissa) == STATUS_OK, "%s", text);
        cr_assert(mantissa == numbers[i].mantissa, "%s: %" PRId64, text, mantissa);
    }
}

static const char *const no_numbers[] = {
    "", "-", "+", ".", "-.", ".5", "5.", "5.e1", "e5", ".e5", "1..2", "1.2.3", " 1", "1 ", "\t1",
    "1\n", "1e", "1e+", "1e-", "1ee5", "1e5.0", "1e5e5", "--1", "+-1", "-+1", "1-", "1,5", "1_000",
    "0x10", "0b1", "1f", "NaN", "nan", "inf", "-Infinity", "null", "\xEF\xBC\x91" /* fullwidth 1 */,
    /* out of bounds */
    "92233720368.54775808", "-92233720368.54775808", "100000000000", "-100000000000", "1e11",
    "1e12", "99999999999999999999", "1e999999999999999999999", "184467440737.09551617",
    "1844674407370955161700000000", "340282366920938463463374607431768211457",
    /* would have to be rounded */
    "0.000000001", "-0.000000001", "1.123456789", "1e-9", "12e-9", "0.00000001e-1",
    "1e-999999999999999999999", "92233720368.547758071",
    "1.000000000000000000000000000000000000000001"};

Test(decimal_parse, refuses_what_is_no_mantissa_and_leaves_the_output_alone)
{
    for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++) {
        const char *text = no_numbers[i];
        int64_t mantissa = UNTOUCHED;
        cr_assert(decimal_parse(text, strlen(text), &mantissa) == STATUS_INVALID, "%s", text);
        cr_assert(mantissa == UNTOUCHED, "%s", text);
    }
}

Test(decimal_parse, reads_no_further_than_the_length)
{
    int64_t mantissa;
    cr_assert(decimal_parse("12345", 2, &mantissa) == STATUS_OK);
    cr_assert(mantissa == 12 * DECIMAL_ONE);
    cr_assert(decimal_parse("1.5x", 3, &mantissa) == STATUS_OK);
    cr_assert(decimal_parse("1\0", 2, &mantissa) == STATUS_INVALID);
    cr_assert(decimal_parse("1.5", 2, &mantissa) == STATUS_INVALID);
    cr_assert(decimal_parse("15", 0, &mantissa) == STATUS_INVALID);
    cr_assert(decimal_parse(NULL, 0, &mantissa) == STATUS_INVALID);
}

/* The slow oracle: the grammar by hand, then the digits as text. */
#define ORACLE_BYTES 512

struct oracle {
    char digits[ORACLE_BYTES];
    size_t count;
};

static size_t oracle_digits(const char *text, struct oracle *oracle)
{
    size_t count = strspn(text, "0123456789");
    memcpy(oracle->digits + oracle->count, text, count);
    oracle->count += count;
    return count;
}

/* Digits × 10^zeros without a sign. */
static bool oracle_value(struct oracle *oracle, long zeros, int64_t *magnitude)
{
    for (; zeros < 0; zeros++) {
        if (oracle->count == 0)
            break; /* nothing but zeros */
        if (oracle->digits[--oracle->count] != '0')
            return false;
    }
    size_t lead = 0;
    while (lead < oracle->count && oracle->digits[lead] == '0')
        lead++;
    if (lead == oracle->count) {
        *magnitude = 0;
        return true;
    }
    for (; zeros > 0; zeros--) {
        if (oracle->count - lead > 19 || oracle->count + 1 == ORACLE_BYTES)
            return false;
        oracle->digits[oracle->count++] = '0';
    }
    oracle->digits[oracle->count] = '\0';
    unsigned long long value = strtoull(oracle->digits + lead, NULL, 10);
    *magnitude = (int64_t)value;
    return oracle->count - lead <= 19 && value <= INT64_MAX;
}

static bool oracle_parse(const char *text, int64_t *mantissa)
{
    struct oracle oracle = {.count = 0};
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    size_t whole = oracle_digits(text, &oracle);
    text += whole;
    long zeros = 8;
    if (whole == 0)
        return false;
    if (*text == '.') {
        size_t decimals = oracle_digits(++text, &oracle);
        text += decimals;
        zeros -= (long)decimals;
        if (decimals == 0)
            return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        size_t sign = *text == '-' || *text == '+';
        size_t exponent = strspn(text + sign, "0123456789");
        if (exponent == 0)
            return false;
        zeros += strtol(text, NULL, 10);
        text += sign + exponent;
    }
    int64_t magnitude;
    if (*text != '\0' || !oracle_value(&oracle, zeros, &magnitude))
        return false;
    *mantissa = negative ? -magnitude : magnitude;
    return true;
}

static void put_digits(struct random *random, char **at, size_t count)
{
    bool zeros = random_one_in(random, 3);
    for (size_t i = 0; i < count; i++)
        *(*at)++ = (char)('0' + (zeros ? 0 : random_below(random, 10)));
}

/* Something like a number, at times with a fault in it. */
static void random_text(struct random *random, char *text)
{
    static const char faults[] = "0123456789.eE+- x";
    char *at = text;
    if (random_one_in(random, 3))
        *at++ = "+-"[random_below(random, 2)];
    for (size_t parts = 1 + random_below(random, 3); parts > 0; parts--)
        put_digits(random, &at, random_below(random, 9));
    if (!random_one_in(random, 3)) {
        *at++ = '.';
        for (size_t parts = 1 + random_below(random, 3); parts > 0; parts--)
            put_digits(random, &at, random_below(random, 6));
    }
    if (random_one_in(random, 3))
        at += sprintf(at, "e%d", (int)random_between(random, -25, 25));
    *at = '\0';
    if (at > text && random_one_in(random, 8))
        text[random_below(random, (size_t)(at - text))] =
            faults[random_below(random, sizeof faults - 1)];
}

Test(decimal_parse, agrees_with_a_slow_oracle_on_random_text)
{
    struct random random = {.state = 1};
    size_t good = 0;
    for (size_t i = 0; i < 300000; i++) {
        char text[128];
        random_text(&random, text);
        int64_t expected;
        int64_t mantissa = UNTOUCHED;
        bool valid = oracle_parse(text, &expected);
        enum status status = decimal_parse(text, strlen(text), &mantissa);
        cr_assert(status == (valid ? STATUS_OK : STATUS_INVALID), "%s", text);
        cr_assert(mantissa == (valid ? expected : UNTOUCHED), "%s: %" PRId64, text, mantissa);
        good += valid;
    }
    cr_assert(good > 50000, "the texts should be numbers often enough: %zu", good);
}

static const struct {
    int64_t mantissa;
    int exp;
    const char *text;
} texts[] = {
    {0, 0, "0"},
    {0, 8, "0"},
    {1, 0, "1"},
    {1, 8, "0.00000001"},
    {-1, 8, "-0.00000001"},
    {10, 8, "0.0000001"},
    {618003, 1, "61800.3"},
    {INT64_C(6180030000000), 8, "61800.3"},
    {-DECIMAL_ONE, 8, "-1"},
    {1000, 0, "1000"},
    {1000, 3, "1"},
    {1005, 3, "1.005"},
    {INT64_MAX, 8, "92233720368.54775807"},
    {-INT64_MAX, 8, "-92233720368.54775807"},
    {-INT64_MAX, 0, "-9223372036854775807"},
    {-INT64_MAX, 18, "-9.223372036854775807"},
    {DECIMAL_NULL, 8, "null"},
    {DECIMAL_NULL, 0, "null"},
};

Test(decimal_format, writes_the_shortest_exact_text)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct decimal_text text = decimal_format(texts[i].mantissa, texts[i].exp);
        cr_assert_str_eq(text.text, texts[i].text);
    }
}

Test(decimal_format, is_read_back_as_the_same_mantissa)
{
    struct random random = {.state = 2};
    for (size_t i = 0; i < 200000; i++) {
        int64_t expected = random_mantissa(&random);
        struct decimal_text text = decimal_format(expected, DECIMAL_EXP_MAX);
        int64_t mantissa;
        cr_assert(decimal_parse(text.text, strlen(text.text), &mantissa) == STATUS_OK, "%s",
                  text.text);
        cr_assert(mantissa == expected, "%s: %" PRId64, text.text, mantissa);
        const char *point = strchr(text.text, '.');
        cr_assert(point == NULL || text.text[strlen(text.text) - 1] != '0', "%s", text.text);
    }
}

/* As PostgreSQL's numeric_send wrote them. */
static const struct {
    const char *hex;
    int64_t mantissa;
} numerics[] = {
    {"0000000000000008", 0},
    {"00010000000000080001", DECIMAL_ONE},
    {"00010000400000080001", -DECIMAL_ONE},
    {"00010001000000080001", 10000 * DECIMAL_ONE},
    {"0003000100000008000607080bb8", INT64_C(6180030000000)},
    {"0001fffe000000080001", 1},
    {"0001fffe400000080001", -1},
    {"0001ffff000000080001", 10000},
    {"0001ffff000000081388", DECIMAL_ONE / 2},
    {"000200000000000804d21388", INT64_C(123450000000)},
    {"0002000100000008270f270f", INT64_C(99999999) * DECIMAL_ONE},
    {"00010002000000080001", INT64_C(100000000) * DECIMAL_ONE},
    {"0005000200000008039a0d2c0170156516af", INT64_MAX},
    {"0005000240000008039a0d2c0170156516af", -INT64_MAX},
};

static size_t hex_bytes(const char *hex, uint8_t *bytes)
{
    size_t count = strlen(hex) / 2;
    for (size_t i = 0; i < count; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return count;
}

Test(decimal_numeric, reads_and_writes_the_bytes_of_postgresql)
{
    for (size_t i = 0; i < sizeof numerics / sizeof *numerics; i++) {
        uint8_t bytes[64];
        size_t count = hex_bytes(numerics[i].hex, bytes);
        struct reader reader = reader_of(bytes, count);
        int64_t mantissa;
        cr_assert(decimal_read_numeric(&reader, &mantissa) == STATUS_OK, "%s", numerics[i].hex);
        cr_assert(mantissa == numerics[i].mantissa, "%s: %" PRId64, numerics[i].hex, mantissa);
        cr_assert(reader_left(&reader) == 0);

        struct buffer buffer;
        buffer_init(&buffer, sizeof bytes);
        decimal_write_numeric(&buffer, numerics[i].mantissa);
        cr_assert(buffer.count == count, "%s", numerics[i].hex);
        cr_assert(memcmp(buffer.bytes, bytes, count) == 0, "%s", numerics[i].hex);
        buffer_deinit(&buffer);
    }
}

/* What other writers may send: another dscale, zero digits at either end. */
static const struct {
    const char *hex;
    int64_t mantissa;
} odd_numerics[] = {
    {"000200000000001400011388", DECIMAL_ONE + DECIMAL_ONE / 2},
    {"0003000000000009000100000000", DECIMAL_ONE},
    {"00040001000000000000000100000000", DECIMAL_ONE},
    {"00010007000000000000", 0},
    {"0001fff7400000000000", 0},
    {"0000007f400000000000", 0},
    {"00060003000000080000039a0d2c0170156516af", INT64_MAX},
};

Test(decimal_numeric, reads_forms_that_are_not_normalised)
{
    for (size_t i = 0; i < sizeof odd_numerics / sizeof *odd_numerics; i++) {
        uint8_t bytes[64];
        struct reader reader = reader_of(bytes, hex_bytes(odd_numerics[i].hex, bytes));
        int64_t mantissa;
        cr_assert(decimal_read_numeric(&reader, &mantissa) == STATUS_OK, "%s", odd_numerics[i].hex);
        cr_assert(mantissa == odd_numerics[i].mantissa, "%s: %" PRId64, odd_numerics[i].hex,
                  mantissa);
    }
}

static const char *const bad_numerics[] = {
    "00000000c0000000",                                 /* NaN */
    "00000000d0000020",                                 /* infinity */
    "00000000f0000020",                                 /* -infinity */
    "00010000800000080001",                             /* no sign that there is */
    "00010000000100080001",                             /* nor is this */
    "00010000000000082710",                             /* a digit of 10000 */
    "0001000000000008ffff",                             /* or worse */
    "00010005000000000001",                             /* 1e20 */
    "000100030000000003e8",                             /* 1e15 */
    "0001000200000000039b",                             /* 923e8 */
    "0005000200000008039a0d2c0170156516b0",             /* INT64_MAX + 1 */
    "0005000240000008039a0d2c0170156516b0",             /* −INT64_MAX − 1: would be null */
    "0008000700000000000c0d801ed204d2162e23340d801ed2", /* 30 digits */
    "0001fffd0000000903e8",                             /* 0.000000001 */
    "000400000000000a000104d2162e2328",                 /* 1.123456789 */
    "00017fff000000000001",
    "00018000000000000001",
};

Test(decimal_numeric, refuses_what_is_no_mantissa_but_stands_behind_it)
{
    for (size_t i = 0; i < sizeof bad_numerics / sizeof *bad_numerics; i++) {
        uint8_t bytes[64];
        size_t count = hex_bytes(bad_numerics[i], bytes);
        struct reader reader = reader_of(bytes, count + 1);
        int64_t mantissa = UNTOUCHED;
        cr_assert(decimal_read_numeric(&reader, &mantissa) == STATUS_INVALID, "%s",
                  bad_numerics[i]);
        cr_assert(mantissa == UNTOUCHED);
        cr_assert(reader_left(&reader) == 1, "%s", bad_numerics[i]);
        cr_assert(!reader.failed);
    }
}

Test(decimal_numeric, refuses_bytes_that_end_too_early)
{
    uint8_t bytes[64];
    size_t count = hex_bytes("0003000100000008000607080bb8", bytes);
    for (size_t part = 0; part < count; part++) {
        uint8_t *exact = malloc(part + (part == 0)); /* so that the sanitizer sees the end */
        memcpy(exact, bytes, part);
        struct reader reader = reader_of(exact, part);
        int64_t mantissa = UNTOUCHED;
        cr_assert(decimal_read_numeric(&reader, &mantissa) == STATUS_INVALID, "%zu", part);
        cr_assert(reader.failed);
        cr_assert(mantissa == UNTOUCHED);
        free(exact);
    }
}

Test(decimal_numeric, writes_nothing_over_the_limit_of_the_buffer)
{
    struct buffer buffer;
    buffer_init(&buffer, 13);
    decimal_write_numeric(&buffer, INT64_C(6180030000000)); /* 14 bytes */
    cr_assert(buffer.failed);
    cr_assert(buffer.count == 0);
    buffer_clear(&buffer);
    decimal_write_numeric(&buffer, INT64_C(6180000000000)); /* 12 bytes */
    cr_assert(!buffer.failed);
    cr_assert(buffer.count == 12);
    buffer_deinit(&buffer);
}

Test(decimal_numeric, makes_the_round_trip_in_normal_form)
{
    struct random random = {.state = 3};
    struct buffer buffer;
    buffer_init(&buffer, 18);
    for (size_t i = 0; i < 200000; i++) {
        int64_t expected = random_mantissa(&random);
        if (random_one_in(&random, 2))
            expected -= expected % decimal_power((int)random_below(&random, 19));
        buffer_clear(&buffer);
        decimal_write_numeric(&buffer, expected);
        cr_assert(!buffer.failed, "18 bytes are enough for %" PRId64, expected);
        struct reader reader = reader_of(buffer.bytes, buffer.count);
        int64_t mantissa;
        cr_assert(decimal_read_numeric(&reader, &mantissa) == STATUS_OK, "%" PRId64, expected);
        cr_assert(mantissa == expected, "%" PRId64 " came back as %" PRId64, expected, mantissa);
        cr_assert(reader_left(&reader) == 0);
        if (expected != 0) {
            const uint8_t *digits = buffer.bytes + 8;
            const uint8_t *last = buffer.bytes + buffer.count - 2;
            cr_assert(digits[0] != 0 || digits[1] != 0, "%" PRId64, expected);
            cr_assert(last[0] != 0 || last[1] != 0, "%" PRId64, expected);
        }
    }
    buffer_deinit(&buffer);
}

/* The digits of a numeric as text: what decimal_parse reads is the oracle of what
 * decimal_read_numeric reads. */
Test(decimal_numeric, means_the_same_as_its_text)
{
    struct random random = {.state = 4};
    size_t good = 0;
    for (size_t i = 0; i < 200000; i++) {
        size_t count = random_below(&random, 7);
        int weight = (int)random_between(&random, -5, 5);
        bool negative = random_one_in(&random, 2);
        struct buffer bytes;
        buffer_init(&bytes, 64);
        buffer_append_u16_be(&bytes, (uint16_t)count);
        buffer_append_u16_be(&bytes, (uint16_t)weight);
        buffer_append_u16_be(&bytes, negative ? 0x4000 : 0);
        buffer_append_u16_be(&bytes, (uint16_t)random_below(&random, 20));
        char text[64];
        int length = sprintf(text, "%s0", negative ? "-" : "");
        for (size_t digit = 0; digit < count; digit++) {
            unsigned value = random_one_in(&random, 2) ? 0 : (unsigned)random_below(&random, 10000);
            buffer_append_u16_be(&bytes, (uint16_t)value);
            length += sprintf(text + length, "%04u", value);
        }
        length += sprintf(text + length, "e%d", 4 * (weight - (int)count + 1));

        struct reader reader = reader_of(bytes.bytes, bytes.count);
        int64_t expected = UNTOUCHED;
        int64_t mantissa = UNTOUCHED;
        enum status status = decimal_parse(text, (size_t)length, &expected);
        cr_assert(decimal_read_numeric(&reader, &mantissa) == status, "%s", text);
        cr_assert(mantissa == expected, "%s: %" PRId64, text, mantissa);
        good += status == STATUS_OK;
        buffer_deinit(&bytes);
    }
    cr_assert(good > 50000, "the numerics should be good often enough: %zu", good);
}

static int slow_smallest_exp(const int64_t *mantissas, size_t count)
{
    int exp = 8;
    for (; exp > 0; exp--) {
        for (size_t i = 0; i < count; i++) {
            if (mantissas[i] != DECIMAL_NULL && mantissas[i] % decimal_power(9 - exp) != 0)
                return exp;
        }
    }
    return exp;
}

Test(decimal_smallest_exp, agrees_with_a_slow_oracle)
{
    struct random random = {.state = 5};
    for (size_t i = 0; i < 100000; i++) {
        int64_t mantissas[16];
        size_t count = random_below(&random, 17);
        int zeros = (int)random_below(&random, 10);
        for (size_t row = 0; row < count; row++) {
            int64_t mantissa = random_mantissa(&random);
            mantissa -= mantissa % decimal_power(zeros);
            if (random_one_in(&random, 20))
                mantissa = random_one_in(&random, 2) ? INT64_MAX : -INT64_MAX;
            mantissas[row] = random_one_in(&random, 4) ? DECIMAL_NULL : mantissa;
        }
        int exp = decimal_smallest_exp(mantissas, count);
        cr_assert(exp == slow_smallest_exp(mantissas, count), "run %zu: %d", i, exp);
    }
}

Test(decimal_smallest_exp, is_zero_where_nothing_needs_decimals)
{
    const int64_t nothing[] = {DECIMAL_NULL, 0, DECIMAL_NULL, -DECIMAL_ONE, 7 * DECIMAL_ONE};
    cr_assert(decimal_smallest_exp(NULL, 0) == 0);
    cr_assert(decimal_smallest_exp(nothing, 1) == 0);
    cr_assert(decimal_smallest_exp(nothing, 5) == 0);
}

Test(decimal_power, is_ten_times_the_one_before)
{
    cr_assert(decimal_power(0) == 1);
    for (int n = 1; n <= 18; n++)
        cr_assert(decimal_power(n) == 10 * decimal_power(n - 1), "%d", n);
}
