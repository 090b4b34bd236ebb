/*
 * Healing candles, and the scheduler, on both engines.
 */
#include "cluster_fixture.h"

#include "base/clock.h"
#include "store/refresh.h"
#include "store/scheduler.h"
#include "store/tick_writer.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY_2024_08_08 INT64_C(1723075200000000)

/* Trades with a quote now and then, ten at each second, over `minutes`. */
static void write_ticks(struct connection *connection, const char *symbol, int64_t from,
                        int minutes)
{
    struct error error = {0};
    int64_t to = from + minutes * TIME_MINUTE_US;
    struct tick_writer_options options = {.range = {from, to}, .reason = "import"};
    struct tick_writer *writer = NULL;
    MUST(tick_writer_begin(connection, &options, &writer, &error));
    uint64_t random = 88172645463325252U;
    for (int64_t i = 0; from + i / 10 * TIME_SECOND_US < to; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t price = (int64_t)(random % 1000000) * 1000000;
        bool is_quote = random % 5 == 0;
        struct written_tick tick = {
            .symbol = symbol,
            .tick = {from + i / 10 * TIME_SECOND_US,
                     {price, price + 1, is_quote ? DECIMAL_NULL : price,
                      random % 7 == 0 ? DECIMAL_NULL : (int64_t)(random % 99)}},
        };
        MUST(tick_writer_add(writer, &tick, &error));
    }
    MUST(tick_writer_finish(&writer, NULL, &error));
}

/* Stored candles that differ from the ticks, both ways. */
static int64_t wrong_candles(struct connection *connection, const char *view, const char *width)
{
    char sql[2048];
    (void)snprintf(
        sql, sizeof sql,
        "with truth as (select date_bin('%s', time, '2000-01-03Z') as bucket, symbol,"
        " (array_agg(last_price order by time, seq) filter (where last_price is not null))[1]"
        " as open, max(last_price) as high, min(last_price) as low,"
        " (array_agg(last_price order by time desc, seq desc) filter (where last_price is not"
        " null))[1] as close, sum(volume) filter (where last_price is not null) as volume,"
        " count(last_price) as trades from public.tick_data group by 1, 2"
        " having count(last_price) > 0),"
        " stored as (select bucket, symbol, open, high, low, close, volume, trades from public.%s)"
        " select count(*) from ((table truth except table stored) union all"
        " (table stored except table truth)) d",
        width, view);
    return ask_number(connection, sql);
}

static void must_be_right(struct connection *connection)
{
    cr_assert_eq(wrong_candles(connection, "candle_1m", "1 minute"), 0);
    cr_assert_eq(wrong_candles(connection, "candle_5m", "5 minutes"), 0);
    cr_assert_eq(wrong_candles(connection, "candle_15m", "15 minutes"), 0);
    cr_assert_eq(wrong_candles(connection, "candle_1h", "1 hour"), 0);
}

static int64_t pending(struct connection *connection)
{
    struct error error = {0};
    int64_t count = -1;
    MUST(refresh_pending(connection, &count, &error));
    return count;
}

struct told {
    size_t calls;
    size_t steps;
    size_t stop_after;
};

static bool tell(void *owner, const struct refresh_progress *progress)
{
    struct told *told = owner;
    cr_assert_leq(progress->step, progress->steps);
    cr_assert_lt(progress->range.from, progress->range.to);
    told->calls++;
    told->steps = progress->steps;
    return told->stop_after == 0 || told->calls < told->stop_after;
}

