/*
 * The schema of a database: migrations up and down, the routines over them, and what was applied.
 *
 *   probe engine → schema tapedeck → extension → each migration in a transaction → routines →
 * checks
 *
 * Every transaction takes the same advisory lock first and looks again at what is applied, so
 * several servers may start at once: they take turns. Released files never change: a changed
 * checksum is refused, as is a database that is ahead of this binary. Opens its own connections;
 * the url must lead to the database itself or to PgBouncer in any mode.
 *
 * Runs on the caller's thread, for as long as it takes. Owns nothing afterwards.
 */
#ifndef TAPEDECK_STORE_MIGRATE_H
#define TAPEDECK_STORE_MIGRATE_H

#include "store/engine.h"
#include "store/sql_files.h"

#define MIGRATION_NAME_BYTES 64
#define MIGRATION_CHECKSUM_BYTES 65 /* SHA-256 as text */
#define MIGRATIONS_MAX 1024

struct migrate_options {
    const char *url;
    bool plain;                   /* USE_TIMESCALEDB=false */
    bool mends_policies;          /* the caller sees to what policies_check() finds */
    const struct sql_file *files; /* NULL: the embedded ones */
    size_t file_count;
};

struct migrate_outcome {
    struct engine engine;
    int version;         /* of the database now; 0: nothing is applied */
    size_t change_count; /* migrations applied, or undone */
    bool routines_changed;
};

/* Brings the database up to date. STATUS_CONFLICT names what stands against it: the engine, a
 * changed file, a newer database, somebody else's tick_data, or what policies_check() found. */
enum status migrate_up(const struct migrate_options *options, struct migrate_outcome *outcome,
                       struct error *error) MUST_CHECK;

/* Undoes every migration above `version`, newest first: with them goes their data. */
enum status migrate_down_to(const struct migrate_options *options, int version,
                            struct migrate_outcome *outcome, struct error *error) MUST_CHECK;
/* Undoes the newest `steps` migrations. */
enum status migrate_down(const struct migrate_options *options, size_t steps,
                         struct migrate_outcome *outcome, struct error *error) MUST_CHECK;

enum migration_state {
    MIGRATION_APPLIED,
    MIGRATION_PENDING,
    MIGRATION_CHANGED, /* applied, but the file has changed since */
    MIGRATION_UNKNOWN, /* applied by a newer tapedeck */
};

struct migration_status {
    int version;
    char name[MIGRATION_NAME_BYTES];
    char engine[16];     /* common, timescaledb, postgresql */
    char applied_at[32]; /* "" while pending */
    enum migration_state state;
};

struct migrate_status {
    struct engine engine;
    bool routines_are_current;
    size_t count;
    struct migration_status of[MIGRATIONS_MAX];
};

/* Reads only. */
enum status migrate_status(const struct migrate_options *options, struct migrate_status *report,
                           struct error *error) MUST_CHECK;
/* "applied", "pending", "changed", "unknown". */
const char *migration_state_name(enum migration_state state);

#endif
