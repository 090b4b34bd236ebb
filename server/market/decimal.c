#include "market/decimal.h"

#include "base/assert.h"
#include "market/divisor.h"

#include <stdbool.h>
#include <string.h>

#define POWER_MAX 18
/* Digits that always fit an unsigned 64-bit number. */
#define SAFE_DIGITS 19

static const int64_t powers[POWER_MAX + 1] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

int64_t decimal_power(int n)
{
    ASSERT(n >= 0);
    ASSERT(n <= POWER_MAX);
    return powers[n];
}

/* `digits` × 10^`zeros` with a sign, if the product is a mantissa. */
static enum status scaled(uint64_t digits, int zeros, bool negative, int64_t *mantissa)
{
    uint64_t magnitude;
    if (__builtin_mul_overflow(digits, (uint64_t)powers[zeros], &magnitude))
        return STATUS_INVALID;
    if (magnitude > INT64_MAX)
        return STATUS_INVALID;
    *mantissa = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return STATUS_OK;
}

static unsigned digit_of(char c)
{
    return (unsigned)(unsigned char)c - '0'; /* over 9: no digit */
}

static const char *plain_digits(const char *at, const char *end, uint64_t *value)
{
    for (; at < end; at++) {
        unsigned digit = digit_of(*at);
        if (digit > 9)
            break;
        *value = *value * 10 + digit;
    }
    return at;
}

/* digits[.digits] of at most 19 digits and 8 decimals: nearly everything there is. False: look
 * closer. */
static bool parse_plain(const char *at, const char *end, uint64_t *digits, int *decimals)
{
    if (end - at > SAFE_DIGITS)
        return false;
    uint64_t value = 0;
    const char *point = plain_digits(at, end, &value);
    if (point == at)
        return false;
    *decimals = 0;
    if (point < end) {
        if (*point != '.' || point + 1 == end)
            return false;
        if (plain_digits(point + 1, end, &value) != end || end - point > DECIMAL_EXP_MAX + 1)
            return false;
        *decimals = (int)(end - point) - 1;
    }
    *digits = value;
    return true;
}

/* The digits of a number of any length between its first and its last non-zero one. */
struct significand {
    uint64_t digits;
    int count;     /* of `digits` */
    int64_t zeros; /* that followed so far */
};

/* One or more digits. More than 19 significant ones cannot be a mantissa, wherever the point is:
 * they are too many before it or behind it. */
static bool significand_take(struct significand *significand, const char **at, const char *end)
{
    const char *first = *at;
    for (; *at < end && digit_of(**at) <= 9; (*at)++) {
        unsigned digit = digit_of(**at);
        if (digit == 0) {
            significand->zeros += significand->count > 0;
            continue;
        }
        if (significand->count + significand->zeros + 1 > SAFE_DIGITS)
            return false;
        int shift = (int)significand->zeros + 1;
        uint64_t power = significand->count > 0 ? (uint64_t)powers[shift] : 0;
        significand->digits = significand->digits * power + digit;
        significand->count += shift;
        significand->zeros = 0;
    }
    return *at > first;
}

static bool take_sign(const char **at, const char *end)
{
    if (*at == end || (**at != '-' && **at != '+'))
        return false;
    return *(*at)++ == '-';
}

/* What follows the e: saturates far beyond any text that could make up for it. */
static bool take_exponent(const char **at, const char *end, int64_t *exponent)
{
    const int64_t far = INT64_C(1000000000000000);
    bool negative = take_sign(at, end);
    const char *first = *at;
    int64_t value = 0;
    for (; *at < end && digit_of(**at) <= 9; (*at)++)
        value = value < far ? value * 10 + (int64_t)digit_of(**at) : value;
    *exponent = negative ? -value : value;
    return *at > first;
}

