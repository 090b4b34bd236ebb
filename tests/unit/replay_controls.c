#include "replay_fixture.h"

TestSuite(replay_controls, .init = replay_set_up, .fini = replay_tear_down);

Test(replay_controls, begins_an_epoch_exactly_where_it_is_told_to)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    play();
    pass(100 * MS);
    check_frame(0, 100 * MS, 1);
    cr_assert(replay_seek(replay, 5 * S, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 2 && look().at == 5 * S);
    take_snapshot();
    cr_assert(output.epoch == 2 && output.at == 5 * S && output.seq == 0);
    pass(100 * MS);
    check_frame(5 * S, 5100 * MS, 1);
    int64_t at = 5050 * MS;
    struct replay_speed twice = {.rate = 2};
    cr_assert(replay_change_speed(replay, twice, &at, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 3 && look().at == at);
    pass(100 * MS);
    check_frame(at, at + 200 * MS, 2);
    cr_assert(output.seq == 0 && output.due_us == 100 * MS);
    cr_assert(replay_change_speed(replay, twice, NULL, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 3, "it has that speed");
}

Test(replay_controls, refuses_instants_outside_its_range_and_changes_nothing)
{
    options.from = options.at = S;
    start();
    static const int64_t outside[] = {S - 1, 1000 * S + 1, TIME_MIN, TIME_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        cr_assert(replay_seek(replay, outside[i], now_us, &failure) == STATUS_INVALID);
        struct replay_speed other = {.rate = 2};
        cr_assert(replay_change_speed(replay, other, &outside[i], now_us, &failure) ==
                  STATUS_INVALID);
    }
    cr_assert(look().epoch == 1 && look().at == S && look().speed.rate <= 1);
    cr_assert(replay_seek(replay, 1000 * S, now_us, &failure) == STATUS_OK);
    cr_assert(replay_seek(replay, S, now_us, &failure) == STATUS_OK);
}

Test(replay_controls, has_one_question_for_a_picture_under_way_in_a_storm_of_seeks)
{
    start();
    check_silence();
    for (int64_t i = 1; i <= 50; i++) {
        cr_assert(replay_seek(replay, i * S, now_us, &failure) == STATUS_OK);
        check_silence();
    }
    cr_assert(fake.request_count == 1);
    fake_source_answer(&fake, STATUS_OK);
    inbox_drain(&inbox);
    check_silence();
    cr_assert(fake.request_count == 2);
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(output.at == 50 * S);
    check_silence();
}

/* What lies behind the end of the range used to be loaded, and before all of time there is no
 * instant to load: the server ended. */
Test(replay_controls, may_be_sought_to_either_end_of_time_while_a_picture_is_waited_for)
{
    for (int direction = -1; direction <= 1; direction += 2) {
        options.from = TIME_MIN;
        options.to = TIME_MAX;
        options.speed.rate = direction;
        options.playing = true;
        start();
        check_silence();
        size_t loads = fake.load_count;
        int64_t end = direction > 0 ? TIME_MAX : TIME_MIN;
        cr_assert(replay_seek(replay, end, now_us, &failure) == STATUS_OK);
        while (ask() == STATUS_WAIT)
            serve();
        cr_assert(fake.load_count == loads, "there is nothing to play");
        cr_assert(output.saying == SAYING_SNAPSHOT && output.at == end);
        check_state(REPLAY_ENDED, REASON_NONE);
        replay_destroy(&replay);
    }
}

Test(replay_controls, loads_the_last_microsecond_while_a_picture_is_waited_for)
{
    options.playing = true;
    options.at = options.to - 1;
    start();
    check_silence();
    cr_assert(fake.load_count == 1);
    cr_assert(replay_seek(replay, options.to, now_us, &failure) == STATUS_OK);
    check_silence();
    cr_assert(fake.load_count == 1);
    cr_assert(atomic_load(&fake_source_load(&fake)->cancelled), "nobody waits for it any more");
}

Test(replay_controls, may_go_while_everything_is_under_way)
{
    options.playing = true;
    start();
    check_silence();
    fake_source_run(&fake);
    inbox_drain(&inbox);
    check_silence();
    cr_assert(fake.request_count == 1);
    cr_assert(replay_seek(replay, 500 * S, now_us, &failure) == STATUS_OK);
    check_silence();
    cr_assert(fake_source_load(&fake) != NULL);
    replay_set(replay, &(struct replay_changes){.fps = NULL}, now_us);
    check_silence();
    fake_source_run(&fake); /* letters are in the inbox */
    replay_destroy(&replay);
    inbox_drain(&inbox);
}

/* What the list of symbols said when it was opened. */
Test(replay_controls, asked_for_other_candles_it_still_knows_its_symbols)
{
    int64_t first = INT64_C(1000000000) * S;
    ticks->symbol.from = first;
    ticks->symbol.to = first + GRAIN;
    ticks->symbol.lacks = TICK_FIELD_BIT(TICK_LAST);
    fake_tape_add(ticks, first, 1);
    ticks->ticks[0].fields[TICK_ASK] = 2;
    options.from = first;
    options.at = first + S;
    options.to = first + GRAIN;
    stock(first, first + GRAIN);
    start();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    struct replay_intervals minutes = {.count = 1,
                                       .items = {{.text = "1m", .interval_us = 60 * S}}};
    size_t loads = fake.load_count;
    replay_set(replay, &(struct replay_changes){.intervals = &minutes}, now_us);
    while (ask() != STATUS_OK)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT);
    cr_assert(fake.request_count == 0, "the picture is there: none has a last price");
    cr_assert(fake.load_count - loads <= 8, "%zu loads for nothing", fake.load_count - loads);
}

Test(replay_controls, plays_all_of_time)
{
    fake_tape_add(ticks, TIME_MIN, 1);
    fake_tape_add(ticks, TIME_MAX - 1, 2);
    options.from = options.at = TIME_MIN;
    options.to = TIME_MAX;
    options.speed.max = true;
    start();
    cr_assert(ask() == STATUS_OK);
    cr_assert(output.saying == SAYING_SNAPSHOT, "nothing can lie before all of time");
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    for (int turns = 0; turns < 1000 && look().state != REPLAY_ENDED; turns++) {
        while (ask() == STATUS_OK)
            continue;
        serve();
        pass(10 * MS);
    }
    cr_assert(look().state == REPLAY_ENDED);
    cr_assert(fake.load_count < 500, "%zu loads", fake.load_count);
    cr_assert(replay_change_speed(replay, (struct replay_speed){.rate = 0.01}, &(int64_t){TIME_MIN},
                                  now_us, &failure) == STATUS_OK);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    int64_t rows = 0;
    for (int turns = 0; turns < 100; turns++) {
        while (ask() == STATUS_OK)
            rows += output.saying == SAYING_FRAME ? (int64_t)output.rows : 0;
        serve();
        pass(10 * MS);
    }
    cr_assert(rows == 1);
}
