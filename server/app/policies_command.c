#include "app/policies_command.h"

#include "app/cells.h"
#include "app/operations_connection.h"
#include "app/terminal.h"
#include "app/when.h"
#include "store/policies_query.h"
#include "wire/policies.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define JSON_BYTES_MAX ((size_t)16 << 20)
#define CHECK_FAILED 2
/* Also of a database that is refused because of its policies: here they are found, and mended. */
#define POLICIES_USE DATABASE_MIGRATE
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const struct option policies_options[POLICIES_OPTION_COUNT] = {
    {.name = "json",
     .type = OPTION_SWITCH,
     .offset = offsetof(struct policies_values, json),
     .help = "print one JSON object, as the protocol has it; times in µs since the epoch"},
};

/* ---- list ---- */

static enum status print_json(const struct policies_report *report, struct error *error)
{
    struct buffer json;
    struct writer writer;
    struct decoder *decoder = decoder_create();
    buffer_init(&json, JSON_BYTES_MAX);
    writer_init(&writer, &json, WIRE_JSON);
    writer_map(&writer, POLICIES_PAIRS);
    policies_write_pairs(&writer, report, decoder, WIRE_TIMES_US);
    writer_end(&writer);
    bool is_whole = !json.failed;
    if (is_whole)
        printf("%s\n", buffer_text(&json));
    buffer_deinit(&json);
    decoder_destroy(&decoder);
    return is_whole ? STATUS_OK : error_set(error, STATUS_LIMIT, "more than can be told at once");
}

static void add_time(struct cells *cells, int64_t time, int64_t now)
{
    cells_add(cells, time != TIME_NONE ? when_format(time, now).text : NULL);
}

static void add_policy(struct cells *cells, const struct policy *policy, int64_t now)
{
    cells_add_number(cells, policy->job_id);
    cells_add(cells, policy_kind_name(policy->kind));
    cells_add(cells, policy->target);
    cells_add(cells, when_span((int64_t)(policy->schedule_interval_s * 1e6)).text);
    cells_add(cells, policy->enabled ? policy_status_name(policy->last_status) : "paused");
    add_time(cells, policy->last_run_at, now);
    if (isnan(policy->last_duration_ms))
        cells_add(cells, NULL);
    else
        cells_add_number(cells, (int64_t)policy->last_duration_ms);
    add_time(cells, policy->next_run_at, now);
    cells_add_number(cells, policy->total_runs);
    cells_add_number(cells, policy->total_failures);
}

static void print_policies(const struct policies_report *report)
{
    static const struct table_column columns[] = {
        {"job", CELL_NUMBER},       {"kind", CELL_TEXT},     {"target", CELL_TEXT},
        {"every", CELL_NUMBER},     {"status", CELL_TEXT},   {"last run", CELL_TEXT},
        {"took", CELL_DURATION_MS}, {"next run", CELL_TEXT}, {"runs", CELL_COUNT},
        {"failed", CELL_COUNT}};
    struct cells cells;
    cells_init(&cells, columns, COUNT(columns));
    for (size_t i = 0; i < report->policy_count; i++)
        add_policy(&cells, &report->policies[i], report->taken_at);
    cells_print(&cells);
    cells_deinit(&cells);
}

/* Behind: what is owed; ahead: in the future, where live candles would read as nothing. */
static void add_lag(struct cells *cells, double lag_s)
{
    if (isnan(lag_s))
        cells_add(cells, NULL);
    else if (lag_s == 0)
        cells_add(cells, "nothing");
    else
        cells_add_format(cells, "%s%s", when_span((int64_t)(fabs(lag_s) * 1e6)).text,
                         lag_s < 0 ? " in the future" : "");
}

static void print_aggregates(const struct policies_report *report)
{
    static const struct table_column columns[] = {
        {"candles", CELL_TEXT}, {"stored until", CELL_TEXT}, {"owed", CELL_TEXT}};
    struct cells cells;
    cells_init(&cells, columns, COUNT(columns));
    for (size_t i = 0; i < report->aggregate_count; i++) {
        cells_add(&cells, report->aggregates[i].view);
        add_time(&cells, report->aggregates[i].watermark, report->taken_at);
        add_lag(&cells, report->aggregates[i].lag_s);
    }
    printf("\n");
    cells_print(&cells);
    cells_deinit(&cells);
}

