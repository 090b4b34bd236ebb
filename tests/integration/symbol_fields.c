/*
 * Which fields a symbol has at all: kept by the writers, doubted when others write, counted anew in
 * idle times, and used by last_values(). On both engines.
 */
#include "cluster_fixture.h"

#include "base/clock.h"
#include "store/scheduler.h"
#include "store/tick_writer.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define NOON INT64_C(1723118400000000) /* 2024-08-08 12:00 */
#define ONE DECIMAL_ONE

enum shape { QUOTES, TRADES, BIDS, NOTHING };

static struct tick tick_of(enum shape shape, int64_t time)
{
    bool bid = shape == QUOTES || shape == BIDS;
    return (struct tick){
        .time = time,
        .fields = {bid ? ONE : DECIMAL_NULL, shape == QUOTES ? 2 * ONE : DECIMAL_NULL,
                   shape == TRADES ? 3 * ONE : DECIMAL_NULL, shape == TRADES ? 1 : DECIMAL_NULL}};
}

/* `count` ticks, a second apart, from NOON on. */
static void write_as_ours(struct connection *connection, const char *symbol, enum shape shape,
                          int count)
{
    struct error error = {0};
    struct tick_writer_options options = {.range = {NOON, NOON + TIME_HOUR_US}, .reason = "import"};
    struct tick_writer *writer = NULL;
    MUST(tick_writer_begin(connection, &options, &writer, &error));
    for (int i = 0; i < count; i++) {
        struct written_tick tick = {.symbol = symbol,
                                    .tick = tick_of(shape, NOON + i * TIME_SECOND_US)};
        MUST(tick_writer_add(writer, &tick, &error));
    }
    MUST(tick_writer_finish(&writer, NULL, &error));
}

/* As somebody does who knows nothing of tapedeck; `at` in seconds after NOON. */
static void write_as_stranger(struct connection *connection, const char *symbol,
                              const char *columns, const char *values, double at)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "insert into public.tick_data (symbol, time, %s) values ('%s',"
                   " timestamptz '2024-08-08 12:00Z' + %f * interval '1 second', %s)",
                   columns, symbol, at, values);
    execute(connection, sql);
}

static void reconcile(struct connection *connection)
{
    execute(connection, "select tapedeck.symbols_reconcile()");
}

/* "A tf-, B …": bid, ask and last of each: true, false, not known. */
static void expect_fields(struct connection *connection, const char *expected)
{
    cr_assert_str_eq(
        ask_text(connection,
                 "select string_agg(format('%s %s%s%s', symbol, coalesce(has_bid::text::\"char\","
                 " '-'), coalesce(has_ask::text::\"char\", '-'), coalesce(has_last::text::\"char\","
                 " '-')), ', ' order by symbol) from tapedeck.symbols_list(null, null)"),
        expected);
}

ON_BOTH_ENGINES(symbol_fields, a_writer_tells_what_it_wrote)
{
    struct connection *connection = database->connection;
    write_as_ours(connection, "A", QUOTES, 3);
    write_as_ours(connection, "B", TRADES, 3);
    write_as_ours(connection, "C", BIDS, 3);
    write_as_ours(connection, "D", NOTHING, 3);
    expect_fields(connection, "A ttf, B fft, C tff, D fff");
    write_as_ours(connection, "A", BIDS, 2);
    write_as_ours(connection, "B", QUOTES, 1);
    write_as_ours(connection, "D", TRADES, 1);
    reconcile(connection);
    expect_fields(connection, "A ttf, B ttt, C tff, D fft");
}

ON_BOTH_ENGINES(symbol_fields, a_writer_that_gives_up_changes_nothing)
{
    struct connection *connection = database->connection;
    struct error error = {0};
    write_as_ours(connection, "A", QUOTES, 3);
    struct tick_writer_options options = {.range = {NOON, NOON + TIME_HOUR_US}, .reason = "import"};
    struct tick_writer *writer = NULL;
    MUST(tick_writer_begin(connection, &options, &writer, &error));
    struct written_tick tick = {.symbol = "A", .tick = tick_of(TRADES, NOON)};
    MUST(tick_writer_add(writer, &tick, &error));
    tick_writer_abort(&writer);
    expect_fields(connection, "A ttf");
}

