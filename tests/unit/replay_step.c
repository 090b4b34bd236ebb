#include "replay_fixture.h"

#include "market/interval.h"

TestSuite(replay_step, .init = replay_set_up, .fini = replay_tear_down);

#define ORIGIN TIME_BUCKET_ORIGIN_US

/* Opens at `at`, its picture taken. */
static void open_at(int64_t at)
{
    options.at = at;
    start();
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT && output.at == at);
}

/* Ticks a second apart from 0 on. */
static void add_ticks(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        fake_tape_add(ticks, i * S, i);
}

/* The step that has been asked for ends there, paused, after so many ticks. */
static void check_step(int64_t from, int64_t to, size_t rows)
{
    int64_t epoch = look().epoch;
    struct watched watched = watch(from, from < to ? 1 : -1);
    cr_assert(watched.at == to, "at %" PRId64, watched.at);
    cr_assert(watched.rows == rows, "%zu rows", watched.rows);
    cr_assert(watched.frames > 0 && watched.errors == 0);
    cr_assert(look().epoch == epoch && look().at == to);
    cr_assert(look().state == REPLAY_PAUSED);
}

/* Nothing comes of it: it is where it would go. */
static void check_no_step(int64_t at)
{
    struct watched watched = watch(at, 1);
    cr_assert(watched.frames == 0 && watched.errors == 0);
    cr_assert(look().at == at && look().state == REPLAY_PAUSED);
}

/* ---- by ticks ----------------------------------------------------------------------------- */

Test(replay_step, goes_past_the_next_instant_and_back_before_it)
{
    add_ticks(10);
    open_at(2500 * MS);
    step_ticks(1);
    cr_assert(look().epoch == 2);
    check_step(2500 * MS, 3 * S + 1, 1);
    step_ticks(1);
    cr_assert(look().epoch == 3);
    check_step(3 * S + 1, 4 * S + 1, 1);
    step_ticks(-1);
    check_step(4 * S + 1, 4 * S, 1);
    step_ticks(-1);
    check_step(4 * S, 3 * S, 1);
    cr_assert(output.saying == SAYING_FRAME, "no state is told: it is paused as before");
}

Test(replay_step, sends_its_frames_at_once_and_as_a_run_of_their_own)
{
    add_ticks(10);
    open_at(0);
    stock(0, GRAIN);
    step_ticks(3);
    check_frame(0, 2 * S + 1, 3);
    cr_assert(output.epoch == 2 && output.seq == 0 && output.due_us == 0 &&
              output.late_us == REPLAY_NEVER_LATE);
    cr_assert(output.direction == 1);
    check_silence();
    step_ticks(-2);
    check_frame(S, 2 * S + 1, 2);
    cr_assert(output.epoch == 3 && output.seq == 0 && output.direction == -1);
    check_silence();
}

Test(replay_step, counts_instants_and_not_ticks)
{
    for (int64_t i = 0; i < 12; i++)
        fake_tape_add(ticks, i / 4 * S, i); /* four of each instant */
    open_at(0);
    step_ticks(2);
    check_step(0, S + 1, 8);
    step_ticks(-1);
    check_step(S + 1, S, 4);
}

Test(replay_step, counts_an_instant_of_several_symbols_once)
{
    struct fake_tape *other = add_symbol("B");
    add_ticks(10);
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(other, i * S + (i % 2) * 500 * MS, i);
    open_at(0);
    step_ticks(2); /* both at 0; A at 1 s */
    check_step(0, S + 1, 3);
    step_ticks(2); /* B at 1.5 s; both at 2 s */
    check_step(S + 1, 2 * S + 1, 3);
    step_ticks(-2);
    check_step(2 * S + 1, 1500 * MS, 3);
}

Test(replay_step, begins_where_it_is_told_to)
{
    add_ticks(10);
    open_at(0);
    int64_t at = 5 * S;
    step_from(&at, STEP_TICK, 0, 1);
    check_step(5 * S, 5 * S + 1, 1);
    at = 7 * S;
    step_from(&at, STEP_TICK, 0, -1);
    check_step(7 * S, 6 * S, 1);
    at = -1;
    struct replay_step step = {.unit = STEP_TICK, .count = 1};
    cr_assert(replay_step(replay, &step, &at, now_us, &failure) == STATUS_INVALID);
    cr_assert(look().epoch == 3 && look().at == 6 * S, "nothing has changed");
}

Test(replay_step, goes_as_far_as_the_range_where_there_are_fewer_instants)
{
    add_ticks(10);
    options.to = 20 * S;
    open_at(8 * S);
    step_ticks(1000000);
    check_step(8 * S, 20 * S, 2);
    step_ticks(-1000000);
    check_step(20 * S, 0, 10);
}

