/*
 * TLS with certificates that are made here: what is spoken, what a change of the certificate does
 * to those who are connected, and that a client which does not read costs no more than in clear.
 */
#include "net_lab.h"

#include "net/tls.h"
#include "support/http_client.h"
#include "support/tls_tunnel.h"

#include <criterion/criterion.h>
#include <openssl/tls1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELD_BYTES_MAX (64 * 1024)
#define TLS_BYTES (64 * 1024) /* of one connection in OpenSSL: its records of both directions */
#define STALLED 4

static struct lab lab;
static struct error error;
static char folder[] = "/tmp/tapedeck-tls-XXXXXX";
static char certificate_file[64];
static char key_file[64];

static struct tls *certificate(enum tls_key_kind kind, const char *common_name)
{
    struct tls *tls = NULL;
    cr_assert(tls_certificate_make(certificate_file, key_file, kind, common_name, 30));
    cr_assert(tls_load(certificate_file, key_file, &tls, &error) == STATUS_OK, "%s", error.text);
    return tls;
}

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(certificate_file, sizeof certificate_file, "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
}

static void remove_folder(void)
{
    (void)unlink(certificate_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
}

static void start(void)
{
    make_folder();
    lab_init(&lab);
    lab.options.tls = certificate(TLS_KEY_RSA, "first.example");
    lab_start(&lab);
    tls_unpin(&lab.options.tls);
}

static void stop(void)
{
    lab_deinit(&lab);
    remove_folder();
}

TestSuite(net_tls, .init = start, .fini = stop, .timeout = 120);

static struct wire_client *connect_to(uint16_t port)
{
    struct wire_client_options options = {.port = port, .subprotocol = WIRE_SUBPROTOCOL_MSGPACK};
    int http_status = 0;
    struct wire_client *client = wire_client_open(&options, &http_status);
    cr_assert_not_null(client, "%d", http_status);
    json_decref(lab_await(client, "welcome"));
    return client;
}

static void ask_and_hear(struct wire_client *client)
{
    wire_client_request(client, "{'op':'symbols'}");
    json_decref(lab_await(client, "symbols"));
}

/* All ticks of a minute at max; returns how many there were. */
static int64_t replay(struct wire_client *client, int id)
{
    wire_client_request(client,
                        "{'op':'replay.open','id':%d,'symbols':['" LAB_SYMBOL
                        "'],'from':0,'to':600000000,'speed':'max','state':'playing'}",
                        id);
    for (;;) {
        json_t *message = lab_await(client, "replay.state");
        const char *state = json_string_value(json_object_get(message, "state"));
        bool is_over = strcmp(state, "ended") == 0;
        const json_t *totals = json_object_get(json_object_get(message, "totals"), "ticks");
        int64_t ticks = (int64_t)json_integer_value(json_array_get(totals, 0));
        json_decref(message);
        if (is_over)
            return ticks;
    }
}

Test(net_tls, carries_http_and_websocket)
{
    struct tls_tunnel *tunnel = tls_tunnel_open(lab.port);
    struct http_response response;
    http_get(tls_tunnel_port(tunnel), "/api/v1/ticks?symbol=" LAB_SYMBOL, &response);
    cr_assert_eq(response.status, 200, "%s", response.text);
    cr_assert(response.is_whole);
    cr_assert_gt(response.body_bytes, 10 * 1000 * 1000, "%zu", response.body_bytes);
    http_response_deinit(&response);
    struct wire_client *client = connect_to(tls_tunnel_port(tunnel));
    cr_assert_eq(replay(client, 1), 60000);
    wire_client_close(&client);
    tls_tunnel_close(&tunnel);
}

Test(net_tls, speaks_the_newest_versions_and_http_1_1_only)
{
    struct tls_sight sight = tls_look(lab.port, 0, "\x02h2\x08http/1.1");
    cr_assert(sight.is_done);
    cr_assert_str_eq(sight.version, "TLSv1.3");
    cr_assert_str_eq(sight.protocol, "http/1.1");
    cr_assert_str_eq(sight.common_name, "first.example");
    sight = tls_look(lab.port, TLS1_2_VERSION, NULL);
    cr_assert(sight.is_done);
    cr_assert_str_eq(sight.version, "TLSv1.2");
    cr_assert_not(tls_look(lab.port, TLS1_1_VERSION, NULL).is_done);
}

Test(net_tls, answers_nothing_in_clear)
{
    char answer[512];
    lab_exchange(&lab, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", answer, sizeof answer);
    cr_assert_null(strstr(answer, "HTTP/1.1"), "%s", answer);
    cr_assert(tls_look(lab.port, 0, NULL).is_done, "and goes on");
}

/* The new one is of another kind of key, beside which the old one could stay. */
Test(net_tls, shows_a_new_certificate_and_drops_nobody)
{
    struct tls_tunnel *tunnel = tls_tunnel_open(lab.port);
    struct wire_client *client = connect_to(tls_tunnel_port(tunnel));
    struct tls *second = certificate(TLS_KEY_EC, "second.example");
    server_renew(lab.server, second);
    tls_unpin(&second);
    struct tls_sight sight = {.is_done = false};
    for (int i = 0; i < 1000 && strcmp(sight.common_name, "second.example") != 0; i++)
        sight = tls_look(lab.port, 0, NULL);
    cr_assert_str_eq(sight.common_name, "second.example");
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(tls_look(lab.port, TLS1_2_VERSION, NULL).common_name, "second.example");
    ask_and_hear(client);
    cr_assert_eq(replay(client, 2), 60000);
    server_renew(lab.server, NULL); /* nothing new */
    ask_and_hear(client);
    cr_assert_str_eq(tls_look(lab.port, 0, NULL).common_name, "second.example");
    wire_client_close(&client);
    tls_tunnel_close(&tunnel);
}

/* Whoever does not read is bounded as in clear, and can still be heard. */
Test(net_tls, holds_no_more_for_who_does_not_read)
{
    struct tls_tunnel *tunnels[STALLED];
    struct wire_client *clients[STALLED];
    for (int i = 0; i < STALLED; i++) {
        tunnels[i] = tls_tunnel_open(lab.port);
        clients[i] = connect_to(tls_tunnel_port(tunnels[i]));
        ask_and_hear(clients[i]);
    }
    lab_settle(&lab);
    size_t before = lab_heap_bytes();
    for (int i = 0; i < STALLED; i++)
        wire_client_request(clients[i],
                            "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                            "'],'from':0,'to':3600000000,'speed':'max','state':'playing'}");
    lab_settle(&lab);
    struct server_figures figures = server_figures(lab.server);
    size_t held = (lab_heap_bytes() - before) / STALLED;
    cr_assert_leq(figures.unsent_bytes, (uint64_t)STALLED * HELD_BYTES_MAX);
    /* A replay of its own, and OpenSSL on both sides of the tunnel, which is in this process. */
    cr_assert_lt(held, HELD_BYTES_MAX + 3 * TLS_BYTES, "%zu bytes a client", held);
    for (int i = 0; i < STALLED; i++) {
        wire_client_request(clients[i], "{'op':'replay.close','id':1}");
        json_decref(lab_await(clients[i], "ok"));
        wire_client_close(&clients[i]);
        tls_tunnel_close(&tunnels[i]);
    }
}

Test(net_tls, survives_clients_that_go_away_in_the_middle)
{
    for (int i = 0; i < 20; i++) {
        struct tls_tunnel *tunnel = tls_tunnel_open(lab.port);
        struct wire_client *client = connect_to(tls_tunnel_port(tunnel));
        wire_client_request(client, "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                    "'],'from':0,'to':3600000000,'speed':'max','state':'playing'}");
        wire_client_close(&client);
        tls_tunnel_close(&tunnel);
    }
    cr_assert(tls_look(lab.port, 0, NULL).is_done);
}
