#include "net/http_candle_work.h"

#include "base/mem.h"
#include "net/http_answer.h"
#include "net/http_work.h"
#include "net/web_file.h"

#include <stdio.h>

/* What may be shown for a minute without asking, then with; and what has to be asked for each
 * time. Both by their ETag: a back-fill changes candles of any age. */
/* Not by a cache between, which might give it to somebody who has no token. */
#define CACHE_SETTLED "private, max-age=60, must-revalidate"
#define CACHE_FORMING "no-cache"

struct candle_work {
    struct http_work base;
    struct candle_query *query;
    struct http_candle_ask ask;
    char known[HTTP_TAGS_KNOWN_BYTES];
};

static void destroy(struct http_work *base)
{
    struct candle_work *work = CONTAINER_OF(base, struct candle_work, base);
    candle_query_destroy(&work->query);
    mem_free(work);
}

static int answer(struct http_exchange *exchange, const struct candle_work *work,
                  struct buffer *body)
{
    char tag[HTTP_TAG_BYTES];
    char headers[HTTP_HEADERS_BYTES];
    http_tag(tag, body->bytes, body->count);
    (void)snprintf(headers, sizeof headers, "ETag: %s\r\nCache-Control: %s\r\n", tag,
                   work->ask.is_settled ? CACHE_SETTLED : CACHE_FORMING);
    bool has_it = work->known[0] != '\0' && web_etag_matches(work->known, tag);
    struct http_answer answer = {
        .status = has_it ? 304 : 200, .content_type = HTTP_TYPE_JSON, .headers = headers};
    http_work_end(exchange); /* the rows go before their text is sent */
    if (!has_it)
        return http_answer_take(exchange, &answer, body);
    return http_answer(exchange, &answer, NULL, 0);
}

static int fail(struct candle_work *work, const struct error *error)
{
    struct http_exchange *exchange = work->base.exchange;
    if (error->status != STATUS_LIMIT) /* that is the client's */
        http_work_log_failure(&work->base, work->ask.symbol.name, error);
    http_work_end(exchange);
    return http_answer_error(exchange, error);
}

/* Nothing in the range: is there anything before it? */
static void ask_older(struct candle_work *work)
{
    struct candle_query_range range = {
        .from = TIME_MIN, .to = work->ask.range.from, .at = CANDLE_QUERY_NO_INSTANT, .limit = 1};
    work->ask.is_asking_older = true;
    candle_query_ask(work->query, &range);
}

static int run(struct http_work *base)
{
    struct candle_work *work = CONTAINER_OF(base, struct candle_work, base);
    struct error error = {.text = ""};
    struct candle_rows rows = {.count = 0};
    enum status status =
        base->is_late ? http_work_late(&error) : candle_query_run(work->query, &rows, &error);
    if (status == STATUS_OK && rows.count == 0 && work->ask.wants_older &&
        !work->ask.is_asking_older) {
        ask_older(work);
        return run(base);
    }
    if (status == STATUS_WAIT)
        return http_work_wait(base);
    if (status != STATUS_OK)
        return fail(work, &error);
    struct buffer body;
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    work->ask.write(&body, &work->ask, &rows);
    int result = answer(base->exchange, work, &body);
    buffer_deinit(&body);
    return result;
}

int http_candle_work_run(struct http_exchange *exchange, const struct http_candle_ask *ask)
{
    static const struct http_work_ops ops = {.run = run, .destroy = destroy};
    struct error error = {.text = ""};
    if (http_work_admit(exchange, &error) != STATUS_OK)
        return http_answer_error(exchange, &error);
    struct http_lane *lane = exchange->lane;
    struct candle_work *work = MEM_NEW(struct candle_work);
    work->ask = *ask;
    http_tags_known(exchange, work->known);
    http_work_begin(&work->base, &ops, exchange);
    work->query = candle_query_create(lane->tape, lane->inbox, &work->ask.symbol, ask->interval_us,
                                      http_work_wake, &work->base);
    candle_query_ask(work->query, &ask->range);
    return run(&work->base);
}
