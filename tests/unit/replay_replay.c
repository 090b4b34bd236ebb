#include "replay/replay.h"

#include "base/mem.h"
#include "fake_source.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define S TIME_SECOND_US
#define MS INT64_C(1000)
#define GRAIN (64 * S)
#define MESSAGE_US 50 /* between two messages */

static struct fake_source fake;
static struct fake_tape *ticks;
static struct tape *tape;
static struct inbox inbox;
static struct wheel wheel;
static struct replay_lane lane;
static struct replay_options options;
static struct replay *replay;
static struct error error;
static struct replay_output output;
static int64_t now_us;
static size_t wakes;
static size_t frame_bytes; /* what each frame is said to take */

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

static void wake(void *owner)
{
    (void)owner;
    wakes++;
}

static void set_up(void)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", GRAIN);
    tape = tape_create(&fake.source, (size_t)64 << 20);
    inbox_init(&inbox, nobody_sleeps, NULL);
    now_us = 1000 * S;
    wheel_init(&wheel, now_us);
    lane = (struct replay_lane){
        .tape = tape, .source = &fake.source, .inbox = &inbox, .wheel = &wheel};
    gather_init(&lane.gather);
    frame_bytes = 100;
    options = (struct replay_options){
        .symbol_count = 1,
        .symbols = {&ticks->symbol},
        .to = 1000 * S,
        .speed = {.rate = 1},
        .fps = 10,
        .ticks = true,
        .window_us = 2 * S,
        .window_bytes = 4 << 20,
        .budget =
            {.bytes = 61440,
             .head_bytes = 256,
             .symbol_bytes = 384,
             .row_bytes = {[COLUMN_U32] = 4, [COLUMN_I16] = 2, [COLUMN_I32] = 4, [COLUMN_I64] = 8},
             .encodings = COLUMN_ENCODINGS_ALL},
    };
}

static void tear_down(void)
{
    if (replay != NULL)
        replay_destroy(&replay);
    fake_source_deinit(&fake);
    inbox_drain(&inbox);
    tape_destroy(&tape);
    gather_deinit(&lane.gather);
    inbox_deinit(&inbox);
    cr_assert(wheel.armed_count == 0);
    cr_assert(mem_block_bytes() == 0);
}

TestSuite(replay, .init = set_up, .fini = tear_down);

static void start(void)
{
    replay = replay_create(&lane, &options, wake, NULL, now_us);
}

/* Time passes for the replay: its timers fire, its letters come. */
static void pass(int64_t us)
{
    now_us += us;
    wheel_run(&wheel, now_us);
    inbox_drain(&inbox);
}

/* The next message, which takes a moment to leave. */
static enum status poll(void)
{
    enum status status = replay_poll(replay, now_us, &output);
    if (status == STATUS_OK && output.saying == SAYING_FRAME)
        replay_sent(replay, frame_bytes);
    now_us += status == STATUS_OK ? MESSAGE_US : 0;
    return status;
}

/* The source does all it has been asked for, until nothing more is asked. */
static void serve(void)
{
    while (fake_source_load(&fake) != NULL || !list_is_empty(&fake.requests)) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
}

static struct replay_view look(void)
{
    struct replay_view view;
    replay_look(replay, &view);
    return view;
}

static void check_state(enum replay_state state, enum replay_reason reason)
{
    cr_assert(poll() == STATUS_OK);
    cr_assert(output.saying == SAYING_STATE, "says %d", output.saying);
    cr_assert(output.view.state == state, "is %s", replay_state_name(output.view.state));
    cr_assert(output.view.reason == reason, "reason %d", output.view.reason);
}

static void check_frame(int64_t from, int64_t to, size_t rows)
{
    cr_assert(poll() == STATUS_OK);
    cr_assert(output.saying == SAYING_FRAME, "says %d", output.saying);
    cr_assert(output.span.from == from, "from %" PRId64, output.span.from);
    cr_assert(output.span.to == to, "to %" PRId64, output.span.to);
    cr_assert(output.rows == rows, "%zu rows", output.rows);
}

static void check_silence(void)
{
    cr_assert(poll() == STATUS_WAIT, "says %d", output.saying);
}

/* The snapshot, and all data there is. */
static void take_snapshot(void)
{
    check_silence();
    serve();
    cr_assert(poll() == STATUS_OK);
    cr_assert(output.saying == SAYING_SNAPSHOT, "says %d", output.saying);
}

