/*
 * The database a subcommand works on: the one it was given, or the embedded cluster of its home.
 *
 * An embedded database is brought up to date whenever it is opened. A given one is somebody's: it
 * is changed by `tapedeck migrate up` only, and refused while it is behind. Main thread.
 */
#ifndef TAPEDECK_APP_DATABASE_H
#define TAPEDECK_APP_DATABASE_H

#include "app/configuration.h"
#include "store/cluster.h"
#include "store/connection.h"
#include "store/migrate.h"

enum database_use {
    DATABASE_SERVE,   /* by the one server of a home: starts the cluster and keeps it running */
    DATABASE_JOIN,    /* by a subcommand: joins the running cluster, or starts it meanwhile */
    DATABASE_MEND,    /* as DATABASE_JOIN, also while its policies endanger candles */
    DATABASE_MIGRATE, /* as DATABASE_JOIN, whatever state the schema is in */
};

struct database {
    struct cluster *cluster; /* NULL: it was given */
    const char *url;         /* lives as long as this */
    bool plain;              /* USE_TIMESCALEDB=false */
    struct engine engine;    /* after DATABASE_MIGRATE: not yet known */
};

/* STATUS_CONFLICT when a given database is behind or not tapedeck's; else as cluster_start,
 * cluster_attach and migrate_up. */
enum status database_open(const struct configuration *configuration, enum database_use use,
                          struct database *database, struct error *error) MUST_CHECK;
void database_close(struct database *database);

/* Of an embedded database that is not there any more (STATUS_UNAVAILABLE), the sentence also gets
 * to say so when its disk is full: PostgreSQL ends itself when it cannot write its log, and takes
 * leave of nobody. */
void database_explain(const struct database *database, struct error *error);

struct connection *database_connect(const struct database *database, const char *purpose,
                                    struct error *error);

/* "TimescaleDB 2.24.0 on PostgreSQL 15.18" or "PostgreSQL 15.18, without TimescaleDB …". */
struct database_text {
    char text[192];
};
struct database_text database_describe(const struct database *database);

#endif
