/*
 * Ticks that others wrote beyond the watermark: stored soon, once, at a bounded rate, and never
 * into the forming bucket. And what the policies refuse.
 */
#include "candles_oracle.h"
#include "cluster_fixture.h"

#include "base/clock.h"
#include "store/change_feed.h"
#include "store/refresh.h"
#include "store/scheduler.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* TimescaleDB's own jobs would do the same, later. */
static void pause_jobs(struct database *database)
{
    jobs_stop(database);
    if (database->engine == ENGINE_POSTGRESQL)
        execute(database->connection, "update tapedeck.jobs set enabled = false;"
                                      "select tapedeck.chunks_prepare(now() - interval '4 days',"
                                      " now() + interval '4 days')");
}

/* One tick every `every` in [now − from, now − to), as somebody would who knows nothing of us. */
static void insert(struct connection *connection, const char *symbol, const char *from,
                   const char *to, const char *every, bool is_quote)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "insert into public.tick_data (time, symbol, bid_price, last_price, volume)"
                   " select g, '%s', 1, %s, 2 from generate_series(now() - interval '%s',"
                   " now() - interval '%s', interval '%s') g",
                   symbol, is_quote ? "null" : "extract(minute from g)", from, to, every);
    execute(connection, sql);
}

static void heal(struct connection *connection)
{
    struct error error = {0};
    MUST(refresh_heal(connection, NULL, NULL, NULL, &error));
}

/* Milliseconds that tails_queue() asks to wait; −1: nothing is owed. */
static int64_t look(struct connection *connection)
{
    execute(connection, "select tapedeck.symbols_reconcile()");
    return ask_number(connection,
                      "select coalesce(ceil(tapedeck.tails_queue() * 1000)::bigint, -1)");
}

static int64_t tails(struct connection *connection)
{
    return ask_number(connection,
                      "select count(*) from tapedeck.pending_list() where reason = 'tail'");
}

static void queued_before(struct connection *connection, const char *age)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "update tapedeck.candle_tails set queued_at = clock_timestamp() - interval '%s'",
                   age);
    execute(connection, sql);
}

/* Views whose finished buckets are not all stored: their watermark is below the last full one. */
#define UNSTORED                                                                                   \
    "select count(*) from tapedeck.aggregates_list() a join (values ('candle_1m', interval "       \
    "'1 minute'), ('candle_5m', '5 minutes'), ('candle_15m', '15 minutes'), ('candle_1h', "        \
    "'1 hour'), ('candle_1d', '1 day')) as w (view, width) using (view) where a.watermark is "     \
    "null or a.watermark < "                                                                       \
    "tapedeck.bucket_floor(w.width, (select last_time from tapedeck.symbols where symbol = 'T'))"
#define PASSED_NOW "select count(*) from tapedeck.aggregates_list() where watermark > now()"

/* ---- what is queued ---- */

ON_BOTH_ENGINES(tails, a_backlog_of_hours_is_queued_at_once_and_by_one_server_only)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    cr_assert_eq(look(connection), -1, "nothing is there");
    insert(connection, "T", "49 hours", "5 minutes", "20 seconds", false);
    struct connection *other = open_database(cluster_url(database->cluster));
    execute(other, "begin; select pg_advisory_xact_lock(1413742598, 0)");
    cr_assert_eq(look(connection), -1, "another server is looking");
    execute(other, "commit");
    connection_close(&other);
    cr_assert_eq(look(connection), 0);
    cr_assert_eq(tails(connection), 1);
    cr_assert_neq(look(connection), 0, "somebody is at it");
    cr_assert_eq(tails(connection), 1);
    heal(connection);
    cr_assert_eq(ask_number(connection, UNSTORED), 0);
    cr_assert_eq(ask_number(connection, PASSED_NOW), 0);
    cr_assert_neq(look(connection), 0);
    cr_assert_eq(tails(connection), 0, "it is stored");
    cr_assert_geq(ask_number(connection, "select count(*) from tapedeck.candles_stored('1m', 'T',"
                                         " '-infinity', 'infinity', 5000)"),
                  48 * 60);
}

