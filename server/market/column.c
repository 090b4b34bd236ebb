#include "market/column.h"

#include "base/assert.h"
#include "market/divisor.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "payload is sent as it lies in memory");
static_assert(DECIMAL_NULL == INT64_MIN, "null is the smallest offset in every encoding");

/* The smallest offset is null, so the others reach from −most to most. */
#define I16_SPAN_MAX (2 * (uint64_t)INT16_MAX)
#define I32_SPAN_MAX (2 * (uint64_t)INT32_MAX)

#define PAYLOAD_ALIGN 8

size_t column_row_bytes(enum column_encoding encoding)
{
    switch (encoding) {
    case COLUMN_U32:
    case COLUMN_I32:
        return 4;
    case COLUMN_I16:
        return 2;
    case COLUMN_I64:
        return 8;
    case COLUMN_CONST:
        break;
    }
    return 0;
}

size_t column_payload_bytes(const struct column *column)
{
    return column->rows * column_row_bytes(column->encoding);
}

static bool is_allowed(unsigned allowed, enum column_encoding encoding)
{
    return (allowed & COLUMN_ENCODING_BIT(encoding)) != 0;
}

/* The extremes of the values that are not null. */
struct extent {
    bool any;   /* some value is not null; else both extremes are 0 */
    bool nulls; /* some value is null */
    int64_t least;
    int64_t most;
};

static struct extent extent_of(const int64_t *values, size_t rows)
{
    /* Null is the smallest number, so it never is the most; one less than null wraps to the
     * largest, so it never is the least of the predecessors. */
    int64_t least = INT64_MAX;
    int64_t most = INT64_MIN;
    int64_t least_before = INT64_MAX;
    for (size_t i = 0; i < rows; i++) {
        int64_t value = values[i];
        int64_t before = (int64_t)((uint64_t)value - 1);
        least = value < least ? value : least;
        most = value > most ? value : most;
        least_before = before < least_before ? before : least_before;
    }
    if (most == DECIMAL_NULL)
        return (struct extent){.any = false, .nulls = rows > 0};
    return (struct extent){
        .any = true, .nulls = least == DECIMAL_NULL, .least = least_before + 1, .most = most};
}

