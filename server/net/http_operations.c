/*
 * GET /api/storage, /api/storage/tables, /api/storage/sizes and /api/policies, out of what is
 * published, without a question to the database; and /api/storage/history, which asks it.
 * Lane's thread.
 */
#include "wire/http_operations.h"

#include "base/mem.h"
#include "feed/feed.h"
#include "net/http_answer.h"
#include "net/http_routes.h"
#include "net/http_work.h"

const char *const http_storage_history_parameters[] = {"limit", NULL};
const char *const http_no_parameters[] = {NULL};

static int answer_json(struct http_exchange *exchange, struct buffer *body)
{
    struct http_answer answer = {.status = 200, .content_type = HTTP_TYPE_JSON};
    return http_answer_take(exchange, &answer, body);
}

static int answer_not_known(struct http_exchange *exchange)
{
    struct error error = {.text = ""};
    (void)error_set(&error, STATUS_UNAVAILABLE,
                    "the database has not told of itself yet: ask again in a moment");
    return http_answer_error(exchange, &error);
}

/* ---- what is published ---- */

typedef void write_storage_fn(const struct http_lane *lane, const struct storage_snapshot *snapshot,
                              struct buffer *body);

static void write_all(const struct http_lane *lane, const struct storage_snapshot *snapshot,
                      struct buffer *body)
{
    struct storage_message message = {
        .report = snapshot->report,
        .alerts = snapshot->alerts->alerts,
        .alert_count = snapshot->alerts->count,
        .cache = feed_storage_cache(lane->tape),
    };
    http_storage_write(body, &message);
}

static void write_tables(const struct http_lane *lane, const struct storage_snapshot *snapshot,
                         struct buffer *body)
{
    (void)lane;
    http_storage_tables_write(body, snapshot->report);
}

static void write_sizes(const struct http_lane *lane, const struct storage_snapshot *snapshot,
                        struct buffer *body)
{
    (void)lane;
    http_storage_sizes_write(body, snapshot->report);
}

static int serve_storage(struct http_exchange *exchange, write_storage_fn *write)
{
    struct http_lane *lane = exchange->lane;
    struct storage_snapshot *snapshot =
        lane->operations != NULL ? live_storage_pin(lane->operations) : NULL;
    if (snapshot == NULL)
        return answer_not_known(exchange);
    struct buffer body;
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    write(lane, snapshot, &body);
    storage_snapshot_unpin(&snapshot);
    return answer_json(exchange, &body);
}

int http_serve_storage(struct http_exchange *exchange, const struct query *query)
{
    (void)query;
    return serve_storage(exchange, write_all);
}

int http_serve_storage_tables(struct http_exchange *exchange, const struct query *query)
{
    (void)query;
    return serve_storage(exchange, write_tables);
}

int http_serve_storage_sizes(struct http_exchange *exchange, const struct query *query)
{
    (void)query;
    return serve_storage(exchange, write_sizes);
}

int http_serve_policies(struct http_exchange *exchange, const struct query *query)
{
    (void)query;
    struct http_lane *lane = exchange->lane;
    struct policies_snapshot *snapshot =
        lane->operations != NULL ? live_policies_pin(lane->operations) : NULL;
    if (snapshot == NULL)
        return answer_not_known(exchange);
    struct buffer body;
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    http_policies_write(&body, snapshot->report, lane->decoder);
    policies_snapshot_unpin(&snapshot);
    return answer_json(exchange, &body);
}

/* ---- the history ---- */

struct history_work {
    struct http_work base;
    struct inquiry *inquiry;
};

static void destroy(struct http_work *base)
{
    struct history_work *work = CONTAINER_OF(base, struct history_work, base);
    inquiry_drop(&work->inquiry);
    mem_free(work);
}

static int run(struct http_work *base)
{
    struct history_work *work = CONTAINER_OF(base, struct history_work, base);
    struct http_exchange *exchange = base->exchange;
    struct error error = {.text = ""};
    enum status status =
        base->is_late ? http_work_late(&error) : inquiry_result(work->inquiry, &error);
    if (status == STATUS_WAIT)
        return http_work_wait(base);
    if (status != STATUS_OK) {
        http_work_end(exchange);
        return http_answer_error(exchange, &error);
    }
    struct buffer body;
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    http_storage_history_write(&body, inquiry_history(work->inquiry));
    http_work_end(exchange);
    return answer_json(exchange, &body);
}

int http_serve_storage_history(struct http_exchange *exchange, const struct query *query)
{
    static const struct http_work_ops ops = {.run = run, .destroy = destroy};
    struct error error = {.text = ""};
    size_t limit = STORAGE_HISTORY_LIMIT;
    enum status status =
        query_count(query, "limit", STORAGE_HISTORY_MAX, "samples", &limit, &error);
    if (status == STATUS_OK)
        status = http_work_admit(exchange, &error);
    if (status != STATUS_OK)
        return http_answer_error(exchange, &error);
    struct history_work *work = MEM_NEW(struct history_work);
    struct inquiry_asker asker = {.answered = http_work_wake, .owner = &work->base};
    status = inquiry_ask_history(exchange->lane->inquiries, limit, asker, &work->inquiry, &error);
    if (status != STATUS_OK) {
        mem_free(work);
        return http_answer_error(exchange, &error);
    }
    http_work_begin(&work->base, &ops, exchange);
    return http_work_wait(&work->base);
}
