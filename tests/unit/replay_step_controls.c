#include "replay_fixture.h"

#include "base/mem.h"

TestSuite(replay_step_controls, .init = replay_set_up, .fini = replay_tear_down);

/* What else is asked of a replay while it steps, and after it. */

static void add_ticks(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        fake_tape_add(ticks, i * 100 * MS + 50 * MS, i);
}

static void open_at(int64_t at)
{
    options.at = at;
    start();
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT && output.at == at);
}

/* A step that waits for data. */
static void begin_step(int64_t at, int64_t count)
{
    open_at(at);
    step_ticks(count);
    check_silence();
    cr_assert(fake_source_load(&fake) != NULL);
}

/* ---- playing ------------------------------------------------------------------------------ */

Test(replay_step_controls, pauses_what_is_playing)
{
    add_ticks(100);
    play();
    pass(100 * MS);
    check_frame(0, 100 * MS, 1);
    step_ticks(1);
    check_state(REPLAY_PAUSED, REASON_NONE);
    cr_assert(output.view.epoch == 2 && output.view.at == 100 * MS);
    check_frame(100 * MS, 150 * MS + 1, 1);
    pass(10 * S);
    check_silence();
}

Test(replay_step_controls, does_not_play_on_when_a_step_is_refused)
{
    add_ticks(100);
    play();
    struct replay_step step = {.unit = STEP_TICK, .count = 1};
    int64_t outside = options.to + 1;
    cr_assert(replay_step(replay, &step, &outside, now_us, &failure) == STATUS_INVALID);
    cr_assert(look().state == REPLAY_PLAYING && look().epoch == 1);
    pass(100 * MS);
    check_frame(0, 100 * MS, 1);
}

Test(replay_step_controls, plays_on_from_a_step_as_a_new_epoch_in_its_own_direction)
{
    add_ticks(100);
    open_at(S);
    step_ticks(-3);
    struct watched watched = watch(S, -1);
    cr_assert(watched.at == 750 * MS && watched.rows == 3);
    cr_assert(look().epoch == 2);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 3 && look().at == 750 * MS);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    pass(100 * MS);
    check_frame(750 * MS, 850 * MS, 1);
    cr_assert(output.direction == 1 && output.seq == 0 && output.due_us == 100 * MS);
}

Test(replay_step_controls, plays_back_from_a_step_forward)
{
    add_ticks(100);
    options.speed.rate = -1;
    open_at(S);
    step_ticks(2);
    cr_assert(watch(S, 1).at == 1150 * MS + 1);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(watch(1150 * MS + 1, -1).rows == 12);
    cr_assert(look().state == REPLAY_ENDED && look().at == 0);
}

Test(replay_step_controls, keeps_the_epoch_of_play_without_a_step)
{
    add_ticks(100);
    play();
    replay_pause(replay, now_us);
    check_state(REPLAY_PAUSED, REASON_NONE);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 1);
    step_ticks(1);
    check_state(REPLAY_PAUSED, REASON_NONE);
    watch(0, 1);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 3, "the step and the play after it");
    replay_pause(replay, now_us);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 3);
}

Test(replay_step_controls, steps_back_from_the_end_and_plays_it_again)
{
    add_ticks(10);
    options.to = S;
    options.speed.max = true;
    open_at(0);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    watch(0, 1);
    cr_assert(look().state == REPLAY_ENDED);
    step_ticks(-4);
    check_state(REPLAY_PAUSED, REASON_NONE);
    cr_assert(watch(S, -1).at == 650 * MS);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(watch(650 * MS, 1).rows == 4);
    cr_assert(look().state == REPLAY_ENDED);
}

Test(replay_step_controls, ends_when_it_is_played_after_a_step_to_the_end)
{
    add_ticks(10);
    options.to = S;
    open_at(900 * MS);
    step_ticks(5);
    cr_assert(watch(900 * MS, 1).at == S);
    cr_assert(look().state == REPLAY_PAUSED, "a step does not end it");
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_state(REPLAY_ENDED, REASON_NONE);
    cr_assert(output.totals[0] == 0, "of the epoch that play began");
}

