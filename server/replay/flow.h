/*
 * flow:"ack": frames that the client has not acknowledged never span more than a window of due
 * time or of bytes, counted per epoch from the newest acknowledged frame. At most
 * FLOW_FRAMES_MAX are on the way at once, so that a replay's memory stays bounded.
 * Owner's thread.
 */
#ifndef TAPEDECK_REPLAY_FLOW_H
#define TAPEDECK_REPLAY_FLOW_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_FRAMES_MAX 512

struct flow {
    bool on;
    int64_t window_us;
    int64_t window_bytes;
    int64_t sent_seq;  /* of the next frame */
    int64_t acked_seq; /* the first frame not acknowledged */
    int64_t acked_due_us;
    int64_t unacked_bytes;
    struct {
        int64_t due_us;
        uint32_t bytes;
    } frames[FLOW_FRAMES_MAX]; /* by seq modulo, of [acked_seq, sent_seq) */
};

/* A new epoch begins. */
void flow_reset(struct flow *flow);
/* Whether a frame due then, of at most so many bytes, may be sent now. */
bool flow_allows(const struct flow *flow, int64_t due_us, size_t bytes_most);
void flow_sent(struct flow *flow, int64_t due_us, size_t bytes);
/* STATUS_INVALID when no frame of that number has been sent. An old number changes nothing. */
enum status flow_acknowledge(struct flow *flow, int64_t seq, struct error *error) MUST_CHECK;

#endif
