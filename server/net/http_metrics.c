/*
 * GET /metrics, for Prometheus. Rendered at once and whole: some hundred lines, and a few dozen
 * more for each lane (net/metrics.h), out of figures that are in memory. Lane's thread.
 */
#include "base/clock.h"
#include "net/http_answer.h"
#include "net/http_routes.h"
#include "net/metrics.h"

/* In every scrape but for what the database has not told yet. */
static void write_all(struct metrics_text *text, const struct http_exchange *exchange)
{
    const struct http_lane *lane = exchange->lane;
    const struct http_site *site = lane->site;
    metrics_server(text, site->server);
    metrics_tape(text, lane->tape);
    metrics_symbols(text, lane->symbols);
    if (lane->operations != NULL)
        metrics_operations(text, lane->operations);
    if (site->metrics != NULL)
        site->metrics(site->metrics_owner, text);
}

int http_serve_metrics(struct http_exchange *exchange, const struct query *query)
{
    (void)query;
    struct buffer body;
    struct metrics_text text;
    int64_t begun_us = clock_monotonic_us();
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    metrics_text_init(&text, &body);
    write_all(&text, exchange);
    metrics_text_gauge(&text, "tapedeck_metrics_seconds",
                       "How long it took to write this answer, up to here.",
                       (double)(clock_monotonic_us() - begun_us) / 1e6);
    struct http_answer answer = {.status = 200, .content_type = METRICS_TEXT_TYPE};
    return http_answer_take(exchange, &answer, &body);
}
