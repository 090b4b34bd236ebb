/*
 * What the tests of plain HTTP share: a server in this process, and the response to the last
 * request.
 */
#ifndef TAPEDECK_TESTS_NET_HTTP_FIXTURE_H
#define TAPEDECK_TESTS_NET_HTTP_FIXTURE_H

#include "net_lab.h"

#include "market/time.h"
#include "support/http_client.h"

#include <criterion/criterion.h>

#define TICKS "/api/v1/ticks?symbol=" LAB_SYMBOL
#define CANDLES "/api/v1/candles?symbol=" LAB_SYMBOL
#define MINUTES (LAB_END / TIME_MINUTE_US)

extern struct lab lab; /* not started yet */
extern struct http_response response;

void http_set_up(void);
void http_tear_down(void);
#define HTTP_SUITE(name)                                                                           \
    TestSuite(name, .init = http_set_up, .fini = http_tear_down, .timeout = 120)

/* Into `response`. */
void get(const char *target);
void get_with(const char *target, const char *headers);

/* Of a whole response with this status; a new reference. */
json_t *body_of(int status);
/* "": it has no such header. Static, until the next call. */
const char *header(const char *name);
/* How often the text has this part. */
size_t count_of(const char *text, const char *part);

/* Gets candles of minutes, which must be `count` from minute `first` on, and right. */
void check_candles(const char *target, int64_t first, size_t count);

#endif
