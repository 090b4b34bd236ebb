/*
 * /metrics, /readyz and the rate of HTTP requests, of a server in this process.
 */
#include "net_lab.h"

#include "base/clock.h"
#include "net/metrics_text.h"
#include "support/exposition.h"
#include "support/http_client.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BURST 5
#define SCRAPES 20

static struct lab lab;
static struct http_response response;
static struct exposition metrics;

static void start(void)
{
    lab_init(&lab);
}

static void stop(void)
{
    exposition_deinit(&metrics);
    http_response_deinit(&response);
    lab_deinit(&lab);
}

TestSuite(metrics, .init = start, .fini = stop, .timeout = 120);

static void get(const char *target)
{
    http_response_deinit(&response);
    http_get(lab.port, target, &response);
}

static void scrape(void)
{
    get("/metrics");
    cr_assert_eq(response.status, 200, "%s", response.text);
    cr_assert(response.is_whole);
    exposition_deinit(&metrics);
    cr_assert(exposition_read(&metrics, response.body), "%s", metrics.problem);
}

static double sum(const char *name, const char *label, const char *value)
{
    double found = exposition_sum(&metrics, name, label, value);
    cr_assert(!isnan(found), "there is no %s with %s=\"%s\"", name, label, value);
    return found;
}

/* ---- figures ---- */

static void own_metrics(void *owner, struct metrics_text *text)
{
    metrics_text_gauge(text, "own", "What the owner says.", *(const double *)owner);
}

Test(metrics, are_text_of_the_version_that_prometheus_reads)
{
    static double said = 42;
    char type[128];
    lab.options.metrics = own_metrics;
    lab.options.metrics_owner = &said;
    lab_start(&lab);
    scrape();
    cr_assert(http_header(&response, "Content-Type", type, sizeof type));
    cr_assert_str_eq(type, "text/plain; version=0.0.4; charset=utf-8");
    cr_assert_eq(sum("own", NULL, NULL), 42);
    http_response_deinit(&response);
    http_request(lab.port, "HEAD", "/metrics", NULL, &response);
    cr_assert_eq(response.status, 200);
    cr_assert_eq(response.body_bytes, 0);
}

Test(metrics, count_what_a_client_asked_for_and_got)
{
    lab_start(&lab);
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    cr_assert(wire_client_request(client,
                                  "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                  "'],'from':0,'to':%lld,'speed':'max','state':'playing'}",
                                  (long long)(100 * LAB_TICK_US)));
    cr_assert(wire_client_request(client, "{'op':'replay.open','id':2,'symbols':['" LAB_SYMBOL
                                          "'],'from':0}"));
    cr_assert(wire_client_request(client, "{'op':'fly'}"));
    cr_assert(wire_client_request(client, "{'op':'replay.play','id':9}"));
    json_t *state;
    bool has_ended = false;
    while (!has_ended) {
        state = lab_await(client, "replay.state");
        has_ended = strcmp(json_string_value(json_object_get(state, "state")), "ended") == 0;
        json_decref(state);
    }
    scrape();
    cr_assert_eq(sum("tapedeck_viewers", "lane", "0"), 1);
    cr_assert_eq(sum("tapedeck_connections", "lane", "0"), 2, "and the scrape itself");
    cr_assert_eq(sum("tapedeck_ticks_total", NULL, NULL), 100);
    cr_assert_geq(sum("tapedeck_frames_total", NULL, NULL), 1);
    cr_assert_eq(sum("tapedeck_replays", "state", "ended"), 1);
    cr_assert_eq(sum("tapedeck_replays", "state", "paused"), 1);
    cr_assert_eq(sum("tapedeck_replays", "state", "playing"), 0);
    cr_assert_eq(sum("tapedeck_subscriptions", "kind", "replay"), 2);
    cr_assert_eq(sum("tapedeck_subscriptions", "kind", "candles"), 0);
    cr_assert_eq(sum("tapedeck_requests_total", "op", "replay.open"), 2);
    cr_assert_eq(sum("tapedeck_requests_total", "op", "replay.play"), 1);
    cr_assert_eq(sum("tapedeck_requests_total", "op", "unknown"), 1);
    cr_assert_eq(sum("tapedeck_errors_total", "code", "unknown_op"), 1);
    cr_assert_eq(sum("tapedeck_errors_total", "code", "not_found"), 1);
    cr_assert_eq(sum("tapedeck_errors_total", NULL, NULL), 2);
    cr_assert_eq(sum("tapedeck_messages_received_total", NULL, NULL), 4);
    cr_assert_eq(sum("tapedeck_symbols", NULL, NULL), 1);
    cr_assert_eq(sum("tapedeck_frame_lateness_seconds_count", NULL, NULL), 0,
                 "\"max\" is not paced");
    cr_assert(wire_client_request(client, "{'op':'replay.close','id':1}"));
    json_decref(lab_await(client, "ok"));
    scrape();
    cr_assert_eq(sum("tapedeck_replays", NULL, NULL), 1);
    cr_assert_eq(sum("tapedeck_subscriptions", "kind", "replay"), 1);
    wire_client_close(&client);
    do {
        scrape();
    } while (sum("tapedeck_viewers", NULL, NULL) > 0);
    cr_assert_eq(sum("tapedeck_replays", NULL, NULL), 0);
    cr_assert_eq(sum("tapedeck_subscriptions", NULL, NULL), 0);
}

