/*
 * The SQL behind candles where no load asks for it: any interval, average prices, bounds that are
 * refused, and exactness within one snapshot while others write and refresh.
 */
#include "source_candles.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define DAY0 INT64_C(1719792000000000) /* 2024-07-01 */
#define CHANGES 25

static struct connection *own;

static void setup(void)
{
    own = test_connect_alone();
    test_candles_prepare(own);
}

static void teardown(void)
{
    connection_close(&own);
}

TestSuite(source_candle_sql, .init = setup, .fini = teardown);

static struct time_range days(int n, int count)
{
    int64_t from = DAY0 + n * TIME_DAY_US;
    struct time_range range = {from, from + count * TIME_DAY_US};
    test_execute(own, "SELECT tapedeck.chunks_prepare('%s', '%s')", time_format(range.from).text,
                 time_format(range.to).text);
    return range;
}

/* ---- any interval ---- */

/* How many candles only one of the two has. */
static int64_t differences_any(const char *symbol, int64_t interval_us, struct time_range range,
                               int limit)
{
    struct time_text from = time_format(range.from);
    struct time_text to = time_format(range.to);
    return test_number(own,
                       "WITH slow AS (SELECT * FROM pg_temp.candles_slow(%lld, '%s', '%s', '%s')"
                       " ORDER BY bucket DESC LIMIT %d),"
                       " fast AS (SELECT * FROM tapedeck.candles_any(%lld, '%s', '%s', '%s', %d))"
                       " SELECT (SELECT count(*) FROM (TABLE slow EXCEPT TABLE fast) a)"
                       "      + (SELECT count(*) FROM (TABLE fast EXCEPT TABLE slow) b)",
                       (long long)interval_us, symbol, from.text, to.text, limit,
                       (long long)interval_us, symbol, from.text, to.text, limit);
}

Test(source_candle_sql, candles_of_any_interval_are_what_ticks_make)
{
    static const int64_t seconds[] = {1, 7, 60, 90, 120, 300, 420, 900, 3600, 5400, 7200, 86400};
    static const int limits[] = {1, 5, 300, 1000000};
    struct test_symbol symbol = test_symbol("any");
    struct time_range range = days(0, 3);
    struct time_range filled = {range.from + TIME_HOUR_US, range.from + 50 * TIME_HOUR_US};
    test_fill(own, symbol.name, filled, 4000, 0.11);
    test_refresh(own, (struct time_range){range.from, range.from + 30 * TIME_HOUR_US});
    test_owe(own, filled);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        for (size_t limit = 0; limit < sizeof limits / sizeof *limits; limit++)
            cr_expect(differences_any(symbol.name, seconds[i] * TIME_SECOND_US, range,
                                      limits[limit]) == 0,
                      "%lld s, %d", (long long)seconds[i], limits[limit]);
    }
    cr_assert(test_number(own,
                          "SELECT count(*) FROM tapedeck.candles_any(60000000, '%s', '%s', '%s',"
                          " NULL)",
                          symbol.name, time_format(range.from).text,
                          time_format(range.to).text) > 300);
}

/* ---- average prices ---- */

struct average {
    char ticks[160]; /* price, volume */
    char vwap[40];
};

static const struct average averages[] = {
    {"(100, 1), (200, 3)", "175.00000000"},
    {"(0.00000001, 1), (0.00000002, 1)", "0.00000002"},
    {"(-0.00000001, 1), (-0.00000002, 1)", "-0.00000002"},
    {"(0.00000001, -1), (0.00000002, -1)", "0.00000002"},
    {"(0.00000001, 9000000000.00000001), (0.00000002, 9000000000)", "0.00000001"},
    {"(0.00000001, 9000000000), (0.00000002, 9000000000.00000001)", "0.00000002"},
    {"(92233720367.99999999, 92233720367.99999999), (92233720367.99999999, 1)",
     "92233720367.99999999"},
    {"(1, 1), (2, 1), (2, 1)", "1.66666667"},
    {"(5, 2), (7, NULL), (NULL, 9)", "5.00000000"},
    {"(5, 2), (7, -2)", "null"},
    {"(5, NULL), (7, NULL)", "null"},
    {"(5, 0)", "null"},
    {"(NULL, 9)", "no row"},
};

Test(source_candle_sql, average_prices_are_rounded_once_and_away_from_zero)
{
    struct time_range day = days(4, 1);
    for (size_t i = 0; i < sizeof averages / sizeof *averages; i++) {
        struct test_symbol symbol = test_symbol("vwap");
        test_execute(own,
                     "INSERT INTO public.tick_data (time, symbol, last_price, volume)"
                     " SELECT '%s', '%s', v.price, v.volume FROM (VALUES %s,"
                     " (NULL::numeric, NULL::numeric)) v (price, volume)",
                     time_format(day.from + 1).text, symbol.name, averages[i].ticks);
        cr_expect(test_number(own,
                              "SELECT count(*) FROM (SELECT coalesce((SELECT coalesce(vwap::text,"
                              " 'null') FROM tapedeck.candles_vwap(7000000, '%s', '%s', '%s')),"
                              " 'no row')) v (vwap) WHERE v.vwap = '%s'",
                              symbol.name,
                              "2024-07-04 23:59:57Z", /* a multiple of 7 s since 2000-01-03 */
                              "2024-07-05 00:00:04Z", averages[i].vwap) == 1,
                  "%s", averages[i].ticks);
    }
}

