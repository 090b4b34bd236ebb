/*
 * The fields of a row of binary COPY data that we read. Each takes one field from an item:
 * STATUS_WAIT when its bytes end too early, STATUS_BAD_MESSAGE with a sentence when it is none.
 *
 * Inline, because ticks come by the million. Owner's thread; never reads outside of the item.
 */
#ifndef TAPEDECK_STORE_COPY_FIELDS_H
#define TAPEDECK_STORE_COPY_FIELDS_H

#include "market/decimal.h"
#include "market/time.h"
#include "store/copy_stream.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* decimal(20,8) needs at most 20, a sum of 39 digits 30; more is not ours. */
#define COPY_NUMERIC_BYTES_MAX 64
#define COPY_NUMERIC_BYTES_MIN 8
#define COPY_INT8_BYTES 8
#define COPY_NULL_LENGTH UINT32_MAX

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian input is swapped");

static inline uint16_t copy_u16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t copy_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t copy_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

static inline size_t copy_left(const struct copy_item *item)
{
    return (size_t)(item->end - item->at);
}

static inline enum status copy_bad(struct error *error, const char *what, long long value)
{
    return error_set(error, STATUS_BAD_MESSAGE, "COPY data: %s %lld", what, value);
}

/*
 * The numerics that nearly all are: up to four digits (of 10000) between 10^8 and 10^−8, where
 * nothing can overflow. False: not one of them, decimal_read_numeric takes a closer look.
 */
static inline bool copy_common_numeric(const uint8_t *bytes, size_t length, int64_t *mantissa)
{
    enum { DIGITS_MAX = 4, BASE = 10000, NEGATIVE = 0x4000, UNIT_WEIGHT = -2 /* 10^−8 */ };
    static const uint64_t powers[DIGITS_MAX + 1] = {1, 10000, 100000000, 1000000000000,
                                                    10000000000000000};
    uint64_t head = copy_u64(bytes);
    unsigned count = (unsigned)(head >> 48);
    int last = (int16_t)(uint16_t)(head >> 32) - UNIT_WEIGHT - (int)count + 1; /* digit's power */
    unsigned sign = (unsigned)(head >> 16) & 0xffff;
    if (count > DIGITS_MAX || length != COPY_NUMERIC_BYTES_MIN + 2 * (size_t)count || last < 0 ||
        last + (int)count > DIGITS_MAX || (sign & ~(unsigned)NEGATIVE) != 0)
        return false;
    uint64_t value = 0;
    bool is_right = true;
    for (unsigned i = 0; i < count; i++) {
        unsigned digit = copy_u16(bytes + COPY_NUMERIC_BYTES_MIN + 2 * (size_t)i);
        is_right &= digit < BASE;
        value = value * BASE + digit;
    }
    value *= powers[last];
    *mantissa = sign != 0 ? -(int64_t)value : (int64_t)value;
    return is_right;
}

/* The bytes of a numeric; `*bytes` is NULL for null. */
static inline enum status copy_take_numeric(struct copy_item *item, const uint8_t **bytes,
                                            size_t *length, struct error *error)
{
    if (copy_left(item) < 4)
        return STATUS_WAIT;
    uint32_t count = copy_u32(item->at);
    if (count == COPY_NULL_LENGTH) {
        item->at += 4;
        *bytes = NULL;
        return STATUS_OK;
    }
    if (count < COPY_NUMERIC_BYTES_MIN || count > COPY_NUMERIC_BYTES_MAX)
        return copy_bad(error, "length of a numeric is", (int32_t)count);
    if (copy_left(item) < 4 + (size_t)count)
        return STATUS_WAIT;
    *bytes = item->at + 4;
    *length = count;
    item->at += 4 + (size_t)count;
    return STATUS_OK;
}

/* A mantissa at exp 8, DECIMAL_NULL for null; `name` is for the sentence. */
static inline enum status copy_take_decimal(struct copy_item *item, const char *name,
                                            int64_t *mantissa, struct error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    enum status status = copy_take_numeric(item, &bytes, &length, error);
    if (status != STATUS_OK)
        return status;
    if (bytes == NULL) {
        *mantissa = DECIMAL_NULL;
        return STATUS_OK;
    }
    if (copy_common_numeric(bytes, length, mantissa))
        return STATUS_OK;
    struct reader reader = reader_of(bytes, length);
    if (decimal_read_numeric(&reader, mantissa) == STATUS_OK && reader_left(&reader) == 0)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "COPY data: %s is no number within ±92233720368.54775807", name);
}

/* Eight bytes; `what` is for the sentence: "length of a time is". */
static inline enum status copy_take_int64(struct copy_item *item, const char *what, int64_t *value,
                                          struct error *error)
{
    if (copy_left(item) < 4 + COPY_INT8_BYTES)
        return STATUS_WAIT;
    uint32_t length = copy_u32(item->at);
    if (length != COPY_INT8_BYTES)
        return copy_bad(error, what, (int32_t)length);
    *value = (int64_t)copy_u64(item->at + 4);
    item->at += 4 + COPY_INT8_BYTES;
    return STATUS_OK;
}

static inline enum status copy_take_time(struct copy_item *item, int64_t *time, struct error *error)
{
    int64_t since_2000 = 0;
    enum status status = copy_take_int64(item, "length of a time is", &since_2000, error);
    if (status != STATUS_OK)
        return status;
    if (since_2000 < TIME_MIN - TIME_POSTGRES_EPOCH_US ||
        since_2000 > TIME_MAX - TIME_POSTGRES_EPOCH_US)
        return copy_bad(error, "time out of range: µs since 2000", since_2000);
    *time = since_2000 + TIME_POSTGRES_EPOCH_US;
    return STATUS_OK;
}

#endif
