/*
 * Hypertables, retention, compression and continuous aggregates of any table; on plain PostgreSQL
 * retention of partitions, and clear words about the rest.
 */
#include "table_support.h"

#include <stdio.h>

/* One row a minute of the five days from 2024-01-01 on. */
static void make_trades(struct connection *connection)
{
    execute(connection,
            "create table public.trades (id bigint generated always as identity primary key,"
            " at timestamptz not null, \"Sym\" text, px numeric, qty float8, seq bigint);"
            "insert into public.trades (at, \"Sym\", px, qty, seq) select timestamptz '2024-01-01'"
            " + i / 3 * interval '1 minute', 'S' || i % 2, case when i % 5 > 0 then 100 + i % 17"
            " end, i % 7, (i * 7919) % 20011 - 10000 from generate_series(0, 5 * 1440 - 1) i");
}

static void make_hypertable(struct connection *connection)
{
    make_trades(connection);
    execute(connection, "alter table public.trades drop constraint trades_pkey;"
                        "select tapedeck.table_hypertable('trades', 'at', 86400000000, true)");
}

#define DAYS(n) #n "::bigint * 86400 * 1000000"

ON_ONE_ENGINE(table_policies, ENGINE_POSTGRESQL, what_an_engine_cannot_do_is_said)
{
    struct connection *connection = database->connection;
    make_trades(connection);
    refused(connection, "select tapedeck.table_hypertable('trades', 'at', 86400000000, true)",
            "TD022", "plain PostgreSQL has no hypertables");
    refused(connection, "select tapedeck.table_compression('trades', 86400000000, null, null)",
            "TD022", "plain PostgreSQL has no compression");
    refused(connection,
            "select tapedeck.table_aggregate('a', 'trades', 60000000, 'at', null, 'avg(px)', null,"
            " null)",
            "TD022", "plain PostgreSQL has no continuous aggregates");
    refused(connection, "select tapedeck.table_hypertable('tradez', 'at', 1, true)", "TD020",
            "public.trades");
    refused(connection, "select tapedeck.table_retention('trades', " DAYS(90) ")", "TD021",
            "public.trades is not divided by time");
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB, a_hypertable_says_what_must_change_first)
{
    struct connection *connection = database->connection;
    make_trades(connection);
    refused(connection, "select tapedeck.table_hypertable('trades', 'at', 86400000000, true)",
            "TD021",
            "public.trades_pkey of public.trades is unique without at; In a hypertable every "
            "primary key and unique index must contain the column of times.; Run: alter table "
            "public.trades drop constraint trades_pkey, add primary key (id, at)");
    execute(connection, "alter table public.trades drop constraint trades_pkey, add primary key"
                        " (id, at); create unique index \"Odd one\" on public.trades (seq)"
                        " include (at)");
    refused(connection, "select tapedeck.table_hypertable('trades', 'at', 86400000000, true)",
            "TD021",
            "Run: drop index public.\"Odd one\"; create unique index on public.trades (seq, at)");
    execute(connection, "drop index public.\"Odd one\"");
    refused(connection, "select tapedeck.table_hypertable('trades', 'at', 86400000000, false)",
            "TD021", "public.trades has rows; With --migrate-data");
    refused(connection, "select tapedeck.table_hypertable('trades', 'px', 86400000000, true)",
            "TD021", "column px of public.trades is of type numeric");
    refused(connection, "select tapedeck.table_hypertable('trades', 'at', 1, true)", "TD002",
            "no window");
    refused(connection, "select tapedeck.table_hypertable('candle_1m', 'bucket', 1, true)", "TD021",
            "is not a table but a view");
    refused(connection, "select tapedeck.table_hypertable('tapedeck.symbols', 'x', 1, true)",
            "TD021", "tapedeck's own schema");
    cr_assert_str_eq(
        ask_text(connection, "select tapedeck.table_hypertable('trades', 'at', 86400000000, true)"),
        "public.trades is a hypertable with chunks of 1 day of at");
    cr_assert_eq(ask_number(connection, "select count(*) from public.trades"), 7200);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.table_chunks('trades')"), 2);
    cr_assert_eq(ask_number(connection, "select sum(row_estimate) from"
                                        " tapedeck.table_chunks('trades')"),
                 7200);
    refused(connection, "select tapedeck.table_hypertable('trades', 'at', 86400000000, true)",
            "TD021", "is a hypertable already");
    /* An empty one needs no leave; LIKE copies the primary key too, which is right now. */
    execute(connection, "create table public.\"Other; Trades\" (like public.trades including all)");
    execute(connection, "select tapedeck.table_hypertable('Other; Trades', 'at', 3600000000,"
                        " false)");
    cr_assert_str_eq(
        ask_text(connection, "select kind from tapedeck.table_info('\"Other; Trades\"')"),
        "hypertable");
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB, retention_never_eats_what_an_aggregate_needs)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    make_hypertable(connection);
    cr_assert_str_eq(ask_text(connection, "select tapedeck.table_retention('trades', null)"),
                     "public.trades had no retention");

    /* An aggregate that is never refreshed. */
    execute(connection, "select tapedeck.table_aggregate('never', 'trades', 300000000, 'at', null,"
                        " 'avg(px)', null, null)");
    refused(connection, "select tapedeck.table_retention('trades', " DAYS(3000) ")", "TD023",
            "public.never has no refresh policy");
    execute(connection, "drop materialized view public.never");

    /* One that is, but has nothing of January yet. */
    execute(connection, "select tapedeck.table_aggregate('five', 'trades', 300000000, 'at', null,"
                        " 'avg(px)', null, " DAYS(30) ")");
    refused(connection, "select tapedeck.table_retention('trades', " DAYS(20) ")", "TD023",
            "retention after 20 days would delete what it stored; Keep rows longer than 32 days"
            " 00:05:00: start_offset 30 days + chunk 1 day + bucket 00:05:00 + margin 1 day.");
    refused(connection, "select tapedeck.table_retention('trades', " DAYS(32) ")", "TD023",
            "Keep rows longer");
    refused(connection, "select tapedeck.table_retention('trades', " DAYS(33) ")", "TD023",
            "the chunk of public.trades from 2024-01-01T00:00:00Z is older than 33 days already, "
            "but public.five has not stored all of it; Refresh it first");
    execute(connection,
            "call public.refresh_continuous_aggregate('public.five', '2023-12-01', '2024-03-01')");
    cr_assert_str_eq(
        ask_text(connection, "select tapedeck.table_retention('trades', " DAYS(33) ")"),
        "chunks of public.trades are dropped 33 days after their end; 2 are as old already");
    /* Once more is a change of the same policy. */
    execute(connection, "select tapedeck.table_retention('trades', " DAYS(40) ")");
    cr_assert_str_eq(ask_text(connection,
                              "select string_agg(p #>> '{config,drop_after}', ',') from"
                              " tapedeck.table_info('trades') i, jsonb_array_elements(i.policies) p"
                              " where p ->> 'kind' = 'retention'"),
                     "40 days");
    /* Nor can an aggregate be made that would lose by it. */
    refused(connection,
            "select tapedeck.table_aggregate('wide', 'trades', 300000000, 'at', null, 'avg(px)',"
            " null, " DAYS(38) ")",
            "TD023", "public.wide refreshes the last 38 days: retention after 40 days");
    cr_assert_eq(ask_number(connection, "select count(*) from pg_class where relname = 'wide'"), 0,
                 "nothing is left of it");

    /* A policy without a start looks at everything. */
    execute(
        connection,
        "select tapedeck.table_retention('trades', null); select public.alter_job(job_id,"
        " config => config - 'start_offset') from timescaledb_information.jobs where proc_name ="
        " 'policy_refresh_continuous_aggregate' and hypertable_name = 'five'");
    refused(connection, "select tapedeck.table_retention('trades', " DAYS(3000) ")", "TD023",
            "refreshes all time");
    cr_assert_eq(ask_number(connection, "select count(*) filter (where kept like '%all time%') from"
                                        " tapedeck.table_drop_list('trades', '2024-02-01')"),
                 2);

    /* tapedeck's own. */
    refused(connection, "select tapedeck.table_retention('tick_data', " DAYS(62) ")", "TD023",
            "public.candle_1m refreshes the last 60 days");
    refused(connection, "select tapedeck.table_retention('candle_1m', " DAYS(90) ")", "TD021",
            "is not a table");
    execute(connection, "select tapedeck.table_retention('tick_data', " DAYS(80) ")");
    cr_assert_str_eq(ask_text(connection, "select tapedeck.retention_horizon()"), "80 days");
    execute(connection, "select tapedeck.table_retention('tick_data', null)");
    cr_assert_str_eq(ask_text(connection, "select coalesce(tapedeck.retention_horizon()::text,"
                                          " 'none')"),
                     "none");
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB, chunks_an_aggregate_still_refreshes_stay)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    /* Thirteen days; the policy looks ten back, and a bucket and the margin are added. */
    execute(connection,
            "create table public.recent (at timestamptz not null, px numeric);"
            "select tapedeck.table_hypertable('recent', 'at', 86400000000, false);"
            "insert into public.recent select date_trunc('day', now(), 'UTC') - i * interval '1"
            " hour', i from generate_series(1, 13 * 24) i;"
            "select tapedeck.table_aggregate('recent_1h', 'recent', 3600000000, 'at', null,"
            " 'sum(px)', null, " DAYS(10) ")");
    execute(connection, "call public.refresh_continuous_aggregate('public.recent_1h', now() -"
                        " interval '30 days', date_trunc('day', now(), 'UTC'))");
    cr_assert_str_eq(
        ask_text(
            connection,
            "select string_agg(distinct (kept like 'policy % of public.recent_1h refreshes the"
            " last 10 days: %')::text, ',') from tapedeck.table_drop_list('recent', now()) where"
            " range_end > now() - interval '11 days 1 hour'"),
        "true");
    cr_assert_eq(ask_number(connection, "select count(*) filter (where kept is not null) from"
                                        " tapedeck.table_drop_list('recent', now() - interval '11"
                                        " days 1 hour')"),
                 0);
    cr_assert_geq(ask_number(connection, "select count(*) from tapedeck.table_drop_chunks('recent',"
                                         " now())"),
                  1);
    cr_assert_eq(ask_number(connection, "select count(*) from public.recent_1h"), 13 * 24);
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB,
              compression_takes_columns_and_an_order_from_the_catalog)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    make_hypertable(connection);
    refused(connection,
            "select tapedeck.table_compression('trades', " DAYS(30) ", 'Sym); drop', null)",
            "TD020", "has no column Sym); drop");
    refused(connection,
            "select tapedeck.table_compression('trades', " DAYS(30) ", null, 'at desc; drop')",
            "TD020", "has no column at desc; drop");
    refused(connection,
            "select tapedeck.table_compression('trades', " DAYS(30) ", null, 'at desc,,seq')",
            "TD002", "is no list");
    refused(connection, "select tapedeck.table_compression('trades', " DAYS(30) ", '\"Sym', null)",
            "TD002", "is no list");
    refused(connection,
            "select tapedeck.table_compression('tick_data', " DAYS(30) ", 'symbol', null)", "TD021",
            "Only the age can be chosen");
    cr_assert_str_eq(ask_text(connection, "select tapedeck.table_compression('trades', " DAYS(
                                              30) ", 'Sym', 'at  DESC nulls last, \"seq\" asc')"),
                     "chunks of public.trades are compressed 30 days after their end");
    cr_assert_str_eq(ask_text(connection,
                              "select format('%s|%s', segmentby, orderby) from"
                              " timescaledb_information.hypertable_compression_settings where"
                              " hypertable = 'public.trades'::regclass"),
                     "Sym|at DESC NULLS LAST,seq");
    /* The age alone leaves the rest. */
    execute(connection, "select tapedeck.table_compression('trades', " DAYS(40) ", null, null)");
    cr_assert_str_eq(ask_text(connection, "select p #>> '{config,compress_after}' from"
                                          " tapedeck.table_info('trades') i,"
                                          " jsonb_array_elements(i.policies) p"),
                     "40 days");
    execute(connection, "select public.compress_chunk(c) from public.show_chunks('public.trades')"
                        " c limit 1");
    cr_assert_str_eq(ask_text(connection,
                              "select format('%s %s %s %s', count(*), count(*) filter (where"
                              " compressed), sum(row_estimate), min(before_bytes) > 0) from"
                              " tapedeck.table_chunks('trades')"),
                     "2 1 7200 t");
    cr_assert_str_eq(ask_text(connection,
                              "select format('%s %s %s', chunks, compressed_chunks,"
                              " compression_ratio = before_bytes::float8 / after_bytes) from"
                              " tapedeck.table_info('trades')"),
                     "2 1 t");
    cr_assert_str_eq(
        ask_text(connection, "select tapedeck.table_compression('trades', null, null, null)"),
        "no more chunks of public.trades are compressed; those that are stay so");
    cr_assert_str_eq(
        ask_text(connection, "select tapedeck.table_compression('trades', null, null, null)"),
        "public.trades had no compression policy");
    /* A compressed chunk can be dropped too. */
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.table_drop_chunks('trades',"
                                        " '2025-01-01')"),
                 2);
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB, an_aggregate_is_what_its_rows_say)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    make_hypertable(connection);
    cr_assert_str_eq(
        ask_text(connection,
                 "select tapedeck.table_aggregate('\"Odd; Agg\"', 'trades', 420000000, 'at', 'Sym',"
                 " 'avg(px), MIN( px ), max(px) as top, sum(qty), count(*), count(px), first(px),"
                 " last(px) as \"la\"\"st\"', 'seq', null)"),
        "public.\"Odd; Agg\" has buckets of 00:07:00 of public.trades, computed when they are read:"
        " without a refresh policy nothing is stored");
    const char *differences =
        "with made as (select date_bin('7 minutes', at, '2000-01-03 00:00Z') as bucket, \"Sym\","
        " avg(px), min(px), max(px), sum(qty), count(*), count(px) as counted,"
        " (array_agg(px order by at, seq) filter (where px is not null))[1],"
        " (array_agg(px order by at desc, seq desc) filter (where px is not null))[1]"
        " from public.trades group by 1, 2) select (select count(*) from (select * from"
        " public.\"Odd; Agg\" except select * from made) d) + (select count(*) from (select * from"
        " made except select * from public.\"Odd; Agg\") d)";
    cr_assert_eq(ask_number(connection, differences), 0, "computed");
    execute(connection, "call public.refresh_continuous_aggregate('public.\"Odd; Agg\"',"
                        " '2023-12-31', '2024-02-01')");
    cr_assert_eq(ask_number(connection, differences), 0, "stored");
    cr_assert_str_eq(ask_text(connection,
                              "select string_agg(attname, '|' order by attnum) from pg_attribute"
                              " where attrelid = 'public.\"Odd; Agg\"'::regclass"),
                     "bucket|Sym|avg_px|min_px|top|sum_qty|count|count_px|first_px|la\"st");
    cr_assert_eq(ask_number(connection, "select count(*) from"
                                        " timescaledb_information.continuous_aggregates where"
                                        " view_name = 'Odd; Agg' and not materialized_only"),
                 1);
    /* It can be asked like a table, and has chunks. */
    cr_assert_eq(ask_number(connection, "select sum(sum) from tapedeck.table_buckets('Odd; Agg',"
                                        " 86400000000, 'bucket', 'count')"),
                 7200);
    cr_assert_geq(ask_number(connection, "select count(*) from tapedeck.table_chunks('Odd; Agg')"),
                  1);
    refused(connection, "select tapedeck.table_drop_chunks('Odd; Agg', '2025-01-01')", "TD021",
            "is not a table");
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB, aggregates_are_a_closed_grammar)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    make_hypertable(connection);
    static const struct {
        const char *select;
        const char *sqlstate;
        const char *words;
    } bad[] = {
        {"avg(px); drop table public.trades", "TD002", "nothing that can be aggregated"},
        {"avg(px) from public.trades --", "TD002", "nothing that can be aggregated"},
        {"avg(px + 1)", "TD020", "has no column px + 1"},
        {"pg_sleep(1)", "TD002", "nothing that can be aggregated"},
        {"avg(*)", "TD002", "nothing that can be aggregated"},
        {"avg(pg_sleep(1))", "TD002", "nothing that can be aggregated"},
        {"avg(Sym)", "TD021", "must be a number"},
        {"avg(px) as a b", "TD002", "nothing that can be aggregated"},
        {"avg(px),", "TD002", "is no list"},
        {"", "TD002", "is no list"},
        {"\"", "TD002", "is no list"},
        {"avg(\"px\"\")", "TD002", "is no list"},
        {"(select 1)", "TD002", "nothing that can be aggregated"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql,
                       "select tapedeck.table_aggregate('a', 'trades', 60000000, 'at', null, '%s',"
                       " null, null)",
                       bad[i].select);
        refused(connection, sql, bad[i].sqlstate, bad[i].words);
    }
