/*
 * Loads of candles against a real database: whatever has been stored, refreshed, back-filled,
 * compressed or dropped, they are what a slow query makes of the ticks.
 *
 * Each test has days of its own, as stored candles and dropped ticks are those of all symbols.
 */
#include "source_candles.h"

#include "market/interval.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY0 INT64_C(1714521600000000) /* 2024-05-01 */
#define HOURS_FILLED 9

static struct connection *own;
static struct pg_source *source;

static void setup(void)
{
    own = test_connect_alone();
    test_candles_prepare(own);
    struct pool_options options = pool_options_default(test_url());
    options.purpose = "candles";
    struct error error = {.text = ""};
    cr_assert(pg_source_create(&options, &source, &error) == STATUS_OK, "%s", error.text);
}

static void teardown(void)
{
    pg_source_destroy(&source);
    connection_close(&own);
}

TestSuite(source_candles, .init = setup, .fini = teardown);

/* A day for one test: `count` of them from the n-th on. */
static struct time_range days(int n, int count)
{
    int64_t from = DAY0 + n * TIME_DAY_US;
    struct time_range range = {from, from + count * TIME_DAY_US};
    test_execute(own, "SELECT tapedeck.chunks_prepare('%s', '%s')", time_format(range.from).text,
                 time_format(range.to).text);
    return range;
}

static struct time_range hours(struct time_range day, int from, int to)
{
    return (struct time_range){day.from + from * TIME_HOUR_US, day.from + to * TIME_HOUR_US};
}

/* Ticks of another writer: TimescaleDB notices them by itself. */
static void fill(const char *symbol, struct time_range range, int count, double seed)
{
    test_fill(own, symbol, range, count, seed);
    test_owe(own, range);
}

static void fill_minutes(const char *symbol, struct time_range range)
{
    test_execute(own,
                 "INSERT INTO public.tick_data (time, symbol, last_price)"
                 " SELECT t, '%s', 1 FROM generate_series('%s'::timestamptz,"
                 " '%s'::timestamptz - interval '1 second', interval '1 minute') t",
                 symbol, time_format(range.from).text, time_format(range.to).text);
    test_owe(own, range);
}

/* ---- checks ---- */

static void check_load(const char *symbol, int64_t interval_us, struct time_range range,
                       bool backward)
{
    struct test_candle_load load;
    test_candle_load_init(&load, symbol, interval_us, range, backward);
    source_load_ticks(pg_source_interface(source), &load.load);
    test_candle_load_wait(&load);
    size_t count;
    struct candle *expected = test_candles_slow(own, symbol, interval_us, range, &count);
    test_candle_load_check(&load, expected, count);
    mem_free(expected);
    test_candle_load_deinit(&load);
}

/* All intervals, both ways; the whole range, and more of it where a bucket needs that, and a part
 * of it that begins and ends within hours. */
static void check(const char *symbol, struct time_range range)
{
    for (size_t i = 0; i < CANDLE_STORED_INTERVALS; i++) {
        int64_t interval_us = candle_stored_us[i];
        struct time_range part = {
            interval_floor(interval_us, range.from + 97 * TIME_MINUTE_US),
            interval_floor(interval_us, range.to - 211 * TIME_MINUTE_US),
        };
        struct time_range whole = {
            interval_floor(interval_us, range.from),
            interval_ceil(interval_us, range.to),
        };
        check_load(symbol, interval_us, whole, i % 2 == 0);
        check_load(symbol, interval_us, part, i % 2 == 1);
    }
}

static int64_t count_unsure(const char *interval, struct time_range range)
{
    return test_number(own,
                       "SELECT count(*) FROM unnest(tapedeck.candles_unsure('%s', '%s', '%s')) r",
                       interval, time_format(range.from).text, time_format(range.to).text);
}

/* ---- exactness ---- */

Test(source_candles, nothing_is_stored_yet)
{
    struct test_symbol symbol = test_symbol("fresh");
    struct time_range day = days(0, 1);
    fill(symbol.name, hours(day, 1, HOURS_FILLED), 20000, 0.1);
    check(symbol.name, day);
}

