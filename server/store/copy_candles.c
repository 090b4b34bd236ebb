/*
 * The columns of a candle.
 *
 * Owner's thread. Never allocates, never reads outside of what it was given.
 */
#include "store/copy_candles.h"

#include "store/copy_fields.h"

#include <assert.h>

#define COLUMN_COUNT 7
#define NUMERIC_COUNT 5

static_assert(2 + 2 * (4 + COPY_INT8_BYTES) + NUMERIC_COUNT * (4 + COPY_NUMERIC_BYTES_MAX) <=
                  COPY_ROW_BYTES_MAX,
              "a row that was cut must fit the carry buffer");

static enum status take_price(struct copy_item *item, const char *name, int64_t *price,
                              struct error *error)
{
    enum status status = copy_take_decimal(item, name, price, error);
    if (status == STATUS_OK && *price == DECIMAL_NULL)
        return error_set(error, STATUS_BAD_MESSAGE, "COPY data: %s is null", name);
    return status;
}

static enum status take_prices(struct copy_item *item, struct candle *candle, struct error *error)
{
    enum status status = take_price(item, "open", &candle->open, error);
    if (status == STATUS_OK)
        status = take_price(item, "high", &candle->high, error);
    if (status == STATUS_OK)
        status = take_price(item, "low", &candle->low, error);
    if (status == STATUS_OK)
        status = take_price(item, "close", &candle->close, error);
    return status;
}

static enum status take_volume(struct copy_item *item, struct candle *candle, struct error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    enum status status = copy_take_numeric(item, &bytes, &length, error);
    if (status != STATUS_OK)
        return status;
    candle->has_volume = bytes != NULL;
    candle->volume = 0;
    if (bytes == NULL)
        return STATUS_OK;
    struct reader reader = reader_of(bytes, length);
    if (decimal_read_numeric128(&reader, &candle->volume) == STATUS_OK && reader_left(&reader) == 0)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "COPY data: volume is no number of 39 digits, eight of them decimals");
}

static enum status take_trades(struct copy_item *item, int64_t *trades, struct error *error)
{
    enum status status = copy_take_int64(item, "length of a count is", trades, error);
    if (status == STATUS_OK && *trades <= 0)
        return copy_bad(error, "number of trades is", *trades);
    return status;
}

static enum status take_candle(struct copy_item *item, void *row, struct error *error)
{
    struct candle *candle = row;
    enum status status = copy_take_time(item, &candle->time, error);
    if (status == STATUS_OK)
        status = take_prices(item, candle, error);
    if (status == STATUS_OK)
        status = take_volume(item, candle, error);
    if (status == STATUS_OK)
        status = take_trades(item, &candle->trades, error);
    return status;
}

void copy_candles_init(struct copy_candles *candles)
{
    copy_stream_init(&candles->stream, COLUMN_COUNT, take_candle);
}

void copy_candles_give(struct copy_candles *candles, const void *bytes, size_t count)
{
    copy_stream_give(&candles->stream, bytes, count);
}

enum status copy_candles_next(struct copy_candles *candles, struct candle *candle,
                              struct error *error)
{
    return copy_stream_next(&candles->stream, candle, error);
}