#define AGGREGATE(name, table, time, group, order, refresh)                                        \
    "select tapedeck.table_aggregate(" name ", " table ", 60000000, " time ", " group              \
    ", 'last(px)', " order ", " refresh ")"
    refused(connection, AGGREGATE("'tapedeck.a'", "'trades'", "'at'", "null", "null", "null"),
            "TD002", "is no name for an aggregate");
    refused(connection, AGGREGATE("'pg_catalog.a'", "'trades'", "'at'", "null", "null", "null"),
            "TD002", "is no name for an aggregate");
    refused(connection, AGGREGATE("repeat('ü', 32)", "'trades'", "'at'", "null", "null", "null"),
            "TD002", "is no name for an aggregate");
    refused(connection, AGGREGATE("''", "'trades'", "'at'", "null", "null", "null"), "TD002",
            "is no name for an aggregate");
    refused(connection, AGGREGATE("null", "'trades'", "'at'", "null", "null", "null"), "TD002",
            "is no name for an aggregate");
    refused(connection, AGGREGATE("'nowhere.a'", "'trades'", "'at'", "null", "null", "null"),
            "TD020", "there is no schema nowhere");
    refused(connection, AGGREGATE("'tick_data'", "'trades'", "'at'", "null", "null", "null"),
            "TD021", "there is a public.tick_data already");
    refused(connection, AGGREGATE("'a'", "'tapedeck.symbols'", "'at'", "null", "null", "null"),
            "TD021", "is no hypertable");
    refused(connection, AGGREGATE("'a'", "'trades'", "'at'", "'Sym); drop'", "null", "null"),
            "TD020", "has no column Sym); drop");
    refused(connection, AGGREGATE("'a'", "'trades'", "'at'", "null", "'px'", "null"), "TD021",
            "must be a whole number");
    refused(connection, AGGREGATE("'a'", "'trades'", "'at'", "null", "null", "120000000"), "TD023",
            "less than two whole buckets");
    cr_assert_eq(ask_number(connection, "select count(*) from pg_class where relname = 'a'"), 0);
}

