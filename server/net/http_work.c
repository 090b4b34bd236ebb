#include "net/http_work.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "net/unsent.h"

#include <libwebsockets.h>

enum status http_work_admit(const struct http_exchange *exchange, struct error *error)
{
    if (counter_read(&exchange->lane->works) < HTTP_WORKS_MAX &&
        !unsent_is_crowded(exchange->lane->unsent))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "too many answers are under way, try again");
}

static void expire(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct http_work *work = CONTAINER_OF(timer, struct http_work, deadline);
    work->is_late = true;
    http_work_wake(work);
}

void http_work_begin(struct http_work *work, const struct http_work_ops *ops,
                     struct http_exchange *exchange)
{
    ASSERT(exchange->work == NULL);
    work->ops = ops;
    work->exchange = exchange;
    work->is_late = false;
    timer_init(&work->deadline, expire);
    exchange->work = work;
    counter_add(&exchange->lane->works, 1);
}

void http_work_end(struct http_exchange *exchange)
{
    struct http_work *work = exchange->work;
    if (work == NULL)
        return;
    counter_subtract(&exchange->lane->works, 1);
    exchange->work = NULL;
    wheel_cancel(exchange->lane->wheel, &work->deadline);
    work->ops->destroy(work);
}

void http_work_wake(void *owner)
{
    struct http_work *work = owner;
    (void)lws_callback_on_writable(work->exchange->wsi);
}

int http_work_wait(struct http_work *work)
{
    struct http_exchange *exchange = work->exchange;
    wheel_arm(exchange->lane->wheel, &work->deadline, clock_monotonic_us() + HTTP_WORK_WAIT_US);
    if (lws_partial_buffered(exchange->wsi) != 0)
        (void)lws_callback_on_writable(
            exchange->wsi); /* the client's time still runs: then again */
    else
        lws_set_timeout(exchange->wsi, NO_PENDING_TIMEOUT, 0); /* the deadline is ours */
    return 0;
}

void http_work_log_failure(const struct http_work *work, const char *symbol,
                           const struct error *error)
{
    unsigned swallowed;
    struct log_limit *limit = work->exchange->lane->failed_log;
    if (log_limit_pass(limit, clock_monotonic_us(), &swallowed))
        log_warn("http.failed", "symbol=%s status=%s swallowed=%u error=%s", LOG_QUOTE(symbol),
                 status_name(error->status), swallowed, LOG_QUOTE(error->text));
}

enum status http_work_late(struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "the database has not answered in time, try again");
}
