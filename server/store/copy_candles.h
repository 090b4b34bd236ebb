/*
 * Decoder of binary COPY data for the seven columns of tapedeck.candles_exact(): bucket, open,
 * high, low, close, volume, trades.
 *
 *   7 | 8, µs since 2000 | length, numeric | … five times | 8, int8     a row; length −1: null
 *
 * Only a volume may be null; it is a sum of up to 39 digits. What stands around the rows, and how
 * to use it: store/copy_stream.h.
 */
#ifndef TAPEDECK_STORE_COPY_CANDLES_H
#define TAPEDECK_STORE_COPY_CANDLES_H

#include "market/candle.h"
#include "store/copy_stream.h"

struct copy_candles {
    struct copy_stream stream;
};

void copy_candles_init(struct copy_candles *candles);
void copy_candles_give(struct copy_candles *candles, const void *bytes, size_t count);
/* As copy_stream_next, a candle with trades per row. */
enum status copy_candles_next(struct copy_candles *candles, struct candle *candle,
                              struct error *error) MUST_CHECK;

#endif
