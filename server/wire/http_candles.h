/*
 * GET /api/v1/candles → {symbol, interval, candles:[{time, open, high, low, close, volume, trades,
 * final, vwap?}]}: times in RFC 3339, prices and volumes as numbers with their exact digits, a
 * volume that no tick had as null; vwap where it was asked for. Bounds are those of
 * candles.subscribe. Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_HTTP_CANDLES_H
#define TAPEDECK_WIRE_HTTP_CANDLES_H

#include "base/bytes.h"
#include "wire/candles_subscribe.h"

struct http_candles {
    const char *symbol;
    const char *interval; /* as the client wrote it */
    int64_t interval_us;
    int64_t final_by; /* buckets that end at or before it are final */
    struct candle_rows rows;
};

void http_candles_write(struct buffer *out, const struct http_candles *answer);

#endif
