/* A database that goes away and comes back, too many requests, an early end. */
#include "source_support.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define T0 INT64_C(1723161240000000)
#define GRAIN_US TIME_SECOND_US
#define LOADS 50

static struct connection *own;
static struct pg_source *source;
static char purpose[32];

static void setup(void)
{
    own = test_connect();
    (void)snprintf(purpose, sizeof purpose, "w%d", (int)getpid());
}

static void teardown(void)
{
    pg_source_destroy(&source);
    connection_close(&own);
}

TestSuite(source_weather, .init = setup, .fini = teardown);

static void start(const char *url, unsigned threads_min, unsigned threads_max)
{
    struct pool_options options = pool_options_default(url);
    options.purpose = purpose;
    options.threads_min = threads_min;
    options.threads_max = threads_max;
    options.idle_us = 50000;
    struct error error = {.text = ""};
    cr_assert(pg_source_create(&options, &source, &error) == STATUS_OK, "%s", error.text);
}

static struct test_symbol filled(const char *name, int64_t count)
{
    struct test_symbol symbol = test_symbol(name);
    test_execute(own,
                 "INSERT INTO public.tick_data (time, symbol, bid_price, ask_price)"
                 " SELECT '%s'::timestamptz + i * interval '100 microseconds', '%s', i, i + 1"
                 " FROM generate_series(0, %lld) i",
                 time_format(T0).text, symbol.name, (long long)count - 1);
    return symbol;
}

static const struct time_range minute = {T0, T0 + TIME_MINUTE_US};

/* ---- losing connections ---- */

static int64_t terminate_all(void)
{
    return test_number(own,
                       "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                       " WHERE application_name = 'tapedeck %s'",
                       purpose);
}

static unsigned terminated;

static void terminate_some(struct test_load *load)
{
    /* Once each for the second, the tenth and the thirtieth stretch; on the worker's own thread, so
     * it hits this load for certain. */
    if (load->stretches != 2 && load->stretches != 10 && load->stretches != 30)
        return;
    struct error error;
    struct connection *killer = connection_open(test_url(), "killer", &error);
    cr_assert(killer != NULL, "%s", error.text);
    test_execute(killer,
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE application_name = 'tapedeck %s'",
                 purpose);
    connection_close(&killer);
    terminated++;
}

static void check_killed_load(bool backward, int64_t first_us)
{
    struct test_symbol symbol = filled("killed", 600000);
    start(test_url(), 2, 4);
    size_t count;
    struct tick *expected = test_expected(own, symbol.name, minute, &count);
    struct test_load load;
    test_load_init(&load, symbol.name, minute, GRAIN_US, SOURCE_URGENT);
    test_load_set_course(&load, backward, first_us);
    load.on_publish = terminate_some;
    source_load_ticks(pg_source_interface(source), &load.load);
    test_load_wait(&load);
    test_load_check(&load, expected, count);
    cr_assert(terminated == 3);
    cr_assert(pg_source_statistics(source).pool.retries >= 1);
    test_load_deinit(&load);
    mem_free(expected);
}

Test(source_weather, a_load_whose_connection_is_killed_loses_nothing_and_brings_nothing_twice)
{
    check_killed_load(false, 0);
}

Test(source_weather, a_backward_load_whose_connection_is_killed_goes_on_backward)
{
    check_killed_load(true, 0);
}

Test(source_weather, a_load_whose_connection_is_killed_does_not_start_slowly_again)
{
    check_killed_load(false, GRAIN_US >> 3);
}

Test(source_weather, connections_that_died_while_idle_are_replaced_unseen)
{
    struct test_symbol symbol = filled("idle", 100);
    start(test_url(), 2, 4);
    size_t count;
    struct tick *expected = test_expected(own, symbol.name, minute, &count);
    for (int round = 0; round < 5; round++) {
        struct test_load load;
        test_load_init(&load, symbol.name, minute, GRAIN_US, SOURCE_URGENT);
        source_load_ticks(pg_source_interface(source), &load.load);
        test_load_wait(&load);
        test_load_check(&load, expected, count);
        test_load_deinit(&load);
        cr_assert(terminate_all() >= 1);
    }
    mem_free(expected);
}

