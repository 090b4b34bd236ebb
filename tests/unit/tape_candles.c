#include "base/mem.h"
#include "fake_source.h"
#include "market/interval.h"
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
static size_t wakes;
static uint64_t dice;

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

static void wake(void *owner)
{
    (void)owner;
    wakes++;
}

static void set_up_with(size_t budget_bytes)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", 64 * S);
    tape = tape_create(&fake.source, budget_bytes);
    inbox_init(&inbox, nobody_sleeps, NULL);
}

static void set_up(void)
{
    set_up_with((size_t)64 << 20);
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

TestSuite(tape_candles, .init = set_up, .fini = tear_down);

static int64_t roll(int64_t from, int64_t to)
{
    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    return from + (int64_t)((dice >> 33) % (uint64_t)(to - from + 1));
}

/* Ticks of some hours, from quotes only to many trades at one instant. */
static void make_market(size_t count, int64_t gap_us_most)
{
    int64_t time = -3 * HOUR - 7 * S;
    for (size_t i = 0; i < count; i++) {
        time += roll(0, 9) == 0 ? 0 : roll(0, gap_us_most);
        if (roll(0, 200) == 0)
            time += 2 * HOUR;
        fake_tape_add(ticks, time, 1);
        struct tick *tick = &ticks->ticks[ticks->count - 1];
        tick->fields[TICK_LAST] = roll(0, 2) == 0 ? DECIMAL_NULL : roll(1, 50) * DECIMAL_ONE / 100;
        tick->fields[TICK_VOLUME] = roll(0, 3) == 0 ? DECIMAL_NULL : roll(0, INT64_MAX / 2);
    }
    ticks->symbol.from = ticks->ticks[0].time;
    ticks->symbol.to = ticks->ticks[count - 1].time + 1;
}

static enum status run(struct candle_rows *rows)
{
    struct error error;
    enum status status;
    while ((status = candle_query_run(query, rows, &error)) == STATUS_WAIT) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
    return status;
}

/* The slow, obvious way: newest first into `rows`. */
static size_t expect(const struct candle_query_range *range, int64_t interval_us,
                     struct candle *rows)
{
    static struct candle all[FAKE_TICKS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ticks->count; i++) {
        const struct tick *tick = &ticks->ticks[i];
        int64_t bucket = interval_floor(interval_us, tick->time);
        if (tick->fields[TICK_LAST] == DECIMAL_NULL || bucket < range->from ||
            bucket >= range->to || tick->time >= range->at)
            continue;
        if (count == 0 || all[count - 1].time != bucket)
            all[count++] = candle_at(bucket);
        candle_add_trade(&all[count - 1], tick->fields[TICK_LAST], tick->fields[TICK_VOLUME]);
    }
    size_t kept = count < range->limit ? count : range->limit;
    memcpy(rows, all + count - kept, kept * sizeof *rows);
    return kept;
}

static void check(const struct candle_query_range *range, int64_t interval_us)
{
    static struct candle wanted[FAKE_TICKS_MAX];
    size_t wanted_count = expect(range, interval_us, wanted);
    candle_query_ask(query, range);
    struct candle_rows rows;
    cr_assert(run(&rows) == STATUS_OK);
    cr_assert(rows.count == wanted_count, "%zu of %zu candles of %" PRId64 " s, at %" PRId64,
              rows.count, wanted_count, interval_us / S, range->at);
    for (size_t i = 0; i < rows.count; i++)
        cr_assert(candle_equal(&rows.candles[i], &wanted[i]), "candle %zu of %zu", i, rows.count);
}

static const int64_t intervals[] = {S,      5 * S,      30 * S,     90 * S,
                                    MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE,
                                    HOUR,   4 * HOUR,   24 * HOUR,  7 * 24 * HOUR};

Test(tape_candles, equal_a_slow_recomputation_at_any_instant)
{
    dice = 7;
    make_market(6000, 20 * S);
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        query = candle_query_create(tape, &inbox, &ticks->symbol, intervals[i], wake, NULL);
        for (int round = 0; round < 40; round++) {
            int64_t at = roll(ticks->symbol.from - MINUTE, ticks->symbol.to + MINUTE);
            if (roll(0, 3) == 0)
                at = interval_floor(intervals[i], at);
            if (roll(0, 3) == 0)
                at = ticks->ticks[roll(0, (int64_t)ticks->count - 1)].time + roll(0, 1);
            int64_t reach_us = intervals[i] < MINUTE ? HOUR : 1000 * HOUR;
            struct candle_query_range range = {
                .from = at - roll(0, reach_us),
                .to = roll(0, 1) == 0 ? at : at + HOUR,
                .at = roll(0, 4) == 0 ? CANDLE_QUERY_NO_INSTANT : at,
                .limit = (size_t)roll(1, 50),
            };
            check(&range, intervals[i]);
        }
        candle_query_destroy(&query);
    }
}

