#include "bench/columns.h"

#include "base/assert.h"
#include "bench/pack.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define EXP_MAX 8

/* ---- reading ---- */

static const struct {
    const char *name;
    size_t items;     /* of its array, the name included */
    size_t row_bytes; /* of its payload */
} encodings[] = {
    [COLUMNS_U32] = {"u32", 4, 4}, [COLUMNS_I16] = {"i16", 4, 2},     [COLUMNS_I32] = {"i32", 4, 4},
    [COLUMNS_I64] = {"i64", 3, 8}, [COLUMNS_CONST] = {"const", 3, 0},
};
#define ENCODING_COUNT (sizeof encodings / sizeof encodings[0])

static int64_t take_mantissa(struct reader *reader)
{
    struct pack_item item = pack_take(reader);
    if (item.kind == PACK_INTEGER)
        return item.integer;
    reader->failed = reader->failed || item.kind != PACK_NIL;
    return INT64_MIN;
}

static void take_payload(struct reader *reader, struct columns_column *column)
{
    struct pack_item item = pack_take(reader);
    reader->failed = reader->failed || item.kind != PACK_BIN;
    column->payload = item.bytes;
    column->payload_bytes = item.count;
}

static void take_numbers(struct reader *reader, struct columns_column *column)
{
    switch (column->encoding) {
    case COLUMNS_U32:
        column->base = pack_take_integer(reader);
        column->mul = pack_take_integer(reader);
        break;
    case COLUMNS_I16:
    case COLUMNS_I32:
        column->base = pack_take_integer(reader);
        column->exp = pack_take_integer(reader);
        break;
    case COLUMNS_I64:
        column->exp = pack_take_integer(reader);
        break;
    case COLUMNS_CONST:
        column->base = take_mantissa(reader);
        column->exp = pack_take_integer(reader);
        return;
    }
    take_payload(reader, column);
}

struct columns_column columns_take(struct reader *reader)
{
    struct columns_column column = {.mul = 1};
    size_t items = pack_take_array(reader);
    struct pack_item name = pack_take_text(reader);
    size_t found = 0;
    while (found < ENCODING_COUNT && !pack_is(&name, encodings[found].name))
        found++;
    if (found == ENCODING_COUNT || items != encodings[found].items) {
        reader->failed = true;
        return column;
    }
    column.encoding = (enum columns_encoding)found;
    take_numbers(reader, &column);
    return column;
}

/* ---- checking ---- */

static enum status check(const struct columns_column *column, size_t rows, struct error *error)
{
    size_t row_bytes = encodings[column->encoding].row_bytes;
    if (rows > SIZE_MAX / 8 || column->payload_bytes != rows * row_bytes)
        return error_set(error, STATUS_BAD_MESSAGE, "%zu bytes of %s for %zu rows",
                         column->payload_bytes, encodings[column->encoding].name, rows);
    if (column->exp < 0 || column->exp > EXP_MAX)
        return error_set(error, STATUS_BAD_MESSAGE, "exp is %" PRId64, column->exp);
    if (column->mul < 1)
        return error_set(error, STATUS_BAD_MESSAGE, "mul is %" PRId64, column->mul);
    return STATUS_OK;
}

/* ---- walking ---- */

/* What all offsets of a payload come to. Nulls are left out of the sum and counted. */
struct walk {
    uint64_t sum;
    size_t nulls;
    bool falls; /* some offset is less than the one before it */
    bool rises;
};

/* One plain loop for each width: the compiler makes vector instructions of it. Order is told by
 * offsets alone, because value = base + mul × offset with mul > 0. */
#define DEFINE_WALK(name, type, sentinel, has_null)                                                \
    static struct walk name(const uint8_t *payload, size_t rows)                                   \
    {                                                                                              \
        uint64_t sum = 0;                                                                          \
        uint64_t nulls = 0;                                                                        \
        for (size_t i = 0; i < rows; i++) {                                                        \
            type offset;                                                                           \
            memcpy(&offset, payload + i * sizeof offset, sizeof offset);                           \
            bool is_null = (has_null) && offset == (sentinel);                                     \
            sum += is_null ? 0 : (uint64_t)offset;                                                 \
            nulls += is_null;                                                                      \
        }                                                                                          \
        return (struct walk){.sum = sum, .nulls = nulls};                                          \
    }                                                                                              \
    static void name##_order(const uint8_t *payload, size_t rows, struct walk *walk)               \
    {                                                                                              \
        unsigned falls = 0;                                                                        \
        unsigned rises = 0;                                                                        \
        for (size_t i = 1; i < rows; i++) {                                                        \
            type before;                                                                           \
            type offset;                                                                           \
            memcpy(&before, payload + (i - 1) * sizeof before, sizeof before);                     \
            memcpy(&offset, payload + i * sizeof offset, sizeof offset);                           \
            falls |= offset < before;                                                              \
            rises |= offset > before;                                                              \
        }                                                                                          \
        walk->falls = falls;                                                                       \
        walk->rises = rises;                                                                       \
    }