/* ---- refusals ---- */

struct refusal {
    char call[128];
    char sqlstate[CONNECTION_SQLSTATE_BYTES];
};

static const struct refusal refusals[] = {
    {"candles_exact('1h', 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z')", ""},
    {"candles_exact('1h', 'x', '2024-07-01 00:01Z', '2024-07-01 01:00Z')", "TD011"},
    {"candles_exact('1h', 'x', '2024-07-01 00:00Z', '2024-07-01 01:30Z')", "TD011"},
    {"candles_exact('2m', 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z')", "TD002"},
    {"candles_exact('1m', 'x', '2024-07-01 01:00Z', '2024-07-01 01:00Z')", "TD002"},
    {"candles_exact('1m', 'x', '-infinity', '2024-07-01 01:00Z')", "TD002"},
    {"candles_exact(NULL, 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z')", "TD002"},
    {"candles_any(1000000, 'x', '2024-07-01 00:00:00.1Z', '2024-07-01 01:00Z', 5)", ""},
    {"candles_any(1500000, 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z', 5)", "TD002"},
    {"candles_any(0, 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z', 5)", "TD002"},
    {"candles_any(1000000, 'x', '2024-07-01 00:00Z', 'infinity', 5)", "TD002"},
    {"candles_vwap(60000000, 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z')", ""},
    {"candles_vwap(60000000, 'x', '2024-07-01 00:00:01Z', '2024-07-01 01:00Z')", "TD011"},
    {"candles_vwap(-1000000, 'x', '2024-07-01 00:00Z', '2024-07-01 01:00Z')", "TD002"},
};

Test(source_candle_sql, bounds_and_intervals_that_make_no_sense_are_refused)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char sql[256];
        (void)snprintf(sql, sizeof sql, "SELECT * FROM tapedeck.%s", refusals[i].call);
        struct error error = {.text = ""};
        enum status status = connection_execute(own, sql, &error);
        if (refusals[i].sqlstate[0] == '\0') {
            cr_expect(status == STATUS_OK, "%s: %s", refusals[i].call, error.text);
            continue;
        }
        cr_expect(status == STATUS_CONFLICT, "%s", refusals[i].call);
        cr_expect(strcmp(connection_sqlstate(own), refusals[i].sqlstate) == 0, "%s: %s",
                  refusals[i].call, error.text);
    }
}

/* ---- one snapshot ---- */

struct disturber {
    struct connection *connection;
    const char *symbol;
    struct time_range day;
    atomic_bool ended;
};

/* Ticks anywhere in a day, and its candles stored again, over and over. */
static void *disturb(void *argument)
{
    struct disturber *disturber = argument;
    for (int i = 0; i < CHANGES; i++) {
        struct time_range part = {disturber->day.from + i % 5 * 4 * TIME_HOUR_US,
                                  disturber->day.from + (i % 5 * 4 + 3) * TIME_HOUR_US};
        test_execute(disturber->connection, "BEGIN");
        test_fill(disturber->connection, disturber->symbol, part, 200, 0.01 * i);
        test_owe(disturber->connection, part);
        test_execute(disturber->connection, "COMMIT");
        test_refresh(disturber->connection, part);
    }
    atomic_store(&disturber->ended, true);
    return NULL;
}

static int64_t differences_exact(const char *symbol, int64_t interval_us, struct time_range range)
{
    struct time_text from = time_format(range.from);
    struct time_text to = time_format(range.to);
    return test_number(own,
                       "WITH slow AS (SELECT * FROM pg_temp.candles_slow(%lld, '%s', '%s', '%s')),"
                       " fast AS (SELECT * FROM tapedeck.candles_exact('%s', '%s', '%s', '%s'))"
                       " SELECT (SELECT count(*) FROM (TABLE slow EXCEPT TABLE fast) a)"
                       "      + (SELECT count(*) FROM (TABLE fast EXCEPT TABLE slow) b)",
                       (long long)interval_us, symbol, from.text, to.text,
                       candle_stored_name(interval_us), symbol, from.text, to.text);
}

Test(source_candle_sql, every_snapshot_is_exact_while_others_write_and_refresh)
{
    struct test_symbol symbol = test_symbol("snapshot");
    struct disturber disturber = {
        .connection = test_connect_more(), .symbol = symbol.name, .day = days(6, 1)};
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, disturb, &disturber) == 0);
    size_t looks = 0;
    for (; !atomic_load(&disturber.ended) || looks < CANDLE_STORED_INTERVALS; looks++) {
        int64_t interval_us = candle_stored_us[looks % CANDLE_STORED_INTERVALS];
        /* A statement is planned before its snapshot is taken: the slow side, which is planned with
         * it, would miss a chunk that was made in between. Here the snapshot comes first. */
        test_execute(own, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        int64_t differences = differences_exact(symbol.name, interval_us, disturber.day);
        test_execute(own, "COMMIT");
        cr_expect(differences == 0, "%s, look %zu", candle_stored_name(interval_us), looks);
    }
    pthread_join(thread, NULL);
    cr_assert(looks > CHANGES);
    connection_close(&disturber.connection);
}
