/*
 * Symbols, candles and ticks over plain HTTP, from a server in this process: what they say, what
 * they refuse, and what a client that does not read costs.
 */
#include "net_lab.h"

#include "market/time.h"
#include "market/vwap.h"
#include "support/http_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICKS "/api/v1/ticks?symbol=" LAB_SYMBOL
#define CANDLES "/api/v1/candles?symbol=" LAB_SYMBOL
#define STALLED 8
#define HELD_BYTES_MAX (64 * 1024)
#define MINUTES (LAB_END / TIME_MINUTE_US)

static struct lab lab;
static struct http_response response;

static void start(void)
{
    lab_init(&lab);
}

static void stop(void)
{
    http_response_deinit(&response);
    lab_deinit(&lab);
}

TestSuite(http, .init = start, .fini = stop, .timeout = 120);

static void get(const char *target)
{
    http_response_deinit(&response);
    http_get(lab.port, target, &response);
}

static void get_with(const char *target, const char *headers)
{
    http_response_deinit(&response);
    http_request(lab.port, "GET", target, headers, &response);
}

static json_t *body_of(int status)
{
    cr_assert_eq(response.status, status, "%s\n%s", response.text, response.body);
    cr_assert(response.is_whole);
    json_t *tree = json_loads(response.body, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(tree, "%s", response.body);
    return tree;
}

static const char *header(const char *name)
{
    static char value[256];
    if (!http_header(&response, name, value, sizeof value))
        value[0] = '\0';
    return value;
}

/* ---- what is wrong ---- */

Test(http, every_wrong_request_is_told_what_would_be_right)
{
    static const struct {
        const char *target;
        int status;
        const char *code;
        const char *says;
    } table[] = {
        {"/api/v1/nope", 404, "not_found", "/api/v1/candles"},
        {"/api", 404, "not_found", ""},
        {"/udf/marks", 404, "not_found", "/udf/"},
        {"/api/v1/symbols?limit=10001", 400, "limit", "10000"},
        {"/api/v1/symbols?limit=x", 400, "bad_argument", "from 1 to 10000"},
        {"/api/v1/symbols?prefx=a", 400, "bad_argument", "prefix, limit"},
        {CANDLES, 400, "bad_argument", "interval is missing"},
        {CANDLES "&interval=7x", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=0m", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=-1m", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=111111111111111111m", 400, "bad_argument", "such as \"5m\""},
        {"/api/v1/candles?symbol=NOPE&interval=1m", 404, "not_found", "\"NOPE\""},
        {"/api/v1/candles?symbol=&interval=1m", 400, "bad_argument", "name of a symbol"},
        {"/api/v1/candles?interval=1m", 400, "bad_argument", "symbol is missing"},
        {"/api/v1/candles?symbol=A%26B%3D%2B+C&interval=1m", 404, "not_found", "\"A&B=+ C\""},
        {"/api/v1/candles?symbol=%E2%82%AC//../%2e&interval=1m", 404, "not_found",
         "\"\xE2\x82\xAC//../.\""},
        {"/api/v1/candles?symbol=%E2%82&interval=1m", 400, "bad_argument", "UTF-8"},
        {CANDLES "&interval=1m&limit=5001", 400, "limit", "5000"},
        {CANDLES "&interval=1m&limit=0", 400, "bad_argument", "from 1 to 5000"},
        {CANDLES "&interval=1m&interval=1m", 400, "bad_argument", "twice"},
        {CANDLES "&interval=1m&vwap=1", 400, "bad_argument", "true or false"},
        {CANDLES "&interval=1m&vwap", 400, "bad_argument", "true or false"},
        {CANDLES "&interval=1m&lmit=1", 400, "bad_argument", "there are: symbol"},
        {CANDLES "&interval=1m&from=2&to=2", 400, "bad_argument", "before"},
        {CANDLES "&interval=1m&from=never", 400, "bad_argument", "RFC 3339"},
        {TICKS "&format=xml", 400, "bad_argument", "\"ndjson\" or \"csv\""},
        {TICKS "&from=3&to=1", 400, "bad_argument", "before"},
        {TICKS "&limit=3", 400, "bad_argument", "there are: symbol, from, to, format"},
        {"/api/v1/ticks", 400, "bad_argument", "symbol is missing"},
        {"/api/v1/ticks?symbol=NOPE", 404, "not_found", "\"NOPE\""},
        {"/udf/symbols?symbol=NOPE", 404, "not_found", "\"NOPE\""},
        {"/udf/history?symbol=" LAB_SYMBOL "&resolution=1M&from=1", 400, "bad_argument", "240"},
        {"/udf/history?symbol=" LAB_SYMBOL "&resolution=1", 400, "bad_argument", "countback"},
        {"/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=x", 400, "bad_argument", "integer"},
        {"/udf/search?limit=-1", 400, "bad_argument", "from 1 to 1000"},
    };
    lab_start(&lab);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        get(table[i].target);
        cr_assert_eq(response.status, table[i].status, "%s: %s", table[i].target, response.text);
        json_t *tree = body_of(table[i].status);
        json_t *error = json_object_get(tree, "error");
        const char *message = json_string_value(json_object_get(error, "message"));
        cr_assert_str_eq(json_string_value(json_object_get(error, "code")), table[i].code, "%s",
                         table[i].target);
        cr_assert_not_null(strstr(message, table[i].says), "%s: %s", table[i].target, message);
        if (strncmp(table[i].target, "/udf/", 5) == 0 && strstr(table[i].target, "marks") == NULL)
            cr_assert_str_eq(json_string_value(json_object_get(tree, "errmsg")), message);
        json_decref(tree);
    }
}

