/* Average prices of candles, out of the tape. */
#include "base/mem.h"
#include "fake_source.h"
#include "market/interval.h"
#include "random.h"
#include "tape/candle_query.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#define S TIME_SECOND_US
#define MINUTE TIME_MINUTE_US
#define HOUR (60 * MINUTE)

static struct fake_source fake;
static struct fake_tape *ticks;
static struct tape *tape;
static struct inbox inbox;
static struct candle_query *query;
static struct random dice = {.state = 99};

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

static void nobody_waits(void *owner)
{
    (void)owner;
}

static void set_up(void)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", 64 * S);
    tape = tape_create(&fake.source, (size_t)64 << 20);
    inbox_init(&inbox, nobody_sleeps, NULL);
}

static void tear_down(void)
{
    if (query != NULL)
        candle_query_destroy(&query);
    fake_source_deinit(&fake);
    inbox_drain(&inbox);
    tape_destroy(&tape);
    inbox_deinit(&inbox);
    cr_assert(mem_block_bytes() == 0);
}

TestSuite(tape_vwap, .init = set_up, .fini = tear_down);

static void make_market(size_t count, int64_t gap_us_most)
{
    int64_t time = -3 * HOUR - 7 * S;
    for (size_t i = 0; i < count; i++) {
        time += random_between(&dice, 0, gap_us_most);
        if (random_one_in(&dice, 500))
            time += 5 * HOUR;
        fake_tape_add(ticks, time, 1);
        struct tick *tick = &ticks->ticks[ticks->count - 1];
        if (random_one_in(&dice, 3))
            continue;
        tick->fields[TICK_LAST] = random_mantissa(&dice);
        tick->fields[TICK_VOLUME] =
            random_one_in(&dice, 4) ? DECIMAL_NULL : random_between(&dice, 0, INT64_MAX);
    }
    ticks->symbol.from = ticks->ticks[0].time;
    ticks->symbol.to = ticks->ticks[count - 1].time + 1;
}

static enum status run(struct candle_rows *rows, struct error *error)
{
    enum status status;
    while ((status = candle_query_run(query, rows, error)) == STATUS_WAIT) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
    return status;
}

/* The slow, obvious way. */
static struct vwap expect(int64_t bucket, int64_t interval_us, int64_t at)
{
    struct turnover turnover = {.trades = 0};
    for (size_t i = 0; i < ticks->count; i++) {
        const struct tick *tick = &ticks->ticks[i];
        if (tick->fields[TICK_LAST] != DECIMAL_NULL && tick->time >= bucket &&
            tick->time < bucket + interval_us && tick->time < at)
            turnover_add_trade(&turnover, tick->fields[TICK_LAST], tick->fields[TICK_VOLUME]);
    }
    return vwap_of(&turnover);
}

static size_t check(const struct candle_query_range *range, int64_t interval_us)
{
    candle_query_ask(query, range);
    struct candle_rows rows;
    struct error error;
    cr_assert(run(&rows, &error) == STATUS_OK);
    cr_assert_not_null(rows.vwaps);
    for (size_t i = 0; i < rows.count; i++) {
        struct vwap wanted = expect(rows.candles[i].time, interval_us, range->at);
        cr_assert(vwap_equal(&rows.vwaps[i], &wanted), "row %zu of %zu of %" PRId64 " s: %s not %s",
                  i, rows.count, interval_us / S, vwap_format(&rows.vwaps[i]).text,
                  vwap_format(&wanted).text);
    }
    return rows.count;
}

static void begin(int64_t interval_us)
{
    query = candle_query_create(tape, &inbox, &ticks->symbol, interval_us, nobody_waits, NULL);
}

static void check_many(size_t budget_bytes, size_t count, int rounds)
{
    static const int64_t intervals[] = {S,          7 * S, 90 * S,    MINUTE,
                                        5 * MINUTE, HOUR,  24 * HOUR, 7 * 24 * HOUR};
    tape_destroy(&tape);
    tape = tape_create(&fake.source, budget_bytes);
    make_market(count, 20 * S);
    size_t met = 0;
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        begin(intervals[i]);
        for (int round = 0; round < rounds; round++) {
            int64_t at =
                random_between(&dice, ticks->symbol.from - MINUTE, ticks->symbol.to + MINUTE);
            struct candle_query_range range = {
                .from = at - 1000 * HOUR,
                .to = at,
                .at = random_one_in(&dice, 4) ? CANDLE_QUERY_NO_INSTANT : at,
                .limit = 1 + random_below(&dice, 60),
                .vwap = true,
            };
            met += check(&range, intervals[i]);
        }
        candle_query_destroy(&query);
    }
    cr_assert_gt(met, 8 * (size_t)rounds);
}

Test(tape_vwap, equals_a_slow_recomputation_at_any_instant)
{
    check_many((size_t)64 << 20, 6000, 20);
}

Test(tape_vwap, comes_however_small_the_cache)
{
    check_many(1, 1500, 5);
}

