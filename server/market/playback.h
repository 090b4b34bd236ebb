/*
 * The words of playing a tape, shared by the replay that plays and the wire that tells of it.
 */
#ifndef TAPEDECK_MARKET_PLAYBACK_H
#define TAPEDECK_MARKET_PLAYBACK_H

#include "market/candle.h"
#include "market/column.h"
#include "market/tick.h"

#include <stdbool.h>

#define REPLAY_SYMBOLS_MAX 64
#define REPLAY_FPS_MOST 240

/* Market seconds per wall second; `max`: as fast as flow allows, in the direction of `rate`. */
struct replay_speed {
    double rate; /* never 0; ±1 when max */
    bool max;
};

/* −1 or 1 */
int replay_speed_direction(struct replay_speed speed);
bool replay_speed_equal(struct replay_speed a, struct replay_speed b);

/* One step: `count` ≠ 0 units, back in time where it is negative. */
enum replay_step_unit {
    STEP_TICK,     /* past the next instant with ticks of any symbol */
    STEP_FRAME,    /* as far as a frame of the replay's speed */
    STEP_INTERVAL, /* to the next multiple of interval_us */
};
struct replay_step {
    enum replay_step_unit unit;
    int64_t interval_us;
    int64_t count;
};

enum replay_state {
    REPLAY_PAUSED,
    REPLAY_PLAYING,
    REPLAY_BUFFERING,
    REPLAY_ENDED,
    REPLAY_CLOSED,
};
#define REPLAY_STATES 5
/* "paused", … */
const char *replay_state_name(enum replay_state state);

/* Why a replay buffers. */
enum replay_reason {
    REASON_NONE,
    REASON_DATA,   /* waiting for the database */
    REASON_CLIENT, /* the socket did not drain */
    REASON_FLOW,   /* waiting for acks */
};

/* As-of candles that a replay is asked for. */
#define REPLAY_INTERVALS_MAX 8
#define REPLAY_SERIES_MAX 256         /* symbols × intervals */
#define REPLAY_HISTORY_MAX 5000       /* candles before the forming one, in a snapshot */
#define REPLAY_HISTORY_ROWS_MAX 20000 /* of all symbols and intervals together */
#define REPLAY_INTERVAL_TEXT_MAX 15
struct replay_interval {
    char text[REPLAY_INTERVAL_TEXT_MAX + 1]; /* as the client wrote it */
    int64_t interval_us;
    size_t history;
};
struct replay_intervals {
    size_t count;
    struct replay_interval items[REPLAY_INTERVALS_MAX];
};

/* A row of a frame: the newest state of one candle. */
struct frame_candle {
    size_t symbol;   /* index in the replay's list of symbols */
    size_t interval; /* index in its list of intervals */
    bool is_none;    /* backward: no candle is left; `candle` means nothing */
    bool final;      /* its bucket ends at or before the edge */
    struct candle candle;
};

/* The candles of one symbol and interval in a snapshot, oldest first. Borrowed. */
struct snapshot_candles {
    size_t symbol;
    size_t interval;
    const struct candle *candles;
    size_t count;
};

/* The ticks of one symbol in a frame. The columns are borrowed. */
struct frame_ticks {
    size_t symbol; /* index in the replay's list of symbols */
    struct column time;
    struct column fields[TICK_FIELDS];
};

#endif
