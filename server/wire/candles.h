/*
 * Candles in messages: as columns (snapshots), and as rows (frames).
 *
 *   columns   n, time, open, high, low, close, volume, trades, final, and vwap where asked for
 *   row       [symbol, interval, time, exp, open, high, low, close, vexp, volume, trades, final]
 *             [symbol, interval, nil]            no candle is left
 */
#ifndef TAPEDECK_WIRE_CANDLES_H
#define TAPEDECK_WIRE_CANDLES_H

#include "market/playback.h"
#include "market/vwap.h"
#include "wire/request.h"
#include "wire/writer.h"

/* The field `candles`: [{interval, history?}], no interval twice. Leaves both as they are when it
 * is absent. Over one of the bounds of market/playback.h, for so many symbols: STATUS_LIMIT. */
enum status replay_intervals_read(const struct request *request, bool *has_intervals,
                                  struct replay_intervals *intervals,
                                  struct error *error) MUST_CHECK;
enum status replay_intervals_check(const struct replay_intervals *intervals, size_t symbol_count,
                                   struct error *error) MUST_CHECK;

/* The required field `interval`, as text and µs. */
enum status candles_interval_read(const struct request *request, struct replay_interval *interval,
                                  struct error *error) MUST_CHECK;
/* A number of candles, 1 … CANDLES_ROWS_MAX: STATUS_LIMIT beyond. Stays when absent. */
#define CANDLES_ROWS_MAX 5000
enum status candles_count_read(const struct request *request, const char *key, size_t *count,
                               struct error *error) MUST_CHECK;

/* How many pairs candles_write_columns adds to a map. */
#define CANDLE_COLUMN_PAIRS 9
static inline size_t candles_column_pairs(const struct candle_rows *rows)
{
    return CANDLE_COLUMN_PAIRS + (rows->vwaps != NULL);
}

/* `final`: whose bucket ends at or before `final_by`. Encodings as the client knows them. */
void candles_write_columns(struct writer *writer, const struct candle_rows *rows,
                           int64_t interval_us, int64_t final_by, unsigned encodings);

/* `interval`: as the client wrote it. */
void candle_write_row(struct writer *writer, const struct frame_candle *row, const char *interval);
/* Most bytes a row takes. */
size_t wire_candle_bytes(enum wire_encoding encoding);

#endif
