/*
 * flow:"ack": frames that the client has not acknowledged never span more than a window of due
 * time or of bytes, counted per epoch from the newest acknowledged frame.
 *
 * What is on the way is remembered in FLOW_SLOTS slots, each of as many frames in a row as a window
 * can hold, divided by the slots: one in a window of two seconds, 29 (a tenth of a second) in one
 * of a minute at 240 frames a second. Of a slot only the end counts as acknowledged, so the window
 * is never exceeded and a replay's memory stays bounded. Owner's thread.
 */
#ifndef TAPEDECK_REPLAY_FLOW_H
#define TAPEDECK_REPLAY_FLOW_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_SLOTS 512

struct flow {
    bool on;
    int64_t window_us;
    int64_t window_bytes;
    int64_t slot_frames;
    int64_t sent_seq;  /* of the next frame */
    int64_t acked_seq; /* the first frame not acknowledged */
    int64_t slot_seq;  /* the first frame of the oldest slot that counts */
    int64_t acked_due_us;
    int64_t unacked_bytes; /* of the slots that count */
    struct {
        int64_t due_us; /* of its newest frame */
        int64_t bytes;
    } slots[FLOW_SLOTS]; /* those of [slot_seq, sent_seq), by seq / slot_frames modulo */
};

/* A flow that is not `on` allows everything. `fps_most`: of any frame rate it will see. */
void flow_init(struct flow *flow, bool on, int64_t window_us, int64_t window_bytes,
               int64_t fps_most);
/* A new epoch begins. */
void flow_reset(struct flow *flow);
/* Whether a frame due then, of at most so many bytes, may be sent now. */
bool flow_allows(const struct flow *flow, int64_t due_us, size_t bytes_most);
void flow_sent(struct flow *flow, int64_t due_us, size_t bytes);
/* STATUS_INVALID when no frame of that number has been sent. An old number changes nothing. */
enum status flow_acknowledge(struct flow *flow, int64_t seq, struct error *error) MUST_CHECK;

#endif
