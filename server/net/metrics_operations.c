/*
 * The metrics of what the database says about itself: sizes, compression, policies, alerts. A
 * report is as old as its `taken_at`, which is told, so that an alert can see that reports have
 * stopped. Families are there before their first sample, and without one where something is not
 * known: no figure is better than a wrong one.
 */
#include "live/operations.h"
#include "net/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static size_t at_most(size_t count)
{
    return count < METRICS_NAMED_MAX ? count : METRICS_NAMED_MAX;
}

static double seconds(int64_t time_us)
{
    return (double)time_us / 1e6;
}

/* ---- storage ---- */

/* Of each table one figure. */
static void write_tables(struct metrics_text *text, const struct storage_report *report,
                         const char *name, const char *help,
                         int64_t (*figure)(const struct storage_table *table))
{
    metrics_text_family(text, METRICS_GAUGE, name, help);
    for (size_t i = 0; i < at_most(report->table_count); i++) {
        const struct storage_table *table = &report->tables[i];
        metrics_text_number(text, METRICS_LABELS({"table", table->name}), (double)figure(table));
    }
}

static int64_t bytes_of(const struct storage_table *table)
{
    return table->bytes;
}

static int64_t rows_of(const struct storage_table *table)
{
    return table->rows;
}

struct compression_metric {
    const char *name;
    const char *help;
    int64_t (*figure)(const struct storage_compression *of);
};

static int64_t chunks_of(const struct storage_compression *of)
{
    return of->total_chunks;
}

static int64_t compressed_chunks_of(const struct storage_compression *of)
{
    return of->compressed_chunks;
}

static int64_t overdue_chunks_of(const struct storage_compression *of)
{
    return of->overdue_chunks;
}

static int64_t compressed_bytes_of(const struct storage_compression *of)
{
    return of->compressed_bytes;
}

static int64_t uncompressed_bytes_of(const struct storage_compression *of)
{
    return of->uncompressed_bytes;
}

static const struct compression_metric compression_metrics[] = {
    {"tapedeck_table_chunks", "Chunks of a hypertable.", chunks_of},
    {"tapedeck_table_compressed_chunks", "Of these, compressed.", compressed_chunks_of},
    {"tapedeck_table_overdue_chunks", "Old enough for compression, but not compressed.",
     overdue_chunks_of},
    {"tapedeck_table_compressed_bytes", "Of the compressed chunks, now.", compressed_bytes_of},
    {"tapedeck_table_uncompressed_bytes", "Of the same, before they were compressed.",
     uncompressed_bytes_of},
};

static void write_compression(struct metrics_text *text, const struct storage_report *report,
                              const struct compression_metric *metric)
{
    metrics_text_family(text, METRICS_GAUGE, metric->name, metric->help);
    for (size_t i = 0; i < at_most(report->compression_count); i++) {
        const struct storage_compression *of = &report->compression[i];
        metrics_text_number(text, METRICS_LABELS({"table", of->table}), (double)metric->figure(of));
    }
}

static void write_ratio(struct metrics_text *text, const struct storage_report *report)
{
    metrics_text_family(text, METRICS_GAUGE, "tapedeck_table_compression_ratio",
                        "Bytes before compression over bytes after it.");
    for (size_t i = 0; i < at_most(report->compression_count); i++) {
        const struct storage_compression *of = &report->compression[i];
        if (of->compressed_bytes > 0)
            metrics_text_number(text, METRICS_LABELS({"table", of->table}),
                                (double)of->uncompressed_bytes / (double)of->compressed_bytes);
    }
}

/* A sample only where it is known. */
static void write_known(struct metrics_text *text, const char *name, const char *help,
                        bool is_known, double value)
{
    metrics_text_family(text, METRICS_GAUGE, name, help);
    if (is_known)
        metrics_text_number(text, NULL, value);
}

