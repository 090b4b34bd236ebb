/*
 * Migrations up and down.
 *
 *   each step:  BEGIN ─ advisory lock ─ what is applied now? ─ check ─ one file ─ its row ─ COMMIT
 *
 * The lock lasts one transaction, so it works through PgBouncer, and a server that dies lets go.
 */
#include "store/migrate.h"

#include "base/log.h"
#include "store/migrate_inner.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A deadlock or lock time-out with something that runs: the step is taken back, and tried again. */
#define TRIES_MAX 5
#define TRY_PAUSE_US 200000U

struct step {
    struct connection *connection;
    const struct migrate_options *options;
    const struct engine *engine;
    const struct migration_set *set;
    int down_to;    /* down: undo what is above */
    size_t changes; /* migrations applied or undone by this step: 0 or 1 */
    int version;    /* of the database after it */
    bool routines_changed;
};

typedef enum status step_fn(struct step *step, struct error *error);

static const char begin_sql[] =
    "BEGIN;"
    "SET LOCAL statement_timeout = 0;"
    "SET LOCAL idle_in_transaction_session_timeout = 0;"
    "SET LOCAL search_path = pg_catalog, public;"
    "SELECT pg_catalog.pg_advisory_xact_lock(1413742592, 0)"; /* TD: see sql/ for the others */

static const char bootstrap_sql[] =
    "create schema if not exists tapedeck;"
    "create table if not exists tapedeck.migrations ("
    "    version     integer     not null primary key,"
    "    name        text        not null,"
    "    checksum    text        not null,"
    "    engine      text        not null,"
    "    applied_at  timestamptz not null default pg_catalog.clock_timestamp());"
    "create table if not exists tapedeck.routines ("
    "    only_row    boolean     not null primary key default true check (only_row),"
    "    checksum    text        not null,"
    "    applied_at  timestamptz not null default pg_catalog.clock_timestamp());"
    "comment on schema tapedeck is 'tapedeck''s own books and routines.';"
    "comment on table tapedeck.migrations is 'Which migrations were applied.';"
    "comment on column tapedeck.migrations.version is 'Number of the migration.';"
    "comment on column tapedeck.migrations.name is 'Name of its file.';"
    "comment on column tapedeck.migrations.checksum is 'SHA-256 of its up file.';"
    "comment on column tapedeck.migrations.engine is"
    "    'Its folder: common, or the engine, which it settles for this database.';"
    "comment on column tapedeck.migrations.applied_at is 'When it was applied.';"
    "comment on table tapedeck.routines is 'Which routines are applied; one row.';"
    "comment on column tapedeck.routines.only_row is 'Keeps this table at one row.';"
    "comment on column tapedeck.routines.checksum is"
    "    'SHA-256 of all their files and of the versions they adapt to.';"
    "comment on column tapedeck.routines.applied_at is 'When they were applied.';";

/* ---- transactions ---- */

static enum status try_step(struct step *step, step_fn *work, struct error *error)
{
    enum status status = connection_execute(step->connection, begin_sql, error);
    if (status == STATUS_OK)
        status = work(step, error);
    if (status == STATUS_OK &&
        PQtransactionStatus(connection_raw(step->connection)) != PQTRANS_INTRANS)
        status = error_set(error, STATUS_INTERNAL, "a migration must not end its transaction");
    if (status == STATUS_OK)
        status = connection_commit(step->connection, error);
    if (status != STATUS_OK)
        connection_rollback(step->connection);
    return status;
}

static enum status run_step(struct step *step, step_fn *work, struct error *error)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        step->changes = 0;
        step->routines_changed = false;
        status = try_step(step, work, error);
        if (status != STATUS_UNAVAILABLE || !connection_is_idle(step->connection))
            break;
        (void)usleep(TRY_PAUSE_US << i);
    }
    return status;
}

/* ---- getting there ---- */

enum status migrate_connect(const struct migrate_options *options, struct connection **connection,
                            struct engine *engine, struct error *error)
{
    *connection = connection_open(options->url, "migrate", error);
    if (*connection == NULL)
        return error->status;
    enum status status = engine_probe(*connection, options->plain, engine, error);
    if (status != STATUS_OK)
        connection_close(connection);
    return status;
}

/* A tick_data of somebody else's is neither ours to change nor to trust. */
static enum status refuse_stranger(struct step *step, struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        step->connection, "select pg_catalog.to_regclass('public.tick_data') is not null", 0, NULL,
        &row, error);
    if (status != STATUS_OK)
        return status;
    bool exists = result_bool(row, 0, 0);
    PQclear(row);
    if (!exists)
        return STATUS_OK;
    return error_set(error, STATUS_CONFLICT,
                     "this database has a table public.tick_data that tapedeck did not make: "
                     "rename it, or give tapedeck a database of its own");
}

