/*
 * The requests on an open replay and their answer:
 *   replay.play | pause | seek {to} | speed {speed, at?} | step {unit, count, at?} | set {…} |
 * close → ok {id, epoch, state, at, speed} replay.ack {id, epoch, seq}: no answer unless it is
 * wrong
 */
#ifndef TAPEDECK_WIRE_REPLAY_CONTROL_H
#define TAPEDECK_WIRE_REPLAY_CONTROL_H

#include "wire/replay_open.h"

/* replay.seek {id, to} */
enum status replay_seek_read(const struct request *request, int64_t *to,
                             struct error *error) MUST_CHECK;

/* replay.speed {id, speed, at?} */
struct replay_speed_change {
    struct replay_speed speed;
    bool has_at;
    int64_t at;
};
enum status replay_speed_change_read(const struct request *request,
                                     struct replay_speed_change *change,
                                     struct error *error) MUST_CHECK;

/* replay.step {id, unit:"tick"|"frame"|INTERVAL, count, at?} */
#define REPLAY_STEP_COUNT_MOST 1000000
struct replay_step_request {
    struct replay_step step; /* count within ±REPLAY_STEP_COUNT_MOST */
    bool has_at;
    int64_t at;
};
enum status replay_step_read(const struct request *request, struct replay_step_request *step,
                             struct error *error) MUST_CHECK;

/* replay.set {id, ticks?, fps?, candles?} */
struct replay_set {
    bool has_ticks;
    bool ticks;
    bool has_fps;
    int64_t fps;
    bool has_intervals;
    struct replay_intervals intervals;
};
enum status replay_set_read(const struct request *request, struct replay_set *set,
                            struct error *error) MUST_CHECK;

/* replay.ack {id, epoch, seq} */
struct replay_ack {
    int64_t epoch;
    int64_t seq;
};
enum status replay_ack_read(const struct request *request, struct replay_ack *ack,
                            struct error *error) MUST_CHECK;

/* The answer `ok` of every control. */
struct replay_ok {
    uint64_t id;
    int64_t epoch;
    enum replay_state state;
    int64_t at;
    struct replay_speed speed;
};
void replay_ok_write(struct writer *writer, const struct request *request,
                     const struct replay_ok *ok);

#endif