ON_BOTH_ENGINES(refresh, heals_what_was_written_and_what_is_written_below_the_watermark)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    write_ticks(connection, "A", DAY_2024_08_08 + TIME_HOUR_US, 70);
    cr_assert_eq(pending(connection), 1);
    struct told told = {0};
    size_t healed = 0;
    MUST(refresh_heal(connection, tell, &told, &healed, &error));
    cr_assert_eq(healed, 1);
    cr_assert_gt(told.steps, 0);
    cr_assert_eq(told.calls, told.steps + 1);
    cr_assert_eq(pending(connection), 0);
    must_be_right(connection);

    write_ticks(connection, "A", DAY_2024_08_08 + TIME_HOUR_US, 3);
    write_ticks(connection, "B", DAY_2024_08_08 - 30 * TIME_MINUTE_US, 60);
    MUST(refresh_heal(connection, NULL, NULL, &healed, &error));
    cr_assert_eq(healed, 2);
    must_be_right(connection);
    MUST(refresh_heal(connection, NULL, NULL, &healed, &error));
    cr_assert_eq(healed, 0);
}

ON_BOTH_ENGINES(refresh, never_refreshes_the_forming_bucket)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    int64_t now = clock_wall_us();
    int64_t from = now - now % TIME_MINUTE_US - 5 * TIME_MINUTE_US;
    write_ticks(connection, "A", from, 7);
    MUST(refresh_heal(connection, NULL, NULL, NULL, &error));
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.aggregates_list()"
                                        " where watermark > now()"),
                 0);
    cr_assert_eq(wrong_candles(connection, "candle_1m", "1 minute"), 0);
}

ON_BOTH_ENGINES(refresh, may_be_stopped_and_goes_on_later)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    write_ticks(connection, "A", DAY_2024_08_08, 5);
    struct told told = {.stop_after = 2};
    size_t healed = 9;
    MUST_FAIL(refresh_heal(connection, tell, &told, &healed, &error), STATUS_END);
    cr_assert_eq(healed, 0);
    cr_assert_eq(pending(connection), 1);
    cr_assert_eq(ask_number(connection, "select count(*) from pg_locks where locktype = 'advisory'"
                                        " and classid = 1413742593"),
                 0, "it is given back");
    MUST(refresh_heal(connection, NULL, NULL, &healed, &error));
    cr_assert_eq(healed, 1);
    must_be_right(connection);
}

static bool hang(void *owner, const struct refresh_progress *progress)
{
    void (**ready)(void) = owner;
    if (progress->step > 0) {
        (*ready)();
        for (;;)
            (void)pause();
    }
    return true;
}

static void play_healer(const struct home *home, void (*ready)(void))
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error;
    if (cluster_attach(&options, &cluster, &error) != STATUS_OK)
        _exit(1);
    struct connection *connection = open_database(cluster_url(cluster));
    (void)!refresh_heal(connection, hang, &ready, NULL, &error);
}

ON_BOTH_ENGINES(refresh, skips_what_another_healer_holds_and_takes_over_when_it_is_killed)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    write_ticks(connection, "A", DAY_2024_08_08, 5);
    pid_t healer = process_play(&database->home, play_healer);
    write_ticks(connection, "B", DAY_2024_08_08, 5);
    write_ticks(connection, "B", DAY_2024_08_08 + 3 * TIME_DAY_US, 5);
    size_t healed = 0;
    MUST(refresh_heal(connection, NULL, NULL, &healed, &error));
    cr_assert_eq(healed, 1, "only what is far from what the other works on");
    cr_assert_eq(pending(connection), 2);
    kill_hard(healer);
    for (int i = 0; i < 200 && pending(connection) > 0; i++) {
        MUST(refresh_heal(connection, NULL, NULL, NULL, &error));
        (void)poll(NULL, 0, 50);
    }
    cr_assert_eq(pending(connection), 0);
    must_be_right(connection);
}