static void print_errors(const struct policies_report *report)
{
    for (size_t i = 0; i < report->policy_count; i++)
        if (report->policies[i].last_error != NULL)
            terminal_warning("job %" PRId32 ": %s", report->policies[i].job_id,
                             report->policies[i].last_error);
    if (report->finding_count > 0)
        terminal_warning("`tapedeck policies check` has findings: candles are in danger");
}

static enum status list(struct connection *connection, const struct database *database, void *owner,
                        struct error *error)
{
    (void)database;
    const struct policies_values *values = owner;
    struct policies_report *report;
    enum status status = policies_query_report(connection, &report, error);
    if (status != STATUS_OK)
        return status;
    if (values->json) {
        status = print_json(report, error);
    } else {
        print_policies(report);
        print_aggregates(report);
        (void)fflush(stdout);
        print_errors(report);
    }
    policies_report_free(&report);
    return status;
}

int policies_list_run(const struct configuration *configuration,
                      const struct invocation *invocation)
{
    struct policies_values values = *(const struct policies_values *)invocation->values;
    return operations_work(configuration, POLICIES_USE, list, NULL, &values) ? EXIT_DONE
                                                                             : EXIT_FAILED;
}

/* ---- check ---- */

static enum status check(struct connection *connection, const struct database *database,
                         void *owner, struct error *error)
{
    (void)database;
    size_t *finding_count = owner;
    struct policies_report *report;
    enum status status = policies_query_report(connection, &report, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < report->finding_count; i++)
        printf("%s\n", report->findings[i]);
    *finding_count = report->finding_count;
    policies_report_free(&report);
    return STATUS_OK;
}

int policies_check_run(const struct configuration *configuration,
                       const struct invocation *invocation)
{
    (void)invocation;
    size_t finding_count = 0;
    if (!operations_work(configuration, POLICIES_USE, check, NULL, &finding_count))
        return CHECK_FAILED;
    if (finding_count == 0)
        terminal_step("the policies go together");
    return finding_count == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- run, pause, resume ---- */

struct act {
    enum policy_action action;
    int32_t job_id;
};

static enum status act(struct connection *connection, const struct database *database, void *owner,
                       struct error *error)
{
    (void)database;
    const struct act *act = owner;
    return policies_query_act(connection, act->action, act->job_id, error);
}

static enum status wake(struct connection *connection, const struct database *database, void *owner,
                        struct error *error)
{
    (void)database;
    const struct act *act = owner;
    return act->action == POLICY_RUN ? policies_query_wake(connection, error) : STATUS_OK;
}

static bool read_job(const char *text, int32_t *job_id)
{
    char *end;
    errno = 0;
    long long read = strtoll(text, &end, 10);
    bool is_job = end != text && *end == '\0' && errno == 0 && read > 0 && read <= INT32_MAX;
    if (is_job)
        *job_id = (int32_t)read;
    else
        terminal_error("\"%s\" is no number of a job: `tapedeck policies` lists them", text);
    return is_job;
}

static int act_on(const struct configuration *configuration, const struct invocation *invocation,
                  enum policy_action action, const char *done)
{
    struct act what = {.action = action};
    if (!read_job(invocation->arguments[0], &what.job_id))
        return EXIT_USAGE;
    if (!operations_work(configuration, POLICIES_USE, act, wake, &what))
        return EXIT_FAILED;
    terminal_step("policy %" PRId32 " %s", what.job_id, done);
    return EXIT_DONE;
}

int policies_run_run(const struct configuration *configuration, const struct invocation *invocation)
{
    return act_on(
        configuration, invocation, POLICY_RUN,
        "runs as soon as its scheduler gets to it; `tapedeck policies` tells how it went");
}

int policies_pause_run(const struct configuration *configuration,
                       const struct invocation *invocation)
{
    return act_on(configuration, invocation, POLICY_PAUSE, "is paused until it is resumed");
}

int policies_resume_run(const struct configuration *configuration,
                        const struct invocation *invocation)
{
    return act_on(configuration, invocation, POLICY_RESUME, "runs by its schedule again");
}
