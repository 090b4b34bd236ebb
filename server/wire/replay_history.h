/*
 * replay.history {id, symbol, interval, before, count, at?, vwap?}
 *   → replay.history {id, symbol, interval, at, columns}: the newest `count` candles that start
 *     before `before`, as of `at`
 */
#ifndef TAPEDECK_WIRE_REPLAY_HISTORY_H
#define TAPEDECK_WIRE_REPLAY_HISTORY_H

#include "wire/candles.h"

struct replay_history_request {
    int64_t symbol; /* index in the replay's list; checked only for its kind */
    struct replay_interval interval;
    int64_t before;
    size_t count; /* 1 … CANDLES_ROWS_MAX */
    bool has_at;
    int64_t at;
    bool vwap;
};
/* STATUS_LIMIT for too many candles. */
enum status replay_history_read(const struct request *request,
                                struct replay_history_request *history,
                                struct error *error) MUST_CHECK;

struct replay_history_answer {
    uint64_t id;
    int64_t symbol;
    const struct replay_interval *interval;
    int64_t at;
    struct candle_rows rows;
    unsigned encodings;
};
void replay_history_write(struct writer *writer, const struct request *request,
                          const struct replay_history_answer *answer);

#endif
