#include "replay_fixture.h"

#include "market/interval.h"

#define MINUTE TIME_MINUTE_US
#define INTERVALS 5

static uint64_t dice;
static bool is_restless; /* now and then ticks are said to have changed that have not */

/* What a client that follows the protocol has: its newest candle of each interval. */
static struct frame_candle picture[INTERVALS];
static int64_t edge;
static int64_t epoch;

static int64_t roll(int64_t from, int64_t to)
{
    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    return from + (int64_t)((dice >> 33) % (uint64_t)(to - from + 1));
}

static void set_up(void)
{
    replay_set_up();
    is_restless = false;
    options.speed.max = true;
    options.intervals = (struct replay_intervals){.count = INTERVALS,
                                                  .items = {{"1s", S, 3},
                                                            {"7s", 7 * S, 0},
                                                            {"1m", MINUTE, 2},
                                                            {"5m", 5 * MINUTE, 1},
                                                            {"1h", 60 * MINUTE, 4}}};
    options.budget.bytes = 2000;
    options.budget.candle_bytes = 100;
}

TestSuite(replay_candles, .init = set_up, .fini = replay_tear_down);

static void make_market(size_t count)
{
    int64_t time = 7 * 60 * MINUTE + 17;
    for (size_t i = 0; i < count; i++) {
        time += roll(0, 9) == 0 ? 0 : roll(0, 8 * S);
        if (roll(0, 60) == 0)
            time += roll(1, 9) * MINUTE;
        fake_tape_add(ticks, time, 1);
        struct tick *tick = &ticks->ticks[ticks->count - 1];
        tick->fields[TICK_LAST] = roll(0, 2) == 0 ? DECIMAL_NULL : roll(1, 50) * DECIMAL_ONE / 100;
        tick->fields[TICK_VOLUME] = roll(0, 3) == 0 ? DECIMAL_NULL : roll(0, INT64_MAX / 2);
    }
    options.from = ticks->ticks[count / 8].time - roll(0, MINUTE);
    options.to = ticks->ticks[count - 1].time + roll(1, 2 * MINUTE);
    ticks->symbol.from = ticks->ticks[0].time;
    ticks->symbol.to = ticks->ticks[count - 1].time + 1;
}

/* The slow, obvious way: the newest candle before `at`. */
static struct frame_candle expect(size_t interval, int64_t at)
{
    int64_t interval_us = options.intervals.items[interval].interval_us;
    struct frame_candle row = {.interval = interval, .is_none = true};
    for (size_t i = 0; i < ticks->count && ticks->ticks[i].time < at; i++) {
        const struct tick *tick = &ticks->ticks[i];
        if (tick->fields[TICK_LAST] == DECIMAL_NULL)
            continue;
        int64_t bucket = interval_floor(interval_us, tick->time);
        if (row.is_none || row.candle.time != bucket)
            row.candle = candle_at(bucket);
        row.is_none = false;
        candle_add_trade(&row.candle, tick->fields[TICK_LAST], tick->fields[TICK_VOLUME]);
    }
    row.final = !row.is_none && row.candle.time + interval_us <= at;
    return row;
}

static bool is_same(const struct frame_candle *a, const struct frame_candle *b)
{
    if (a->is_none || b->is_none)
        return a->is_none == b->is_none;
    return a->final == b->final && candle_equal(&a->candle, &b->candle);
}

/* No trade at or after the edge is in the picture, and every one before it. */
static void check_picture(const char *when)
{
    for (size_t i = 0; i < INTERVALS; i++) {
        struct frame_candle wanted = expect(i, edge);
        /* Of seconds it is not looked for further back than a day; these markets are shorter. */
        cr_assert(is_same(&picture[i], &wanted),
                  "%s: interval %zu at %" PRId64 ": %d trades, final %d instead of %d, final %d",
                  when, i, edge, (int)picture[i].candle.trades, picture[i].final,
                  (int)wanted.candle.trades, wanted.final);
    }
}