Test(source_candles, everything_is_stored)
{
    struct test_symbol symbol = test_symbol("stored");
    struct time_range day = days(1, 2);
    fill(symbol.name, hours(day, 1, 30), 20000, 0.2);
    test_refresh(own, day);
    cr_assert(count_unsure("1h", day) == 0);
    check(symbol.name, day);
}

Test(source_candles, stored_ones_are_read_unless_they_are_owed)
{
    struct test_symbol symbol = test_symbol("believed");
    struct time_range day = days(3, 1);
    fill(symbol.name, hours(day, 1, HOURS_FILLED), 5000, 0.3);
    test_refresh(own, day);
    /* A stored candle that is wrong shows that it was read. */
    test_spoil(own, symbol.name, "1h", day.from + 3 * TIME_HOUR_US);
    struct test_candle_load load;
    test_candle_load_init(&load, symbol.name, TIME_HOUR_US, hours(day, 3, 4), false);
    source_load_ticks(pg_source_interface(source), &load.load);
    test_candle_load_wait(&load);
    cr_assert(load.count == 1);
    cr_assert(load.candles[0].trades == TEST_SPOILT_TRADES);
    test_candle_load_deinit(&load);

    test_pending(own, hours(day, 3, 4));
    cr_assert(count_unsure("1h", hours(day, 3, 4)) == 1);
    check_load(symbol.name, TIME_HOUR_US, hours(day, 2, 5), false);
}

Test(source_candles, an_owed_minute_makes_only_its_own_buckets_unsure)
{
    struct test_symbol symbol = test_symbol("minute");
    struct time_range day = days(4, 1);
    fill(symbol.name, hours(day, 0, 24), 20000, 0.4);
    test_refresh(own, day);
    test_spoil(own, symbol.name, "1m", day.from + 5 * TIME_HOUR_US);
    test_spoil(own, symbol.name, "5m", day.from + 5 * TIME_HOUR_US);
    struct time_range minute = {day.from + 5 * TIME_HOUR_US,
                                day.from + 5 * TIME_HOUR_US + TIME_MINUTE_US};
    test_pending(own, minute);
    for (size_t i = 0; i < CANDLE_STORED_INTERVALS; i++)
        cr_assert(test_number(own,
                              "SELECT extract(epoch FROM upper(r) - lower(r))::bigint FROM"
                              " unnest(tapedeck.candles_unsure('%s', '%s', '%s')) r",
                              candle_stored_name(candle_stored_us[i]), time_format(day.from).text,
                              time_format(day.to).text) == candle_stored_us[i] / TIME_SECOND_US);
    check(symbol.name, day);
}

Test(source_candles, back_fill_and_a_tail_are_seen_at_once_and_after_each_refresh)
{
    struct test_symbol symbol = test_symbol("back-fill");
    struct time_range range = days(5, 2);
    for (int round = 0; round < 4; round++) {
        fill(symbol.name, hours(range, 3 * round, 12 + 9 * round), 4000, 0.5 + 0.01 * round);
        check(symbol.name, range);
        test_refresh(own, hours(range, 3 * round, 12 + 2 * round));
        check(symbol.name, range);
    }
}

Test(source_candles, many_owed_minutes_are_taken_together)
{
    struct test_symbol symbol = test_symbol("crumbs");
    struct time_range day = days(7, 1);
    fill(symbol.name, hours(day, 0, 24), 20000, 0.6);
    test_refresh(own, day);
    for (int64_t at = day.from; at < day.to; at += 14 * TIME_MINUTE_US)
        test_pending(own, (struct time_range){at, at + 1});
    cr_assert(count_unsure("1m", day) > 0);
    cr_assert(count_unsure("1m", day) <= 32);
    check(symbol.name, day);
}

