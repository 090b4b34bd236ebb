/*
 * What the database says about itself, through the binary: storage and policies over a real
 * WebSocket and HTTP, against SQL; runs of policies that end well and badly; operators' actions;
 * and statistics that hang, beside a replay that does not.
 */
#include "player.h"

#include "support/http_client.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define S INT64_C(1000000)
#define DAY (86400 * S)
/* From the end of a run to its event. */
#define EVENT_US (2 * S)
#define WAIT_MS 30000

static struct deck deck;
static PGconn *admin;
static struct player player;
static bool is_timescaledb;

static void start(void)
{
    static const char *const arguments[] = {"--connections-per-address-max", "0", NULL};
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    is_timescaledb = strcmp(deck_engine(), "timescaledb") == 0;
    deck_init(&deck, deck_engine());
    deck_serve(&deck, arguments);
    admin = deck_connect(&deck);
    player_connect(&player, &deck, "tapedeck.v1.msgpack");
}

static void stop(void)
{
    if (deck.home[0] == '\0')
        return;
    if (player.client != NULL)
        player_close(&player);
    PQfinish(admin);
    deck_deinit(&deck);
}

TestSuite(live_operations, .init = start, .fini = stop, .timeout = 300);

static int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * S + now.tv_nsec / 1000;
}

/* ---- SQL ---- */

static void execute(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void execute(const char *format, ...)
{
    char sql[2048];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    PGresult *result = PQexec(admin, sql);
    ExecStatusType status = PQresultStatus(result);
    cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
              PQerrorMessage(admin));
    PQclear(result);
}

static int64_t number_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int64_t number_of(const char *format, ...)
{
    char sql[2048];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    return deck_number(&deck, sql);
}

static void check_pretty(const char *pretty, int64_t bytes)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "select pg_size_pretty(%" PRId64 "::bigint)", bytes);
    PGresult *result = PQexec(admin, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK);
    cr_assert_str_eq(pretty, PQgetvalue(result, 0, 0), "of %" PRId64, bytes);
    PQclear(result);
}

static int64_t job_of(const char *kind, const char *target)
{
    return number_of("select min(job_id) from tapedeck.policies_list() "
                     "where kind = '%s' and target = '%s'",
                     kind, target);
}

static void await_number(const char *sql, int64_t wanted)
{
    for (int waited_ms = 0; number_of("%s", sql) != wanted; waited_ms += 20) {
        cr_assert_lt(waited_ms, WAIT_MS, "%s is not %" PRId64, sql, wanted);
        usleep(20000);
    }
}

/* A day of ticks of symbol A, so many days ago, one a minute. */
static void add_ticks(int days_ago)
{
    if (!is_timescaledb)
        execute("select tapedeck.write_prepare(date_bin('1 day', now(), '2000-01-03 00:00+00') - "
                "interval '%d days', date_bin('1 day', now(), '2000-01-03 00:00+00') - "
                "interval '%d days', false)",
                days_ago, days_ago - 1);
    execute("insert into tick_data (time, symbol, last_price, volume) "
            "select t, 'A', 100.25, 2 from (select date_bin('1 day', now(), '2000-01-03 00:00+00') "
            "- interval '%d days' as day) d cross join lateral generate_series(d.day, d.day + "
            "interval '1439 minutes', interval '1 minute') t",
            days_ago);
}

/* ---- the client ---- */

static json_t *await(const char *ev)
{
    json_t *message = wire_client_await(player.client, ev, WAIT_MS);
    cr_assert_not_null(message, "%s did not come", ev);
    return message;
}

static const char *text_of(const json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));
    return text != NULL ? text : "";
}

static int64_t integer_of(const json_t *tree, const char *key)
{
    const json_t *value = json_object_get(tree, key);
    cr_assert(json_is_integer(value), "%s is missing", key);
    return (int64_t)json_integer_value(value);
}

/* The item of an array whose `key` is this text. */
static const json_t *item_named(const json_t *array, const char *key, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        if (strcmp(text_of(item, key), name) == 0)
            return item;
    }
    cr_assert_fail("there is no %s", name);
    return NULL;
}

