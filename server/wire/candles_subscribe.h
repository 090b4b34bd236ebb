/*
 * candles.subscribe {id, symbol, interval, from?, to?, limit?, live?, vwap?, encodings?}
 *   → candles.snapshot {id, symbol, interval, columns}, and with `live` then candles.update of the
 *     same, or further snapshots, without `re`
 * candles.unsubscribe {id} → ok {id}
 */
#ifndef TAPEDECK_WIRE_CANDLES_SUBSCRIBE_H
#define TAPEDECK_WIRE_CANDLES_SUBSCRIBE_H

#include "market/symbol.h"
#include "market/time.h"
#include "wire/candles.h"

#define CANDLES_LIMIT 500

struct candles_subscribe {
    uint64_t id;
    const char *symbol; /* checked by symbol_check */
    struct replay_interval interval;
    struct time_range window; /* of bucket starts; all time where absent */
    size_t limit;             /* 1 … CANDLES_ROWS_MAX */
    bool live;
    bool vwap;
    unsigned encodings;
};
/* STATUS_LIMIT for too many candles. */
enum status candles_subscribe_read(const struct request *request,
                                   struct candles_subscribe *subscribe,
                                   struct error *error) MUST_CHECK;

struct candles_message {
    uint64_t id;
    const char *symbol;
    const struct replay_interval *interval;
    struct candle_rows rows;
    int64_t final_by; /* the wall clock */
    unsigned encodings;
};
/* `request` NULL: a push. */
void candles_snapshot_write(struct writer *writer, const struct request *request,
                            const struct candles_message *message);
void candles_update_write(struct writer *writer, const struct candles_message *message);

#endif