Test(http, too_many_parameters_and_too_long_ones_are_over_a_limit)
{
    char target[4096] = CANDLES "&interval=1m";
    lab_start(&lab);
    for (int i = 0; i < 15; i++)
        (void)snprintf(target + strlen(target), 16, "&p%d=1", i);
    get(target);
    json_decref(body_of(400));
    cr_assert_not_null(strstr(response.body, "more than 16"));
    strcpy(target, CANDLES "&interval=");
    memset(target + strlen(target), 'x', 2048);
    get(target);
    json_decref(body_of(400));
    cr_assert_not_null(strstr(response.body, "2048"));
}

Test(http, other_methods_are_told_which_there_are)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    lab_start(&lab);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        http_response_deinit(&response);
        http_request(lab.port, methods[i], "/api/v1/symbols", NULL, &response);
        json_decref(body_of(405));
        cr_assert_str_eq(header("Allow"), "GET, HEAD", "%s", methods[i]);
    }
}

Test(http, pages_from_elsewhere_read_nothing_unless_they_are_listed)
{
    static const char *const origins[] = {"https://desk.example"};
    lab.options.allowed_origins = origins;
    lab.options.allowed_origin_count = 1;
    lab_start(&lab);
    get_with("/api/v1/symbols", "Origin: http://evil.example\r\n");
    json_decref(body_of(403));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "");
    get_with("/api/v1/symbols", "Origin: https://desk.example\r\n");
    json_decref(body_of(200));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "https://desk.example");
    get_with(CANDLES "&interval=1m", "Origin: https://desk.example\r\n");
    json_decref(body_of(200));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "https://desk.example");
    get_with("/api/v1/symbols", "Origin: http://localhost\r\n");
    json_decref(body_of(200));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "");
    cr_assert_str_eq(header("Vary"), "Origin");
}

/* ---- the web app's files ---- */

#define FILE_BYTES (100 * 1024)

Test(http, a_file_of_many_pieces_is_whole_and_asked_for_again_it_is_not_sent)
{
    char root[] = "/tmp/tapedeck-web-XXXXXX";
    char path[64];
    char headers[128];
    static char bytes[FILE_BYTES];
    cr_assert_not_null(mkdtemp(root));
    (void)snprintf(path, sizeof path, "%s/app.js", root);
    for (size_t i = 0; i < FILE_BYTES; i++)
        bytes[i] = (char)('a' + i * 7919 % 26);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, FILE_BYTES, file), FILE_BYTES);
    cr_assert_eq(fclose(file), 0);
    lab.options.web_root = root;
    lab_start(&lab);
    get("/app.js");
    cr_assert_eq(response.status, 200);
    cr_assert(response.is_whole);
    cr_assert(response.body_bytes == FILE_BYTES && memcmp(response.body, bytes, FILE_BYTES) == 0);
    (void)snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", header("ETag"));
    get_with("/app.js", headers);
    cr_assert_eq(response.status, 304);
    cr_assert_eq(response.body_bytes, 0);
    get("/nope.js");
    json_decref(body_of(404));
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(root), 0);
}

