/*
 * As-of candles: one series per symbol and interval of a replay. A series knows the newest candle
 * as of the playhead, and what the client has been told of it.
 *
 *   forward    the bucket under way is kept, and the trades of each frame are added to it; buckets
 *              that end become final
 *   backward   the newest candle that remains is asked of the tape at each edge that changes it:
 *              it may need candles and ticks from before the playhead, and so may have to wait
 *
 * Either way a candle equals the aggregate over the ticks of its bucket before the edge: both ways
 * end in the same fold (market/fold.h), and the forward one begins with what the tape says at the
 * start of the epoch. When stored ticks change, it begins so again.
 *
 * Lane's thread. All instants here are market time.
 */
#ifndef TAPEDECK_REPLAY_SERIES_H
#define TAPEDECK_REPLAY_SERIES_H

#include "market/playback.h"
#include "replay/cursor.h"
#include "tape/candle_query.h"

struct series {
    size_t symbol;
    size_t interval;
    int64_t interval_us;
    size_t history;
    struct candle_query *query;
    struct track *ticks; /* the cursor's: tells when stored ticks change */

    int64_t at;       /* the edge that the query is about */
    uint64_t changes; /* of the track, when it was asked */
    bool is_asked;
    bool is_ready;
    bool keeps_told; /* it is asked only because ticks changed: the client's picture stays */
    const struct candle *rows; /* of the query */
    size_t count;

    struct candle now; /* forward: the bucket under way; trades 0: none of it yet */
    bool is_news;      /* forward: `now` is not what was told */
    struct frame_candle told;
};

/* What frames are made in, shared by the replays of a lane; keeps its size. */
struct trade {
    int64_t time;
    int64_t price;
    int64_t volume;
};
struct series_rows {
    struct frame_candle *rows;
    size_t count;
    size_t capacity;
    struct trade *trades;
    size_t trade_count;
    size_t trade_capacity;
};
void series_rows_init(struct series_rows *rows);
void series_rows_deinit(struct series_rows *rows);

void series_init(struct series *series, struct tape *tape, struct inbox *inbox,
                 const struct symbol *symbol, size_t symbol_index,
                 const struct replay_interval *interval, size_t interval_index, struct track *ticks,
                 candle_query_wake_fn *wake, void *owner);
void series_deinit(struct series *series);

/* An epoch or a picture begins at `at`. */
void series_begin(struct series *series, int64_t at);
/* Stored ticks have changed since it was asked. */
bool series_is_stale(const struct series *series);
/* It is asked for anew, at `at`, for a client whose picture stays. */
void series_begin_again(struct series *series, int64_t at);
/* STATUS_OK: ready; with `with_history` its rows are the picture. Asks, or goes on. */
enum status series_run(struct series *series, bool with_history, struct error *error) MUST_CHECK;

/* The first instant at which an edge changes the candle without any trade: forward the end of its
 * bucket; backward, where it is final, that too. False: there is none. */
bool series_next_end(const struct series *series, int direction, int64_t *end);

/* Most rows a frame may have of it, over a span with so many ticks of its symbol. */
size_t series_rows_most(const struct series *series, int direction, int64_t span_us, size_t ticks);

/* Forward: the trades before `edge` that the cursor has not passed, oldest first. */
void series_take_trades(struct series_rows *rows, const struct cursor *cursor, int64_t edge);

/* Forward: adds the trades taken and moves to `edge`; what changed goes to `rows`. */
void series_advance(struct series *series, int64_t edge, struct series_rows *rows);

/* Backward, before a frame to `edge`: whether the candle changes. Then it has to begin again there,
 * and be ready before the frame. */
bool series_is_changed(const struct series *series, int64_t edge, bool has_trades);
/* With the frame: what changed goes to `rows`. */
void series_retreat(struct series *series, int64_t edge, struct series_rows *rows);

#endif
