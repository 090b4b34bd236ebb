/*
 * Texts of answers over HTTP, byte for byte.
 */
#include "market/interval.h"
#include "market/time.h"
#include "wire/codes.h"
#include "wire/http_candles.h"
#include "wire/http_symbols.h"
#include "wire/http_ticks.h"
#include "wire/http_udf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct buffer out;

static void start(void)
{
    buffer_init(&out, 1 << 20);
}

static void stop(void)
{
    buffer_deinit(&out);
}

TestSuite(wire_http, .init = start, .fini = stop);

static void check(const char *expected)
{
    cr_assert_str_eq(buffer_text(&out), expected);
    buffer_clear(&out);
}

static struct candle candle_of(int64_t time, int64_t open, int64_t close, int64_t volume)
{
    struct candle candle = candle_at(time);
    candle_add_trade(&candle, open, volume);
    candle_add_trade(&candle, close, DECIMAL_NULL);
    return candle;
}

Test(wire_http, symbols)
{
    struct symbol symbols[] = {
        {.name = "SIM:A\"\xE2\x82\xAC", .from = 0, .to = 1500001, .ticks = 3, .exact = true},
        {.name = "B", .from = -1, .to = 0, .ticks = 9},
    };
    http_symbols_write(&out, symbols, 2);
    check("{\"symbols\":["
          "{\"symbol\":\"SIM:A\\\"\xE2\x82\xAC\",\"from\":\"1970-01-01T00:00:00.000000Z\","
          "\"to\":\"1970-01-01T00:00:01.500001Z\",\"ticks\":3,\"exact\":true},"
          "{\"symbol\":\"B\",\"from\":\"1969-12-31T23:59:59.999999Z\","
          "\"to\":\"1970-01-01T00:00:00.000000Z\",\"ticks\":9,\"exact\":false}]}\n");
    http_symbols_write(&out, symbols, 0);
    check("{\"symbols\":[]}\n");
}

Test(wire_http, candles_have_their_exact_digits)
{
    struct candle candles[] = {
        candle_of(0, 6180030000000, INT64_C(9223372036854775807), 1),
        candle_of(TIME_MINUTE_US, -1, 100000000, DECIMAL_NULL),
    };
    struct http_candles answer = {.symbol = "A",
                                  .interval = "60s",
                                  .interval_us = TIME_MINUTE_US,
                                  .final_by = 2 * TIME_MINUTE_US - 1,
                                  .rows = {.candles = candles, .count = 2}};
    for (int i = 0; i < 10; i++)
        candle_add_trade(&candles[0], candles[0].close, INT64_MAX);
    http_candles_write(&out, &answer);
    check("{\"symbol\":\"A\",\"interval\":\"60s\",\"candles\":["
          "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"open\":61800.3,"
          "\"high\":92233720368.54775807,\"low\":61800.3,\"close\":92233720368.54775807,"
          "\"volume\":922337203685.47758071,\"trades\":12,\"final\":true},"
          "{\"time\":\"1970-01-01T00:01:00.000000Z\",\"open\":-0.00000001,\"high\":1,"
          "\"low\":-0.00000001,\"close\":1,\"volume\":null,\"trades\":2,\"final\":false}]}\n");
    answer.rows.count = 0;
    http_candles_write(&out, &answer);
    check("{\"symbol\":\"A\",\"interval\":\"60s\",\"candles\":[]}\n");
}

Test(wire_http, candles_have_average_prices_where_they_were_asked_for)
{
    struct candle candles[] = {candle_of(0, DECIMAL_ONE, DECIMAL_ONE, 1),
                               candle_of(TIME_MINUTE_US, 1, 1, DECIMAL_NULL)};
    struct vwap vwaps[] = {{.low = 6180030512345, .is_there = true}, {.is_there = false}};
    struct http_candles answer = {.symbol = "A",
                                  .interval = "1m",
                                  .interval_us = TIME_MINUTE_US,
                                  .final_by = TIME_MINUTE_US,
                                  .rows = {.candles = candles, .vwaps = vwaps, .count = 2}};
    http_candles_write(&out, &answer);
    check("{\"symbol\":\"A\",\"interval\":\"1m\",\"candles\":["
          "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"open\":1,\"high\":1,\"low\":1,\"close\":1,"
          "\"volume\":0.00000001,\"trades\":2,\"final\":true,\"vwap\":61800.30512345},"
          "{\"time\":\"1970-01-01T00:01:00.000000Z\",\"open\":0.00000001,\"high\":0.00000001,"
          "\"low\":0.00000001,\"close\":0.00000001,\"volume\":null,\"trades\":2,\"final\":false,"
          "\"vwap\":null}]}\n");
}

