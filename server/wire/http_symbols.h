/*
 * GET /api/v1/symbols → {symbols:[{symbol, from, to, ticks, exact}]}, times in RFC 3339.
 * Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_HTTP_SYMBOLS_H
#define TAPEDECK_WIRE_HTTP_SYMBOLS_H

#include "base/bytes.h"
#include "market/symbol.h"

void http_symbols_write(struct buffer *out, const struct symbol *symbols, size_t count);

#endif