/* ---- playing ------------------------------------------------------------------------------ */

Test(replay, tells_the_picture_and_then_waits_for_play)
{
    start();
    take_snapshot();
    cr_assert(output.at == 0 && output.seq == 0);
    pass(10 * S);
    check_silence();
    cr_assert(look().state == REPLAY_PAUSED);
}

static struct track *held;

static void hold(void)
{
    held = tape_track_hold(tape, &ticks->symbol);
    tape_read_ahead(tape, held, (struct time_range){0, GRAIN}, false);
    serve();
}

static void let_go(void)
{
    tape_track_let_go(tape, &held);
}

/* Opens and plays, with the data of a grain at hand; the first poll is still to come. */
static void begin(void)
{
    hold();
    start();
    let_go();
    take_snapshot();
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
}

/* As above, where nothing is due at once. */
static void play(void)
{
    begin();
    check_silence();
}

Test(replay, sends_each_frame_when_it_is_due_and_ends_with_its_totals)
{
    for (int64_t i = 0; i < 5; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    options.to = 500 * MS;
    play();
    int64_t begun_us = now_us;
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
    cr_assert(replay_play(replay, now_us, &error) == STATUS_CONFLICT);
}

Test(replay, ends_at_once_and_without_a_frame_where_it_already_is_at_the_end)
{
    options.at = options.to;
    begin();
    check_state(REPLAY_ENDED, REASON_NONE);
    cr_assert(output.totals[0] == 0);
}

Test(replay, sends_no_frame_after_a_pause_and_goes_on_where_it_was)
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
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    pass(100 * MS);
    check_frame(100 * MS, 200 * MS, 1);
    cr_assert(output.seq == 1 && output.epoch == 1);
}

Test(replay, catches_up_a_small_lag_with_one_long_frame)
{
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    play();
    pass(340 * MS);
    check_frame(0, 300 * MS, 3);
    check_silence();
}

/* ---- stops -------------------------------------------------------------------------------- */

/* The clock used to run on while the news was on its way: the news never ended. */
Test(replay, goes_on_after_it_has_told_that_the_client_stalled)
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