/* One more tick at a time, as a live subscriber asks. */
Test(tape_vwap, changes_with_its_ticks)
{
    make_market(3000, 20 * S);
    begin(HOUR);
    for (int i = 0; i < 50; i++) {
        int64_t time = ticks->symbol.to + random_between(&dice, 0, 5 * MINUTE);
        fake_tape_add(ticks, time, 1);
        ticks->ticks[ticks->count - 1].fields[TICK_LAST] = random_mantissa(&dice);
        ticks->ticks[ticks->count - 1].fields[TICK_VOLUME] = random_between(&dice, 0, 1000);
        ticks->symbol.to = time + 1;
        tape_invalidate(tape, "A", (struct time_range){.from = time, .to = time + 1});
        struct candle_query_range range = {
            .from = TIME_MIN, .to = time + HOUR, .at = INT64_MAX, .limit = 3, .vwap = true};
        check(&range, HOUR);
    }
}

Test(tape_vwap, is_not_read_for_who_does_not_ask)
{
    make_market(3000, 20 * S);
    begin(MINUTE);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = ticks->symbol.to, .at = CANDLE_QUERY_NO_INSTANT, .limit = 20};
    candle_query_ask(query, &range);
    struct candle_rows rows;
    struct error error;
    cr_assert(run(&rows, &error) == STATUS_OK);
    cr_assert_null(rows.vwaps);
    struct track_statistics statistics[8];
    size_t tracks = tape_track_statistics(tape, statistics, 8);
    for (size_t i = 0; i < tracks; i++)
        cr_assert(statistics[i].interval_us > 0 || statistics[i].counts.misses == 0);
}

Test(tape_vwap, of_nothing_is_a_column_without_rows)
{
    begin(MINUTE);
    candle_query_ask(
        query, &(struct candle_query_range){.from = 0, .to = 0, .at = 0, .limit = 5, .vwap = true});
    struct candle_rows rows;
    struct error error;
    cr_assert(run(&rows, &error) == STATUS_OK);
    cr_assert_eq(rows.count, 0);
    cr_assert_not_null(rows.vwaps);
}

/* Stored candles outlive their ticks. */
Test(tape_vwap, is_null_where_ticks_have_been_dropped)
{
    for (int64_t minute = 0; minute < 4; minute++) {
        for (int64_t i = 0; i < 2; i++) {
            fake_tape_add(ticks, minute * MINUTE + i * 30 * S, 1);
            ticks->ticks[ticks->count - 1].fields[TICK_LAST] = 5;
            ticks->ticks[ticks->count - 1].fields[TICK_VOLUME] = 1;
        }
    }
    begin(MINUTE);
    struct candle_query_range range = {
        .from = 0, .to = 4 * MINUTE, .at = CANDLE_QUERY_NO_INSTANT, .limit = 5};
    struct candle_rows rows;
    struct error error;
    candle_query_ask(query, &range);
    cr_assert(run(&rows, &error) == STATUS_OK); /* now the candles are known */
    for (size_t i = 0; i + 3 < ticks->count; i++)
        ticks->ticks[i] = ticks->ticks[i + 3];
    ticks->count -= 3;
    range.vwap = true;
    candle_query_ask(query, &range);
    cr_assert(run(&rows, &error) == STATUS_OK);
    cr_assert_eq(rows.count, 4);
    static const bool is_there[] = {false, false, true, true};
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(rows.vwaps[i].is_there, is_there[i], "minute %zu", i);
}

/* ---- what one question may cost ---- */

/* A source whose candles are made of more ticks than anybody would hold in memory. */
static void make_heavy(int64_t trades)
{
    struct candle candle = {
        .time = 0, .trades = trades, .open = 1, .high = 1, .low = 1, .close = 1};
    struct candle_vwaps vwaps = {.tape = tape, .interval_us = HOUR};
    struct error error = {.text = ""};
    enum status status = candle_vwaps_begin(&vwaps, &candle, 1, INT64_MAX, &error);
    cr_assert_eq(status, trades > CANDLE_VWAP_TICKS_MAX ? STATUS_LIMIT : STATUS_OK);
    if (status == STATUS_LIMIT)
        cr_assert_not_null(strstr(error.text, "4000000"), "names the bound: %s", error.text);
    candle_vwaps_deinit(&vwaps);
}

Test(tape_vwap, of_more_ticks_than_one_question_may_is_refused_before_they_are_read)
{
    make_heavy(CANDLE_VWAP_TICKS_MAX);
    make_heavy(CANDLE_VWAP_TICKS_MAX + 1);
    cr_assert_eq(fake.load_count, 0);
}

/* A trade an hour: their minutes lie far apart, but it is known how far back they go. */
Test(tape_vwap, of_sparse_candles_takes_one_load_of_their_ticks)
{
    ticks->symbol.to = (int64_t)(1 << 17) * S; /* a grain */
    for (int64_t hour = 0; hour < 36; hour++) {
        fake_tape_add(ticks, hour * HOUR + S, 1);
        ticks->ticks[hour].fields[TICK_LAST] = hour + 1;
        ticks->ticks[hour].fields[TICK_VOLUME] = 7;
    }
    begin(MINUTE);
    struct candle_query_range range = {
        .from = 0, .to = 36 * HOUR, .at = CANDLE_QUERY_NO_INSTANT, .limit = 20};
    struct candle_rows rows;
    struct error error;
    candle_query_ask(query, &range);
    cr_assert(run(&rows, &error) == STATUS_OK);
    size_t loads = fake.load_count;
    range.vwap = true;
    cr_assert_eq(check(&range, MINUTE), 20);
    cr_assert(fake.load_count == loads + 1, "%zu loads", fake.load_count - loads);
}
