#include "replay_fixture.h"

TestSuite(replay_backward, .init = replay_set_up, .fini = replay_tear_down);

/* A tick every 100 ms, in the middle of a frame of ten a second. */
static void add_ticks(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
}

/* Opens and plays backward from `at`, its picture taken. */
static void play_back_from(int64_t at, struct replay_speed speed)
{
    options.at = at;
    options.speed = speed;
    stock(0, GRAIN);
    start();
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT && output.at == at);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
}

static const struct replay_speed back = {.rate = -1};
static const struct replay_speed max_back = {.rate = -1, .max = true};

/* ---- at a speed --------------------------------------------------------------------------- */

Test(replay_backward, sends_each_frame_when_it_is_due_and_ends_with_its_totals)
{
    add_ticks(10);
    play_back_from(500 * MS, back);
    check_silence();
    int64_t begun_us = now_us;
    for (int64_t i = 0; i < 5; i++) {
        now_us = begun_us + (i + 1) * 100 * MS - MS;
        check_silence();
        pass(2 * MS);
        cr_assert(wakes > 0);
        check_frame(500 * MS - (i + 1) * 100 * MS, 500 * MS - i * 100 * MS, 1);
        cr_assert(output.direction == -1);
        cr_assert(output.seq == i && output.due_us == (i + 1) * 100 * MS);
        cr_assert(look().at == 500 * MS - (i + 1) * 100 * MS, "its edge is the earlier end");
    }
    check_state(REPLAY_ENDED, REASON_NONE);
    cr_assert(output.totals[0] == 5, "none at or after where it began");
    cr_assert(output.view.at == 0);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_CONFLICT);
}

Test(replay_backward, takes_back_what_lies_before_its_start_and_not_what_lies_at_it)
{
    static const int64_t starts[] = {100 * MS, 100 * MS + 1};
    fake_tape_add(ticks, 0, 0);
    fake_tape_add(ticks, 100 * MS - 1, 1);
    fake_tape_add(ticks, 100 * MS, 2);
    for (size_t i = 0; i < 2; i++) {
        play_back_from(starts[i], back);
        cr_assert(watch(starts[i], -1).rows == 2 + i, "from is in the range, at is not");
        replay_destroy(&replay);
    }
}

Test(replay_backward, ends_at_once_and_without_a_frame_where_it_already_is_at_the_start)
{
    add_ticks(10);
    play_back_from(0, back);
    check_state(REPLAY_ENDED, REASON_NONE);
    cr_assert(output.totals[0] == 0);
    check_silence();
}

Test(replay_backward, does_not_end_at_once_at_the_other_end_of_its_range)
{
    add_ticks(10);
    options.to = 10 * S;
    play_back_from(10 * S, back);
    check_silence();
    struct watched watched = watch(10 * S, -1);
    cr_assert(watched.rows == 10 && watched.at == 0);
}

Test(replay_backward, reaches_as_far_as_is_due_when_it_is_a_little_late)
{
    add_ticks(20);
    play_back_from(S, back);
    check_silence();
    pass(240 * MS);
    check_frame(800 * MS, S, 2);
    check_silence();
}

Test(replay_backward, stops_its_clock_when_it_is_very_late)
{
    add_ticks(20);
    play_back_from(S, back);
    check_silence();
    pass(2 * S);
    check_state(REPLAY_BUFFERING, REASON_CLIENT);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(900 * MS, S, 1);
}

Test(replay_backward, keeps_a_beat_where_nothing_happens)
{
    options.ticks = false;
    play_back_from(10 * S, back);
    pass(900 * MS);
    check_silence();
    pass(100 * MS);
    check_frame(9 * S, 10 * S, 0);
}

Test(replay_backward, plays_blocks_and_emptiness_at_any_speed)
{
    static const double rates[] = {-0.5, -7.3, -1000, -100000};
    for (int64_t i = 0; i < 40; i++)
        fake_tape_add(ticks, i * i * S, i);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        options.to = rates[i] < -100 ? 1600 * S : 40 * S;
        play_back_from(options.to, (struct replay_speed){.rate = rates[i]});
        struct watched watched = watch(options.to, -1);
        cr_assert(watched.at == 0 && watched.errors == 0);
        cr_assert(look().state == REPLAY_ENDED);
        replay_destroy(&replay);
    }
}

