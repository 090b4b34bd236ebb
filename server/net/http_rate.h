/*
 * How fast one address may ask over HTTP: a token bucket for each address that asked lately.
 *
 * By address, not by connection: a connection is soon made. IPv6 counts by its /64, as for
 * connections. One for all lanes, behind a lock that is held for a few instructions a request.
 */
#ifndef TAPEDECK_NET_HTTP_RATE_H
#define TAPEDECK_NET_HTTP_RATE_H

#include "base/address_allowances.h"

#include <pthread.h>
#include <stdint.h>

/* Rates, defaults. A page of the web app takes a dozen requests; somebody who scrolls back through
 * charts, a few a second. */
#define HTTP_REQUESTS_PER_SECOND 200
#define HTTP_REQUESTS_BURST 1000

struct http_rate {
    pthread_mutex_t lock;
    int64_t per_second; /* 0: no bound */
    int64_t burst;
    struct address_allowances *allowances; /* NULL: no bound */
};

/* Bounds as allowance_init. */
void http_rate_init(struct http_rate *rate, int64_t per_second, int64_t burst);
void http_rate_deinit(struct http_rate *rate);
/* 0: this request is within the rate, and was counted. Else how long until the next one is; then it
 * was not. Any thread. */
int64_t http_rate_wait_us(struct http_rate *rate, const struct address *address, int64_t now_us);

#endif