Test(wire_http, ticks_are_lines)
{
    struct tick tick = {.time = INT64_C(1723161255088169),
                        .fields = {DECIMAL_NULL, -1, 6180030000000, 200000000}};
    struct tick longest = {.time = TIME_MAX,
                           .fields = {-INT64_MAX, -INT64_MAX, -INT64_MAX, -INT64_MAX}};
    enum http_ticks_format format = HTTP_TICKS_NDJSON;
    http_ticks_write_head(&out, format);
    http_ticks_write(&out, format, &tick);
    check("{\"time\":\"2024-08-08T23:54:15.088169Z\",\"bid\":null,\"ask\":-0.00000001,"
          "\"last\":61800.3,\"volume\":2}\n");
    http_ticks_write(&out, format, &longest);
    cr_assert_leq(out.count, HTTP_TICK_BYTES_MAX);
    buffer_clear(&out);
    cr_assert(http_ticks_format_read("csv", &format) == STATUS_OK);
    http_ticks_write_head(&out, format);
    cr_assert_leq(out.count, HTTP_TICK_BYTES_MAX);
    http_ticks_write(&out, format, &tick);
    check("time,bid,ask,last,volume\n2024-08-08T23:54:15.088169Z,,-0.00000001,61800.3,2\n");
    cr_assert(http_ticks_format_read("CSV", &format) == STATUS_INVALID);
    cr_assert(http_ticks_format_read("", &format) == STATUS_INVALID);
}

