/*
 * Reading binary COPY data row by row. A row that lies whole in the chunk is decoded in place; only
 * a row that was cut goes through the carry buffer.
 *
 * Owner's thread. Never allocates, never reads outside of what it was given.
 */
#include "store/copy_rows.h"

#include "base/assert.h"
#include "market/time.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define SIGNATURE_BYTES 11
#define HEAD_BYTES (SIGNATURE_BYTES + 4 + 4)
#define CRITICAL_FLAGS 0xffff0000U
#define COLUMN_COUNT (1 + TICK_FIELDS)
#define TIME_BYTES 8
#define NUMERIC_BYTES_MIN 8
#define NUMERIC_BASE 10000
#define NUMERIC_NEGATIVE 0x4000U
#define UNIT_WEIGHT (-2) /* 10^−8 is 10000^−2 */
#define COMMON_DIGITS_MAX 4
#define NULL_LENGTH UINT32_MAX
#define TRAILER UINT16_MAX

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian input is swapped");
static_assert(HEAD_BYTES <= COPY_ROW_BYTES_MAX, "the header goes through the carry buffer too");

static const uint8_t signature[SIGNATURE_BYTES] = {'P',  'G',  'C',  'O',  'P', 'Y',
                                                   '\n', 0xff, '\r', '\n', 0};
static const char *const field_names[TICK_FIELDS] = {"bid_price", "ask_price", "last_price",
                                                     "volume"};

static inline uint16_t load_u16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t load_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

/* Bytes of one item: what is left of them, and what has been taken. */
struct item {
    const uint8_t *at;
    const uint8_t *end;
};

static inline size_t item_left(const struct item *item)
{
    return (size_t)(item->end - item->at);
}

static enum status bad(struct error *error, const char *what, long long value)
{
    return error_set(error, STATUS_BAD_MESSAGE, "COPY data: %s %lld", what, value);
}

/*
 * The numerics that nearly all are: up to four digits (of 10000) between 10^8 and 10^−8, where
 * nothing can overflow. False: not one of them, decimal_read_numeric takes a closer look.
 */
static inline bool read_common_numeric(const uint8_t *bytes, uint32_t length, int64_t *mantissa)
{
    static const uint64_t powers[COMMON_DIGITS_MAX + 1] = {1, 10000, 100000000, 1000000000000,
                                                           10000000000000000};
    uint64_t head = load_u64(bytes);
    unsigned count = (unsigned)(head >> 48);
    int last = (int16_t)(uint16_t)(head >> 32) - UNIT_WEIGHT - (int)count + 1; /* digit's power */
    unsigned sign = (unsigned)(head >> 16) & 0xffff;
    if (count > COMMON_DIGITS_MAX || length != NUMERIC_BYTES_MIN + 2 * count || last < 0 ||
        last + (int)count > COMMON_DIGITS_MAX || (sign & ~NUMERIC_NEGATIVE) != 0)
        return false;
    uint64_t value = 0;
    bool is_right = true;
    for (unsigned i = 0; i < count; i++) {
        unsigned digit = load_u16(bytes + NUMERIC_BYTES_MIN + 2 * (size_t)i);
        is_right &= digit < NUMERIC_BASE;
        value = value * NUMERIC_BASE + digit;
    }
    value *= powers[last];
    *mantissa = sign != 0 ? -(int64_t)value : (int64_t)value;
    return is_right;
}

static inline enum status take_field(struct item *item, int field, int64_t *mantissa,
                                     struct error *error)
{
    if (item_left(item) < 4)
        return STATUS_WAIT;
    uint32_t length = load_u32(item->at);
    if (length == NULL_LENGTH) {
        item->at += 4;
        *mantissa = DECIMAL_NULL;
        return STATUS_OK;
    }
    if (length < NUMERIC_BYTES_MIN || length > COPY_NUMERIC_BYTES_MAX)
        return bad(error, "length of a numeric is", (int32_t)length);
    if (item_left(item) < 4 + (size_t)length)
        return STATUS_WAIT;
    const uint8_t *numeric = item->at + 4;
    item->at += 4 + length;
    if (read_common_numeric(numeric, length, mantissa))
        return STATUS_OK;
    struct reader reader = reader_of(numeric, length);
    if (decimal_read_numeric(&reader, mantissa) == STATUS_OK && reader_left(&reader) == 0)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "COPY data: %s is no number within ±92233720368.54775807", field_names[field]);
}

static inline enum status take_time(struct item *item, int64_t *time, struct error *error)
{
    if (item_left(item) < 4 + TIME_BYTES)
        return STATUS_WAIT;
    uint32_t length = load_u32(item->at);
    if (length != TIME_BYTES)
        return bad(error, "length of a time is", (int32_t)length);
    int64_t since_2000 = (int64_t)load_u64(item->at + 4);
    if (since_2000 < TIME_MIN - TIME_POSTGRES_EPOCH_US ||
        since_2000 > TIME_MAX - TIME_POSTGRES_EPOCH_US)
        return bad(error, "time out of range: µs since 2000", since_2000);
    *time = since_2000 + TIME_POSTGRES_EPOCH_US;
    item->at += 4 + TIME_BYTES;
    return STATUS_OK;
}