ON_ONE_ENGINE(table_policies, ENGINE_POSTGRESQL, the_server_drops_old_partitions)
{
    struct connection *connection = database->connection;
    execute(connection,
            "create table public.log (at date not null) partition by range (at);"
            "create table public.log_old partition of public.log for values from ('2024-01-01') to"
            " ('2024-01-02');"
            "create table public.log_new partition of public.log for values from ('2024-01-02') to"
            " (maxvalue);"
            "insert into public.log values ('2024-01-01'), ('2024-01-02')");
    cr_assert_str_eq(ask_text(connection, "select tapedeck.table_retention('log', " DAYS(90) ")"),
                     "partitions of public.log are dropped 90 days after their end, by the server,"
                     " at 03:00 UTC; 1 are as old already");
    execute(connection, "select tapedeck.table_retention('log', " DAYS(60) ")");
    cr_assert_str_eq(ask_text(connection, "select string_agg(config ->> 'drop_after', ',') from"
                                          " tapedeck.policies_list() where target = 'public.log'"),
                     "60 days");
    cr_assert_str_eq(ask_text(connection, "select tapedeck.retention_horizon()"), "90 days",
                     "that of tick_data");
    execute(connection, "update tapedeck.jobs set next_run_at = now() where target = 'public.log'");
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert_str_eq(ask_text(connection, "select last_status from tapedeck.jobs where target ="
                                          " 'public.log'"),
                     "ok");
    cr_assert_eq(ask_number(connection, "select count(*) from public.log"), 1);
    cr_assert_str_eq(ask_text(connection, "select tapedeck.table_retention('log', null)"),
                     "nothing is dropped from public.log any more");
    cr_assert_str_eq(ask_text(connection, "select tapedeck.table_retention('log', null)"),
                     "public.log had no retention");
    /* A table that is gone is an error of its own job, not of the others. */
    execute(connection, "select tapedeck.table_retention('log', " DAYS(
                            60) "); drop table"
                                " public.log; update tapedeck.jobs set next_run_at = now()");
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert_str_eq(ask_text(connection, "select string_agg(last_status, ',' order by last_status)"
                                          " from tapedeck.jobs where kind in ('retention',"
                                          " 'sample')"),
                     "failed,ok,ok");
    refused(connection, "select tapedeck.table_retention('tick_data', " DAYS(2) ")", "TD023",
            "refresh job");
}

