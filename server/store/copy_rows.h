/*
 * Decoder of PostgreSQL's binary COPY data (sql-copy, "Binary Format") for the five columns of a
 * tick load: time, bid_price, ask_price, last_price, volume.
 *
 *   "PGCOPY\n\377\r\n\0" | flags | extension length, extension     once
 *   5 | 8, µs since 2000 | length, numeric | … four times          a row; length −1: null
 *   −1                                                             the end
 *
 * Bytes may be cut anywhere; no length in them is trusted. The bytes of one `copy_rows_give` are
 * borrowed until `copy_rows_next` has said WAIT. One owner thread; owns nothing on the heap.
 */
#ifndef TAPEDECK_STORE_COPY_ROWS_H
#define TAPEDECK_STORE_COPY_ROWS_H

#include "base/status.h"
#include "market/tick.h"

#include <stddef.h>
#include <stdint.h>

/* decimal(20,8) needs at most 20; more is not ours. */
#define COPY_NUMERIC_BYTES_MAX 64
#define COPY_ROW_BYTES_MAX (2 + 4 + 8 + TICK_FIELDS * (4 + COPY_NUMERIC_BYTES_MAX))

enum copy_rows_phase { COPY_ROWS_HEAD, COPY_ROWS_EXTENSION, COPY_ROWS_ROWS, COPY_ROWS_ENDED };

struct copy_rows {
    enum copy_rows_phase phase;
    uint32_t extension_left; /* bytes of the header's extension still to be skipped */
    const uint8_t *at;       /* given and not yet read */
    const uint8_t *end;
    size_t carried; /* bytes of a row that was cut, from earlier chunks */
    uint8_t carry[COPY_ROW_BYTES_MAX];
};

void copy_rows_init(struct copy_rows *rows);
/* The next chunk. The one before must have been read to its end (WAIT). */
void copy_rows_give(struct copy_rows *rows, const void *bytes, size_t count);
/*
 * STATUS_OK: one tick. STATUS_WAIT: give more. STATUS_END: the trailer has been read. Otherwise
 * STATUS_BAD_MESSAGE with a sentence: these bytes are no tick rows, and nothing more can be read.
 */
enum status copy_rows_next(struct copy_rows *rows, struct tick *tick,
                           struct error *error) MUST_CHECK;

#endif
