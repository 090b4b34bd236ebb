/*
 * Exact decimals: mantissa × 10^−exp.
 *
 * Every price and volume of a tick fits mantissa × 10^−8 in an int64_t: the schema bounds values to
 * ±92 233 720 368.54775807 (so the smallest mantissa is −INT64_MAX and INT64_MIN is free to mean
 * null). Pure functions; any thread.
 */
#ifndef TAPEDECK_MARKET_DECIMAL_H
#define TAPEDECK_MARKET_DECIMAL_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdint.h>

#define DECIMAL_EXP_MAX 8
#define DECIMAL_NULL INT64_MIN
#define DECIMAL_ONE INT64_C(100000000) /* 1 at exp 8 */

/* Sums of mantissas. */
__extension__ typedef __int128 decimal_wide;

/*
 * Text to a mantissa at exp 8: [+-]digits[.digits][(e|E)[+-]digits]. STATUS_INVALID when it is no
 * number, not finite, out of bounds, or has a non-zero digit beyond the eighth decimal (a rounded
 * price would be an invented one). Never DECIMAL_NULL.
 */
enum status decimal_parse(const char *text, size_t length, int64_t *mantissa) MUST_CHECK;

/* PostgreSQL's binary numeric (numeric_send, utils/adt/numeric.c: ndigits, weight, sign, dscale,
 * base-10000 digits) to a mantissa at exp 8. STATUS_INVALID as above, and when bytes are missing;
 * otherwise the reader stands behind the numeric, good or not. */
enum status decimal_read_numeric(struct reader *reader, int64_t *mantissa) MUST_CHECK;
/* The same for sums of such values, which may have 39 digits. */
enum status decimal_read_numeric128(struct reader *reader, decimal_wide *mantissa) MUST_CHECK;
/* The reverse, with dscale 8; without the field length that COPY puts before it (8 to 18). Null has
 * no binary form (its length is −1): never DECIMAL_NULL. */
void decimal_write_numeric(struct buffer *buffer, int64_t mantissa);

/* The smallest exp (0 … 8) at which every value of [mantissas, +count) at exp 8 is exact; nulls do
 * not count. */
int decimal_smallest_exp(const int64_t *mantissas, size_t count);

/* 10^n for n in 0 … 18. */
int64_t decimal_power(int n);

#define DECIMAL_TEXT_BYTES 32
struct decimal_text {
    char text[DECIMAL_TEXT_BYTES];
};
/* "61800.3": the shortest text that is exact, without an exponent; "null" for DECIMAL_NULL. exp in
 * 0 … 18. */
struct decimal_text decimal_format(int64_t mantissa, int exp);

#endif
