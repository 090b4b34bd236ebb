#include "wire/candles.h"

#include "market/time.h"

#include "wire_fixture.h"

#include <jansson.h>

static enum status read_intervals(const char *json, struct replay_intervals *intervals,
                                  struct error *error)
{
    struct request request = request_from(WIRE_JSON, json);
    bool has_intervals = false;
    enum status status = replay_intervals_read(&request, &has_intervals, intervals, error);
    cr_assert(status != STATUS_OK || has_intervals);
    return status;
}

Test(wire_candles, of_a_replay_are_asked_for_by_interval)
{
    struct replay_intervals intervals;
    struct error error = {.text = ""};
    cr_assert(read_intervals("{'op':'x','candles':[{'interval':'60m','history':5000},"
                             "{'interval':'1s','vwap':false}]}",
                             &intervals, &error) == STATUS_OK);
    cr_assert_eq(intervals.count, 2);
    cr_assert_str_eq(intervals.items[0].text, "60m");
    cr_assert_eq(intervals.items[0].interval_us, 60 * TIME_MINUTE_US);
    cr_assert_eq(intervals.items[0].history, 5000);
    cr_assert_eq(intervals.items[1].history, 0);
}

Test(wire_candles, that_are_asked_for_wrongly_are_refused_with_the_reason)
{
    static const struct {
        const char *json;
        enum status status;
        const char *tells;
    } table[] = {
        {"{'op':'x','candles':{}}", STATUS_INVALID, "array"},
        {"{'op':'x','candles':['1m']}", STATUS_INVALID, "interval"},
        {"{'op':'x','candles':[{}]}", STATUS_INVALID, "1s"},
        {"{'op':'x','candles':[{'interval':'7x'}]}", STATUS_INVALID, "5m"},
        {"{'op':'x','candles':[{'interval':'0m'}]}", STATUS_INVALID, "5m"},
        {"{'op':'x','candles':[{'interval':'-1m'}]}", STATUS_INVALID, "5m"},
        {"{'op':'x','candles':[{'interval':'1m','history':-1}]}", STATUS_INVALID, "5000"},
        {"{'op':'x','candles':[{'interval':'1m','history':5001}]}", STATUS_LIMIT, "5000"},
        {"{'op':'x','candles':[{'interval':'1m','vwap':true}]}", STATUS_INVALID, "replay.history"},
        {"{'op':'x','candles':[{'interval':'1m','vwap':0}]}", STATUS_INVALID, "replay.history"},
        {"{'op':'x','candles':[{'interval':'1h'},{'interval':'60m'}]}", STATUS_INVALID, "once"},
        {"{'op':'x','candles':[{'interval':'1s'},{'interval':'2s'},{'interval':'3s'},"
         "{'interval':'4s'},{'interval':'5s'},{'interval':'6s'},{'interval':'7s'},"
         "{'interval':'8s'},{'interval':'9s'}]}",
         STATUS_LIMIT, "8"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct replay_intervals intervals;
        struct error error = {.text = ""};
        cr_assert(read_intervals(table[i].json, &intervals, &error) == table[i].status, "%s: %s",
                  table[i].json, error.text);
        cr_assert(strstr(error.text, table[i].tells) != NULL, "%s: %s", table[i].json, error.text);
    }
}

Test(wire_candles, of_many_symbols_have_bounds_together)
{
    struct error error = {.text = ""};
    struct replay_intervals intervals = {.count = 5};
    cr_assert(replay_intervals_check(&intervals, 51, &error) == STATUS_OK);
    cr_assert(replay_intervals_check(&intervals, 52, &error) == STATUS_LIMIT);
    intervals = (struct replay_intervals){.count = 1, .items = {{.history = 5000}}};
    cr_assert(replay_intervals_check(&intervals, 4, &error) == STATUS_OK);
    cr_assert(replay_intervals_check(&intervals, 5, &error) == STATUS_LIMIT);
    cr_assert(strstr(error.text, "20000") != NULL);
}

/* ---- writing ---- */

static char *written;

static json_t *written_rows(const struct candle_rows *rows)
{
    struct buffer out;
    struct writer writer;
    buffer_init(&out, 1 << 20);
    writer_init(&writer, &out, WIRE_JSON);
    writer_map(&writer, candles_column_pairs(rows));
    candles_write_columns(&writer, rows, 10, 20, COLUMN_ENCODINGS_ALL);
    writer_end(&writer);
    json_t *tree = json_loadb((const char *)out.bytes, out.count, 0, NULL);
    cr_assert_not_null(tree);
    buffer_deinit(&out);
    return tree;
}

static json_t *written_columns(const struct candle *candles, size_t count)
{
    return written_rows(&(struct candle_rows){.candles = candles, .count = count});
}

static void check_json(json_t *tree, const char *key, const char *expected)
{
    char *json = json_of(expected);
    free(written);
    written = json_dumps(json_object_get(tree, key), JSON_COMPACT | JSON_ENCODE_ANY);
    cr_assert_str_eq(written, json, "%s: %s", key, written);
    free(json);
}

static struct candle candle_of(int64_t time, int64_t price, int64_t volume)
{
    struct candle candle = candle_at(time);
    candle_add_trade(&candle, price * DECIMAL_ONE, volume);
    candle_add_trade(&candle, price * DECIMAL_ONE + DECIMAL_ONE / 2, DECIMAL_NULL);
    return candle;
}

Test(wire_candles, are_columns_in_a_picture)
{
    struct candle candles[] = {candle_of(0, 5, 150000000), candle_of(10, 7, DECIMAL_NULL),
                               candle_of(20, 9, 50000000)};
    json_t *tree = written_columns(candles, 3);
    check_json(tree, "n", "3");
    check_json(tree, "time", "['u32',0,10,[0,1,2]]");
    check_json(tree, "open", "['i16',7,0,[-2,0,2]]");
    check_json(tree, "close", "['i16',75,1,[-20,0,20]]");
    check_json(tree, "volume", "['i16',10,1,[5,null,-5]]");
    check_json(tree, "trades", "['const',2,0]");
    check_json(tree, "final", "['u32',0,1,[1,1,0]]");
    json_decref(tree);
}

Test(wire_candles, are_no_columns_at_all_where_there_are_none)
{
    json_t *tree = written_columns(NULL, 0);
    check_json(tree, "n", "0");
    check_json(tree, "open", "['const',null,0]");
    json_decref(tree);
}

/* 2^63 at exp 8 is passed by ten trades of 10^10 units. */
Test(wire_candles, have_volumes_beyond_64_bits)
{
    struct candle candles[2] = {candle_at(0), candle_at(10)};
    for (int i = 0; i < 20; i++)
        candle_add_trade(&candles[0], 1, INT64_C(9000000000) * DECIMAL_ONE);
    candle_add_trade(&candles[1], 1, DECIMAL_NULL);
    json_t *tree = written_columns(candles, 2);
    check_json(tree, "volume", "['i64',0,[180000000000,null]]");
    json_decref(tree);
    for (int i = 0; i < 20; i++)
        candle_add_trade(&candles[0], 1, INT64_MAX);
    tree = written_columns(candles, 2);
    check_json(tree, "volume", "['text',['2024674407370.9551614',null]]");
    json_decref(tree);
}

static struct vwap vwap_at(int64_t price, int64_t volume)
{
    struct turnover turnover = {.trades = 0};
    turnover_add_trade(&turnover, price, volume);
    return vwap_of(&turnover);
}

Test(wire_candles, have_average_prices_where_they_were_asked_for)
{
    struct candle candles[3] = {candle_at(0), candle_at(10), candle_at(20)};
    struct vwap vwaps[3] = {vwap_at(150000000, 7), vwap_at(1, 0), vwap_at(-50000000, 3)};
    struct candle_rows rows = {.candles = candles, .vwaps = vwaps, .count = 3};
    json_t *tree = written_rows(&rows);
    check_json(tree, "vwap", "['i16',5,1,[10,null,-10]]");
    json_decref(tree);
    rows.count = 0;
    tree = written_rows(&rows);
    check_json(tree, "vwap", "['const',null,0]");
    json_decref(tree);
    rows.vwaps = NULL;
    tree = written_rows(&rows);
    cr_assert_null(json_object_get(tree, "vwap"));
    json_decref(tree);
}

/* Volumes of opposite signs that nearly come to nothing. */
Test(wire_candles, have_average_prices_beyond_64_bits)
{
    struct candle candles[2] = {candle_at(0), candle_at(10)};
    struct turnover turnover = {.trades = 0};
    turnover_add_trade(&turnover, INT64_MAX, INT64_MAX);
    turnover_add_trade(&turnover, INT64_MAX, 1 - INT64_MAX);
    turnover_add_trade(&turnover, -INT64_MAX, 2);
    turnover_add_trade(&turnover, -INT64_MAX, -2);
    turnover_add_trade(&turnover, INT64_MAX, 5);
    turnover_add_trade(&turnover, -INT64_MAX, -5);
    struct vwap vwaps[2] = {vwap_of(&turnover), {.is_there = false}};
    json_t *tree =
        written_rows(&(struct candle_rows){.candles = candles, .vwaps = vwaps, .count = 2});
    check_json(tree, "vwap", "['text',['1014570924054.02533877',null]]");
    json_decref(tree);
}

static void check_row(const struct frame_candle *row, const char *expected)
{
    struct buffer out;
    struct writer writer;
    char *json = json_of(expected);
    buffer_init(&out, 1 << 10);
    writer_init(&writer, &out, WIRE_JSON);
    candle_write_row(&writer, row, "10s");
    cr_assert(out.count == strlen(json) && memcmp(out.bytes, json, out.count) == 0, "%.*s",
              (int)out.count, out.bytes);
    cr_assert(out.count <= wire_candle_bytes(WIRE_JSON));
    free(json);
    buffer_deinit(&out);
}

Test(wire_candles, are_rows_in_a_frame)
{
    struct frame_candle row = {.symbol = 3, .final = true, .candle = candle_of(10, 5, 150000000)};
    check_row(&row, "[3,'10s',10,1,50,55,50,55,1,15,2,1]");
    row.candle = candle_of(10, 5, DECIMAL_NULL);
    row.final = false;
    check_row(&row, "[3,'10s',10,1,50,55,50,55,0,null,2,0]");
    row.is_none = true;
    check_row(&row, "[3,'10s',null]");
}

Test(wire_candles, have_texts_where_a_double_would_round)
{
    struct frame_candle row = {.candle = candle_at(0)};
    candle_add_trade(&row.candle, INT64_MAX, 1);
    for (int i = 0; i < 9; i++)
        candle_add_trade(&row.candle, -INT64_MAX, INT64_MAX);
    check_row(&row, "[0,'10s',0,8,'92233720368.54775807','92233720368.54775807',"
                    "'-92233720368.54775807','-92233720368.54775807',8,"
                    "'830103483316.92982264',10,0]");
}
