#include "replay/pace.h"

#include "market/time.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define S TIME_SECOND_US
#define MS INT64_C(1000)

/* One market second a second, ten frames a second, over 100 s. */
static struct pace_input second_by_second(void)
{
    return (struct pace_input){
        .grid = {.at = 0, .to = 100 * S, .rate = 1, .fps = 10},
        .beat_us = S,
        .covered = 100 * S,
    };
}

static void check(struct pace_input input, enum pace_verdict verdict, int64_t edge)
{
    struct pace pace = pace_next(&input);
    cr_assert(pace.verdict == verdict, "verdict %d", pace.verdict);
    cr_assert(verdict == PACE_DATA || pace.edge == edge, "edge %" PRId64, pace.edge);
    cr_assert(verdict == PACE_DATA || pace.due_us == edge, "due %" PRId64, pace.due_us);
}

Test(replay_pace, ends_at_the_point_after_the_next_tick)
{
    struct pace_input input = second_by_second();
    input.has_next = true;
    input.next = 250 * MS;
    input.played_us = 300 * MS;
    check(input, PACE_SEND, 300 * MS);
    input.next = 300 * MS; /* an edge is not in its frame */
    check(input, PACE_LATER, 400 * MS);
}

Test(replay_pace, sends_nothing_before_its_lead)
{
    struct pace_input input = second_by_second();
    input.has_next = true;
    input.next = 250 * MS;
    input.lead_us = 100 * MS;
    input.played_us = 200 * MS - 1;
    check(input, PACE_LATER, 300 * MS);
    input.played_us = 200 * MS;
    check(input, PACE_SEND, 300 * MS);
}

Test(replay_pace, keeps_a_beat_where_nothing_happens)
{
    struct pace_input input = second_by_second();
    input.edge = 3 * S;
    input.last_due_us = 3 * S;
    input.played_us = 3500 * MS;
    check(input, PACE_LATER, 4 * S);
    input.played_us = 4 * S;
    check(input, PACE_SEND, 4 * S);
    input.grid.fps = 1;
    check(input, PACE_SEND, 4 * S);
}

Test(replay_pace, reaches_as_far_as_is_due_when_it_is_late)
{
    struct pace_input input = second_by_second();
    input.has_next = true;
    input.next = 50 * MS;
    input.played_us = 730 * MS;
    check(input, PACE_SEND, 700 * MS);
    struct pace pace = pace_next(&input);
    cr_assert(pace.first_due_us == 100 * MS, "lag counts from the tick");
}

Test(replay_pace, waits_for_what_is_not_known)
{
    struct pace_input input = second_by_second();
    input.covered = 0;
    input.played_us = 350 * MS;
    check(input, PACE_DATA, 0);
    cr_assert(pace_next(&input).first_due_us == 100 * MS);
    input.covered = 99 * MS; /* not a whole frame */
    check(input, PACE_DATA, 0);
    input.has_next = true;
    input.next = 50 * MS;
    check(input, PACE_DATA, 0);
}

Test(replay_pace, sends_the_part_that_is_known_if_there_are_ticks_in_it)
{
    struct pace_input input = second_by_second();
    input.covered = 250 * MS;
    input.played_us = 900 * MS;
    check(input, PACE_DATA, 0);
    input.has_next = true;
    input.next = 150 * MS;
    check(input, PACE_SEND, 200 * MS);
    input.next = 200 * MS;
    check(input, PACE_DATA, 0);
}

/* It used to be withheld until more was known, and lag counted from it all the while. */
Test(replay_pace, sends_a_late_beat_though_what_follows_it_is_unknown)
{
    struct pace_input input = second_by_second();
    input.played_us = 1200 * MS;
    input.covered = 1050 * MS;
    check(input, PACE_SEND, 1000 * MS);
    input.covered = 1000 * MS - 1;
    check(input, PACE_DATA, 0);
}

/* 16 384 ticks between two points of the grid used to stop a replay for good. */
Test(replay_pace, ends_between_two_points_where_a_frame_can_hold_no_more)
{
    struct pace_input input = second_by_second();
    input.grid.fps = 1;
    input.has_next = true;
    input.next = 1;
    input.covered = 400 * MS;
    input.played_us = S;
    check(input, PACE_DATA, 0);
    input.full = true;
    check(input, PACE_SEND, 400 * MS);
    input.played_us = 100 * MS;
    check(input, PACE_LATER, 400 * MS);
    input.covered = 1400 * MS; /* a point is known: then there */
    input.played_us = 2 * S;
    check(input, PACE_SEND, S);
}

Test(replay_pace, ends_with_the_range)
{
    struct pace_input input = second_by_second();
    input.edge = 99950 * MS;
    input.last_due_us = 99950 * MS;
    input.played_us = 100 * S;
    check(input, PACE_SEND, 100 * S);
    input.grid.to = 99980 * MS;
    input.covered = 99980 * MS;
    check(input, PACE_SEND, 99980 * MS);
}

Test(replay_pace, wants_to_know_what_may_be_sent_now_and_the_beat)
{
    struct pace_input input = second_by_second();
    cr_assert(pace_horizon(&input) == S);
    input.played_us = 3 * S;
    input.lead_us = 5 * S;
    cr_assert(pace_horizon(&input) == 8 * S);
    input.grid.to = 2 * S;
    cr_assert(pace_horizon(&input) == 2 * S);
}