Test(replay_backward, never_has_more_under_way_than_the_window)
{
    add_ticks(20);
    options.flow_ack = true;
    options.window_us = 100 * MS;
    play_back_from(S, back);
    check_silence();
    pass(100 * MS);
    check_frame(900 * MS, S, 1);
    pass(100 * MS);
    check_silence();
    pass(251 * MS);
    check_state(REPLAY_BUFFERING, REASON_FLOW);
    cr_assert(replay_acknowledge(replay, 1, 0, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(800 * MS, 900 * MS, 1);
}

Test(replay_backward, tells_a_failure_once_and_goes_on_from_where_it_was)
{
    fake_tape_add(ticks, 10 * S, 1);
    play_back_from(GRAIN, (struct replay_speed){.rate = -100});
    cr_assert(replay_seek(replay, 5 * GRAIN, now_us, &failure) == STATUS_OK);
    check_silence();
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    check_state(REPLAY_PAUSED, REASON_NONE);
    check_silence();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    struct watched watched = watch(5 * GRAIN, -1);
    cr_assert(watched.rows == 1 && watched.errors == 0 && watched.at == 0);
}

/* ---- at "-max" ---------------------------------------------------------------------------- */

Test(replay_backward, plays_all_there_is_as_fast_as_it_can)
{
    for (int64_t i = 0; i < 5000; i++)
        fake_tape_add(ticks, i * 50 * MS, i);
    options.to = 250 * S;
    play_back_from(250 * S, max_back);
    struct watched watched = watch(250 * S, -1);
    cr_assert(watched.rows == 5000 && watched.at == 0);
    cr_assert(look().state == REPLAY_ENDED);
}

Test(replay_backward, plays_several_symbols_on_one_playhead)
{
    struct fake_tape *other = add_symbol("B");
    add_symbol("C");
    for (int64_t i = 0; i < 2000; i++) {
        fake_tape_add(ticks, i * 100 * MS, i);
        fake_tape_add(other, i / 4 * 333 * MS, i);
    }
    options.to = 200 * S;
    play_back_from(200 * S, max_back);
    struct watched watched = watch(200 * S, -1);
    cr_assert(watched.rows == 4000 && watched.at == 0);
}

Test(replay_backward, fits_frames_and_never_splits_an_instant)
{
    for (int64_t i = 0; i < 3000; i++)
        fake_tape_add(ticks, i / 30 * S, i); /* 30 of each instant */
    options.to = 100 * S;
    options.budget.bytes = 2500;
    play_back_from(100 * S, max_back);
    struct watched watched = watch(100 * S, -1); /* frames hold all ticks of their spans */
    cr_assert(watched.rows == 3000);
    cr_assert(watched.frames >= 10, "%zu frames", watched.frames);
}

Test(replay_backward, sends_an_instant_that_is_larger_than_a_frame_by_itself)
{
    fake_tape_add(ticks, 0, 0);
    for (int64_t i = 0; i < 20000; i++)
        fake_tape_add(ticks, S, i);
    fake_tape_add(ticks, 2 * S, 1);
    play_back_from(3 * S, max_back);
    check_frame(S + 1, 3 * S, 1);
    check_frame(S, S + 1, 20000);
    check_frame(0, S, 1);
    check_state(REPLAY_ENDED, REASON_NONE);
}

Test(replay_backward, plays_what_lies_in_more_blocks_than_a_cursor_holds)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    options.to = 100 * GRAIN;
    play_back_from(100 * GRAIN, max_back);
    cr_assert(watch(100 * GRAIN, -1).rows == 100);
}

Test(replay_backward, plays_all_of_time)
{
    fake_tape_add(ticks, TIME_MIN, 1);
    fake_tape_add(ticks, TIME_MAX - 1, 2);
    options.from = TIME_MIN;
    options.to = TIME_MAX;
    play_back_from(TIME_MAX, max_back);
    struct watched watched = watch(TIME_MAX, -1);
    cr_assert(watched.rows == 2 && watched.at == TIME_MIN);
    cr_assert(look().state == REPLAY_ENDED);
    cr_assert(fake.load_count < 500, "%zu loads", fake.load_count);
}

/* ---- turning around ----------------------------------------------------------------------- */

Test(replay_backward, turns_around_exactly_where_it_is_told_to)
{
    add_ticks(100);
    begin();
    check_silence();
    for (int64_t i = 0; i < 5; i++) {
        pass(100 * MS);
        check_frame(i * 100 * MS, (i + 1) * 100 * MS, 1);
    }
    int64_t at = 350 * MS; /* frames beyond it were never used; the tick there is still to come */
    cr_assert(replay_change_speed(replay, back, &at, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 2 && look().at == at && look().state == REPLAY_PLAYING);
    struct watched watched = watch(at, -1);
    cr_assert(watched.rows == 3 && watched.at == 0);
    check_silence();
}

Test(replay_backward, turns_around_at_its_last_edge_unless_it_is_told_where)
{
    add_ticks(100);
    play_back_from(S, back);
    check_silence();
    pass(100 * MS);
    check_frame(900 * MS, S, 1);
    struct replay_speed forward = {.rate = 1};
    cr_assert(replay_change_speed(replay, forward, NULL, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 2 && look().at == 900 * MS);
    check_silence();
    pass(100 * MS);
    check_frame(900 * MS, S, 1);
    cr_assert(output.direction == 1 && output.seq == 0 && output.due_us == 100 * MS);
}

Test(replay_backward, turns_around_between_fast_and_slow_without_losing_a_tick)
{
    add_ticks(600);
    begin();
    static const struct replay_speed speeds[] = {
        {.rate = 1, .max = true}, {.rate = -20}, {.rate = 3}, {.rate = -1, .max = true}};
    int64_t at = 5 * S;
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        cr_assert(replay_change_speed(replay, speeds[i], &at, now_us, &failure) == STATUS_OK);
        if (look().state != REPLAY_PLAYING)
            cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
        int direction = replay_speed_direction(speeds[i]);
        struct watched watched = watch(at, direction);
        cr_assert(watched.at == (direction > 0 ? options.to : 0));
        cr_assert(watched.rows == (direction > 0 ? 550 : 50));
    }
}

Test(replay_backward, refuses_to_turn_around_outside_its_range)
{
    options.from = options.at = S;
    start();
    int64_t before = S - 1;
    cr_assert(replay_change_speed(replay, back, &before, now_us, &failure) == STATUS_INVALID);
    cr_assert(look().epoch == 1 && look().speed.rate > 0);
    cr_assert(replay_change_speed(replay, back, &options.from, now_us, &failure) == STATUS_OK);
}

Test(replay_backward, plays_from_where_it_is_sought)
{
    add_ticks(100);
    play_back_from(S, max_back);
    watch(S, -1);
    cr_assert(replay_seek(replay, 2 * S, now_us, &failure) == STATUS_OK);
    cr_assert(look().state == REPLAY_PAUSED, "no longer ended");
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(watch(2 * S, -1).rows == 20);
}

/* ---- loads -------------------------------------------------------------------------------- */

Test(replay_backward, loads_and_reads_ahead_in_its_direction)
{
    ticks->symbol.lacks = TICK_FIELD_BIT(TICK_ASK) | TICK_FIELD_BIT(TICK_LAST);
    for (int64_t i = 1; i <= 100; i++)
        fake_tape_add(ticks, i * GRAIN - S, i);
    options.to = 100 * GRAIN;
    options.at = 50 * GRAIN;
    options.speed.rate = -100;
    options.playing = true;
    start();
    check_silence();
    struct tick_load *load = fake_source_load(&fake);
    cr_assert(load->backward && load->urgency == SOURCE_URGENT);
    cr_assert(load->range.to == 50 * GRAIN && load->range.from == 50 * GRAIN - GRAIN / 4);
    fake_source_step(&fake); /* holds the picture, too */
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    check_silence();
    cr_assert(fake.load_count == 1, "who seeks again at once has no use for more");
    pass(60 * MS);
    check_silence();
    cr_assert(fake.load_count > 1, "it reads ahead");
    for (struct list *node = fake.loads.next; node != &fake.loads; node = node->next) {
        load = CONTAINER_OF(node, struct tick_load, node);
        cr_assert(load->backward);
        cr_assert(load->range.to <= 50 * GRAIN, "not behind the playhead");
    }
}

/* ---- frames that wait for their candles --------------------------------------------------- */

/* Plays back over the only trade of a bucket: the candle before it is still to be loaded. */
static void take_a_trade_back(void)
{
    static const int64_t trades[] = {598, 601};
    for (size_t i = 0; i < 2; i++) {
        fake_tape_add(ticks, trades[i] * S, 1);
        ticks->ticks[i].fields[TICK_LAST] = 5;
    }
    options.intervals = (struct replay_intervals){
        .count = 2,
        .items = {{.text = "1m", .interval_us = 60 * S}, {.text = "2m", .interval_us = 120 * S}}};
    stock(576 * S, 640 * S);
    play_back_from(604500 * MS, (struct replay_speed){.rate = -10});
    check_silence();
}

/* The source serves it until there is one. */
static void ask_for_frame(void)
{
    for (int i = 0; i < 1000; i++) {
        if (ask() == STATUS_OK && output.saying == SAYING_FRAME)
            return;
        serve();
        pass(0);
    }
    cr_assert_fail("no frame comes");
}

Test(replay_backward, takes_back_what_has_changed_while_candles_were_waited_for)
{
    take_a_trade_back();
    pass(450 * MS);
    check_silence();
    cr_assert(fake_source_load(&fake) != NULL, "it waits for a candle");
    tape_invalidate(tape, "A", (struct time_range){0, 1000 * S});
    check_silence();
    ask_for_frame();
    cr_assert(output.rows == 1, "%zu rows", output.rows);
    cr_assert(output.candle_count > 0 && output.candles[0].candle.time == 540 * S);
}

Test(replay_backward, sends_a_short_frame_after_a_stop_where_candles_are_waited_for)
{
    take_a_trade_back();
    pass(3 * S);
    check_state(REPLAY_BUFFERING, REASON_CLIENT);
    ask_for_frame();
    cr_assert(output.due_us <= 600 * MS, "due at %" PRId64, output.due_us);
}

Test(replay_backward, tells_one_failure_of_an_outage_however_many_candles_it_waits_for)
{
    take_a_trade_back();
    pass(450 * MS);
    check_silence();
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    check_state(REPLAY_PAUSED, REASON_NONE);
    check_silence();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    ask_for_frame();
    cr_assert(output.rows == 1 && look().state == REPLAY_PLAYING);
}