Test(source_candles, sums_of_volumes_beyond_64_bits_are_exact)
{
    struct test_symbol symbol = test_symbol("volumes");
    struct time_range day = days(8, 1);
    test_execute(own,
                 "INSERT INTO public.tick_data (time, symbol, last_price, volume)"
                 " SELECT '%s'::timestamptz + i * interval '1 second', '%s', 1,"
                 " (CASE WHEN i < 7200 THEN 1 ELSE -1 END) * 92233720367.99999999"
                 " FROM generate_series(0, 14399) i",
                 time_format(day.from).text, symbol.name);
    test_owe(own, hours(day, 0, 4));
    check(symbol.name, hours(day, 0, 6));
    test_refresh(own, day);
    check(symbol.name, hours(day, 0, 6));
    size_t count;
    struct candle *candles =
        test_candles_slow(own, symbol.name, TIME_HOUR_US, hours(day, 0, 1), &count);
    cr_assert(candles[0].volume > INT64_MAX);
    mem_free(candles);
}

Test(source_candles, compressed_ticks_make_the_same_candles)
{
    struct test_symbol symbol = test_symbol("compressed");
    struct time_range day = days(9, 1);
    fill(symbol.name, hours(day, 1, HOURS_FILLED), 20000, 0.7);
    test_compress(own, day.from);
    check(symbol.name, day);
    test_refresh(own, day);
    fill(symbol.name, hours(day, 2, 5), 3000, 0.71);
    check(symbol.name, day);
    test_refresh(own, day);
    check(symbol.name, day);
}

/* ---- dropped ticks ---- */

struct kept {
    struct candle *candles;
    size_t count;
};

Test(source_candles, where_ticks_were_dropped_candles_are_as_they_were_stored)
{
    struct test_symbol symbol = test_symbol("dropped");
    struct time_range range = days(10, 3);
    fill(symbol.name, hours(range, 1, 70), 30000, 0.8);
    test_refresh(own, range);
    struct kept kept[CANDLE_STORED_INTERVALS];
    for (size_t i = 0; i < CANDLE_STORED_INTERVALS; i++)
        kept[i].candles =
            test_candles_slow(own, symbol.name, candle_stored_us[i], range, &kept[i].count);
    test_drop_day(own, range.from + TIME_DAY_US);
    /* A queued range over all of it: its ticks are gone on the second day only. */
    test_pending(own, range);
    for (size_t i = 0; i < CANDLE_STORED_INTERVALS; i++) {
        struct test_candle_load load;
        test_candle_load_init(&load, symbol.name, candle_stored_us[i], range, i % 2 == 0);
        source_load_ticks(pg_source_interface(source), &load.load);
        test_candle_load_wait(&load);
        test_candle_load_check(&load, kept[i].candles, kept[i].count);
        test_candle_load_deinit(&load);
        mem_free(kept[i].candles);
    }
    test_execute(own, "DELETE FROM tapedeck.pending_refresh");
}

/* ---- blocks ---- */

Test(source_candles, a_long_load_is_several_full_blocks_both_ways)
{
    struct test_symbol symbol = test_symbol("long");
    struct time_range range = days(14, 25);
    fill_minutes(symbol.name, range);
    for (int backward = 0; backward < 2; backward++) {
        struct test_candle_load load;
        test_candle_load_init(&load, symbol.name, TIME_MINUTE_US, range, backward != 0);
        source_load_ticks(pg_source_interface(source), &load.load);
        test_candle_load_wait(&load);
        cr_assert(load.status == STATUS_OK);
        cr_assert(load.count == 25 * 24 * 60);
        cr_assert(load.stretches == 3, "%zu", load.stretches);
        test_candle_load_deinit(&load);
    }
}

Test(source_candles, nothing_is_one_empty_stretch_and_an_empty_range_none)
{
    struct time_range day = days(0, 1);
    const struct time_range ranges[] = {
        day, {TIME_MAX + 1 - TIME_DAY_US, TIME_MAX + 1}, {TIME_MIN, TIME_MIN + TIME_DAY_US}};
    for (size_t i = 0; i < 6; i++) {
        struct test_candle_load load;
        test_candle_load_init(&load, "TEST:nobody", TIME_HOUR_US, ranges[i % 3], i >= 3);
        source_load_ticks(pg_source_interface(source), &load.load);
        test_candle_load_wait(&load);
        test_candle_load_check(&load, NULL, 0);
        cr_assert(load.stretches == 1);
        test_candle_load_deinit(&load);
    }
    struct test_candle_load load;
    test_candle_load_init(&load, "TEST:nobody", TIME_HOUR_US,
                          (struct time_range){day.from, day.from}, false);
    source_load_ticks(pg_source_interface(source), &load.load);
    test_candle_load_wait(&load);
    cr_assert(load.status == STATUS_OK);
    cr_assert(load.stretches == 0);
    test_candle_load_deinit(&load);
}

