/*
 * One column of a frame as it came: encoding, numbers and a borrowed payload, read with every bound
 * checked and walked to its last row. Section 2 of server/wire/README.md, written apart from it.
 *
 * Walking is what a client's decoding costs at least: every row is loaded, told from null, and
 * added up. Sums are of mantissas at exp 8 (of times: of microseconds), modulo 2^64, so the same
 * ticks give the same sum in whatever encodings and pieces they came. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_COLUMNS_H
#define TAPEDECK_BENCH_COLUMNS_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdint.h>

enum columns_encoding { COLUMNS_U32, COLUMNS_I16, COLUMNS_I32, COLUMNS_I64, COLUMNS_CONST };

struct columns_column {
    enum columns_encoding encoding;
    int64_t base; /* of const: the mantissa, INT64_MIN where every row is null */
    int64_t mul;  /* of u32; else 1 */
    int64_t exp;
    const uint8_t *payload; /* borrowed; at any offset */
    size_t payload_bytes;
};

/* The array of a column; the reader has failed when it is none. */
struct columns_column columns_take(struct reader *reader);

/* Adds up a column of decimals with `rows` rows. STATUS_BAD_MESSAGE with a sentence: the payload
 * does not fit the rows, or a number is out of bounds. */
enum status columns_walk_decimals(const struct columns_column *column, size_t rows, uint64_t *sum,
                                  struct error *error) MUST_CHECK;

/* The mantissa at exp 8 of the last of at least one row, which is not null. */
enum status columns_last_decimal(const struct columns_column *column, size_t rows, int64_t *value,
                                 struct error *error) MUST_CHECK;

struct columns_times {
    int64_t first;
    int64_t last;
    uint64_t sum;
};

/* The same of times, which must come in order: never falling forward (direction 1), never rising
 * backward (−1), none of them null. At least one row. */
enum status columns_walk_times(const struct columns_column *column, size_t rows, int direction,
                               struct columns_times *times, struct error *error) MUST_CHECK;

#endif
