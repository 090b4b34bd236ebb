#include "store/policies_query.h"

#include "base/mem.h"
#include "store/result_number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum status is_wrong(const char *routine, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, "database: tapedeck.%s answered something else",
                     routine);
}

static char *copy_or_null(const PGresult *rows, int row, int column)
{
    const char *text = result_text(rows, row, column);
    return text != NULL ? mem_copy_text(text) : NULL;
}

/* ---- policies ---- */

enum policy_column {
    COLUMN_JOB_ID,
    COLUMN_KIND,
    COLUMN_TARGET,
    COLUMN_CONFIG,
    COLUMN_INTERVAL,
    COLUMN_ENABLED,
    COLUMN_LAST_RUN,
    COLUMN_STATUS,
    COLUMN_DURATION,
    COLUMN_ERROR,
    COLUMN_NEXT_RUN,
    COLUMN_RUNS,
    COLUMN_FAILURES,
};

static const char policies_sql[] =
    "select p.job_id, p.kind, p.target, p.config, p.schedule_interval_s, p.enabled,"
    " tapedeck.time_us(p.last_run_at), p.last_status, p.last_duration_ms, p.last_error,"
    " tapedeck.time_us(p.next_run_at), p.total_runs, p.total_failures"
    " from tapedeck.policies_list() p";

static bool read_numbers(const PGresult *rows, int row, struct policy *policy)
{
    int64_t job_id;
    if (result_int64(rows, row, COLUMN_JOB_ID, &job_id) != STATUS_OK || job_id < 0 ||
        job_id > INT32_MAX)
        return false;
    policy->job_id = (int32_t)job_id;
    return result_double(rows, row, COLUMN_INTERVAL, &policy->schedule_interval_s) == STATUS_OK &&
           result_int64_or(rows, row, COLUMN_LAST_RUN, TIME_NONE, &policy->last_run_at) ==
               STATUS_OK &&
           result_double(rows, row, COLUMN_DURATION, &policy->last_duration_ms) == STATUS_OK &&
           result_int64_or(rows, row, COLUMN_NEXT_RUN, TIME_NONE, &policy->next_run_at) ==
               STATUS_OK &&
           result_int64(rows, row, COLUMN_RUNS, &policy->total_runs) == STATUS_OK &&
           result_int64(rows, row, COLUMN_FAILURES, &policy->total_failures) == STATUS_OK;
}

static bool read_policy(const PGresult *rows, int row, struct policy *policy)
{
    const char *kind = result_text(rows, row, COLUMN_KIND);
    const char *target = result_text(rows, row, COLUMN_TARGET);
    const char *config = result_text(rows, row, COLUMN_CONFIG);
    if (kind == NULL || target == NULL || config == NULL || !read_numbers(rows, row, policy))
        return false;
    policy->kind = policy_kind_of(kind);
    policy->target = mem_copy_text(target);
    policy->config = mem_copy_text(config);
    policy->enabled = result_bool(rows, row, COLUMN_ENABLED);
    policy->last_status = policy_status_of(result_text(rows, row, COLUMN_STATUS));
    policy->last_error = copy_or_null(rows, row, COLUMN_ERROR);
    return true;
}

static enum status read_policies(struct connection *connection, struct policies_report *report,
                                 struct error *error)
{
    PGresult *rows;
    enum status status = connection_query(connection, policies_sql, 0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    int count = PQntuples(rows);
    report->policies = mem_alloc_zeroed(sizeof *report->policies * ((size_t)count + 1));
    for (int row = 0; row < count && status == STATUS_OK; row++) {
        if (read_policy(rows, row, &report->policies[row]))
            report->policy_count++;
        else
            status = is_wrong("policies_list", error);
    }
    PQclear(rows);
    return status;
}

/* ---- aggregates, findings ---- */

static enum status read_aggregates(struct connection *connection, struct policies_report *report,
                                   struct error *error)
{
    PGresult *rows;
    enum status status = connection_query(
        connection,
        "select a.view, tapedeck.time_us(a.watermark), a.lag_s from tapedeck.aggregates_list() a",
        0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    int count = PQntuples(rows);
    report->aggregates = mem_alloc_zeroed(sizeof *report->aggregates * ((size_t)count + 1));
    for (int row = 0; row < count && status == STATUS_OK; row++) {
        struct aggregate *aggregate = &report->aggregates[row];
        aggregate->view = copy_or_null(rows, row, 0);
        report->aggregate_count++;
        if (aggregate->view == NULL ||
            result_int64_or(rows, row, 1, TIME_NONE, &aggregate->watermark) != STATUS_OK ||
            result_double(rows, row, 2, &aggregate->lag_s) != STATUS_OK)
            status = is_wrong("aggregates_list", error);
    }
    PQclear(rows);
    return status;
}

static enum status read_findings(struct connection *connection, struct policies_report *report,
                                 struct error *error)
{
    PGresult *rows;
    enum status status = connection_query(connection, "select f from tapedeck.policies_check() f",
                                          0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    int count = PQntuples(rows);
    report->findings = mem_alloc_zeroed(sizeof *report->findings * ((size_t)count + 1));
    for (int row = 0; row < count; row++)
        report->findings[report->finding_count++] = mem_copy_text(PQgetvalue(rows, row, 0));
    PQclear(rows);
    return STATUS_OK;
}

static enum status read_time(struct connection *connection, struct policies_report *report,
                             struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        connection, "select tapedeck.time_us(pg_catalog.clock_timestamp())", 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, &report->taken_at);
    PQclear(row);
    return status == STATUS_OK ? STATUS_OK : is_wrong("time_us", error);
}

enum status policies_query_report(struct connection *connection, struct policies_report **answer,
                                  struct error *error)
{
    struct policies_report *report = MEM_NEW(struct policies_report);
    enum status status = read_time(connection, report, error);
    if (status == STATUS_OK)
        status = read_policies(connection, report, error);
    if (status == STATUS_OK)
        status = read_aggregates(connection, report, error);
    if (status == STATUS_OK)
        status = read_findings(connection, report, error);
    if (status == STATUS_OK)
        *answer = report;
    else
        policies_report_free(&report);
    return status;
}

/* ---- actions ---- */

static const char *const action_sqls[] = {
    [POLICY_RUN] = "select tapedeck.policy_run($1)",
    [POLICY_PAUSE] = "select tapedeck.policy_set($1, false)",
    [POLICY_RESUME] = "select tapedeck.policy_set($1, true)",
};

enum status policies_query_act(struct connection *connection, enum policy_action action,
                               int32_t job_id, struct error *error)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%" PRId32, job_id);
    PGresult *row;
    enum status status = connection_query_row(connection, action_sqls[action], 1,
                                              (const char *const[]){number}, &row, error);
    if (status == STATUS_OK) {
        PQclear(row);
        return STATUS_OK;
    }
    if (strcmp(connection_sqlstate(connection), "TD004") == 0)
        error->status = status = STATUS_NOT_FOUND;
    return status;
}

enum status policies_query_wake(struct connection *connection, struct error *error)
{
    return connection_execute(connection, "select tapedeck.policy_wake()", error);
}