/* ---- symbols ---- */

Test(http, symbols_are_listed_by_prefix)
{
    static const char expected[] =
        "{\"symbols\":[{\"symbol\":\"" LAB_SYMBOL "\",\"from\":\"1970-01-01T00:00:00.000000Z\","
        "\"to\":\"1970-01-01T01:00:00.000000Z\",\"ticks\":360000,"
        "\"exact\":true}]}\n";
    lab_start(&lab);
    get("/api/v1/symbols");
    json_decref(body_of(200));
    cr_assert_str_eq(response.body, expected);
    get("/api/v1/symbols?prefix=LAB%3A&limit=1");
    cr_assert_str_eq(response.body, expected);
    get("/api/v1/symbols?prefix=LABX");
    cr_assert_str_eq(response.body, "{\"symbols\":[]}\n");
    http_response_deinit(&response);
    http_request(lab.port, "HEAD", "/api/v1/symbols", NULL, &response);
    cr_assert_eq(response.status, 200);
    cr_assert_eq(response.body_bytes, 0);
    cr_assert_eq(strtoul(header("Content-Length"), NULL, 10), sizeof expected - 1);
}

/* ---- candles ---- */

static void check_candle(json_t *row, int64_t minute)
{
    int64_t from = minute * TIME_MINUTE_US;
    struct candle expected = candle_at(from);
    char text[512];
    for (int64_t time = from; time < from + TIME_MINUTE_US; time += LAB_TICK_US)
        candle_add_trade(&expected, lab_price(time), lab_price(time));
    cr_assert_str_eq(json_string_value(json_object_get(row, "time")), time_format(from).text);
    cr_assert(json_is_true(json_object_get(row, "final")));
    cr_assert_eq(json_integer_value(json_object_get(row, "trades")), 6000);
    (void)snprintf(text, sizeof text,
                   "{\"time\":\"%s\",\"open\":%s,\"high\":%s,\"low\":%s,\"close\":%s,\"volume\":%s,"
                   "\"trades\":6000,\"final\":true}",
                   time_format(from).text, decimal_format(expected.open, 8).text,
                   decimal_format(expected.high, 8).text, decimal_format(expected.low, 8).text,
                   decimal_format(expected.close, 8).text,
                   candle_volume_format(expected.volume).text);
    cr_assert_not_null(strstr(response.body, text), "%s is not in %s", text, response.body);
}

static void check_candles(const char *target, int64_t first, size_t count)
{
    get(target);
    json_t *tree = body_of(200);
    json_t *rows = json_object_get(tree, "candles");
    cr_assert_eq(json_array_size(rows), count, "%s: %s", target, response.body);
    for (size_t i = 0; i < count; i++)
        check_candle(json_array_get(rows, i), first + (int64_t)i);
    json_decref(tree);
}

Test(http, candles_are_the_newest_of_the_range_oldest_first)
{
    lab_start(&lab);
    check_candles(CANDLES "&interval=1m", 0, MINUTES);
    check_candles(CANDLES "&interval=60s&limit=7", MINUTES - 7, 7);
    check_candles(CANDLES "&interval=1m&from=1970-01-01T00:10:00Z&to=1970-01-01T00:20:00Z", 10, 10);
    check_candles(CANDLES "&interval=1m&from=60000001&to=180000001", 2, 2);
    check_candles(CANDLES "&interval=1m&from=2001-01-01&to=2001-01-02", 0, 0);
}

/* Prices and volumes of the lab are the same, so the average lies above the middle. */
Test(http, candles_have_average_prices_where_they_are_asked_for)
{
    lab_start(&lab);
    get(CANDLES "&interval=1m&limit=1&vwap=true");
    json_t *tree = body_of(200);
    struct turnover turnover = {.trades = 0};
    for (int64_t time = LAB_END - TIME_MINUTE_US; time < LAB_END; time += LAB_TICK_US)
        turnover_add_trade(&turnover, lab_price(time), lab_price(time));
    struct vwap vwap = vwap_of(&turnover);
    char wanted[VWAP_TEXT_BYTES + 16];
    (void)snprintf(wanted, sizeof wanted, "\"vwap\":%s}]", vwap_format(&vwap).text);
    cr_assert_not_null(strstr(response.body, wanted), "%s: %s", wanted, response.body);
    json_decref(tree);
    get(CANDLES "&interval=1m&limit=1&vwap=false");
    tree = body_of(200);
    cr_assert_null(strstr(response.body, "vwap"));
    json_decref(tree);
}

