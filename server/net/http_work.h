/*
 * An answer that cannot be given at once: it waits for the tape, or is too long to be held whole.
 *
 *   begun ──► run ──► waits ◄──┐ woken through the lane's inbox
 *              │        └──────┘
 *              └──► ends: http_work_end, and an answer; or the end of a stream
 *
 * A lane has at most HTTP_WORKS_MAX of them, a connection one. One that waits for
 * HTTP_WORK_WAIT_US without any progress gives up. Whatever way the connection ends, `destroy` is
 * called. Lane's thread.
 */
#ifndef TAPEDECK_NET_HTTP_WORK_H
#define TAPEDECK_NET_HTTP_WORK_H

#include "base/wheel.h"
#include "net/http.h"

#define HTTP_WORK_WAIT_US (30 * INT64_C(1000000))

struct http_work_ops {
    /* Goes on: the socket can take something, or what was waited for may be there. Returns as a
     * callback of libwebsockets does. */
    int (*run)(struct http_work *work);
    /* Frees it and all it holds. */
    void (*destroy)(struct http_work *work);
};

/* Embedded first in every work. */
struct http_work {
    const struct http_work_ops *ops;
    struct http_exchange *exchange;
    struct timer deadline;
    bool is_late; /* it has waited for too long */
};

/* Whether the lane can take on one more. */
enum status http_work_admit(const struct http_exchange *exchange, struct error *error) MUST_CHECK;
void http_work_begin(struct http_work *work, const struct http_work_ops *ops,
                     struct http_exchange *exchange);
/* Destroys the work of the exchange, if it has one. */
void http_work_end(struct http_exchange *exchange);

/* To be run again soon; `owner` is the work. Fits the wakes of the tape. */
void http_work_wake(void *owner);
/* Nothing is to be done before it is woken. Always 0. */
int http_work_wait(struct http_work *work);
/* One line about a failure that is not the client's, with others like it counted. */
void http_work_log_failure(const struct http_work *work, const char *symbol,
                           const struct error *error);
/* The sentence of one that is late; always STATUS_UNAVAILABLE. */
enum status http_work_late(struct error *error);

#endif
