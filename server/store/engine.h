/*
 * Which of the two engines a database gets, and whether it may be used at all: from its catalog.
 *
 *   timescaledb   hypertables, compression, continuous aggregates: where the extension can be had
 *   postgresql    partitions and a table of candles: everywhere else, or when it is asked for
 *
 * A migrated database keeps the engine it has: changing it would mean moving the data.
 * Runs on the connection's owner thread. Owns nothing. Never changes the database.
 */
#ifndef TAPEDECK_STORE_ENGINE_H
#define TAPEDECK_STORE_ENGINE_H

#include "base/status.h"
#include "store/connection.h"

#include <stdbool.h>

#define ENGINE_SERVER_VERSION_MIN 150000
/* The columnstore's names, hierarchical aggregates and batched refreshes that the SQL builds on. */
#define ENGINE_TIMESCALEDB_VERSION_MIN "2.18"

enum engine_kind { ENGINE_TIMESCALEDB, ENGINE_POSTGRESQL };

struct engine {
    enum engine_kind kind;
    bool is_migrated;           /* the kind is settled */
    bool needs_extension;       /* timescaledb, but CREATE EXTENSION has not been run here */
    int server_version;         /* 150020 for 15.20 */
    char extension_version[32]; /* "2.24.0"; "" without */
};

/*
 * `plain`: the setting USE_TIMESCALEDB=false. STATUS_CONFLICT with a sentence when this database
 * cannot be used: an older PostgreSQL or TimescaleDB, a licence other than `timescale` (compressed
 * chunks would read as empty), the extension installed but not preloaded or in another schema, or
 * `plain` on a database that was migrated with timescaledb.
 */
enum status engine_probe(struct connection *connection, bool plain, struct engine *engine,
                         struct error *error) MUST_CHECK;

/* "timescaledb", "postgresql": also the names of the folders in sql/. */
const char *engine_name(enum engine_kind kind);

#endif
