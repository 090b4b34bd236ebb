#include "replay/flow.h"

#include <inttypes.h>
#include <stddef.h>

void flow_reset(struct flow *flow)
{
    flow->sent_seq = 0;
    flow->acked_seq = 0;
    flow->acked_due_us = 0;
    flow->unacked_bytes = 0;
}

bool flow_allows(const struct flow *flow, int64_t due_us, size_t bytes_most)
{
    if (!flow->on || flow->sent_seq == flow->acked_seq)
        return true; /* with nothing on the way one frame always may go */
    return flow->sent_seq - flow->acked_seq < FLOW_FRAMES_MAX &&
           due_us - flow->acked_due_us <= flow->window_us &&
           flow->unacked_bytes + (int64_t)bytes_most <= flow->window_bytes;
}

void flow_sent(struct flow *flow, int64_t due_us, size_t bytes)
{
    if (!flow->on)
        return;
    size_t slot = (size_t)(flow->sent_seq % FLOW_FRAMES_MAX);
    flow->frames[slot].due_us = due_us;
    flow->frames[slot].bytes = (uint32_t)bytes;
    flow->unacked_bytes += (int64_t)bytes;
    flow->sent_seq++;
}

enum status flow_acknowledge(struct flow *flow, int64_t seq, struct error *error)
{
    if (!flow->on)
        return STATUS_OK;
    if (seq >= flow->sent_seq)
        return error_set(error, STATUS_INVALID,
                         "seq is %" PRId64 ", but %" PRId64 " frames of this epoch have been sent",
                         seq, flow->sent_seq);
    for (; flow->acked_seq <= seq; flow->acked_seq++) {
        size_t slot = (size_t)(flow->acked_seq % FLOW_FRAMES_MAX);
        flow->acked_due_us = flow->frames[slot].due_us;
        flow->unacked_bytes -= (int64_t)flow->frames[slot].bytes;
    }
    return STATUS_OK;
}
