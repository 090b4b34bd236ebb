/*
 * What store/pg_operations reports of a database's size, against what PostgreSQL and TimescaleDB
 * themselves say.
 */
#include "operations_support.h"

#include "base/mem.h"
#include "store/data_folder.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(operations, .timeout = 240);

/* Nothing changes while it is measured. */
static void hold_still(struct database *database)
{
    struct connection *connection = database->connection;
    execute(connection, "alter system set autovacuum = off");
    execute(connection, "select pg_catalog.pg_reload_conf()");
    jobs_stop(database);
}

/* Ticks of two symbols, every ten seconds, so many whole days before today. */
static void write_days(struct database *database, int days_ago, int days)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "select tapedeck.write_prepare(d, d + interval '%d hours', false) from"
                   " (select pg_catalog.date_trunc('day', now()) - interval '%d hours') as r (d)",
                   24 * days, 24 * days_ago);
    execute(database->connection, sql);
    (void)snprintf(
        sql, sizeof sql,
        "insert into public.tick_data (time, symbol, last_price, volume, source)"
        " select t, 'TEST:' || s, 100 + s, 1, 'a test of sizes'"
        "   from generate_series(date_trunc('day', now()) - interval '%d hours',"
        "                        date_trunc('day', now()) - interval '%d hours 1 second',"
        "                        interval '10 seconds') t, generate_series(1, 2) s",
        24 * days_ago, 24 * (days_ago - days));
    execute(database->connection, sql);
    execute(database->connection, "select tapedeck.symbols_reconcile()");
}

static void must_have(struct connection *connection, const struct storage_report *report,
                      const char *name, const char *bytes_sql)
{
    const struct storage_table *table = table_named(report, name);
    cr_assert_not_null(table, "%s is not listed", name);
    cr_assert_eq(table->bytes, ask_number(connection, bytes_sql), "%s: %lld bytes, but %s: %s",
                 name, (long long)table->bytes, bytes_sql, ask_text(connection, bytes_sql));
}

/* ---- any engine ---- */

ON_BOTH_ENGINES(operations, every_request_is_answered)
{
    struct error error;
    struct pg_operations *operations = operations_start(database, 0);
    struct storage_report *storage;
    MUST(storage_of(operations, &storage, &error));
    cr_assert_str_eq(storage->tables[0].name, "tick_data");
    cr_assert_not_null(table_named(storage, "candle_1h"));
    cr_assert_not_null(table_named(storage, "tapedeck.symbols"));
    cr_assert_gt(storage->database_bytes, 0);
    cr_assert_str_eq(storage->disk.path, cluster_data_path(database->cluster));
    cr_assert_gt(storage->disk.total_bytes, storage->disk.free_bytes);
    cr_assert(isnan(storage->growth_bytes_per_day));
    storage_report_free(&storage);

    struct policies_report *policies;
    MUST(policies_of(operations, &policies, &error));
    cr_assert_geq(policies->policy_count, 4);
    cr_assert_eq(policies->aggregate_count, 5);
    cr_assert_eq(policies->finding_count, 0);
    policies_report_free(&policies);

    struct storage_history *history;
    MUST(history_of(operations, 30, &history, &error));
    cr_assert_eq(history->sample_count, 0);
    storage_history_free(&history);
    MUST_FAIL(history_of(operations, 0, &history, &error), STATUS_INVALID);
    MUST_FAIL(history_of(operations, STORAGE_HISTORY_MAX + 1, &history, &error), STATUS_INVALID);

    MUST_FAIL(act(operations, POLICY_RUN, 999999, &error), STATUS_NOT_FOUND);
    MUST_SAY("there is no policy 999999");
    struct pg_operations_statistics statistics = pg_operations_statistics(operations);
    cr_assert_eq(statistics.requests[PG_OPERATIONS_HISTORY], 3);
    cr_assert_eq(statistics.failures[PG_OPERATIONS_HISTORY], 2);
    cr_assert_eq(statistics.latencies[PG_OPERATIONS_ACTION].count, 1);
    cr_assert_eq(statistics.connects, 1);
    cr_assert_eq(statistics.queued, 0);
    pg_operations_destroy(&operations);
}

