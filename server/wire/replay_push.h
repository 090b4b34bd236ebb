/*
 * What an open replay pushes: replay.state, replay.snapshot, replay.frame.
 */
#ifndef TAPEDECK_WIRE_REPLAY_PUSH_H
#define TAPEDECK_WIRE_REPLAY_PUSH_H

#include "market/source.h"
#include "wire/replay_open.h"

struct replay_state_push {
    uint64_t id;
    int64_t epoch;
    enum replay_state state;
    enum replay_reason reason;
    int64_t at;
    struct replay_speed speed;
    const int64_t *totals; /* of `ended`: ticks sent in the epoch per symbol; else NULL */
    size_t total_count;
};
void replay_state_write(struct writer *writer, const struct replay_state_push *push);

struct replay_snapshot_push {
    uint64_t id;
    int64_t epoch;
    int64_t seq; /* of the next frame */
    int64_t at;
    const struct last_values *last; /* one per symbol, by index */
    size_t last_count;
    const struct replay_intervals *intervals;
    const struct snapshot_candles *pictures;
    size_t picture_count;
    unsigned encodings; /* that the client knows */
};
/* A symbol without a tick in the day before
 * `at` has nil for time and values. */
void replay_snapshot_write(struct writer *writer, const struct replay_snapshot_push *push);

struct replay_frame_push {
    uint64_t id;
    int64_t epoch;
    int64_t seq;
    int64_t due_us;
    struct time_range span;
    int direction;                   /* 1 or −1 */
    const struct frame_ticks *ticks; /* only symbols with ticks */
    size_t tick_count;
    const struct replay_intervals *intervals;
    const struct frame_candle *candles;
    size_t candle_count;
};
void replay_frame_write(struct writer *writer, const struct replay_frame_push *push);

/* Most bytes of a frame's map without its ticks, and of one symbol's part without its rows. */
#define WIRE_FRAME_HEAD_BYTES 256
#define WIRE_FRAME_SYMBOL_BYTES (64 + 5 * WIRE_COLUMN_HEAD_BYTES)

#endif
