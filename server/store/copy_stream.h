/*
 * PostgreSQL's binary COPY data (sql-copy, "Binary Format"), whatever its columns are: what stands
 * around the rows, and rows that were cut.
 *
 *   "PGCOPY\n\377\r\n\0" | flags | extension length, extension     once
 *   number of columns | length, bytes | …                          a row; length −1: null
 *   −1                                                             the end
 *
 * A row that lies whole in a chunk is decoded in place; only one that was cut goes through the
 * carry buffer. Bytes may be cut anywhere; no length in them is trusted. The bytes of one
 * `copy_stream_give` are borrowed until `copy_stream_next` has said WAIT. One owner thread; owns
 * nothing on the heap.
 */
#ifndef TAPEDECK_STORE_COPY_STREAM_H
#define TAPEDECK_STORE_COPY_STREAM_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* No row of ours is longer. */
#define COPY_ROW_BYTES_MAX 384

/* Bytes of one row: what is left of them. */
struct copy_item {
    const uint8_t *at;
    const uint8_t *end;
};

/* Takes the fields of one row, of the right number. STATUS_WAIT: the bytes end before the row does,
 * which it may only say of fewer than COPY_ROW_BYTES_MAX; STATUS_BAD_MESSAGE with a sentence. */
typedef enum status copy_take_fn(struct copy_item *item, void *row, struct error *error);

enum copy_phase { COPY_HEAD, COPY_EXTENSION, COPY_ROWS, COPY_ENDED };

struct copy_stream {
    copy_take_fn *take;
    uint16_t columns;
    enum copy_phase phase;
    uint32_t extension_left; /* bytes of the header's extension still to be skipped */
    const uint8_t *at;       /* given and not yet read */
    const uint8_t *end;
    size_t carried; /* bytes of a row that was cut, from earlier chunks */
    uint8_t carry[COPY_ROW_BYTES_MAX];
};

void copy_stream_init(struct copy_stream *stream, uint16_t columns, copy_take_fn *take);
/* The next chunk. The one before must have been read to its end (WAIT). */
void copy_stream_give(struct copy_stream *stream, const void *bytes, size_t count);
/*
 * STATUS_OK: one row. STATUS_WAIT: give more. STATUS_END: the trailer has been read. Otherwise
 * STATUS_BAD_MESSAGE with a sentence: these bytes are no such rows, and nothing more can be read.
 */
enum status copy_stream_next(struct copy_stream *stream, void *row, struct error *error) MUST_CHECK;

#endif