ON_BOTH_ENGINES(tails, a_trickle_waits_for_its_minute_and_a_backlog_does_not)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    insert(connection, "T", "10 hours", "9 hours", "1 minute", false);
    cr_assert_eq(look(connection), 0);
    heal(connection);

    /* All of what is finished but for the last quarter of an hour is settled. */
    execute(connection, "update tapedeck.candle_tails set settled_to = now() - interval '15 min'");
    if (database->engine == ENGINE_POSTGRESQL) /* where it goes to the end of what was looked at */
        execute(connection, "update tapedeck.candle_state set watermark = now() - interval '1 h'");
    insert(connection, "T", "10 minutes", "3 minutes", "30 seconds", false);
    queued_before(connection, "30 seconds");
    int64_t wait_ms = look(connection);
    cr_assert(wait_ms > 10000 && wait_ms <= 31000, "%lld", (long long)wait_ms);
    cr_assert_eq(tails(connection), 0);
    queued_before(connection, "61 seconds");
    cr_assert_eq(look(connection), 0);
    cr_assert_eq(tails(connection), 1);
    heal(connection);

    /* Hours that somebody else now writes before them. */
    insert(connection, "U", "8 hours", "4 hours", "1 minute", false);
    queued_before(connection, "30 seconds");
    cr_assert_eq(look(connection), 0);
    heal(connection);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.pending_list()"), 0);
    cr_assert_geq(ask_number(connection, "select count(*) from tapedeck.candles_stored('1m', 'U',"
                                         " '-infinity', 'infinity', 5000)"),
                  4 * 60);
}

ON_BOTH_ENGINES(tails, quotes_alone_are_not_queued_again_and_again)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    insert(connection, "T", "30 hours", "3 minutes", "1 minute", true);
    cr_assert_eq(look(connection), 0);
    heal(connection);
    for (int i = 0; i < 3; i++) {
        queued_before(connection, "1 hour");
        execute(connection, "update tapedeck.candle_tails set settled_to = least(settled_to,"
                            " now() - interval '2 minutes')");
        cr_assert_eq(look(connection), -1, "no tick has come since");
    }
    cr_assert_eq(tails(connection), 0);
}

ON_BOTH_ENGINES(tails, the_future_and_the_forming_bucket_are_left_out)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    execute(connection, "insert into public.tick_data (time, symbol, last_price) values"
                        " (now() + interval '2 days', 'T', 1), (clock_timestamp(), 'T', 2)");
    cr_assert_eq(look(connection), -1);
    insert(connection, "U", "3 hours", "0 seconds", "10 seconds", false);
    cr_assert_eq(look(connection), 0);
    heal(connection);
    cr_assert_eq(ask_number(connection, PASSED_NOW), 0);
    cr_assert_geq(ask_number(connection, "select count(*) from tapedeck.candles_stored('1m', 'U',"
                                         " '-infinity', 'infinity', 5000)"),
                  178);
}

/* ---- what was settled already ---- */

static void look_and_heal(struct connection *connection)
{
    queued_before(connection, "1 hour");
    (void)look(connection);
    heal(connection);
}

/* Minutes of A up to 11:00, stored; then quotes, so that all views are settled far beyond. (Plain
 * PostgreSQL's watermark is there already.) */
static void settle(struct connection *connection)
{
    execute(connection, "select tapedeck.chunks_prepare('2024-08-08Z', '2024-08-09Z');"
                        "insert into public.tick_data (time, symbol, last_price, volume) select g,"
                        " 'A', 1, 1 from generate_series('2024-08-08 10:00Z'::timestamptz,"
                        " '2024-08-08 10:59Z', '1 minute') g");
    cr_assert_eq(look(connection), 0);
    heal(connection);
    execute(connection, "insert into public.tick_data (time, symbol, bid_price) values"
                        " ('2024-08-08 22:00Z', 'Q', 1)");
    look_and_heal(connection);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.candle_tails where"
                                        " settled_to < '2024-08-09Z'"),
                 0);
}

