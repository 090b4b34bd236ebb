/*
 * Decoder of binary COPY data for the five columns of a tick load: time, bid_price, ask_price,
 * last_price, volume.
 *
 *   5 | 8, µs since 2000 | length, numeric | … four times          a row; length −1: null
 *
 * What stands around the rows, and how to use it: store/copy_stream.h.
 */
#ifndef TAPEDECK_STORE_COPY_ROWS_H
#define TAPEDECK_STORE_COPY_ROWS_H

#include "market/tick.h"
#include "store/copy_stream.h"

struct copy_rows {
    struct copy_stream stream;
};

void copy_rows_init(struct copy_rows *rows);
void copy_rows_give(struct copy_rows *rows, const void *bytes, size_t count);
/* As copy_stream_next, a tick per row. */
enum status copy_rows_next(struct copy_rows *rows, struct tick *tick,
                           struct error *error) MUST_CHECK;

#endif