static void take_picture(void)
{
    edge = output.at;
    epoch = output.epoch;
    cr_assert(output.picture_count == INTERVALS);
    for (size_t i = 0; i < INTERVALS; i++) {
        const struct snapshot_candles *candles = &output.pictures[i];
        cr_assert(candles->count <= options.intervals.items[i].history + 1);
        int64_t interval_us = options.intervals.items[i].interval_us;
        picture[i] = (struct frame_candle){.interval = i, .is_none = candles->count == 0};
        for (size_t row = 0; row < candles->count; row++) {
            struct frame_candle wanted = expect(i, candles->candles[row].time + interval_us);
            if (row + 1 < candles->count)
                cr_assert(candle_equal(&candles->candles[row], &wanted.candle));
            picture[i].candle = candles->candles[row];
            picture[i].final = candles->candles[row].time + interval_us <= edge;
        }
    }
    check_picture("snapshot");
}

static size_t ticks_in(struct time_range span)
{
    size_t count = 0;
    for (size_t i = 0; i < ticks->count; i++)
        count += ticks->ticks[i].time >= span.from && ticks->ticks[i].time < span.to;
    return count;
}

static void take_frame(void)
{
    cr_assert(output.epoch >= epoch);
    epoch = output.epoch;
    int64_t from = output.direction > 0 ? output.span.from : output.span.to;
    cr_assert(from == edge, "spans tile");
    size_t rows = options.ticks ? ticks_in(output.span) : 0;
    cr_assert(output.rows == rows, "%zu ticks in a frame instead of %zu", output.rows, rows);
    edge = output.direction > 0 ? output.span.to : output.span.from;
    for (size_t i = 0; i < output.candle_count; i++) {
        const struct frame_candle *row = &output.candles[i];
        struct frame_candle *mine = &picture[row->interval];
        cr_assert(!is_same(mine, row), "a row that changes nothing");
        if (output.direction > 0)
            cr_assert(mine->is_none || row->candle.time >= mine->candle.time, "oldest first");
        *mine = *row;
    }
    check_picture(output.direction > 0 ? "forward" : "backward");
}

/* Says all there is to say now. */
static void listen(void)
{
    while (ask() == STATUS_OK) {
        if (is_restless && roll(0, 9) == 0)
            tape_invalidate(tape, "A", (struct time_range){roll(0, options.to), TIME_MAX});
        if (output.saying == SAYING_SNAPSHOT)
            take_picture();
        if (output.saying == SAYING_FRAME)
            take_frame();
        cr_assert(output.saying != SAYING_ERROR);
    }
}

/* Data comes bit by bit, and then time passes. */
static void go_on(int64_t us)
{
    for (int i = 0; i < 200 && (fake_source_load(&fake) != NULL || !list_is_empty(&fake.requests));
         i++) {
        if (fake_source_load(&fake) != NULL)
            fake_source_step(&fake);
        else
            fake_source_answer(&fake, STATUS_OK);
        if (is_restless && roll(0, 9) == 0)
            tape_invalidate(tape, "A", (struct time_range){roll(0, options.to), TIME_MAX});
        inbox_drain(&inbox);
        listen();
    }
    pass(us);
    listen();
}

static void start_at(int64_t at)
{
    options.at = at;
    start();
}

static void play_to_the_end(void)
{
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    for (int turns = 0; turns < 100000 && look().state != REPLAY_ENDED; turns++)
        go_on(50 * MS);
    cr_assert(look().state == REPLAY_ENDED);
}

Test(replay_candles, are_those_of_the_ticks_before_each_edge_forward)
{
    for (dice = 1; dice < 12; dice++) {
        uint64_t seed = dice;
        ticks->count = 0;
        make_market(600);
        options.speed.rate = 1;
        start_at(options.from);
        play_to_the_end();
        cr_assert(edge == options.to);
        replay_destroy(&replay);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
        dice = seed;
    }
}

Test(replay_candles, are_those_of_the_ticks_before_each_edge_backward)
{
    for (dice = 1; dice < 12; dice++) {
        uint64_t seed = dice;
        ticks->count = 0;
        make_market(600);
        options.speed.rate = -1;
        start_at(options.to);
        play_to_the_end();
        cr_assert(edge == options.from);
        replay_destroy(&replay);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
        dice = seed;
    }
}