Test(wire_http, resolutions_of_the_charting_library)
{
    static const struct {
        const char *text;
        const char *interval; /* NULL: none */
    } table[] = {
        {"1", "1m"},  {"240", "4h"}, {"1440", "1d"},    {"1S", "1s"},
        {"S", "1s"},  {"D", "1d"},   {"3D", "3d"},      {"W", "1w"},
        {"1W", "1w"}, {"", NULL},    {"0", NULL},       {"M", NULL},
        {"1M", NULL}, {"1d", NULL},  {"-1", NULL},      {"1H", NULL},
        {"DD", NULL}, {"1.5", NULL}, {"367D", NULL},    {"1s", NULL},
        {" 1", NULL}, {"1 ", NULL},  {"9999999", NULL}, {"123456789012345", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t interval_us = 0;
        int64_t expected = 0;
        enum status status = http_udf_resolution_read(table[i].text, &interval_us);
        cr_assert((status == STATUS_OK) == (table[i].interval != NULL), "%s", table[i].text);
        if (table[i].interval != NULL)
            cr_assert(interval_parse(table[i].interval, strlen(table[i].interval), &expected,
                                     NULL) == STATUS_OK);
        cr_assert_eq(interval_us, expected, "%s", table[i].text);
    }
}

Test(wire_http, bars_are_columns_with_plain_seconds)
{
    struct candle candles[] = {candle_of(0, 100000000, 150000000, 5000000),
                               candle_of(TIME_MINUTE_US, 200000000, 100000000, DECIMAL_NULL)};
    http_udf_history_write(&out, candles, 2);
    check("{\"s\":\"ok\",\"t\":[0,60],\"o\":[1,2],\"h\":[1.5,2],\"l\":[1,1],\"c\":[1.5,1],"
          "\"v\":[0.05,0]}");
    http_udf_no_data_write(&out, &candles[1]);
    check("{\"s\":\"no_data\",\"nextTime\":60}");
    http_udf_no_data_write(&out, NULL);
    check("{\"s\":\"no_data\"}");
}

static json_t *tree(void)
{
    json_t *read = json_loadb((const char *)out.bytes, out.count, 0, NULL);
    cr_assert_not_null(read);
    buffer_clear(&out);
    return read;
}

static void check_symbol(const char *name, const char *expected_name, const char *exchange)
{
    struct symbol symbol = {.name = ""};
    strcpy(symbol.name, name);
    http_udf_symbol_write(&out, &symbol, NULL, 0);
    json_t *read = tree();
    cr_assert_str_eq(json_string_value(json_object_get(read, "ticker")), name);
    cr_assert_str_eq(json_string_value(json_object_get(read, "name")), expected_name);
    cr_assert_str_eq(json_string_value(json_object_get(read, "listed_exchange")), exchange);
    cr_assert_eq(json_integer_value(json_object_get(read, "pricescale")), 100);
    json_decref(read);
}

Test(wire_http, a_symbol_has_a_venue_and_the_steps_of_its_prices)
{
    struct symbol symbol = {.name = "SIM:A"};
    struct candle candles[] = {candle_of(0, 100000000, 150000000, 5000000),
                               candle_of(TIME_MINUTE_US, 200001000, 100000000, DECIMAL_NULL)};
    http_udf_symbol_write(&out, &symbol, candles, 2);
    json_t *read = tree();
    cr_assert_eq(json_integer_value(json_object_get(read, "pricescale")), 100000);
    cr_assert_eq(json_integer_value(json_object_get(read, "minmov")), 1);
    cr_assert_eq(json_integer_value(json_object_get(read, "volume_precision")), 2);
    cr_assert_str_eq(json_string_value(json_object_get(read, "session")), "24x7");
    cr_assert_str_eq(json_string_value(json_object_get(read, "timezone")), "Etc/UTC");
    json_decref(read);
    check_symbol("SIM:A", "A", "SIM");
    check_symbol("BTCUSDT", "BTCUSDT", "");
    check_symbol(":A", ":A", "");
    check_symbol("A:", "A:", "");
    check_symbol("X:Y:Z", "Y:Z", "X");
}

/* What is listed for a chart is read back as an interval. */
Test(wire_http, every_resolution_that_is_said_to_be_supported_is)
{
    http_udf_config_write(&out);
    json_t *config = tree();
    json_t *resolutions = json_object_get(config, "supported_resolutions");
    cr_assert_gt(json_array_size(resolutions), 0);
    for (size_t i = 0; i < json_array_size(resolutions); i++) {
        int64_t interval_us;
        const char *text = json_string_value(json_array_get(resolutions, i));
        cr_assert(http_udf_resolution_read(text, &interval_us) == STATUS_OK, "%s", text);
    }
    cr_assert(json_is_true(json_object_get(config, "supports_search")));
    cr_assert(json_is_true(json_object_get(config, "supports_time")));
    cr_assert(json_is_false(json_object_get(config, "supports_group_request")));
    json_decref(config);
}

Test(wire_http, a_search_finds_any_part_of_a_name_in_any_case)
{
    struct symbol symbol = {.name = "SIM:BtcUsd"};
    static const char *const found[] = {"", "sim", "BTCUSD", "m:b", "usd", "D"};
    static const char *const lost[] = {"eth", "SIM:BtcUsdT", "xsim"};
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++)
        cr_assert(http_udf_is_match(&symbol, found[i]), "%s", found[i]);
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++)
        cr_assert(!http_udf_is_match(&symbol, lost[i]), "%s", lost[i]);
    const struct symbol *symbols[] = {&symbol};
    http_udf_search_write(&out, symbols, 1);
    check("[{\"symbol\":\"BtcUsd\",\"full_name\":\"SIM:BtcUsd\",\"description\":\"SIM:BtcUsd\","
          "\"exchange\":\"SIM\",\"ticker\":\"SIM:BtcUsd\",\"type\":\"\"}]");
    http_udf_search_write(&out, symbols, 0);
    check("[]");
}

Test(wire_http, every_status_has_a_status_of_http)
{
    cr_assert_eq(wire_http_status(STATUS_INVALID), 400);
    cr_assert_eq(wire_http_status(STATUS_LIMIT), 400);
    cr_assert_eq(wire_http_status(STATUS_NOT_FOUND), 404);
    cr_assert_eq(wire_http_status(STATUS_UNAVAILABLE), 503);
    cr_assert_eq(wire_http_status(STATUS_INTERNAL), 500);
}
