/*
 * tapedeck.table_chunks(), table_drop_list() and table_drop_chunks(): partitions of any table, and
 * tapedeck's own ticks, whose candles outlive them. On both engines.
 */
#include "table_support.h"

#include "store/refresh.h"

#include <poll.h>
#include <stdio.h>

static void make_partitions(struct connection *connection)
{
    execute(connection,
            "create schema \"Odd Schema\";"
            "create table \"Odd Schema\".\"Log\" (at timestamp not null, n int) partition by range"
            " (at);"
            "create table public.before partition of \"Odd Schema\".\"Log\" for values from"
            " (minvalue) to ('2024-01-01');"
            "create table public.\"Day 1\" partition of \"Odd Schema\".\"Log\" for values from"
            " ('2024-01-01') to ('2024-01-02');"
            "create table public.day2 partition of \"Odd Schema\".\"Log\" for values from"
            " ('2024-01-02') to ('2024-01-03');"
            "create table public.after partition of \"Odd Schema\".\"Log\" for values from"
            " ('2024-01-03') to (maxvalue);"
            "create table public.other partition of \"Odd Schema\".\"Log\" default;"
            "insert into \"Odd Schema\".\"Log\" select timestamp '2024-01-01' + i * interval '1"
            " hour', i from generate_series(0, 60) i");
}

#define LOG "'\"Odd Schema\".\"Log\"'"

ON_BOTH_ENGINES(table_chunks, partitions_by_time_are_listed)
{
    struct connection *connection = database->connection;
    make_partitions(connection);
    cr_assert_str_eq(
        ask_text(connection,
                 "select string_agg(format('%s %s %s %s', chunk, tapedeck.table_time_text("
                 "range_start), tapedeck.table_time_text(range_end), row_estimate), ', ')"
                 " from tapedeck.table_chunks(" LOG ")"),
        "public.before -infinity 2024-01-01T00:00:00Z 0,"
        " public.\"Day 1\" 2024-01-01T00:00:00Z 2024-01-02T00:00:00Z 24,"
        " public.day2 2024-01-02T00:00:00Z 2024-01-03T00:00:00Z 24,"
        " public.after 2024-01-03T00:00:00Z infinity 13,"
        " public.other   0");
    cr_assert_str_eq(ask_text(connection,
                              "select string_agg(chunk, ',') from tapedeck.table_chunks(" LOG
                              ", '2024-01-01 23:00Z', '2024-01-02')"),
                     "public.\"Day 1\",public.other");
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.table_chunks(" LOG
                                        ") c where c.bytes <> pg_total_relation_size(c.chunk)"),
                 0);
    execute(connection, "create table public.by_number (n int) partition by range (n);"
                        "create table public.by_list (at timestamptz) partition by list (at)");
    refused(connection, "select tapedeck.table_chunks('by_number')", "TD021",
            "must be a timestamptz");
    refused(connection, "select tapedeck.table_chunks('by_list')", "TD021", "not divided by time");
}

ON_BOTH_ENGINES(table_chunks, old_partitions_are_dropped_and_only_those_that_were_shown)
{
    struct connection *connection = database->connection;
    make_partitions(connection);
    refused(connection, "select tapedeck.table_drop_chunks(" LOG ", now() + interval '1 minute')",
            "TD002", "is not in the past");
    refused(connection, "select tapedeck.table_drop_chunks(" LOG ", null)", "TD002", "null is not");
    refused(connection, "select tapedeck.table_drop_chunks(" LOG ", '-infinity')", "TD002",
            "is not in the past");
    refused(connection, "select tapedeck.table_drop_chunks('day2', '2024-02-01')", "TD021",
            "public.day2 is a part of another table");
    /* The default partition and one that lasts for ever have no age. */
    cr_assert_str_eq(ask_text(connection, "select string_agg(chunk, ',') from"
                                          " tapedeck.table_drop_list(" LOG ", '2025-01-01')"),
                     "public.before,public.\"Day 1\",public.day2");
    cr_assert_str_eq(ask_text(connection,
                              "select string_agg(c, ',') from tapedeck.table_drop_chunks(" LOG
                              ", '2025-01-01', array['public.day2', 'public.other', 'public.x'])"
                              " c"),
                     "public.day2");
    cr_assert_eq(ask_number(connection, "select count(*) from \"Odd Schema\".\"Log\""), 37);
    cr_assert_str_eq(ask_text(connection, "select string_agg(c, ',') from"
                                          " tapedeck.table_drop_chunks(" LOG ", '2025-01-01') c"),
                     "public.before,public.\"Day 1\"");
    cr_assert_eq(ask_number(connection, "select count(*) from \"Odd Schema\".\"Log\""), 13);
}

