#include "net_http_fixture.h"

#include <stdio.h>
#include <string.h>

struct lab lab;
struct http_response response;

void http_set_up(void)
{
    lab_init(&lab);
}

void http_tear_down(void)
{
    http_response_deinit(&response);
    lab_deinit(&lab);
}

void get(const char *target)
{
    http_response_deinit(&response);
    http_get(lab.port, target, &response);
}

void get_with(const char *target, const char *headers)
{
    http_response_deinit(&response);
    http_request(lab.port, "GET", target, headers, &response);
}

json_t *body_of(int status)
{
    cr_assert_eq(response.status, status, "%s\n%s", response.text, response.body);
    cr_assert(response.is_whole);
    json_t *tree = json_loads(response.body, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(tree, "%s", response.body);
    return tree;
}

const char *header(const char *name)
{
    static char value[256];
    if (!http_header(&response, name, value, sizeof value))
        value[0] = '\0';
    return value;
}

size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

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

void check_candles(const char *target, int64_t first, size_t count)
{
    get(target);
    json_t *tree = body_of(200);
    json_t *rows = json_object_get(tree, "candles");
    cr_assert_eq(json_array_size(rows), count, "%s: %s", target, response.body);
    for (size_t i = 0; i < count; i++)
        check_candle(json_array_get(rows, i), first + (int64_t)i);
    json_decref(tree);
}
