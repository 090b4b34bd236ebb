/*
 * Whether the server can do its work now, for /readyz: out of what its parts have told already, so
 * that asking costs the database nothing.
 *
 *   pool: away, back ───────────────► database ┐   (it knows when it needs a connection)
 *   change feed: its socket, marker ► database │   (it knows at once, and looks every second)
 *   scheduler: once a minute, and ──► schema,  ├─► readiness_list, on any lane's thread
 *              when it has connected  engine   │
 *   live: the list of symbols ───────────────► ┘
 *
 * At the start engine and schema are right: a server does not start over others. Any thread.
 */
#ifndef TAPEDECK_APP_READINESS_H
#define TAPEDECK_APP_READINESS_H

#include "live/symbols.h"
#include "net/http.h"
#include "store/change_feed.h"
#include "store/schema_check.h"

#include <pthread.h>
#include <stdatomic.h>

struct readiness {
    atomic_bool is_reachable;
    const struct change_feed *feed; /* set before the server starts, as `symbols` */
    pthread_mutex_t lock;
    struct schema_check check; /* the newest one; guarded by `lock` */
    struct live_symbols *symbols;
};

void readiness_init(struct readiness *readiness);
void readiness_deinit(struct readiness *readiness);

/* All is right at the start; `engine` is what it was found to be. */
void readiness_begin(struct readiness *readiness, const char *engine, struct live_symbols *symbols);
/* By the pool and the change feed. Any thread. */
bool readiness_has_database(struct readiness *readiness);

/* A pool_availability_fn and a schema_checked_fn; the owner is the readiness. */
void readiness_note_database(void *owner, bool available, const struct error *error);
void readiness_note_schema(void *owner, const struct schema_check *check);

/* An http_checks_fn: database, engine, schema, symbols. */
size_t readiness_list(void *owner, struct http_check checks[HTTP_CHECKS_MAX]);

#endif