static bool engine_is_settled(const struct applied_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->of[i].engine, "common") != 0)
            return true;
    }
    return false;
}

static enum status read_and_check(struct step *step, struct applied_list *list, struct error *error)
{
    enum status status = applied_list_read(step->connection, list, error);
    if (status == STATUS_OK)
        status = applied_list_check(list, step->set, error);
    if (status == STATUS_OK && !engine_is_settled(list))
        status = refuse_stranger(step, error);
    step->version = list->count > 0 ? list->of[list->count - 1].version : 0;
    return status;
}

static enum status check_step(struct step *step, struct error *error)
{
    struct applied_list list = {0};
    enum status status = read_and_check(step, &list, error);
    applied_list_deinit(&list);
    return status;
}

static enum status extension_step(struct step *step, struct error *error)
{
    return connection_execute(step->connection,
                              "create extension if not exists timescaledb schema public", error);
}

static enum status bootstrap_step(struct step *step, struct error *error)
{
    return connection_execute(step->connection, bootstrap_sql, error);
}

/* ---- one migration ---- */

static enum status execute_file(struct step *step, const struct sql_file *file, struct error *error)
{
    if (connection_execute(step->connection, file->text, error) == STATUS_OK)
        return STATUS_OK;
    /* A missing table is no reason to migrate here. */
    if (error->status == STATUS_CONFLICT)
        error->status = STATUS_INTERNAL;
    return error_prefix(error, "sql/%s", file->path);
}

static enum status record_up(struct step *step, const struct migration *migration,
                             struct error *error)
{
    char version[16];
    (void)snprintf(version, sizeof version, "%d", migration->version);
    PGresult *result;
    enum status status = connection_query(
        step->connection,
        "insert into tapedeck.migrations (version, name, checksum, engine)"
        " values ($1, $2, $3, $4)",
        4, (const char *const[]){version, migration->name, migration->checksum, migration->engine},
        &result, error);
    if (status == STATUS_OK)
        PQclear(result);
    return status;
}

static enum status up_one(struct step *step, const struct migration *migration, struct error *error)
{
    enum status status = execute_file(step, migration->up, error);
    if (status == STATUS_OK)
        status = record_up(step, migration, error);
    if (status != STATUS_OK)
        return status;
    step->changes = 1;
    step->version = migration->version;
    log_info("migrate.up", "version=%d name=%s engine=%s", migration->version, migration->name,
             migration->engine);
    return STATUS_OK;
}

static enum status up_step(struct step *step, struct error *error)
{
    struct applied_list list = {0};
    enum status status = read_and_check(step, &list, error);
    for (size_t i = 0; status == STATUS_OK && i < step->set->count; i++) {
        if (applied_list_find(&list, step->set->of[i].version) == NULL) {
            status = up_one(step, &step->set->of[i], error);
            break;
        }
    }
    applied_list_deinit(&list);
    return status;
}

static enum status down_one(struct step *step, const struct migration *migration,
                            struct error *error)
{
    /* Routines may go with it, or be broken by it: the next up applies them anew. */
    char sql[128];
    (void)snprintf(sql, sizeof sql,
                   "delete from tapedeck.migrations where version = %d;"
                   "delete from tapedeck.routines",
                   migration->version);
    enum status status = execute_file(step, migration->down, error);
    if (status == STATUS_OK)
        status = connection_execute(step->connection, sql, error);
    if (status != STATUS_OK)
        return status;
    step->changes = 1;
    log_info("migrate.down", "version=%d name=%s engine=%s", migration->version, migration->name,
             migration->engine);
    return STATUS_OK;
}

static enum status down_step(struct step *step, struct error *error)
{
    struct applied_list list = {0};
    enum status status = read_and_check(step, &list, error);
    if (status == STATUS_OK && step->version > step->down_to) {
        status = down_one(step, migration_set_find(step->set, step->version), error);
        step->version = list.count > 1 ? list.of[list.count - 2].version : 0;
    }
    applied_list_deinit(&list);
    return status;
}

/* ---- routines ---- */

static enum status apply_routine(const struct sql_file *file, void *owner, struct error *error)
{
    return execute_file(owner, file, error);
}

static enum status routines_step(struct step *step, struct error *error)
{
    char is[MIGRATION_CHECKSUM_BYTES];
    char should[MIGRATION_CHECKSUM_BYTES];
    enum status status = routines_checksum(step->options, step->engine, should, error);
    if (status == STATUS_OK)
        status = applied_routines(step->connection, is, error);
    if (status != STATUS_OK || strcmp(is, should) == 0)
        return status;
    status = routines_each(step->options, step->engine->kind, apply_routine, step, error);
    if (status != STATUS_OK)
        return status;
    PGresult *result;
    status = connection_query(step->connection,
                              "insert into tapedeck.routines (checksum) values ($1)"
                              " on conflict (only_row) do update set checksum = excluded.checksum,"
                              " applied_at = pg_catalog.clock_timestamp()",
                              1, (const char *const[]){should}, &result, error);
    if (status != STATUS_OK)
        return status;
    PQclear(result);
    step->routines_changed = true;
    log_info("migrate.routines", "engine=%s", engine_name(step->engine->kind));
    return STATUS_OK;
}