Test(tape_candles, come_however_small_the_cache)
{
    tape_destroy(&tape);
    tape = tape_create(&fake.source, 1);
    dice = 11;
    make_market(2000, 20 * S);
    query = candle_query_create(tape, &inbox, &ticks->symbol, 4 * HOUR, wake, NULL);
    for (int round = 0; round < 20; round++) {
        int64_t at = roll(ticks->symbol.from, ticks->symbol.to);
        check(&(struct candle_query_range){.from = 0, .to = at, .at = at, .limit = 5}, 4 * HOUR);
    }
}

static void add_trade(int64_t time, int64_t price)
{
    fake_tape_add(ticks, time, 1);
    ticks->ticks[ticks->count - 1].fields[TICK_LAST] = price;
    ticks->symbol.to = time + 1;
}

Test(tape_candles, of_before_all_time_there_are_none)
{
    add_trade(TIME_MIN, 1);
    query = candle_query_create(tape, &inbox, &ticks->symbol, 3 * MINUTE, wake, NULL);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = TIME_MIN, .at = TIME_MIN + HOUR, .limit = 5};
    check(&range, 3 * MINUTE);
    range.to++;
    check(&range, 3 * MINUTE);
}

/* What is known already, but too much for one turn of the owner's thread. */
static void check_in_turns(const struct candle_query_range *range, int64_t interval_us)
{
    static struct candle wanted[FAKE_TICKS_MAX];
    size_t wanted_count = expect(range, interval_us, wanted);
    size_t loads = fake.load_count;
    candle_query_ask(query, range);
    struct candle_rows rows;
    struct error error;
    size_t turns = 0;
    wakes = 0;
    while (candle_query_run(query, &rows, &error) == STATUS_WAIT) {
        inbox_drain(&inbox);
        cr_assert_eq(wakes, ++turns, "it is told to go on");
    }
    cr_assert(turns > 0 && fake.load_count == loads && rows.count == wanted_count);
    for (size_t i = 0; i < rows.count; i++)
        cr_assert(candle_equal(&rows.candles[i], &wanted[i]), "candle %zu of %zu", i, rows.count);
}

Test(tape_candles, of_more_ticks_than_one_turn_may_take_come_in_several)
{
    static const int64_t from_ticks[] = {S, 7 * S, 799 * S}; /* walked back, and folded */
    for (int64_t i = 0; i < FAKE_TICKS_MAX; i++)
        add_trade(i * 10000, i);
    for (size_t i = 0; i < sizeof from_ticks / sizeof *from_ticks; i++) {
        query = candle_query_create(tape, &inbox, &ticks->symbol, from_ticks[i], wake, NULL);
        int64_t at = ticks->symbol.to - 1;
        struct candle_query_range range = {.from = -799 * S, .to = at, .at = at, .limit = 5000};
        check(&range, from_ticks[i]);
        check_in_turns(&range, from_ticks[i]);
        range.vwap = true;
        check_in_turns(&range, from_ticks[i]);
        candle_query_destroy(&query);
    }
}

/* A trade a month, for years: further apart than the day that is looked through at any rate. */
Test(tape_candles, of_seconds_are_found_however_sparse_they_are)
{
    for (int64_t month = 0; month < 60; month++)
        add_trade(month * 30 * TIME_DAY_US + 7 * S, month + 1);
    query = candle_query_create(tape, &inbox, &ticks->symbol, S, wake, NULL);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = 70 * 30 * TIME_DAY_US, .at = CANDLE_QUERY_NO_INSTANT, .limit = 50};
    check(&range, S);
    cr_assert(fake.load_count <= CANDLE_QUERY_STRETCHES_MOST, "%zu loads", fake.load_count);
    range.limit = 500;
    check(&range, S);
}

