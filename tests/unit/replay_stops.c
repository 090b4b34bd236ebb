#include "replay_fixture.h"

TestSuite(replay_stops, .init = replay_set_up, .fini = replay_tear_down);

/* The clock used to run on while the news was on its way: the news never ended. */
Test(replay_stops, goes_on_after_it_has_told_that_the_client_stalled)
{
    fake_tape_add(ticks, 50 * MS, 1);
    fake_tape_add(ticks, 150 * MS, 1);
    play();
    pass(2 * S);
    check_state(REPLAY_BUFFERING, REASON_CLIENT);
    check_state(REPLAY_PLAYING, REASON_NONE);
    now_us += 3 * S; /* the news is slow */
    check_frame(0, 100 * MS, 1);
    pass(100 * MS);
    check_frame(100 * MS, 200 * MS, 1);
}

Test(replay_stops, does_not_tell_of_each_frame_that_its_client_is_a_little_slow)
{
    for (int64_t i = 0; i < 10000; i++)
        fake_tape_add(ticks, i * MS, i);
    options.fps = 240;
    options.budget.bytes = 1000; /* frames that take longer than they last */
    play();
    size_t told = 0;
    for (size_t frames = 0; frames < 200;) {
        if (ask() == STATUS_WAIT) {
            pass(MS);
            continue;
        }
        told += output.saying == SAYING_STATE;
        frames += output.saying == SAYING_FRAME;
        if (output.saying == SAYING_FRAME)
            pass((output.span.to - output.span.from) * 5 / 4);
    }
    cr_assert(told <= 40, "%zu states in 200 frames", told);
}

Test(replay_stops, stops_for_data_and_goes_on_when_it_comes)
{
    fake_tape_add(ticks, 50 * MS, 1);
    start();
    while (fake_source_load(&fake) == NULL) {
        if (!list_is_empty(&fake.requests))
            fake_source_answer(&fake, STATUS_OK);
        inbox_drain(&inbox);
        if (replay_poll(replay, now_us, &output) == STATUS_OK)
            cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    }
    pass(100 * MS);
    check_silence();
    pass(249 * MS);
    check_silence();
    pass(10 * MS);
    check_state(REPLAY_BUFFERING, REASON_DATA);
    pass(10 * S);
    check_silence();
    serve();
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(0, 100 * MS, 1);
}

