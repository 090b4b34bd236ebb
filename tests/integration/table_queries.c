/*
 * tapedeck.table_buckets(), table_ohlcv(), table_info(): figures of any table against a slow
 * recomputation, and names of every kind, which reach no statement but quoted. On both engines.
 */
#include "table_support.h"

#include <stdio.h>

/* 5000 rows, several at each instant, nulls in between; a twin for each type of time. */
static void make_rows(struct connection *connection)
{
    execute(
        connection,
        "select setseed(0.25);"
        "create table public.rows_tz (at timestamptz, sym text, px numeric, real8 float8,"
        " real4 float4, qty integer, seq bigint);"
        "insert into public.rows_tz"
        " select timestamptz '2023-12-31 22:00Z' + floor(random() * 20000) * interval '1 s',"
        " 'S' || floor(random() * 3), case when random() > 0.1 then round((100 +"
        " random())::numeric, 6) end, random() * 1e6, random(), floor(random() * 9), i"
        " from generate_series(1, 5000) i;"
        "insert into public.rows_tz values ('infinity', 'S0', 9999, 1, 1, 1, 0),"
        " ('-infinity', 'S0', 9999, 1, 1, 1, 0), (null, 'S0', 9999, 1, 1, 1, 0);"
        "create table public.rows_plain as select (at at time zone 'UTC')::timestamp as at, sym,"
        " px, real8, real4, qty, seq from public.rows_tz;"
        "create table public.rows_date as select (at at time zone 'UTC')::date as at, sym, px,"
        " real8, real4, qty, seq from public.rows_tz");
}

/* What the routine says and what a subselect for each bucket says are the same rows. `%1$s`: the
 * table; `%2$s`: its time as a timestamptz; `%3$s`: the bucket's width. */
static void expect_buckets(struct connection *connection, const char *table, const char *time,
                           const char *width)
{
    char sql[4096];
    (void)snprintf(
        sql, sizeof sql,
        "with said as (select bucket, grouped, count, avg, min, max, sum, percentiles"
        " from tapedeck.table_buckets('%s', extract(epoch from interval '%s')::bigint * 1000000,"
        " 'at', 'px', 'sym', '2023-12-31 22:30Z', '2024-01-02 00:00Z', array[0, 50, 99.5])),"
        " starts as (select b, s from generate_series(timestamptz '2000-01-03 00:00Z'"
        "   + floor(extract(epoch from timestamptz '2023-12-31 22:30Z' - '2000-01-03 00:00Z')"
        "   / extract(epoch from interval '%s')) * interval '%s', '2024-01-02', interval '%s') b,"
        "   (values ('S0'), ('S1'), ('S2')) as v (s)),"
        " made as (select b, s, count(px), avg(px), min(px), max(px), sum(px), array["
        "   percentile_cont(0) within group (order by px::float8),"
        "   percentile_cont(0.5) within group (order by px::float8),"
        "   percentile_cont(0.995) within group (order by px::float8)]"
        "  from starts join public.%s t on t.sym = s and %s >= b and %s < b + interval '%s'"
        "   and %s >= '2023-12-31 22:30Z' and %s < '2024-01-02 00:00Z' group by b, s)"
        " select (select count(*) from said) * 1000000"
        " + (select count(*) from (select * from said except select * from made) d)"
        " + (select count(*) from (select * from made except select * from said) d)",
        table, width, width, width, width, table, time, time, width, time, time);
    int64_t told = ask_number(connection, sql);
    cr_assert_gt(told, 1000000, "%s: no bucket", table);
    cr_assert_eq(told % 1000000, 0, "%s by %s: %lld differences", table, width,
                 (long long)(told % 1000000));
}

ON_BOTH_ENGINES(table_queries, figures_of_buckets_are_those_of_a_slow_recomputation)
{
    struct connection *connection = database->connection;
    make_rows(connection);
    expect_buckets(connection, "rows_tz", "t.at", "5 minutes");
    expect_buckets(connection, "rows_tz", "t.at", "7 minutes");
    expect_buckets(connection, "rows_plain", "(t.at at time zone 'UTC')", "1 hour");
    expect_buckets(connection, "rows_date", "(t.at::timestamp at time zone 'UTC')", "24 hours");

    /* Floats keep all their digits. */
    cr_assert_eq(ask_number(connection,
                            "select count(*) from tapedeck.table_buckets('rows_tz', 60000000, 'at',"
                            " 'real8') b where b.count > 0 and (b.max::float8, b.min::float8) is"
                            " distinct from (select (max(real8), min(real8)) from public.rows_tz t"
                            " where t.at >= b.bucket and t.at < b.bucket + interval '1 minute')"),
                 0);
    /* The limit leaves the newest, oldest first. */
    cr_assert_str_eq(
        ask_text(connection,
                 "select string_agg(bucket::text, ',') = (select string_agg(bucket::text, ',')"
                 " from (select bucket from tapedeck.table_buckets('rows_tz', 3600000000, 'at',"
                 " 'px') offset 3) n) from tapedeck.table_buckets('rows_tz', 3600000000, 'at',"
                 " 'px', p_limit => (select count(*)::int - 3 from tapedeck.table_buckets("
                 "'rows_tz', 3600000000, 'at', 'px')))"),
        "t");
}