Test(http, an_answer_of_many_pieces_is_whole)
{
    lab_start(&lab);
    get(CANDLES "&interval=1s&limit=5000");
    json_t *tree = body_of(200);
    cr_assert_eq(json_array_size(json_object_get(tree, "candles")), 3600);
    cr_assert_gt(response.body_bytes, 10 * 32 * 1024);
    json_decref(tree);
}

Test(http, a_client_that_has_the_candles_is_told_so)
{
    char tag[64];
    char headers[128];
    lab_start(&lab);
    get(CANDLES "&interval=1m&to=1970-01-01T00:20:00Z");
    json_decref(body_of(200));
    strcpy(tag, header("ETag"));
    cr_assert_str_neq(tag, "");
    cr_assert_not_null(strstr(header("Cache-Control"), "must-revalidate"));
    (void)snprintf(headers, sizeof headers, "If-None-Match: \"x\", %s\r\n", tag);
    get_with(CANDLES "&interval=1m&to=1970-01-01T00:20:00Z", headers);
    cr_assert_eq(response.status, 304);
    cr_assert_eq(response.body_bytes, 0);
    cr_assert_str_eq(header("ETag"), tag);
    get_with(CANDLES "&interval=1m&to=1970-01-01T00:21:00Z", headers);
    cr_assert_eq(response.status, 200);
    cr_assert_str_neq(header("ETag"), tag);
    /* Up to now: there may be more in a moment. */
    get(CANDLES "&interval=1m");
    cr_assert_str_eq(header("Cache-Control"), "no-cache");
    get(CANDLES "&interval=1m&to=2999-01-01");
    cr_assert_str_eq(header("Cache-Control"), "no-cache");
}

/* ---- the charting library ---- */

Test(http, bars_end_before_to_and_countback_wins_over_from)
{
    lab_start(&lab);
    get("/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=60&to=180");
    json_t *tree = body_of(200);
    cr_assert_str_eq(json_string_value(json_object_get(tree, "s")), "ok");
    cr_assert_eq(json_array_size(json_object_get(tree, "t")), 2);
    cr_assert_eq(json_integer_value(json_array_get(json_object_get(tree, "t"), 0)), 60);
    cr_assert_eq(json_array_size(json_object_get(tree, "v")), 2);
    json_decref(tree);
    get("/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=3540&to=3600&countback=5&extra=1");
    tree = body_of(200);
    cr_assert_eq(json_array_size(json_object_get(tree, "t")), 5);
    cr_assert_eq(json_integer_value(json_array_get(json_object_get(tree, "t"), 4)), 3540);
    json_decref(tree);
    get("/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=7200&to=7300");
    cr_assert_str_eq(response.body, "{\"s\":\"no_data\",\"nextTime\":3540}");
    get("/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=-200&to=-100");
    cr_assert_str_eq(response.body, "{\"s\":\"no_data\"}");
    get("/udf/history?symbol=" LAB_SYMBOL "&resolution=1&to=0&countback=10");
    cr_assert_str_eq(response.body, "{\"s\":\"no_data\"}");
}

Test(http, a_chart_finds_its_symbol_and_the_time)
{
    lab_start(&lab);
    get("/udf/symbols?symbol=" LAB_SYMBOL);
    json_t *tree = body_of(200);
    cr_assert_str_eq(json_string_value(json_object_get(tree, "ticker")), LAB_SYMBOL);
    cr_assert_eq(json_integer_value(json_object_get(tree, "pricescale")), 100000);
    json_decref(tree);
    get("/udf/search?query=lab&type=&exchange=&limit=30");
    tree = body_of(200);
    cr_assert_eq(json_array_size(tree), 1);
    json_decref(tree);
    get("/udf/search?query=nope");
    cr_assert_str_eq(response.body, "[]");
    get("/udf/time");
    cr_assert_geq(strtoll(response.body, NULL, 10), (long long)time(NULL) - 60);
}

/* ---- ticks ---- */

