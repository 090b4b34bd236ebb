/*
 * The inside of a replay, shared by replay.c (life and controls), playing.c (what to say next) and
 * stepping.c (the frames of a step).
 *
 * Within an epoch all positions are on its axis (axis.h): both directions run forward there.
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

    /* The epoch: one run, one direction, one speed, one clock. */
    int64_t epoch;
    int64_t seq; /* of the next frame */
    int direction;
    int64_t epoch_at; /* axis: where it starts */
    int64_t edge;     /* axis: of the last frame, or epoch_at */
    int64_t end;      /* axis: of the range */
    int64_t last_due_us;
    int64_t epoch_began_us;
    struct play_clock clock;
    int64_t frame_sent_us;      /* when the last one went, for the beat at "max" */
    int64_t blocked_since_us;   /* of what has no due times: "max", snapshots; 0: not blocked */
    bool resumes;               /* play or a setting has been asked for since the last poll */
    enum replay_reason held_by; /* what last kept a frame back that is late */
    int64_t totals[REPLAY_SYMBOLS_MAX];
    struct flow flow;

    /* A step is an epoch of its own; play starts another. */
    bool is_step;
    struct {
        bool under_way;
        bool by_ticks;
        int64_t instants_left; /* by_ticks */
        int64_t target;        /* axis; by_ticks: as far as the range goes */
    } step;

    enum replay_state state;
    enum replay_reason reason;
    bool state_due; /* to be told */
    bool error_due;
    struct error error;

    struct series *series; /* symbols × intervals, by symbol */
    size_t series_count;
    struct snapshot_candles *pictures; /* as many */
    struct {
        bool under_way; /* backward: the series are asked for at this edge, a frame follows */
        int64_t edge;   /* axis */
        int64_t due_us;
    } reach;

    struct snapshot snapshot;
    bool snapshot_failed;     /* what needs it next asks again */
    bool early_load_failed;   /* while the snapshot was waited for */
    bool picture_awaited;     /* in the ticks that play begins with */
    unsigned pictures_missed; /* in a row: it was not in them */
    struct cursor *cursors[REPLAY_SYMBOLS_MAX];
};

/* The one place where the state moves. */
void replay_change_state(struct replay *replay, enum replay_state state, enum replay_reason reason);
/* Frames end here: the clock stops, nothing is pinned or waited for. */
void replay_rest(struct replay *replay, int64_t now_us);
/* Playing or buffering: the user wants frames. */
bool replay_is_running(const struct replay *replay);

/* Market time of an instant on the epoch's axis, and the other way. */
static inline int64_t replay_market(const struct replay *replay, int64_t edge)
{
    return axis_edge(replay->direction, edge);
}

/* ---- what playing and stepping share, in playing.c ---- */

/* What the cursors know of the stretch ahead. */
struct replay_known {
    int64_t covered; /* everything before it */
    bool full;       /* a cursor holds all it can: no more will be known before a frame has gone */
    bool has_next;
    int64_t next; /* the first tick */
};

/* Pins everything before `until` that the tape has, and asks for the rest. */
enum status replay_cover(struct replay *replay, int64_t until,
                         struct replay_known *known) MUST_CHECK;
/* The furthest edge ≤ `edge` whose frame fits; the first instant with ticks always does. */
int64_t replay_fit(const struct replay *replay, const struct replay_known *known, int64_t edge);
/* Most bytes that a frame up to `edge` takes. */
size_t replay_bytes_before(const struct replay *replay, int64_t edge);
enum status replay_say_frame(struct replay *replay, int64_t edge, int64_t due_us, int64_t now_us,
                             struct replay_output *output);
/* Something went wrong (replay->error tells): it is told, and the replay pauses. */
enum status replay_fail(struct replay *replay, enum status status, int64_t now_us);
/* Looks for the picture that is wanted, and asks for what it takes. */
void replay_find_picture(struct replay *replay);
/* Whether frames are made of ticks, or need them to know where they end. */
bool replay_reads_ticks(const struct replay *replay);

/* ---- candles.c: the series of a replay ---- */

void replay_series_create(struct replay *replay, const struct symbol *const *symbols);
void replay_series_destroy(struct replay *replay);
/* They begin where the epoch (or the picture) begins. */
void replay_series_begin(struct replay *replay);
/* STATUS_OK: all are ready. Those whose ticks have changed begin again. */
enum status replay_series_run(struct replay *replay) MUST_CHECK;
/* The first position at which a candle changes without a trade; false: there is none. */
bool replay_series_next(const struct replay *replay, int64_t *position);
size_t replay_series_bytes(const struct replay *replay, int64_t edge);
/* Before a frame to `edge`: STATUS_OK, or STATUS_WAIT until replay_series_run says OK. */
enum status replay_series_reach(struct replay *replay, int64_t edge, int64_t due_us) MUST_CHECK;
/* What was waited for is so no more, failures included. */
void replay_series_rest(struct replay *replay);
/* A frame that waits for its candles is given up where its ticks have changed since. */
void replay_series_check_reach(struct replay *replay);
/* With the frame. */
void replay_series_fill(struct replay *replay, int64_t edge, struct replay_output *output);
const struct snapshot_candles *replay_series_pictures(struct replay *replay);

/* ---- stepping.c ---- */

/* The next frame of the step that is under way, or STATUS_WAIT. */
enum status replay_poll_step(struct replay *replay, int64_t now_us,
                             struct replay_output *output) MUST_CHECK;

#endif