Test(replay_candles, hold_through_any_sequence_of_controls)
{
    for (uint64_t seed = 1; seed < 25; seed++) {
        dice = seed;
        ticks->count = 0;
        make_market(500);
        options.ticks = roll(0, 1) == 0;
        options.speed = (struct replay_speed){.rate = 100};
        start_at(roll(options.from, options.to));
        for (int i = 0; i < 60; i++) {
            bool reverse = roll(0, 1) == 0;
            struct replay_step step = {.unit = (enum replay_step_unit)roll(0, 2),
                                       .interval_us = roll(0, 1) == 0 ? MINUTE : 7 * S,
                                       .count = reverse ? -roll(1, 4) : roll(1, 4)};
            struct replay_speed speed = {.rate = (double)roll(1, 3000) / 10};
            switch (roll(0, 6)) {
            case 0:
                (void)!replay_play(replay, now_us, &failure);
                break;
            case 1:
                replay_pause(replay, now_us);
                break;
            case 2:
                (void)!replay_seek(replay, roll(options.from, options.to), now_us, &failure);
                break;
            case 3:
                speed.rate = reverse ? -speed.rate : speed.rate;
                if (roll(0, 3) == 0)
                    speed = (struct replay_speed){.rate = reverse ? -1 : 1, .max = true};
                /* Where the client is: it has used every frame. */
                (void)!replay_change_speed(replay, speed, NULL, now_us, &failure);
                break;
            case 4:
                (void)!replay_step(replay, &step, NULL, now_us, &failure);
                break;
            case 5:
                replay_set(replay, &(struct replay_changes){.intervals = &options.intervals},
                           now_us);
                break;
            default:
                go_on(roll(1, 3000) * MS);
            }
            go_on(roll(0, 40) * MS);
        }
        replay_destroy(&replay);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    }
}

/* A frame that waited for its candles while its ticks were let go of went out without them. */
Test(replay_candles, and_ticks_hold_while_stored_ticks_are_said_to_change)
{
    is_restless = true;
    for (int64_t i = 1; i <= 600; i++) {
        fake_tape_add(ticks, i * 40 * S, 1);
        ticks->ticks[ticks->count - 1].fields[TICK_LAST] = roll(1, 50);
    }
    options.from = 0;
    options.to = ticks->symbol.to = 600 * 40 * S + 1;
    options.ticks = true;
    options.budget.bytes = 61440; /* frames of many stretches */
    options.speed = (struct replay_speed){.rate = -1, .max = true};
    start_at(options.to);
    play_to_the_end();
}

Test(replay_candles, of_a_picture_that_changed_before_it_was_sent_are_not_sent_again)
{
    fake_tape_add(ticks, 10 * S, 1);
    ticks->ticks[0].fields[TICK_LAST] = 5;
    options.to = 3 * MINUTE;
    options.at = 30 * S;
    options.speed = (struct replay_speed){.rate = 1};
    options.intervals = (struct replay_intervals){.count = 1, .items = {{"1m", MINUTE, 0}}};
    start();
    for (int i = 0; i < 2; i++) {
        while (ask() == STATUS_WAIT && fake_source_load(&fake) != NULL) {
            fake_source_step(&fake);
            inbox_drain(&inbox);
        }
        cr_assert(!list_is_empty(&fake.requests), "the last values are still to come");
        if (i > 0)
            break;
        fake_tape_add(ticks, 20 * S, 1);
        ticks->ticks[1].fields[TICK_LAST] = 7;
        tape_invalidate(tape, "A", (struct time_range){20 * S, 20 * S + 1});
    }
    for (int i = 0; i < 100 && output.saying != SAYING_SNAPSHOT; i++) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
        (void)!ask();
    }
    cr_assert(output.saying == SAYING_SNAPSHOT);
    cr_assert(output.pictures[0].candles[0].trades == 2);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    bool has_come = false;
    for (int i = 0; i < 200 && !has_come; i++) {
        fake_source_run(&fake);
        pass(20 * MS);
        while (!has_come && ask() == STATUS_OK)
            has_come = output.saying == SAYING_FRAME;
    }
    cr_assert(has_come && output.candle_count == 0, "%zu rows", output.candle_count);
}

