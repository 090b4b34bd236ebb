/*
 * One replay: a range of one to 64 symbols, a playhead, a clock. Makes nothing ahead: whoever owns
 * it asks `replay_poll` for the next thing to say whenever the client can take it.
 *
 *            open ──▶ paused ◀──────────────┐ step: stays paused
 *                      │ ▲ pause            │ seek, speed
 *                 play ▼ │                  │
 *                    playing ─── last ──▶ ended
 *           lag > 250 ms│ ▲ data, acks,
 *                       ▼ │ or room again
 *                    buffering
 *
 * The rules are PROTOCOL section 4: an epoch is one run with one direction, one speed and one
 * clock, its frames tile market time from where it starts, nothing in a frame depends on a tick at
 * or after its edge (but backward, the ticks that it takes back). All on the lane's thread; `wake`
 * is called there when polling is worth it again.
 */
#ifndef TAPEDECK_REPLAY_REPLAY_H
#define TAPEDECK_REPLAY_REPLAY_H

#include "base/counter.h"
#include "base/wheel.h"
#include "market/playback.h"
#include "replay/gather.h"
#include "replay/series.h"

#define REPLAY_LAG_US_MOST                                                                         \
    INT64_C(250000)                     /* caught up by longer frames; beyond it the clock stops */
#define REPLAY_BEAT_US INT64_C(1000000) /* at least one frame a wall second while playing */

/* What the replays of one lane share; outlives them. */
struct replay_lane {
    struct tape *tape;
    struct source *source;
    struct inbox *inbox;
    struct wheel *wheel;
    struct gather gather;
    struct series_rows series_rows;
    struct frame_ticks ticks[REPLAY_SYMBOLS_MAX]; /* of the frame that is being made */
    struct counter states[REPLAY_STATES];         /* how many replays are in each now */
};

struct replay_options {
    size_t symbol_count;                              /* 1 … REPLAY_SYMBOLS_MAX */
    const struct symbol *symbols[REPLAY_SYMBOLS_MAX]; /* borrowed for the call */
    int64_t from;
    int64_t to; /* ≥ from */
    int64_t at; /* from ≤ at ≤ to */
    struct replay_speed speed;
    int64_t fps;
    bool playing;
    bool ticks;
    struct replay_intervals intervals; /* symbols × intervals ≤ REPLAY_SERIES_MAX */
    int64_t lead_us;
    bool flow_ack;
    int64_t window_us;
    int64_t window_bytes;
    struct frame_budget budget;
};

typedef void replay_wake_fn(void *owner);

struct replay;

struct replay *replay_create(struct replay_lane *lane, const struct replay_options *options,
                             replay_wake_fn *wake, void *owner, int64_t now_us);
void replay_destroy(struct replay **replay);

size_t replay_symbol_count(const struct replay *replay);
/* As it was known when the replay was opened. Borrowed. */
const struct symbol *replay_symbol(const struct replay *replay, size_t index);
/* What it was asked for; borrowed until the next replay_set. */
const struct replay_intervals *replay_asked_intervals(const struct replay *replay);

/* Where it stands, as answers and state pushes tell it. */
struct replay_view {
    int64_t epoch;
    enum replay_state state;
    enum replay_reason reason;
    int64_t at; /* the start of an epoch that has sent nothing yet, else the last edge */
    struct replay_speed speed;
    int64_t from;
    int64_t to;
};
void replay_look(const struct replay *replay, struct replay_view *view);

/* The controls. Each either happens, or says why not and changes nothing. */
enum status replay_play(struct replay *replay, int64_t now_us, struct error *error) MUST_CHECK;
/* Ends a step that has not sent all its frames, too. */
void replay_pause(struct replay *replay, int64_t now_us);
enum status replay_seek(struct replay *replay, int64_t to, int64_t now_us,
                        struct error *error) MUST_CHECK;
/* `at` NULL: the edge of the last frame sent. */
enum status replay_change_speed(struct replay *replay, struct replay_speed speed, const int64_t *at,
                                int64_t now_us, struct error *error) MUST_CHECK;
/* STATUS_INVALID also for STEP_FRAME at "max", which has no frames of a length. */
enum status replay_step(struct replay *replay, const struct replay_step *step, const int64_t *at,
                        int64_t now_us, struct error *error) MUST_CHECK;
/* NULL: as it is. `intervals` within the same bounds as in the options. */
struct replay_changes {
    const bool *ticks;
    const int64_t *fps;
    const struct replay_intervals *intervals;
};
void replay_set(struct replay *replay, const struct replay_changes *changes, int64_t now_us);
enum status replay_acknowledge(struct replay *replay, int64_t epoch, int64_t seq,
                               struct error *error) MUST_CHECK;

/* Of frames at "max" and of steps, which are due at once. */
#define REPLAY_NEVER_LATE INT64_MIN

enum replay_saying { SAYING_STATE, SAYING_SNAPSHOT, SAYING_FRAME, SAYING_ERROR };

/* One thing to say; everything borrowed until the next call on a replay of this lane. */
struct replay_output {
    enum replay_saying saying;
    struct replay_view view;        /* STATE */
    const int64_t *totals;          /* STATE ended: ticks sent in the epoch, per symbol */
    const struct last_values *last; /* SNAPSHOT, per symbol */
    const struct snapshot_candles *pictures;
    size_t picture_count; /* SNAPSHOT: symbols × intervals */
    size_t symbol_count;
    const struct error *error; /* ERROR: the replay is paused */
    int64_t epoch;
    int64_t seq; /* SNAPSHOT: of the next frame; FRAME */
    int64_t at;  /* SNAPSHOT */
    int64_t due_us;
    struct time_range span;
    int direction;
    int64_t late_us; /* wall µs after it was due; negative: ahead of it; or REPLAY_NEVER_LATE */
    const struct frame_ticks *ticks;
    size_t tick_count;                  /* symbols with ticks in the frame */
    size_t rows;                        /* ticks in the frame */
    const struct frame_candle *candles; /* FRAME: by symbol and interval, oldest first */
    size_t candle_count;
    bool rests; /* FRAME: no other is due yet, so there is no use in a poll before `wake` */
};

/* STATUS_OK, or STATUS_WAIT: `wake` will be called. After SAYING_FRAME the owner tells replay_sent
 * how long the message was, before the next poll. */
enum status replay_poll(struct replay *replay, int64_t now_us,
                        struct replay_output *output) MUST_CHECK;
void replay_sent(struct replay *replay, size_t bytes);

#endif