ON_BOTH_ENGINES(refresh, a_row_that_fails_stays_and_the_others_are_healed)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    write_ticks(connection, "A", DAY_2024_08_08, 5);
    write_ticks(connection, "A", DAY_2024_08_08 + TIME_DAY_US, 5);
    /* The first range cannot be refreshed. */
    execute(connection,
            "alter function tapedeck.refresh_plan(timestamptz, timestamptz, timestamptz, boolean)"
            " rename to refresh_plan_right;"
            "create function tapedeck.refresh_plan(f timestamptz, t timestamptz, n timestamptz, p "
            "boolean)"
            " returns setof text language sql as $$ select case when f < '2024-08-09Z'"
            " then 'select 1/0' else s end from tapedeck.refresh_plan_right(f, t, n, p) s $$");
    size_t healed = 0;
    enum status status = refresh_heal(connection, NULL, NULL, &healed, &error);
    cr_assert_neq(status, STATUS_OK);
    MUST_SAY("division by zero");
    cr_assert_eq(healed, 1);
    cr_assert_eq(pending(connection), 1);
    cr_assert(connection_is_idle(connection));
    execute(
        connection,
        "drop function tapedeck.refresh_plan(timestamptz, timestamptz, timestamptz, boolean);"
        "alter function tapedeck.refresh_plan_right(timestamptz, timestamptz, timestamptz, boolean)"
        " rename to refresh_plan");
    MUST(refresh_heal(connection, NULL, NULL, &healed, &error));
    must_be_right(connection);
}

ON_BOTH_ENGINES(refresh, a_row_that_collides_is_begun_again)
{
    struct error error = {0};
    struct connection *connection = database->connection;
    write_ticks(connection, "A", DAY_2024_08_08, 5);
    /* The first two times somebody else is just storing the same candle. */
    execute(connection,
            "create sequence public.tries;"
            "alter function tapedeck.refresh_plan(timestamptz, timestamptz, timestamptz, boolean)"
            " rename to refresh_plan_right;"
            "create function tapedeck.refresh_plan(f timestamptz, t timestamptz, n timestamptz, p "
            "boolean)"
            " returns setof text language sql as $$ select case when nextval('public.tries') < 3"
            " then 'do $x$ begin raise unique_violation; end $x$' else s end"
            " from tapedeck.refresh_plan_right(f, t, n, p) s limit 1 $$");
    size_t healed = 0;
    MUST(refresh_heal(connection, NULL, NULL, &healed, &error));
    cr_assert_eq(healed, 1);
    cr_assert_eq(ask_number(connection, "select last_value from public.tries"), 3);
}

ON_BOTH_ENGINES(refresh, a_lost_connection_is_told)
{
    struct error error = {0};
    write_ticks(database->connection, "A", DAY_2024_08_08, 5);
    struct connection *connection = open_database(cluster_url(database->cluster));
    execute(database->connection, "select pg_terminate_backend(pid) from pg_stat_activity"
                                  " where pid <> pg_backend_pid() and backend_type ="
                                  " 'client backend'");
    MUST_FAIL(refresh_heal(connection, NULL, NULL, NULL, &error), STATUS_UNAVAILABLE);
    connection_close(&connection);
    cr_assert_eq(pending(database->connection), 1);
}

/* A refresh of an hour stores its day, and may take the day before along. */
ON_BOTH_ENGINES(refresh, two_healers_never_work_on_the_same_days)
{
    struct connection *connection = database->connection;
    execute(connection,
            "select tapedeck.pending_add('2024-08-08 03:00Z', '2024-08-08 04:00Z', 't'),"
            " tapedeck.pending_add('2024-08-08 20:00Z', '2024-08-08 21:00Z', 't'),"
            " tapedeck.pending_add('2024-08-09 12:00Z', '2024-08-09 13:00Z', 't'),"
            " tapedeck.pending_add('2024-08-12 12:00Z', '2024-08-12 13:00Z', 't')");
    struct connection *other = open_database(cluster_url(database->cluster));
    static const char take[] = "select coalesce((select range_from::text from"
                               " tapedeck.pending_take(0)), 'nothing')";
    cr_assert_str_eq(ask_text(connection, take), "2024-08-08 03:00:00+00");
    cr_assert_str_eq(ask_text(other, take), "2024-08-12 12:00:00+00");
    cr_assert_str_eq(ask_text(other, take), "2024-08-12 12:00:00+00", "it holds that itself");
    execute(connection, "select tapedeck.pending_done(p.id) from tapedeck.pending_list() p"
                        " order by p.id limit 1");
    cr_assert_str_eq(ask_text(other, take), "2024-08-08 20:00:00+00");
    connection_close(&other);
}

