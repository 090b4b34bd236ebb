/*
 * The newest candles of one symbol as of an instant: what a chart shows. Walks back from there:
 *
 *   from                                                     at (or to)
 *    ├──────┬──────┬──────┬──────┬──────┬──────┬──────┬──────┬───┤
 *    ◀─────────── whole buckets, of stored candles ──────────┤   │
 *                 until `limit` of them had trades           └───┴── the bucket under way: a fold
 *
 * Buckets roll up from the largest stored interval that divides theirs; those of seconds come from
 * ticks, looked for CANDLE_QUERY_TICKS_US back at most.
 *
 * Nothing at or after `at` is in any of them, by construction: stored candles are taken only where
 * their whole bucket lies before it.
 *
 * Owner's thread; asynchronous: `wake` is called there when running it again is worth it.
 */
#ifndef TAPEDECK_TAPE_CANDLE_QUERY_H
#define TAPEDECK_TAPE_CANDLE_QUERY_H

#include "tape/candle_fold.h"

#define CANDLE_QUERY_TICKS_US TIME_DAY_US
#define CANDLE_QUERY_NO_INSTANT INT64_MAX

struct candle_query_range {
    int64_t from; /* buckets with from ≤ start < to */
    int64_t to;
    int64_t at;   /* as of then; CANDLE_QUERY_NO_INSTANT: with all there is */
    size_t limit; /* ≥ 1: the newest of them */
};

typedef void candle_query_wake_fn(void *owner);

struct candle_query;

/* `symbol` is borrowed for the call. Nothing runs yet. */
struct candle_query *candle_query_create(struct tape *tape, struct inbox *inbox,
                                         const struct symbol *symbol, int64_t interval_us,
                                         candle_query_wake_fn *wake, void *owner);
void candle_query_destroy(struct candle_query **query);

/* Begins anew; what was under way is void. A range of nothing is answered with nothing. */
void candle_query_ask(struct candle_query *query, const struct candle_query_range *range);

/* STATUS_OK: `candles` (oldest first, borrowed until the next ask) are there. STATUS_WAIT: `wake`
 * will be called. Else the failure of a load; running again tries again. Should stored ticks change
 * meanwhile, it begins anew by itself. */
enum status candle_query_run(struct candle_query *query, const struct candle **candles,
                             size_t *count, struct error *error) MUST_CHECK;

#endif