struct column column_choose_decimals(const int64_t *values, size_t rows, unsigned allowed)
{
    struct extent extent = extent_of(values, rows);
    int exp = decimal_smallest_exp(values, rows);
    int64_t power = decimal_power(DECIMAL_EXP_MAX - exp);
    int64_t least = extent.least / power;
    int64_t most = extent.most / power;
    uint64_t span = (uint64_t)most - (uint64_t)least;
    struct column column = {.encoding = COLUMN_I64, .exp = (uint8_t)exp, .rows = rows};
    bool constant = span == 0 && !(extent.any && extent.nulls);
    if (constant && is_allowed(allowed, COLUMN_CONST)) {
        column.encoding = COLUMN_CONST;
        column.base = extent.any ? least : DECIMAL_NULL;
        return column;
    }
    if (span <= I16_SPAN_MAX && is_allowed(allowed, COLUMN_I16))
        column.encoding = COLUMN_I16;
    else if (span <= I32_SPAN_MAX && is_allowed(allowed, COLUMN_I32))
        column.encoding = COLUMN_I32;
    else
        return column;
    /* The middle: offsets of both signs, and no base beyond the values themselves. */
    column.base = (int64_t)((uint64_t)least + span / 2);
    return column;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The greatest common divisor of all distances from `base`; `span` ≥ 1 is one of them. */
static uint64_t common_step(const int64_t *values, size_t rows, int64_t base, uint64_t span)
{
    uint64_t step = span;
    struct divisor divisor = divisor_of(step);
    for (size_t i = 0; i < rows && step > 1; i++) {
        uint64_t distance = (uint64_t)values[i] - (uint64_t)base;
        if (divisor_divides(&divisor, distance))
            continue;
        step = greatest_common_divisor(step, distance);
        divisor = divisor_of(step);
    }
    return step;
}

struct column column_choose_times(const int64_t *values, size_t rows, unsigned allowed)
{
    struct extent extent = extent_of(values, rows);
    ASSERT(!extent.nulls);
    uint64_t span = (uint64_t)extent.most - (uint64_t)extent.least;
    struct column column = {.encoding = COLUMN_I64, .exp = 0, .rows = rows};
    if (span == 0 && is_allowed(allowed, COLUMN_CONST)) {
        column.encoding = COLUMN_CONST;
        column.base = extent.least;
        return column;
    }
    if (!is_allowed(allowed, COLUMN_U32))
        return column;
    uint64_t step = span > 0 ? common_step(values, rows, extent.least, span) : 1;
    if (span / step > UINT32_MAX || step > INT64_MAX)
        return column;
    column.encoding = COLUMN_U32;
    column.base = extent.least;
    column.mul = (int64_t)step;
    return column;
}

/* The loops below do for n rows what the comment of the encodings says in reverse. */

/* `condition` ? `yes` : `no`, without a branch: nobody could predict where the nulls are. */
static inline uint32_t select_u32(bool condition, uint32_t yes, uint32_t no)
{
    uint32_t mask = 0 - (uint32_t)condition;
    return (yes & mask) | (no & ~mask);
}

static void write_u32(uint32_t *restrict out, const int64_t *restrict values, size_t rows,
                      int64_t base, struct divisor step)
{
    for (size_t i = 0; i < rows; i++)
        out[i] = divisor_quotient_low(&step, (uint64_t)values[i] - (uint64_t)base);
}

static void write_i16(int16_t *restrict out, const int64_t *restrict values, size_t rows,
                      int64_t base, struct divisor unit)
{
    for (size_t i = 0; i < rows; i++) {
        uint32_t offset = divisor_quotient_low(&unit, (uint64_t)values[i] - (uint64_t)base);
        out[i] = (int16_t)select_u32(values[i] == DECIMAL_NULL, (uint32_t)INT16_MIN, offset);
    }
}

static void write_i32(int32_t *restrict out, const int64_t *restrict values, size_t rows,
                      int64_t base, struct divisor unit)
{
    for (size_t i = 0; i < rows; i++) {
        uint32_t offset = divisor_quotient_low(&unit, (uint64_t)values[i] - (uint64_t)base);
        out[i] = (int32_t)select_u32(values[i] == DECIMAL_NULL, (uint32_t)INT32_MIN, offset);
    }
}

static void write_i64(int64_t *restrict out, const int64_t *restrict values, size_t rows,
                      struct divisor unit)
{
    for (size_t i = 0; i < rows; i++) {
        int64_t mantissa = divisor_quotient(&unit, values[i]);
        out[i] = values[i] == DECIMAL_NULL ? DECIMAL_NULL : mantissa;
    }
}

static void write_payload(struct column *column, const int64_t *values, struct divisor unit,
                          int64_t base, void *payload)
{
    ASSERT((uintptr_t)payload % PAYLOAD_ALIGN == 0);
    column->payload = payload;
    switch (column->encoding) {
    case COLUMN_U32:
        write_u32(payload, values, column->rows, base, unit);
        break;
    case COLUMN_I16:
        write_i16(payload, values, column->rows, base, unit);
        break;
    case COLUMN_I32:
        write_i32(payload, values, column->rows, base, unit);
        break;
    case COLUMN_I64:
        write_i64(payload, values, column->rows, unit);
        break;
    case COLUMN_CONST:
        column->payload = NULL;
        break;
    }
}

void column_write_decimals(struct column *column, const int64_t *values, void *payload)
{
    ASSERT(column->encoding != COLUMN_U32);
    int64_t power = decimal_power(DECIMAL_EXP_MAX - column->exp);
    bool shifted = column->encoding == COLUMN_I16 || column->encoding == COLUMN_I32;
    write_payload(column, values, divisor_of((uint64_t)power), shifted ? column->base * power : 0,
                  payload);
}

void column_write_times(struct column *column, const int64_t *values, void *payload)
{
    ASSERT(column->exp == 0);
    uint64_t step = column->encoding == COLUMN_U32 ? (uint64_t)column->mul : 1;
    write_payload(column, values, divisor_of(step), column->base, payload);
}

struct column column_seal_decimals(const int64_t *values, size_t rows, unsigned allowed,
                                   void *payload)
{
    struct column column = column_choose_decimals(values, rows, allowed);
    column_write_decimals(&column, values, payload);
    return column;
}

struct column column_seal_times(const int64_t *values, size_t rows, unsigned allowed, void *payload)
{
    struct column column = column_choose_times(values, rows, allowed);
    column_write_times(&column, values, payload);
    return column;
}

struct column column_slice(const struct column *column, size_t first, size_t rows)
{
    ASSERT(first <= column->rows);
    ASSERT(rows <= column->rows - first);
    struct column slice = *column;
    slice.rows = rows;
    if (column->payload != NULL)
        slice.payload = (const char *)column->payload + first * column_row_bytes(column->encoding);
    return slice;
}

#define REVERSE(type)                                                                              \
    do {                                                                                           \
        const type *from = slice.payload;                                                          \
        type *to = payload;                                                                        \
        for (size_t row = 0; row < rows; row++)                                                    \
            to[row] = from[rows - 1 - row];                                                        \
    } while (0)

struct column column_reverse(const struct column *column, size_t first, size_t rows, void *payload)
{
    struct column slice = column_slice(column, first, rows);
    switch (column_row_bytes(slice.encoding)) {
    case sizeof(int16_t):
        REVERSE(int16_t);
        break;
    case sizeof(int32_t):
        REVERSE(int32_t);
        break;
    case sizeof(int64_t):
        REVERSE(int64_t);
        break;
    default:
        return slice; /* every row is the same */
    }
    slice.payload = payload;
    return slice;
}

int64_t column_value(const struct column *column, size_t row)
{
    ASSERT(row < column->rows);
    switch (column->encoding) {
    case COLUMN_U32: {
        uint64_t offset = ((const uint32_t *)column->payload)[row];
        return (int64_t)((uint64_t)column->base + (uint64_t)column->mul * offset);
    }
    case COLUMN_I16: {
        int16_t offset = ((const int16_t *)column->payload)[row];
        return offset == INT16_MIN ? DECIMAL_NULL : column->base + offset;
    }
    case COLUMN_I32: {
        int32_t offset = ((const int32_t *)column->payload)[row];
        return offset == INT32_MIN ? DECIMAL_NULL : column->base + offset;
    }
    case COLUMN_I64:
        return ((const int64_t *)column->payload)[row];
    case COLUMN_CONST:
        break;
    }
    return column->base;
}

int64_t column_decimal(const struct column *column, size_t row)
{
    int64_t mantissa = column_value(column, row);
    return mantissa == DECIMAL_NULL ? DECIMAL_NULL
                                    : mantissa * decimal_power(DECIMAL_EXP_MAX - column->exp);
}
