#include "replay_fixture.h"

TestSuite(replay_play, .init = replay_set_up, .fini = replay_tear_down);

Test(replay_play, tells_the_picture_and_then_waits_for_play)
{
    start();
    take_snapshot();
    cr_assert(output.at == 0 && output.seq == 0);
    pass(10 * S);
    check_silence();
    cr_assert(look().state == REPLAY_PAUSED);
}

/* Of 100 ms, with a tick each. When the first one begins. */
static int64_t play_five_frames(void)
{
    for (int64_t i = 0; i < 5; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    options.to = 500 * MS;
    play();
    return now_us;
}

Test(replay_play, sends_each_frame_when_it_is_due_and_ends_with_its_totals)
{
    int64_t begun_us = play_five_frames();
    for (int64_t i = 0; i < 5; i++) {
        now_us = begun_us + (i + 1) * 100 * MS - MS;
        check_silence();
        pass(2 * MS);
        cr_assert(wakes > 0);
        check_frame(i * 100 * MS, (i + 1) * 100 * MS, 1);
        cr_assert(output.seq == i && output.due_us == (i + 1) * 100 * MS);
    }
    check_state(REPLAY_ENDED, REASON_NONE);
    cr_assert(output.totals[0] == 5);
    check_silence();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_CONFLICT);
}

/* Nobody asks between: it says itself when the next one is due. */
Test(replay_play, rests_after_a_frame_until_the_next_one_is_due)
{
    int64_t begun_us = play_five_frames();
    for (int64_t i = 0; i < 5; i++) {
        wakes = 0;
        pass(begun_us + (i + 1) * 100 * MS - MS - now_us);
        cr_assert_eq(wakes, 0, "frame %" PRId64, i);
        pass(2 * MS);
        cr_assert_gt(wakes, 0, "frame %" PRId64, i);
        check_frame(i * 100 * MS, (i + 1) * 100 * MS, 1);
        cr_assert_eq(output.rests, i < 4, "the end is said at once");
    }
    check_state(REPLAY_ENDED, REASON_NONE);
}

Test(replay_play, does_not_rest_while_more_is_due)
{
    options.lead_us = 250 * MS;
    for (int64_t i = 0; i < 5; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    begin();
    for (int64_t i = 0; i < 2; i++) {
        check_frame(i * 100 * MS, (i + 1) * 100 * MS, 1);
        cr_assert_eq(output.rests, i == 1);
    }
    check_silence();
}

Test(replay_play, ends_at_once_and_without_a_frame_where_it_already_is_at_the_end)
{
    options.at = options.to;
    begin();
    check_state(REPLAY_ENDED, REASON_NONE);
    cr_assert(output.totals[0] == 0);
}

Test(replay_play, sends_no_frame_after_a_pause_and_goes_on_where_it_was)
{
    fake_tape_add(ticks, 50 * MS, 1);
    fake_tape_add(ticks, 150 * MS, 1);
    play();
    pass(100 * MS);
    check_frame(0, 100 * MS, 1);
    replay_pause(replay, now_us);
    check_state(REPLAY_PAUSED, REASON_NONE);
    pass(10 * S);
    check_silence();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    pass(100 * MS);
    check_frame(100 * MS, 200 * MS, 1);
    cr_assert(output.seq == 1 && output.epoch == 1);
}

Test(replay_play, catches_up_a_small_lag_with_one_long_frame)
{
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    play();
    pass(340 * MS);
    check_frame(0, 300 * MS, 3);
    check_silence();
}

/* More ticks than a cursor holds, between two points of the grid, used to stop it for good. */
Test(replay_play, plays_what_is_too_dense_for_its_frames_per_second)
{
    for (int64_t i = 0; i < 40000; i++)
        fake_tape_add(ticks, i * 25, i);
    fake.block_rows = 5000;
    options.to = S;
    options.fps = 1;
    play();
    for (int turns = 0; turns < 1000 && look().state != REPLAY_ENDED; turns++) {
        while (ask() == STATUS_OK)
            continue;
        serve();
        pass(10 * MS);
    }
    cr_assert(look().state == REPLAY_ENDED, "%s", replay_state_name(look().state));
}

Test(replay_play, plays_what_lies_in_more_blocks_than_a_cursor_holds)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    options.to = 100 * GRAIN;
    options.speed.rate = 100000;
    options.fps = 1;
    start();
    take_snapshot();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    int64_t rows = 0;
    for (int turns = 0; turns < 1000 && look().state != REPLAY_ENDED; turns++) {
        while (ask() == STATUS_OK)
            rows += output.saying == SAYING_FRAME ? (int64_t)output.rows : 0;
        serve();
        pass(10 * MS);
    }
    cr_assert(look().state == REPLAY_ENDED);
    cr_assert(rows == 100);
}

Test(replay_play, plays_ticks_that_have_come_while_it_was_paused)
{
    fake_tape_add(ticks, 50 * MS, 1);
    play();
    check_silence(); /* pins the block */
    replay_pause(replay, now_us);
    check_state(REPLAY_PAUSED, REASON_NONE);
    fake_tape_add(ticks, 60 * MS, 2);
    tape_invalidate(tape, "A", (struct time_range){60 * MS, 60 * MS + 1});
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    serve();
    pass(100 * MS);
    check_frame(0, 100 * MS, 2);
}

Test(replay_play, never_has_more_bytes_under_way_than_the_window)
{
    for (int row = 0; row < 1000; row++)
        fake_tape_add(ticks, 0, row);
    for (int row = 0; row < 20000; row++) /* one instant: 6 bytes a row */
        fake_tape_add(ticks, S, row);
    options.flow_ack = true;
    options.window_bytes = 150000;
    options.speed.max = true;
    begin();
    frame_bytes = 34000;
    check_frame(0, S, 1000);
    check_silence();
    cr_assert(replay_acknowledge(replay, 1, 0, &failure) == STATUS_OK);
    frame_bytes = 120000;
    check_frame(S, S + 1, 20000);
    check_silence();
}

Test(replay_play, sends_no_ticks_when_none_are_wanted_but_keeps_the_beat)
{
    fake_tape_add(ticks, 50 * MS, 1);
    options.ticks = false;
    start();
    take_snapshot();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    pass(900 * MS);
    check_silence();
    pass(100 * MS);
    check_frame(0, S, 0);
    cr_assert(fake.load_count == 0);
}