#define FINISH                                                                                     \
    "select tapedeck.write_finish(array['A', 'A'], array['2024-08-08 12:00Z',"                     \
    " '2024-08-08 12:00Z']::timestamptz[], array['2024-08-08 12:00Z', '2024-08-08 12:00Z']"        \
    "::timestamptz[], array[1, 1]::bigint[], 'test'"

ON_BOTH_ENGINES(symbol_fields, what_a_writer_does_not_tell_is_not_known)
{
    struct connection *connection = database->connection;
    execute(connection, FINISH ", array[null, false], array[null, true], array[false, false])");
    expect_fields(connection, "A -tf");
    execute(connection, FINISH ")");
    expect_fields(connection, "A -t-");
    execute(connection, FINISH ", array[false, true], array[false, false], array[false, false])");
    expect_fields(connection, "A tt-");
    struct error error = {0};
    MUST_FAIL(connection_execute(connection, FINISH ", array[true])", &error), STATUS_CONFLICT);
    MUST_SAY("differ in number");
}

ON_BOTH_ENGINES(symbol_fields, what_strangers_add_at_the_ends_is_looked_at)
{
    struct connection *connection = database->connection;
    write_as_ours(connection, "A", QUOTES, 10);
    write_as_ours(connection, "B", TRADES, 10);
    reconcile(connection);
    write_as_stranger(connection, "A", "bid_price", "1", 100);
    write_as_stranger(connection, "A", "bid_price", "1", -100);
    write_as_stranger(connection, "B", "ask_price", "1", 100);
    write_as_stranger(connection, "N", "last_price, volume", "1, 1", 0);
    reconcile(connection);
    expect_fields(connection, "A ttf, B ftt, N fft");
}

ON_BOTH_ENGINES(symbol_fields, ticks_that_nobody_can_see_make_every_absence_doubtful)
{
    struct connection *connection = database->connection;
    write_as_ours(connection, "A", QUOTES, 10);
    write_as_ours(connection, "B", TRADES, 10);
    reconcile(connection);
    write_as_stranger(connection, "B", "bid_price", "7", 3.5);
    expect_fields(connection, "A ttf, B fft");
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_reconcile()"), 0,
                 "nothing was found, so nothing was announced");
    expect_fields(connection, "A tt-, B --t");
    cr_assert_str_eq(ask_text(connection, "select bid_price::text from tapedeck.last_values("
                                          "array['B'], '2024-08-08 12:01Z')"),
                     "7.00000000");
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(9)"), 2);
    expect_fields(connection, "A ttf, B tft");
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(9)"), 0);
}

ON_BOTH_ENGINES(symbol_fields, counting_waits_while_somebody_writes_and_until_that_is_settled)
{
    struct connection *connection = database->connection;
    struct connection *stranger = open_database(cluster_url(database->cluster));
    write_as_ours(connection, "A", QUOTES, 10);
    reconcile(connection);
    execute(connection, "update tapedeck.symbols set has_last = null");
    execute(stranger, "begin");
    write_as_stranger(stranger, "A", "last_price", "7", 3.5);
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(9)"), 0);
    execute(stranger, "commit");
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(9)"), 0);
    reconcile(connection);
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(9)"), 1);
    expect_fields(connection, "A ttt");
    connection_close(&stranger);
}

