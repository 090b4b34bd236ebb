/*
 * Samples of a database's size: one a night whoever takes it, the newest 90, and what they tell of
 * growth; and how far candles are behind.
 */
#include "operations_support.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

TestSuite(operations_history, .timeout = 240);

#define SAMPLES "select count(*) from tapedeck.storage_samples"

static double growth(struct pg_operations *operations)
{
    struct storage_report *report;
    struct error error;
    MUST(storage_of(operations, &report, &error));
    double bytes_per_day = report->growth_bytes_per_day;
    storage_report_free(&report);
    return bytes_per_day;
}

ON_BOTH_ENGINES(operations_history, the_newest_90_samples_are_kept)
{
    struct connection *connection = database->connection;
    struct error error;
    struct pg_operations *operations = operations_start(database, 0);
    execute(connection, "insert into tapedeck.storage_samples select now() - n * interval '1 day',"
                        " 1000, '{\"tick_data\": 10, \"candle_1m\": 5}'"
                        " from generate_series(1, 95) n");
    execute(connection, "select tapedeck.storage_sample()");
    cr_assert_eq(ask_number(connection, SAMPLES), 90);
    cr_assert_eq(ask_number(connection, SAMPLES " where sampled_at < now() - interval '90 days'"),
                 0);

    struct storage_history *history;
    MUST(history_of(operations, STORAGE_HISTORY_MAX, &history, &error));
    cr_assert_eq(history->sample_count, 90);
    cr_assert_gt(history->samples[0].total_bytes, 1000, "the newest is the one just taken");
    cr_assert_gt(history->samples[0].table_count, 5);
    for (size_t i = 1; i < history->sample_count; i++) {
        cr_assert_lt(history->samples[i].sampled_at, history->samples[i - 1].sampled_at);
        cr_assert_eq(history->samples[i].table_count, 2);
        cr_assert_str_eq(history->samples[i].tables[0].name, "candle_1m");
        cr_assert_eq(history->samples[i].tables[1].bytes, 10);
    }
    storage_history_free(&history);
    MUST(history_of(operations, 1, &history, &error));
    cr_assert_eq(history->sample_count, 1);
    storage_history_free(&history);

    /* A sample of no tables, and bytes that are not ours. */
    execute(connection, "truncate tapedeck.storage_samples;"
                        "insert into tapedeck.storage_samples values (now(), 7, '{}')");
    MUST(history_of(operations, 9, &history, &error));
    cr_assert_eq(history->sample_count, 1);
    cr_assert_eq(history->samples[0].table_count, 0);
    storage_history_free(&history);
    pg_operations_destroy(&operations);
}

ON_BOTH_ENGINES(operations_history, growth_is_the_line_through_the_samples_of_thirty_days)
{
    struct connection *connection = database->connection;
    struct pg_operations *operations = operations_start(database, 0);
    execute(connection, "insert into tapedeck.storage_samples values (now(), 5000000, '{}')");
    cr_assert(isnan(growth(operations)), "one sample tells nothing");
    execute(connection, "insert into tapedeck.storage_samples values"
                        " (now() - interval '1 hour', 1000000, '{}')");
    cr_assert(isnan(growth(operations)), "nor do two of the same day");
    /* 10 MB a day, since 20 days; what is older than 30 grew much faster. */
    execute(connection, "truncate tapedeck.storage_samples;"
                        "insert into tapedeck.storage_samples select now() - n * interval '1 day',"
                        " 1000000000 - n * 10000000, '{}' from generate_series(0, 20) n;"
                        "insert into tapedeck.storage_samples select now() - n * interval '1 day',"
                        " 1, '{}' from generate_series(31, 40) n");
    cr_assert_float_eq(growth(operations), 1e7, 1.0);
    execute(connection, "update tapedeck.storage_samples set total_bytes = 2000000000 - total_bytes"
                        " where total_bytes > 1");
    cr_assert_float_eq(growth(operations), -1e7, 1.0, "it may shrink");
    pg_operations_destroy(&operations);
}

/* ---- one a night ---- */

struct server {
    const char *url;
    const char *sql;
};