DEFINE_WALK(walk_u32, uint32_t, 0, false)
DEFINE_WALK(walk_i16, int16_t, INT16_MIN, true)
DEFINE_WALK(walk_i32, int32_t, INT32_MIN, true)
DEFINE_WALK(walk_i64, int64_t, INT64_MIN, true)

static struct walk walk(const struct columns_column *column, size_t rows)
{
    switch (column->encoding) {
    case COLUMNS_U32:
        return walk_u32(column->payload, rows);
    case COLUMNS_I16:
        return walk_i16(column->payload, rows);
    case COLUMNS_I32:
        return walk_i32(column->payload, rows);
    case COLUMNS_I64:
        return walk_i64(column->payload, rows);
    case COLUMNS_CONST:
        break;
    }
    return (struct walk){.nulls = column->base == INT64_MIN ? rows : 0};
}

static void walk_order(const struct columns_column *column, size_t rows, struct walk *walked)
{
    switch (column->encoding) {
    case COLUMNS_U32:
        walk_u32_order(column->payload, rows, walked);
        break;
    case COLUMNS_I16:
        walk_i16_order(column->payload, rows, walked);
        break;
    case COLUMNS_I32:
        walk_i32_order(column->payload, rows, walked);
        break;
    case COLUMNS_I64:
        walk_i64_order(column->payload, rows, walked);
        break;
    case COLUMNS_CONST:
        break;
    }
}

static uint64_t total(const struct columns_column *column, size_t rows, const struct walk *walked)
{
    uint64_t values = (uint64_t)(rows - walked->nulls);
    return (uint64_t)column->base * values + (uint64_t)column->mul * walked->sum;
}

enum status columns_walk_decimals(const struct columns_column *column, size_t rows, uint64_t *sum,
                                  struct error *error)
{
    enum status status = check(column, rows, error);
    if (status != STATUS_OK)
        return status;
    struct walk walked = walk(column, rows);
    uint64_t all = total(column, rows, &walked);
    for (int64_t exp = column->exp; exp < EXP_MAX; exp++)
        all *= 10;
    *sum = all;
    return STATUS_OK;
}

/* ---- times ---- */

static int64_t offset_of(const struct columns_column *column, size_t row)
{
    uint32_t u32;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    size_t row_bytes = encodings[column->encoding].row_bytes;
    const uint8_t *at = row_bytes > 0 ? column->payload + row * row_bytes : NULL;
    switch (column->encoding) {
    case COLUMNS_U32:
        memcpy(&u32, at, sizeof u32);
        return u32;
    case COLUMNS_I16:
        memcpy(&i16, at, sizeof i16);
        return i16;
    case COLUMNS_I32:
        memcpy(&i32, at, sizeof i32);
        return i32;
    case COLUMNS_I64:
        memcpy(&i64, at, sizeof i64);
        return i64;
    case COLUMNS_CONST:
        break;
    }
    return 0;
}

static bool value_of(const struct columns_column *column, size_t row, int64_t *value)
{
    int64_t scaled;
    return !__builtin_mul_overflow(column->mul, offset_of(column, row), &scaled) &&
           !__builtin_add_overflow(column->base, scaled, value);
}

enum status columns_walk_times(const struct columns_column *column, size_t rows, int direction,
                               struct columns_times *times, struct error *error)
{
    ASSERT(rows > 0);
    enum status status = check(column, rows, error);
    if (status != STATUS_OK)
        return status;
    struct walk walked = walk(column, rows);
    walk_order(column, rows, &walked);
    if (column->exp != 0)
        return error_set(error, STATUS_BAD_MESSAGE, "times have exp %" PRId64, column->exp);
    if (walked.nulls > 0)
        return error_set(error, STATUS_BAD_MESSAGE, "%zu times are null", walked.nulls);
    if (direction > 0 ? walked.falls : walked.rises)
        return error_set(error, STATUS_BAD_MESSAGE, "times are out of order");
    struct columns_times found = {.sum = total(column, rows, &walked)};
    if (!value_of(column, 0, &found.first) || !value_of(column, rows - 1, &found.last))
        return error_set(error, STATUS_BAD_MESSAGE, "times go beyond 64 bits");
    *times = found;
    return STATUS_OK;
}

enum status columns_last_decimal(const struct columns_column *column, size_t rows, int64_t *value,
                                 struct error *error)
{
    ASSERT(rows > 0);
    enum status status = check(column, rows, error);
    if (status != STATUS_OK)
        return status;
    /* The last row by itself, whatever the others are: no other null is in the way. */
    struct columns_column last = *column;
    size_t row_bytes = encodings[column->encoding].row_bytes;
    last.payload += (rows - 1) * row_bytes;
    last.payload_bytes = row_bytes;
    uint64_t sum;
    status = columns_walk_decimals(&last, 1, &sum, error);
    if (status == STATUS_OK && walk(&last, 1).nulls > 0)
        return error_set(error, STATUS_BAD_MESSAGE, "the last price is null");
    if (status == STATUS_OK)
        *value = (int64_t)sum;
    return status;
}
