/*
 * `struct source` over PostgreSQL: loads of ticks and candles, last values and symbols as tasks of
 * a pool.
 *
 * Requests are intrusive and bounded by their requesters. While the database is away they wait, and
 * a load that was running goes on from the last stretch it published; a statement that fails in a
 * way that passes is tried again. publish and done come on threads of the pool, never inside
 * load_ticks or cancel_ticks; answers are posted to the requester's inbox.
 */
#ifndef TAPEDECK_STORE_PG_SOURCE_H
#define TAPEDECK_STORE_PG_SOURCE_H

#include "market/source.h"
#include "store/latency.h"
#include "store/pool.h"

struct pg_source;

/* Does not wait for the database. STATUS_INVALID for a malformed url. */
enum status pg_source_create(const struct pool_options *options, struct pg_source **source,
                             struct error *error) MUST_CHECK;
/* Every request still open gets its done or its letter (STATUS_UNAVAILABLE) before it returns;
 * nothing may be requested any more. See pool_destroy for how long it takes. */
void pg_source_destroy(struct pg_source **source);

struct source *pg_source_interface(struct pg_source *source);

enum pg_source_query {
    PG_SOURCE_TICKS,
    PG_SOURCE_CANDLES,
    PG_SOURCE_LAST_VALUES,
    PG_SOURCE_SYMBOLS
};
#define PG_SOURCE_QUERIES 4
/* "ticks", "candles", "last_values", "symbols". */
const char *pg_source_query_name(enum pg_source_query query);

struct pg_source_statistics {
    struct pool_statistics pool;
    uint64_t loads;     /* finished, for whatever reason */
    uint64_t stretches; /* published, of these and of those that run */
    uint64_t rows;      /* in them */
    /* Each run on a connection, from its statement to its end, failed ones included. */
    struct latency_statistics latencies[PG_SOURCE_QUERIES];
};
/* Any thread. */
struct pg_source_statistics pg_source_statistics(struct pg_source *source);

/* As pool_on_availability. */
void pg_source_on_availability(struct pg_source *source, pool_availability_fn *fn, void *owner);

#endif