/* ---- a step that is not finished ---------------------------------------------------------- */

Test(replay_step_controls, gives_a_step_up_for_a_seek)
{
    add_ticks(10);
    begin_step(0, 1000);
    cr_assert(replay_seek(replay, 500 * MS, now_us, &failure) == STATUS_OK);
    struct watched watched = watch(500 * MS, 1);
    cr_assert(watched.frames == 0 && look().at == 500 * MS);
}

Test(replay_step_controls, gives_a_step_up_for_another)
{
    add_ticks(10);
    begin_step(0, 1000);
    int64_t at = 500 * MS;
    step_from(&at, STEP_TICK, 0, -2);
    struct watched watched = watch(at, -1);
    cr_assert(watched.rows == 2 && watched.at == 350 * MS);
}

Test(replay_step_controls, gives_a_step_up_for_another_speed_but_not_for_the_one_it_has)
{
    add_ticks(10);
    options.to = 100 * S;
    begin_step(0, 1000);
    cr_assert(replay_change_speed(replay, options.speed, NULL, now_us, &failure) == STATUS_OK);
    cr_assert(watch(0, 1).at == 100 * S);
    step_ticks(-1000);
    struct replay_speed twice = {.rate = 2};
    cr_assert(replay_change_speed(replay, twice, NULL, now_us, &failure) == STATUS_OK);
    cr_assert(watch(100 * S, 1).frames == 0);
}

Test(replay_step_controls, gives_a_step_up_for_play)
{
    add_ticks(10);
    options.to = S;
    begin_step(S, -1000);
    cr_assert(replay_seek(replay, 0, now_us, &failure) == STATUS_OK);
    step_ticks(1000);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(watch(0, 1).rows == 10);
    cr_assert(look().state == REPLAY_ENDED, "played, not stepped, to the end");
}

Test(replay_step_controls, gives_a_step_up_for_a_pause)
{
    add_ticks(10);
    begin_step(0, 3);
    replay_pause(replay, now_us);
    cr_assert(watch(0, 1).frames == 0, "nothing had been sent, and nothing is");
    cr_assert(look().state == REPLAY_PAUSED);
    cr_assert(look().at == 0);
}

Test(replay_step_controls, pauses_at_the_edge_of_the_last_frame_of_a_step_and_plays_on_from_there)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i * MS, i);
    options.budget.bytes = 1000;
    open_at(0);
    step_ticks(200);
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_FRAME && output.span.from == 0);
    size_t sent = output.rows;
    int64_t edge = output.span.to;
    cr_assert(sent > 0 && sent < 200, "the step takes several frames");
    replay_sent(replay, 1000);
    replay_pause(replay, now_us);
    check_silence();
    cr_assert(look().at == edge && look().epoch == 2 && look().state == REPLAY_PAUSED);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(look().epoch == 3, "play after a step starts an epoch");
    cr_assert(watch(edge, 1).rows == 300 - sent, "none lost, none twice");
}

Test(replay_step_controls, tells_the_picture_first_where_one_is_waited_for)
{
    add_ticks(10);
    start();
    check_silence();
    int64_t at = 500 * MS;
    step_from(&at, STEP_TICK, 0, 2);
    check_silence();
    serve();
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT && output.at == at && output.epoch == 2);
    cr_assert(watch(at, 1).rows == 2);
}

Test(replay_step_controls, goes_on_after_its_settings_change_in_the_middle)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i * MS, i);
    options.budget.bytes = 1000;
    open_at(0);
    step_ticks(200);
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_FRAME && output.rows < 200);
    size_t rows = output.rows;
    int64_t edge = output.span.to;
    static const bool no_ticks = false;
    replay_set(replay, &(struct replay_changes){.ticks = &no_ticks}, now_us);
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT && output.at == edge && output.seq == 1);
    check_frame(edge, 199 * MS + 1, 0);
    check_silence();
    static const bool with_ticks = true;
    replay_set(replay, &(struct replay_changes){.ticks = &with_ticks}, now_us);
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT);
    check_silence();
    step_ticks(1);
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_FRAME && output.rows == 1 && rows > 1);
}

