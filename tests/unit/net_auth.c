/*
 * Who gets in over real sockets: every path and every op, tried as anybody and with every kind of
 * token, good and bad, and with a page's Origin from elsewhere.
 */
#include "net_lab.h"

#include "auth/gate.h"
#include "auth/verifier.h"
#include "support/http_client.h"
#include "support/token_maker.h"
#include "wire/codes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static struct lab lab;
static struct http_response response;
static struct error error;

static struct verifier *three_keys(const char *suffix)
{
    struct jwt_keys jwt;
    struct key_list list = {NULL, 0};
    jwt_keys_init(&jwt);
    cr_assert(jwt_keys_set_secret(&jwt, SECRET, sizeof SECRET - 1, &error) == STATUS_OK);
    for (enum role role = ROLE_VIEWER; role <= ROLE_OPERATOR; role++) {
        struct key_entry entry = {.role = role, .expires_us = IDENTITY_NEVER};
        char key[64];
        (void)snprintf(entry.name, sizeof entry.name, "%s", role_name(role));
        (void)snprintf(key, sizeof key, "tdk_%s%s", role_name(role), suffix);
        key_digest(key, strlen(key), entry.digest);
        cr_assert(key_list_add(&list, &entry, &error) == STATUS_OK, "%s", error.text);
    }
    return verifier_create(&list, &jwt);
}

static void start(void)
{
    lab_init(&lab);
    lab.shared.gate = gate_create(three_keys(""));
    lab_start(&lab);
}

static void stop(void)
{
    http_response_deinit(&response);
    lab_deinit(&lab);
    gate_destroy(&lab.shared.gate);
}

TestSuite(net_auth, .init = start, .fini = stop, .timeout = 120);

/* A server whose gate has not seen a failure yet. */
static void start_again(void)
{
    stop();
    start();
}

static char *jwt(int64_t seconds, const char *role, const char *secret)
{
    char claims[128];
    (void)snprintf(claims, sizeof claims, "{'role':'%s','sub':'ann','exp':%lld}", role,
                   (long long)(time(NULL) + seconds));
    return token_with_mac(TOKEN_HS256, claims, secret, strlen(secret));
}

static char *tampered(void)
{
    char *token = jwt(60, "viewer", SECRET);
    char *claims = strchr(token, '.') + 1;
    claims[4] = claims[4] == 'A' ? 'B' : 'A';
    return token;
}

/* Every kind of bad token; NULL at the end. To be freed. */
static char *bad_token(size_t kind)
{
    switch (kind) {
    case 0:
        return strdup("tdk_nobody");
    case 1:
        return jwt(-1, "operator", SECRET);
    case 2:
        return tampered();
    case 3:
        return token_unsigned(TOKEN_NONE, "{'role':'operator','exp':9999999999}");
    case 4:
        return jwt(60, "operator", "another secret of the right length");
    case 5:
        return token_with_mac(TOKEN_HS256, "{'role':'root','exp':9999999999}", SECRET,
                              sizeof SECRET - 1);
    case 6:
        return token_with_mac(TOKEN_HS256, "{'exp':9999999999}", SECRET, sizeof SECRET - 1);
    case 7:
        return strdup("viewer");
    default:
        return NULL;
    }
}

/* ---- HTTP ---- */

static const char *const data_paths[] = {
    "/api/v1/symbols",
    "/api/v1/candles?symbol=" LAB_SYMBOL "&interval=1m",
    "/api/v1/ticks?symbol=" LAB_SYMBOL "&to=1970-01-01T00:00:01Z",
    "/udf/config",
    "/udf/symbols?symbol=" LAB_SYMBOL,
    "/udf/search?query=L&limit=3",
    "/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=0&to=60",
    "/udf/time",
    "/metrics",
    /* From here on about the database itself, which this server does not know: 503 for who may ask.
     */
    "/api/storage",
    "/api/storage/tables",
    "/api/storage/sizes",
    "/api/storage/history",
    "/api/policies",
};
#define DATA_PATHS (sizeof data_paths / sizeof *data_paths)

static void get_with(const char *target, const char *headers)
{
    http_response_deinit(&response);
    http_request(lab.port, "GET", target, headers, &response);
}

