/*
 * One COPY … TO STDOUT for one load: begun, read chunk by chunk until its end, given up when the
 * load is cancelled or the bytes are wrong. What the rows are is the reader's business.
 *
 * The thread that owns the connection. Owns nothing.
 */
#ifndef TAPEDECK_STORE_LOAD_COPY_H
#define TAPEDECK_STORE_LOAD_COPY_H

#include "market/source.h"
#include "store/connection.h"

/* What one chunk holds. STATUS_WAIT: more must come; STATUS_END: the trailer was in it. It must
 * publish nothing of a row before the next one, or the trailer, has been read. */
typedef enum status load_chunk_fn(void *reader, const char *bytes, size_t count,
                                  struct error *error);

/* STATUS_OK: the trailer has been read and the COPY has ended well. STATUS_END: load->cancelled was
 * set or the connection was cancelled. See connection_is_idle for whether the connection survived.
 */
enum status load_copy_run(struct connection *connection, const struct tick_load *load,
                          const char *sql, load_chunk_fn *take, void *reader,
                          struct error *error) MUST_CHECK;

#endif
