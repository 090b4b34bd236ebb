/*
 * Answers of plain HTTP that have to wait: for a source that holds them back or fails, and for a
 * client that does not read. What they cost meanwhile, and that they end.
 */
#include "net_http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STALLED 8
#define HELD_BYTES_MAX (64 * 1024)

HTTP_SUITE(http_waits);

/* ---- behind another answer ---- */

static bool one_waits(const struct server_figures *figures)
{
    return figures->works == 1;
}

extern const char *lws_get_library_version(void);

/* libwebsockets 4.3 hangs up on such a client, which sends its other requests again. */
static size_t answers_at_least(void)
{
    return strncmp(lws_get_library_version(), "4.1", 3) == 0 ? 3 : 1;
}

Test(http_waits, a_request_that_waits_for_the_one_before_is_answered_after_it)
{
    char text[16384];
    size_t used = 0;
    lab_start(&lab);
    lab_source_be(LAB_HOLDS);
    int socket = http_connect_narrowly(lab.port);
    http_send(socket, "GET " TICKS "&to=20000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_assert(lab_until(&lab, one_waits));
    http_send(socket, "GET /udf/time HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "GET " CANDLES "&interval=1m&limit=1 HTTP/1.1\r\nHost: localhost\r\n"
                      "Connection: close\r\n\r\n");
    lab_settle(&lab); /* it has come, most likely; right also when it has not */
    lab_source_be(LAB_ANSWERS);
    ssize_t got;
    while ((got = read(socket, text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
    close(socket);
    cr_assert_geq(count_of(text, "HTTP/1.1 200 OK"), answers_at_least(), "%s", text);
    const char *ticks = strstr(text, "ndjson");
    const char *time = strstr(text, "text/plain");
    cr_assert(ticks != NULL && (time == NULL || ticks < time), "%s", text);
}

/* ---- when the source does not answer ---- */

Test(http_waits, a_source_that_fails_is_said_before_the_first_byte)
{
    lab_start(&lab);
    lab_source_be(LAB_FAILS);
    static const char *const targets[] = {TICKS, CANDLES "&interval=1m", CANDLES "&interval=1s",
                                          "/udf/history?symbol=" LAB_SYMBOL
                                          "&resolution=1&countback=3"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        get(targets[i]);
        json_decref(body_of(503));
        cr_assert_not_null(strstr(response.body, "the lab has no data now"), "%s", response.body);
        cr_assert_str_neq(header("Retry-After"), "");
    }
    lab_source_be(LAB_ANSWERS);
    check_candles(CANDLES "&interval=1m&limit=1", MINUTES - 1, 1);
}

Test(http_waits, a_source_that_fails_later_leaves_an_answer_without_its_end)
{
    lab_start(&lab);
    get(TICKS "&format=csv&to=1000000");
    cr_assert(response.is_whole);
    lab_source_be(LAB_FAILS);
    get(TICKS "&format=csv");
    cr_assert_eq(response.status, 200);
    cr_assert(!response.is_whole);
    size_t lines = count_of(response.body, "\n");
    cr_assert(lines > 100 && lines < LAB_TICKS, "%zu", lines);
}

static bool all_wait(const struct server_figures *figures)
{
    return figures->works == STALLED;
}

static bool all_are_connected(const struct server_figures *figures)
{
    return figures->connections == STALLED;
}

static bool nobody_is_connected(const struct server_figures *figures)
{
    return figures->connections == 0;
}

Test(http_waits, who_hangs_up_while_it_waits_leaves_nothing_behind)
{
    static const char *const targets[] = {TICKS, CANDLES "&interval=1m"};
    int sockets[STALLED];
    lab_start(&lab);
    lab_source_be(LAB_HOLDS);
    for (size_t i = 0; i < STALLED; i++) {
        char request[256];
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                       targets[i % 2]);
        sockets[i] = http_connect_narrowly(lab.port);
        http_send(sockets[i], request);
    }
    cr_assert(lab_until(&lab, all_wait));
    for (size_t i = 0; i < STALLED; i++)
        close(sockets[i]);
    cr_assert(lab_until(&lab, nobody_is_connected));
    lab_source_be(LAB_ANSWERS);
    check_candles(CANDLES "&interval=1m&limit=1", MINUTES - 1, 1);
}

#define WORKS_MAX 256 /* of a lane; there is one */

static bool all_works_wait(const struct server_figures *figures)
{
    return figures->works == WORKS_MAX;
}

Test(http_waits, answers_that_wait_are_bounded_in_number_and_in_time)
{
    static int sockets[WORKS_MAX];
    char text[4096];
    lab.options.connections_max = 2 * WORKS_MAX;
    lab_start(&lab);
    lab_source_be(LAB_HOLDS);
    for (size_t i = 0; i < WORKS_MAX; i++) {
        sockets[i] = http_connect_narrowly(lab.port);
        cr_assert_geq(sockets[i], 0);
        http_send(sockets[i], "GET " TICKS " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    cr_assert(lab_until(&lab, all_works_wait));
    get(TICKS);
    json_decref(body_of(503));
    cr_assert_not_null(strstr(response.body, "too many answers"), "%s", response.body);
    get("/udf/time"); /* which needs no work */
    cr_assert_eq(response.status, 200);
    ssize_t got = read(sockets[0], text, sizeof text - 1);
    cr_assert_gt(got, 0);
    text[got] = '\0';
    cr_assert_not_null(strstr(text, "503"), "%s", text);
    cr_assert_not_null(strstr(text, "in time"), "%s", text);
    for (size_t i = 0; i < WORKS_MAX; i++)
        close(sockets[i]);
}

Test(http_waits, a_server_that_ends_does_not_wait_for_answers)
{
    lab_start(&lab);
    lab_source_be(LAB_HOLDS);
    int socket = http_connect_narrowly(lab.port);
    http_send(socket, "GET " TICKS " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_assert(lab_until(&lab, one_waits));
    server_stop(lab.server, 0);
    close(socket);
}

/* ---- a client that does not read ---- */

static bool all_are_stuck(const struct server_figures *figures)
{
    return figures->unsent == STALLED;
}

static void stall(const char *request)
{
    int sockets[STALLED];
    lab_start(&lab);
    get(TICKS); /* the blocks are in the cache then */
    get(CANDLES "&interval=1s&limit=5000");
    cr_assert(lab_until(&lab, nobody_is_connected));
    for (size_t i = 0; i < STALLED; i++)
        sockets[i] = http_connect_narrowly(lab.port);
    cr_assert(lab_until(&lab, all_are_connected));
    size_t before = lab_heap_bytes();
    for (size_t i = 0; i < STALLED; i++) {
        lab_narrow(sockets[i]);
        http_send(sockets[i], request);
    }
    cr_assert(lab_until(&lab, all_are_stuck));
    size_t after = lab_heap_bytes();
    size_t cost = after > before ? (after - before) / STALLED : 0;
    fprintf(stderr, "stalled: %zu bytes per client\n", cost);
    cr_assert_leq(cost, HELD_BYTES_MAX, "a stalled client costs %zu bytes", cost);
    cr_assert_gt(cost, 0, "nothing was held: this test tests nothing");
    for (size_t i = 0; i < STALLED; i++)
        close(sockets[i]);
    cr_assert(lab_until(&lab, nobody_is_connected));
    cr_assert_leq(lab_heap_bytes(), before + STALLED * 1024);
}

Test(http_waits, who_stops_reading_ticks_costs_less_than_64_kib)
{
    stall("GET " TICKS " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#define UNSENT_BYTES_MAX (1 << 20) /* one of the answers, not two */

static bool most_had_to_go(const struct server_figures *figures)
{
    return figures->overloaded >= STALLED - 2 && figures->unsent_bytes <= UNSENT_BYTES_MAX;
}

Test(http_waits, long_bodies_that_nobody_takes_count_as_unsent_bytes)
{
    lab.options.unsent_bytes_max = UNSENT_BYTES_MAX;
    lab_start(&lab);
    get(CANDLES "&interval=1s&limit=5000");
    int sockets[STALLED];
    for (size_t i = 0; i < STALLED; i++)
        sockets[i] = http_connect_narrowly(lab.port);
    cr_assert(lab_until(&lab, all_are_connected));
    for (size_t i = 0; i < STALLED; i++) {
        lab_narrow(sockets[i]);
        http_send(sockets[i], "GET " CANDLES "&interval=1s&limit=5000 HTTP/1.1\r\n"
                              "Host: localhost\r\n\r\n");
    }
    cr_assert(lab_until(&lab, most_had_to_go));
    for (size_t i = 0; i < STALLED; i++)
        close(sockets[i]);
    cr_assert(lab_until(&lab, nobody_is_connected));
}