ON_BOTH_ENGINES(operations, every_table_is_listed_once_with_its_rows_and_bytes)
{
    struct connection *connection = database->connection;
    struct error error;
    hold_still(database);
    write_days(database, 3, 3);
    execute(connection,
            "create schema \"Other\"; create table \"Other\".\"Mixed Case\" (a integer);"
            "insert into \"Other\".\"Mixed Case\" select 1 from generate_series(1, 7);"
            "create table public.large (a text);"
            "insert into public.large select repeat('x', 100) from generate_series(1, 20000);"
            "create table public.parted (t integer, a text) partition by range (t);"
            "create table public.parted_1 partition of public.parted for values from (0) to (9);"
            "create table public.parted_2 partition of public.parted for values from (9) to (99);"
            "insert into public.parted select 5, 'x' from generate_series(1, 1000);"
            "analyze public.parted_1; create temporary table passing (a integer)");
    struct pg_operations *operations = operations_start(database, 0);
    struct storage_report *report;
    MUST(storage_of(operations, &report, &error));

    const struct storage_table *ticks = table_named(report, "tick_data");
    cr_assert(ticks->exact);
    cr_assert_eq(ticks->rows, ask_number(connection, "select count(*) from public.tick_data"));
    must_have(connection, report, "\"Other\".\"Mixed Case\"",
              "select pg_catalog.pg_total_relation_size('\"Other\".\"Mixed Case\"')");
    cr_assert_eq(table_named(report, "\"Other\".\"Mixed Case\"")->rows, 7);
    cr_assert(table_named(report, "\"Other\".\"Mixed Case\"")->exact);
    must_have(connection, report, "parted",
              "select sum(pg_catalog.pg_total_relation_size(t.relid))"
              "  from pg_catalog.pg_partition_tree('public.parted') t");
    cr_assert_eq(table_named(report, "parted")->rows, 1000);
    cr_assert_null(table_named(report, "parted_1"));
    cr_assert_null(table_named(report, "passing"));
    const struct storage_table *large = table_named(report, "large");
    cr_assert_not(large->exact);
    cr_assert(large->rows > 5000 && large->rows < 80000, "guessed %lld", (long long)large->rows);
    for (size_t i = 0; i < report->table_count; i++) {
        cr_assert(strncmp(report->tables[i].name, "_timescaledb", 12) != 0 &&
                      strncmp(report->tables[i].name, "tapedeck.tick_data_", 19) != 0,
                  "%s is part of another", report->tables[i].name);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(report->tables[i].name, report->tables[j].name);
    }
    storage_report_free(&report);

    /* Analyzed, the estimate is right; books with a gap are no exact count. */
    execute(connection, "analyze public.large; update tapedeck.symbols set exact = false");
    MUST(storage_of(operations, &report, &error));
    cr_assert_eq(table_named(report, "large")->rows, 20000);
    cr_assert_not(table_named(report, "tick_data")->exact);
    storage_report_free(&report);
    pg_operations_destroy(&operations);
}

/* ---- the disk ---- */

static bool finds_folder(struct database *database, const char *before, const char *after)
{
    struct storage_disk disk;
    struct error error;
    struct connection *connection = open_database(cluster_url(database->cluster));
    execute(connection, before);
    MUST(data_folder_find(connection, &disk, &error));
    bool is_found = disk.path != NULL;
    if (is_found) {
        cr_assert_str_eq(disk.path, cluster_data_path(database->cluster));
        cr_assert_gt(disk.total_bytes, 0);
        cr_assert_leq(disk.free_bytes, disk.total_bytes);
    } else {
        cr_assert_eq(disk.total_bytes, 0);
    }
    mem_free(disk.path);
    execute(connection, after);
    connection_close(&connection);
    return is_found;
}

ON_BOTH_ENGINES(operations, the_disk_is_told_only_of_a_folder_that_is_proven_to_be_this_servers)
{
    char kept[PATH_MAX];
    const char *pid = home_file(&database->home, "postgres/data/postmaster.pid");
    struct storage_disk disk;
    cr_assert(finds_folder(database, "select 1", "select 1"));
    cr_assert_not(finds_folder(database, "create role weak; set role weak", "reset role"),
                  "who may not know where it is");

    /* Nobody runs in it. */
    (void)snprintf(kept, sizeof kept, "%s.kept", pid);
    cr_assert_eq(rename(pid, kept), 0);
    cr_assert_not(finds_folder(database, "select 1", "select 1"));
    cr_assert_eq(rename(kept, pid), 0);
    cr_assert(finds_folder(database, "select 1", "select 1"));

    data_folder_measure("/nowhere/at/all", &disk);
    cr_assert_null(disk.path);
}

/* ---- plain PostgreSQL ---- */

static const char partitions_bytes[] = "select sum(pg_catalog.pg_total_relation_size(t.relid))"
                                       "  from pg_catalog.pg_partition_tree('public.tick_data') t";

