/*
 * Background jobs: how their runs are told, also those that fail, and what operators ask of them.
 */
#include "operations_support.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

TestSuite(operations_policies, .timeout = 240);

static int32_t job_of(struct database *database, const char *where)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "select job_id from tapedeck.policies_list() where %s", where);
    return (int32_t)ask_number(database->connection, sql);
}

static int64_t now_us(struct database *database)
{
    return ask_number(database->connection, "select tapedeck.time_us(clock_timestamp())");
}

/* Ticks of the last hours, whose candles nobody has stored. */
static void write_ticks(struct database *database)
{
    execute(database->connection,
            "select tapedeck.write_prepare(now() - interval '3 hours', now(), false)");
    execute(database->connection,
            "insert into public.tick_data (time, symbol, last_price, volume)"
            " select t, 'TEST:A', 1, 1 from generate_series(now() - interval '3 hours',"
            " now() - interval '2 hours', interval '1 second') t");
    execute(database->connection, "select tapedeck.symbols_reconcile()");
}

/* From now on nobody can store a minute. */
static void break_refresh(struct database *database)
{
    char sql[512];
    char rows[128];
    bool is_plain = database->engine == ENGINE_POSTGRESQL;
    (void)snprintf(rows, sizeof rows, "%s",
                   is_plain ? "tapedeck.candle_1m_stored"
                            : ask_text(database->connection,
                                       "select format('%I.%I', materialization_hypertable_schema,"
                                       " materialization_hypertable_name) from"
                                       " timescaledb_information.continuous_aggregates"
                                       " where view_name = 'candle_1m'"));
    execute(database->connection,
            "create function public.breaks() returns trigger language plpgsql as"
            " $$ begin raise exception 'broken on purpose'; end $$");
    (void)snprintf(sql, sizeof sql,
                   "create trigger breaks before insert on %s"
                   " for each row execute function public.breaks()",
                   rows);
    execute(database->connection, sql);
}

/* Runs it as operators do; on plain PostgreSQL the test is the server. */
static void run_job(struct database *database, struct pg_operations *operations, int32_t job_id)
{
    struct error error;
    char sql[256];
    int64_t asked = now_us(database);
    MUST(act(operations, POLICY_RUN, job_id, &error));
    if (database->engine == ENGINE_POSTGRESQL)
        execute(database->connection, "call tapedeck.run_due_jobs()");
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from tapedeck.policies_list() where job_id = %d"
                   " and tapedeck.time_us(last_run_at) > %lld and last_status <> 'running'",
                   job_id, (long long)asked);
    await_number(database->connection, sql, 1);
    (void)snprintf(sql, sizeof sql,
                   "select tapedeck.time_us(last_run_at) - %lld from tapedeck.policies_list()"
                   " where job_id = %d",
                   (long long)asked, job_id);
    int64_t waited_us = ask_number(database->connection, sql);
    cr_assert_lt(waited_us, 2000000, "it began after %lld us", (long long)waited_us);
}

ON_BOTH_ENGINES(operations_policies, a_refresh_that_fails_is_told_with_its_cause_until_it_is_mended)
{
    struct error error;
    struct pg_operations *operations = operations_start(database, 0);
    int32_t job_id = job_of(database, "kind = 'refresh' and target = 'candle_1m'");
    break_refresh(database);
    write_ticks(database);
    run_job(database, operations, job_id);

    struct policies_report *report;
    MUST(policies_of(operations, &report, &error));
    const struct policy *policy = policy_numbered(report, job_id);
    cr_assert_eq(policy->last_status, POLICY_FAILED);
    cr_assert_not_null(strstr(policy->last_error, "broken on purpose"), "%s", policy->last_error);
    cr_assert_geq(policy->total_failures, 1);
    cr_assert_geq(policy->total_runs, policy->total_failures);
    cr_assert_gt(policy->next_run_at, policy->last_run_at, "it is tried again");
    cr_assert_not_null(strstr(policy->config, "end_offset"));
    cr_assert_eq(policy->schedule_interval_s, 60.0);
    policies_report_free(&report);

    /* It is in back-off now, and runs at once all the same. */
    run_job(database, operations, job_id);
    execute(database->connection, "drop function public.breaks() cascade");
    run_job(database, operations, job_id);
    MUST(policies_of(operations, &report, &error));
    policy = policy_numbered(report, job_id);
    cr_assert_eq(policy->last_status, POLICY_OK, "also where its worker trips over its portal");
    cr_assert_null(policy->last_error);
    cr_assert_not(isnan(policy->last_duration_ms));
    cr_assert_str_eq(report->aggregates[0].view, "candle_1m");
    cr_assert_eq(report->aggregates[0].lag_s, 0.0);
    policies_report_free(&report);
    cr_assert_geq(ask_number(database->connection, "select count(*) from public.candle_1m"), 60);
    pg_operations_destroy(&operations);
}