Test(metrics, tell_each_lane_by_itself)
{
    lab.options.lane_count = 3;
    lab_start(&lab);
    scrape();
    for (int lane = 0; lane < 3; lane++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", lane);
        cr_assert_geq(sum("tapedeck_connections", "lane", name), 0);
        cr_assert_eq(sum("tapedeck_frame_lateness_seconds_count", "lane", name), 0);
    }
    cr_assert(isnan(exposition_sum(&metrics, "tapedeck_connections", "lane", "3")));
    cr_assert_eq(sum("tapedeck_connections", NULL, NULL), 1);
}

Test(metrics, count_answers_over_http_by_their_status)
{
    lab_start(&lab);
    get("/api/v1/nope");
    get("/api/v1/symbols?limit=x");
    scrape();
    cr_assert_eq(sum("tapedeck_http_answers_total", "status", "404"), 1);
    cr_assert_eq(sum("tapedeck_http_answers_total", "status", "400"), 1);
    cr_assert_eq(sum("tapedeck_http_answers_total", "status", "200"), 0, "its own is under way");
    scrape();
    cr_assert_eq(sum("tapedeck_http_answers_total", "status", "200"), 1);
}

Test(metrics, are_not_for_pages_from_elsewhere)
{
    lab_start(&lab);
    http_request(lab.port, "GET", "/metrics", "Origin: http://evil.example\r\n", &response);
    cr_assert_eq(response.status, 403);
}

/* How long a lane is kept from its other work, by its own clock; said, and bounded loosely: the
 * machine has others to serve. */
Test(metrics, are_written_in_a_moment)
{
    double least_s = 1;
    lab_start(&lab);
    for (int i = 0; i < SCRAPES; i++) {
        scrape();
        double took_s = sum("tapedeck_metrics_seconds", NULL, NULL);
        least_s = took_s < least_s ? took_s : least_s;
    }
    fprintf(stderr, "a scrape of one lane: %.0f us, %zu bytes\n", least_s * 1e6,
            response.body_bytes);
    cr_assert_lt(least_s, 0.010);
}

/* ---- readiness ---- */

static bool is_away;

static size_t two_checks(void *owner, struct http_check checks[HTTP_CHECKS_MAX])
{
    (void)owner;
    checks[0] = (struct http_check){"database", !is_away, "gone \"for good\""};
    checks[1] = (struct http_check){"schema", true, "version 7"};
    return 2;
}

static json_t *readiness(int status)
{
    get("/readyz");
    cr_assert_eq(response.status, status, "%s\n%s", response.text, response.body);
    json_t *tree = json_loads(response.body, 0, NULL);
    cr_assert_not_null(tree);
    cr_assert_eq(json_is_true(json_object_get(tree, "ready")), status == 200);
    return tree;
}

Test(metrics, readiness_lists_every_check_and_fails_with_one)
{
    lab.options.checks = two_checks;
    lab_start(&lab);
    is_away = false;
    json_decref(readiness(200));
    is_away = true;
    json_t *tree = readiness(503);
    json_t *checks = json_object_get(tree, "checks");
    cr_assert_eq(json_array_size(checks), 2);
    json_t *database = json_array_get(checks, 0);
    cr_assert_str_eq(json_string_value(json_object_get(database, "name")), "database");
    cr_assert(json_is_false(json_object_get(database, "ok")));
    cr_assert_str_eq(json_string_value(json_object_get(database, "detail")), "gone \"for good\"");
    cr_assert(json_is_true(json_object_get(json_array_get(checks, 1), "ok")));
    json_decref(tree);
    get("/healthz");
    cr_assert_eq(response.status, 200, "the process is well");
}

Test(metrics, a_server_that_checks_nothing_is_ready)
{
    lab_start(&lab);
    json_decref(readiness(200));
}

/* ---- the rate ---- */

Test(metrics, requests_over_the_rate_are_refused_until_later)
{
    char seconds[32];
    lab.options.http_requests_per_second = 1;
    lab.options.http_requests_burst = BURST;
    lab_start(&lab);
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < BURST; i++) {
        get("/api/v1/symbols");
        cr_assert_eq(response.status, 200);
    }
    get("/api/v1/symbols");
    if (clock_monotonic_us() - begun_us < 1000000) /* else one more is there again */
        cr_assert_eq(response.status, 429);
    while (response.status != 429)
        get("/api/v1/symbols");
    cr_assert(http_header(&response, "Retry-After", seconds, sizeof seconds));
    cr_assert_str_eq(seconds, "1");
    cr_assert_not_null(strstr(response.body, "\"limit\""));
    cr_assert_not_null(strstr(response.body, "http_requests_per_second"));
    for (int i = 0; i < 3 * BURST; i++) {
        get("/healthz");
        cr_assert_eq(response.status, 200, "who watches over it is not refused");
        get("/readyz");
        cr_assert_eq(response.status, 200);
    }
    struct server_figures figures = server_figures(lab.server);
    cr_assert_geq(figures.hasty, 1);
    while (response.status != 429) /* files are counted as well */
        get("/");
    do {
        get("/api/v1/symbols");
    } while (response.status == 429);
    cr_assert_eq(response.status, 200, "it is answered again, without anybody's help");
}

Test(metrics, without_a_rate_nobody_is_refused)
{
    lab_start(&lab);
    for (int i = 0; i < 300; i++) {
        get("/api/v1/symbols");
        cr_assert_eq(response.status, 200);
    }
}
