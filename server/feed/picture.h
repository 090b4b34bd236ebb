/*
 * What a subscriber to live candles has been told, and which part of it is out of date.
 *
 *   window.from                                                             window.to
 *    ├───────┤■■■■■■■■■■■■■■■■■■ told: the buckets that he has ■■■■■■□├──────┤
 *                                       ╰── dirty ──╯            ╰─ open: told before their end
 *
 * However slow a client is, this is all that is kept for it: changes only widen `dirty`. From it
 * follows what to load next: the dirty buckets, whose rows replace those told, or everything, where
 * that is shorter or rows could have gone that an update cannot take back.
 *
 * Pure; its owner's thread.
 */
#ifndef TAPEDECK_FEED_PICTURE_H
#define TAPEDECK_FEED_PICTURE_H

#include "market/candle.h"
#include "market/time.h"
#include "tape/candle_query.h"

#define PICTURE_UPDATE_MOST 64 /* buckets in an update; more are told as a snapshot */
#define PICTURE_ROWS_MAX 5000  /* told; the oldest are forgotten, and changes of them not told */

enum picture_due {
    PICTURE_CURRENT,
    PICTURE_UPDATE,
    PICTURE_SNAPSHOT,
};

struct picture {
    int64_t interval_us;
    struct time_range window; /* of bucket starts */
    bool vwap;                /* with average prices */
    size_t limit;             /* rows of the first snapshot; later ones have as many as were told */
    bool is_void;             /* a snapshot is due */
    struct time_range dirty;  /* bucket starts; none: from ≥ to */
    struct time_range asked;  /* of the update under way */
    struct time_range open;   /* bucket starts told as not final; none: from ≥ to */
    int64_t known_to;         /* ticks before it have been announced */
    int64_t *times;           /* bucket starts, oldest first */
    size_t count;
    size_t capacity;
    struct candle newest; /* as told; trades 0: none */
    struct vwap newest_vwap;
    bool newest_is_final;
};

/* A snapshot is due. */
void picture_init(struct picture *picture, int64_t interval_us, struct time_range window,
                  size_t limit, bool vwap);
void picture_deinit(struct picture *picture);

/* Ticks in `range` have changed; one that ends with time itself: anything may have. */
void picture_mark(struct picture *picture, struct time_range range);
/* Buckets that have ended by `wall_us` become final. */
void picture_end_buckets(struct picture *picture, int64_t wall_us);
/* When the next one does; INT64_MAX: none. */
int64_t picture_next_end(const struct picture *picture);

bool picture_is_stale(const struct picture *picture);
/* What to load, if anything; from then on it counts as told. `data_to`: the end of the ticks, as
 * far as is known. */
enum picture_due picture_ask(struct picture *picture, int64_t data_to,
                             struct candle_query_range *range);
/* It could not be loaded, and is due again. */
void picture_fail(struct picture *picture, enum picture_due due);
/* It has been loaded, and is said at `wall_us` if this is true; if not there is nothing to say, or
 * a snapshot is due instead. */
bool picture_take(struct picture *picture, enum picture_due due, const struct candle_rows *rows,
                  int64_t wall_us);

#endif