/* Never leaves more than COPY_ROW_BYTES_MAX bytes undecided. */
static inline enum status take_row(struct item *item, struct tick *tick, struct error *error)
{
    if (item_left(item) < 2)
        return STATUS_WAIT;
    uint16_t columns = load_u16(item->at);
    if (columns == TRAILER) {
        item->at += 2;
        return STATUS_END;
    }
    if (columns != COLUMN_COUNT)
        return bad(error, "number of columns is", (int16_t)columns);
    item->at += 2;
    enum status status = take_time(item, &tick->time, error);
    for (int field = 0; field < TICK_FIELDS && status == STATUS_OK; field++)
        status = take_field(item, field, &tick->fields[field], error);
    return status;
}

static enum status take_head(struct item *item, struct copy_rows *rows, struct error *error)
{
    if (item_left(item) < HEAD_BYTES)
        return STATUS_WAIT;
    if (memcmp(item->at, signature, SIGNATURE_BYTES) != 0)
        return error_set(error, STATUS_BAD_MESSAGE, "COPY data: not in binary format");
    uint32_t flags = load_u32(item->at + SIGNATURE_BYTES);
    if ((flags & CRITICAL_FLAGS) != 0)
        return bad(error, "unknown flags", flags);
    rows->extension_left = load_u32(item->at + SIGNATURE_BYTES + 4);
    item->at += HEAD_BYTES;
    rows->phase = COPY_ROWS_EXTENSION;
    return STATUS_OK;
}

static enum status take(struct copy_rows *rows, struct item *item, struct tick *tick,
                        struct error *error)
{
    return rows->phase == COPY_ROWS_HEAD ? take_head(item, rows, error)
                                         : take_row(item, tick, error);
}

/* The carry holds the start of an item: adds from the chunk until the item is whole. */
static enum status take_carried(struct copy_rows *rows, struct tick *tick, struct error *error)
{
    size_t before = rows->carried;
    size_t room = sizeof rows->carry - before;
    size_t given = (size_t)(rows->end - rows->at);
    size_t added = given < room ? given : room;
    if (added > 0)
        memcpy(rows->carry + before, rows->at, added);
    struct item item = {.at = rows->carry, .end = rows->carry + before + added};
    enum status status = take(rows, &item, tick, error);
    if (status == STATUS_WAIT) {
        ASSERT(added == given); /* a full carry is always decided */
        rows->carried = before + added;
        rows->at = rows->end;
        return STATUS_WAIT;
    }
    if (status == STATUS_BAD_MESSAGE)
        return status;
    size_t used = (size_t)(item.at - rows->carry);
    ASSERT(used > before); /* else it would have been whole before */
    rows->at += used - before;
    rows->carried = 0;
    return status;
}

static enum status take_given(struct copy_rows *rows, struct tick *tick, struct error *error)
{
    struct item item = {.at = rows->at, .end = rows->end};
    enum status status = take(rows, &item, tick, error);
    if (status == STATUS_WAIT) {
        size_t left = (size_t)(rows->end - rows->at);
        ASSERT(left < sizeof rows->carry);
        if (left > 0)
            memcpy(rows->carry, rows->at, left);
        rows->carried = left;
        rows->at = rows->end;
        return STATUS_WAIT;
    }
    if (status != STATUS_BAD_MESSAGE)
        rows->at = item.at;
    return status;
}

static enum status skip_extension(struct copy_rows *rows)
{
    size_t given = (size_t)(rows->end - rows->at);
    size_t skipped = given < rows->extension_left ? given : rows->extension_left;
    rows->at = skipped > 0 ? rows->at + skipped : rows->at;
    rows->extension_left -= (uint32_t)skipped;
    if (rows->extension_left > 0)
        return STATUS_WAIT;
    rows->phase = COPY_ROWS_ROWS;
    return STATUS_OK;
}

void copy_rows_init(struct copy_rows *rows)
{
    rows->phase = COPY_ROWS_HEAD;
    rows->extension_left = 0;
    rows->carried = 0;
    rows->at = rows->end = rows->carry;
}

void copy_rows_give(struct copy_rows *rows, const void *bytes, size_t count)
{
    ASSERT(rows->at == rows->end);
    rows->at = bytes;
    rows->end = count > 0 ? rows->at + count : rows->at;
}

static enum status take_next(struct copy_rows *rows, struct tick *tick, struct error *error)
{
    return rows->carried > 0 ? take_carried(rows, tick, error) : take_given(rows, tick, error);
}

static enum status take_beginning(struct copy_rows *rows, struct tick *tick, struct error *error)
{
    enum status status = STATUS_OK;
    while (rows->phase < COPY_ROWS_ROWS && status == STATUS_OK)
        status =
            rows->phase == COPY_ROWS_HEAD ? take_next(rows, tick, error) : skip_extension(rows);
    return status;
}

static enum status check_end(const struct copy_rows *rows, struct error *error)
{
    if (rows->at == rows->end)
        return STATUS_END;
    return error_set(error, STATUS_BAD_MESSAGE, "COPY data: bytes after the end");
}

enum status copy_rows_next(struct copy_rows *rows, struct tick *tick, struct error *error)
{
    enum status status = take_beginning(rows, tick, error);
    if (status != STATUS_OK)
        return status;
    if (rows->phase == COPY_ROWS_ENDED)
        return check_end(rows, error);
    if (rows->at == rows->end)
        return STATUS_WAIT; /* after nearly every row: libpq's chunks hold one each */
    status = take_next(rows, tick, error);
    if (status != STATUS_END)
        return status;
    rows->phase = COPY_ROWS_ENDED;
    return check_end(rows, error);
}
