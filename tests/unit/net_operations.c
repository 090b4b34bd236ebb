/*
 * What the database says about itself, over plain HTTP and to clients of a whole server in this
 * process, which watches a fake database.
 */
#include "fake_operations.h"
#include "net_lab.h"

#include "support/http_client.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_US 20000

static struct lab lab;
static struct fake_operations database;
static struct live_operations *live;
static struct http_response response;

static void start_in(enum fake_mood mood)
{
    static char tick_data[] = "tick_data";
    static const struct live_operations_options options = {.thresholds = {.disk_percent = 80},
                                                           .second_us = SECOND_US};
    fake_operations_init(&database);
    (void)fake_operations_policy(&database, 1001, POLICY_RETENTION, tick_data);
    fake_operations_be(&database, mood);
    live = live_operations_create(&database.operations, &options);
    lab_init(&lab);
    lab.shared.operations = &database.operations;
    lab.shared.live_operations = live;
    lab_start(&lab);
}

static void start(void)
{
    start_in(FAKE_ANSWERS);
    for (;;) {
        struct storage_snapshot *storage = live_storage_pin(live);
        struct policies_snapshot *policies = live_policies_pin(live);
        bool is_known = storage != NULL && policies != NULL;
        storage_snapshot_unpin(&storage);
        policies_snapshot_unpin(&policies);
        if (is_known)
            return;
        sched_yield();
    }
}

static void start_unknown(void)
{
    start_in(FAKE_HOLDS);
}

static void stop(void)
{
    http_response_deinit(&response);
    live_operations_stop(live);
    fake_operations_be(&database, FAKE_FAILS);
    fake_operations_release(&database);
    lab_deinit(&lab);
    live_operations_destroy(&live);
    fake_operations_deinit(&database);
}

TestSuite(net_operations, .init = start, .fini = stop, .timeout = 120);
TestSuite(net_operations_unknown, .init = start_unknown, .fini = stop, .timeout = 120);

static json_t *get(const char *target, int status)
{
    http_response_deinit(&response);
    http_get(lab.port, target, &response);
    cr_assert_eq(response.status, status, "%s: %s\n%s", target, response.text, response.body);
    cr_assert(response.is_whole);
    json_t *tree = json_loads(response.body, 0, NULL);
    cr_assert_not_null(tree, "%s", response.body);
    return tree;
}

static void check_header(const char *name, const char *expected)
{
    char value[256] = "";
    (void)http_header(&response, name, value, sizeof value);
    cr_assert_str_eq(value, expected);
}

static const char *text_of(const json_t *tree, const char *key)
{
    const char *value = json_string_value(json_object_get(tree, key));
    return value != NULL ? value : "";
}

Test(net_operations, are_told_without_asking_the_database)
{
    static const char *const targets[] = {"/api/storage", "/api/storage/tables",
                                          "/api/storage/sizes", "/api/policies"};
    unsigned storage_asked = atomic_load(&database.storage_asked);
    for (int i = 0; i < 100; i++) {
        json_t *tree = get(targets[i % 4], 200);
        check_header("Cache-Control", "no-store");
        check_header("Content-Type", "application/json");
        cr_assert_str_eq(text_of(tree, "timestamp"), "2024-08-08T23:54:15.088169Z");
        json_decref(tree);
    }
    unsigned asked = atomic_load(&database.storage_asked) - storage_asked;
    cr_assert_leq(asked, 50, "they are asked for as time passes, not as clients ask");
    json_t *tree = get("/api/storage", 200);
    cr_assert_str_eq(text_of(tree, "database_size_pretty"), "100 MB");
    cr_assert_eq(json_array_size(json_object_get(tree, "tables")), 2);
    json_decref(tree);
    tree = get("/api/policies", 200);
    const json_t *policy = json_array_get(json_object_get(tree, "policies"), 0);
    cr_assert_str_eq(text_of(policy, "kind"), "retention");
    cr_assert(json_is_object(json_object_get(policy, "config")));
    json_decref(tree);
}

