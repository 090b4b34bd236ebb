/*
 * Bad input over a real socket: a clear error, the right close code, and a server that goes on.
 */
#include "player.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct deck deck;

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init_empty(&deck, deck_engine()); /* the server makes its database, as a newcomer's does */
    char output[8192];
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--symbols", "SIM:A", "--every", "10s"), 0,
                 "%s", output);
    deck_serve(&deck, NULL);
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(refusals, .init = start, .fini = stop, .timeout = 300);

static void assert_alive(void)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_JSON);
    cr_assert(wire_client_request(player.client, "{'op':'ping','req':5,'mark':'here'}"));
    json_t *pong = wire_client_await(player.client, "pong", PLAYER_DEADLINE_MS);
    cr_assert_not_null(pong);
    cr_assert_str_eq(json_string_value(json_object_get(pong, "mark")), "here");
    cr_assert_eq(json_integer_value(json_object_get(pong, "re")), 5);
    json_decref(pong);
    player_close(&player);
}

Test(refusals, of_handshakes)
{
    static const struct {
        const char *what;
        struct wire_client_options options;
        int status;
    } cases[] = {
        {"an unknown subprotocol", {.subprotocol = "mqtt"}, 400},
        {"a foreign Origin", {.origin = "http://evil.example"}, 403},
        {"an old version", {.version = "8"}, 426},
        {"a short key", {.key = "c2hvcnQ="}, 400},
        {"another path", {.path = "/socket"}, 404},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_client_options options = cases[i].options;
        options.port = deck.port;
        int status = 0;
        struct wire_client *client = wire_client_open(&options, &status);
        cr_assert_null(client, "%s was let in", cases[i].what);
        cr_assert_eq(status, cases[i].status, "%s: HTTP %d", cases[i].what, status);
    }
    assert_alive();
}

Test(refusals, of_requests_leave_the_connection_open)
{
    static const struct {
        const char *request;
        const char *code;
    } cases[] = {
        {"{'op':'fly','req':1}", "unknown_op"},
        {"{'req':1}", "bad_message"},
        {"{'op':7}", "bad_message"},
        {"{'op':'ping','req':-1}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['NOPE'],'from':0}", "not_found"},
        {"{'op':'replay.open','id':1,'symbols':['SIM:A'],'from':2,'to':1}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['SIM:A']}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':[],'from':0}", "bad_argument"},
        {"{'op':'replay.open','id':-1,'symbols':['SIM:A'],'from':0}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['SIM:A'],'from':0,'fps':241}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['SIM:A'],'from':0,'speed':0}", "bad_argument"},
        {"{'op':'replay.play','id':9}", "not_found"},
        {"{'op':'replay.seek','id':9,'to':1}", "not_found"},
    };
    static const char *const subprotocols[] = {WIRE_SUBPROTOCOL_JSON, WIRE_SUBPROTOCOL_MSGPACK};
    for (size_t p = 0; p < 2; p++) {
        struct player player;
        player_connect(&player, &deck, subprotocols[p]);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
            cr_assert_str_eq(player_refused(&player, cases[i].request), cases[i].code, "%s",
                             cases[i].request);
        /* One id twice; a seek outside the range; both leave the replay as it was. */
        player_open(&player, 1, "'symbols':['SIM:A'],'from':0");
        cr_assert_str_eq(player_refused(&player, "{'op':'replay.open','req':3,'id':1,"
                                                 "'symbols':['SIM:A'],'from':0}"),
                         "conflict");
        cr_assert_str_eq(player_refused(&player, "{'op':'replay.seek','req':3,'id':1,'to':-5}"),
                         "bad_argument");
        player_control(&player, "replay.close", "");
        player_close(&player);
    }
    assert_alive();
}

static void assert_closed(const char *what, const char *subprotocol, enum wire_opcode opcode,
                          const void *bytes, size_t count, uint16_t code)
{
    struct player player;
    player_connect(&player, &deck, subprotocol);
    (void)wire_client_send(player.client, opcode, bytes, count); /* may be cut off on the way */
    uint16_t closed = wire_client_await_close(player.client, PLAYER_DEADLINE_MS);
    cr_assert_eq(closed, code, "%s: closed with %d", what, closed);
    player_close(&player);
}

Test(refusals, of_bytes_that_are_no_message_close_with_the_right_code)
{
    static char large[1 << 20];
    memset(large, ' ', sizeof large);
    assert_closed("a message of 1 MiB", WIRE_SUBPROTOCOL_JSON, WIRE_TEXT, large, sizeof large,
                  1009);
    assert_closed("a message of 1 MiB", WIRE_SUBPROTOCOL_MSGPACK, WIRE_BINARY, large, sizeof large,
                  1009);
    assert_closed("truncated msgpack", WIRE_SUBPROTOCOL_MSGPACK, WIRE_BINARY, "\x82\xa2op\xa4pi", 8,
                  1002);
    assert_closed("a msgpack array", WIRE_SUBPROTOCOL_MSGPACK, WIRE_BINARY, "\x91\x01", 2, 1002);
    assert_closed("broken JSON", WIRE_SUBPROTOCOL_JSON, WIRE_TEXT, "{\"op\":", 6, 1002);
    assert_closed("text that is not UTF-8", WIRE_SUBPROTOCOL_JSON, WIRE_TEXT, "{\"op\":\"\xff\"}",
                  10, 1007);
    assert_closed("a text message in msgpack", WIRE_SUBPROTOCOL_MSGPACK, WIRE_TEXT,
                  "{\"op\":\"ping\"}", 13, 1002);
    assert_alive();
}