static void write_disk(struct metrics_text *text, const struct storage_disk *disk)
{
    bool is_here = disk->path != NULL; /* else the database is on another machine */
    write_known(text, "tapedeck_disk_bytes", "Of the file system with the data folder.", is_here,
                (double)disk->total_bytes);
    write_known(text, "tapedeck_disk_free_bytes", "Of these, free for this process's user.",
                is_here, (double)disk->free_bytes);
}

void metrics_storage(struct metrics_text *text, const struct storage_report *report)
{
    static const struct storage_report nothing = {.growth_bytes_per_day = NAN};
    bool is_known = report != NULL;
    if (!is_known)
        report = &nothing;
    write_known(text, "tapedeck_storage_taken_timestamp_seconds", "When the sizes were read.",
                is_known, seconds(report->taken_at));
    write_known(text, "tapedeck_database_bytes", "Of the database.", is_known,
                (double)report->database_bytes);
    write_known(text, "tapedeck_database_growth_bytes_per_second",
                "How fast it grows, by the samples of the last days.",
                !isnan(report->growth_bytes_per_day), report->growth_bytes_per_day / 86400);
    write_tables(text, report, "tapedeck_table_bytes", "Of a table with its indexes.", bytes_of);
    write_tables(text, report, "tapedeck_table_rows", "Rows of a table, or an estimate of them.",
                 rows_of);
    for (size_t i = 0; i < sizeof compression_metrics / sizeof *compression_metrics; i++)
        write_compression(text, report, &compression_metrics[i]);
    write_ratio(text, report);
    write_disk(text, &report->disk);
}

/* ---- policies ---- */

struct job_id {
    char text[16];
};

static struct job_id id_of(const struct policy *policy)
{
    struct job_id id;
    (void)snprintf(id.text, sizeof id.text, "%" PRId32, policy->job_id);
    return id;
}

#define POLICY_LABELS(policy)                                                                      \
    METRICS_LABELS({"job", id_of(policy).text}, {"kind", policy_kind_name((policy)->kind)},        \
                   {"target", (policy)->target})

/* NaN: not known, and then there is no sample. */
struct policy_metric {
    enum metrics_type type;
    const char *name;
    const char *help;
    double (*figure)(const struct policy *policy);
};

static double enabled_of(const struct policy *policy)
{
    return policy->enabled ? 1 : 0;
}

static double failed_of(const struct policy *policy)
{
    return policy->last_status == POLICY_FAILED ? 1 : 0;
}

static double running_of(const struct policy *policy)
{
    return policy->last_status == POLICY_RUNNING ? 1 : 0;
}

static double duration_of(const struct policy *policy)
{
    return policy->last_duration_ms / 1000;
}

static double last_run_of(const struct policy *policy)
{
    return policy->last_run_at != TIME_NONE ? seconds(policy->last_run_at) : NAN;
}

static double next_run_of(const struct policy *policy)
{
    return policy->next_run_at != TIME_NONE ? seconds(policy->next_run_at) : NAN;
}

static double runs_of(const struct policy *policy)
{
    return (double)policy->total_runs;
}

static double failures_of(const struct policy *policy)
{
    return (double)policy->total_failures;
}

static const struct policy_metric policy_metrics[] = {
    {METRICS_GAUGE, "tapedeck_policy_enabled", "Whether a policy runs by itself.", enabled_of},
    {METRICS_GAUGE, "tapedeck_policy_failed", "Whether its last run failed.", failed_of},
    {METRICS_GAUGE, "tapedeck_policy_running", "Whether it runs now.", running_of},
    {METRICS_GAUGE, "tapedeck_policy_last_duration_seconds", "How long its last run took.",
     duration_of},
    {METRICS_GAUGE, "tapedeck_policy_last_run_timestamp_seconds", "When that began.", last_run_of},
    {METRICS_GAUGE, "tapedeck_policy_next_run_timestamp_seconds", "When the next one is planned.",
     next_run_of},
    {METRICS_COUNTER, "tapedeck_policy_runs_total", "Runs, failed ones included.", runs_of},
    {METRICS_COUNTER, "tapedeck_policy_failures_total", "Runs that failed.", failures_of},
};