/* Each further away than anything that has been learned of the symbol lets guess. */
Test(tape_candles, of_seconds_are_not_looked_for_without_end)
{
    fake.tapes[0].symbol.to = S;
    fake.tapes[0].symbol.ticks = 1000000;
    for (int64_t day = 0; day < 3000; day++)
        add_trade(day * TIME_DAY_US, day + 1);
    ticks->symbol.from = ticks->symbol.to - S; /* so it is thought to be dense */
    query = candle_query_create(tape, &inbox, &ticks->symbol, S, wake, NULL);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = ticks->symbol.to, .at = CANDLE_QUERY_NO_INSTANT, .limit = 5000};
    static struct candle wanted[FAKE_TICKS_MAX];
    size_t wanted_count = expect(&range, S, wanted);
    candle_query_ask(query, &range);
    struct candle_rows rows;
    cr_assert(run(&rows) == STATUS_OK);
    cr_assert_lt(rows.count, wanted_count);
    cr_assert_gt(rows.count, 10);
    cr_assert(fake.load_count <= CANDLE_QUERY_STRETCHES_MOST + 64, "%zu loads", fake.load_count);
    for (size_t i = 0; i < rows.count; i++)
        cr_assert(candle_equal(&rows.candles[i], &wanted[wanted_count - rows.count + i]));
}

/* Two trades of a bucket lie in two stretches; wherever it ends, no candle is half of itself. */
Test(tape_candles, of_seconds_that_are_looked_for_no_further_are_whole)
{
    const int64_t bucket_us = 7 * S;
    for (int64_t day = 0; day < 1000; day++) {
        int64_t bucket = interval_floor(bucket_us, day * TIME_DAY_US);
        add_trade(bucket + S, 1);
        add_trade(bucket + 6 * S, 2);
    }
    ticks->symbol.from = ticks->symbol.to - S;
    ticks->symbol.ticks = 1000000;
    int64_t end = ticks->symbol.to;
    static struct candle wanted[FAKE_TICKS_MAX];
    for (int64_t i = 0; i < 4; i++) { /* more stretches before the newest trade */
        if (i > 0)
            fake_tape_add(ticks, time_ceil(end + TIME_DAY_US, S) + i * S, 1);
        query = candle_query_create(tape, &inbox, &ticks->symbol, bucket_us, wake, NULL);
        int64_t to = end + 10 * TIME_DAY_US;
        struct candle_query_range range = {
            .from = TIME_MIN, .to = to, .at = CANDLE_QUERY_NO_INSTANT, .limit = 5000};
        size_t wanted_count = expect(&range, bucket_us, wanted);
        candle_query_ask(query, &range);
        struct candle_rows rows;
        cr_assert(run(&rows) == STATUS_OK);
        cr_assert(rows.count > 10 && rows.count < wanted_count);
        for (size_t row = 0; row < rows.count; row++)
            cr_assert(candle_equal(&rows.candles[row], &wanted[wanted_count - rows.count + row]));
        candle_query_destroy(&query);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    }
}

Test(tape_candles, of_seconds_are_not_looked_for_where_no_tick_has_a_last_price)
{
    fake_tape_add(ticks, 0, 1);
    ticks->symbol.lacks = TICK_FIELD_BIT(TICK_LAST);
    query = candle_query_create(tape, &inbox, &ticks->symbol, S, wake, NULL);
    struct candle_query_range range = {.from = TIME_MIN, .to = HOUR, .at = HOUR, .limit = 5};
    check(&range, S);
    cr_assert_eq(fake.load_count, 0);
}

Test(tape_candles, are_asked_for_once_and_then_known)
{
    dice = 3;
    make_market(3000, 20 * S);
    query = candle_query_create(tape, &inbox, &ticks->symbol, 5 * MINUTE, wake, NULL);
    struct candle_query_range range = {
        .from = 0, .to = ticks->symbol.to, .at = ticks->symbol.to, .limit = 20};
    check(&range, 5 * MINUTE);
    size_t loads = fake.load_count;
    check(&range, 5 * MINUTE);
    cr_assert(fake.load_count == loads);
}