static enum status tell_findings(const PGresult *rows, struct error *error)
{
    char text[ERROR_TEXT_BYTES] = "";
    int count = PQntuples(rows);
    for (int i = count - 1; i >= 0; i--)
        log_error("migrate.policy", "finding=%s", LOG_QUOTE(PQgetvalue(rows, i, 0)));
    for (int i = 0; i < count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "; " : "",
                       PQgetvalue(rows, i, 0));
    }
    return error_set(error, STATUS_CONFLICT, "the policies of this database endanger its data: %s",
                     text);
}

static enum status check_policies(struct connection *connection, struct error *error)
{
    PGresult *rows;
    enum status status = connection_query(connection, "select * from tapedeck.policies_check()", 0,
                                          NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    if (PQntuples(rows) > 0)
        status = tell_findings(rows, error);
    PQclear(rows);
    return status;
}

/* ---- up ---- */

static enum status up_all(struct step *step, struct migrate_outcome *outcome, struct error *error)
{
    enum status status = run_step(step, bootstrap_step, error);
    while (status == STATUS_OK) {
        status = run_step(step, up_step, error);
        outcome->change_count += step->changes;
        if (step->changes == 0)
            break;
    }
    outcome->version = step->version;
    if (status == STATUS_OK)
        status = run_step(step, routines_step, error);
    outcome->routines_changed = step->routines_changed;
    if (status != STATUS_OK || step->options->mends_policies)
        return status;
    return check_policies(step->connection, error);
}

/* TimescaleDB works only in a session that began after CREATE EXTENSION. */
static enum status add_extension(struct step *step, struct engine *engine, struct error *error)
{
    enum status status = run_step(step, extension_step, error);
    if (status != STATUS_OK)
        return status;
    connection_close(&step->connection);
    return migrate_connect(step->options, &step->connection, engine, error);
}

static enum status up_connected(struct step *step, struct migrate_outcome *outcome,
                                struct error *error)
{
    struct migration_set set;
    enum status status = migration_set_init(step->options, outcome->engine.kind, &set, error);
    if (status != STATUS_OK)
        return status;
    step->set = &set;
    status = run_step(step, check_step, error);
    if (status == STATUS_OK && outcome->engine.needs_extension)
        status = add_extension(step, &outcome->engine, error);
    if (status == STATUS_OK)
        status = up_all(step, outcome, error);
    migration_set_deinit(&set);
    return status;
}

enum status migrate_up(const struct migrate_options *options, struct migrate_outcome *outcome,
                       struct error *error)
{
    *outcome = (struct migrate_outcome){0};
    struct step step = {.options = options, .engine = &outcome->engine};
    enum status status = migrate_connect(options, &step.connection, &outcome->engine, error);
    if (status == STATUS_OK)
        status = up_connected(&step, outcome, error);
    connection_close(&step.connection);
    return status;
}

/* ---- down ---- */

static enum status down_connected(struct step *step, size_t steps, struct migrate_outcome *outcome,
                                  struct error *error)
{
    struct migration_set set;
    enum status status = migration_set_init(step->options, outcome->engine.kind, &set, error);
    if (status != STATUS_OK)
        return status;
    step->set = &set;
    status = run_step(step, check_step, error);
    while (status == STATUS_OK && outcome->change_count < steps) {
        status = run_step(step, down_step, error);
        outcome->change_count += step->changes;
        if (step->changes == 0)
            break;
    }
    outcome->version = step->version;
    migration_set_deinit(&set);
    return status;
}

static enum status down(const struct migrate_options *options, int version, size_t steps,
                        struct migrate_outcome *outcome, struct error *error)
{
    *outcome = (struct migrate_outcome){0};
    struct step step = {.options = options, .engine = &outcome->engine, .down_to = version};
    enum status status = migrate_connect(options, &step.connection, &outcome->engine, error);
    if (status == STATUS_OK)
        status = down_connected(&step, steps, outcome, error);
    connection_close(&step.connection);
    return status;
}

enum status migrate_down_to(const struct migrate_options *options, int version,
                            struct migrate_outcome *outcome, struct error *error)
{
    if (version < 0)
        return error_set(error, STATUS_INVALID, "version must be 0 or greater");
    return down(options, version, MIGRATIONS_MAX, outcome, error);
}

enum status migrate_down(const struct migrate_options *options, size_t steps,
                         struct migrate_outcome *outcome, struct error *error)
{
    return down(options, 0, steps, outcome, error);
}