/* The ticks of the older symbol are looked at first, and lie in the second minute. */
ON_BOTH_ENGINES(tails, ticks_of_two_minutes_behind_what_was_settled_are_stored_from_the_first)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    settle(connection);
    execute(connection, "insert into public.tick_data (time, symbol, last_price, volume) values"
                        " ('2024-08-08 14:00:50Z', 'B', 5, 1), ('2024-08-08 14:01:30Z', 'A', 6, 1),"
                        " ('2024-08-08 14:01:40Z', 'B', 7, 1)");
    look_and_heal(connection);
    cr_assert_eq(candles_wrong_fields(connection, "2024-08-08Z", "2024-08-09Z"), 0);
    cr_assert_eq(ask_number(connection, "select count(*) from public.candle_1m where symbol = 'B'"),
                 2);
}

/* What a COPY changed below a threshold TimescaleDB does not note while triggers are on. */
ON_BOTH_ENGINES(tails, what_is_copied_behind_what_was_settled_is_stored_while_triggers_tell)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    execute(connection, "select tapedeck.triggers_enable()");
    settle(connection);
    struct error error = {0};
    static const char rows[] = "2024-08-08 14:00:50Z\tB\t5\n2024-08-08 18:01:30Z\tA\t6\n";
    MUST(connection_copy_in_begin(
        connection, "copy public.tick_data (time, symbol, last_price) from stdin", &error));
    MUST(connection_copy_in_put(connection, rows, sizeof rows - 1, &error));
    int64_t copied;
    MUST(connection_copy_in_end(connection, &copied, &error));
    look_and_heal(connection);
    /* The watermark passes them. */
    execute(connection, "insert into public.tick_data (time, symbol, last_price) values"
                        " ('2024-08-08 22:30Z', 'Q', 5)");
    look_and_heal(connection);
    cr_assert_eq(candles_wrong_fields(connection, "2024-08-08Z", "2024-08-09Z"), 0);
    cr_assert_eq(ask_number(connection, "select sum(trades) from tapedeck.candles_exact('1d', 'B',"
                                        " '2024-08-08Z', '2024-08-09Z')"),
                 1);
}

static void send(struct connection *connection, const char *sql)
{
    cr_assert_eq(PQsendQuery(connection_raw(connection), sql), 1);
}

/* Until the session waits for a lock, or has its answer. */
static void await_lock_or_end(struct connection *connection, struct connection *session)
{
    char sql[128];
    PGconn *pg = connection_raw(session);
    (void)snprintf(sql, sizeof sql, "select count(*) from pg_locks where not granted and pid = %d",
                   PQbackendPID(pg));
    for (int waited_ms = 0; waited_ms < 20000; waited_ms += 10) {
        if (PQconsumeInput(pg) == 1 && PQisBusy(pg) == 0)
            return;
        if (ask_number(connection, sql) > 0)
            return;
        (void)poll(NULL, 0, 10);
    }
    cr_assert_fail("it neither waits nor ends");
}

static void finish(struct connection *connection)
{
    PGresult *result;
    while ((result = PQgetResult(connection_raw(connection))) != NULL) {
        cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(result));
        PQclear(result);
    }
}

ON_BOTH_ENGINES(tails, what_one_server_notes_while_another_queues_is_not_forgotten)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    settle(connection);
    execute(connection, "update tapedeck.candle_tails set settled_to = '2024-08-08 22:30Z';"
                        "insert into public.tick_data (time, symbol, last_price) values"
                        " ('2024-08-08 23:00Z', 'Q', 1)");
    execute(connection, "select tapedeck.symbols_reconcile()");
    execute(connection, "update tapedeck.candle_tails set owed_from = 'infinity';"
                        "insert into public.tick_data (time, symbol, last_price) values"
                        " ('2024-08-08 14:00:50Z', 'A', 1)");
    queued_before(connection, "1 hour");
    struct connection *finder = open_database(cluster_url(database->cluster));
    execute(finder, "begin; select tapedeck.symbols_reconcile()");
    struct connection *queuer = open_database(cluster_url(database->cluster));
    send(queuer, "select tapedeck.tails_queue()");
    await_lock_or_end(connection, queuer);
    execute(finder, "commit");
    finish(queuer);
    look_and_heal(connection);
    cr_assert_eq(candles_wrong_fields(connection, "2024-08-08Z", "2024-08-09Z"), 0);
    cr_assert_eq(ask_number(connection, "select count(*) from public.candle_1m where bucket ="
                                        " '2024-08-08 14:00Z'"),
                 1);
    connection_close(&finder);
    connection_close(&queuer);
}