Test(replay_step, sends_an_empty_frame_where_no_tick_is_left)
{
    options.to = 20 * S;
    open_at(10 * S);
    step_ticks(1);
    check_step(10 * S, 20 * S, 0);
    step_ticks(-1);
    check_step(20 * S, 0, 0);
}

Test(replay_step, has_no_frame_at_the_very_end_and_stays_paused)
{
    static const struct replay_step steps[] = {
        {STEP_TICK, 0, 1}, {STEP_FRAME, 0, 1}, {STEP_INTERVAL, TIME_MINUTE_US, 1}};
    add_ticks(3);
    options.to = 10 * S;
    open_at(10 * S);
    for (size_t i = 0; i < 3; i++) {
        step_from(&options.to, steps[i].unit, steps[i].interval_us, 1);
        check_no_step(10 * S);
        step_from(&options.from, steps[i].unit, steps[i].interval_us, -1);
        check_no_step(0);
    }
    step_ticks(1);
    check_step(0, 1, 1);
}

Test(replay_step, walks_over_emptiness_that_takes_several_loads)
{
    fake_tape_add(ticks, 0, 1);
    fake_tape_add(ticks, 5000 * GRAIN, 2);
    options.to = 6000 * GRAIN;
    open_at(1);
    step_ticks(1);
    check_step(1, 5000 * GRAIN + 1, 1);
    cr_assert(fake.load_count > 5 && fake.load_count < 60, "%zu loads", fake.load_count);
    tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    int64_t at = 5000 * GRAIN;
    step_from(&at, STEP_TICK, 0, -1);
    check_step(at, 0, 1);
}

Test(replay_step, needs_no_ticks_in_its_frames_to_count_them)
{
    options.ticks = false;
    add_ticks(300);
    open_at(0);
    step_ticks(100);
    check_step(0, 99 * S + 1, 0);
    step_ticks(-50);
    check_step(99 * S + 1, 50 * S, 0);
    size_t loads = fake.load_count;
    step_interval(TIME_HOUR_US, 1);
    check_step(50 * S, 1000 * S, 0);
    cr_assert(fake.load_count == loads, "a step by time reads none");
}

Test(replay_step, walks_over_many_instants_in_several_frames)
{
    for (int64_t i = 0; i < 10000; i++)
        fake_tape_add(ticks, i * MS, i);
    options.budget.bytes = 1 << 20;
    open_at(0);
    step_ticks(9000);
    check_step(0, 8999 * MS + 1, 9000);
    cr_assert(output.seq >= 4, "%" PRId64 " frames", output.seq + 1);
    step_ticks(-5000);
    check_step(8999 * MS + 1, 4000 * MS, 5000);
}

Test(replay_step, splits_what_does_not_fit_and_still_counts)
{
    for (int64_t i = 0; i < 3000; i++)
        fake_tape_add(ticks, i * MS, i);
    options.budget.bytes = 2000;
    open_at(0);
    step_ticks(2000);
    check_step(0, 1999 * MS + 1, 2000);
    step_ticks(-1999);
    check_step(1999 * MS + 1, MS, 1999);
    step_interval(S, 2);
    check_step(MS, 2 * S, 1999);
}

Test(replay_step, walks_over_more_than_a_cursor_holds)
{
    for (int64_t i = 0; i < 40000; i++)
        fake_tape_add(ticks, i * MS, i);
    fake.block_rows = 5000;
    open_at(0);
    step_ticks(30000);
    check_step(0, 29999 * MS + 1, 30000);
    step_ticks(-30000);
    check_step(29999 * MS + 1, 0, 30000);
}

/* ---- by intervals ------------------------------------------------------------------------- */