Test(source_candles, what_is_not_stored_or_no_whole_bucket_is_invalid)
{
    struct time_range day = days(0, 1);
    const struct tick_load wrong[] = {
        {.interval_us = TIME_SECOND_US, .range = day},
        {.interval_us = 2 * TIME_MINUTE_US, .range = day},
        {.interval_us = -TIME_MINUTE_US, .range = day},
        {.interval_us = TIME_HOUR_US, .range = {day.from + TIME_MINUTE_US, day.to}},
        {.interval_us = TIME_HOUR_US, .range = {day.from, day.to - 1}},
        {.interval_us = TIME_HOUR_US, .range = {day.to, day.from}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct test_candle_load load;
        test_candle_load_init(&load, "TEST:x", wrong[i].interval_us, wrong[i].range, false);
        source_load_ticks(pg_source_interface(source), &load.load);
        test_candle_load_wait(&load);
        cr_assert(load.status == STATUS_INVALID, "%zu", i);
        cr_assert(load.error.text[0] != '\0');
        cr_assert(load.stretches == 0);
        test_candle_load_deinit(&load);
    }
}

/* ---- early ends ---- */

/* Under a lock that the database side of a load waits for. */
static void hold(struct connection *holder)
{
    test_execute(holder, "BEGIN");
    test_execute(holder, "LOCK TABLE tapedeck.pending_refresh IN ACCESS EXCLUSIVE MODE");
}

Test(source_candles, a_load_that_waits_ends_when_it_is_cancelled)
{
    struct connection *holder = test_connect_more();
    struct time_range day = days(0, 1);
    hold(holder);
    struct test_candle_load load;
    test_candle_load_init(&load, "TEST:x", TIME_HOUR_US, day, false);
    source_load_ticks(pg_source_interface(source), &load.load);
    test_wait_until(own, "SELECT count(*) FROM pg_locks WHERE NOT granted"
                         " AND relation = 'tapedeck.pending_refresh'::regclass");
    source_cancel_ticks(pg_source_interface(source), &load.load);
    test_candle_load_wait(&load);
    cr_assert(load.status == STATUS_END);
    cr_assert(load.stretches == 0);
    test_candle_load_deinit(&load);
    test_execute(holder, "ROLLBACK");
    connection_close(&holder);
    check_load("TEST:x", TIME_HOUR_US, day, false);
}

static unsigned killed;

static void kill_connections(struct test_candle_load *load)
{
    if (load->stretches > 2)
        return;
    struct error error;
    struct connection *killer = connection_open(test_url(), "killer", &error);
    cr_assert(killer != NULL, "%s", error.text);
    test_execute(killer, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE application_name = 'tapedeck candles'");
    connection_close(&killer);
    killed++;
}

static void check_killed(bool backward)
{
    struct test_symbol symbol = test_symbol("killed");
    struct time_range range = days(backward ? 70 : 40, 29);
    fill_minutes(symbol.name, range);
    struct test_candle_load load;
    test_candle_load_init(&load, symbol.name, TIME_MINUTE_US, range, backward);
    load.on_publish = kill_connections;
    source_load_ticks(pg_source_interface(source), &load.load);
    test_candle_load_wait(&load);
    size_t count;
    struct candle *expected = test_candles_slow(own, symbol.name, TIME_MINUTE_US, range, &count);
    test_candle_load_check(&load, expected, count);
    cr_assert(killed == 2);
    mem_free(expected);
    test_candle_load_deinit(&load);
}

Test(source_candles, a_load_whose_connection_is_killed_loses_nothing_and_brings_nothing_twice)
{
    check_killed(false);
}

Test(source_candles, a_backward_load_whose_connection_is_killed_goes_on_backward)
{
    check_killed(true);
}