/* ---- the server's part ---- */

static void notice(void *owner, const struct change *change)
{
    struct scheduler **scheduler = owner;
    if (change->kind == CHANGE_TICKS || change->kind == CHANGE_FOREIGN)
        scheduler_notice(*scheduler);
}

static void await_zero(struct connection *connection, const char *sql, int seconds)
{
    for (int waited_ms = 0; waited_ms < seconds * 1000; waited_ms += 50) {
        if (ask_number(connection, sql) == 0)
            return;
        (void)poll(NULL, 0, 50);
    }
    cr_assert_fail("never zero: %s", sql);
}

ON_BOTH_ENGINES(tails, two_days_that_others_wrote_are_stored_a_few_seconds_later)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    pause_jobs(database);
    struct scheduler_options work = {.url = cluster_url(database->cluster),
                                     .engine = database->engine,
                                     .heal_us = 3600 * TIME_SECOND_US};
    struct scheduler *scheduler = NULL;
    MUST(scheduler_create(&work, &scheduler, &error));
    struct change_feed_options options = {.url = cluster_url(database->cluster),
                                          .marker_us = 200000,
                                          .changed = notice,
                                          .owner = &scheduler};
    struct change_feed *feed = NULL;
    MUST(change_feed_create(&options, &feed, &error));
    insert(connection, "T", "48 hours", "2 minutes", "30 seconds", false);
    await_zero(connection, "select 1 - count(*) from tapedeck.symbols where symbol = 'T'", 20);
    await_zero(connection, UNSTORED, 20);
    await_zero(connection, "select count(*) from tapedeck.pending_list()", 20);
    cr_assert_eq(ask_number(connection, PASSED_NOW), 0);

    /* Somebody who trickles does not keep it busy. */
    uint64_t rounds = scheduler_statistics(scheduler).rounds;
    uint64_t healed = scheduler_statistics(scheduler).healed;
    for (int i = 0; i < 30; i++) {
        insert(connection, "T", "90 seconds", "90 seconds", "1 second", false);
        (void)poll(NULL, 0, 100);
    }
    cr_assert_leq(scheduler_statistics(scheduler).healed, healed + 1);
    cr_assert_leq(scheduler_statistics(scheduler).rounds, rounds + 10);
    change_feed_destroy(&feed);
    scheduler_destroy(&scheduler);
}

/* ---- what is compared ---- */

ON_BOTH_ENGINES(verify, compares_whole_candles_where_a_part_of_them_is_asked_for)
{
    struct connection *connection = database->connection;
    pause_jobs(database);
    settle(connection);
    static const char pieces[] =
        "select coalesce(string_agg(format('%%s %%s', p.range_from at time zone 'UTC', p.range_to"
        " at time zone 'UTC'), ','), '') from tapedeck.candles_pieces(array[%s], '2024-08-08"
        " 10:20Z', '2024-08-08 10:40Z') p where p.kind = 'compare'";
    static const char *const intervals[][3] = {
        {"'1m'", "10:20:00", "2024-08-08 10:40:00"},
        {"'1m', '1h', '15m'", "10:00:00", "2024-08-08 11:00:00"},
        {"'1d'", "00:00:00", "2024-08-09 00:00:00"},
        {"'1m', '5m', '15m', '1h', '1d'", "00:00:00", "2024-08-09 00:00:00"},
    };
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        char sql[512];
        char expected[128];
        (void)snprintf(sql, sizeof sql, pieces, intervals[i][0]);
        (void)snprintf(expected, sizeof expected, "2024-08-08 %s %s", intervals[i][1],
                       intervals[i][2]);
        cr_assert_str_eq(ask_text(connection, sql), expected, "%s", intervals[i][0]);
    }
}

/* ---- windows ---- */

