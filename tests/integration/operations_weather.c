/*
 * store/pg_operations when the database is slow, gone, or not there at all; and its end.
 */
#include "operations_support.h"

#include "base/clock.h"
#include "store/pg_source.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

TestSuite(operations_weather, .timeout = 240);

#define STUCK                                                                                      \
    "select count(*) from pg_catalog.pg_stat_activity"                                             \
    " where application_name = 'tapedeck operations' and wait_event_type = 'Lock'"
#define TERMINATE                                                                                  \
    "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity"                 \
    " where application_name = 'tapedeck operations'"

/* Whoever measures the database must wait for this connection. */
static struct connection *open_obstacle(struct database *database)
{
    struct connection *obstacle = open_database(cluster_url(database->cluster));
    execute(obstacle, "create table if not exists public.obstacle (a integer)");
    execute(obstacle, "begin");
    execute(obstacle, "lock table public.obstacle in access exclusive mode");
    return obstacle;
}

static void remove_obstacle(struct connection **obstacle)
{
    execute(*obstacle, "rollback");
    connection_close(obstacle);
}

/* ---- a load of ticks beside it ---- */

struct witness {
    struct tick_load load;
    atomic_size_t rows;
    atomic_bool done;
    enum status status;
};

static void witness_publish(struct tick_load *load, struct time_range range, struct block *block)
{
    (void)range;
    struct witness *witness = CONTAINER_OF(load, struct witness, load);
    atomic_fetch_add(&witness->rows, block != NULL ? block->rows : 0);
    block_release(&block);
}

static void witness_done(struct tick_load *load, enum status status, const struct error *error)
{
    (void)error;
    struct witness *witness = CONTAINER_OF(load, struct witness, load);
    witness->status = status;
    atomic_store(&witness->done, true);
}

static void load_ticks_beside(struct database *database)
{
    struct pool_options options = pool_options_default(cluster_url(database->cluster));
    struct pg_source *source;
    struct error error;
    MUST(pg_source_create(&options, &source, &error));
    struct witness witness = {.load = {.symbol = "TEST:A",
                                       .range = {0, TIME_DAY_US},
                                       .grain_us = TIME_SECOND_US,
                                       .urgency = SOURCE_URGENT,
                                       .publish = witness_publish,
                                       .done = witness_done}};
    source_load_ticks(pg_source_interface(source), &witness.load);
    for (int i = 0; i < 2000 && !atomic_load(&witness.done); i++)
        (void)usleep(10000);
    cr_assert(atomic_load(&witness.done));
    cr_assert_eq(witness.status, STATUS_OK);
    cr_assert_eq(atomic_load(&witness.rows), 3600);
    pg_source_destroy(&source);
}

ON_BOTH_ENGINES(operations_weather, a_stuck_question_ends_by_itself_while_ticks_are_loaded)
{
    struct error error;
    struct desk desk;
    struct storage_request stuck = {.report = NULL};
    execute(database->connection, "select tapedeck.write_prepare('1970-01-01Z', '1970-01-02Z',"
                                  " false)");
    execute(database->connection, "insert into public.tick_data (time, symbol, last_price)"
                                  " select t, 'TEST:A', 1 from generate_series("
                                  " timestamptz '1970-01-01Z', '1970-01-01 00:59:59Z', '1 s') t");
    struct connection *obstacle = open_obstacle(database);
    struct pg_operations *operations = operations_start(database, INT64_C(8000000));
    desk_init(&desk);
    desk_expect(&desk, &stuck.request);
    int64_t begun_us = clock_monotonic_us();
    operations_storage(pg_operations_interface(operations), &stuck);
    await_number(database->connection, STUCK, 1);
    load_ticks_beside(database);
    cr_assert_eq(ask_number(database->connection, STUCK), 1, "the load did not wait for it");
    desk_await(&desk, 1);
    cr_assert_eq(stuck.request.status, STATUS_UNAVAILABLE);
    cr_assert_not_null(strstr(stuck.request.error.text, "timeout"), "%s", stuck.request.error.text);
    cr_assert_null(stuck.report);
    cr_assert_lt(clock_monotonic_us() - begun_us, INT64_C(12000000));
    cr_assert_eq(pg_operations_statistics(operations).retries, 0, "it would be stuck again");
    desk_deinit(&desk);

    struct policies_report *policies;
    MUST(policies_of(operations, &policies, &error));
    policies_report_free(&policies);
    remove_obstacle(&obstacle);
    struct storage_report *report;
    MUST(storage_of(operations, &report, &error));
    storage_report_free(&report);
    struct pg_operations_statistics statistics = pg_operations_statistics(operations);
    cr_assert_eq(statistics.connects, 1, "the connection survives a cancelled question");
    cr_assert_eq(statistics.failures[PG_OPERATIONS_STORAGE], 1);
    pg_operations_destroy(&operations);
}