static struct test_load loads[LOADS];

/* ---- the order of the queue ---- */

/* Locks the table until told otherwise, so that the order of the queue can be set up. */
static void hold_table(void)
{
    test_execute(own, "BEGIN; LOCK TABLE public.tick_data IN ACCESS EXCLUSIVE MODE");
}

static void wait_for_busy(unsigned busy)
{
    while (pg_source_statistics(source).pool.busy != busy)
        usleep(1000);
}

Test(source_weather, urgent_loads_overtake_prefetch_and_so_does_an_urged_one)
{
    struct test_symbol symbol = filled("order", 100);
    start(test_url(), 1, 1);
    hold_table();
    static const enum source_urgency urgencies[] = {SOURCE_PREFETCH, SOURCE_PREFETCH,
                                                    SOURCE_PREFETCH, SOURCE_URGENT, SOURCE_URGENT};
    for (size_t i = 0; i < 5; i++) {
        test_load_init(&loads[i], symbol.name, minute, GRAIN_US, urgencies[i]);
        source_load_ticks(pg_source_interface(source), &loads[i].load);
        if (i == 0)
            wait_for_busy(1);
    }
    source_urge_ticks(pg_source_interface(source), &loads[2].load);
    test_execute(own, "COMMIT");
    static const size_t order[] = {0, 3, 4, 2, 1};
    for (size_t i = 0; i < 5; i++)
        test_load_wait(&loads[i]);
    for (size_t i = 1; i < 5; i++)
        cr_expect(loads[order[i]].done_rank > loads[order[i - 1]].done_rank, "%zu", i);
    for (size_t i = 0; i < 5; i++)
        test_load_deinit(&loads[i]);
}

Test(source_weather, cancelled_loads_end_at_once_running_or_waiting)
{
    struct test_symbol symbol = filled("cancel", 100);
    start(test_url(), 2, 2);
    hold_table();
    for (size_t i = 0; i < LOADS; i++) {
        test_load_init(&loads[i], symbol.name, minute, GRAIN_US,
                       i % 3 == 0 ? SOURCE_PREFETCH : SOURCE_URGENT);
        source_load_ticks(pg_source_interface(source), &loads[i].load);
    }
    wait_for_busy(2);
    for (size_t i = 0; i < LOADS; i++)
        source_cancel_ticks(pg_source_interface(source), &loads[i].load);
    for (size_t i = 0; i < LOADS; i++) {
        test_load_wait(&loads[i]); /* the table is still locked */
        cr_expect(loads[i].status == STATUS_END);
        source_cancel_ticks(pg_source_interface(source), &loads[i].load); /* harmless */
        test_load_deinit(&loads[i]);
    }
    cr_expect(pg_source_statistics(source).pool.connects <= 2, "cancelled, not thrown away");
    test_execute(own, "COMMIT");
}

/* ---- the end ---- */

Test(source_weather, destroying_ends_every_load_once)
{
    struct test_symbol symbol = filled("end", 300000);
    start(test_url(), 2, 4);
    for (size_t i = 0; i < LOADS; i++) {
        test_load_init(&loads[i], symbol.name, minute, GRAIN_US, SOURCE_URGENT);
        source_load_ticks(pg_source_interface(source), &loads[i].load);
    }
    wait_for_busy(4);
    pg_source_destroy(&source);
    for (size_t i = 0; i < LOADS; i++) {
        cr_expect(loads[i].done == 1);
        cr_expect(loads[i].status == STATUS_UNAVAILABLE || loads[i].status == STATUS_OK);
        test_load_deinit(&loads[i]);
    }
}

/* ---- no database at all ---- */

struct sky {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls;
    bool available;
};