ON_BOTH_ENGINES(symbol_fields, a_symbol_too_large_for_the_time_goes_to_the_end_of_the_queue)
{
    struct connection *connection = database->connection;
    write_as_ours(connection, "A", QUOTES, 10);
    write_as_ours(connection, "B", QUOTES, 10);
    reconcile(connection);
    execute(connection, "update tapedeck.symbols set has_last = null, updated_at ="
                        " case symbol when 'A' then timestamptz '2024-01-01Z' else"
                        " timestamptz '2024-01-02Z' end");
    /* Whoever holds the row of A makes counting it last too long. */
    struct connection *holder = open_database(cluster_url(database->cluster));
    execute(holder, "begin; select from tapedeck.symbols where symbol = 'A' for no key update");
    execute(connection, "set statement_timeout = 300");
    struct error error = {0};
    PGresult *row = NULL;
    /* The mark at the end waits for the row, too, so let it go when the time is over. */
    cr_assert(PQsendQuery(connection_raw(connection), "select tapedeck.symbols_recount(1)") == 1);
    (void)PQflush(connection_raw(connection));
    (void)poll(NULL, 0, 1000);
    execute(holder, "commit");
    int64_t counted = -1;
    while ((row = PQgetResult(connection_raw(connection))) != NULL) {
        cr_assert(PQresultStatus(row) == PGRES_TUPLES_OK, "%s", PQresultErrorMessage(row));
        MUST(result_int64(row, 0, 0, &counted));
        PQclear(row);
    }
    cr_assert_eq(counted, 0);
    execute(connection, "set statement_timeout = 0");
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(1)"), 1);
    expect_fields(connection, "A tt-, B ttf");
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_recount(1)"), 1);
    expect_fields(connection, "A ttf, B ttf");
    connection_close(&holder);
}

/* A program that writes a tick of each symbol now, and does not tell. */
static void write_beyond(struct connection *connection, const char *hour)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "insert into public.tick_data (time, symbol, last_price) select '2024-08-08"
                   " %s:00Z', s, 1 from unnest(array['A', 'M', 'Z']) s",
                   hour);
    execute(connection, sql);
}

static void finish_write(struct connection *connection, const char *symbols, size_t count)
{
    char sql[512];
    (void)snprintf(
        sql, sizeof sql,
        "insert into public.tick_data (time, symbol, last_price) select '2024-08-08"
        " 12:00Z', s, 1 from unnest(array[%s]) s;"
        "select tapedeck.write_finish(array[%s], array_fill('2024-08-08"
        " 12:00Z'::timestamptz, array[%zu]), array_fill('2024-08-08 12:00Z'::timestamptz,"
        " array[%zu]), array_fill(1, array[%zu])::bigint[], 'import')",
        symbols, symbols, count, count, count);
    execute(connection, sql);
}

/* Whatever the order in which it would book what others wrote, it waits for no row of a writer. */
ON_BOTH_ENGINES(symbol_fields, a_writer_is_not_ended_for_the_sake_of_the_books)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    execute(connection, "select tapedeck.write_prepare('2024-08-08Z', '2024-08-09Z', false)");
    write_beyond(connection, "10");
    reconcile(connection);
    write_beyond(connection, "11");
    struct connection *writer = open_database(cluster_url(database->cluster));
    execute(writer, "begin");
    finish_write(writer, "'M'", 1);
    cr_assert_eq(PQsendQuery(connection_raw(connection), "select tapedeck.symbols_reconcile()"), 1);
    for (int waited_ms = 0; waited_ms < 20000; waited_ms += 10) {
        if (ask_number(writer, "select count(*) from pg_locks where not granted") > 0)
            break;
        (void)poll(NULL, 0, 10);
    }
    finish_write(writer, "'A', 'Z'", 2);
    execute(writer, "commit");
    for (PGresult *result; (result = PQgetResult(connection_raw(connection))) != NULL;) {
        cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(result));
        PQclear(result);
    }
    /* What could not be booked then is now. */
    reconcile(connection);
    execute(connection, "select tapedeck.symbols_recount(3)");
    cr_assert_eq(ask_number(connection, "select sum(ticks) from tapedeck.symbols where exact"), 9);
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_reconcile()"), 0);
    connection_close(&writer);
}

ON_BOTH_ENGINES(symbol_fields, a_symbol_whose_ticks_are_gone_lacks_everything)
{
    struct connection *connection = database->connection;
    write_as_ours(connection, "A", QUOTES, 10);
    reconcile(connection);
    execute(connection, "delete from public.tick_data");
    execute(connection, "select tapedeck.symbols_forget('{\"A\": 10}')");
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.symbols where not has_bid"
                                        " and not has_ask and not has_last"),
                 1);
    write_as_stranger(connection, "A", "last_price", "7", 3.5);
    reconcile(connection);
    expect_fields(connection, "A fft");
}