static const json_t *policy_of(const json_t *snapshot, int64_t job_id)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(snapshot, "policies"), index, item)
    {
        if (integer_of(item, "job_id") == job_id)
            return item;
    }
    cr_assert_fail("there is no policy %" PRId64, job_id);
    return NULL;
}

static void subscribe_policies(void)
{
    cr_assert(wire_client_request(player.client, "{'op':'policies.subscribe','id':5}"));
    json_decref(await("policies.snapshot"));
}

static void subscribe_storage(int every_s)
{
    cr_assert(wire_client_request(player.client, "{'op':'storage.subscribe','id':4,'every_s':%d}",
                                  every_s));
    json_decref(await("storage.snapshot"));
}

/* `op` of policies about a job must be answered with `ok`, or an error of this code. */
static void act(const char *op, int64_t job_id, const char *code)
{
    cr_assert(wire_client_request(player.client,
                                  "{'op':'policies.%s','req':9,'job_id':%" PRId64 "}", op, job_id));
    for (;;) {
        json_t *message = wire_client_receive_tree(player.client, WAIT_MS);
        cr_assert_not_null(message);
        const json_t *re = json_object_get(message, "re");
        if (re != NULL && json_integer_value(re) == 9) {
            cr_assert_str_eq(code == NULL ? text_of(message, "ev") : text_of(message, "code"),
                             code == NULL ? "ok" : code, "%s: %s", op, text_of(message, "message"));
            json_decref(message);
            return;
        }
        json_decref(message);
    }
}

/* When the run that a job ended last has ended, by the database. */
static int64_t ended_at(int64_t job_id)
{
    return number_of("select tapedeck.time_us(last_run_at) + (last_duration_ms * 1000)::bigint "
                     "from tapedeck.policies_list() where job_id = %" PRId64,
                     job_id);
}

/* The event of this job that ends so; it must be soon after the run's end. Other runs may end
 * meanwhile, also of this job: at the start of the server many are due. */
static json_t *await_event(int64_t job_id, const char *status)
{
    for (;;) {
        json_t *event = await("policies.event");
        int64_t heard_us = wall_us();
        if (integer_of(event, "job_id") != job_id ||
            strcmp(text_of(event, "status"), status) != 0) {
            json_decref(event);
            continue;
        }
        int64_t late_us = heard_us - ended_at(job_id);
        cr_assert_leq(late_us, EVENT_US, "%" PRId64 " ms after its end", late_us / 1000);
        return event;
    }
}

/* Runs a policy, and waits until it has ended so. */
static void run(int64_t job_id, const char *status)
{
    act("run", job_id, NULL);
    json_decref(await_event(job_id, status));
}

/* The first storage.snapshot whose alerts hold one of this kind, or none of it. */
static void await_alert(struct wire_client *client, const char *kind, bool is_there)
{
    for (;;) {
        json_t *snapshot = wire_client_await(client, "storage.snapshot", WAIT_MS);
        cr_assert_not_null(snapshot, "the alert %s did not change", kind);
        bool found = false;
        size_t index;
        json_t *alert;
        json_array_foreach(json_object_get(snapshot, "alerts"), index, alert)
        {
            found = found || strcmp(text_of(alert, "kind"), kind) == 0;
        }
        json_decref(snapshot);
        if (found == is_there)
            return;
    }
}

/* ---- storage ---- */

/* Of a fresh snapshot, while nobody writes. */
static json_t *fresh_storage(void)
{
    int64_t asked_us = wall_us();
    subscribe_storage(1);
    for (;;) {
        json_t *snapshot = await("storage.snapshot");
        if (integer_of(snapshot, "timestamp") > asked_us) {
            cr_assert(wire_client_request(player.client, "{'op':'storage.unsubscribe','id':4}"));
            json_decref(await("ok"));
            return snapshot;
        }
        json_decref(snapshot);
    }
}