/* Who drops a partition locks the table, then the partition. A report that had a partition and then
 * asked for the table was in a deadlock with him. */
Test(operations, on_postgresql_reports_lock_no_partitions)
{
    static const char locked[] = "select count(*) from pg_catalog.pg_locks l"
                                 " join pg_catalog.pg_inherits i on i.inhrelid = l.relation"
                                 " where i.inhparent = 'public.tick_data'::regclass"
                                 " and l.pid = pg_catalog.pg_backend_pid()";
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    execute(database.connection, "begin");
    execute(database.connection, "select * from tapedeck.storage_tables()");
    execute(database.connection, "select * from tapedeck.table_size('public.tick_data')");
    cr_assert_eq(ask_number(database.connection, locked), 0);
    execute(database.connection, "select * from pg_catalog.pg_partition_tree('public.tick_data')");
    cr_assert_gt(ask_number(database.connection, locked), 0, "they would be seen");
    execute(database.connection, "rollback");
    database_deinit(&database);
}

Test(operations, on_postgresql_partitions_count_with_their_table)
{
    struct database database;
    struct error error;
    if (!database_init(&database, ENGINE_POSTGRESQL))
        return;
    hold_still(&database);
    write_days(&database, 4, 4);
    struct pg_operations *operations = operations_start(&database, 0);
    struct storage_report *before;
    struct storage_report *after;
    MUST(storage_of(operations, &before, &error));
    must_have(database.connection, before, "tick_data", partitions_bytes);
    must_have(database.connection, before, "candle_5m",
              "select pg_catalog.pg_total_relation_size('tapedeck.candle_5m_stored')");
    cr_assert_eq(before->compression_count, 0);
    cr_assert_null(table_named(before, "tapedeck.candle_5m_stored"));

    execute(database.connection, "call tapedeck.run_due_jobs()");
    execute(database.connection, "select tapedeck.job_retention('{\"drop_after\": \"72 hours\"}')");
    MUST(storage_of(operations, &after, &error));
    must_have(database.connection, after, "tick_data", partitions_bytes);
    cr_assert_lt(table_named(after, "tick_data")->bytes, table_named(before, "tick_data")->bytes);
    cr_assert_eq(table_named(after, "tick_data")->rows,
                 ask_number(database.connection, "select count(*) from public.tick_data"));
    storage_report_free(&before);
    storage_report_free(&after);
    pg_operations_destroy(&operations);
    database_deinit(&database);
}

/* ---- TimescaleDB ---- */

static void must_equal_hypertables(struct database *database, struct pg_operations *operations)
{
    struct connection *connection = database->connection;
    struct storage_report *report;
    struct error error;
    char sql[512];
    MUST(storage_of(operations, &report, &error));
    must_have(connection, report, "tick_data", "select public.hypertable_size('public.tick_data')");
    must_have(connection, report, "readings", "select public.hypertable_size('public.readings')");
    static const char *const views[] = {"candle_1m", "candle_5m", "candle_15m", "candle_1h",
                                        "candle_1d"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        (void)snprintf(sql, sizeof sql,
                       "select public.hypertable_size(format('%%I.%%I',"
                       " materialization_hypertable_schema, materialization_hypertable_name))"
                       " from timescaledb_information.continuous_aggregates"
                       " where view_name = '%s'",
                       views[i]);
        must_have(connection, report, views[i], sql);
        cr_assert(table_named(report, views[i])->is_hypertable);
    }
    cr_assert_not(table_named(report, "tapedeck.symbols")->is_hypertable);
    storage_report_free(&report);
}

static void must_equal_compression(struct database *database, struct pg_operations *operations,
                                   int64_t compressed)
{
    struct storage_report *report;
    struct error error;
    MUST(storage_of(operations, &report, &error));
    const struct storage_compression *of = compression_of(report, "tick_data");
    cr_assert_eq(of->compressed_chunks, compressed);
    static const struct {
        const char *sql;
        size_t offset;
    } fields[] = {
        {"select total_chunks from public.hypertable_compression_stats('public.tick_data')",
         offsetof(struct storage_compression, total_chunks)},
        {"select number_compressed_chunks"
         " from public.hypertable_compression_stats('public.tick_data')",
         offsetof(struct storage_compression, compressed_chunks)},
        {"select coalesce(after_compression_total_bytes, 0)"
         " from public.hypertable_compression_stats('public.tick_data')",
         offsetof(struct storage_compression, compressed_bytes)},
        {"select coalesce(before_compression_total_bytes, 0)"
         " from public.hypertable_compression_stats('public.tick_data')",
         offsetof(struct storage_compression, uncompressed_bytes)},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        int64_t value;
        memcpy(&value, (const char *)of + fields[i].offset, sizeof value);
        cr_assert_eq(value, ask_number(database->connection, fields[i].sql), "%s", fields[i].sql);
    }
    cr_assert_eq(report->compression_count, 7, "also of readings, and of the aggregates");
    cr_assert_eq(compression_of(report, "candle_1h")->compressed_chunks, 0);
    cr_assert_eq(compression_of(report, "readings")->total_chunks,
                 ask_number(database->connection,
                            "select count(*) from public.show_chunks('public.readings')"));
    storage_report_free(&report);
}

