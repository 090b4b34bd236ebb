/*
 * Clients that ask and do not listen: what one of them costs, and that nothing is lost when it
 * listens again.
 */
#include "net_lab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STALLED 16
/* Of the server's; what it holds beside that is the kernel's. */
#define HELD_BYTES_MAX (64 * 1024)
#define IDLE_BYTES_MAX (16 * 1024)

/* More than any answer: a frame. */
#define STUCK_BYTES 20000

static struct lab lab;
static struct wire_client *clients[STALLED];

static void start(void)
{
    lab_init(&lab);
    lab_start(&lab);
}

static void stop(void)
{
    for (size_t i = 0; i < STALLED; i++) {
        if (clients[i] != NULL)
            wire_client_close(&clients[i]);
    }
    lab_deinit(&lab);
}

TestSuite(stalled, .init = start, .fini = stop, .timeout = 120);

static void open_replay(struct wire_client *client)
{
    cr_assert(wire_client_request(client, "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                          "'],'from':0,'speed':'max'}"));
    json_decref(lab_await(client, "replay.opened"));
    json_decref(lab_await(client, "replay.snapshot"));
}

/* One that listens plays all of it: the blocks are in the cache then, and the lane's scratch has
 * the size it needs. */
static void warm_up(const char *subprotocol)
{
    struct wire_client *client = lab_connect(&lab, subprotocol);
    open_replay(client);
    cr_assert(wire_client_request(client, "{'op':'replay.play','id':1}"));
    const char *state = "";
    while (strcmp(state, "ended") != 0) {
        json_t *push = lab_await(client, "replay.state");
        state =
            strcmp(json_string_value(json_object_get(push, "state")), "ended") == 0 ? "ended" : "";
        json_decref(push);
    }
    wire_client_close(&client);
}

static void connect_all(const char *subprotocol)
{
    for (size_t i = 0; i < STALLED; i++) {
        clients[i] = lab_connect_narrowly(&lab, subprotocol);
        clients[i]->deadline_ms = 300;
        open_replay(clients[i]);
    }
    lab_settle(&lab);
}

static bool one_is_stuck(const struct server_figures *figures)
{
    return figures->unsent_bytes > STUCK_BYTES;
}

static bool all_are_stuck(const struct server_figures *figures)
{
    return figures->unsent_bytes > STALLED * (uint64_t)STUCK_BYTES;
}

static void check_cost(size_t before, const char *what)
{
    size_t after = lab_heap_bytes();
    size_t cost = after > before ? (after - before) / STALLED : 0;
    fprintf(stderr, "%s: %zu bytes per client\n", what, cost);
    cr_assert_leq(cost, HELD_BYTES_MAX, "%s: a stalled client costs %zu bytes", what, cost);
}

/* Sends until the server does not read any more: pings whose answers are as long. */
static void ask_on_and_on(struct wire_client *client, size_t note_bytes)
{
    char note[8192];
    memset(note, 'x', note_bytes);
    note[note_bytes] = '\0';
    for (int i = 0; i < 2000; i++) {
        if (!wire_client_request(client, "{'op':'ping','note':'%s'}", note))
            return;
    }
}

static void stall(const char *subprotocol, size_t note_bytes, bool plays)
{
    warm_up(subprotocol);
    connect_all(subprotocol);
    size_t before = lab_heap_bytes();
    for (size_t i = 0; i < STALLED && plays; i++)
        cr_assert(wire_client_request(clients[i], "{'op':'replay.play','id':1}"));
    if (plays)
        cr_assert(lab_until(&lab, all_are_stuck));
    for (size_t i = 0; i < STALLED; i++)
        ask_on_and_on(clients[i], note_bytes);
    lab_settle(&lab);
    check_cost(before, plays ? "plays at max and asks" : "asks");
    cr_assert_gt(lab_heap_bytes(), before, "nothing was held: this test tests nothing");
}

static size_t own_bytes(const struct wire_client *client)
{
    return sizeof *client + client->input.capacity + client->message.capacity;
}

Test(stalled, a_client_that_does_nothing_costs_next_to_nothing)
{
    struct wire_client *first = lab_connect(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    size_t before = lab_heap_bytes();
    size_t own = 0;
    for (size_t i = 0; i < STALLED; i++) {
        clients[i] = lab_connect(&lab, WIRE_SUBPROTOCOL_MSGPACK);
        own += own_bytes(clients[i]);
    }
    lab_settle(&lab);
    size_t cost = (lab_heap_bytes() - before - own) / STALLED;
    fprintf(stderr, "idle: %zu bytes per client\n", cost);
    cr_assert_leq(cost, IDLE_BYTES_MAX, "an idle client costs %zu bytes", cost);
    wire_client_close(&first);
}

Test(stalled, a_client_that_plays_at_max_costs_little_in_msgpack)
{
    stall(WIRE_SUBPROTOCOL_MSGPACK, 100, true);
}

Test(stalled, a_client_that_plays_at_max_costs_little_in_json)
{
    stall(WIRE_SUBPROTOCOL_JSON, 100, true);
}

Test(stalled, a_client_that_sends_long_requests_costs_little)
{
    stall(WIRE_SUBPROTOCOL_MSGPACK, 8000, true);
}

Test(stalled, a_client_that_only_asks_costs_little)
{
    lab_deinit(&lab); /* the rate would stop it before its answers do */
    lab_init(&lab);
    lab.shared.rates.requests_per_second = 0;
    lab_start(&lab);
    stall(WIRE_SUBPROTOCOL_JSON, 1000, false);
}

Test(stalled, a_message_that_is_never_completed_costs_little_beside_a_frame)
{
    warm_up(WIRE_SUBPROTOCOL_MSGPACK);
    connect_all(WIRE_SUBPROTOCOL_MSGPACK);
    size_t before = lab_heap_bytes();
    static const uint8_t part[15000];
    for (size_t i = 0; i < STALLED; i++)
        cr_assert(wire_client_request(clients[i], "{'op':'replay.play','id':1}"));
    cr_assert(lab_until(&lab, all_are_stuck));
    for (size_t i = 0; i < STALLED; i++)
        (void)wire_client_send_frame(clients[i], WIRE_BINARY, true, part, sizeof part);
    lab_settle(&lab);
    check_cost(before, "plays at max and leaves a message incomplete");
}

/* The other side of it: whoever goes on listening has missed nothing. */
Test(stalled, a_client_that_listens_again_gets_every_answer_and_every_frame)
{
    lab_deinit(&lab);
    lab_init(&lab);
    lab.shared.rates.requests_per_second = 0;
    lab_start(&lab);
    struct wire_client *client = clients[0] = lab_connect_narrowly(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    open_replay(client);
    cr_assert(wire_client_request(client, "{'op':'replay.play','id':1}"));
    int asked = 0;
    client->deadline_ms = 300;
    while (asked < 200 && wire_client_request(client, "{'op':'ping','req':%d}", asked))
        asked++;
    cr_assert_eq(asked, 200, "short requests fit into the kernel");
    int answered = 0;
    int64_t ticks = 0;
    bool has_ended = false;
    while (answered < asked || !has_ended) {
        json_t *tree = wire_client_receive_tree(client, LAB_DEADLINE_MS);
        cr_assert_not_null(tree);
        const char *ev = json_string_value(json_object_get(tree, "ev"));
        if (strcmp(ev, "pong") == 0)
            cr_assert_eq(json_integer_value(json_object_get(tree, "re")), answered++);
        const json_t *parts = json_object_get(tree, "ticks");
        if (json_array_size(parts) > 0)
            ticks += json_integer_value(json_object_get(json_array_get(parts, 0), "n"));
        has_ended =
            has_ended || (strcmp(ev, "replay.state") == 0 &&
                          strcmp(json_string_value(json_object_get(tree, "state")), "ended") == 0);
        json_decref(tree);
    }
    cr_assert_eq(ticks, LAB_TICKS);
}

static bool nobody_is_here(const struct server_figures *figures)
{
    return figures->connections == 0;
}

/* libwebsockets would read that end again and again, and the lane would do nothing else. */
Test(stalled, who_ends_his_side_while_a_frame_is_stuck_is_hung_up)
{
    struct wire_client *client = clients[0] = lab_connect_narrowly(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    open_replay(client);
    cr_assert(wire_client_request(client, "{'op':'replay.play','id':1}"));
    cr_assert(lab_until(&lab, one_is_stuck));
    cr_assert(wire_client_request(client, "{'op':'ping'}"));
    cr_assert_eq(shutdown(client->socket, SHUT_WR), 0);
    cr_assert(lab_until(&lab, nobody_is_here));
}

/* A long request does not fit beside a frame that is stuck, and frames are always stuck here. */
Test(stalled, a_long_request_is_heard_between_frames_that_are_stuck_one_after_the_other)
{
    struct wire_client *client = clients[0] = lab_connect_narrowly(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    open_replay(client);
    cr_assert(wire_client_request(client, "{'op':'replay.play','id':1}"));
    cr_assert(lab_until(&lab, one_is_stuck));
    char note[15000];
    memset(note, 'x', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    cr_assert(wire_client_request(client, "{'op':'ping','note':'%s'}", note));
    json_t *tree = NULL;
    const char *ev = "";
    int frames = 0;
    for (; strcmp(ev, "pong") != 0; frames++) {
        json_decref(tree);
        tree = wire_client_receive_tree(client, LAB_DEADLINE_MS);
        ev = json_string_value(json_object_get(tree, "ev"));
        cr_assert_not_null(ev);
        const char *state = json_string_value(json_object_get(tree, "state"));
        cr_assert(state == NULL || strcmp(state, "ended") != 0, "heard only after the last frame");
    }
    json_decref(tree);
    fprintf(stderr, "heard after %d messages\n", frames);
}