Test(replay_step_controls, never_has_more_of_a_step_under_way_than_the_window)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i * MS, i);
    options.budget.bytes = 1000;
    options.flow_ack = true;
    options.window_bytes = 1500;
    open_at(0);
    step_ticks(200);
    while (ask() == STATUS_WAIT)
        serve();
    frame_bytes = 900;
    cr_assert(output.saying == SAYING_FRAME);
    size_t frames = 1;
    size_t rows = output.rows;
    for (; rows < 200; frames++) {
        frame_bytes = 900;
        enum status status = ask();
        while (status == STATUS_OK) {
            rows += output.rows;
            status = ask();
        }
        cr_assert(replay_acknowledge(replay, 2, output.seq, &failure) == STATUS_OK);
    }
    cr_assert(rows == 200 && frames > 2);
    check_silence();
}

/* ---- failures ----------------------------------------------------------------------------- */

Test(replay_step_controls, tells_the_failure_of_a_step_once_and_steps_again)
{
    struct fake_tape *other = add_symbol("B");
    add_ticks(10);
    fake_tape_add(other, 60 * MS, 1);
    begin_step(0, 2);
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    cr_assert(output.error->status == STATUS_UNAVAILABLE);
    check_silence();
    cr_assert(fake_source_load(&fake) == NULL, "it does not try again by itself");
    cr_assert(look().state == REPLAY_PAUSED && look().at == 0);
    step_ticks(2);
    struct watched watched = watch(0, 1);
    cr_assert(watched.rows == 2 && watched.errors == 0 && watched.at == 60 * MS + 1);
}

Test(replay_step_controls, plays_after_a_step_that_failed)
{
    add_ticks(10);
    options.to = S;
    begin_step(S, -2);
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_INTERNAL);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    cr_assert(replay_seek(replay, 0, now_us, &failure) == STATUS_OK);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(watch(0, 1).rows == 10);
}

Test(replay_step_controls, gives_a_step_up_when_its_picture_fails_and_tells_that_once)
{
    add_ticks(10);
    start();
    check_silence();
    step_ticks(3);
    check_silence();
    while (ask() == STATUS_WAIT) {
        fake_source_answer(&fake, STATUS_UNAVAILABLE);
        inbox_drain(&inbox);
    }
    cr_assert(output.saying == SAYING_ERROR);
    check_silence();
    step_ticks(3);
    cr_assert(watch(0, 1).rows == 3);
}

/* ---- what a step holds and asks for ------------------------------------------------------- */

Test(replay_step_controls, gives_back_its_pins_when_its_last_frame_has_been_passed)
{
    add_ticks(100);
    open_at(0);
    step_ticks(3);
    while (ask() == STATUS_WAIT) {
        fake_source_step(&fake);
        inbox_drain(&inbox);
    }
    cr_assert(output.saying == SAYING_FRAME && output.rows == 3);
    cr_assert(mem_block_bytes() > 0, "the frame's columns lie in the block");
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_END);
    check_silence();
    tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    cr_assert(mem_block_bytes() == 0);
}

Test(replay_step_controls, asks_for_nothing_where_the_next_instant_is_known)
{
    add_ticks(3000);
    open_at(GRAIN / 2);
    stock(0, GRAIN);
    size_t loads = fake.load_count;
    for (int64_t count = -1; count <= 1; count += 2) {
        int64_t at = GRAIN / 2;
        step_from(&at, STEP_TICK, 0, count);
        cr_assert(ask() == STATUS_OK && output.saying == SAYING_FRAME && output.rows == 1);
        check_silence();
    }
    cr_assert(fake.load_count == loads, "%zu loads", fake.load_count - loads);
    int64_t at = GRAIN - 50 * MS; /* the next one lies in what is not known */
    step_from(&at, STEP_TICK, 0, 2);
    check_silence();
    cr_assert(fake.load_count == loads + 1);
}