ON_BOTH_ENGINES(operations_weather, a_connection_that_breaks_while_it_is_asked_is_replaced_once)
{
    struct desk desk;
    struct error error;
    struct storage_request request = {.report = NULL};
    struct connection *obstacle = open_obstacle(database);
    struct pg_operations *operations = operations_start(database, INT64_C(60000000));
    desk_init(&desk);
    desk_expect(&desk, &request.request);
    operations_storage(pg_operations_interface(operations), &request);
    await_number(database->connection, STUCK, 1);
    execute(database->connection, TERMINATE);
    await_number(database->connection, STUCK, 1); /* again, on another connection */
    remove_obstacle(&obstacle);
    desk_await(&desk, 1);
    desk_deinit(&desk);
    cr_assert_eq(request.request.status, STATUS_OK, "%s", request.request.error.text);
    storage_report_free(&request.report);
    struct pg_operations_statistics statistics = pg_operations_statistics(operations);
    cr_assert_eq(statistics.retries, 1);
    cr_assert_eq(statistics.reconnects, 1);

    /* One that broke while nobody asked costs nobody an answer, even if its end is not yet told. */
    execute(database->connection, TERMINATE);
    await_number(database->connection,
                 "select count(*) from pg_catalog.pg_stat_activity"
                 " where application_name = 'tapedeck operations'",
                 0);
    struct policies_report *policies;
    MUST(policies_of(operations, &policies, &error));
    policies_report_free(&policies);
    statistics = pg_operations_statistics(operations);
    cr_assert_eq(statistics.reconnects, 2);
    cr_assert_eq(statistics.failures[PG_OPERATIONS_POLICIES], 0);
    pg_operations_destroy(&operations);
}

Test(operations_weather, an_action_is_not_repeated_when_nobody_knows_whether_it_was_done)
{
    struct database database;
    struct desk desk;
    struct policy_action_request request = {.action = POLICY_PAUSE, .job_id = 1000};
    if (!database_init(&database, ENGINE_POSTGRESQL))
        return;
    struct connection *obstacle = open_database(cluster_url(database.cluster));
    execute(obstacle, "begin");
    execute(obstacle, "lock table tapedeck.jobs in access exclusive mode");
    struct pg_operations *operations = operations_start(&database, INT64_C(60000000));
    desk_init(&desk);
    desk_expect(&desk, &request.request);
    operations_act(pg_operations_interface(operations), &request);
    await_number(database.connection, STUCK, 1);
    execute(database.connection, TERMINATE);
    desk_await(&desk, 1);
    desk_deinit(&desk);
    cr_assert_eq(request.request.status, STATUS_UNAVAILABLE);
    cr_assert_eq(pg_operations_statistics(operations).retries, 0);
    remove_obstacle(&obstacle);
    pg_operations_destroy(&operations);
    database_deinit(&database);
}

