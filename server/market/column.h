/*
 * Sealed columns: the values of one field of many ticks, in the smallest of the wire's encodings
 * (PROTOCOL section 2), so that a frame over a part of a block is a header and one memcpy.
 *
 *   COLUMN_U32    value    = base + mul × u32            times, counts; no nulls
 *   COLUMN_I16    mantissa = base + i16, −2^15 null
 *   COLUMN_I32    mantissa = base + i32, −2^31 null
 *   COLUMN_I64    mantissa = i64, −2^63 null
 *   COLUMN_CONST  mantissa = base in every row (DECIMAL_NULL: every row null)
 *
 * Payload is little-endian, as the host is (asserted at compile time). A sealed column never
 * changes; any thread may read it.
 *
 * Sealing has two steps, so that the payload can be written where it will stay: `choose` reads the
 * values and settles everything but the payload, `write` writes it. `seal` is both.
 */
#ifndef TAPEDECK_MARKET_COLUMN_H
#define TAPEDECK_MARKET_COLUMN_H

#include "market/decimal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum column_encoding { COLUMN_U32, COLUMN_I16, COLUMN_I32, COLUMN_I64, COLUMN_CONST };
#define COLUMN_ENCODINGS 5
#define COLUMN_ENCODING_BIT(encoding) (1U << (encoding))
#define COLUMN_ENCODINGS_ALL ((1U << COLUMN_ENCODINGS) - 1)

/* A column, or a run of rows of one (see column_slice). Borrows `payload`. */
struct column {
    enum column_encoding encoding;
    uint8_t exp;  /* 0 … 8; 0 for times */
    int64_t base; /* U32, I16, I32: added to each offset; CONST: the value; else 0 */
    int64_t mul;  /* U32: ≥ 1; else 0 */
    size_t rows;
    const void *payload; /* rows × column_row_bytes, 8-byte aligned where sealed; NULL for CONST */
};

/* Bytes one row takes in the payload: 4, 2, 4, 8 or 0. */
size_t column_row_bytes(enum column_encoding encoding);
size_t column_payload_bytes(const struct column *column);

/*
 * The smallest encoding out of the set `allowed` (bits; I64 is always allowed) that is exact for
 * `values`; `payload` is still NULL. No rows at all are CONST.
 *
 * `decimals`: `values` at exp 8, any of them null; the column gets the smallest exp that is exact;
 * CONST, I16, I32 or I64. `times`: microseconds or other whole numbers in any order, none of them
 * INT64_MIN; exp 0; CONST, U32 or I64.
 */
struct column column_choose_decimals(const int64_t *values, size_t rows, unsigned allowed);
struct column column_choose_times(const int64_t *values, size_t rows, unsigned allowed);

/* Writes the payload of a chosen column, from the same values, to `payload` (8-byte aligned, room
 * for column_payload_bytes, not overlapping the values), which the column borrows from then on. */
void column_write_decimals(struct column *column, const int64_t *values, void *payload);
void column_write_times(struct column *column, const int64_t *values, void *payload);

/* Choose, then write: `payload` has room for rows × 8 bytes. */
struct column column_seal_decimals(const int64_t *values, size_t rows, unsigned allowed,
                                   void *payload);
struct column column_seal_times(const int64_t *values, size_t rows, unsigned allowed,
                                void *payload);

/* Rows [first, first + rows) of a column: shares its payload. */
struct column column_slice(const struct column *column, size_t first, size_t rows);

/* The same rows, last one first, in the same encoding; `payload` as for writing. */
struct column column_reverse(const struct column *column, size_t first, size_t rows, void *payload);

/* One row: microseconds for times (exp 0), or a mantissa at the column's own exp; null is
 * DECIMAL_NULL. */
int64_t column_value(const struct column *column, size_t row);
/* One row of a decimal column at exp 8, whatever the column's own exp. */
int64_t column_decimal(const struct column *column, size_t row);

#endif