static void expect_candles(struct connection *connection, const char *price, const char *order,
                           const char *slow_order)
{
    char sql[4096];
    (void)snprintf(
        sql, sizeof sql,
        "with said as (select * from tapedeck.table_ohlcv('rows_tz', 420000000, 'at', '%s', 'qty',"
        " 'sym', null, %s)),"
        " made as (select b.bucket, b.sym,"
        " (select t.%s::text::numeric from public.rows_tz t where t.sym = b.sym and t.%s is not "
        "null"
        "   and t.at >= b.bucket and t.at < b.bucket + interval '7 minutes' order by %s limit 1),"
        " max(b.px), min(b.px),"
        " (array_agg(b.px order by %s))[count(*)],"
        " sum(b.qty)::numeric, count(*)"
        " from (select date_bin('7 minutes', at, '2000-01-03 00:00Z') as bucket, sym, at, seq, qty,"
        "  %s::text::numeric as px from public.rows_tz where isfinite(at) and %s is not null) b"
        " group by b.bucket, b.sym)"
        " select (select count(*) from said) * 1000000"
        " + (select count(*) from (select * from said except select * from made) d)"
        " + (select count(*) from (select * from made except select * from said) d)",
        price, order, price, price, slow_order, slow_order, price, price);
    int64_t told = ask_number(connection, sql);
    cr_assert_gt(told, 100000000);
    cr_assert_eq(told % 1000000, 0, "%s: %lld differences", price, (long long)(told % 1000000));
}

ON_BOTH_ENGINES(table_queries, open_and_close_are_exact_by_time_and_order)
{
    struct connection *connection = database->connection;
    make_rows(connection);
    cr_assert_gt(ask_number(connection, "select count(*) from (select from public.rows_tz group by"
                                        " at, sym having count(px) > 1) s"),
                 20, "ties are needed");
    expect_candles(connection, "px", "'seq'", "at, seq");
    expect_candles(connection, "real8", "'seq'", "at, seq");
    expect_candles(connection, "real4", "'SEQ'", "at, seq");
    /* One symbol, and the same without the column of symbols in the way. */
    cr_assert_eq(
        ask_number(connection,
                   "select count(*) from (select * from tapedeck.table_ohlcv('rows_tz', 420000000,"
                   " 'at', 'px', 'qty', 'sym', 'S1', 'seq') except select * from"
                   " tapedeck.table_ohlcv('rows_tz', 420000000, 'at', 'px', 'qty', 'sym', null,"
                   " 'seq')) d"),
        0);
    cr_assert_eq(ask_number(connection, "select count(distinct symbol) from tapedeck.table_ohlcv("
                                        "'rows_tz', 420000000, 'at', 'px', 'qty', 'sym', 'S1')"),
                 1);
    cr_assert_eq(ask_number(connection,
                            "select count(*) from tapedeck.table_ohlcv('rows_tz', 420000000, 'at',"
                            " 'px') where symbol is not null or volume is not null"),
                 0);
}

ON_BOTH_ENGINES(table_queries, ohlcv_of_ticks_is_what_the_candles_are)
{
    struct connection *connection = database->connection;
    execute(connection,
            "select tapedeck.write_prepare('2024-08-08', '2024-08-09', false);"
            "select setseed(0.5);"
            "insert into public.tick_data (time, symbol, last_price, volume)"
            " select timestamptz '2024-08-08 01:00Z' + floor(random() * 9000) * interval"
            " '1 s', 'S' || i % 2, case when i % 7 > 0 then round(random()::numeric, 4)"
            " end, i % 5 from generate_series(1, 6000) i");
    cr_assert_eq(ask_number(connection,
                            "with said as (select bucket, symbol, open, high, low, close, volume,"
                            " trades from tapedeck.table_ohlcv('tick_data', 60000000, 'time',"
                            " 'last_price', 'volume', 'symbol', null, 'seq')) select (select"
                            " count(*) from (select * from said except select * from"
                            " public.candle_1m) d) + (select count(*) from (select * from"
                            " public.candle_1m except select * from said) d)"),
                 0);
    cr_assert_gt(ask_number(connection, "select count(*) from public.candle_1m"), 100);
}

