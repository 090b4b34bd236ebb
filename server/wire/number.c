#include "wire/number.h"

#include "base/assert.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digit_pairs[] = "00010203040506070809"
                                  "10111213141516171819"
                                  "20212223242526272829"
                                  "30313233343536373839"
                                  "40414243444546474849"
                                  "50515253545556575859"
                                  "60616263646566676869"
                                  "70717273747576777879"
                                  "80818283848586878889"
                                  "90919293949596979899";

#define INTEGER_DIGITS_MAX 20 /* of 2^64 − 1 */

size_t number_write_integer(char *out, int64_t value)
{
    char digits[INTEGER_DIGITS_MAX];
    char *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    while (rest >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + 2 * (rest % 100), 2);
        rest /= 100;
    }
    if (rest >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + 2 * rest, 2);
    } else {
        *--at = (char)('0' + rest);
    }
    size_t sign = value < 0 ? 1 : 0;
    size_t count = (size_t)(digits + sizeof digits - at);
    if (sign > 0)
        out[0] = '-';
    memcpy(out + sign, at, count);
    return sign + count;
}

/* A double as 0.DIGITS × 10^point. */
struct digits {
    char text[DBL_DECIMAL_DIG + 1];
    int count;
    int point;
};

/* Reads "d.dddde±xx". The decimal point is whatever the locale says, so it is not looked at. */
static struct digits digits_of(const char *scientific)
{
    struct digits digits = {.count = 0};
    const char *at = scientific;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            digits.text[digits.count++] = *at;
    }
    digits.point = atoi(at + 1) + 1;
    while (digits.count > 1 && digits.text[digits.count - 1] == '0')
        digits.count--;
    return digits;
}

/* Fifteen digits give every double back that was written with so few, except subnormal ones. */
static struct digits shortest_digits(double value)
{
    char text[64];
    int least = value < DBL_MIN ? 1 : DBL_DIG;
    for (int precision = least; precision <= DBL_DECIMAL_DIG; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return digits_of(text);
}

static size_t write_zeros(char *out, int count)
{
    memset(out, '0', (size_t)count);
    return (size_t)count;
}

/* 0.00123 or 123.5 or 12300.0 */
static size_t write_plain(char *out, const struct digits *digits)
{
    size_t used = 0;
    int whole = digits->point < digits->count ? digits->point : digits->count;
    if (digits->point <= 0) {
        out[used++] = '0';
        whole = 0;
    }
    memcpy(out + used, digits->text, (size_t)whole);
    used += (size_t)whole;
    if (digits->point > digits->count)
        used += write_zeros(out + used, digits->point - digits->count);
    out[used++] = '.';
    if (digits->point < 0)
        used += write_zeros(out + used, -digits->point);
    if (whole == digits->count)
        out[used++] = '0';
    memcpy(out + used, digits->text + whole, (size_t)(digits->count - whole));
    return used + (size_t)(digits->count - whole);
}

/* 1.23e-7 or 1e+300, the latter without the sign */
static size_t write_scientific(char *out, const struct digits *digits)
{
    size_t used = 0;
    out[used++] = digits->text[0];
    if (digits->count > 1) {
        out[used++] = '.';
        memcpy(out + used, digits->text + 1, (size_t)digits->count - 1);
        used += (size_t)digits->count - 1;
    }
    out[used++] = 'e';
    return used + number_write_integer(out + used, digits->point - 1);
}

/* Between these powers of ten a number is written plainly; beyond them with an exponent. */
#define PLAIN_POINT_LEAST (-3)
#define PLAIN_POINT_MOST 17

size_t number_write_float(char *out, double value)
{
    ASSERT(isfinite(value));
    size_t sign = signbit(value) ? 1 : 0;
    if (sign > 0)
        out[0] = '-';
    if (value == 0) {
        memcpy(out + sign, "0.0", 3);
        return sign + 3;
    }
    struct digits digits = shortest_digits(fabs(value));
    bool plain = digits.point >= PLAIN_POINT_LEAST && digits.point <= PLAIN_POINT_MOST;
    return sign +
           (plain ? write_plain(out + sign, &digits) : write_scientific(out + sign, &digits));
}
