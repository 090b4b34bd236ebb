/*
 * The inside of a replay, shared by replay.c (life and controls) and playing.c (what to say next).
 */
#ifndef TAPEDECK_REPLAY_REPLAY_PRIVATE_H
#define TAPEDECK_REPLAY_REPLAY_PRIVATE_H

#include "replay/flow.h"
#include "replay/play_clock.h"
#include "replay/replay.h"
#include "replay/snapshot.h"

struct replay {
    struct replay_lane *lane;
    replay_wake_fn *wake;
    void *owner;
    struct timer timer;
    struct replay_options options; /* `symbols` is not kept */

    /* The epoch: one run, one speed, one clock. */
    int64_t epoch;
    int64_t seq; /* of the next frame */
    int64_t epoch_at;
    int64_t edge;
    int64_t last_due_us;
    struct play_clock clock;
    int64_t frame_sent_us;      /* when the last one went, for the beat at "max" */
    int64_t blocked_since_us;   /* of what has no due times: "max", snapshots; 0: not blocked */
    bool resumes;               /* play has been asked for since the last poll */
    enum replay_reason held_by; /* what last kept a frame back that is late */
    int64_t totals[REPLAY_SYMBOLS_MAX];
    struct flow flow;

    enum replay_state state;
    enum replay_reason reason;
    bool state_due; /* to be told */
    bool error_due;
    struct error error;

    struct snapshot snapshot;
    bool snapshot_failed; /* the next play asks again */
    struct cursor *cursors[REPLAY_SYMBOLS_MAX];
    struct frame_ticks ticks[REPLAY_SYMBOLS_MAX];
};

/* The one place where the state moves. */
void replay_change_state(struct replay *replay, enum replay_state state, enum replay_reason reason);
/* Frames end here: the clock stops, nothing is pinned or waited for. */
void replay_rest(struct replay *replay, int64_t now_us);
/* Playing or buffering: the user wants frames. */
bool replay_is_running(const struct replay *replay);

#endif