/* A refresh of one bucket is an error, and the bucket before lies in the chunk before. */
ON_BOTH_ENGINES(tails, the_first_buckets_of_a_day_can_be_refreshed)
{
    struct connection *connection = database->connection;
    struct error error = {0};
    pause_jobs(database);
    execute(connection, "select tapedeck.chunks_prepare('2024-08-07Z', '2024-08-09Z');"
                        "insert into public.tick_data (time, symbol, last_price) values"
                        " ('2024-08-07 23:50Z', 'T', 1), ('2024-08-08 00:00:10Z', 'T', 2)");
    static const char *const nows[] = {"00:01:30", "00:05:30", "00:15:30", "01:00:30"};
    for (size_t i = 0; i < 4; i++) {
        char sql[256];
        (void)snprintf(sql, sizeof sql,
                       "select s from tapedeck.refresh_steps('2024-08-08 00:00Z',"
                       " '2024-08-08 00:01Z', '2024-08-08 %sZ') s",
                       nows[i]);
        PGresult *steps;
        MUST(connection_query(connection, sql, 0, NULL, &steps, &error));
        cr_assert_gt(PQntuples(steps), 0);
        for (int row = 0; row < PQntuples(steps); row++)
            MUST(connection_execute(connection, PQgetvalue(steps, row, 0), &error));
        PQclear(steps);
    }
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.candles_stored('1m', 'T',"
                                        " '2024-08-08Z', 'infinity', 10)"),
                 1);
}

/* ---- policies ---- */

static int64_t findings(struct connection *connection, const char *words)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from tapedeck.policies_check() f where f like '%%%s%%'", words);
    return ask_number(connection, sql);
}

/* What follows "run: " in the findings, until there are none. */
static void do_as_told(struct connection *connection)
{
    for (int i = 0; i < 8 && findings(connection, "") > 0; i++) {
        char sql[4096];
        (void)snprintf(sql, sizeof sql, "%s",
                       ask_text(connection,
                                "select regexp_replace(substring(f from 'run: (.*)$'),"
                                " ', or keep the .*$', '') from tapedeck.policies_check() f"
                                " limit 1"));
        execute(connection, sql);
    }
    cr_assert_eq(findings(connection, ""), 0, "what it says helps");
}

Test(policies, on_timescaledb_pass_as_shipped_and_changed_and_are_refused_clearly, .timeout = 240)
{
    struct database database;
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    struct connection *connection = database.connection;
    cr_assert_eq(findings(connection, ""), 0);
    static const char change[] = "select public.alter_job(job_id, config => config || '%s') from"
                                 " timescaledb_information.jobs where proc_name = '%s'";
    static const struct {
        const char *job;
        const char *config;
        const char *words; /* NULL: fine */
    } settings[] = {
        {"policy_retention", "{\"drop_after\": \"365 days\"}", NULL},
        {"policy_retention", "{\"drop_after\": \"30 days\"}", "which deletes candles"},
        {"policy_refresh_continuous_aggregate", "{\"start_offset\": \"10 days\"}", NULL},
        {"policy_retention", "{\"drop_after\": \"14 days\"}", NULL},
        {"policy_retention", "{\"drop_after\": \"12 days\"}", "margin"},
        {"policy_retention", "{\"drop_after\": \"90 days\"}", NULL},
        {"policy_refresh_continuous_aggregate", "{\"start_offset\": null}", "has no start"},
        {"policy_refresh_continuous_aggregate", "{\"end_offset\": null}", "has no end before now"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql, change, settings[i].config, settings[i].job);
        execute(connection, sql);
        if (settings[i].words == NULL) {
            cr_assert_eq(findings(connection, ""), 0, "setting %zu: %s", i,
                         ask_text(connection, "select string_agg(f, E'\\n') from"
                                              " tapedeck.policies_check() f"));
            continue;
        }
        cr_assert_gt(findings(connection, settings[i].words), 0, "setting %zu", i);
        do_as_told(connection);
    }
    database_deinit(&database);
}

