/*
 * Symbols, candles, ticks and files over plain HTTP, from a server in this process: what they say.
 */
#include "net_http_fixture.h"

#include "market/vwap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

HTTP_SUITE(http);

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