Test(replay_step, goes_to_the_next_multiple_of_an_interval)
{
    static const struct {
        int64_t at;
        int64_t interval_us;
        int64_t count;
        int64_t to;
    } table[] = {
        {0, 10 * S, 1, 10 * S},
        {1, 10 * S, 1, 10 * S},
        {10 * S - 1, 10 * S, 1, 10 * S},
        {10 * S, 10 * S, 1, 20 * S},
        {10 * S, 10 * S, -1, 0},
        {10 * S + 1, 10 * S, -1, 10 * S},
        {20 * S - 1, 10 * S, -1, 10 * S},
        {15 * S, 10 * S, 3, 40 * S},
        {45 * S, 10 * S, -3, 20 * S},
        /* Before the epoch. */
        {-1, 10 * S, 1, 0},
        {-1, 10 * S, -1, -10 * S},
        {-10 * S, 10 * S, 1, 0},
        {-10 * S, 10 * S, -1, -20 * S},
        {-5 * S, 10 * S, 2, 10 * S},
        /* Weeks begin with the origin, a Monday, and not with the epoch, a Thursday. */
        {ORIGIN, 7 * TIME_DAY_US, 1, ORIGIN + 7 * TIME_DAY_US},
        {ORIGIN, 7 * TIME_DAY_US, -1, ORIGIN - 7 * TIME_DAY_US},
        {ORIGIN - 1, 7 * TIME_DAY_US, 1, ORIGIN},
        {ORIGIN + 1, 7 * TIME_DAY_US, -1, ORIGIN},
        {0, 7 * TIME_DAY_US, 1, 4 * TIME_DAY_US},
        {0, 7 * TIME_DAY_US, -1, -3 * TIME_DAY_US},
        {ORIGIN + 1, 7 * TIME_MINUTE_US, 1, ORIGIN + 7 * TIME_MINUTE_US},
    };
    options.ticks = false;
    options.from = -1000 * TIME_DAY_US;
    options.to = 20000 * TIME_DAY_US;
    open_at(0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        step_from(&table[i].at, STEP_INTERVAL, table[i].interval_us, table[i].count);
        struct watched watched = watch(table[i].at, table[i].count > 0 ? 1 : -1);
        cr_assert(watched.at == table[i].to, "case %zu: %" PRId64, i, watched.at);
        cr_assert(watched.frames == 1, "case %zu", i);
    }
}

Test(replay_step, by_an_interval_sends_all_ticks_up_to_its_edge_and_none_at_it)
{
    add_ticks(100);
    open_at(5 * S);
    step_interval(10 * S, 2);
    check_step(5 * S, 20 * S, 15);
    step_interval(10 * S, -1);
    check_step(20 * S, 10 * S, 10);
}

Test(replay_step, by_an_interval_loads_what_it_covers)
{
    for (int64_t i = 0; i < 200; i++)
        fake_tape_add(ticks, i * GRAIN / 2, i);
    options.to = 100 * GRAIN;
    open_at(0);
    step_interval(TIME_HOUR_US, 1);
    check_step(0, TIME_HOUR_US, 113);
    step_interval(TIME_HOUR_US, -1);
    check_step(TIME_HOUR_US, 0, 113);
}

Test(replay_step, is_clipped_to_the_range_however_large_its_count)
{
    options.ticks = false;
    options.from = TIME_MIN;
    options.to = TIME_MAX;
    open_at(0);
    static const struct replay_step steps[] = {
        {STEP_INTERVAL, INTERVAL_MAX_US, 1000000},
        {STEP_INTERVAL, 1, INT64_MAX},
        {STEP_INTERVAL, INTERVAL_MAX_US, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int64_t at = 0;
        step_from(&at, steps[i].unit, steps[i].interval_us, steps[i].count);
        check_step(0, TIME_MAX, 0);
        step_from(&at, steps[i].unit, steps[i].interval_us, -steps[i].count);
        check_step(0, TIME_MIN, 0);
    }
}

/* ---- by frames ---------------------------------------------------------------------------- */

Test(replay_step, by_a_frame_is_as_long_as_one_of_its_speed)
{
    static const struct {
        double rate;
        int64_t fps;
        int64_t count;
        int64_t moved_us;
    } table[] = {
        {1, 10, 1, 100 * MS},
        {1, 10, -1, -100 * MS},
        {-1, 10, 1, 100 * MS},
        {-1, 10, -1, -100 * MS},
        {1, 60, 3, 50 * MS},
        {1, 60, 1, 16666},
        {0.01, 240, 1, 41},
        {100, 10, -2, -20 * S},
        {0.01, 240, 1000000, 41666666},
        {100000, 1, 1, 500 * S},
        {100000, 1, -1, -500 * S},
        {1, 10, INT64_MAX, 500 * S},
        {1, 10, -INT64_MAX, -500 * S},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        options.ticks = false;
        options.speed.rate = table[i].rate;
        options.fps = table[i].fps;
        open_at(500 * S);
        step_from(NULL, STEP_FRAME, 0, table[i].count);
        struct watched watched = watch(500 * S, table[i].count > 0 ? 1 : -1);
        cr_assert(watched.at == 500 * S + table[i].moved_us, "case %zu: %" PRId64, i, watched.at);
        replay_destroy(&replay);
    }
}

Test(replay_step, has_no_frames_of_a_length_at_max)
{
    add_ticks(3);
    for (int direction = -1; direction <= 1; direction += 2) {
        options.speed = (struct replay_speed){.rate = direction, .max = true};
        open_at(0);
        struct replay_step step = {.unit = STEP_FRAME, .count = 1};
        cr_assert(replay_step(replay, &step, NULL, now_us, &failure) == STATUS_INVALID);
        cr_assert(look().epoch == 1, "nothing has changed");
        step_ticks(1);
        check_step(0, 1, 1);
        replay_destroy(&replay);
    }
}
