/*
 * The words of playing a tape, shared by the replay that plays and the wire that tells of it.
 */
#ifndef TAPEDECK_MARKET_PLAYBACK_H
#define TAPEDECK_MARKET_PLAYBACK_H

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
/* "paused", … */
const char *replay_state_name(enum replay_state state);

/* Why a replay buffers. */
enum replay_reason {
    REASON_NONE,
    REASON_DATA,   /* waiting for the database */
    REASON_CLIENT, /* the socket did not drain */
    REASON_FLOW,   /* waiting for acks */
};

/* The ticks of one symbol in a frame. The columns are borrowed. */
struct frame_ticks {
    size_t symbol; /* index in the replay's list of symbols */
    struct column time;
    struct column fields[TICK_FIELDS];
};

#endif
