/*
 * GET /api/v1/candles. Lane's thread.
 */
#include "wire/http_candles.h"

#include "base/clock.h"
#include "market/interval.h"
#include "net/http_answer.h"
#include "net/http_candle_work.h"
#include "net/http_routes.h"

#include <string.h>

/* Ticks may come late; what is this much older is taken to be settled. */
#define SETTLED_US TIME_HOUR_US

#define INTERVAL_EXPECTED "an interval from \"1s\" to \"366d\", such as \"5m\""

const char *const http_candles_parameters[] = {"symbol", "interval", "from", "to",
                                               "limit",  "vwap",     NULL};

static void write(struct buffer *body, const struct http_candle_ask *ask,
                  const struct candle_rows *rows)
{
    struct http_candles answer = {.symbol = ask->symbol.name,
                                  .interval = ask->interval,
                                  .interval_us = ask->interval_us,
                                  .final_by = ask->now_us,
                                  .rows = *rows};
    http_candles_write(body, &answer);
}

static enum status read_interval(const struct query *query, struct http_candle_ask *ask,
                                 struct error *error)
{
    const char *text = query_text(query, "interval");
    if (text == NULL || strlen(text) >= sizeof ask->interval ||
        interval_parse(text, strlen(text), &ask->interval_us, NULL) != STATUS_OK)
        return query_refuse(query, "interval", INTERVAL_EXPECTED, error);
    memcpy(ask->interval, text, strlen(text));
    return STATUS_OK;
}

static bool is_settled(const struct query *query, const struct http_candle_ask *ask)
{
    int64_t last = interval_floor(ask->interval_us, ask->range.to - 1);
    return query_text(query, "to") != NULL && last + ask->interval_us <= ask->now_us - SETTLED_US;
}

static enum status read_ask(const struct http_exchange *exchange, const struct query *query,
                            struct http_candle_ask *ask, struct error *error)
{
    enum status status = read_interval(query, ask, error);
    size_t limit = CANDLES_LIMIT;
    if (status == STATUS_OK)
        status = query_count(query, "limit", CANDLES_ROWS_MAX, "candles", &limit, error);
    struct time_range range = {.from = TIME_MIN, .to = TIME_MAX};
    if (status == STATUS_OK)
        status = http_read_range(query, &range, error);
    bool vwap = false;
    if (status == STATUS_OK)
        status = query_bool(query, "vwap", &vwap, error);
    if (status == STATUS_OK)
        status = http_find_symbol(exchange, query, &ask->symbol, error);
    if (status != STATUS_OK)
        return status;
    if (query_text(query, "to") == NULL)
        range.to = candle_query_end(&ask->symbol, ask->now_us);
    ask->range = (struct candle_query_range){.from = range.from,
                                             .to = range.to,
                                             .at = CANDLE_QUERY_NO_INSTANT,
                                             .limit = limit,
                                             .vwap = vwap};
    ask->is_settled = is_settled(query, ask);
    return STATUS_OK;
}

int http_serve_candles(struct http_exchange *exchange, const struct query *query)
{
    struct error error = {.text = ""};
    struct http_candle_ask ask = {.now_us = clock_wall_us(), .write = write};
    if (read_ask(exchange, query, &ask, &error) != STATUS_OK)
        return http_answer_error(exchange, &error);
    return http_candle_work_run(exchange, &ask);
}
