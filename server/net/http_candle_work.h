/*
 * An answer made out of candles: a query over the tape, waited for, and then a body. Lane's thread.
 */
#ifndef TAPEDECK_NET_HTTP_CANDLE_WORK_H
#define TAPEDECK_NET_HTTP_CANDLE_WORK_H

#include "net/http.h"
#include "tape/candle_query.h"

#define HTTP_INTERVAL_BYTES 16 /* of the interval as it was asked for, NUL included */

struct http_candle_ask {
    struct symbol symbol;
    char interval[HTTP_INTERVAL_BYTES];
    int64_t interval_us;
    struct candle_query_range range;
    int64_t now_us;   /* wall */
    bool is_settled;  /* nothing in it will change any more, as far as can be told */
    bool wants_older; /* where there is nothing, the newest candle before */
    bool is_asking_older;
    /* Writes the body; candles oldest first. */
    void (*write)(struct buffer *body, const struct http_candle_ask *ask,
                  const struct candle_rows *rows);
};

/* Begins the query, and answers at once when all of it is in the tape. Copies `ask`. */
int http_candle_work_run(struct http_exchange *exchange, const struct http_candle_ask *ask);

#endif
