/*
 * What migrate.c, migrate_files.c and migrate_status.c share. Never included by others.
 */
#ifndef TAPEDECK_STORE_MIGRATE_INNER_H
#define TAPEDECK_STORE_MIGRATE_INNER_H

#include "store/migrate.h"

/* ---- migrate_files.c: the files of one engine ---- */

struct migration {
    int version;
    char name[MIGRATION_NAME_BYTES];
    const char *engine; /* the folder: common, timescaledb, postgresql */
    const struct sql_file *up;
    const struct sql_file *down;
    char checksum[MIGRATION_CHECKSUM_BYTES]; /* of the up file */
};

struct migration_set {
    size_t count;
    struct migration *of; /* ascending versions, common and engine together */
};

/* STATUS_INTERNAL when the files themselves are wrong: two with one version, an odd name, no down.
 */
enum status migration_set_init(const struct migrate_options *options, enum engine_kind engine,
                               struct migration_set *set, struct error *error) MUST_CHECK;
void migration_set_deinit(struct migration_set *set);
/* NULL when there is none. */
const struct migration *migration_set_find(const struct migration_set *set, int version);

typedef enum status routine_fn(const struct sql_file *file, void *owner, struct error *error);
/* The routines in the order of their file names, common and engine together. */
enum status routines_each(const struct migrate_options *options, enum engine_kind engine,
                          routine_fn *visit, void *owner, struct error *error) MUST_CHECK;
/* Of all their files, and of the versions that they may have adapted themselves to. */
enum status routines_checksum(const struct migrate_options *options, const struct engine *engine,
                              char checksum[MIGRATION_CHECKSUM_BYTES],
                              struct error *error) MUST_CHECK;

/* ---- migrate_applied.c: tapedeck.migrations and tapedeck.routines ---- */

struct applied {
    int version;
    char name[MIGRATION_NAME_BYTES];
    char engine[16];
    char checksum[MIGRATION_CHECKSUM_BYTES];
    char applied_at[32];
};

struct applied_list {
    size_t count;
    struct applied *of; /* ascending versions */
};

/* Empty when tapedeck.migrations does not exist. */
enum status applied_list_read(struct connection *connection, struct applied_list *list,
                              struct error *error) MUST_CHECK;
void applied_list_deinit(struct applied_list *list);
/* NULL when it is not applied. */
const struct applied *applied_list_find(const struct applied_list *list, int version);
/* Refuses changed files, a newer database, and gaps. */
enum status applied_list_check(const struct applied_list *list, const struct migration_set *set,
                               struct error *error) MUST_CHECK;
/* The checksum of the routines that are applied; "" for none. */
enum status applied_routines(struct connection *connection, char checksum[MIGRATION_CHECKSUM_BYTES],
                             struct error *error) MUST_CHECK;

enum status migrate_connect(const struct migrate_options *options, struct connection **connection,
                            struct engine *engine, struct error *error) MUST_CHECK;

#endif
