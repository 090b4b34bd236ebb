/*
 * Whether a database that is in use still is what this program needs: the same engine with the
 * right licence, and every migration and routine that is embedded here. Both can change under a
 * running server: somebody migrates down, restores a backup, or restarts PostgreSQL with another
 * licence.
 *
 * Reads only, a handful of small queries; on the connection's owner thread.
 */
#ifndef TAPEDECK_STORE_SCHEMA_CHECK_H
#define TAPEDECK_STORE_SCHEMA_CHECK_H

#include "store/engine.h"

#define SCHEMA_CHECK_BYTES ERROR_TEXT_BYTES

/* Each with a sentence of what is wrong, or else of what is there. */
struct schema_check {
    bool engine_ok;
    char engine[SCHEMA_CHECK_BYTES];
    bool schema_ok;
    char schema[SCHEMA_CHECK_BYTES];
};

typedef void schema_checked_fn(void *owner, const struct schema_check *check);

/* `expected`: the engine that the server was started with. STATUS_OK whatever it finds; anything
 * else: it could not look, and `check` is untouched. */
enum status schema_check_run(struct connection *connection, bool plain, enum engine_kind expected,
                             struct schema_check *check, struct error *error) MUST_CHECK;

#endif