Test(operations_weather, a_server_that_dies_is_asked_again_when_it_is_back)
{
    struct database database;
    struct error error;
    struct storage_report *report = NULL;
    if (!database_init(&database, ENGINE_POSTGRESQL))
        return;
    connection_close(&database.connection);
    struct pg_operations *operations = operations_start(&database, 0);
    MUST(storage_of(operations, &report, &error));
    storage_report_free(&report);
    cr_assert_eq(kill(postmaster_of(&database.home), SIGKILL), 0);
    /* The old connection may live on for a moment. */
    enum status status = STATUS_UNAVAILABLE;
    bool is_replaced = false;
    for (int i = 0; i < 1200 && !(status == STATUS_OK && is_replaced); i++) {
        status = storage_of(operations, &report, &error);
        cr_assert(status == STATUS_OK || status == STATUS_UNAVAILABLE, "%s: %s",
                  status_name(status), error.text);
        storage_report_free(&report);
        is_replaced = pg_operations_statistics(operations).reconnects > 0;
        if (status != STATUS_OK || !is_replaced)
            (void)usleep(50000);
    }
    cr_assert(is_replaced);
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    pg_operations_destroy(&operations);
    database.connection = open_database(cluster_url(database.cluster));
    database_deinit(&database);
}

Test(operations_weather, a_database_that_is_not_there_is_said_at_once_and_not_knocked_at)
{
    struct pg_operations_options options = {.url = "host=127.0.0.1 port=1 dbname=nowhere"};
    struct pg_operations *operations;
    struct error error;
    MUST(pg_operations_create(&options, &operations, &error));
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < 200; i++) {
        struct policies_report *report = NULL;
        MUST_FAIL(policies_of(operations, &report, &error), STATUS_UNAVAILABLE);
        cr_assert_neq(error.text[0], '\0');
        cr_assert_null(report);
    }
    struct pg_operations_statistics statistics = pg_operations_statistics(operations);
    int64_t tries_max = 2 + (clock_monotonic_us() - begun_us) / 75000;
    cr_assert_leq((int64_t)statistics.connect_failures, tries_max);
    cr_assert_eq(statistics.failures[PG_OPERATIONS_POLICIES], 200);
    cr_assert_not(statistics.connected);
    pg_operations_destroy(&operations);
    cr_assert_null(operations);
    pg_operations_destroy(&operations);

    options.url = "host=127.0.0.1 nonsense=1";
    MUST_FAIL(pg_operations_create(&options, &operations, &error), STATUS_INVALID);
}

ON_BOTH_ENGINES(operations_weather, whatever_is_open_at_the_end_is_answered_once)
{
    enum { EACH = 3 };
    struct desk desk;
    struct storage_request storage[EACH] = {{.report = NULL}};
    struct policies_request policies[EACH] = {{.report = NULL}};
    struct storage_history_request history[EACH] = {{.history = NULL}};
    struct connection *obstacle = open_obstacle(database);
    struct pg_operations *operations = operations_start(database, INT64_C(60000000));
    struct operations *interface = pg_operations_interface(operations);
    desk_init(&desk);
    for (size_t i = 0; i < EACH; i++) {
        desk_expect(&desk, &storage[i].request);
        operations_storage(interface, &storage[i]);
    }
    await_number(database->connection, STUCK, 1);
    for (size_t i = 0; i < EACH; i++) {
        desk_expect(&desk, &policies[i].request);
        operations_policies(interface, &policies[i]);
        desk_expect(&desk, &history[i].request);
        history[i].limit = 9;
        operations_history(interface, &history[i]);
    }
    cr_assert_eq(pg_operations_statistics(operations).queued, 3 * EACH - 1);
    int64_t begun_us = clock_monotonic_us();
    pg_operations_destroy(&operations);
    cr_assert_lt(clock_monotonic_us() - begun_us, INT64_C(5000000));
    desk_drain(&desk);
    cr_assert_eq(desk.delivered, 3 * EACH);
    for (size_t i = 0; i < EACH; i++) {
        cr_assert_eq(storage[i].request.status, STATUS_UNAVAILABLE);
        cr_assert_str_eq(storage[i].request.error.text, "shutting down");
        cr_assert_eq(policies[i].request.status, STATUS_UNAVAILABLE);
        cr_assert_eq(history[i].request.status, STATUS_UNAVAILABLE);
        cr_assert_null(storage[i].report);
    }
    desk_deinit(&desk);
    remove_obstacle(&obstacle);
}