static void write_policies(struct metrics_text *text, const struct policies_report *report,
                           const struct policy_metric *metric)
{
    metrics_text_family(text, metric->type, metric->name, metric->help);
    for (size_t i = 0; i < at_most(report->policy_count); i++) {
        double figure = metric->figure(&report->policies[i]);
        if (!isnan(figure))
            metrics_text_number(text, POLICY_LABELS(&report->policies[i]), figure);
    }
}

static void write_aggregates(struct metrics_text *text, const struct policies_report *report)
{
    metrics_text_family(text, METRICS_GAUGE, "tapedeck_aggregate_lag_seconds",
                        "How far stored candles are behind the newest bucket that is over.");
    for (size_t i = 0; i < at_most(report->aggregate_count); i++) {
        const struct aggregate *aggregate = &report->aggregates[i];
        if (!isnan(aggregate->lag_s))
            metrics_text_number(text, METRICS_LABELS({"view", aggregate->view}), aggregate->lag_s);
    }
}

void metrics_policies(struct metrics_text *text, const struct policies_report *report)
{
    static const struct policies_report nothing = {.taken_at = 0};
    bool is_known = report != NULL;
    if (!is_known)
        report = &nothing;
    write_known(text, "tapedeck_policies_taken_timestamp_seconds", "When the policies were read.",
                is_known, seconds(report->taken_at));
    for (size_t i = 0; i < sizeof policy_metrics / sizeof *policy_metrics; i++)
        write_policies(text, report, &policy_metrics[i]);
    write_aggregates(text, report);
    write_known(text, "tapedeck_policy_findings",
                "What is wrong with how the policies fit together; the log names it.", is_known,
                (double)report->finding_count);
}

/* ---- alerts, and what publishes all this ---- */

static void write_alerts(struct metrics_text *text, const struct alert_counts *counts)
{
    metrics_text_family(text, METRICS_GAUGE, "tapedeck_alerts",
                        "Alerts about the database that hold now, by kind and severity.");
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        for (int severity = 0; severity < ALERT_SEVERITIES; severity++)
            metrics_text_count(
                text,
                METRICS_LABELS({"kind", alert_kind_name((enum alert_kind)kind)},
                               {"severity", alert_severity_name((enum alert_severity)severity)}),
                counts->of[kind][severity]);
    }
}

static void write_questions(struct metrics_text *text, const struct live_operations_figures *asked)
{
    metrics_text_family(text, METRICS_COUNTER, "tapedeck_operations_questions_total",
                        "Times the database was asked about itself.");
    metrics_text_count(text, METRICS_LABELS({"about", "storage"}), asked->storage_asked);
    metrics_text_count(text, METRICS_LABELS({"about", "policies"}), asked->policies_asked);
    metrics_text_family(text, METRICS_COUNTER, "tapedeck_operations_failures_total",
                        "Of these, without an answer.");
    metrics_text_count(text, METRICS_LABELS({"about", "storage"}), asked->storage_failed);
    metrics_text_count(text, METRICS_LABELS({"about", "policies"}), asked->policies_failed);
    metrics_text_counter(text, "tapedeck_policy_events_total",
                         "Runs of policies whose end was told to clients.", asked->events);
}

void metrics_operations(struct metrics_text *text, struct live_operations *live)
{
    struct alert_counts alerts;
    struct live_operations_figures asked = live_operations_figures(live);
    live_operations_alerts(live, &alerts);
    struct storage_snapshot *storage = live_storage_pin(live);
    struct policies_snapshot *policies = live_policies_pin(live);
    metrics_storage(text, storage != NULL ? storage->report : NULL);
    metrics_policies(text, policies != NULL ? policies->report : NULL);
    write_alerts(text, &alerts);
    write_questions(text, &asked);
    storage_snapshot_unpin(&storage);
    policies_snapshot_unpin(&policies);
}