/* A policy's run that was ended by force leaves a note of the days it was at. Yesterday is stored
 * together with the day before, which that note is about. */
Test(refresh, on_timescaledb_finishes_what_a_job_left_unfinished_right_before, .timeout = 120)
{
    struct database database;
    struct error error = {0};
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    struct connection *connection = database.connection;
    jobs_stop(&database);
    execute(
        connection,
        "insert into public.tick_data (time, symbol, last_price) select time_bucket('1 day', now())"
        " - interval '5 hours', 'A', 1");
    execute(connection,
            "select tapedeck.pending_add(time_bucket('1 day', now()) - interval '5 hours',"
            " time_bucket('1 day', now()) - interval '4 hours', 'test')");
    execute(connection,
            "insert into _timescaledb_catalog.continuous_aggs_materialization_ranges"
            " select mat_hypertable_id,"
            "        tapedeck.time_us(time_bucket('1 day', now()) - interval '60 days'),"
            "        tapedeck.time_us(time_bucket('1 day', now()) - interval '1 day')"
            "   from _timescaledb_catalog.continuous_agg where user_view_name = 'candle_1d'");
    MUST(refresh_heal(connection, NULL, NULL, NULL, &error));
    cr_assert_eq(pending(connection), 0);
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.candles_stored('1d', 'A',"
                                        " '-infinity', 'infinity', 9)"),
                 1);
    database_deinit(&database);
}

/* ---- the scheduler ---- */

static struct scheduler *start_scheduler(const struct database *database, int64_t heal_us)
{
    struct error error = {0};
    struct scheduler_options options = {
        .url = cluster_url(database->cluster), .engine = database->engine, .heal_us = heal_us};
    struct scheduler *scheduler = NULL;
    MUST(scheduler_create(&options, &scheduler, &error));
    return scheduler;
}

/* Polls until `sql` is true. */
static void must_become_true(struct connection *connection, const char *sql, int seconds)
{
    for (int waited_ms = 0; waited_ms < seconds * 1000; waited_ms += 50) {
        if (strcmp(ask_text(connection, sql), "t") == 0)
            return;
        (void)poll(NULL, 0, 50);
    }
    cr_assert_fail("never: %s", sql);
}

#define NOTHING_PENDING "select count(*) = 0 from tapedeck.pending_list()"

ON_BOTH_ENGINES(scheduler, heals_at_its_start_and_when_woken)
{
    write_ticks(database->connection, "A", DAY_2024_08_08, 5);
    struct scheduler *scheduler = start_scheduler(database, 0);
    must_become_true(database->connection, NOTHING_PENDING, 30);
    must_be_right(database->connection);
    write_ticks(database->connection, "B", DAY_2024_08_08, 5);
    scheduler_wake(scheduler);
    must_become_true(database->connection, NOTHING_PENDING, 30);
    for (int i = 0; i < 200 && scheduler_statistics(scheduler).healed < 2; i++)
        (void)poll(NULL, 0, 20); /* counted after the row has gone */
    cr_assert_eq(scheduler_statistics(scheduler).healed, 2);
    cr_assert_lt(scheduler_statistics(scheduler).rounds, 30, "it does not spin");
    scheduler_destroy(&scheduler);
    cr_assert_null(scheduler);
}

ON_BOTH_ENGINES(scheduler, heals_again_and_again)
{
    struct scheduler *scheduler = start_scheduler(database, 200000);
    for (int i = 0; i < 3; i++) {
        write_ticks(database->connection, "A", DAY_2024_08_08 + i * TIME_HOUR_US, 2);
        must_become_true(database->connection, NOTHING_PENDING, 30);
    }
    scheduler_destroy(&scheduler);
}

/* When it has done what was due it does not look for a while. What it looks at too often it looks
 * at once a second. */