Test(replay_stops, stops_for_acks_and_goes_on_when_they_come)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    options.flow_ack = true;
    options.window_us = 100 * MS;
    play();
    pass(100 * MS);
    check_frame(0, 100 * MS, 1);
    pass(100 * MS);
    check_silence();
    pass(251 * MS);
    check_state(REPLAY_BUFFERING, REASON_FLOW);
    check_silence();
    cr_assert(replay_acknowledge(replay, 1, 0, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(100 * MS, 200 * MS, 1);
    cr_assert(replay_acknowledge(replay, 1, 5, &failure) == STATUS_INVALID);
    cr_assert(replay_acknowledge(replay, 2, 0, &failure) == STATUS_INVALID);
    cr_assert(replay_acknowledge(replay, 0, 99, &failure) == STATUS_OK, "of an older epoch");
}

Test(replay_stops, tells_when_it_waits_for_something_else)
{
    for (int64_t i = 0; i < 200; i++)
        fake_tape_add(ticks, i * S, i);
    options.flow_ack = true;
    options.window_bytes = 1000;
    options.speed.rate = 64;
    options.fps = 1;
    play();
    pass(S);
    frame_bytes = 1000;
    check_frame(0, 64 * S, 64);
    /* The next grain is not there. */
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_END);
    tape_invalidate(tape, NULL, (struct time_range){64 * S, 200 * S});
    pass(S + 300 * MS);
    check_state(REPLAY_BUFFERING, REASON_DATA);
    serve();
    check_state(REPLAY_BUFFERING, REASON_FLOW);
    cr_assert(replay_acknowledge(replay, 1, 0, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
}

Test(replay_stops, does_not_blame_the_client_for_the_time_before_a_pause)
{
    fake_tape_add(ticks, 50 * MS, 1);
    play();
    pass(5 * S); /* nobody polls */
    replay_pause(replay, now_us);
    check_state(REPLAY_PAUSED, REASON_NONE);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(0, 100 * MS, 1);
}

/* The time of an earlier wait used to count. */
Test(replay_stops, does_not_stop_for_a_picture_that_comes_soon)
{
    fake_tape_add(ticks, 900 * S, 1);
    options.playing = true;
    start();
    check_silence();
    pass(50 * MS);
    serve();
    take_snapshot();
    check_silence();
    serve();
    check_silence();
    pass(500 * MS);
    check_silence();
    replay_set(replay, &(struct replay_changes){.fps = NULL}, now_us);
    check_silence();
    pass(50 * MS);
    check_silence();
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(look().state == REPLAY_PLAYING);
}

Test(replay_stops, does_not_stop_for_a_picture_while_its_client_has_frames_ahead)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    options.lead_us = 3 * S;
    begin();
    while (ask() == STATUS_OK)
        continue;
    cr_assert(look().at == 3 * S);
    replay_set(replay, &(struct replay_changes){.fps = NULL}, now_us);
    check_silence();
    pass(2 * S);
    check_silence();
    cr_assert(look().state == REPLAY_PLAYING);
    pass(1300 * MS);
    check_state(REPLAY_BUFFERING, REASON_DATA);
}

/* Each symbol's failure used to end another play. */
Test(replay_stops, tells_one_failure_of_an_outage_however_many_symbols_it_has)
{
    options.symbol_count = 3;
    options.symbols[1] = &fake_source_symbol(&fake, "B", GRAIN)->symbol;
    options.symbols[2] = &fake_source_symbol(&fake, "C", GRAIN)->symbol;
    start();
    check_silence();
    fake_source_answer(&fake, STATUS_OK);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    check_state(REPLAY_PAUSED, REASON_NONE);
    check_silence();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    serve();
    check_silence();
    cr_assert(look().state == REPLAY_PLAYING);
}

Test(replay_stops, asks_again_for_a_picture_that_failed_and_tells_it_once)
{
    start();
    check_silence();
    fake_source_answer(&fake, STATUS_INTERNAL);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    check_silence();
    cr_assert(replay_seek(replay, S, now_us, &failure) == STATUS_OK);
    take_snapshot();
    cr_assert(output.at == S);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    cr_assert(fake.request_count == 2, "the picture is there");
}

/* Between points of a coarse grid, or without ticks, more may have passed than a lag may be. */
Test(replay_stops, does_not_blame_the_client_for_what_a_setting_makes_due)
{
    fake_tape_add(ticks, 50 * MS, 1);
    fake_tape_add(ticks, 1200 * MS, 2);
    options.ticks = false;
    options.fps = 1;
    play();
    pass(700 * MS);
    check_silence();
    struct replay_changes changes = {.ticks = &(bool){true}, .fps = &(int64_t){10}};
    replay_set(replay, &changes, now_us);
    take_snapshot();
    check_frame(0, 100 * MS, 1);
    cr_assert(look().state == REPLAY_PLAYING);
    pass(900 * MS);
    check_silence();
    pass(200 * MS);
    check_frame(100 * MS, 1200 * MS, 0);
}

/* A step used to send its frames without the picture that they continue. */
Test(replay_stops, asks_again_for_a_picture_that_failed_before_a_step)
{
    fake_tape_add(ticks, 50 * MS, 1);
    start();
    check_silence();
    fake_source_answer(&fake, STATUS_INTERNAL);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    struct replay_step step = {.unit = STEP_TICK, .count = 1};
    cr_assert(replay_step(replay, &step, NULL, now_us, &failure) == STATUS_OK);
    take_snapshot();
    cr_assert(output.epoch == 2 && output.at == 0);
    check_silence();
    serve();
    check_frame(0, 50 * MS + 1, 1);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    cr_assert(fake.request_count == 2, "the picture is there");
}