Test(operations, on_timescaledb_sizes_are_those_of_the_extension)
{
    struct database database;
    if (!have_timescaledb() || !database_init(&database, ENGINE_TIMESCALEDB))
        return;
    struct connection *connection = database.connection;
    hold_still(&database);
    write_days(&database, 5, 5);
    execute(connection, "create table public.readings (at timestamptz not null, value text);"
                        "select public.create_hypertable('public.readings', 'at');"
                        "insert into public.readings select now() - n * interval '5 days',"
                        " repeat('long', 2000) from generate_series(1, 9) n");
    execute(connection, "call public.refresh_continuous_aggregate('public.candle_1m',"
                        " now() - interval '9 days', now() - interval '1 day')");
    struct pg_operations *operations = operations_start(&database, 0);
    must_equal_hypertables(&database, operations);
    must_equal_compression(&database, operations, 0);
    cr_assert_str_eq(ask_text(connection, "select compression_ratio is null from"
                                          " tapedeck.storage_compression() limit 1"),
                     "t");

    execute(connection, "select public.compress_chunk(c) from (select c from"
                        " public.show_chunks('public.tick_data') c order by 1 limit 2) as oldest");
    must_equal_hypertables(&database, operations);
    must_equal_compression(&database, operations, 2);

    /* Late ticks into a compressed day; the visibility maps and free space of a vacuum. */
    execute(connection, "insert into public.tick_data (time, symbol, last_price) select min(time)"
                        " + interval '1 microsecond', 'LATE', 1 from public.tick_data");
    must_equal_hypertables(&database, operations);
    execute(connection, "vacuum analyze");
    must_equal_hypertables(&database, operations);

    execute(connection, "select public.drop_chunks('public.tick_data',"
                        " date_trunc('day', now()) - interval '96 hours')");
    execute(connection, "select public.drop_chunks('public.readings', now() - interval '9 days')");
    must_equal_hypertables(&database, operations);
    must_equal_compression(&database, operations, 1);
    pg_operations_destroy(&operations);
    database_deinit(&database);
}

static int64_t overdue(struct pg_operations *operations)
{
    struct storage_report *report;
    struct error error;
    MUST(storage_of(operations, &report, &error));
    int64_t chunks = compression_of(report, "tick_data")->overdue_chunks;
    cr_assert_eq(compression_of(report, "candle_1h")->overdue_chunks, 0, "it has no policy");
    storage_report_free(&report);
    return chunks;
}

Test(operations, on_timescaledb_old_chunks_that_are_not_compressed_are_overdue)
{
    struct database database;
    if (!have_timescaledb() || !database_init(&database, ENGINE_TIMESCALEDB))
        return;
    hold_still(&database);
    /* Compressed after 30 days, a run every 12 hours: what ended more than 31 days ago is late. */
    write_days(&database, 34, 5);
    struct pg_operations *operations = operations_start(&database, 0);
    cr_assert_eq(overdue(operations), 3);
    execute(database.connection, "select public.compress_chunk(c) from (select c from"
                                 " public.show_chunks('public.tick_data') c order by 1 limit 1)"
                                 " as oldest");
    cr_assert_eq(overdue(operations), 2);
    execute(database.connection, "select public.drop_chunks('public.tick_data',"
                                 " date_trunc('day', now()) - interval '768 hours')");
    cr_assert_eq(overdue(operations), 1, "what was dropped is not late any more");
    execute(
        database.connection,
        "select public.alter_job(job_id, config => config || '{\"compress_after\": \"60 days\"}')"
        " from timescaledb_information.jobs where proc_name = 'policy_compression'");
    cr_assert_eq(overdue(operations), 0);
    pg_operations_destroy(&operations);
    database_deinit(&database);
}