Test(net_operations, are_refused_with_a_sentence)
{
    static const struct {
        const char *target;
        int status;
        const char *says;
    } table[] = {
        {"/api/storage?limit=1", 400, "there are: none"},
        {"/api/policies?x=1", 400, "there are: none"},
        {"/api/storage/history?limit=91", 400, "90"},
        {"/api/storage/history?limit=0", 400, "from 1 to 90"},
        {"/api/storage/history?x=0", 400, "there are: limit"},
        {"/api/storage/nope", 404, "/api/storage"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        json_t *tree = get(table[i].target, table[i].status);
        const char *message = text_of(json_object_get(tree, "error"), "message");
        cr_assert_not_null(strstr(message, table[i].says), "%s: %s", table[i].target, message);
        json_decref(tree);
    }
}

Test(net_operations, ask_the_database_for_the_history)
{
    json_t *tree = get("/api/storage/history?limit=2", 200);
    check_header("Cache-Control", "no-store");
    const json_t *samples = json_object_get(tree, "samples");
    cr_assert_eq(json_array_size(samples), 2);
    cr_assert_str_eq(text_of(json_array_get(samples, 0), "sampled_at"),
                     "2024-08-08T23:54:15.088169Z");
    json_decref(tree);
    json_decref(get("/api/storage/history", 200));
    cr_assert_eq(database.history_limit, 30);
    fake_operations_be(&database, FAKE_FAILS);
    json_decref(get("/api/storage/history", 503));
    check_header("Retry-After", "1");
}

/* Who asks and hangs up leaves a question that is nobody's, and the lane goes on. */
Test(net_operations, forget_a_question_whose_asker_has_gone)
{
    fake_operations_be(&database, FAKE_HOLDS);
    int socket = http_connect_narrowly(lab.port);
    cr_assert_geq(socket, 0);
    http_send(socket, "GET /api/storage/history HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (atomic_load(&database.history_asked) == 0)
        sched_yield();
    close(socket);
    json_decref(get("/api/storage", 200));
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    json_decref(get("/api/storage/history", 200));
}

Test(net_operations_unknown, are_not_there_before_the_first_answer)
{
    static const char *const targets[] = {"/api/storage", "/api/storage/tables",
                                          "/api/storage/sizes", "/api/policies"};
    for (size_t i = 0; i < 4; i++) {
        json_t *tree = get(targets[i], 503);
        check_header("Retry-After", "1");
        check_header("Cache-Control", "no-store");
        cr_assert_str_eq(text_of(json_object_get(tree, "error"), "code"), "unavailable");
        json_decref(tree);
    }
}

/* ---- over the WebSocket ---- */

Test(net_operations, reach_a_client_of_either_encoding)
{
    static const char *const subprotocols[] = {"tapedeck.v1.json", "tapedeck.v1.msgpack"};
    for (size_t i = 0; i < 2; i++) {
        struct wire_client *client = lab_connect(&lab, subprotocols[i]);
        cr_assert(wire_client_request(client, "{'op':'policies.subscribe','id':7}"));
        json_decref(lab_await(client, "policies.snapshot"));
        fake_operations_run(&database, 1001, NULL);
        json_t *event = lab_await(client, "policies.event");
        cr_assert_eq(json_integer_value(json_object_get(event, "job_id")), 1001);
        cr_assert_str_eq(text_of(event, "status"), "ok");
        json_decref(event);
        json_decref(lab_await(client, "policies.snapshot"));
        wire_client_close(&client);
    }
}

/* The database does not answer questions about itself any more, which holds up nothing else. */
Test(net_operations, that_hang_hold_up_no_frame)
{
    struct wire_client *client = lab_connect(&lab, "tapedeck.v1.json");
    fake_operations_be(&database, FAKE_HOLDS);
    cr_assert(wire_client_request(client, "{'op':'storage.subscribe','id':7,'every_s':1}"));
    json_decref(lab_await(client, "storage.snapshot"));
    cr_assert(wire_client_request(client, "{'op':'storage.history'}"));
    cr_assert(wire_client_request(
        client,
        "{'op':'replay.open','id':1,'symbols':['%s'],'from':0,'to':60000000,'speed':'max',"
        "'state':'playing'}",
        LAB_SYMBOL));
    json_decref(lab_await(client, "replay.frame"));
    for (;;) {
        json_t *state = lab_await(client, "replay.state");
        bool has_ended = strcmp(text_of(state, "state"), "ended") == 0;
        json_decref(state);
        if (has_ended)
            break;
    }
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    json_decref(lab_await(client, "storage.history"));
    wire_client_close(&client);
}