Test(policies, on_postgresql_pass_as_shipped_and_changed_and_are_refused_clearly, .timeout = 240)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct connection *connection = database.connection;
    cr_assert_eq(findings(connection, ""), 0);
    execute(connection, "update tapedeck.jobs set config = '{\"drop_after\": \"3 days\"}'"
                        " where kind = 'retention'");
    cr_assert_eq(findings(connection, ""), 0);
    execute(connection, "update tapedeck.jobs set config = config || '{\"start_offset\":"
                        " \"2 days\"}' where kind = 'refresh'");
    cr_assert_eq(findings(connection, "still looks at"), 1);
    do_as_told(connection);
    execute(connection, "update tapedeck.jobs set config = config || '{\"start_offset\": null,"
                        " \"end_offset\": null}' where kind = 'refresh'");
    cr_assert_eq(findings(connection, ""), 2);
    do_as_told(connection);
    database_deinit(&database);
}

/* ---- what cannot be read ---- */

static const struct unreadable {
    const char *kind;
    const char *config; /* as SQL spells it */
    const char *name;
    const char *told; /* as JSON */
    const char *mended_by;
} unreadables[] = {
    {"refresh", "{\"start_offset\": \"10 minuts\"}", "start_offset", "\"10 minuts\"",
     "update tapedeck.jobs set config"},
    {"refresh", "{\"end_offset\": \"\"}", "end_offset", "\"\"", "update tapedeck.jobs set config"},
    {"retention", "{\"drop_after\": \"5\\n''yeers''\"}", "drop_after", "\"5\\n'yeers'\"",
     "select tapedeck.policy_set("},
    {"partition", "{\"ahead\": true}", "ahead", "\"true\"", "update tapedeck.jobs set config"},
    {"sample", "{\"at\": \"noon\"}", "at", "\"noon\"", "update tapedeck.jobs set config"},
};

static void configure(struct connection *connection, const char *kind, const char *config)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "update tapedeck.jobs set config = config || '%s' where kind = '%s'", config,
                   kind);
    execute(connection, sql);
}

static int64_t job_of(struct connection *connection, const char *kind)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "select job_id from tapedeck.jobs where kind = '%s'", kind);
    return ask_number(connection, sql);
}

/* What somebody wrote by hand must not blind the server to everything else that is wrong. */
Test(policies, on_postgresql_that_cannot_be_read_are_findings_with_job_and_text, .timeout = 240)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct connection *connection = database.connection;
    for (size_t i = 0; i < sizeof unreadables / sizeof *unreadables; i++) {
        const struct unreadable *wrong = &unreadables[i];
        char expected[256];
        configure(connection, wrong->kind, wrong->config);
        (void)snprintf(expected, sizeof expected,
                       "%s of %s job %lld is no length of time: %s; run: %s", wrong->name,
                       wrong->kind, (long long)job_of(connection, wrong->kind), wrong->told,
                       wrong->mended_by);
        cr_assert_eq(findings(connection, ""), 1, "%s", wrong->name);
        const char *told = ask_text(connection, "select f from tapedeck.policies_check() f");
        cr_assert_eq(strncmp(told, expected, strlen(expected)), 0, "%s is not %s", told, expected);
        do_as_told(connection);
    }
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.jobs where not enabled"), 1,
                 "how long ticks were to be kept is not guessed");
    database_deinit(&database);
}

Test(policies, on_postgresql_that_cannot_be_read_hide_and_stop_nothing_else, .timeout = 240)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct connection *connection = database.connection;
    configure(connection, "retention", "{\"drop_after\": \"nonsense\"}");
    configure(connection, "refresh", "{\"end_offset\": null}");
    cr_assert_eq(findings(connection, "nonsense"), 1);
    cr_assert_eq(findings(connection, "has no end"), 1);
    cr_assert_eq(ask_number(connection, "select count(tapedeck.retention_horizon())"), 0);
    execute(connection, "update tapedeck.jobs set enabled = false where kind = 'retention'");
    cr_assert_eq(findings(connection, "nonsense"), 0, "paused, it does no harm");
    do_as_told(connection);
    configure(connection, "partition", "{\"at\": \"noon\"}");
    execute(connection, "update tapedeck.jobs set next_run_at = now()");
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.jobs where enabled and"
                                        " last_status is distinct from 'ok'"),
                 0, "the job itself, and those after it, have run");
    database_deinit(&database);
}