ON_BOTH_ENGINES(operations_policies, a_paused_policy_stays_listed_and_does_not_run)
{
    struct error error;
    struct pg_operations *operations = operations_start(database, 0);
    int32_t job_id = job_of(database, "kind = 'sample'");
    MUST(act(operations, POLICY_PAUSE, job_id, &error));
    struct policies_report *report;
    MUST(policies_of(operations, &report, &error));
    cr_assert_not(policy_numbered(report, job_id)->enabled);
    cr_assert_eq(policy_numbered(report, job_id)->next_run_at, TIME_NONE);
    cr_assert_eq(policy_numbered(report, job_id)->last_status, POLICY_NEVER_RAN);
    cr_assert(isnan(policy_numbered(report, job_id)->last_duration_ms));
    policies_report_free(&report);
    MUST_FAIL(act(operations, POLICY_RUN, job_id, &error), STATUS_CONFLICT);
    MUST_SAY("is paused");
    MUST(act(operations, POLICY_RESUME, job_id, &error));
    run_job(database, operations, job_id);
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.storage_samples"),
                 1);
    MUST_FAIL(act(operations, POLICY_PAUSE, 424242, &error), STATUS_NOT_FOUND);
    MUST_FAIL(act(operations, POLICY_RESUME, 424242, &error), STATUS_NOT_FOUND);
    pg_operations_destroy(&operations);
}

ON_BOTH_ENGINES(operations_policies, a_policy_that_endangers_candles_is_found_and_not_resumed)
{
    struct error error;
    struct pg_operations *operations = operations_start(database, 0);
    int32_t job_id = job_of(database, "kind = 'retention'");
    MUST(act(operations, POLICY_PAUSE, job_id, &error));
    if (database->engine == ENGINE_TIMESCALEDB)
        execute(
            database->connection,
            "select public.alter_job(job_id, config => config || '{\"drop_after\": \"2 days\"}')"
            " from timescaledb_information.jobs where proc_name = 'policy_retention'");
    else
        execute(database->connection,
                "update tapedeck.jobs set config = '{\"drop_after\": \"1 day\"}'"
                " where kind = 'retention'");
    struct policies_report *report;
    MUST(policies_of(operations, &report, &error));
    cr_assert_eq(report->finding_count, 0, "paused, it does no harm");
    policies_report_free(&report);
    MUST_FAIL(act(operations, POLICY_RESUME, job_id, &error), STATUS_CONFLICT);
    MUST_SAY("cannot be resumed");
    MUST(policies_of(operations, &report, &error));
    cr_assert_not(policy_numbered(report, job_id)->enabled, "it stays as it was");
    policies_report_free(&report);
    execute(database->connection,
            database->engine == ENGINE_TIMESCALEDB
                ? "select public.alter_job(job_id, scheduled => true)"
                  " from timescaledb_information.jobs where proc_name = 'policy_retention'"
                : "update tapedeck.jobs set enabled = true where kind = 'retention'");
    MUST(policies_of(operations, &report, &error));
    cr_assert_geq(report->finding_count, 1);
    policies_report_free(&report);
    pg_operations_destroy(&operations);
}

/* ---- announcements ---- */