/* Every line of csv, from a tick on. */
static size_t check_lines(const char *text, int64_t time)
{
    size_t count = 0;
    for (; *text != '\0'; count++, time += LAB_TICK_US) {
        char expected[256];
        int64_t price = lab_price(time);
        int bytes = snprintf(expected, sizeof expected, "%s,%s,%s,%s,%s\n", time_format(time).text,
                             decimal_format(price, 8).text, decimal_format(price + 1000, 8).text,
                             decimal_format(price, 8).text, decimal_format(price, 8).text);
        cr_assert(strncmp(text, expected, (size_t)bytes) == 0, "%.80s is not %s", text, expected);
        text += bytes;
    }
    return count;
}

#define CSV_HEAD "time,bid,ask,last,volume\n"

Test(http, ticks_are_all_there_once_and_in_order)
{
    lab_start(&lab);
    get(TICKS "&format=csv");
    cr_assert_eq(response.status, 200);
    cr_assert(response.is_whole);
    cr_assert(strncmp(response.body, CSV_HEAD, strlen(CSV_HEAD)) == 0);
    cr_assert_eq(check_lines(response.body + strlen(CSV_HEAD), 0), LAB_TICKS);
    get(TICKS "&format=csv&from=1000000&to=2000001");
    cr_assert_eq(check_lines(response.body + strlen(CSV_HEAD), TIME_SECOND_US), 101);
    get(TICKS "&format=csv&from=2001-01-01&to=2001-01-02");
    cr_assert(response.is_whole);
    cr_assert_str_eq(response.body, CSV_HEAD);
    get(TICKS "&from=2001-01-01&to=2001-01-02");
    cr_assert(response.is_whole);
    cr_assert_str_eq(response.body, "");
    get(TICKS "&to=1");
    cr_assert_str_eq(response.body, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"bid\":0,"
                                    "\"ask\":0.00001,\"last\":0,\"volume\":0}\n");
    http_response_deinit(&response);
    http_request(lab.port, "HEAD", TICKS, NULL, &response);
    cr_assert_eq(response.status, 200);
    cr_assert_eq(response.body_bytes, 0);
}

Test(http, an_old_client_gets_ticks_without_chunks)
{
    size_t bytes;
    lab_start(&lab);
    char *text = http_exchange_raw(
        lab.port, "GET " TICKS "&format=csv&to=1000000 HTTP/1.0\r\nHost: localhost\r\n\r\n",
        &bytes);
    const char *body = strstr(text, "\r\n\r\n" CSV_HEAD);
    cr_assert_not_null(body, "%s", text);
    cr_assert_null(strstr(text, "chunked"));
    cr_assert_eq(check_lines(body + 4 + strlen(CSV_HEAD), 0), 100);
    free(text);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

Test(http, one_request_after_the_other_on_a_connection_is_answered)
{
    size_t bytes;
    lab_start(&lab);
    get(CANDLES "&interval=1m"); /* so that it is known whether there is something to wait for */
    char *text = http_exchange_raw(lab.port,
                                   "GET " TICKS "&to=20000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                   "GET /udf/time HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                   "GET " CANDLES "&interval=1m&limit=1 HTTP/1.1\r\n"
                                   "Host: localhost\r\nConnection: close\r\n\r\n",
                                   &bytes);
    cr_assert_eq(count_of(text, "HTTP/1.1 200 OK"), 3, "%s", text);
    cr_assert_eq(count_of(text, "\"final\":true"), 1);
    free(text);
}

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

Test(http, a_request_that_waits_for_the_one_before_is_answered_after_it)
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

Test(http, a_source_that_fails_is_said_before_the_first_byte)
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

Test(http, a_source_that_fails_later_leaves_an_answer_without_its_end)
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

Test(http, who_hangs_up_while_it_waits_leaves_nothing_behind)
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

Test(http, answers_that_wait_are_bounded_in_number_and_in_time)
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

Test(http, a_server_that_ends_does_not_wait_for_answers)
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

Test(http, who_stops_reading_ticks_costs_less_than_64_kib)
{
    stall("GET " TICKS " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#define UNSENT_BYTES_MAX (1 << 20) /* one of the answers, not two */

static bool most_had_to_go(const struct server_figures *figures)
{
    return figures->overloaded >= STALLED - 2 && figures->unsent_bytes <= UNSENT_BYTES_MAX;
}

Test(http, long_bodies_that_nobody_takes_count_as_unsent_bytes)
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
