/*
 * The candle of a stretch of time, out of the tape: whole hours and minutes from the stored
 * candles, the rest from ticks.
 *
 *   from ┤ticks├┤minutes├──┤ hours ├──┤minutes├┤ticks├ to
 *
 * Goes on where it stopped when it had to wait for a load, and pins one stretch at a time, so it
 * comes to its end however small the cache. Owner's thread.
 */
#ifndef TAPEDECK_TAPE_CANDLE_FOLD_H
#define TAPEDECK_TAPE_CANDLE_FOLD_H

#include "tape/tape.h"

/* Rows looked through in one turn of the owner's thread. */
#define CANDLE_FOLD_ROWS_MAX 65536

/* Held by the owner; `minutes` and `hours` NULL: everything from ticks. */
struct candle_tracks {
    struct track *ticks;
    struct track *minutes;
    struct track *hours;
};

struct candle_fold {
    struct tape *tape;
    struct candle_tracks tracks;
    struct tape_waiter *waiter; /* the owner's; its deliver is called when it is worth going on */
    int64_t position;           /* everything before it is in the candle */
    int64_t to;
    struct candle candle;
};

/* Begins anew with the trades of `range`; the candle's time is range.from. */
void candle_fold_begin(struct candle_fold *fold, struct time_range range);
/* STATUS_OK: the candle is complete. STATUS_WAIT: the waiter will be told. Else the failure of a
 * load; calling again tries again. `rows_left` shrinks; at 0 it is STATUS_WAIT and nobody is told:
 * that was enough for one turn. */
enum status candle_fold_run(struct candle_fold *fold, size_t *rows_left,
                            struct error *error) MUST_CHECK;

#endif