static void *serve(void *argument)
{
    const struct server *server = argument;
    struct connection *connection = open_database(server->url);
    execute(connection, server->sql);
    connection_close(&connection);
    return NULL;
}

#define SERVERS 4

static void serve_together(struct database *database, const char *sql)
{
    pthread_t threads[SERVERS];
    struct server server = {.url = cluster_url(database->cluster), .sql = sql};
    for (size_t i = 0; i < SERVERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, serve, &server), 0);
    for (size_t i = 0; i < SERVERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}

ON_BOTH_ENGINES(operations_history, several_servers_take_one_sample_a_night)
{
    struct connection *connection = database->connection;
    bool is_plain = database->engine == ENGINE_POSTGRESQL;
    if (is_plain)
        execute(connection, "update tapedeck.jobs set next_run_at = now() where kind = 'sample'");
    const char *sql =
        is_plain ? "call tapedeck.run_due_jobs()" : "call tapedeck.storage_sample_job(1, '{}')";
    serve_together(database, sql);
    cr_assert_eq(ask_number(connection, SAMPLES), 1);
    if (is_plain) {
        cr_assert_str_eq(ask_text(connection,
                                  "select last_status || total_runs from tapedeck.policies_list()"
                                  " where kind = 'sample'"),
                         "ok1");
        execute(connection, "update tapedeck.jobs set next_run_at = now() where kind = 'sample'");
    }
    serve_together(database, sql); /* again, in the same night */
    cr_assert_eq(ask_number(connection, SAMPLES), 1);

    /* One of the day before does not count, by a microsecond. */
    execute(connection,
            "update tapedeck.storage_samples set sampled_at = pg_catalog.date_bin('24 hours',"
            " now(), timestamptz '2000-01-03 03:00:00+00') - interval '1 microsecond'");
    execute(connection, "select tapedeck.storage_sample_nightly()");
    cr_assert_eq(ask_number(connection, SAMPLES), 2);
    cr_assert_str_eq(ask_text(connection,
                              "select pg_catalog.to_char(next_run_at at time zone 'UTC',"
                              " 'HH24:MI:SS') from tapedeck.policies_list() where kind = 'sample'"),
                     "03:00:00");
}

/* ---- how far behind ---- */

/* Of a watermark so far from the start of the forming minute. */
static double lag_of(struct connection *connection, const char *offset)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "select tapedeck.aggregate_lag('1 minute', tapedeck.bucket_floor('1 minute',"
                   " clock_timestamp()) + interval '%s')",
                   offset);
    const char *text = ask_text(connection, sql);
    return strcmp(text, "(null)") == 0 ? NAN : strtod(text, NULL);
}

ON_BOTH_ENGINES(operations_history, candles_are_behind_by_what_is_owed_of_finished_buckets)
{
    struct connection *connection = database->connection;
    cr_assert_eq(lag_of(connection, "-1 hour"), 0.0, "without ticks nothing is owed");
    execute(connection, "insert into tapedeck.symbols (symbol, first_time, last_time, ticks, exact)"
                        " values ('A', now() - interval '1 day', tapedeck.bucket_floor('1 minute',"
                        " now()) - interval '10 minutes 30 seconds', 1, true)");
    cr_assert_eq(lag_of(connection, "-10 minutes"), 0.0, "its last minute is stored");
    cr_assert_eq(lag_of(connection, "-2 minutes"), 0.0);
    cr_assert_eq(lag_of(connection, "-11 minutes"), 60.0);
    cr_assert_eq(lag_of(connection, "-1 hour"), 3000.0);
    cr_assert_eq(lag_of(connection, "1 minute"), -60.0, "the forming bucket was stored");
    cr_assert_eq(lag_of(connection, "1 day"), -86400.0);
    execute(connection, "update tapedeck.symbols set last_time = now() + interval '1 day'");
    cr_assert_eq(lag_of(connection, "-5 minutes"), 300.0, "what is not over is not owed");
    cr_assert_eq(lag_of(connection, "0"), 0.0);
    cr_assert_str_eq(ask_text(connection, "select tapedeck.aggregate_lag('1 minute', null)"),
                     "(null)");
}
