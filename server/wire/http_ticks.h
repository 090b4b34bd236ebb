/*
 * GET /api/v1/ticks: one line a tick, time (RFC 3339), bid, ask, last, volume as exact decimals.
 *
 *   ndjson   {"time":"2024-08-08T23:54:15.088169Z","bid":null,"ask":null,"last":61800.3,"volume":2}
 *   csv      time,bid,ask,last,volume
 *            2024-08-08T23:54:15.088169Z,,,61800.3,2
 *
 * Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_HTTP_TICKS_H
#define TAPEDECK_WIRE_HTTP_TICKS_H

#include "base/bytes.h"
#include "market/tick.h"

enum http_ticks_format { HTTP_TICKS_NDJSON, HTTP_TICKS_CSV };

/* Most bytes of one line, and of what stands before the first. */
#define HTTP_TICK_BYTES_MAX 256

/* "ndjson" or "csv"; STATUS_INVALID otherwise, without a sentence. */
enum status http_ticks_format_read(const char *text, enum http_ticks_format *format) MUST_CHECK;
const char *http_ticks_content_type(enum http_ticks_format format);
void http_ticks_write_head(struct buffer *out, enum http_ticks_format format);
void http_ticks_write(struct buffer *out, enum http_ticks_format format, const struct tick *tick);

#endif
