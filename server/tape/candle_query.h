/*
 * The newest candles of one symbol as of an instant: what a chart shows. Walks back from there:
 *
 *   from                                                     at (or to)
 *    ├──────┬──────┬──────┬──────┬──────┬──────┬──────┬──────┬───┤
 *    ◀─────────── whole buckets, of stored candles ──────────┤   │
 *                 until `limit` of them had trades           └───┴── the bucket under way: a fold
 *
 * Buckets roll up from the largest stored interval that divides theirs; those of seconds come from
 * ticks. Of these it looks through a day from the newest on, and further until it has enough or has
 * seen CANDLE_QUERY_TICKS_MOST of them, or CANDLE_QUERY_STRETCHES_MOST stretches: then older ones
 * are missing.
 *
 * Should stored ticks change meanwhile, it begins anew, so that all rows are of one state; but only
 * CANDLE_QUERY_RESTARTS_MAX times: where somebody commits all the time it ends nevertheless, and
 * the rows are made of what was committed at one moment or another since the question. Who wants to
 * know what came then watches for changes and asks again.
 *
 * With `vwap` their average prices follow (tape/candle_vwap.h).
 *
 * Nothing at or after `at` is in any of them, by construction: stored candles are taken only where
 * their whole bucket lies before it.
 *
 * Owner's thread; asynchronous: `wake` is called there when running it again is worth it.
 */
#ifndef TAPEDECK_TAPE_CANDLE_QUERY_H
#define TAPEDECK_TAPE_CANDLE_QUERY_H

#include "tape/candle_fold.h"
#include "tape/candle_vwap.h"

#define CANDLE_QUERY_TICKS_US TIME_DAY_US
#define CANDLE_QUERY_TICKS_MOST 1000000 /* and those of the first day */
#define CANDLE_QUERY_STRETCHES_MOST 512 /* each of them at most one load */
#define CANDLE_QUERY_RESTARTS_MAX 3
#define CANDLE_QUERY_NO_INSTANT INT64_MAX

struct candle_query_range {
    int64_t from; /* buckets with from ≤ start < to */
    int64_t to;
    int64_t at;   /* as of then; CANDLE_QUERY_NO_INSTANT: with all there is */
    size_t limit; /* ≥ 1: the newest of them */
    bool vwap;    /* and their average prices */
    bool watched; /* who asks hears of changes and asks again: it never begins anew by itself */
};

typedef void candle_query_wake_fn(void *owner);

struct candle_query;

/* The end of all there is to ask for, where a question names none. The list of symbols tells of a
 * tick a moment after its commit: what lies before now is looked for at any rate, and a minute
 * more, because clocks differ. */
#define CANDLE_QUERY_AHEAD_US TIME_MINUTE_US
int64_t candle_query_end(const struct symbol *symbol, int64_t now_us);

/* `symbol` is borrowed for the call. Nothing runs yet. */
struct candle_query *candle_query_create(struct tape *tape, struct inbox *inbox,
                                         const struct symbol *symbol, int64_t interval_us,
                                         candle_query_wake_fn *wake, void *owner);
void candle_query_destroy(struct candle_query **query);

/* Begins anew; what was under way is void. A range of nothing is answered with nothing. */
void candle_query_ask(struct candle_query *query, const struct candle_query_range *range);

/* STATUS_OK: `rows` (borrowed until the next ask) are there. STATUS_WAIT: `wake` will be called.
 * STATUS_LIMIT: average prices of more ticks than one question may. Else the failure of a load;
 * running again tries again. */
enum status candle_query_run(struct candle_query *query, struct candle_rows *rows,
                             struct error *error) MUST_CHECK;

#endif