Test(live_operations, sizes_are_those_that_sql_tells)
{
    add_ticks(1);
    add_ticks(2);
    json_t *snapshot = fresh_storage();
    const json_t *table =
        item_named(json_object_get(snapshot, "tables"), "table_name", "tick_data");
    int64_t bytes = integer_of(table, "size_bytes");
    int64_t expected = number_of(is_timescaledb ? "select hypertable_size('tick_data')"
                                                : "select sum(pg_total_relation_size(relid)) from "
                                                  "pg_partition_tree('tick_data')");
    cr_assert_eq(bytes, expected);
    check_pretty(text_of(table, "size_pretty"), bytes);
    check_pretty(text_of(snapshot, "database_size_pretty"),
                 integer_of(snapshot, "database_size_bytes"));
    cr_assert_eq(json_is_true(json_object_get(table, "is_hypertable")), is_timescaledb);
    const json_t *disk = json_object_get(snapshot, "disk");
    cr_assert_gt(integer_of(disk, "total_bytes"), integer_of(disk, "free_bytes"));
    if (!is_timescaledb)
        cr_assert_eq(json_object_size(json_object_get(snapshot, "compression")), 0);
    json_decref(snapshot);
}

static json_t *get(const char *target, int status)
{
    struct http_response response;
    http_get(deck.port, target, &response);
    cr_assert_eq(response.status, status, "%s: %s", target, response.body);
    json_t *tree = json_loads(response.body, 0, NULL);
    cr_assert_not_null(tree);
    http_response_deinit(&response);
    return tree;
}

Test(live_operations, are_the_same_over_http)
{
    subscribe_storage(30);
    subscribe_policies();
    execute("select tapedeck.storage_sample()");
    json_t *storage = get("/api/storage", 200);
    check_pretty(text_of(storage, "database_size_pretty"),
                 integer_of(storage, "database_size_bytes"));
    json_t *tables = get("/api/storage/tables", 200);
    json_t *sizes = get("/api/storage/sizes", 200);
    const json_t *table = item_named(json_object_get(tables, "tables"), "table_name", "candle_1m");
    const json_t *size = json_object_get(json_object_get(sizes, "sizes"), "candle_1m");
    check_pretty(text_of(table, "size_pretty"), integer_of(table, "size_bytes"));
    check_pretty(text_of(size, "size_pretty"), integer_of(size, "size_bytes"));
    json_t *history = get("/api/storage/history?limit=1", 200);
    const json_t *sample = json_array_get(json_object_get(history, "samples"), 0);
    cr_assert_eq(integer_of(sample, "total_bytes"),
                 number_of("select total_bytes from tapedeck.storage_history(1)"));
    json_t *policies = get("/api/policies", 200);
    cr_assert_eq((int64_t)json_array_size(json_object_get(policies, "policies")),
                 number_of("select count(*) from tapedeck.policies_list()"));
    cr_assert_eq(json_array_size(json_object_get(policies, "aggregates")), 5);
    json_decref(storage);
    json_decref(tables);
    json_decref(sizes);
    json_decref(history);
    json_decref(policies);
    cr_assert(wire_client_request(player.client, "{'op':'storage.history','limit':1}"));
    json_t *message = await("storage.history");
    cr_assert_eq(json_array_size(json_object_get(message, "samples")), 1);
    json_decref(message);
}

/* ---- policies ---- */

Test(live_operations, a_day_that_is_compressed_is_told)
{
    if (!is_timescaledb)
        cr_skip_test("plain PostgreSQL does not compress");
    int64_t job_id = job_of("compression", "tick_data");
    add_ticks(40);
    subscribe_policies();
    subscribe_storage(1);
    await_alert(player.client, "uncompressed", true);
    run(job_id, "ok");
    await_alert(player.client, "uncompressed", false);
    cr_assert(wire_client_request(player.client, "{'op':'storage.unsubscribe','id':4}"));
    json_decref(await("ok"));
    json_t *snapshot = fresh_storage();
    const json_t *compression =
        json_object_get(json_object_get(snapshot, "compression"), "tick_data");
    cr_assert_eq(integer_of(compression, "compressed_chunks"), 1);
    cr_assert_eq(integer_of(compression, "overdue_chunks"), 0);
    static const char stats[] =
        "select %s_compression_total_bytes from hypertable_compression_stats('tick_data')";
    int64_t before = number_of(stats, "before");
    int64_t after = number_of(stats, "after");
    cr_assert_eq(integer_of(compression, "uncompressed_size"), before);
    cr_assert_eq(integer_of(compression, "compressed_size"), after);
    double ratio = json_number_value(json_object_get(compression, "compression_ratio"));
    cr_assert_float_eq(ratio, (double)before / (double)after, 1e-9);
    json_decref(snapshot);
}