static void must_sleep(struct scheduler *scheduler)
{
    for (int tries = 0; tries < 10; tries++) {
        uint64_t rounds = scheduler_statistics(scheduler).rounds;
        (void)poll(NULL, 0, 1500);
        if (scheduler_statistics(scheduler).rounds == rounds)
            return;
    }
    cr_assert_fail("nothing is due, and it does not sleep");
}

Test(scheduler, on_postgresql_runs_jobs_when_they_are_due, .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    execute(database.connection, "update tapedeck.jobs set next_run_at = now() + interval '1 hour';"
                                 "update tapedeck.jobs set next_run_at = now() where kind ="
                                 " 'sample'");
    struct scheduler *scheduler = start_scheduler(&database, 0);
    must_become_true(database.connection,
                     "select total_runs = 1 and last_status = 'ok' from"
                     " tapedeck.jobs where kind = 'sample'",
                     30);
    cr_assert_eq(ask_number(database.connection, "select sum(total_runs) from tapedeck.jobs"), 1);
    cr_assert_eq(
        ask_number(database.connection, "select count(*) from tapedeck.storage_history(9)"), 1);
    execute(database.connection,
            "select tapedeck.policy_run(job_id) from tapedeck.jobs where kind ="
            " 'partition'");
    scheduler_wake(scheduler);
    must_become_true(database.connection,
                     "select total_runs = 1 and last_status = 'ok' from"
                     " tapedeck.jobs where kind = 'partition'",
                     30);
    must_sleep(scheduler);
    scheduler_destroy(&scheduler);
    database_deinit(&database);
}

static void await_waiting(struct connection *connection, int64_t count)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "select count(*) = %lld from pg_locks where not granted",
                   (long long)count);
    must_become_true(connection, sql, 20);
}

/* Two servers wake up for a job at the same moment: one has taken it up when the other looks. */
Test(scheduler, on_postgresql_a_job_that_another_server_looks_at_is_run_nevertheless,
     .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct connection *connection = database.connection;
    execute(connection, "update tapedeck.jobs set next_run_at = now() + interval '1 hour';"
                        "update tapedeck.jobs set next_run_at = now() where kind = 'sample'");
    struct connection *runner = open_database(cluster_url(database.cluster));
    struct connection *other = open_database(cluster_url(database.cluster));
    struct connection *watcher = open_database(cluster_url(database.cluster));
    execute(connection, "begin; select from tapedeck.jobs for update");
    cr_assert_eq(PQsendQuery(connection_raw(runner), "call tapedeck.run_due_jobs()"), 1);
    await_waiting(watcher, 1);
    cr_assert_eq(PQsendQuery(connection_raw(other),
                             "begin; select pg_advisory_xact_lock(1413742596, job_id) from"
                             " tapedeck.jobs where kind = 'sample'"),
                 1);
    await_waiting(watcher, 2);
    execute(connection, "commit"); /* the runner notes that it runs, and the other comes between */
    for (PGresult *result; (result = PQgetResult(connection_raw(other))) != NULL;)
        PQclear(result);
    execute(other, "commit");
    for (PGresult *result; (result = PQgetResult(connection_raw(runner))) != NULL;)
        PQclear(result);
    cr_assert_str_eq(
        ask_text(connection, "select last_status from tapedeck.jobs where kind = 'sample'"), "ok");
    cr_assert_eq(ask_number(connection, "select count(*) from tapedeck.storage_history(9)"), 1);
    connection_close(&runner);
    connection_close(&other);
    connection_close(&watcher);
    database_deinit(&database);
}

static bool candles_are_announced(struct connection *connection)
{
    bool found = false;
    for (PGnotify *notify; (notify = PQnotifies(connection_raw(connection))) != NULL;) {
        found = found || strstr(notify->extra, "\"kind\" : \"candles\"") != NULL;
        PQfreemem(notify);
    }
    return found;
}