/* `more`: further header lines; NULL: none. */
static int status_of(const char *target, const char *token, const char *more)
{
    char headers[6000];
    (void)snprintf(headers, sizeof headers, "%s%s%s%s",
                   token != NULL ? "Authorization: Bearer " : "", token != NULL ? token : "",
                   token != NULL ? "\r\n" : "", more != NULL ? more : "");
    get_with(target, headers);
    return response.status;
}

/* Of a path of data for who may ask. */
static int good_status(const char *target)
{
    bool is_of_database = strstr(target, "/storage") != NULL || strstr(target, "/policies") != NULL;
    return is_of_database ? 503 : 200;
}

static void check_code(const char *code)
{
    json_t *body = json_loads(response.body, 0, NULL);
    const char *got = json_string_value(json_object_get(json_object_get(body, "error"), "code"));
    cr_assert_not_null(got, "%s", response.body);
    cr_assert_str_eq(got, code);
    json_decref(body);
}

static void check_unauthorized(const char *what)
{
    char challenge[64];
    cr_assert_eq(response.status, 401, "%s: %s", what, response.text);
    check_code("unauthorized");
    cr_assert(http_header(&response, "WWW-Authenticate", challenge, sizeof challenge), "%s", what);
    cr_assert_eq(strncmp(challenge, "Bearer", 6), 0);
}

Test(net_auth, every_path_of_data_wants_a_token_and_takes_every_role)
{
    for (size_t i = 0; i < DATA_PATHS; i++) {
        (void)status_of(data_paths[i], NULL, NULL);
        check_unauthorized(data_paths[i]);
        for (enum role role = ROLE_VIEWER; role <= ROLE_OPERATOR; role++) {
            char key[32];
            (void)snprintf(key, sizeof key, "tdk_%s", role_name(role));
            cr_assert_eq(status_of(data_paths[i], key, NULL), good_status(data_paths[i]),
                         "%s: %s%s", data_paths[i], response.text, response.body);
        }
        char *token = jwt(60, "viewer", SECRET);
        cr_assert_eq(status_of(data_paths[i], token, NULL), good_status(data_paths[i]), "%s",
                     response.body);
        free(token);
    }
}

Test(net_auth, no_path_of_data_takes_a_bad_token)
{
    char *token;
    for (size_t kind = 0; (token = bad_token(kind)) != NULL; kind++) {
        start_again();
        for (size_t i = 0; i < DATA_PATHS; i++) {
            (void)status_of(data_paths[i], token, NULL);
            check_unauthorized(data_paths[i]);
            cr_assert_null(strstr(response.body, token), "the answer quotes the token");
            cr_assert_null(strstr(response.body, SECRET));
        }
        free(token);
    }
}

Test(net_auth, health_and_the_web_app_are_for_everybody)
{
    static const struct {
        const char *path;
        int status;
    } table[] = {{"/healthz", 200}, {"/readyz", 200}, {"/", 200}, {"/ws", 426}, {"/nothing", 404}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_assert_eq(status_of(table[i].path, NULL, NULL), table[i].status, "%s", table[i].path);
        cr_assert_eq(status_of(table[i].path, "tdk_nobody", NULL), table[i].status,
                     "it is not even looked at");
    }
}

Test(net_auth, other_ways_to_say_it_are_refused)
{
    static const char *const table[] = {
        "Authorization: Basic dmlld2VyOng=\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: tdk_viewer\r\n",
        "Authorization: Bearertdk_viewer\r\n",
        "Authorization: Bearer tdk_viewer tdk_viewer\r\n",
        "Authorization: Bearer tdk_nobody\r\nAuthorization: Bearer tdk_viewer\r\n",
        "Cookie: token=tdk_viewer\r\n",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        get_with("/api/v1/symbols", table[i]);
        check_unauthorized(table[i]);
    }
    get_with("/udf/time?token=tdk_viewer", NULL);
    check_unauthorized("in the URL");
    get_with("/api/v1/symbols", "authorization: bearer  tdk_viewer\r\n");
    cr_assert_eq(response.status, 200, "schemes have no case: %s", response.body);
}

Test(net_auth, a_token_that_is_too_long_is_refused)
{
    char *token = calloc(1, TOKEN_BYTES_MAX + 101);
    memset(token, 'a', TOKEN_BYTES_MAX + 100);
    (void)status_of("/api/v1/symbols", token, NULL);
    check_unauthorized("too long");
    free(token);
}

