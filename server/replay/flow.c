#include "replay/flow.h"

#include <inttypes.h>

#define SECOND_US 1000000

void flow_init(struct flow *flow, bool on, int64_t window_us, int64_t window_bytes,
               int64_t fps_most)
{
    int64_t frames_most = window_us * fps_most / SECOND_US + 1;
    *flow = (struct flow){
        .on = on,
        .window_us = window_us,
        .window_bytes = window_bytes,
        .slot_frames = (frames_most + FLOW_SLOTS - 1) / FLOW_SLOTS,
    };
}

void flow_reset(struct flow *flow)
{
    flow->sent_seq = 0;
    flow->acked_seq = 0;
    flow->slot_seq = 0;
    flow->acked_due_us = 0;
    flow->unacked_bytes = 0;
}

bool flow_allows(const struct flow *flow, int64_t due_us, size_t bytes_most)
{
    if (!flow->on || flow->sent_seq == flow->acked_seq)
        return true; /* with nothing on the way one frame always may go */
    return flow->sent_seq - flow->slot_seq < FLOW_SLOTS * flow->slot_frames &&
           due_us - flow->acked_due_us <= flow->window_us &&
           flow->unacked_bytes + (int64_t)bytes_most <= flow->window_bytes;
}

static size_t slot_of(const struct flow *flow, int64_t seq)
{
    return (size_t)(seq / flow->slot_frames % FLOW_SLOTS);
}

void flow_sent(struct flow *flow, int64_t due_us, size_t bytes)
{
    if (!flow->on)
        return;
    size_t slot = slot_of(flow, flow->sent_seq);
    if (flow->sent_seq % flow->slot_frames == 0)
        flow->slots[slot].bytes = 0;
    flow->slots[slot].due_us = due_us;
    flow->slots[slot].bytes += (int64_t)bytes;
    flow->unacked_bytes += (int64_t)bytes;
    flow->sent_seq++;
}

/* A slot counts no more; the part of it that is still to be sent starts from nothing. */
static void settle(struct flow *flow, size_t slot)
{
    flow->acked_due_us = flow->slots[slot].due_us;
    flow->unacked_bytes -= flow->slots[slot].bytes;
    flow->slots[slot].bytes = 0;
}

enum status flow_acknowledge(struct flow *flow, int64_t seq, struct error *error)
{
    if (!flow->on)
        return STATUS_OK;
    if (seq >= flow->sent_seq)
        return error_set(error, STATUS_INVALID,
                         "seq is %" PRId64 ", but %" PRId64 " frames of this epoch have been sent",
                         seq, flow->sent_seq);
    if (seq < flow->acked_seq)
        return STATUS_OK;
    flow->acked_seq = seq + 1;
    for (; flow->slot_seq + flow->slot_frames <= flow->acked_seq;
         flow->slot_seq += flow->slot_frames)
        settle(flow, slot_of(flow, flow->slot_seq));
    if (flow->acked_seq == flow->sent_seq && flow->slot_seq < flow->sent_seq)
        settle(flow, slot_of(flow, flow->slot_seq));
    return STATUS_OK;
}