/* More than a grain holds, and as many as are wanted. */
Test(tape_candles, come_in_one_load_however_many_grains_they_lie_in)
{
    for (int64_t minute = 0; minute < 5000; minute++)
        add_trade(minute * MINUTE, minute + 1);
    query = candle_query_create(tape, &inbox, &ticks->symbol, 4 * MINUTE, wake, NULL);
    struct candle_query_range range = {
        .from = 0, .to = ticks->symbol.to, .at = CANDLE_QUERY_NO_INSTANT, .limit = 600};
    check(&range, 4 * MINUTE);
    cr_assert(fake.load_count == 1, "%zu loads", fake.load_count);
    struct tape_statistics statistics;
    tape_statistics(tape, &statistics);
    cr_assert_gt(statistics.counts.blocks, 2, "no block is longer than a grain");
    range.limit = 1000;
    check(&range, 4 * MINUTE);
    cr_assert(fake.load_count == 2, "%zu loads: the older ones", fake.load_count);
}

/* The minutes of the bucket under way are among those of the buckets before it, its ticks are not:
 * neither load waits for the other. */
Test(tape_candles, are_asked_for_together_with_the_bucket_under_way)
{
    for (int64_t minute = 0; minute < 1000; minute++)
        add_trade(minute * MINUTE, minute + 1);
    query = candle_query_create(tape, &inbox, &ticks->symbol, 4 * MINUTE, wake, NULL);
    int64_t at = 998 * MINUTE + 1;
    struct candle_query_range range = {.from = 0, .to = at, .at = at, .limit = 100};
    candle_query_ask(query, &range);
    struct tick_load *load = fake_source_load(&fake);
    cr_assert_not_null(load);
    cr_assert(load->interval_us == MINUTE && load->range.to >= 998 * MINUTE);
    cr_assert_leq(load->range.from, (996 - 99 * 4) * MINUTE);
    check(&range, 4 * MINUTE);
    cr_assert(fake.load_count == 3, "%zu loads: the one above, minutes, ticks", fake.load_count);
}

Test(tape_candles, that_nobody_asks_for_any_more_are_not_loaded)
{
    for (int64_t minute = 0; minute < 1000; minute++)
        add_trade(minute * MINUTE, minute + 1);
    for (int64_t seek = 0; seek < 5; seek++) { /* each elsewhere */
        query = candle_query_create(tape, &inbox, &ticks->symbol, HOUR, wake, NULL);
        int64_t at = (seek + 3) * HOUR + 30 * MINUTE;
        candle_query_ask(query,
                         &(struct candle_query_range){.from = 0, .to = at, .at = at, .limit = 2});
        cr_assert_eq(fake.load_count, (size_t)seek + 1);
        struct candle_rows rows;
        struct error error;
        if (seek % 2 == 1)
            cr_assert(candle_query_run(query, &rows, &error) == STATUS_WAIT);
        candle_query_destroy(&query);
        for (struct list *node = fake.loads.next; node != &fake.loads; node = node->next)
            cr_assert(atomic_load(&CONTAINER_OF(node, struct tick_load, node)->cancelled));
        fake_source_run(&fake);
        fake.load_count = (size_t)seek + 1;
    }
}

/* There are two thousand years of days before the first tick. */
Test(tape_candles, are_soon_known_to_be_fewer_than_wanted)
{
    dice = 9;
    make_market(3000, 20 * S);
    query = candle_query_create(tape, &inbox, &ticks->symbol, TIME_DAY_US, wake, NULL);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = ticks->symbol.to, .at = CANDLE_QUERY_NO_INSTANT, .limit = 500};
    check(&range, TIME_DAY_US);
    cr_assert(fake.load_count <= 5, "%zu loads", fake.load_count);
}

/* It used to go on to the first of all ticks, however far, to see that the bucket was over. */
Test(tape_candles, are_not_looked_for_beyond_the_last_one_wanted)
{
    fake_tape_add(ticks, 0, 1);
    ticks->ticks[0].fields[TICK_LAST] = 5;
    query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
    struct candle_query_range range = {.from = TIME_MIN, .to = TIME_MAX, .at = HOUR, .limit = 1};
    struct candle_rows rows;
    candle_query_ask(query, &range);
    cr_assert(run(&rows) == STATUS_OK && rows.count == 1);
    cr_assert(fake.load_count == 1, "%zu loads", fake.load_count);
    range.limit = 2;
    candle_query_ask(query, &range);
    cr_assert(run(&rows) == STATUS_OK && rows.count == 1);
    cr_assert(fake.load_count > 1, "there might have been another");
}