Test(net_auth, a_page_from_elsewhere_is_refused_also_with_a_token)
{
    const char *origin = "Origin: https://evil.example\r\n";
    for (size_t i = 0; i < DATA_PATHS; i++) {
        cr_assert_eq(status_of(data_paths[i], "tdk_operator", origin), 403, "%s", data_paths[i]);
        check_code("forbidden");
        cr_assert_eq(status_of(data_paths[i], NULL, origin), 403, "%s", data_paths[i]);
    }
    cr_assert_eq(status_of(data_paths[0], "tdk_operator", "Origin: http://localhost\r\n"), 200);
}

/* What a browser asks before it sends a token from another page. */
Test(net_auth, a_page_that_is_allowed_may_send_a_token_and_no_other)
{
    static const char *const allowed[] = {"https://desk.example"};
    const char *desk = "Origin: https://desk.example\r\nAccess-Control-Request-Method: GET\r\n";
    const char *evil = "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n";
    stop();
    lab_init(&lab);
    lab.options.allowed_origins = allowed;
    lab.options.allowed_origin_count = 1;
    lab.shared.gate = gate_create(three_keys(""));
    lab_start(&lab);
    char value[128];
    http_response_deinit(&response);
    http_request(lab.port, "OPTIONS", "/api/v1/symbols", desk, &response);
    cr_assert_eq(response.status, 204, "%s", response.text);
    cr_assert(http_header(&response, "Access-Control-Allow-Origin", value, sizeof value));
    cr_assert_str_eq(value, "https://desk.example");
    cr_assert(http_header(&response, "Access-Control-Allow-Headers", value, sizeof value));
    cr_assert_str_eq(value, "Authorization");
    cr_assert_eq(status_of("/api/v1/symbols", "tdk_viewer", desk), 200);
    cr_assert(http_header(&response, "Access-Control-Allow-Origin", value, sizeof value));
    cr_assert_eq(status_of("/api/v1/symbols", NULL, desk), 401);
    cr_assert(http_header(&response, "Access-Control-Allow-Origin", value, sizeof value),
              "so that it can read why");
    static const struct {
        const char *path;
        const char *headers;
        int status;
    } table[] = {{"/api/v1/symbols", NULL, 405}, {"/healthz", NULL, 405}, {"/nothing", NULL, 405}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        http_response_deinit(&response);
        http_request(lab.port, "OPTIONS", table[i].path, table[i].headers, &response);
        cr_assert_eq(response.status, table[i].status, "%s", table[i].path);
    }
    http_response_deinit(&response);
    http_request(lab.port, "OPTIONS", "/api/v1/symbols", evil, &response);
    cr_assert_eq(response.status, 403);
    cr_assert_not(http_header(&response, "Access-Control-Allow-Origin", value, sizeof value));
}

Test(net_auth, who_fails_too_often_waits_and_others_with_them)
{
    int status = 0;
    for (int i = 0; i < 200 && status != 429; i++)
        status = status_of("/api/v1/symbols", "tdk_nobody", NULL);
    cr_assert_eq(status, 429, "%s", response.text);
    check_code("limit");
    char seconds[8];
    cr_assert(http_header(&response, "Retry-After", seconds, sizeof seconds));
    cr_assert_eq(status_of("/api/v1/symbols", "tdk_viewer", NULL), 429, "from the same address");
    cr_assert_eq(status_of("/healthz", NULL, NULL), 200);
    cr_assert_eq(status_of("/api/v1/symbols", NULL, NULL), 401, "nobody has guessed");
    struct wire_client_options options = {.port = lab.port,
                                          .headers = "Authorization: Bearer tdk_nobody\r\n"};
    int http_status = 0;
    cr_assert_null(wire_client_open(&options, &http_status));
    cr_assert_eq(http_status, 429);
}

/* ---- the WebSocket ---- */

/* NULL and the HTTP status when it is refused. */
static struct wire_client *upgrade(const char *token, const char *origin, int *http_status)
{
    char headers[6000] = "";
    struct wire_client_options options = {.port = lab.port, .headers = headers, .origin = origin};
    if (token != NULL)
        (void)snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
    return wire_client_open(&options, http_status);
}

static struct wire_client *connect_anonymously(void)
{
    int http_status = 0;
    struct wire_client *client = upgrade(NULL, NULL, &http_status);
    cr_assert_not_null(client, "%d", http_status);
    json_t *welcome = lab_await(client, "welcome");
    const json_t *auth = json_object_get(welcome, "auth");
    cr_assert(json_is_true(json_object_get(auth, "required")));
    cr_assert(json_is_null(json_object_get(auth, "role")));
    json_decref(welcome);
    return client;
}

