#include "replay/flow.h"

#include <criterion/criterion.h>

#define MS INT64_C(1000)

static struct flow flow;
static struct error error;

static void set_up(void)
{
    flow_init(&flow, true, 100 * MS, 10000, 240);
}

TestSuite(replay_flow, .init = set_up);

Test(replay_flow, spans_a_window_of_due_time_and_no_more)
{
    cr_assert(flow_allows(&flow, 0, 10));
    flow_sent(&flow, 0, 10);
    cr_assert(flow_allows(&flow, 100 * MS, 10));
    cr_assert(!flow_allows(&flow, 100 * MS + 1, 10));
}

Test(replay_flow, counts_from_the_newest_acknowledged_frame)
{
    for (int64_t due_us = 10 * MS; due_us <= 50 * MS; due_us += 10 * MS)
        flow_sent(&flow, due_us, 10);
    cr_assert(!flow_allows(&flow, 101 * MS, 10));
    cr_assert(flow_acknowledge(&flow, 2, &error) == STATUS_OK);
    cr_assert(flow_allows(&flow, 130 * MS, 10));
    cr_assert(!flow_allows(&flow, 130 * MS + 1, 10));
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_OK, "an old number");
    cr_assert(flow_allows(&flow, 130 * MS, 10), "changes nothing");
}

Test(replay_flow, holds_a_window_of_bytes_and_no_more)
{
    flow_sent(&flow, 0, 4000);
    cr_assert(flow_allows(&flow, 0, 6000));
    cr_assert(!flow_allows(&flow, 0, 6001));
    flow_sent(&flow, 0, 6000);
    cr_assert(!flow_allows(&flow, 0, 1));
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_OK);
    cr_assert(flow_allows(&flow, 0, 4000));
    cr_assert(!flow_allows(&flow, 0, 4001));
}

Test(replay_flow, lets_one_frame_go_alone_however_large)
{
    cr_assert(flow_allows(&flow, 900 * MS, 1 << 30));
    flow_sent(&flow, 900 * MS, 1 << 30);
    cr_assert(!flow_allows(&flow, 900 * MS, 0));
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_OK);
    cr_assert(flow_allows(&flow, 9000 * MS, 1 << 30));
}

Test(replay_flow, has_a_bounded_number_of_frames_on_the_way)
{
    for (int i = 0; i < FLOW_SLOTS; i++) {
        cr_assert(flow_allows(&flow, 0, 1));
        flow_sent(&flow, 0, 1);
    }
    cr_assert(!flow_allows(&flow, 0, 1));
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_OK);
    cr_assert(flow_allows(&flow, 0, 1));
}

Test(replay_flow, refuses_the_number_of_a_frame_that_was_not_sent)
{
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_INVALID);
    flow_sent(&flow, 0, 1);
    cr_assert(flow_acknowledge(&flow, 1, &error) == STATUS_INVALID);
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_OK);
    cr_assert(flow_acknowledge(&flow, 0, &error) == STATUS_OK, "again");
}

Test(replay_flow, begins_anew_with_an_epoch)
{
    flow_sent(&flow, 90 * MS, 10000);
    flow_reset(&flow);
    flow_sent(&flow, 0, 1);
    cr_assert(flow_allows(&flow, 100 * MS, 9999));
    cr_assert(flow_acknowledge(&flow, 1, &error) == STATUS_INVALID);
}

Test(replay_flow, does_not_limit_without_acks)
{
    flow.on = false;
    for (int i = 0; i < 2 * FLOW_SLOTS; i++)
        flow_sent(&flow, i * 1000 * MS, 1 << 20);
    cr_assert(flow_allows(&flow, INT64_MAX, 1 << 30));
    cr_assert(flow_acknowledge(&flow, 7, &error) == STATUS_OK);
}

/* A window of a minute at 240 frames a second is remembered in slots of several frames. */
Test(replay_flow, keeps_up_a_long_window_without_ever_exceeding_it)
{
    int64_t window_us = 60000 * MS;
    int64_t frame_us = 1000 * MS / 240;
    flow_init(&flow, true, window_us, INT64_MAX / 2, 240);
    int64_t sent = 0;
    while (flow_allows(&flow, sent * frame_us, 100))
        flow_sent(&flow, sent++ * frame_us, 100);
    cr_assert(sent == window_us / frame_us + 1, "%ld", (long)sent);
    int64_t most = 0;
    for (int64_t acked = 0; acked < 30000; acked++) {
        cr_assert(flow_acknowledge(&flow, acked, &error) == STATUS_OK);
        while (flow_allows(&flow, sent * frame_us, 100))
            flow_sent(&flow, sent++ * frame_us, 100);
        int64_t ahead_us = (sent - 1 - acked) * frame_us;
        cr_assert(ahead_us <= window_us);
        cr_assert(ahead_us > window_us - 2 * flow.slot_frames * frame_us, "and hardly less");
        most = ahead_us > most ? ahead_us : most;
        cr_assert(flow.unacked_bytes >= (sent - 1 - acked) * 100);
    }
    cr_assert(flow_acknowledge(&flow, sent - 1, &error) == STATUS_OK);
    cr_assert(flow.unacked_bytes == 0);
}