static enum status parse_any(const char *at, const char *end, bool negative, int64_t *mantissa)
{
    struct significand significand = {.digits = 0};
    if (!significand_take(&significand, &at, end))
        return STATUS_INVALID;
    int64_t decimals = 0;
    if (at < end && *at == '.') {
        const char *first = ++at;
        if (!significand_take(&significand, &at, end))
            return STATUS_INVALID;
        decimals = at - first;
    }
    int64_t exponent = 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (!take_exponent(&at, end, &exponent))
            return STATUS_INVALID;
    }
    if (at != end)
        return STATUS_INVALID;
    if (significand.digits == 0) {
        *mantissa = 0;
        return STATUS_OK;
    }
    int64_t zeros = significand.zeros - decimals + exponent + DECIMAL_EXP_MAX;
    if (zeros < 0 || zeros > POWER_MAX)
        return STATUS_INVALID;
    return scaled(significand.digits, (int)zeros, negative, mantissa);
}

enum status decimal_parse(const char *text, size_t length, int64_t *mantissa)
{
    const char *at = text;
    const char *end = length > 0 ? text + length : text;
    bool negative = take_sign(&at, end);
    uint64_t digits;
    int decimals;
    if (parse_plain(at, end, &digits, &decimals))
        return scaled(digits, DECIMAL_EXP_MAX - decimals, negative, mantissa);
    return parse_any(at, end, negative, mantissa);
}

/*
 * PostgreSQL's numeric on the wire: four 16-bit numbers, then base-10000 digits; the first digit
 * is worth 10000^weight. Our unit, 10^−8, is 10000^−2, so the digit i is worth
 * 10000^(weight − i + 2) units, and mantissas have digits at the powers 4 … 0 only (sums: 9 … 0).
 */
#define NUMERIC_HEAD_BYTES 8
#define NUMERIC_BASE 10000
#define NUMERIC_NEGATIVE 0x4000 /* 0: positive; all else: NaN and the infinities */
#define NUMERIC_UNIT_WEIGHT (-2)
#define NUMERIC_DIGITS_MAX 5

