/*
 * symbols {prefix?, limit?} → symbols {symbols:[{symbol, from, to, ticks, exact}]}
 */
#ifndef TAPEDECK_WIRE_SYMBOLS_H
#define TAPEDECK_WIRE_SYMBOLS_H

#include "market/symbol.h"
#include "wire/request.h"
#include "wire/writer.h"

#define WIRE_SYMBOLS_LIMIT 1000
#define WIRE_SYMBOLS_LIMIT_MAX 10000

struct symbols_query {
    const char *prefix; /* "" when absent */
    size_t limit;       /* 1 … WIRE_SYMBOLS_LIMIT_MAX, default WIRE_SYMBOLS_LIMIT */
};
enum status symbols_query_read(const struct request *request, struct symbols_query *query,
                               struct error *error) MUST_CHECK;
void symbols_write(struct writer *writer, const struct request *request,
                   const struct symbol *symbols, size_t count);

#endif