/* Each of these is the name of a table, of a schema and of all the columns of a table. */
static const char *const odd_names[] = {
    "x\"; drop table public.victim; --",
    "'; drop table public.victim; --",
    "Ünïcødé 🕯",
    "UPPER",
    "a.b",
    "\"quoted\"",
    "%I %s %1$s",
    " blank ",
    "select",
    "back\\slash",
};

#define AS_IDENTIFIER "quote_ident($1)"

/* A statement that a %s in it makes one about the name; the name is a parameter. */
static int64_t ask_with(struct connection *connection, const char *sql, const char *name)
{
    struct error error = {.text = ""};
    PGresult *result = NULL;
    MUST(connection_query(connection, sql, 1, (const char *const[]){name}, &result, &error));
    int64_t number = 0;
    MUST(result_int64(result, 0, 0, &number));
    PQclear(result);
    return number;
}

static void make_odd_table(struct connection *connection, const char *name)
{
    struct error error = {.text = ""};
    PGresult *result = NULL;
    MUST(connection_query(connection,
                          "select format('create schema if not exists %1$I; create table"
                          " public.%1$I (%1$I timestamptz, %2$I numeric, %3$I text); create table"
                          " %1$I.%1$I as select * from public.%1$I; insert into public.%1$I values"
                          " (''2024-01-01'', 7, %1$L)', $1::text, $1 || '2', $1 || '3')",
                          1, (const char *const[]){name}, &result, &error));
    execute(connection, result_text(result, 0, 0));
    PQclear(result);
}

ON_BOTH_ENGINES(table_queries, names_are_looked_up_and_quoted)
{
    struct connection *connection = database->connection;
    execute(connection, "create table public.victim (at timestamptz)");
    for (size_t i = 0; i < sizeof odd_names / sizeof *odd_names; i++) {
        const char *name = odd_names[i];
        make_odd_table(connection, name);
        /* As SQL writes it, with the schema and without; and as it is. */
        cr_assert_eq(ask_with(connection,
                              "select sum(sum) from tapedeck.table_buckets(" AS_IDENTIFIER
                              ", 60000000, quote_ident($1), quote_ident($1 || '2'),"
                              " quote_ident($1 || '3'))",
                              name),
                     7, "%s", name);
        cr_assert_eq(ask_with(connection,
                              "select count(*) from tapedeck.table_buckets(" AS_IDENTIFIER
                              " || '.' || " AS_IDENTIFIER ", 60000000, $1, $1 || '2')",
                              name),
                     0, "%s", name);
        cr_assert_eq(ask_with(connection,
                              "select sum(close) from tapedeck.table_ohlcv('public.' "
                              "|| " AS_IDENTIFIER ", 60000000, $1, $1 || '2', p_symbol_column =>"
                              " $1 || '3', p_symbol => $1)",
                              name),
                     7, "%s", name);
        if (strcmp(name, "select") != 0 && strcmp(name, "a.b") != 0 &&
            strcmp(name, "\"quoted\"") != 0)
            cr_assert_eq(
                ask_with(connection, "select row_estimate from tapedeck.table_info($1)", name), 1,
                "%s", name);
        /* A symbol is a value. */
        cr_assert_eq(ask_with(connection,
                              "select count(*) from tapedeck.table_ohlcv('public.' "
                              "|| " AS_IDENTIFIER ", 60000000, $1, $1 || '2', p_symbol_column =>"
                              " $1 || '3', p_symbol => $1 || ''' or true')",
                              name),
                     0, "%s", name);
    }
    cr_assert_eq(ask_number(connection, "select count(*) from public.victim"), 0);
}

