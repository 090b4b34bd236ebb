/*
 * GET /udf/…: TradingView's charting library. Lane's thread.
 */
#include "wire/http_udf.h"

#include "base/clock.h"
#include "market/interval.h"
#include "net/http_answer.h"
#include "net/http_candle_work.h"
#include "net/http_routes.h"
#include "wire/http_candles.h"

#include <stdio.h>

#define SEARCH_LIMIT 30 /* as the library asks for */
#define SEARCH_LIMIT_MAX 1000
/* As many candles tell how many decimals prices have. */
#define AXIS_CANDLES 500

static int answer_json(struct http_exchange *exchange, struct buffer *body)
{
    struct http_answer answer = {.status = 200, .content_type = HTTP_TYPE_JSON};
    return http_answer_take(exchange, &answer, body);
}

int http_serve_udf_config(struct http_exchange *exchange, const struct query *query)
{
    struct buffer body;
    (void)query;
    buffer_init(&body, HTTP_PIECE_BYTES);
    http_udf_config_write(&body);
    return answer_json(exchange, &body);
}

int http_serve_udf_time(struct http_exchange *exchange, const struct query *query)
{
    char text[24];
    (void)query;
    int bytes = snprintf(text, sizeof text, "%lld", (long long)(clock_wall_us() / TIME_SECOND_US));
    struct http_answer answer = {.status = 200, .content_type = "text/plain"};
    return http_answer(exchange, &answer, text, (size_t)bytes);
}

/* ---- search ---- */

int http_serve_udf_search(struct http_exchange *exchange, const struct query *query)
{
    struct error error = {.text = ""};
    struct symbol_list *list;
    size_t limit = SEARCH_LIMIT;
    enum status status = query_count(query, "limit", SEARCH_LIMIT_MAX, "symbols", &limit, &error);
    if (status == STATUS_OK)
        status = http_pin_symbols(exchange, &list, &error);
    if (status != STATUS_OK)
        return http_answer_error(exchange, &error);
    const char *typed = query_text(query, "query");
    const struct symbol *found[SEARCH_LIMIT_MAX];
    size_t count = 0;
    for (size_t i = 0; i < list->count && count < limit; i++) {
        if (http_udf_is_match(&list->symbols[i], typed != NULL ? typed : ""))
            found[count++] = &list->symbols[i];
    }
    struct buffer body;
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    http_udf_search_write(&body, found, count);
    symbol_list_unpin(&list);
    return answer_json(exchange, &body);
}

/* ---- symbols ---- */

static void write_symbol(struct buffer *body, const struct http_candle_ask *ask,
                         const struct candle_rows *rows)
{
    http_udf_symbol_write(body, &ask->symbol, rows->candles, rows->count);
}

int http_serve_udf_symbols(struct http_exchange *exchange, const struct query *query)
{
    struct error error = {.text = ""};
    struct http_candle_ask ask = {
        .interval_us = TIME_MINUTE_US, .now_us = clock_wall_us(), .write = write_symbol};
    if (http_find_symbol(exchange, query, &ask.symbol, &error) != STATUS_OK)
        return http_answer_error(exchange, &error);
    ask.range = (struct candle_query_range){.from = ask.symbol.from,
                                            .to = ask.symbol.to,
                                            .at = CANDLE_QUERY_NO_INSTANT,
                                            .limit = AXIS_CANDLES};
    return http_candle_work_run(exchange, &ask);
}

/* ---- history ---- */

static void write_history(struct buffer *body, const struct http_candle_ask *ask,
                          const struct candle_rows *rows)
{
    if (ask->is_asking_older || rows->count == 0)
        http_udf_no_data_write(body, rows->count > 0 ? rows->candles : NULL);
    else
        http_udf_history_write(body, rows->candles, rows->count);
}

#define SECOND_LEAST (TIME_MIN / TIME_SECOND_US)
#define SECOND_MOST (TIME_MAX / TIME_SECOND_US)

/* `to` is exclusive; with `countback`, so many bars before it, and `from` does not matter. */
static enum status read_bars(const struct query *query, struct http_candle_ask *ask,
                             struct error *error)
{
    int64_t from = SECOND_LEAST;
    int64_t to = ask->now_us / TIME_SECOND_US + 1;
    int64_t countback = CANDLES_ROWS_MAX;
    enum status status = query_integer(query, "from", SECOND_LEAST, SECOND_MOST, &from, error);
    if (status == STATUS_OK)
        status = query_integer(query, "to", SECOND_LEAST, SECOND_MOST, &to, error);
    if (status == STATUS_OK)
        status = query_integer(query, "countback", 0, INT32_MAX, &countback, error);
    if (status != STATUS_OK)
        return status;
    bool counts = query_text(query, "countback") != NULL && countback > 0;
    if (!counts && query_text(query, "from") == NULL)
        return query_refuse(query, "from", "seconds since 1970, or countback a number of bars",
                            error);
    if (!counts || countback > CANDLES_ROWS_MAX)
        countback = CANDLES_ROWS_MAX; /* the library asks again for what is missing */
    ask->range = (struct candle_query_range){.from = counts ? TIME_MIN : from * TIME_SECOND_US,
                                             .to = to * TIME_SECOND_US,
                                             .at = CANDLE_QUERY_NO_INSTANT,
                                             .limit = (size_t)countback};
    ask->wants_older = !counts;
    return STATUS_OK;
}

int http_serve_udf_history(struct http_exchange *exchange, const struct query *query)
{
    struct error error = {.text = ""};
    struct http_candle_ask ask = {.now_us = clock_wall_us(), .write = write_history};
    const char *resolution = query_text(query, "resolution");
    enum status status = STATUS_OK;
    if (resolution == NULL || http_udf_resolution_read(resolution, &ask.interval_us) != STATUS_OK)
        status = query_refuse(query, "resolution", HTTP_UDF_RESOLUTION_EXPECTED, &error);
    if (status == STATUS_OK)
        status = read_bars(query, &ask, &error);
    if (status == STATUS_OK)
        status = http_find_symbol(exchange, query, &ask.symbol, &error);
    if (status != STATUS_OK)
        return http_answer_error(exchange, &error);
    return http_candle_work_run(exchange, &ask);
}