static void check_answer(struct wire_client *client, const char *ev, const char *code)
{
    json_t *answer = wire_client_receive_tree(client, LAB_DEADLINE_MS);
    cr_assert_not_null(answer);
    cr_assert_str_eq(json_string_value(json_object_get(answer, "ev")), ev);
    if (code != NULL)
        cr_assert_str_eq(json_string_value(json_object_get(answer, "code")), code);
    json_decref(answer);
}

Test(net_auth, the_upgrade_takes_a_good_token_and_no_bad_one)
{
    for (enum role role = ROLE_VIEWER; role <= ROLE_OPERATOR; role++) {
        char key[32];
        int http_status = 0;
        (void)snprintf(key, sizeof key, "tdk_%s", role_name(role));
        struct wire_client *client = upgrade(key, NULL, &http_status);
        cr_assert_not_null(client, "%d", http_status);
        json_t *welcome = lab_await(client, "welcome");
        const json_t *auth = json_object_get(welcome, "auth");
        cr_assert_str_eq(json_string_value(json_object_get(auth, "role")), role_name(role));
        json_decref(welcome);
        wire_client_request(client, "{'op':'symbols'}");
        check_answer(client, "symbols", NULL);
        wire_client_close(&client);
    }
    char *token;
    for (size_t kind = 0; (token = bad_token(kind)) != NULL; kind++) {
        int http_status = 0;
        cr_assert_null(upgrade(token, NULL, &http_status), "%s", token);
        cr_assert_eq(http_status, 401, "%s", token);
        free(token);
    }
}

Test(net_auth, the_upgrade_from_another_page_is_refused_also_with_a_token)
{
    int http_status = 0;
    cr_assert_null(upgrade("tdk_operator", "https://evil.example", &http_status));
    cr_assert_eq(http_status, 403);
    cr_assert_null(upgrade(NULL, "https://evil.example", &http_status));
    cr_assert_eq(http_status, 403);
}

/* Ops that a viewer may not ask for; all others are a viewer's. */
static bool is_for_operators(const char *op)
{
    static const char *const table[] = {"policies.run", "policies.pause", "policies.resume"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(op, table[i]) == 0)
            return true;
    }
    return false;
}

/* What each op is answered, as "" (no refusal), "unauthorized" or "forbidden". */
static void try_every_op(const char *token, const char *expected, const char *expected_of_operators)
{
    struct wire_client *client = connect_anonymously();
    if (token != NULL) {
        wire_client_request(client, "{'op':'auth','token':'%s'}", token);
        check_answer(client, "ok", NULL);
    }
    int http_status = 0;
    struct wire_client *second = upgrade(NULL, NULL, &http_status);
    json_t *welcome = lab_await(second, "welcome");
    wire_client_close(&second);
    size_t i;
    json_t *op;
    json_array_foreach(json_object_get(welcome, "ops"), i, op)
    {
        const char *name = json_string_value(op);
        const char *right = is_for_operators(name) ? expected_of_operators : expected;
        if (strcmp(name, "ping") == 0 || strcmp(name, "auth") == 0)
            continue;
        wire_client_request(client, "{'op':'%s','req':%zu,'id':999}", name, i);
        wire_client_request(client, "{'op':'ping','req':1000}");
        json_t *answer = wire_client_receive_tree(client, LAB_DEADLINE_MS);
        const char *code = json_string_value(json_object_get(answer, "code"));
        bool is_refused =
            code != NULL && (strcmp(code, "unauthorized") == 0 || strcmp(code, "forbidden") == 0);
        cr_assert_str_eq(is_refused ? code : "", right, "%s as %s", name,
                         token != NULL ? token : "nobody");
        json_decref(answer);
        json_decref(lab_await(client, "pong"));
    }
    json_decref(welcome);
    wire_client_close(&client);
}

Test(net_auth, every_op_wants_its_role)
{
    try_every_op(NULL, "unauthorized", "unauthorized");
    try_every_op("tdk_viewer", "", "forbidden");
    try_every_op("tdk_writer", "", "forbidden");
    try_every_op("tdk_operator", "", "");
}