Test(scheduler, on_postgresql_what_the_refresh_job_mends_is_announced, .timeout = 120)
{
    static const char run_refresh[] = "update tapedeck.jobs set next_run_at = now() + interval '1"
                                      " hour'; update tapedeck.jobs set next_run_at = now() where"
                                      " kind = 'refresh'";
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct connection *connection = database.connection;
    int64_t now = clock_wall_us();
    write_ticks(connection, "A", now - now % TIME_MINUTE_US - 8 * TIME_MINUTE_US, 4);
    struct error error = {0};
    MUST(refresh_heal(connection, NULL, NULL, NULL, &error));
    execute(connection, "listen tapedeck_change");
    execute(connection, run_refresh);
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert_not(candles_are_announced(connection), "nothing has changed");
    /* Between ticks that are stored, by somebody who does not say so. */
    execute(connection, "insert into public.tick_data (time, symbol, last_price) select min(time) +"
                        " interval '90 seconds', 'A', 1 from public.tick_data");
    cr_assert_gt(wrong_candles(connection, "candle_1m", "1 minute"), 0);
    execute(connection, run_refresh);
    execute(connection, "call tapedeck.run_due_jobs()");
    cr_assert(candles_are_announced(connection), "who shows them reads them again");
    cr_assert_eq(wrong_candles(connection, "candle_1m", "1 minute"), 0);
    database_deinit(&database);
}

ON_BOTH_ENGINES(scheduler, survives_a_database_that_goes_away)
{
    cluster_close(&database->cluster);
    connection_close(&database->connection);
    database->cluster = start_server(&database->home); /* which starts a killed one again */
    struct scheduler *scheduler = start_scheduler(database, 300000);
    for (int i = 0; i < 2; i++) {
        database->connection = open_database(cluster_url(database->cluster));
        write_ticks(database->connection, "A", DAY_2024_08_08 + i * TIME_HOUR_US, 2);
        must_become_true(database->connection, NOTHING_PENDING, 30);
        connection_close(&database->connection);
        pid_t postmaster = postmaster_of(&database->home);
        cr_assert_eq(kill(postmaster, SIGKILL), 0);
        cr_assert(ends_within(postmaster, 10));
        struct error error;
        while ((database->connection =
                    connection_open(cluster_url(database->cluster), "test", &error)) == NULL)
            (void)poll(NULL, 0, 100);
        connection_close(&database->connection);
    }
    database->connection = open_database(cluster_url(database->cluster));
    write_ticks(database->connection, "A", DAY_2024_08_08 + 5 * TIME_HOUR_US, 2);
    must_become_true(database->connection, NOTHING_PENDING, 60);
    scheduler_destroy(&scheduler);
}

ON_BOTH_ENGINES(scheduler, ends_at_once_without_a_database_and_in_the_middle_of_work)
{
    struct scheduler *scheduler = start_scheduler(database, 0);
    must_become_true(database->connection,
                     "select count(*) > 0 from pg_stat_activity where"
                     " application_name = 'tapedeck scheduler'",
                     30);
    execute(database->connection, "begin; lock table tapedeck.pending_refresh");
    scheduler_wake(scheduler);
    must_become_true(database->connection,
                     "select count(*) > 0 from pg_stat_activity where"
                     " application_name = 'tapedeck scheduler' and"
                     " wait_event_type = 'Lock'",
                     30);
    int64_t begun_us = clock_monotonic_us();
    scheduler_destroy(&scheduler);
    cr_assert_lt(clock_monotonic_us() - begun_us, 5 * TIME_SECOND_US);
    execute(database->connection, "rollback");

    connection_close(&database->connection);
    struct error error = {0};
    struct scheduler_options options = {.url = "host=/nowhere", .engine = database->engine};
    MUST(scheduler_create(&options, &scheduler, &error));
    while (scheduler_statistics(scheduler).failures < 3)
        (void)poll(NULL, 0, 20);
    begun_us = clock_monotonic_us();
    scheduler_destroy(&scheduler);
    cr_assert_lt(clock_monotonic_us() - begun_us, 5 * TIME_SECOND_US);
}