Test(live_operations, a_day_that_is_dropped_is_told)
{
    int64_t job_id = job_of("retention", "tick_data");
    add_ticks(100);
    add_ticks(1);
    /* Plain PostgreSQL never drops ticks whose candles are owed: the server stores them, once it
     * has booked the ticks, and perhaps before, too. */
    await_number("select coalesce(sum(ticks), 0) from tapedeck.symbols", 2 * 1440);
    await_number(
        "select count(*) from tapedeck.candles_stored('1m', 'A', '-infinity', 'infinity', 5000)",
        2 * 1440);
    await_number("select count(*) from tapedeck.pending_refresh", 0);
    subscribe_policies();
    cr_assert_eq(number_of("select count(*) from tick_data"), 2 * 1440);
    run(job_id, "ok");
    cr_assert_eq(number_of("select count(*) from tick_data"), 1440);
}

/* Candles of a minute cannot be stored any more, though there are ticks to make them of. */
static void break_refresh(void)
{
    execute("create function public.broken() returns trigger language plpgsql as "
            "$$ begin raise exception 'broken on purpose'; end $$");
    execute("do $$ begin execute format('create trigger broken before insert on %%s "
            "for each row execute function public.broken()', tapedeck.candle_rows('1m')); end $$");
    if (!is_timescaledb)
        execute("select tapedeck.write_prepare(now() - interval '9 minutes', now(), false)");
    execute("insert into tick_data (time, symbol, last_price, volume) select t, 'A', 100, 1 "
            "from generate_series(now() - interval '8 minutes', now() - interval '3 minutes', "
            "interval '10 seconds') t");
}

static struct wire_client *open_watcher(void)
{
    struct wire_client_options options = {.port = deck.port, .subprotocol = "tapedeck.v1.json"};
    int http_status = 0;
    struct wire_client *watcher = wire_client_open(&options, &http_status);
    cr_assert_not_null(watcher, "the handshake was answered with %d", http_status);
    return watcher;
}

Test(live_operations, a_refresh_that_fails_is_told_with_its_cause)
{
    int64_t job_id = job_of("refresh", "candle_1m");
    struct wire_client *watcher = open_watcher();
    cr_assert(wire_client_request(watcher, "{'op':'storage.subscribe','id':4,'every_s':3600}"));
    await_alert(watcher, "policy_failed", false);
    subscribe_policies();
    break_refresh();
    act("run", job_id, NULL);
    json_t *event = await_event(job_id, "failed");
    cr_assert_not_null(strstr(text_of(event, "error"), "broken on purpose"), "%s",
                       text_of(event, "error"));
    json_decref(event);
    json_t *snapshot = await("policies.snapshot");
    const json_t *policy = policy_of(snapshot, job_id);
    cr_assert_str_eq(text_of(policy, "last_status"), "failed");
    cr_assert_gt(strlen(text_of(policy, "last_error")), 5);
    json_decref(snapshot);
    await_alert(watcher, "policy_failed", true); /* though its hour has not passed */
    wire_client_close(&watcher);
}

Test(live_operations, operators_run_pause_and_resume)
{
    int64_t job_id = job_of("retention", "tick_data");
    act("run", 999999, "not_found");
    act("pause", job_id, NULL);
    subscribe_policies();
    act("run", job_id, "conflict");
    cr_assert_eq(number_of("select count(*) from tapedeck.policies_list() where job_id = %" PRId64
                           " and not enabled",
                           job_id),
                 1);
    act("resume", job_id, NULL);
    for (bool is_enabled = false; !is_enabled;) {
        json_t *snapshot = await("policies.snapshot");
        is_enabled = json_is_true(json_object_get(policy_of(snapshot, job_id), "enabled"));
        json_decref(snapshot);
    }
    run(job_id, "ok");
}

