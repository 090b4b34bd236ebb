/*
 * Clients that are broken or mean harm, and a server that has to end: a clear answer, the right
 * close code, and everybody else goes on.
 */
#include "net_lab.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than any answer: a frame. */
#define STUCK_BYTES 20000

static struct lab lab;

static void start(void)
{
    lab_init(&lab);
}

static void stop(void)
{
    lab_deinit(&lab);
}

TestSuite(robust, .init = start, .fini = stop, .timeout = 120);

static void assert_alive(void)
{
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    cr_assert(wire_client_request(client, "{'op':'ping'}"));
    json_decref(lab_await(client, "pong"));
    wire_client_close(&client);
}

static int refused_with(const struct wire_client_options *wanted)
{
    struct wire_client_options options = *wanted;
    options.port = lab.port;
    int status = 0;
    struct wire_client *client = wire_client_open(&options, &status);
    if (client != NULL)
        wire_client_close(&client);
    return status;
}

/* ---- who may connect ---- */

static int status_for_host(const char *host, const char *path, const char *more)
{
    char request[1024];
    char response[4096];
    (void)snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n%s\r\n", path, host,
                   more[0] != '\0' ? "Upgrade" : "close", more);
    lab_exchange(&lab, request, response, sizeof response);
    int status = 0;
    (void)sscanf(response, "HTTP/1.1 %3d", &status);
    return status;
}

#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                                          \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

Test(robust, a_page_whose_name_was_made_to_point_here_gets_nothing)
{
    lab_start(&lab);
    cr_assert_eq(status_for_host("evil.example:8080", "/healthz", ""), 403);
    cr_assert_eq(
        status_for_host("evil.example:8080", "/ws", UPGRADE "Origin: http://evil.example:8080\r\n"),
        403);
    cr_assert_eq(status_for_host("localhost:8080", "/healthz", ""), 200);
    cr_assert_eq(status_for_host("127.0.0.1", "/healthz", ""), 200);
    assert_alive();
}

static int status_of(const char *request)
{
    char response[4096];
    int status = 0;
    lab_exchange(&lab, request, response, sizeof response);
    (void)sscanf(response, "HTTP/1.1 %3d", &status);
    return status;
}

/* A line end in the path, as browsers let a page write it, swallows the header behind it. */
Test(robust, a_page_cannot_make_its_own_name_disappear)
{
    static const char *const paths[] = {
        "/api/v1/symbols%0a",         "/api/v1/symbols%0A%0A", "/api/v1/symbols%0d%0a",
        "/api/v1/symbols?prefix=%0a", "/metrics?%0ax",         "/%0a",
    };
    lab_start(&lab);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_assert_eq(status_for_host("evil.example:8080", paths[i], ""), 400, "%s", paths[i]);
    /* The version cannot be brought along: then the line ends where it should. */
    cr_assert_eq(status_for_host("evil.example:8080", "/metrics%0aHTTP/1.1", ""), 403);
    cr_assert_eq(status_for_host("localhost:8080", "/healthz", ""), 200);
    assert_alive();
}

Test(robust, a_request_says_its_version_and_whom_it_means)
{
    lab_start(&lab);
    cr_assert_eq(status_of("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"), 400);
    cr_assert_eq(status_of("GET /healthz\r\nHost: localhost\r\n\r\n"), 400);
    cr_assert_eq(status_of("GET /healthz HTTP/1.0\r\n\r\n"), 200);
}

Test(robust, names_that_are_listed_are_answered_and_without_the_check_all_are)
{
    static const char *const names[] = {"desk.example"};
    lab.options.allowed_hosts = names;
    lab.options.allowed_host_count = 1;
    lab_start(&lab);
    cr_assert_eq(status_for_host("desk.example:8080", "/healthz", ""), 200);
    cr_assert_eq(status_for_host("other.example:8080", "/healthz", ""), 403);
    lab_deinit(&lab);
    lab_init(&lab);
    lab.options.checks_host = false;
    lab_start(&lab);
    cr_assert_eq(status_for_host("other.example:8080", "/healthz", ""), 200);
}