/* Whether such an event of the job is announced within a while. */
static bool is_announced(struct connection *connection, int32_t job_id, const char *event)
{
    char wanted[64];
    char number[32];
    (void)snprintf(wanted, sizeof wanted, "\"event\" : \"%s\"", event);
    (void)snprintf(number, sizeof number, "\"job_id\" : %d,", job_id);
    PGconn *pg = connection_raw(connection);
    for (int i = 0; i < 500; i++) {
        PGnotify *notify;
        cr_assert_eq(PQconsumeInput(pg), 1);
        while ((notify = PQnotifies(pg)) != NULL) {
            bool is_it = strstr(notify->extra, "\"policy\"") != NULL &&
                         strstr(notify->extra, wanted) != NULL &&
                         strstr(notify->extra, number) != NULL;
            PQfreemem(notify);
            if (is_it)
                return true;
        }
        (void)poll(NULL, 0, 10);
    }
    return false;
}

ON_BOTH_ENGINES(operations_policies, what_becomes_of_a_job_is_announced)
{
    struct error error;
    struct connection *listener = open_database(cluster_url(database->cluster));
    execute(listener, "listen tapedeck_change");
    struct pg_operations *operations = operations_start(database, 0);
    int32_t job_id = job_of(database, "kind = 'sample'");
    MUST(act(operations, POLICY_PAUSE, job_id, &error));
    cr_assert(is_announced(listener, job_id, "paused"));
    MUST(act(operations, POLICY_RESUME, job_id, &error));
    cr_assert(is_announced(listener, job_id, "resumed"));
    MUST(act(operations, POLICY_RUN, job_id, &error));
    cr_assert(is_announced(listener, job_id, "due"));
    if (database->engine == ENGINE_POSTGRESQL) {
        execute(database->connection, "call tapedeck.run_due_jobs()");
        cr_assert(is_announced(listener, job_id, "running"));
        cr_assert(is_announced(listener, job_id, "ok"));
        execute(database->connection, "alter table tapedeck.storage_samples rename to gone");
        MUST(act(operations, POLICY_RUN, job_id, &error));
        execute(database->connection, "call tapedeck.run_due_jobs()");
        cr_assert(is_announced(listener, job_id, "failed"));
    }
    pg_operations_destroy(&operations);
    connection_close(&listener);
}

/* Candles that are owed for a moment must not let ticks stay for a day. */
Test(operations_policies, on_postgresql_retention_comes_again_for_what_it_had_to_keep)
{
#define DAY "date_bin('1 day', now(), '2000-01-03 00:00+00') - interval '100 days'"
    static const char next_minutes[] =
        "select (extract(epoch from next_run_at - now()) / 60)::integer from tapedeck.jobs"
        " where kind = 'retention'";
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct connection *connection = database.connection;
    execute(connection, "update tapedeck.candle_state set watermark = now()");
    execute(connection,
            "select tapedeck.write_prepare(" DAY ", " DAY " + interval '1 day', false)");
    execute(connection, "insert into public.tick_data (time, symbol, last_price) values (" DAY
                        ", 'TEST:A', 1)");
    execute(connection,
            "select tapedeck.pending_add(" DAY ", " DAY " + interval '1 hour', 'test')");
    execute(connection, "update tapedeck.jobs set next_run_at = now() where kind = 'retention'");
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert_str_eq(
        ask_text(connection, "select last_status from tapedeck.jobs where kind = 'retention'"),
        "ok");
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 1);
    cr_assert_leq(ask_number(connection, next_minutes), 5);

    execute(connection, "delete from tapedeck.pending_refresh");
    execute(connection, "update tapedeck.jobs set next_run_at = now()"
                        " where kind = 'retention'");
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 0);
    cr_assert_eq(ask_number(connection, "select total_runs from tapedeck.jobs"
                                        " where kind = 'retention'"),
                 2);
    cr_assert_eq(ask_number(connection, "select (next_run_at = tapedeck.job_next_run("
                                        "schedule_interval, last_run_at, config))::integer"
                                        " from tapedeck.jobs where kind = 'retention'"),
                 1, "and then by plan");
    database_deinit(&database);
#undef DAY
}
