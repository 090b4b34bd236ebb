/*
 * Everything that is not a WebSocket: the web app's files, health, candles, ticks, symbols and the
 * database's state over plain HTTP, and answers that say no.
 *
 *   request ──► http (table of routes) ──► http_symbols, http_candles, http_ticks, http_udf,
 *                                          http_operations
 *                                              │ at once         │ not yet: a work (http_work.h)
 *                                              ▼                 ▼ woken by the lane's inbox
 *                                          http_answer ◄─────────┘
 *
 * GET and HEAD only; a request with a body is refused. One request of a connection is answered at a
 * time. Small answers are one write of header and body together; long ones and files go out in
 * pieces as the socket takes them. Lane's thread.
 */
#ifndef TAPEDECK_NET_HTTP_H
#define TAPEDECK_NET_HTTP_H

#include "base/address.h"
#include "base/bytes.h"
#include "base/counter.h"
#include "net/handshake.h"
#include "net/host.h"
#include "net/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decoder;
struct address;
struct http_rate;
struct gate;
struct http_work;
struct inbox;
struct inquiries;
struct live_operations;
struct live_symbols;
struct log_limit;
struct lws;
struct metrics_text;
struct server;
struct tape;
struct unsent;
struct wheel;

/* One of the things without which the process cannot do its work; /readyz lists them. */
struct http_check {
    const char *name; /* borrowed for good: "database" */
    bool ok;
    char detail[ERROR_TEXT_BYTES]; /* a sentence, or what is there: "TimescaleDB 2.24.0" */
};
#define HTTP_CHECKS_MAX 8
/* Fills in what there is to check, and returns how many that is. Called on every lane's thread:
 * must not block, so it tells what is known already. */
typedef size_t http_checks_fn(void *owner, struct http_check checks[HTTP_CHECKS_MAX]);

/* Appends the figures of those parts that net/ does not know. As http_checks_fn. */
typedef void http_metrics_fn(void *owner, struct metrics_text *text);

/* The statuses that answers can have. */
struct http_answer_status {
    unsigned number;
    const char *text;
};
#define HTTP_STATUSES 13
extern const struct http_answer_status http_statuses[HTTP_STATUSES];

/* What there is to serve; shared by all lanes, constant. */
struct http_site {
    struct hosts hosts;            /* who we are */
    const struct origins *origins; /* whose pages may read answers, beside our own */
    const char *web_root;   /* folder of the built web app, no slash at its end; NULL: none */
    http_checks_fn *checks; /* NULL: nothing can be wrong */
    void *checks_owner;
    http_metrics_fn *metrics; /* NULL: none but the server's own */
    void *metrics_owner;
    const struct server *server; /* whose figures /metrics tells */
    struct http_rate *rate;
};

/* Answers of one lane that wait for data or stream it; the next one is told to come again. */
#define HTTP_WORKS_MAX 256

/* What the connections of one lane share. */
struct http_lane {
    const struct http_site *site;
    struct gate *gate; /* NULL: nobody is asked who they are */
    struct tape *tape;
    struct live_symbols *symbols;
    struct live_operations *operations; /* NULL: nobody watches the database */
    struct inquiries *inquiries;        /* the feeds' as well */
    struct decoder *decoder;            /* likewise: nothing is kept in it */
    struct inbox *inbox;
    struct wheel *wheel;          /* monotonic µs */
    struct log_limit *failed_log; /* of all lanes */
    const struct unsent *unsent;  /* while it is crowded, no work is begun */
    struct counter works;         /* under way */
    struct counter answers[HTTP_STATUSES];
    struct counter hasty; /* answered with 429 */
};

/* A file, or a body out of memory, on its way to one client. Not libwebsockets' own sending of
 * files: that one composes the response in the buffer that still holds the client's next, pipelined
 * request. */
struct http_transfer {
    int fd;             /* −1: none */
    struct buffer body; /* else this */
    size_t body_at;     /* so much of it is sent */
    uint64_t left_bytes;
    bool is_under_way;
};

/* What one connection is being answered. */
struct http_exchange {
    struct http_lane *lane;
    struct lws *wsi;
    struct address address; /* of the peer */
    struct http_transfer transfer;
    struct http_work *work; /* NULL: nothing is waited for */
    /* Of the request, copied: its headers do not stay. */
    bool is_head;
    bool is_old;        /* HTTP/1.0: knows no chunks */
    bool is_data;       /* an answer for programs: other origins' pages are kept out */
    bool is_udf;        /* errors as the charting library reads them, too */
    char *allow_origin; /* of a page from elsewhere that may read the answer; NULL: none */
};

void http_exchange_init(struct http_exchange *exchange, struct http_lane *lane, struct lws *wsi,
                        const struct address *address);
/* Forgets an answer that is not sent yet. */
void http_exchange_deinit(struct http_exchange *exchange);
bool http_exchange_is_busy(const struct http_exchange *exchange);
/* What it holds for a client that does not take it. */
size_t http_exchange_held_bytes(const struct http_exchange *exchange);

/* All return what libwebsockets wants from a callback: 0, or −1 to close the connection. */
int http_serve(struct http_exchange *exchange, const char *path, size_t path_bytes);
/* The socket can take more, or what was waited for is there. */
int http_continue(struct http_exchange *exchange);
/* Says no, with a JSON body, and closes: always −1. */
int http_refuse(struct http_exchange *exchange, const struct refusal *refusal);

#endif
