#include "store/schema_check.h"

#include "store/migrate_inner.h"

#include <stdio.h>
#include <string.h>

#define MIGRATE_UP                                                                                 \
    "`tapedeck migrate status` tells more, `tapedeck migrate up` brings it up to date"

static void describe_engine(const struct engine *engine, char text[SCHEMA_CHECK_BYTES])
{
    int major = engine->server_version / 10000;
    int minor = engine->server_version % 10000;
    if (engine->kind == ENGINE_TIMESCALEDB)
        (void)snprintf(text, SCHEMA_CHECK_BYTES, "TimescaleDB %s on PostgreSQL %d.%d",
                       engine->extension_version, major, minor);
    else
        (void)snprintf(text, SCHEMA_CHECK_BYTES, "PostgreSQL %d.%d", major, minor);
}

static void judge_engine(const struct engine *engine, enum engine_kind expected,
                         struct schema_check *check)
{
    check->engine_ok = engine->kind == expected;
    if (check->engine_ok)
        describe_engine(engine, check->engine);
    else
        (void)snprintf(check->engine, sizeof check->engine,
                       "the database has engine %s, and the server was started with %s: restart it",
                       engine_name(engine->kind), engine_name(expected));
}

/* The newest version is told where all is well. */
static void judge_migrations(const struct applied_list *list, const struct migration_set *set,
                             struct schema_check *check)
{
    struct error why = {.text = ""};
    int newest = set->count > 0 ? set->of[set->count - 1].version : 0;
    check->schema_ok = applied_list_check(list, set, &why) == STATUS_OK;
    if (!check->schema_ok)
        (void)snprintf(check->schema, sizeof check->schema, "%s", why.text);
    else if (list->count == set->count)
        (void)snprintf(check->schema, sizeof check->schema, "version %d", newest);
    else
        (void)snprintf(check->schema, sizeof check->schema,
                       "%zu of %zu migrations are applied: " MIGRATE_UP, list->count, set->count);
    check->schema_ok = check->schema_ok && list->count == set->count;
}

static enum status check_routines(struct connection *connection, const struct engine *engine,
                                  struct schema_check *check, struct error *error)
{
    char is[MIGRATION_CHECKSUM_BYTES];
    char should[MIGRATION_CHECKSUM_BYTES];
    const struct migrate_options embedded = {.files = NULL};
    enum status status = applied_routines(connection, is, error);
    if (status == STATUS_OK)
        status = routines_checksum(&embedded, engine, should, error);
    if (status != STATUS_OK || strcmp(is, should) == 0)
        return status;
    check->schema_ok = false;
    (void)snprintf(check->schema, sizeof check->schema,
                   "the routines are those of another version of tapedeck: " MIGRATE_UP);
    return STATUS_OK;
}

static enum status check_schema(struct connection *connection, const struct engine *engine,
                                struct schema_check *check, struct error *error)
{
    const struct migrate_options embedded = {.files = NULL};
    struct migration_set set = {0};
    struct applied_list list = {0};
    enum status status = migration_set_init(&embedded, engine->kind, &set, error);
    if (status == STATUS_OK)
        status = applied_list_read(connection, &list, error);
    if (status == STATUS_OK)
        judge_migrations(&list, &set, check);
    /* Which routines it should have depends on the engine's version. */
    if (status == STATUS_OK && check->schema_ok && check->engine_ok)
        status = check_routines(connection, engine, check, error);
    applied_list_deinit(&list);
    migration_set_deinit(&set);
    return status;
}

enum status schema_check_run(struct connection *connection, bool plain, enum engine_kind expected,
                             struct schema_check *check, struct error *error)
{
    struct schema_check found = {.engine_ok = false};
    struct engine engine = {.kind = expected};
    enum status status = engine_probe(connection, plain, &engine, error);
    if (status == STATUS_CONFLICT) {
        (void)snprintf(found.engine, sizeof found.engine, "%s", error->text);
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        judge_engine(&engine, expected, &found);
    }
    engine.kind = expected; /* whatever it is now: that is the schema which is needed */
    if (status == STATUS_OK)
        status = check_schema(connection, &engine, &found, error);
    if (status == STATUS_OK)
        *check = found;
    return status;
}