/* ---- ticks ---- */

/* A tick every minute of 7, 8 and 9 August for each of two symbols, as a writer of ours does. */
static void write_ticks(struct connection *connection)
{
    execute(connection,
            "begin;"
            "select tapedeck.write_prepare('2024-08-07', '2024-08-10', false);"
            "insert into public.tick_data (time, symbol, last_price, volume) select timestamptz"
            " '2024-08-07 00:00Z' + i * interval '1 minute', s, i % 100, 1 from generate_series(0,"
            " 3 * 1440 - 1) i cross join (values ('A'), ('B')) as v (s);"
            "select tapedeck.write_finish(array['A', 'B'], array['2024-08-07 00:00Z',"
            " '2024-08-07 00:00Z']::timestamptz[], array['2024-08-09 23:59Z', '2024-08-09"
            " 23:59Z']::timestamptz[], array[4320, 4320], 'import');"
            "commit");
}

static void heal(struct connection *connection)
{
    struct error error = {0};
    MUST(refresh_heal(connection, NULL, NULL, NULL, &error));
}

static int64_t candle_count(struct connection *connection)
{
    return ask_number(connection, "select count(*) from public.candle_1m");
}

/* The books are what counting says. */
static void expect_true_books(struct connection *connection)
{
    cr_assert_eq(ask_number(connection,
                            "select count(*) from (select symbol, ticks, first_time, last_time from"
                            " tapedeck.symbols where exact except select symbol, count(*),"
                            " min(time), max(time) from public.tick_data group by symbol) d"),
                 0);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.symbols where exact"), 2);
}

ON_BOTH_ENGINES(table_chunks, chunks_of_ticks_are_those_of_tick_chunks)
{
    struct connection *connection = database->connection;
    write_ticks(connection);
    cr_assert_eq(ask_number(connection,
                            "select count(*) from (select chunk, range_start, range_end,"
                            " compressed from tapedeck.table_chunks('tick_data') except select"
                            " chunk, range_start, range_end, compressed from"
                            " tapedeck.tick_chunks()) d"),
                 0);
    cr_assert_eq(ask_number(connection, "select sum(row_estimate) from"
                                        " tapedeck.table_chunks('public.tick_data')"),
                 8640);
}

ON_BOTH_ENGINES(table_chunks, ticks_whose_candles_are_owed_stay)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    write_ticks(connection);
    /* Nothing is stored yet. */
    cr_assert_eq(ask_number(connection, "select count(*) filter (where kept is null) from"
                                        " tapedeck.table_drop_list('tick_data', '2024-08-10')"),
                 0);
    cr_assert_eq(ask_number(connection, "select count(*) from"
                                        " tapedeck.table_drop_chunks('tick_data', '2024-08-10')"),
                 0);
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 8640);

    /* All of it is; then one late tick, in the middle of the 8th. */
    heal(connection);
    execute(connection, "begin; select tapedeck.write_prepare('2024-08-08 12:00Z', '2024-08-08"
                        " 12:01Z', false); insert into public.tick_data (time, symbol, last_price,"
                        " volume) values ('2024-08-08 12:00:30Z', 'A', 1000, 1); select"
                        " tapedeck.write_finish(array['A'], array['2024-08-08"
                        " 12:00:30Z']::timestamptz[], array['2024-08-08 12:00:30Z']::timestamptz[],"
                        " array[1], 'import'); commit");
    cr_assert_str_eq(ask_text(connection,
                              "select string_agg(format('%s %s', range_start::date, kept is null),"
                              " ',' order by range_start) from"
                              " tapedeck.table_drop_list('tick_data', '2024-08-09')"),
                     "2024-08-07 t,2024-08-08 f");
    cr_assert_not_null(strstr(ask_text(connection, "select kept from tapedeck.table_drop_list("
                                                   "'tick_data', '2024-08-09') where kept is not"
                                                   " null"),
                              "its candles are queued for refresh"));
    heal(connection);
    cr_assert_eq(ask_number(connection, "select count(*) from"
                                        " tapedeck.table_drop_chunks('tick_data', '2024-08-09')"),
                 2);
    cr_assert_eq(candle_count(connection), 8640, "candles outlive their ticks");
    cr_assert_eq(ask_number(connection, "select high::int from public.candle_1m where symbol = 'A'"
                                        " and bucket = '2024-08-08 12:00Z'"),
                 1000);
}