/* ---- what it costs ---- */

#define WATCHERS 4
#define WATCHER_SUBSCRIPTIONS 60
#define WATCHED_S 4

Test(live_operations, many_subscribers_share_each_question)
{
    struct wire_client *clients[WATCHERS];
    for (int i = 0; i < WATCHERS; i++) {
        clients[i] = open_watcher();
        for (int id = 0; id < WATCHER_SUBSCRIPTIONS; id++)
            cr_assert(wire_client_request(clients[i],
                                          "{'op':'storage.subscribe','id':%d,'every_s':1}", id));
    }
    int64_t oldest = 0;
    int64_t newest = 0;
    int64_t questions = 0; /* each has its own timestamp */
    size_t messages = 0;
    int64_t end_us = wall_us() + WATCHED_S * S;
    for (size_t turn = 0; wall_us() < end_us; turn++) {
        json_t *snapshot = wire_client_await(clients[turn % WATCHERS], "storage.snapshot", 50);
        if (snapshot == NULL)
            continue;
        messages++;
        if (integer_of(snapshot, "timestamp") > newest) {
            newest = integer_of(snapshot, "timestamp");
            oldest = questions == 0 ? newest : oldest;
            questions++;
        }
        json_decref(snapshot);
    }
    cr_assert_gt(messages, WATCHERS * WATCHER_SUBSCRIPTIONS);
    cr_assert_leq(questions, (newest - oldest) / S + 2, "one a second, however many listen");
    cr_assert_geq(questions, 2);
    for (int i = 0; i < WATCHERS; i++)
        wire_client_close(&clients[i]);
}

/* The list of symbols learns of what others wrote within a second or so. */
static void await_symbol(int64_t from)
{
    for (bool is_known = false; !is_known;) {
        cr_assert(wire_client_request(
            player.client, "{'op':'replay.open','id':77,'symbols':['A'],'from':%" PRId64 "}",
            from));
        json_t *answer = wire_client_receive_tree(player.client, WAIT_MS);
        cr_assert_not_null(answer);
        is_known = strcmp(text_of(answer, "ev"), "replay.opened") == 0;
        json_decref(answer);
    }
    cr_assert(wire_client_request(player.client, "{'op':'replay.close','id':77}"));
    json_decref(await("ok"));
}

/* A lock that every look at sizes waits for, and nothing else does. */
Test(live_operations, statistics_that_hang_hold_up_no_frame)
{
    add_ticks(1);
    int64_t from = number_of("select tapedeck.time_us(min(time)) from tick_data");
    char fields[256];
    execute("begin");
    execute("lock table tapedeck.storage_samples in access exclusive mode");
    struct wire_client *watcher = open_watcher();
    cr_assert(wire_client_request(watcher, "{'op':'storage.subscribe','id':4,'every_s':1}"));
    cr_assert(wire_client_request(watcher, "{'op':'storage.history','req':3}"));
    (void)snprintf(fields, sizeof fields,
                   "'symbols':['A'],'from':%" PRId64 ",'to':%" PRId64
                   ",'speed':14400,'state':'playing'",
                   from, from + DAY / 2);
    await_symbol(from);
    player_open(&player, 1, fields);
    player_until(&player, "ended");
    cr_assert_not(player.saw_buffering, "it waited for something");
    cr_assert_geq(player.frames, 60);
    /* Nothing about sizes has come meanwhile, but what was known before. */
    int64_t waits = number_of("select count(*) from pg_stat_activity where wait_event_type = "
                              "'Lock' and query like '%%storage%%'");
    cr_assert_eq(waits, 1, "one question hangs, not %" PRId64, waits);
    execute("rollback");
    player_compare(&player, 0, &deck, "A", from, from + DAY / 2);
    json_t *history = wire_client_await(watcher, "storage.history", WAIT_MS);
    cr_assert_not_null(history);
    json_decref(history);
    wire_client_close(&watcher);
}
