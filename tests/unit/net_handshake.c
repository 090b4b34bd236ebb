#include "net/handshake.h"

#include <criterion/criterion.h>
#include <string.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static const char *const allowed_names[] = {"https://desk.example", "http://other.example:80"};
static const struct origins allowed = {.names = allowed_names, .count = 2};
static const struct origins nobody = {.names = NULL, .count = 0};
static const struct hosts any_host = {.is_checked = false};

static struct handshake good(void)
{
    return (struct handshake){.is_get = true,
                              .path = "/ws",
                              .host = "localhost:8080",
                              .upgrade = "websocket",
                              .connection = "Upgrade",
                              .version = "13",
                              .key = KEY};
}

static unsigned status_of(const struct handshake *asked)
{
    enum wire_encoding encoding;
    const struct refusal *refusal = handshake_check(asked, &any_host, &nobody, &encoding);
    return refusal == NULL ? 101 : refusal->http_status;
}

Test(handshake, a_plain_websocket_request_is_welcome_and_speaks_json)
{
    struct handshake asked = good();
    enum wire_encoding encoding = WIRE_MSGPACK;
    cr_assert_null(handshake_check(&asked, &any_host, &nobody, &encoding));
    cr_assert_eq(encoding, WIRE_JSON);
}

Test(handshake, names_of_headers_values_compare_without_case_where_http_says_so)
{
    struct handshake asked = good();
    asked.upgrade = "WebSocket";
    asked.connection = "keep-alive, UPGRADE";
    cr_assert_eq(status_of(&asked), 101);
}