ON_BOTH_ENGINES(table_chunks, dropped_ticks_leave_true_books_and_their_candles)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    write_ticks(connection);
    heal(connection);
    cr_assert_eq(candle_count(connection), 8640);
    execute(connection, "listen tapedeck_change");
    /* One after the other: what the first drop notes in TimescaleDB's books keeps no second one. */
    for (int day = 8; day <= 9; day++) {
        char sql[128];
        (void)snprintf(sql, sizeof sql,
                       "select count(*) from tapedeck.table_drop_chunks('tick_data',"
                       " '2024-08-0%d')",
                       day);
        cr_assert_eq(ask_number(connection, sql), 1);
        expect_true_books(connection);
        cr_assert_eq(candle_count(connection), 8640);
    }
    PGnotify *notify = PQnotifies(connection_raw(connection));
    cr_assert_not_null(notify);
    cr_assert_not_null(strstr(notify->extra, "\"kind\" : \"ticks\""), "%s", notify->extra);
    PQfreemem(notify);
    cr_assert_eq(ask_number(connection, "select tapedeck.symbols_reconcile()"), 0);
    expect_true_books(connection);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.candles_differences(null,"
                                        " null, '2024-08-07', '2024-08-10')"),
                 0);

    /* And the last of all. */
    cr_assert_eq(ask_number(connection, "select count(*) from"
                                        " tapedeck.table_drop_chunks('tick_data', '2024-08-10')"),
                 1);
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 0);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.symbols where ticks = 0 and"
                                        " first_time is null"),
                 2);
    cr_assert_eq(candle_count(connection), 8640);
}

ON_BOTH_ENGINES(table_chunks, a_chunk_that_somebody_writes_into_is_waited_for_and_not_dropped)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    write_ticks(connection);
    heal(connection);
    struct connection *writer = open_database(cluster_url(database->cluster));
    execute(writer, "begin; insert into public.tick_data (time, symbol, last_price) values"
                    " ('2024-08-07 12:00Z', 'A', 1)");
    refused(connection, "select tapedeck.table_drop_chunks('tick_data', '2024-08-08')", "55P03",
            "lock timeout");
    execute(writer, "rollback");
    connection_close(&writer);
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 8640);
    cr_assert_eq(ask_number(connection, "select count(*) from"
                                        " tapedeck.table_drop_chunks('tick_data', '2024-08-08')"),
                 1);
}

/* What is queued meanwhile is stored with force. */
ON_BOTH_ENGINES(table_chunks, ticks_that_were_imported_while_triggers_tell_are_stored_for_good)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    execute(connection, "select tapedeck.triggers_enable()");
    write_ticks(connection);
    heal(connection);
    cr_assert_eq(ask_number(connection, "select count(*) from unnest(tapedeck.stored_intervals())"
                                        " as i (name) where tapedeck.candles_owed(i.name,"
                                        " '2024-08-07Z', '2024-08-10Z') <> '{}'"),
                 0, "what is stored can be believed");
    cr_assert_eq(ask_number(connection, "select count(*) from"
                                        " tapedeck.table_drop_chunks('tick_data', '2024-08-10')"),
                 3);
    cr_assert_eq(candle_count(connection), 8640);
}

/* ---- two who drop ---- */

static void send(struct connection *connection, const char *sql)
{
    cr_assert_eq(PQsendQuery(connection_raw(connection), sql), 1);
}

static void await_waiting(struct connection *connection, int64_t count)
{
    for (int waited_ms = 0; waited_ms < 20000; waited_ms += 10) {
        if (ask_number(connection, "select count(*) from pg_locks where not granted") == count)
            return;
        (void)poll(NULL, 0, 10);
    }
    cr_assert_fail("nobody waits");
}