/* One more tick of the forming minute: only that minute is read again. */
Test(tape_candles, change_with_their_ticks_and_the_others_stay)
{
    dice = 5;
    make_market(3000, 20 * S);
    int64_t end = ticks->symbol.to;
    query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = end + MINUTE, .at = CANDLE_QUERY_NO_INSTANT, .limit = 100};
    check(&range, MINUTE);
    for (int i = 0; i < 50; i++) {
        end += roll(0, 2) * 20 * S;
        fake_tape_add(ticks, end, 1);
        ticks->ticks[ticks->count - 1].fields[TICK_LAST] = i;
        size_t loads = fake.load_count;
        tape_invalidate(tape, "A", (struct time_range){.from = end, .to = end + 1});
        range.to = end + MINUTE;
        check(&range, MINUTE);
        cr_assert(fake.load_count <= loads + 2, "%zu loads", fake.load_count - loads);
    }
    struct tape_statistics statistics;
    tape_statistics(tape, &statistics);
    cr_assert(statistics.counts.blocks < 60, "%zu blocks: minutes are not joined",
              statistics.counts.blocks);
}

Test(tape_candles, begin_anew_when_their_ticks_change_meanwhile)
{
    dice = 5;
    make_market(1000, 20 * S);
    query = candle_query_create(tape, &inbox, &ticks->symbol, HOUR, wake, NULL);
    struct candle_query_range range = {
        .from = 0, .to = ticks->symbol.to, .at = ticks->symbol.to, .limit = 500};
    candle_query_ask(query, &range);
    struct candle_rows rows;
    struct error error;
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_WAIT);
    fake_source_step(&fake);
    inbox_drain(&inbox);
    ticks->ticks[500].fields[TICK_LAST] = 123456 * DECIMAL_ONE;
    tape_invalidate(tape, "A", (struct time_range){.from = TIME_MIN, .to = TIME_MAX});
    static struct candle wanted[1000];
    size_t wanted_count = expect(&range, HOUR, wanted);
    cr_assert(run(&rows) == STATUS_OK && rows.count == wanted_count);
    for (size_t i = 0; i < rows.count; i++)
        cr_assert(candle_equal(&rows.candles[i], &wanted[i]));
}

/* Others had written late ticks: the stored candles are right again, the ticks stay as they are. */
Test(tape_candles, are_loaded_again_alone_when_they_alone_have_changed)
{
    dice = 5;
    make_market(1000, 20 * S);
    query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
    int64_t end = ticks->symbol.to;
    struct candle_query_range range = {
        .from = TIME_MIN, .to = end + MINUTE, .at = CANDLE_QUERY_NO_INSTANT, .limit = 100};
    check(&range, MINUTE);
    struct track *track = tape_track_hold(tape, &ticks->symbol);
    struct tape_waiter waiter;
    struct tape_stretch stretch;
    struct error error;
    tape_waiter_init(&waiter, &inbox, NULL);
    cr_assert(tape_pin(tape, track, end - 1, &waiter, &stretch, &error) == STATUS_WAIT);
    fake_source_run(&fake);
    tape_stop_waiting(tape, &waiter);
    ticks->ticks[999].fields[TICK_LAST] = 123456 * DECIMAL_ONE;
    uint64_t changes = track_changes(track);
    size_t loads = fake.load_count;
    tape_invalidate_candles(tape, (struct time_range){.from = end - 1, .to = end});
    cr_assert_neq(track_changes(track), changes);
    check(&range, MINUTE);
    cr_assert_eq(fake.load_count, loads + 1, "one bucket");
    cr_assert(tape_peek(tape, track, end - 1, &stretch));
    tape_unpin(&stretch);
    tape_track_let_go(tape, &track);
}