Test(handshake, whatever_is_missing_or_wrong_is_refused_with_its_own_status)
{
    static const struct {
        const char *what;
        size_t offset;
        const char *value;
        unsigned http_status;
    } cases[] = {
        {"upgrade absent", offsetof(struct handshake, upgrade), NULL, 400},
        {"upgrade to another protocol", offsetof(struct handshake, upgrade), "foo", 400},
        {"upgrade to HTTP/2", offsetof(struct handshake, upgrade), "h2c", 400},
        {"another path", offsetof(struct handshake, path), "/ws/", 404},
        {"no path", offsetof(struct handshake, path), NULL, 404},
        {"version 12", offsetof(struct handshake, version), "12", 426},
        {"version 130", offsetof(struct handshake, version), "130", 426},
        {"no version", offsetof(struct handshake, version), NULL, 426},
        {"no host", offsetof(struct handshake, host), NULL, 400},
        {"an empty host", offsetof(struct handshake, host), "", 400},
        {"no connection header", offsetof(struct handshake, connection), NULL, 400},
        {"connection that does not upgrade", offsetof(struct handshake, connection), "close", 400},
        {"connection with a longer word", offsetof(struct handshake, connection), "Upgrades", 400},
        {"no key", offsetof(struct handshake, key), NULL, 400},
        {"a short key", offsetof(struct handshake, key), "abc=", 400},
        {"a long key", offsetof(struct handshake, key), KEY "=", 400},
        {"a foreign origin", offsetof(struct handshake, origin), "http://evil.example", 403},
        {"an opaque origin", offsetof(struct handshake, origin), "null", 403},
        {"an unknown subprotocol", offsetof(struct handshake, protocols), "chat", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct handshake asked = good();
        memcpy((char *)&asked + cases[i].offset, &cases[i].value, sizeof(const char *));
        cr_expect_eq(status_of(&asked), cases[i].http_status, "%s: %u", cases[i].what,
                     status_of(&asked));
    }
}

Test(handshake, another_method_than_get_is_not_allowed)
{
    struct handshake asked = good();
    asked.is_get = false;
    cr_assert_eq(status_of(&asked), 405);
}

Test(handshake, a_version_that_is_refused_is_told_which_one_would_do)
{
    struct handshake asked = good();
    asked.version = "8";
    enum wire_encoding encoding;
    const struct refusal *refusal = handshake_check(&asked, &any_host, &nobody, &encoding);
    cr_assert_not_null(refusal);
    cr_assert_not_null(strstr(refusal->headers, "Sec-WebSocket-Version: 13\r\n"));
}

Test(handshake, an_origin_is_welcome_when_it_is_absent_our_own_or_allowed)
{
    static const struct {
        const char *origin;
        const char *host;
        bool is_welcome;
    } cases[] = {
        {NULL, "localhost:8080", true},
        {"http://localhost:8080", "localhost:8080", true},
        {"https://localhost:8080", "localhost:8080", true}, /* behind a TLS proxy */
        {"http://LocalHost:8080", "localhost:8080", true},
        {"http://desk:80", "desk", true},
        {"http://desk", "desk:80", true},
        {"https://desk:443", "desk", true},
        {"http://[::1]:8080", "[::1]:8080", true},
        {"https://desk.example", "localhost", true},
        {"https://DESK.example:443", "localhost", true},
        {"http://other.example", "localhost", true},

        {"http://localhost:8081", "localhost:8080", false},
        {"http://localhost", "localhost:8080", false},
        {"http://localhost:8080.evil.example", "localhost:8080", false},
        {"http://evil.example/localhost:8080", "localhost:8080", false},
        {"http://desk:443", "desk", false},
        {"http://desk.example", "localhost", false}, /* allowed with https only */
        {"https://desk.example.evil", "localhost", false},
        {"https://desk.example:8443", "localhost", false},
        {"ftp://localhost:8080", "localhost:8080", false},
        {"localhost:8080", "localhost:8080", false},
        {"null", "localhost:8080", false},
        {"", "localhost:8080", false},
        {"http://", "", false},
        {"http://localhost", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(handshake_origin_is_welcome(cases[i].origin, cases[i].host, &allowed),
                     cases[i].is_welcome, "%s at %s", cases[i].origin ? cases[i].origin : "(none)",
                     cases[i].host ? cases[i].host : "(none)");
}

Test(handshake, a_star_allows_every_origin_and_an_overlong_one_is_refused_all_the_same)
{
    static const char *const star[] = {"*"};
    struct origins everybody = {.names = star, .count = 1};
    char overlong[HANDSHAKE_NAME_BYTES + 1];
    memset(overlong, 'a', sizeof overlong - 1);
    overlong[sizeof overlong - 1] = '\0';
    cr_assert(handshake_origin_is_welcome("http://evil.example", "localhost", &everybody));
    cr_assert(handshake_origin_is_welcome("null", "localhost", &everybody));
    cr_assert_not(handshake_origin_is_welcome(overlong, "localhost", &everybody));
}

Test(handshake, the_first_subprotocol_of_ours_is_chosen)
{
    static const struct {
        const char *protocols;
        enum wire_encoding encoding;
    } cases[] = {
        {NULL, WIRE_JSON},
        {"", WIRE_JSON},
        {"tapedeck.v1.json", WIRE_JSON},
        {"tapedeck.v1.msgpack", WIRE_MSGPACK},
        {"tapedeck.v1.msgpack, tapedeck.v1.json", WIRE_MSGPACK},
        {"tapedeck.v1.json,tapedeck.v1.msgpack", WIRE_JSON},
        {"\ttapedeck.v2.msgpack ,  tapedeck.v1.msgpack ", WIRE_MSGPACK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum wire_encoding encoding = (enum wire_encoding)7;
        cr_expect(handshake_choose_encoding(cases[i].protocols, &encoding), "case %zu", i);
        cr_expect_eq(encoding, cases[i].encoding, "case %zu", i);
    }
}

Test(handshake, a_list_without_ours_or_with_what_the_library_would_take_first_is_refused)
{
    static const char *const cases[] = {
        "chat",
        "tapedeck.v1.jso",
        "tapedeck.v1.jsonx",
        "TAPEDECK.V1.JSON",
        "tapedeck.v1.json;q=1",
        "(lane), tapedeck.v1.json",
        "lws-ws-proxy, tapedeck.v1.json",
        "1.5, tapedeck.v1.json",
        "two words, tapedeck.v1.json",
        " , ,",
        "?",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum wire_encoding encoding = WIRE_MSGPACK;
        cr_expect_not(handshake_choose_encoding(cases[i], &encoding), "%s", cases[i]);
        cr_expect_eq(encoding, WIRE_MSGPACK, "untouched on refusal: %s", cases[i]);
    }
}

Test(handshake, a_list_longer_than_the_library_reads_is_refused)
{
    char list[HANDSHAKE_LIST_BYTES + 32];
    memset(list, 'a', sizeof list);
    memcpy(list + 100, ",tapedeck.v1.json,", 18);
    enum wire_encoding encoding;
    list[HANDSHAKE_LIST_BYTES - 1] = '\0';
    cr_assert(handshake_choose_encoding(list, &encoding));
    list[HANDSHAKE_LIST_BYTES - 1] = 'a';
    list[HANDSHAKE_LIST_BYTES] = '\0';
    cr_assert_not(handshake_choose_encoding(list, &encoding));
}
