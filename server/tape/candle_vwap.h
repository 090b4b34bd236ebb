/*
 * The average prices of candles that are there, out of the ticks of their buckets.
 *
 *   rows       │ candle │ candle │        │ candle │ under way ┤ at
 *   ticks      │◀──────││◀──────││        │◀──────││◀─────────┤      newest bucket first
 *
 * Where a bucket holds fewer trades than its candle, ticks of it have been dropped since the candle
 * was stored: its average is null, not that of the rest.
 *
 * Whole blocks of ticks are summed once (fold_turnover), so the average of the day so far may be
 * asked for again and again; but somebody has to read them first: CANDLE_VWAP_TICKS_MAX is what one
 * question may cost. Pins one stretch at a time. Owner's thread.
 */
#ifndef TAPEDECK_TAPE_CANDLE_VWAP_H
#define TAPEDECK_TAPE_CANDLE_VWAP_H

#include "tape/tape.h"

#define CANDLE_VWAP_TICKS_MAX 4000000 /* ticks in the buckets of one question */

struct candle_vwaps {
    struct tape *tape;
    struct track *ticks;        /* held by the owner */
    struct tape_waiter *waiter; /* the owner's */
    int64_t interval_us;
    int64_t at;                /* nothing from then on counts */
    const struct candle *rows; /* borrowed: oldest first */
    size_t left;               /* rows that are still to come: the first ones */
    int64_t bucket_from;       /* of the bucket under way */
    int64_t position;          /* ticks of the bucket from here on are in the turnover */
    struct turnover turnover;  /* of the bucket under way */
    int64_t ticks_met;         /* with and without a trade */
    struct vwap *vwaps;        /* of all rows */
    size_t capacity;
};

/* Frees what it allocated. */
void candle_vwaps_deinit(struct candle_vwaps *vwaps);

/* Begins anew, with these rows, which stay until it is done. STATUS_LIMIT when they have more
 * trades than one question may. */
enum status candle_vwaps_begin(struct candle_vwaps *vwaps, const struct candle *rows, size_t count,
                               int64_t at, struct error *error) MUST_CHECK;
/* STATUS_OK: `vwaps` is complete. STATUS_WAIT and failures as candle_fold_run. STATUS_LIMIT: more
 * ticks than one question may. */
enum status candle_vwaps_run(struct candle_vwaps *vwaps, size_t *rows_left,
                             struct error *error) MUST_CHECK;

#endif