static void sky_changed(void *owner, bool available, const struct error *error)
{
    struct sky *sky = owner;
    pthread_mutex_lock(&sky->lock);
    sky->calls++;
    sky->available = available;
    cr_expect(available || error->text[0] != '\0');
    pthread_cond_signal(&sky->changed);
    pthread_mutex_unlock(&sky->lock);
}

static void sky_wait(struct sky *sky, int calls)
{
    pthread_mutex_lock(&sky->lock);
    while (sky->calls < calls)
        pthread_cond_wait(&sky->changed, &sky->lock);
    pthread_mutex_unlock(&sky->lock);
}

#define NOWHERE "host=/nonexistent user=x dbname=y"

struct asked {
    struct symbols_request request;
    bool delivered;
};

static void asked_delivered(struct letter *letter)
{
    CONTAINER_OF(letter, struct asked, request.letter)->delivered = true;
}

Test(source_weather, without_a_database_requests_wait_and_end_with_the_source)
{
    struct sky sky = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    start(NOWHERE, 2, 4);
    pg_source_on_availability(source, sky_changed, &sky);
    struct test_inbox inbox;
    test_inbox_init(&inbox);
    static struct asked asked;
    letter_init(&asked.request.letter, asked_delivered);
    asked.request.inbox = &inbox.inbox;
    source_symbols(pg_source_interface(source), &asked.request);
    for (size_t i = 0; i < 4; i++) {
        test_load_init(&loads[i], "TEST:x", minute, GRAIN_US, SOURCE_URGENT);
        source_load_ticks(pg_source_interface(source), &loads[i].load);
    }
    sky_wait(&sky, 1);
    cr_expect(!sky.available);
    source_cancel_ticks(pg_source_interface(source), &loads[0].load);
    test_load_wait(&loads[0]);
    cr_expect(loads[0].status == STATUS_END);
    pg_source_destroy(&source);
    for (size_t i = 1; i < 4; i++)
        cr_expect(loads[i].status == STATUS_UNAVAILABLE);
    for (size_t i = 0; i < 4; i++)
        test_load_deinit(&loads[i]);
    test_inbox_wait(&inbox, &asked.delivered);
    cr_expect(asked.request.status == STATUS_UNAVAILABLE);
    cr_expect(sky.calls == 1, "told once");
    test_inbox_deinit(&inbox);
}

Test(source_weather, patience_can_be_limited)
{
    struct pool_options options = pool_options_default(NOWHERE);
    options.retry_us_max = 300000;
    struct error error = {.text = ""};
    cr_assert(pg_source_create(&options, &source, &error) == STATUS_OK, "%s", error.text);
    test_load_init(&loads[0], "TEST:x", minute, GRAIN_US, SOURCE_URGENT);
    source_load_ticks(pg_source_interface(source), &loads[0].load);
    test_load_wait(&loads[0]);
    cr_expect(loads[0].status == STATUS_UNAVAILABLE);
    cr_expect(strstr(loads[0].error.text, "nonexistent") != NULL, "%s", loads[0].error.text);
    test_load_deinit(&loads[0]);
}

Test(source_weather, a_malformed_url_is_refused_at_once)
{
    struct pool_options options = pool_options_default("postgresql://h/d?nonsense=1");
    struct error error = {.text = ""};
    cr_expect(pg_source_create(&options, &source, &error) == STATUS_INVALID);
    cr_expect(source == NULL);
}

/* ---- statements on one connection ---- */

static void *cancel_when_running(void *connection)
{
    struct error error;
    struct connection *watcher = connection_open(test_url(), "watcher", &error);
    cr_assert(watcher != NULL);
    while (test_number(watcher, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE"
                                " '%%pg_sleep(30)%%' AND pid <> pg_backend_pid()"
                                " AND application_name = 'tapedeck test'") == 0)
        ;
    connection_cancel(connection);
    connection_close(&watcher);
    return NULL;
}

Test(source_weather, a_statement_is_cancelled_from_another_thread)
{
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, cancel_when_running, own) == 0);
    struct error error;
    cr_expect(connection_execute(own, "SELECT pg_sleep(30)", &error) == STATUS_END);
    pthread_join(thread, NULL);
    cr_expect(connection_is_idle(own), "it serves on");
    cr_expect(test_number(own, "SELECT 7") == 7);
}