static unsigned load_u16_be(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void store_u16_be(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

__extension__ typedef unsigned __int128 magnitude_wide;
#define WIDE_MAX ((magnitude_wide)-1 >> 1)

/* ×10000, + digit, as long as the sum fits. */
static bool append_digit(magnitude_wide *magnitude, unsigned digit)
{
    return !__builtin_mul_overflow(*magnitude, (magnitude_wide)NUMERIC_BASE, magnitude) &&
           !__builtin_add_overflow(*magnitude, (magnitude_wide)digit, magnitude);
}

static enum status sum_digits(const uint8_t *digits, unsigned count, int weight,
                              magnitude_wide *sum)
{
    magnitude_wide magnitude = 0;
    int power = weight - NUMERIC_UNIT_WEIGHT;
    for (unsigned i = 0; i < count; i++, power--) {
        unsigned digit = load_u16_be(digits + 2 * (size_t)i);
        if (digit >= NUMERIC_BASE || (power < 0 && digit != 0))
            return STATUS_INVALID;
        if (power >= 0 && !append_digit(&magnitude, digit))
            return STATUS_INVALID;
    }
    /* Zeros at the end are not sent. What is not 0 fits only a few of them. */
    for (; power >= 0 && magnitude != 0; power--) {
        if (!append_digit(&magnitude, 0))
            return STATUS_INVALID;
    }
    *sum = magnitude;
    return STATUS_OK;
}

static enum status read_numeric(struct reader *reader, magnitude_wide *magnitude, bool *negative)
{
    const uint8_t *head = reader_take(reader, NUMERIC_HEAD_BYTES);
    if (head == NULL)
        return STATUS_INVALID;
    unsigned count = load_u16_be(head);
    int weight = (int16_t)load_u16_be(head + 2);
    unsigned sign = load_u16_be(head + 4);
    const uint8_t *digits = reader_take(reader, 2 * (size_t)count);
    if (digits == NULL)
        return STATUS_INVALID;
    if (sign != 0 && sign != NUMERIC_NEGATIVE)
        return STATUS_INVALID;
    *negative = sign == NUMERIC_NEGATIVE;
    return sum_digits(digits, count, weight, magnitude);
}

enum status decimal_read_numeric(struct reader *reader, int64_t *mantissa)
{
    magnitude_wide magnitude;
    bool negative;
    enum status status = read_numeric(reader, &magnitude, &negative);
    if (status != STATUS_OK)
        return status;
    if (magnitude > INT64_MAX)
        return STATUS_INVALID;
    *mantissa = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return STATUS_OK;
}

enum status decimal_read_numeric128(struct reader *reader, decimal_wide *mantissa)
{
    magnitude_wide magnitude;
    bool negative;
    enum status status = read_numeric(reader, &magnitude, &negative);
    if (status != STATUS_OK)
        return status;
    if (magnitude > WIDE_MAX)
        return STATUS_INVALID;
    *mantissa = negative ? -(decimal_wide)magnitude : (decimal_wide)magnitude;
    return STATUS_OK;
}

void decimal_write_numeric(struct buffer *buffer, int64_t mantissa)
{
    ASSERT(mantissa != DECIMAL_NULL);
    uint64_t left = mantissa < 0 ? (uint64_t)-mantissa : (uint64_t)mantissa;
    unsigned digits[NUMERIC_DIGITS_MAX]; /* digits[power] */
    int first = -1;
    int last = NUMERIC_DIGITS_MAX;
    for (int power = 0; power < NUMERIC_DIGITS_MAX; power++) {
        digits[power] = (unsigned)(left % NUMERIC_BASE);
        left /= NUMERIC_BASE;
        if (digits[power] == 0)
            continue;
        first = power;
        if (last > power)
            last = power;
    }
    /* Zero has no digits and the weight 0. */
    int count = first < 0 ? 0 : first - last + 1;
    int weight = first < 0 ? 0 : first + NUMERIC_UNIT_WEIGHT;
    uint8_t *out = buffer_extend(buffer, NUMERIC_HEAD_BYTES + 2 * (size_t)count);
    if (out == NULL)
        return;
    store_u16_be(out, (unsigned)count);
    store_u16_be(out + 2, (unsigned)weight);
    store_u16_be(out + 4, mantissa < 0 ? NUMERIC_NEGATIVE : 0);
    store_u16_be(out + 6, DECIMAL_EXP_MAX);
    out += NUMERIC_HEAD_BYTES;
    for (int power = first; count > 0; power--, count--, out += 2)
        store_u16_be(out, digits[power]);
}

/* Of null: 0, without a branch, as nobody could predict it. */
static uint64_t magnitude_or_zero(int64_t mantissa)
{
    uint64_t magnitude = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
    return magnitude & (uint64_t)INT64_MAX; /* null is 2^63, a bit that no other magnitude has */
}

int decimal_smallest_exp(const int64_t *mantissas, size_t count)
{
    int zeros = DECIMAL_EXP_MAX; /* at the end of every mantissa so far */
    struct divisor divisor = divisor_of((uint64_t)powers[zeros]);
    for (size_t i = 0; i < count && zeros > 0;) {
        uint64_t magnitude = magnitude_or_zero(mantissas[i]);
        if (divisor_divides(&divisor, magnitude))
            i++;
        else
            divisor = divisor_of((uint64_t)powers[--zeros]);
    }
    return DECIMAL_EXP_MAX - zeros;
}

struct decimal_text decimal_format(int64_t mantissa, int exp)
{
    ASSERT(exp >= 0);
    ASSERT(exp <= POWER_MAX);
    struct decimal_text text = {.text = "null"};
    if (mantissa == DECIMAL_NULL)
        return text;
    uint64_t left = mantissa < 0 ? (uint64_t)-mantissa : (uint64_t)mantissa;
    while (exp > 0 && left % 10 == 0) {
        left /= 10;
        exp--;
    }
    char reversed[DECIMAL_TEXT_BYTES];
    size_t count = 0;
    for (int written = 0; left > 0 || written <= exp; written++) {
        if (written == exp && exp > 0)
            reversed[count++] = '.';
        reversed[count++] = (char)('0' + left % 10);
        left /= 10;
    }
    if (mantissa < 0)
        reversed[count++] = '-';
    for (size_t i = 0; i < count; i++)
        text.text[i] = reversed[count - 1 - i];
    text.text[count] = '\0';
    return text;
}