Test(tape_candles, tell_that_a_load_failed_and_try_again)
{
    dice = 5;
    make_market(100, 20 * S);
    query = candle_query_create(tape, &inbox, &ticks->symbol, HOUR, wake, NULL);
    struct candle_query_range range = {
        .from = TIME_MIN, .to = ticks->symbol.to, .at = ticks->symbol.to, .limit = 5};
    candle_query_ask(query, &range);
    struct candle_rows rows;
    struct error error;
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_WAIT);
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(wakes > 0);
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_UNAVAILABLE);
    cr_assert(run(&rows) == STATUS_OK);
}

/* ---- while somebody commits all the time ---- */

/* Every load is overtaken by a commit before it brings anything. */
static enum status run_through_commits(struct candle_rows *rows, size_t most)
{
    struct error error;
    enum status status;
    while ((status = candle_query_run(query, rows, &error)) == STATUS_WAIT && most-- > 0) {
        int64_t time = ticks->symbol.to + 1000;
        add_trade(time, 4711);
        tape_invalidate(tape, "A", (struct time_range){.from = time, .to = time + 1});
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
    return status;
}

static void check_through_commits(bool watched, size_t loads_most)
{
    dice = 5;
    make_market(500, S);
    size_t count = ticks->count;
    query = candle_query_create(tape, &inbox, &ticks->symbol, HOUR, wake, NULL);
    struct candle_query_range range = {.from = ticks->symbol.to - HOUR,
                                       .to = TIME_MAX,
                                       .at = ticks->symbol.to + MINUTE,
                                       .limit = 5,
                                       .vwap = true,
                                       .watched = watched};
    candle_query_ask(query, &range);
    struct candle_rows rows;
    cr_assert(run_through_commits(&rows, 1000) == STATUS_OK, "starved");
    cr_assert(fake.load_count <= loads_most, "%zu loads", fake.load_count);
    cr_assert(ticks->count > count, "there were commits");
    cr_assert_gt(rows.count, 0);
}

Test(tape_candles, come_to_an_end_while_ticks_are_committed_all_the_time)
{
    check_through_commits(false, 64);
}

Test(tape_candles, that_are_watched_do_not_even_begin_anew)
{
    check_through_commits(true, 32);
}

/* What a load brings that began before a change, is for those alone who waited then. */
Test(tape_candles, from_before_a_change_are_not_kept)
{
    add_trade(0, 5);
    query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
    struct candle_query_range range = {
        .from = 0, .to = MINUTE, .at = CANDLE_QUERY_NO_INSTANT, .limit = 5, .watched = true};
    candle_query_ask(query, &range);
    struct candle_rows rows;
    struct error error;
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_WAIT);
    tape_invalidate(tape, "A", (struct time_range){.from = 0, .to = 1});
    fake_source_step(&fake); /* read before the commit, brought after it */
    inbox_drain(&inbox);
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_OK);
    cr_assert_eq(rows.candles[0].trades, 1);
    add_trade(1, 9);
    check(&range, MINUTE);
    cr_assert_eq(fake.load_count, 2, "asked again, read again");
}

Test(tape_candles, of_a_load_that_failed_after_a_change_fail_too)
{
    add_trade(0, 5);
    query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
    struct candle_query_range range = {
        .from = 0, .to = MINUTE, .at = CANDLE_QUERY_NO_INSTANT, .limit = 5, .watched = true};
    candle_query_ask(query, &range);
    struct candle_rows rows;
    struct error error;
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_WAIT);
    tape_invalidate(tape, "A", (struct time_range){.from = 0, .to = 1});
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(candle_query_run(query, &rows, &error) == STATUS_UNAVAILABLE);
    check(&range, MINUTE);
}

Test(tape_candles, may_be_given_up_when_a_change_has_overtaken_them)
{
    add_trade(0, 5);
    struct candle_query_range range = {
        .from = 0, .to = MINUTE, .at = CANDLE_QUERY_NO_INSTANT, .limit = 5, .watched = true};
    for (int i = 0; i < 20; i++) { /* more than may be outdated at a time */
        query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
        candle_query_ask(query, &range);
        struct candle_rows rows;
        struct error error;
        cr_assert(candle_query_run(query, &rows, &error) == STATUS_WAIT);
        tape_invalidate(tape, "A", (struct time_range){.from = 0, .to = 1});
        candle_query_destroy(&query);
    }
    query = candle_query_create(tape, &inbox, &ticks->symbol, MINUTE, wake, NULL);
    check(&range, MINUTE);
}