Test(robust, connections_over_a_cap_are_told_so)
{
    lab.options.connections_max = 2;
    lab_start(&lab);
    struct wire_client *first = lab_connect(&lab, NULL);
    struct wire_client *second = lab_connect(&lab, NULL);
    cr_assert_eq(refused_with(&(struct wire_client_options){.port = 0}), 503);
    cr_assert_eq(server_figures(lab.server).refused, 1);
    wire_client_close(&first);
    wire_client_close(&second);
}

Test(robust, out_of_file_descriptors_it_says_so_and_recovers)
{
    lab_start(&lab);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fillers[16];
    size_t filled = 0;
    /* Room for a few: the last one is the client's own socket. */
    limit.rlim_cur = (rlim_t)probe + sizeof fillers / sizeof fillers[0];
    close(probe);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (filled < sizeof fillers / sizeof fillers[0] &&
           (fillers[filled] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        filled++;
    cr_assert_gt(filled, 0);
    close(fillers[--filled]);
    cr_assert_eq(refused_with(&(struct wire_client_options){.port = 0}), 503);
    while (filled > 0)
        close(fillers[--filled]);
    assert_alive();
    cr_assert_eq(server_figures(lab.server).refused, 1);
}

/* ---- who is slow ---- */

Test(robust, a_request_that_never_ends_is_hung_up)
{
    lab_start(&lab);
    char response[4096];
    lab_exchange(&lab, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", response,
                 sizeof response); /* returns when the server has hung up */
    cr_assert_eq(server_figures(lab.server).connections, 0);
    assert_alive();
}

static bool nobody_is_connected(const struct server_figures *figures)
{
    return figures->connections == 0;
}

Test(robust, a_client_that_is_half_open_is_pinged_and_hung_up)
{
    lab_start(&lab);
    struct wire_client_options options = {.port = lab.port, .keeps_pings = true};
    int status = 0;
    struct wire_client *silent = wire_client_open(&options, &status);
    struct wire_client *answering = lab_connect(&lab, NULL);
    cr_assert_not_null(silent);
    const uint8_t *bytes;
    size_t count;
    /* The one that answers pings reads until the other one must be gone. */
    cr_assert_eq(wire_client_receive(answering, 24000, &bytes, &count), WIRE_LATE);
    cr_assert_geq(answering->ping_count, 1);
    enum wire_received last = WIRE_MESSAGE;
    while (last == WIRE_MESSAGE)
        last = wire_client_receive(silent, 1000, &bytes, &count);
    cr_assert_eq(last, WIRE_ENDED);
    cr_assert_geq(silent->ping_count, 1);
    cr_assert_eq(server_figures(lab.server).clients, 1);
    wire_client_close(&silent);
    wire_client_close(&answering);
    cr_assert(lab_until(&lab, nobody_is_connected));
}

/* ---- what is no message ---- */

static void check_said_and_closed(const char *what, const char *subprotocol,
                                  enum wire_opcode opcode, const void *bytes, size_t count,
                                  uint16_t code)
{
    struct wire_client *client = lab_connect(&lab, subprotocol);
    cr_assert(wire_client_send(client, opcode, bytes, count));
    json_t *error = lab_await(client, "error");
    cr_assert_str_eq(json_string_value(json_object_get(error, "code")), "bad_message", "%s", what);
    json_decref(error);
    cr_assert_eq(wire_client_await_close(client, LAB_DEADLINE_MS), code, "%s: %d", what,
                 client->close_code);
    wire_client_close(&client);
}

Test(robust, text_that_is_not_utf8_is_told_so_before_1007)
{
    lab_start(&lab);
    static const char *const table[] = {
        "{\"op\":\"\xff\"}",
        "{\"op\":\"\xc0\xaf\"}",
        "{\"op\":\"\xed\xa0\x80\"}",
        "{\"op\":\"\xf4\x90\x80\x80\"}",
        "\xe2\x82",
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check_said_and_closed(table[i], WIRE_SUBPROTOCOL_JSON, WIRE_TEXT, table[i],
                              strlen(table[i]), 1007);
    check_said_and_closed("msgpack", WIRE_SUBPROTOCOL_MSGPACK, WIRE_BINARY, "\x81\xa2op\xa1\xff", 6,
                          1007);
    assert_alive();
}

Test(robust, characters_that_are_cut_by_fragments_are_whole_again)
{
    lab_start(&lab);
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    static const char ping[] = "{\"op\":\"ping\",\"note\":\"\xf0\x9f\x8e\x9e \xe2\x82\xac\"}";
    for (size_t piece = 1; piece < 6; piece++) {
        cr_assert(wire_client_send_pieces(client, WIRE_TEXT, ping, sizeof ping - 1, piece));
        json_t *pong = lab_await(client, "pong");
        cr_assert_str_eq(json_string_value(json_object_get(pong, "note")),
                         "\xf0\x9f\x8e\x9e \xe2\x82\xac");
        json_decref(pong);
    }
    wire_client_close(&client);
}

Test(robust, messages_of_every_length_up_to_the_limit_are_taken_and_one_more_is_not)
{
    lab.shared.rates.requests_per_second = 0;
    lab_start(&lab);
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    static char message[WIRE_MESSAGE_BYTES_MAX + 1];
    static const size_t lengths[] = {20,   1023, 1024,  1025,
                                     2048, 4096, 16383, WIRE_MESSAGE_BYTES_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(message, ' ', sizeof message);
        memcpy(message, "{\"op\":\"ping\"", 12);
        message[lengths[i] - 1] = '}';
        cr_assert(wire_client_send(client, WIRE_TEXT, message, lengths[i]));
        json_decref(lab_await(client, "pong"));
    }
    wire_client_close(&client);
    check_said_and_closed("too long", WIRE_SUBPROTOCOL_JSON, WIRE_TEXT, message, sizeof message,
                          1009);
}

/* ---- the end, and too much ---- */

static struct wire_client *stuck(void)
{
    struct wire_client *client = lab_connect_narrowly(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    cr_assert(wire_client_request(client, "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                          "'],'from':0,'speed':'max','state':'playing'}"));
    return client;
}

static bool one_is_stuck(const struct server_figures *figures)
{
    return figures->unsent_bytes > STUCK_BYTES;
}

static bool one_had_to_go(const struct server_figures *figures)
{
    return figures->overloaded == 1 && figures->connections == 1;
}

Test(robust, over_the_memory_for_unsent_messages_the_oldest_stuck_client_is_hung_up)
{
    lab.options.unsent_bytes_max = 100 * 1024; /* one frame, not two */
    lab_start(&lab);
    struct wire_client *old = stuck();
    cr_assert(lab_until(&lab, one_is_stuck));
    struct wire_client *young = stuck();
    cr_assert(lab_until(&lab, one_had_to_go));
    const uint8_t *bytes;
    size_t count;
    enum wire_received last = WIRE_MESSAGE;
    while (last == WIRE_MESSAGE)
        last = wire_client_receive(old, LAB_DEADLINE_MS, &bytes, &count);
    cr_assert_eq(last, WIRE_ENDED);
    json_decref(lab_await(young, "replay.frame")); /* whoever remained can go on */
    assert_alive();
    wire_client_close(&old);
    wire_client_close(&young);
}

Test(robust, nobody_new_is_taken_while_that_memory_is_nearly_used_up)
{
    lab.options.unsent_bytes_max = 64 * 1024;
    lab_start(&lab);
    assert_alive();
    struct wire_client *old = stuck();
    cr_assert(lab_until(&lab, one_is_stuck));
    struct wire_client *late = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    cr_assert_eq(wire_client_await_close(late, LAB_DEADLINE_MS), 1013);
    wire_client_close(&late);
    wire_client_close(&old);
    cr_assert(lab_until(&lab, nobody_is_connected));
    assert_alive();
}

Test(robust, the_end_is_said_to_everybody_with_1001_and_nobody_can_hold_it_up)
{
    lab_start(&lab);
    struct wire_client *listening = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    struct wire_client *deaf = stuck();
    cr_assert(lab_until(&lab, one_is_stuck));
    server_stop(lab.server, 500000);
    cr_assert_eq(wire_client_await_close(listening, LAB_DEADLINE_MS), 1001);
    wire_client_close(&listening);
    wire_client_close(&deaf);
}