static void finish(struct connection *connection)
{
    PGresult *result;
    while ((result = PQgetResult(connection_raw(connection))) != NULL) {
        cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(result));
        PQclear(result);
    }
}

/* Holds the lock of refreshes. */
#define BEGIN_REFRESH "begin; select pg_advisory_xact_lock(1413742595, 0)"
#define DROP_ONE_DAY "select tapedeck.table_drop_chunks('tick_data', '2024-08-08')"

static void expect_one_day_dropped(struct connection *connection)
{
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 5760);
    cr_assert_eq(candle_count(connection), 8640);
    expect_true_books(connection);
}

/* The first one stops half way, at what this transaction holds. */
static void drop_by_two(struct database *database, const char *begin)
{
    struct connection *connection = database->connection;
    struct connection *one = open_database(cluster_url(database->cluster));
    struct connection *other = open_database(cluster_url(database->cluster));
    execute(connection, begin);
    send(one, DROP_ONE_DAY);
    await_waiting(connection, 1);
    send(other, DROP_ONE_DAY);
    await_waiting(connection, 2);
    execute(connection, "commit");
    finish(one);
    finish(other);
    expect_one_day_dropped(connection);
    connection_close(&one);
    connection_close(&other);
}

/* Both have looked at what there is; one of them is half way. */
ON_ONE_ENGINE(table_chunks, ENGINE_POSTGRESQL,
              two_who_drop_one_partition_wait_for_each_other_in_turn)
{
    struct connection *connection = database->connection;
    write_ticks(connection);
    heal(connection);
    drop_by_two(database, BEGIN_REFRESH);
}

/* A writer waits for the table, not for the partition with the table in its hands. */
ON_ONE_ENGINE(table_chunks, ENGINE_POSTGRESQL,
              who_drops_a_partition_and_who_writes_into_it_wait_in_turn)
{
    struct connection *connection = database->connection;
    write_ticks(connection);
    heal(connection);
    struct connection *dropper = open_database(cluster_url(database->cluster));
    struct connection *writer = open_database(cluster_url(database->cluster));
    execute(connection, BEGIN_REFRESH);
    send(dropper, DROP_ONE_DAY);
    await_waiting(connection, 1);
    send(writer, "insert into public.tick_data (time, symbol, last_price) values ('2024-08-07"
                 " 12:00Z', 'A', 1) returning time");
    await_waiting(connection, 2);
    execute(connection, "commit");
    finish(dropper);
    PGresult *result = PQgetResult(connection_raw(writer));
    cr_assert_str_eq(PQresultErrorField(result, PG_DIAG_SQLSTATE), "23514",
                     "there is no partition any more: %s", PQresultErrorMessage(result));
    PQclear(result);
    expect_one_day_dropped(connection);
    connection_close(&dropper);
    connection_close(&writer);
}

/* The one waits for a reader of the chunk, the other for the one, and then it is gone. */
ON_ONE_ENGINE(table_chunks, ENGINE_TIMESCALEDB, two_who_drop_one_chunk_wait_for_each_other_in_turn)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    write_ticks(connection);
    heal(connection);
    drop_by_two(database, "begin; select from public.tick_data where time < '2024-08-07 01:00Z'");
}

ON_ONE_ENGINE(table_chunks, ENGINE_TIMESCALEDB,
              a_chunk_that_goes_while_its_rows_are_counted_has_none)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    write_ticks(connection);
    heal(connection);
    struct connection *dropper = open_database(cluster_url(database->cluster));
    struct connection *lister = open_database(cluster_url(database->cluster));
    execute(connection, "begin; select from public.tick_data where time < '2024-08-07 01:00Z'");
    send(dropper, DROP_ONE_DAY);
    await_waiting(connection, 1);
    send(lister, "select row_estimate from tapedeck.table_chunks('tick_data', '2024-08-07',"
                 " '2024-08-10')");
    await_waiting(connection, 2);
    execute(connection, "commit");
    finish(dropper);
    PGresult *chunks = PQgetResult(connection_raw(lister));
    cr_assert_eq(PQntuples(chunks), 3, "%s", PQresultErrorMessage(chunks));
    cr_assert(PQgetisnull(chunks, 0, 0));
    cr_assert_str_eq(PQgetvalue(chunks, 1, 0), "2880");
    PQclear(chunks);
    connection_close(&dropper);
    connection_close(&lister);
}