Test(net_auth, no_bad_token_opens_a_connection_and_a_good_one_does)
{
    struct wire_client *client = connect_anonymously();
    char *token;
    for (size_t kind = 0; (token = bad_token(kind)) != NULL; kind++) {
        wire_client_request(client, "{'op':'auth','token':'%s'}", token);
        check_answer(client, "error", "unauthorized");
        wire_client_request(client, "{'op':'symbols'}");
        check_answer(client, "error", "unauthorized");
        free(token);
    }
    wire_client_request(client, "{'op':'auth','token':'tdk_viewer'}");
    check_answer(client, "ok", NULL);
    wire_client_request(client, "{'op':'symbols'}");
    check_answer(client, "symbols", NULL);
    wire_client_close(&client);
}

Test(net_auth, guessing_on_a_connection_is_limited_too)
{
    struct wire_client *client = connect_anonymously();
    bool is_limited = false;
    for (int i = 0; i < 200 && !is_limited; i++) {
        wire_client_request(client, "{'op':'auth','token':'tdk_nobody'}");
        json_t *answer = wire_client_receive_tree(client, LAB_DEADLINE_MS);
        const char *code = json_string_value(json_object_get(answer, "code"));
        is_limited = code != NULL && strcmp(code, "limit") == 0;
        json_decref(answer);
    }
    cr_assert(is_limited);
    wire_client_close(&client);
}

Test(net_auth, a_token_that_expires_ends_the_connection)
{
    struct wire_client *client = connect_anonymously();
    char *token = jwt(2, "viewer", SECRET);
    wire_client_request(client, "{'op':'auth','token':'%s'}", token);
    json_t *ok = lab_await(client, "ok");
    cr_assert(json_is_integer(json_object_get(ok, "expires")));
    json_decref(ok);
    check_answer(client, "error", "unauthorized");
    cr_assert_eq(wire_client_await_close(client, LAB_DEADLINE_MS), CLOSE_UNAUTHORIZED);
    wire_client_close(&client);
    free(token);
}

Test(net_auth, a_key_that_is_revoked_ends_its_connections_and_no_others)
{
    struct wire_client *with_key = connect_anonymously();
    struct wire_client *with_token = connect_anonymously();
    struct wire_client *with_none = connect_anonymously();
    char *token = jwt(3600, "viewer", SECRET);
    wire_client_request(with_key, "{'op':'auth','token':'tdk_viewer'}");
    check_answer(with_key, "ok", NULL);
    wire_client_request(with_token, "{'op':'auth','token':'%s'}", token);
    check_answer(with_token, "ok", NULL);
    gate_change(lab.shared.gate, three_keys("-new"));
    server_renew(lab.server, NULL);
    check_answer(with_key, "error", "unauthorized");
    cr_assert_eq(wire_client_await_close(with_key, LAB_DEADLINE_MS), CLOSE_UNAUTHORIZED);
    wire_client_request(with_token, "{'op':'symbols'}");
    check_answer(with_token, "symbols", NULL);
    wire_client_request(with_none, "{'op':'auth','token':'tdk_viewer-new'}");
    check_answer(with_none, "ok", NULL);
    cr_assert_eq(status_of("/api/v1/symbols", "tdk_viewer", NULL), 401);
    cr_assert_eq(status_of("/api/v1/symbols", "tdk_viewer-new", NULL), 200);
    wire_client_close(&with_key);
    wire_client_close(&with_token);
    wire_client_close(&with_none);
    free(token);
}

/* ---- a server that asks nobody ---- */

Test(net_auth, an_open_server_gives_everybody_its_role)
{
    stop();
    lab_init(&lab);
    lab.shared.gate = gate_create_open(ROLE_VIEWER);
    lab_start(&lab);
    for (size_t i = 0; i < DATA_PATHS; i++) {
        cr_assert_eq(status_of(data_paths[i], NULL, NULL), good_status(data_paths[i]), "%s",
                     data_paths[i]);
        cr_assert_eq(status_of(data_paths[i], "whatever", NULL), good_status(data_paths[i]),
                     "it is not looked at");
    }
    int http_status = 0;
    struct wire_client *client = upgrade("whatever", NULL, &http_status);
    cr_assert_not_null(client);
    json_t *welcome = lab_await(client, "welcome");
    const json_t *auth = json_object_get(welcome, "auth");
    cr_assert(json_is_false(json_object_get(auth, "required")));
    cr_assert_str_eq(json_string_value(json_object_get(auth, "role")), "viewer");
    json_decref(welcome);
    wire_client_close(&client);
}
