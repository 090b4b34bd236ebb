/*
 * What tests of the feed's candles share: trades of symbol A, which change as a writer's commit
 * changes them, and the candles in what was heard.
 */
#ifndef TAPEDECK_TESTS_FEED_TRADES_H
#define TAPEDECK_TESTS_FEED_TRADES_H

#include "feed_fixture.h"

#define MINUTE TIME_MINUTE_US
#define ROWS_MAX 5000

/* A tick with a last price in whole units, and a volume of 1; times must not decrease. */
static inline void trade(int64_t time, int64_t price)
{
    fake_tape_add(ticks, time, price);
    ticks->ticks[ticks->count - 1].fields[TICK_LAST] = price * DECIMAL_ONE;
    ticks->ticks[ticks->count - 1].fields[TICK_VOLUME] = DECIMAL_ONE;
}

/* Stored ticks of A in [from, to) have changed: the tape forgets them and the lane hears of it. */
static inline void change(int64_t from, int64_t to)
{
    static const char *const names[] = {"A"};
    struct time_range range = {.from = from, .to = to};
    tape_invalidate(tape, "A", range);
    live_changes_publish(lane.changes, names, 1, range);
    inbox_drain(&inbox);
}

static inline void commit(int64_t time, int64_t price)
{
    trade(time, price);
    change(time, time + 1);
}

/* The candles of the last message, read by the oracle of columns. */
struct heard_candles {
    size_t count;
    int64_t times[ROWS_MAX];
    int64_t closes[ROWS_MAX]; /* at exp 8 */
    int64_t finals[ROWS_MAX];
};

static inline const struct heard_candles *candles_heard(void)
{
    static struct heard_candles candles;
    candles.count = (size_t)number("n");
    cr_assert_leq(candles.count, ROWS_MAX);
    cr_assert(wire_column_times(json_object_get(heard, "time"), candles.count, candles.times));
    cr_assert(wire_column_decimals(json_object_get(heard, "close"), candles.count, candles.closes));
    cr_assert(wire_column_times(json_object_get(heard, "final"), candles.count, candles.finals));
    return &candles;
}

static inline void check_candle(size_t row, int64_t time, int64_t close, bool final)
{
    const struct heard_candles *candles = candles_heard();
    cr_assert_lt(row, candles->count);
    cr_assert_eq(candles->times[row], time, "row %zu is at %lld", row,
                 (long long)candles->times[row]);
    cr_assert_eq(candles->closes[row], close * DECIMAL_ONE, "row %zu closes at %lld", row,
                 (long long)candles->closes[row]);
    cr_assert_eq(candles->finals[row], final);
}

/* `price` at exp 8. */
static inline void check_vwap(size_t row, int64_t price)
{
    static int64_t prices[ROWS_MAX];
    size_t count = candles_heard()->count;
    cr_assert_lt(row, count);
    cr_assert(wire_column_decimals(json_object_get(heard, "vwap"), count, prices));
    cr_assert_eq(prices[row], price, "row %zu averages %lld", row, (long long)prices[row]);
}

static inline bool has_work(void)
{
    return fake_source_load(&fake) != NULL || !list_is_empty(&fake.requests);
}

/* Loads what is asked for, and hears the next message. */
static inline void check_served(const char *ev)
{
    enum status status = hear();
    while (status == STATUS_WAIT && has_work()) {
        serve();
        status = hear();
    }
    cr_assert_eq(status, STATUS_OK, "%s: %s", ev, status_name(status));
    cr_assert_str_eq(text("ev"), ev, "%s: %s", text("ev"), text("message"));
}

/* There is nothing to hear, also when all is loaded. */
static inline void check_silent(void)
{
    enum status status = hear();
    while (status == STATUS_WAIT && has_work()) {
        serve();
        status = hear();
    }
    cr_assert_eq(status, STATUS_WAIT, "%s", text("ev"));
}

#endif