Test(replay, does_not_tell_of_each_frame_that_its_client_is_a_little_slow)
{
    for (int64_t i = 0; i < 10000; i++)
        fake_tape_add(ticks, i * MS, i);
    options.fps = 240;
    options.budget.bytes = 1000; /* frames that take longer than they last */
    play();
    size_t told = 0;
    for (size_t frames = 0; frames < 200;) {
        if (poll() == STATUS_WAIT) {
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

Test(replay, stops_for_data_and_goes_on_when_it_comes)
{
    fake_tape_add(ticks, 50 * MS, 1);
    start();
    while (fake_source_load(&fake) == NULL) {
        if (!list_is_empty(&fake.requests))
            fake_source_answer(&fake, STATUS_OK);
        inbox_drain(&inbox);
        if (replay_poll(replay, now_us, &output) == STATUS_OK)
            cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
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

Test(replay, stops_for_acks_and_goes_on_when_they_come)
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
    cr_assert(replay_acknowledge(replay, 1, 0, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(100 * MS, 200 * MS, 1);
    cr_assert(replay_acknowledge(replay, 1, 5, &error) == STATUS_INVALID);
    cr_assert(replay_acknowledge(replay, 2, 0, &error) == STATUS_INVALID);
    cr_assert(replay_acknowledge(replay, 0, 99, &error) == STATUS_OK, "of an older epoch");
}

Test(replay, tells_when_it_waits_for_something_else)
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
    cr_assert(replay_acknowledge(replay, 1, 0, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
}

Test(replay, does_not_blame_the_client_for_the_time_before_a_pause)
{
    fake_tape_add(ticks, 50 * MS, 1);
    play();
    pass(5 * S); /* nobody polls */
    replay_pause(replay, now_us);
    check_state(REPLAY_PAUSED, REASON_NONE);
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_frame(0, 100 * MS, 1);
}

/* The time of an earlier wait used to count. */
Test(replay, does_not_stop_for_a_picture_that_comes_soon)
{
    fake_tape_add(ticks, 900 * S, 1);
    options.playing = true;
    start();
    check_silence();
    pass(50 * MS);
    serve();
    cr_assert(poll() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
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
    cr_assert(poll() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(look().state == REPLAY_PLAYING);
}

Test(replay, does_not_stop_for_a_picture_while_its_client_has_frames_ahead)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    options.lead_us = 3 * S;
    begin();
    while (poll() == STATUS_OK)
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

/* ---- failures ----------------------------------------------------------------------------- */

/* Each symbol's failure used to end another play. */
Test(replay, tells_one_failure_of_an_outage_however_many_symbols_it_has)
{
    options.symbol_count = 3;
    options.symbols[1] = &fake_source_symbol(&fake, "B", GRAIN)->symbol;
    options.symbols[2] = &fake_source_symbol(&fake, "C", GRAIN)->symbol;
    start();
    check_silence();
    fake_source_answer(&fake, STATUS_OK);
    inbox_drain(&inbox);
    cr_assert(poll() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(poll() == STATUS_OK && output.saying == SAYING_ERROR);
    check_state(REPLAY_PAUSED, REASON_NONE);
    check_silence();
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    serve();
    check_silence();
    cr_assert(look().state == REPLAY_PLAYING);
}

Test(replay, asks_again_for_a_picture_that_failed_and_tells_it_once)
{
    start();
    check_silence();
    fake_source_answer(&fake, STATUS_INTERNAL);
    inbox_drain(&inbox);
    cr_assert(poll() == STATUS_OK && output.saying == SAYING_ERROR);
    check_silence();
    cr_assert(replay_seek(replay, S, now_us, &error) == STATUS_OK);
    take_snapshot();
    cr_assert(output.at == S);
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    cr_assert(fake.request_count == 2, "the picture is there");
}

/* ---- ticks -------------------------------------------------------------------------------- */

/* More ticks than a cursor holds, between two points of the grid, used to stop it for good. */
Test(replay, plays_what_is_too_dense_for_its_frames_per_second)
{
    for (int64_t i = 0; i < 40000; i++)
        fake_tape_add(ticks, i * 25, i);
    fake.block_rows = 5000;
    options.to = S;
    options.fps = 1;
    play();
    for (int turns = 0; turns < 1000 && look().state != REPLAY_ENDED; turns++) {
        while (poll() == STATUS_OK)
            continue;
        serve();
        pass(10 * MS);
    }
    cr_assert(look().state == REPLAY_ENDED, "%s", replay_state_name(look().state));
}

Test(replay, plays_what_lies_in_more_blocks_than_a_cursor_holds)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    options.to = 100 * GRAIN;
    options.speed.rate = 100000;
    options.fps = 1;
    start();
    take_snapshot();
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    int64_t rows = 0;
    for (int turns = 0; turns < 1000 && look().state != REPLAY_ENDED; turns++) {
        while (poll() == STATUS_OK)
            rows += output.saying == SAYING_FRAME ? (int64_t)output.rows : 0;
        serve();
        pass(10 * MS);
    }
    cr_assert(look().state == REPLAY_ENDED);
    cr_assert(rows == 100);
}

Test(replay, plays_ticks_that_have_come_while_it_was_paused)
{
    fake_tape_add(ticks, 50 * MS, 1);
    play();
    check_silence(); /* pins the block */
    replay_pause(replay, now_us);
    check_state(REPLAY_PAUSED, REASON_NONE);
    fake_tape_add(ticks, 60 * MS, 2);
    tape_invalidate(tape, "A", (struct time_range){60 * MS, 60 * MS + 1});
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    serve();
    pass(100 * MS);
    check_frame(0, 100 * MS, 2);
}

Test(replay, never_has_more_bytes_under_way_than_the_window)
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
    cr_assert(replay_acknowledge(replay, 1, 0, &error) == STATUS_OK);
    frame_bytes = 120000;
    check_frame(S, S + 1, 20000);
    check_silence();
}

Test(replay, sends_no_ticks_when_none_are_wanted_but_keeps_the_beat)
{
    fake_tape_add(ticks, 50 * MS, 1);
    options.ticks = false;
    start();
    take_snapshot();
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    pass(900 * MS);
    check_silence();
    pass(100 * MS);
    check_frame(0, S, 0);
    cr_assert(fake.load_count == 0);
}

/* ---- controls ----------------------------------------------------------------------------- */

Test(replay, begins_an_epoch_exactly_where_it_is_told_to)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
    play();
    pass(100 * MS);
    check_frame(0, 100 * MS, 1);
    cr_assert(replay_seek(replay, 5 * S, now_us, &error) == STATUS_OK);
    cr_assert(look().epoch == 2 && look().at == 5 * S);
    take_snapshot();
    cr_assert(output.epoch == 2 && output.at == 5 * S && output.seq == 0);
    pass(100 * MS);
    check_frame(5 * S, 5100 * MS, 1);
    int64_t at = 5050 * MS;
    struct replay_speed twice = {.rate = 2};
    cr_assert(replay_change_speed(replay, twice, &at, now_us, &error) == STATUS_OK);
    cr_assert(look().epoch == 3 && look().at == at);
    pass(100 * MS);
    check_frame(at, at + 200 * MS, 2);
    cr_assert(output.seq == 0 && output.due_us == 100 * MS);
    cr_assert(replay_change_speed(replay, twice, NULL, now_us, &error) == STATUS_OK);
    cr_assert(look().epoch == 3, "it has that speed");
}

Test(replay, refuses_instants_outside_its_range_and_changes_nothing)
{
    options.from = options.at = S;
    start();
    static const int64_t outside[] = {S - 1, 1000 * S + 1, TIME_MIN, TIME_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        cr_assert(replay_seek(replay, outside[i], now_us, &error) == STATUS_INVALID);
        struct replay_speed other = {.rate = 2};
        cr_assert(replay_change_speed(replay, other, &outside[i], now_us, &error) ==
                  STATUS_INVALID);
    }
    cr_assert(look().epoch == 1 && look().at == S && look().speed.rate <= 1);
    cr_assert(replay_seek(replay, 1000 * S, now_us, &error) == STATUS_OK);
    cr_assert(replay_seek(replay, S, now_us, &error) == STATUS_OK);
}

Test(replay, has_one_question_for_a_picture_under_way_in_a_storm_of_seeks)
{
    start();
    check_silence();
    for (int64_t i = 1; i <= 50; i++) {
        cr_assert(replay_seek(replay, i * S, now_us, &error) == STATUS_OK);
        check_silence();
    }
    cr_assert(fake.request_count == 1);
    fake_source_answer(&fake, STATUS_OK);
    inbox_drain(&inbox);
    check_silence();
    cr_assert(fake.request_count == 2);
    serve();
    cr_assert(poll() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(output.at == 50 * S);
    check_silence();
}

Test(replay, may_go_while_everything_is_under_way)
{
    options.playing = true;
    start();
    check_silence();
    fake_source_answer(&fake, STATUS_OK);
    inbox_drain(&inbox);
    cr_assert(poll() == STATUS_OK);
    check_silence();
    replay_set(replay, &(struct replay_changes){.fps = NULL}, now_us);
    check_silence();
    fake_source_run(&fake); /* letters are in the inbox */
    replay_destroy(&replay);
    inbox_drain(&inbox);
}

Test(replay, plays_all_of_time)
{
    fake_tape_add(ticks, TIME_MIN, 1);
    fake_tape_add(ticks, TIME_MAX - 1, 2);
    options.from = options.at = TIME_MIN;
    options.to = TIME_MAX;
    options.speed.max = true;
    start();
    cr_assert(poll() == STATUS_OK);
    cr_assert(output.saying == SAYING_SNAPSHOT, "nothing can lie before all of time");
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    for (int turns = 0; turns < 1000 && look().state != REPLAY_ENDED; turns++) {
        while (poll() == STATUS_OK)
            continue;
        serve();
        pass(10 * MS);
    }
    cr_assert(look().state == REPLAY_ENDED);
    cr_assert(fake.load_count < 500, "%zu loads", fake.load_count);
    cr_assert(replay_change_speed(replay, (struct replay_speed){.rate = 0.01}, &(int64_t){TIME_MIN},
                                  now_us, &error) == STATUS_OK);
    cr_assert(replay_play(replay, now_us, &error) == STATUS_OK);
    int64_t rows = 0;
    for (int turns = 0; turns < 100; turns++) {
        while (poll() == STATUS_OK)
            rows += output.saying == SAYING_FRAME ? (int64_t)output.rows : 0;
        serve();
        pass(10 * MS);
    }
    cr_assert(rows == 1);
}