ON_BOTH_ENGINES(table_queries, what_is_not_there_is_refused_with_what_may_be_meant)
{
    struct connection *connection = database->connection;
    execute(connection, "create table public.trades (at timestamptz, px numeric, gone text, word"
                        " text); alter table public.trades drop column gone");
    refused(connection, "select tapedeck.table_buckets('trade', 60000000, 'at', 'px')", "TD020",
            "there is no table trade; Is it one of these: public.trades");
    refused(connection, "select tapedeck.table_buckets('x\"; drop table y', 1, 'at', 'px')",
            "TD020", "there is no table x\"; drop table y");
    refused(connection, "select tapedeck.table_buckets('', 60000000, 'at', 'px')", "TD020",
            "there is no table");
    refused(connection, "select tapedeck.table_buckets(null, 60000000, 'at', 'px')", "TD020",
            "there is no table (null)");
    refused(connection, "select tapedeck.table_buckets('nowhere.trades', 60000000, 'at', 'px')",
            "TD020", "public.trades");
    refused(connection, "select tapedeck.table_buckets('pg_catalog.pg_class', 1, 'at', 'px')",
            "TD020", "pg_catalog.pg_class is a table of the system");
    refused(connection, "select tapedeck.table_info('information_schema.tables')", "TD020",
            "is a table of the system");
    refused(connection, "select tapedeck.table_buckets('trades', 60000000, 'att', 'px')", "TD020",
            "public.trades has no column att; Its columns: at, px, word");
    refused(connection, "select tapedeck.table_buckets('trades', 60000000, 'at', 'gone')", "TD020",
            "has no column gone");
    refused(connection, "select tapedeck.table_buckets('trades', 60000000, 'at', 'ctid')", "TD020",
            "has no column ctid");
    refused(connection, "select tapedeck.table_buckets('trades', 60000000, 'at', null)", "TD020",
            "has no column (null)");
    refused(connection, "select tapedeck.table_buckets('trades', 60000000, 'px', 'px')", "TD021",
            "must be a timestamptz, a timestamp or a date");
    refused(connection, "select tapedeck.table_buckets('trades', 60000000, 'at', 'word')", "TD021",
            "column word of public.trades is of type text; A column of values must be a number");
    refused(connection, "select tapedeck.table_buckets('trades', 1500000, 'at', 'px')", "TD002",
            "no interval");
    refused(connection,
            "select tapedeck.table_buckets('trades', 60000000, 'at', 'px', p_limit => 0)", "TD002",
            "0 is no number of rows");
    refused(connection,
            "select tapedeck.table_buckets('trades', 60000000, 'at', 'px', p_percentiles =>"
            " array[100.5])",
            "TD002", "percentiles are numbers from 0 to 100");
    refused(connection,
            "select tapedeck.table_buckets('trades', 60000000, 'at', 'px', p_from => '2024-01-02',"
            " p_to => '2024-01-01')",
            "TD002", "no time range");
    refused(connection,
            "select tapedeck.table_ohlcv('trades', 60000000, 'at', 'px', p_symbol => 'A')", "TD002",
            "a symbol needs the column");
    refused(connection, "select tapedeck.table_chunks('trades')", "TD021",
            "public.trades is not divided by time");
    /* The same with the right words. */
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.table_buckets('TRADES',"
                                        " 60000000, 'AT', 'px', p_percentiles => '{0, 100}')"),
                 0);
}

ON_BOTH_ENGINES(table_queries, a_domain_is_the_type_under_it)
{
    struct connection *connection = database->connection;
    execute(connection, "create domain public.instant as timestamptz; create domain public.price as"
                        " numeric check (value > 0); create domain public.ask as public.price;"
                        "create table public.t (at public.instant, px public.ask); insert into"
                        " public.t values ('2024-01-01', 7), ('2024-01-01', 8)");
    cr_assert_eq(ask_number(connection,
                            "select sum from tapedeck.table_buckets('t', 60000000, 'at',"
                            " 'px')"),
                 15);
}

ON_BOTH_ENGINES(table_queries, info_tells_rows_and_bytes)
{
    struct connection *connection = database->connection;
    make_rows(connection);
    cr_assert_str_eq(
        ask_text(connection,
                 "select (row_estimate, total_bytes = pg_total_relation_size('public.rows_tz'),"
                 " table_bytes + index_bytes + toast_bytes = total_bytes, kind, chunks, policies)"
                 " from tapedeck.table_info('rows_tz')"),
        "(5003,t,t,table,,[])");
    /* A large one is estimated. */
    execute(connection, "create table public.large as select i, repeat('x', 100) as t from"
                        " generate_series(1, 40000) i; analyze public.large");
    cr_assert_eq(ask_number(connection, "select round(row_estimate, -3) from"
                                        " tapedeck.table_info('large')"),
                 40000);
    cr_assert_eq(ask_number(connection,
                            "select count(*) from tapedeck.table_info() where table_name in"
                            " ('public.tick_data', 'public.rows_tz', 'tapedeck.symbols')"),
                 3);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.table_info() where"
                                        " table_name ~ '^(pg_|_timescaledb)'"),
                 0);
    cr_assert_eq(ask_number(connection,
                            "select count(*) from tapedeck.table_info('tick_data') i cross join"
                            " jsonb_array_elements(i.policies) p where p ->> 'kind' = 'retention'"
                            " and p #>> '{config,drop_after}' = '90 days'"),
                 1);
    cr_assert_str_eq(ask_text(connection, "select kind from tapedeck.table_info('candle_5m')"),
                     database->engine == ENGINE_TIMESCALEDB ? "continuous aggregate" : "view");
}