ON_ONE_ENGINE(table_policies, ENGINE_TIMESCALEDB, odd_names_go_all_the_way)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    /* Each name as a person at a shell would write it: as it is. */
    execute(connection, "create table public.victim ();"
                        "create table public.\"T'; drop table victim; --\""
                        " (\"at\"\"); drop table victim; --\" timestamptz not null,"
                        " \"s'); drop table victim; --\" text, \"Prïce, %I\" numeric, seq int);"
                        "insert into public.\"T'; drop table victim; --\" select '2024-01-01'::"
                        "timestamptz + i * interval '1 hour', 'S', i, i from generate_series(0,"
                        " 71) i");
#define T "'T''; drop table victim; --'"
#define AT "'at\"); drop table victim; --'"
#define S "'\"s''); drop table victim; --\"'"
    execute(connection, "select tapedeck.table_hypertable(" T ", " AT ", 86400000000, true)");
    execute(connection, "select tapedeck.table_compression(" T
                        ", " DAYS(30) ", " S ", '\"at\"\"); drop table victim; --\" desc, seq')");
    execute(connection,
            "select public.compress_chunk(c) from public.show_chunks('public.\"T''; drop"
            " table victim; --\"') c limit 1");
    execute(connection, "select tapedeck.table_aggregate('V''; \"drop', " T ", 3600000000, " AT
                        ", " S ", 'avg(\"Prïce, %I\"), last( \"Prïce, %I\" ) as \"x''\"\"y\"',"
                        " 'seq', " DAYS(30) ")");
    cr_assert_eq(ask_number(connection,
                            "select sum(sum)::bigint from tapedeck.table_buckets('V''; \"drop',"
                            " 86400000000, 'bucket', 'avg_Prïce, %I', " S ")"),
                 71 * 72 / 2);
    execute(connection, "call public.refresh_continuous_aggregate('public.\"V''; \"\"drop\"',"
                        " '2023-12-01', '2024-03-01')");
    execute(connection, "select tapedeck.table_retention(" T ", " DAYS(90) ")");
    execute(connection, "select tapedeck.table_retention(" T ", null)");
    cr_assert_eq(ask_number(connection,
                            "select count(*) from tapedeck.table_drop_chunks(" T ", '2024-01-03')"),
                 2);
    cr_assert_eq(ask_number(connection, "select chunks from tapedeck.table_info(" T ")"), 1);
    cr_assert_eq(ask_number(connection, "select count(*) from public.\"V'; \"\"drop\""), 72);
    cr_assert_eq(ask_number(connection, "select count(*) from public.victim"), 0);
}