/* Rows that differ from what plain SQL says, over instants inside and outside of the ticks. */
static int64_t wrong_values(struct connection *connection)
{
    return ask_number(
        connection,
        "select count(*) from generate_series(-5, 20) i cross join lateral (select timestamptz"
        " '2024-08-08 12:00Z' + i * interval '1 second' as at) t cross join lateral"
        " tapedeck.last_values(array['A', 'B', 'C', 'D', 'nobody'], t.at) v cross join lateral"
        " (select max(d.time) as time,"
        " (array_agg(d.bid_price order by d.time desc, d.seq desc) filter (where d.bid_price is"
        " not null))[1] as bid, (array_agg(d.ask_price order by d.time desc, d.seq desc) filter"
        " (where d.ask_price is not null))[1] as ask, (array_agg(d.last_price order by d.time desc,"
        " d.seq desc) filter (where d.last_price is not null))[1] as last from public.tick_data d"
        " where d.symbol = v.symbol and d.time < t.at) o where row(v.tick_time, v.bid_price,"
        " v.ask_price, v.last_price) is distinct from row(o.time, o.bid, o.ask, o.last)");
}

ON_BOTH_ENGINES(symbol_fields, last_values_are_right_whatever_is_known)
{
    struct connection *connection = database->connection;
    write_as_ours(connection, "A", QUOTES, 10);
    write_as_ours(connection, "B", TRADES, 10);
    write_as_ours(connection, "C", BIDS, 10);
    write_as_ours(connection, "C", TRADES, 4);
    write_as_ours(connection, "D", NOTHING, 2);
    reconcile(connection);
    cr_assert_eq(wrong_values(connection), 0);
    write_as_stranger(connection, "A", "last_price", "7", 3.5);
    write_as_stranger(connection, "B", "ask_price", "7", 30);
    reconcile(connection);
    cr_assert_eq(wrong_values(connection), 0);
    /* Bids behind the newest ticks are looked for, unless it is known that there are none. */
    write_as_ours(connection, "C", TRADES, 100);
#define BID_OF_C "select bid_price from tapedeck.last_values(array['C'], '2024-08-08 12:03Z')"
    cr_assert_str_eq(ask_text(connection, "select (" BID_OF_C ")::text"), "1.00000000");
    execute(connection,
            "update tapedeck.symbols set has_bid = false, has_ask = false where symbol = 'C'");
    cr_assert_eq(ask_number(connection, "select count(bid_price) from (" BID_OF_C ") c"), 0);
#undef BID_OF_C
}

/* ---- in idle times ---- */

static atomic_bool is_idle;
static atomic_uint asked;

static bool tell_whether_idle(void *owner)
{
    cr_assert_null(owner);
    atomic_fetch_add(&asked, 1);
    return atomic_load(&is_idle);
}

static void wait_until_counted(struct scheduler *scheduler, uint64_t counted)
{
    for (int i = 0; i < 3000 && scheduler_statistics(scheduler).counted < counted; i++)
        (void)poll(NULL, 0, 10);
    cr_assert_eq(scheduler_statistics(scheduler).counted, counted);
}

ON_BOTH_ENGINES(symbol_fields, the_scheduler_counts_when_nobody_waits_for_the_database)
{
    struct connection *connection = database->connection;
    struct error error = {0};
    write_as_ours(connection, "A", QUOTES, 10);
    write_as_ours(connection, "B", TRADES, 10);
    reconcile(connection);
    execute(connection, "update tapedeck.symbols set exact = false, has_bid = null");
    struct scheduler_options options = {.url = cluster_url(database->cluster),
                                        .engine = database->engine,
                                        .heal_us = 200000,
                                        .is_idle = tell_whether_idle};
    struct scheduler *scheduler = NULL;
    MUST(scheduler_create(&options, &scheduler, &error));
    while (atomic_load(&asked) < 3)
        (void)poll(NULL, 0, 10);
    cr_assert_eq(scheduler_statistics(scheduler).counted, 0);
    atomic_store(&is_idle, true);
    wait_until_counted(scheduler, 2);
    expect_fields(connection, "A ttf, B fft");
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.symbols where exact"), 2);
    cr_assert_eq(scheduler_statistics(scheduler).failures, 0);
    cr_assert_eq(scheduler_statistics(scheduler).findings, 0);
    scheduler_destroy(&scheduler);
}

