/*
 * How fast one address may ask over HTTP: a token bucket for each address that asked lately.
 *
 *   address ─► hash ─► a set of HTTP_RATE_WAYS buckets: its own, or the one that was unused longest
 *
 * By address, not by connection: a connection is soon made. The table has a fixed length, whatever
 * comes: an address that lost its bucket to others begins anew with a full one, so there is nothing
 * to be gained by crowding it, and an address never pays for another. IPv6 counts by its /64, as
 * for connections. One for all lanes, behind a lock that is held for a few instructions a request.
 */
#ifndef TAPEDECK_NET_HTTP_RATE_H
#define TAPEDECK_NET_HTTP_RATE_H

#include "base/allowance.h"
#include "net/admission.h"

#include <pthread.h>
#include <stdint.h>

#define HTTP_RATE_SETS 1024 /* 256 KiB in all */
#define HTTP_RATE_WAYS 4

/* Rates, defaults. A page of the web app takes a dozen requests; somebody who scrolls back through
 * charts, a few a second. */
#define HTTP_REQUESTS_PER_SECOND 200
#define HTTP_REQUESTS_BURST 1000

struct http_rate_entry {
    struct address address;
    struct allowance allowance; /* `burst` 0: nobody's yet */
};

struct http_rate {
    pthread_mutex_t lock;
    int64_t per_second; /* 0: no bound */
    int64_t burst;
    struct http_rate_entry (*sets)[HTTP_RATE_WAYS]; /* HTTP_RATE_SETS; NULL: no bound */
};

/* Bounds as allowance_init. */
void http_rate_init(struct http_rate *rate, int64_t per_second, int64_t burst);
void http_rate_deinit(struct http_rate *rate);
/* 0: this request is within the rate, and was counted. Else how long until the next one is; then it
 * was not. Any thread. */
int64_t http_rate_wait_us(struct http_rate *rate, const struct address *address, int64_t now_us);

#endif
