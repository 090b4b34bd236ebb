/*
 * What a database says was applied to it: tapedeck.migrations and tapedeck.routines; and the status
 * report.
 *
 * Runs on the connection's owner thread. Owns the lists it makes. Reads only.
 */
#include "store/migrate_inner.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static enum status has_table(struct connection *connection, const char *name, bool *has,
                             struct error *error)
{
    PGresult *result;
    enum status status =
        connection_query_row(connection, "select pg_catalog.to_regclass($1) is not null", 1,
                             (const char *const[]){name}, &result, error);
    if (status != STATUS_OK)
        return status;
    *has = result_bool(result, 0, 0);
    PQclear(result);
    return STATUS_OK;
}

static void copy_text(char *to, size_t bytes, const PGresult *rows, int row, int column)
{
    const char *text = result_text(rows, row, column);
    (void)snprintf(to, bytes, "%s", text != NULL ? text : "");
}

static struct applied applied_of(const PGresult *rows, int row)
{
    struct applied applied = {.version = (int)strtol(PQgetvalue(rows, row, 0), NULL, 10)};
    copy_text(applied.name, sizeof applied.name, rows, row, 1);
    copy_text(applied.engine, sizeof applied.engine, rows, row, 2);
    copy_text(applied.checksum, sizeof applied.checksum, rows, row, 3);
    copy_text(applied.applied_at, sizeof applied.applied_at, rows, row, 4);
    return applied;
}

enum status applied_list_read(struct connection *connection, struct applied_list *list,
                              struct error *error)
{
    *list = (struct applied_list){0};
    bool has;
    enum status status = has_table(connection, "tapedeck.migrations", &has, error);
    if (status != STATUS_OK || !has)
        return status;
    PGresult *rows;
    status = connection_query(connection,
                              "select version, name, engine, checksum,"
                              " pg_catalog.to_char(applied_at at time zone 'UTC',"
                              " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                              " from tapedeck.migrations order by version",
                              0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    list->count = (size_t)PQntuples(rows);
    list->of = mem_alloc_zeroed((list->count + 1) * sizeof *list->of);
    for (size_t i = 0; i < list->count; i++)
        list->of[i] = applied_of(rows, (int)i);
    PQclear(rows);
    return STATUS_OK;
}

void applied_list_deinit(struct applied_list *list)
{
    mem_free(list->of);
    *list = (struct applied_list){0};
}

const struct applied *applied_list_find(const struct applied_list *list, int version)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->of[i].version == version)
            return &list->of[i];
    }
    return NULL;
}

enum status applied_routines(struct connection *connection, char checksum[MIGRATION_CHECKSUM_BYTES],
                             struct error *error)
{
    checksum[0] = '\0';
    bool has;
    enum status status = has_table(connection, "tapedeck.routines", &has, error);
    if (status != STATUS_OK || !has)
        return status;
    PGresult *rows;
    status = connection_query(connection, "select checksum from tapedeck.routines", 0, NULL, &rows,
                              error);
    if (status != STATUS_OK)
        return status;
    if (PQntuples(rows) > 0)
        copy_text(checksum, MIGRATION_CHECKSUM_BYTES, rows, 0, 0);
    PQclear(rows);
    return STATUS_OK;
}

/* ---- judging ---- */

static enum migration_state state_of(const struct applied *applied,
                                     const struct migration *migration)
{
    if (applied == NULL)
        return MIGRATION_PENDING;
    if (migration == NULL)
        return MIGRATION_UNKNOWN;
    return strcmp(applied->checksum, migration->checksum) == 0 ? MIGRATION_APPLIED
                                                               : MIGRATION_CHANGED;
}

enum status applied_list_check(const struct applied_list *list, const struct migration_set *set,
                               struct error *error)
{
    int newest = list->count > 0 ? list->of[list->count - 1].version : 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct applied *applied = &list->of[i];
        const struct migration *migration = migration_set_find(set, applied->version);
        enum migration_state state = state_of(applied, migration);
        if (state == MIGRATION_UNKNOWN)
            return error_set(error, STATUS_CONFLICT,
                             "the database has migration %04d_%s, which this tapedeck does not "
                             "know: use the newer tapedeck that applied it",
                             applied->version, applied->name);
        if (state == MIGRATION_CHANGED)
            return error_set(error, STATUS_CONFLICT,
                             "sql/%s is not the file that was applied to this database: released "
                             "migrations never change, a correction is a new one",
                             migration->up->path);
    }
    for (size_t i = 0; i < set->count && set->of[i].version < newest; i++) {
        if (applied_list_find(list, set->of[i].version) == NULL)
            return error_set(error, STATUS_CONFLICT,
                             "sql/%s was never applied, but newer migrations were",
                             set->of[i].up->path);
    }
    return STATUS_OK;
}

/* ---- the report ---- */

const char *migration_state_name(enum migration_state state)
{
    static const char *const names[] = {"applied", "pending", "changed", "unknown"};
    return names[state];
}

static void report_one(struct migrate_status *report, const struct applied *applied,
                       const struct migration *migration)
{
    if (report->count == MIGRATIONS_MAX)
        return;
    struct migration_status *line = &report->of[report->count++];
    *line = (struct migration_status){.state = state_of(applied, migration)};
    line->version = migration != NULL ? migration->version : applied->version;
    (void)snprintf(line->name, sizeof line->name, "%s",
                   migration != NULL ? migration->name : applied->name);
    (void)snprintf(line->engine, sizeof line->engine, "%s",
                   migration != NULL ? migration->engine : applied->engine);
    (void)snprintf(line->applied_at, sizeof line->applied_at, "%s",
                   applied != NULL ? applied->applied_at : "");
}

static int by_version(const void *one, const void *other)
{
    return ((const struct migration_status *)one)->version -
           ((const struct migration_status *)other)->version;
}

static void report_all(struct migrate_status *report, const struct applied_list *list,
                       const struct migration_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        report_one(report, applied_list_find(list, set->of[i].version), &set->of[i]);
    for (size_t i = 0; i < list->count; i++) {
        if (migration_set_find(set, list->of[i].version) == NULL)
            report_one(report, &list->of[i], NULL);
    }
    qsort(report->of, report->count, sizeof *report->of, by_version);
}

static enum status read_report(struct connection *connection, const struct migrate_options *options,
                               struct migrate_status *report, struct error *error)
{
    char is[MIGRATION_CHECKSUM_BYTES];
    char should[MIGRATION_CHECKSUM_BYTES];
    struct applied_list list = {0};
    struct migration_set set = {0};
    enum status status = migration_set_init(options, report->engine.kind, &set, error);
    if (status == STATUS_OK)
        status = applied_list_read(connection, &list, error);
    if (status == STATUS_OK)
        status = applied_routines(connection, is, error);
    if (status == STATUS_OK)
        status = routines_checksum(options, &report->engine, should, error);
    if (status == STATUS_OK) {
        report->routines_are_current = strcmp(is, should) == 0;
        report_all(report, &list, &set);
    }
    applied_list_deinit(&list);
    migration_set_deinit(&set);
    return status;
}

enum status migrate_status(const struct migrate_options *options, struct migrate_status *report,
                           struct error *error)
{
    memset(report, 0, sizeof *report);
    struct connection *connection;
    enum status status = migrate_connect(options, &connection, &report->engine, error);
    if (status != STATUS_OK)
        return status;
    status = read_report(connection, options, report, error);
    connection_close(&connection);
    return status;
}