ON_BOTH_ENGINES(symbol_fields, the_scheduler_finds_policies_that_endanger_candles)
{
    struct connection *connection = database->connection;
    struct error error = {0};
    execute(connection,
            database->engine == ENGINE_TIMESCALEDB
                ? "select public.remove_retention_policy('public.tick_data');"
                  "select public.add_retention_policy('public.tick_data', interval '1 day')"
                : "update tapedeck.jobs set config = '{\"drop_after\": \"1 day\"}' where kind ="
                  " 'retention'");
    struct scheduler_options options = {.url = cluster_url(database->cluster),
                                        .engine = database->engine};
    struct scheduler *scheduler = NULL;
    MUST(scheduler_create(&options, &scheduler, &error));
    for (int i = 0; i < 3000 && scheduler_statistics(scheduler).findings == 0; i++)
        (void)poll(NULL, 0, 10);
    cr_assert_geq(scheduler_statistics(scheduler).findings, 1);
    scheduler_destroy(&scheduler);
}

/* Fields that come seldom lie beyond the newest ticks, which are all that is looked at mostly. */
ON_BOTH_ENGINES(last_values, are_those_of_a_slow_look_at_random_ticks)
{
    struct connection *connection = database->connection;
    execute(connection, "select tapedeck.write_prepare('2024-08-08', '2024-08-10', false)");
    execute(connection, "select setseed(0.5)");
    execute(
        connection,
        "insert into public.tick_data (symbol, time, bid_price, ask_price, last_price)"
        " select s.symbol, timestamptz '2024-08-08 00:00Z' + n / 2 * interval '40 seconds',"
        "        case when random() < s.bids then n end, case when random() < s.asks then n end,"
        "        case when random() < s.lasts then n end"
        "   from (values ('A', 1, 1, 1), ('B', 0.5, 0.5, 0.1), ('C', 0.01, 0.3, 0.002),"
        "                ('D', 0, 0.004, 1), ('E', 0.003, 0, 0), ('F', 0, 0, 0))"
        "            as s (symbol, bids, asks, lasts), generate_series(0, 5000) n");
    reconcile(connection);
    execute(connection, "select tapedeck.symbols_recount(100)");
    const char *wrong =
        "with slow as (select w.symbol, at, place,"
        "  (select max(t.time) from tick_data t where t.symbol = w.symbol and t.time < at"
        "      and t.time >= at - interval '24 hours') as tick_time,"
#define NEWEST(field)                                                                              \
    "  (select t." field " from tick_data t where t.symbol = w.symbol and t.time < at"             \
    "      and t.time >= at - interval '24 hours' and t." field " is not null"                     \
    "    order by t.time desc, t.seq desc limit 1) as " field
        NEWEST("bid_price") "," NEWEST("ask_price") "," NEWEST("last_price")
#undef NEWEST
            "   from unnest(string_to_array('F A NONE C B E D A', ' ')) with ordinality w (symbol, "
            "place),"
            "        generate_series(timestamptz '2024-08-07 23:59:59Z', '2024-08-10 06:00Z',"
            "                        interval '97 minutes') at),"
            " ours as (select o.*, at from (select distinct at from slow) a, lateral "
            "tapedeck.last_values("
            "   string_to_array('F A NONE C B E D A', ' '), at) with ordinality o"
            "   (symbol, tick_time, bid_price, ask_price, last_price, place))"
            " select count(*) from ours full join slow using (at, place)"
            "  where (ours.symbol, ours.tick_time, ours.bid_price, ours.ask_price, ours.last_price)"
            "        is distinct from"
            "        (slow.symbol, slow.tick_time, slow.bid_price, slow.ask_price, "
            "slow.last_price)";
    cr_assert_eq(ask_number(connection, wrong), 0);
    /* Whatever the books say does not hide what is near. */
    execute(connection,
            "update tapedeck.symbols set has_bid = null, has_ask = null, has_last = null");
    cr_assert_eq(ask_number(connection, wrong), 0);
}