/* Backward, with one trade a second and all of it at hand. */
static void start_backward(const struct replay_intervals *intervals)
{
    for (int64_t i = 1; i < 300; i++) {
        fake_tape_add(ticks, i * S, 1);
        ticks->ticks[ticks->count - 1].fields[TICK_LAST] = i;
    }
    options.to = options.at = 300 * S;
    options.intervals = *intervals;
    options.speed = (struct replay_speed){.rate = -1};
    options.playing = true;
    start();
}

/* Time passes, and the source does what it is asked for, until a frame goes. */
static void await_frame(void)
{
    bool has_come = false;
    for (int i = 0; i < 200 && !has_come; i++) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
        while (!has_come && ask() == STATUS_OK) {
            cr_assert(output.saying != SAYING_ERROR);
            has_come = output.saying == SAYING_FRAME;
        }
        pass(has_come ? 0 : 20 * MS);
    }
    cr_assert(has_come);
}

Test(replay_candles, leave_a_client_that_stalled_the_frames_of_that_time)
{
    start_backward(
        &(struct replay_intervals){.count = 2, .items = {{"1s", S, 0}, {"1m", MINUTE, 0}}});
    await_frame();
    int64_t due_us = output.due_us;
    now_us += 5 * S; /* nobody asks */
    await_frame();
    cr_assert(output.due_us - due_us <= 1100 * MS, "%" PRId64 " us of play in one frame",
              output.due_us - due_us);
}

Test(replay_candles, that_failed_are_told_of_once)
{
    start_backward(&(struct replay_intervals){
        .count = 3, .items = {{"1m", MINUTE, 0}, {"1h", 60 * MINUTE, 0}, {"7s", 7 * S, 0}}});
    await_frame();
    /* Nothing is known any more, and everything fails. */
    tape_invalidate(tape, "A", (struct time_range){TIME_MIN, TIME_MAX});
    bool has_failed = false;
    for (int i = 0; i < 200 && !has_failed; i++) {
        pass(20 * MS);
        while (!has_failed && ask() == STATUS_OK)
            has_failed = output.saying == SAYING_ERROR;
        while (!has_failed && fake_source_load(&fake) != NULL)
            fake_source_end(&fake, STATUS_UNAVAILABLE);
        inbox_drain(&inbox);
    }
    cr_assert(has_failed);
    cr_assert(look().state == REPLAY_PAUSED);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    await_frame(); /* no error before it */
}

Test(replay_candles, become_final_without_a_tick)
{
    fake_tape_add(ticks, 10 * S, 1);
    ticks->ticks[0].fields[TICK_LAST] = 5;
    options.to = 3 * MINUTE;
    options.intervals = (struct replay_intervals){.count = 1, .items = {{"1m", MINUTE, 0}}};
    options.speed = (struct replay_speed){.rate = 60};
    start();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    int64_t final_at = 0;
    for (int i = 0; i < 100 && final_at == 0; i++) {
        fake_source_run(&fake);
        pass(50 * MS);
        while (ask() == STATUS_OK) {
            if (output.saying == SAYING_FRAME && output.candle_count > 0 &&
                output.candles[output.candle_count - 1].final)
                final_at = output.span.to;
        }
    }
    cr_assert(final_at == MINUTE, "on the grid's point at the bucket's end, not a beat later");
}

Test(replay_candles, leave_nothing_behind_when_they_are_all_taken_back)
{
    fake_tape_add(ticks, 10 * S, 1);
    ticks->ticks[0].fields[TICK_LAST] = 5;
    options.to = options.at = MINUTE;
    options.intervals = (struct replay_intervals){.count = 1, .items = {{"1m", MINUTE, 9}}};
    options.speed = (struct replay_speed){.rate = -1, .max = true};
    options.playing = true;
    start();
    bool is_none = false;
    for (int i = 0; i < 100 && !is_none; i++) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
        while (ask() == STATUS_OK) {
            if (output.saying == SAYING_FRAME && output.candle_count > 0)
                is_none = output.candles[output.candle_count - 1].is_none;
        }
    }
    cr_assert(is_none);
}