Test(source_weather, a_silent_server_is_given_up_after_the_stall_limit)
{
    struct error error;
    connection_set_stall_us(own, 100000);
    cr_expect(connection_execute(own, "SELECT pg_sleep(30)", &error) == STATUS_UNAVAILABLE);
    cr_expect(strstr(error.text, "100 ms") != NULL, "%s", error.text);
    cr_expect(connection_is_idle(own));
}

Test(source_weather, errors_have_a_status_and_one_line)
{
    struct error error;
    cr_expect(connection_execute(own, "SELECT 1/0", &error) == STATUS_INVALID);
    cr_expect_str_eq(connection_sqlstate(own), "22012");
    cr_expect(connection_execute(own, "SELECT * FROM no_such_table", &error) == STATUS_CONFLICT);
    cr_expect(strstr(error.text, "migrate up") != NULL, "%s", error.text);
    cr_expect(connection_execute(own,
                                 "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'TD042',"
                                 " MESSAGE = 'not so', HINT = 'but so'; END $$",
                                 &error) == STATUS_CONFLICT);
    cr_expect_str_eq(error.text, "not so; but so");
    cr_expect_str_eq(connection_sqlstate(own), "TD042");
    PGresult *result;
    cr_expect(connection_query_row(own, "SELECT 1 WHERE false", 0, NULL, &result, &error) ==
              STATUS_NOT_FOUND);
    cr_expect(connection_begin(own, 50, &error) == STATUS_OK);
    cr_expect(connection_execute(own, "SELECT pg_sleep(30)", &error) == STATUS_UNAVAILABLE);
    cr_expect_str_eq(connection_sqlstate(own), "57014");
    connection_rollback(own);
    cr_expect(connection_is_idle(own));
    cr_expect(connection_execute(own, "COPY (SELECT 1) TO STDOUT", &error) == STATUS_INTERNAL);
    cr_expect(connection_is_idle(own));
}

Test(source_weather, copy_in_takes_rows_tells_what_is_wrong_and_can_be_given_up)
{
    struct error error = {.text = ""};
    test_execute(own, "CREATE TEMP TABLE t (n int CHECK (n < 1000000))");
    const char *copy = "COPY t FROM STDIN";
    cr_assert(connection_copy_in_begin(own, copy, &error) == STATUS_OK, "%s", error.text);
    char line[16];
    for (int i = 0; i < 300000; i++) {
        int length = snprintf(line, sizeof line, "%d\n", i);
        cr_assert(connection_copy_in_put(own, line, (size_t)length, &error) == STATUS_OK);
    }
    int64_t rows = 0;
    cr_assert(connection_copy_in_end(own, &rows, &error) == STATUS_OK, "%s", error.text);
    cr_expect(rows == 300000);

    cr_assert(connection_copy_in_begin(own, copy, &error) == STATUS_OK);
    enum status status = connection_copy_in_put(own, "1000000\n", 8, &error);
    for (int i = 0; i < 2000000 && status == STATUS_OK; i++)
        status = connection_copy_in_put(own, "123456\n", 7, &error);
    if (status == STATUS_OK)
        status = connection_copy_in_end(own, &rows, &error);
    cr_expect(status == STATUS_INVALID, "%s", error.text);
    cr_expect(strstr(error.text, "check constraint") != NULL, "%s", error.text);
    connection_copy_in_abort(own, "after a failure");
    cr_expect(connection_is_idle(own));

    cr_assert(connection_copy_in_begin(own, copy, &error) == STATUS_OK);
    cr_assert(connection_copy_in_put(own, "1\n", 2, &error) == STATUS_OK);
    connection_copy_in_abort(own, "changed our mind");
    cr_expect(connection_is_idle(own));
    cr_expect(test_number(own, "SELECT count(*) FROM t") == 300000);
}
