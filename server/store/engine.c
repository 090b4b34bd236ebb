/*
 * Probing a database for its engine.
 *
 *   migrated? ── timescaledb ──► extension there, new enough, public, licence timescale
 *      │   └──── postgresql ───► nothing more to ask
 *      └ no ──── extension available ──► preloaded? else say so    not available ──► postgresql
 */
#include "store/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of it readable by an ordinary user. `timescaledb.disable_load` is a setting of the loader, so
 * it tells whether that is preloaded; shared_preload_libraries itself is for superusers. */
static const char probe_sql[] =
    "select pg_catalog.current_setting('server_version_num'),"
    "       pg_catalog.current_setting('server_version'),"
    "       pg_catalog.to_regclass('tapedeck.migrations') is not null,"
    "       e.extversion, n.nspname, a.default_version,"
    "       pg_catalog.current_setting('timescaledb.disable_load', true) is not null,"
    "       pg_catalog.current_setting('timescaledb.license', true)"
    "  from (values (1)) as one (row)"
    "  left join pg_catalog.pg_extension e on e.extname = 'timescaledb'"
    "  left join pg_catalog.pg_namespace n on n.oid = e.extnamespace"
    "  left join pg_catalog.pg_available_extensions a on a.name = 'timescaledb'";

enum probe_column {
    PROBE_VERSION_NUMBER,
    PROBE_VERSION,
    PROBE_HAS_MIGRATIONS,
    PROBE_EXTENSION,
    PROBE_SCHEMA,
    PROBE_AVAILABLE,
    PROBE_PRELOADED,
    PROBE_LICENCE,
};

#define OR_PLAIN "or set USE_TIMESCALEDB=false to do without it"

const char *engine_name(enum engine_kind kind)
{
    return kind == ENGINE_TIMESCALEDB ? "timescaledb" : "postgresql";
}

/* "2.18" ≤ "2.24.0", by number. */
static bool version_is_enough(const char *version)
{
    int major = 0;
    int minor = 0;
    int major_min = 0;
    int minor_min = 0;
    if (sscanf(version, "%d.%d", &major, &minor) != 2 ||
        sscanf(ENGINE_TIMESCALEDB_VERSION_MIN, "%d.%d", &major_min, &minor_min) != 2)
        return false;
    return major != major_min ? major > major_min : minor >= minor_min;
}

/* The engine that the migrations so far have settled, if any. */
static enum status read_migrated(struct connection *connection, struct engine *engine,
                                 struct error *error)
{
    PGresult *result;
    enum status status = connection_query(
        connection,
        "select engine from tapedeck.migrations where engine in ('timescaledb', 'postgresql')"
        " limit 1",
        0, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    engine->is_migrated = PQntuples(result) > 0;
    if (engine->is_migrated)
        engine->kind = strcmp(result_text(result, 0, 0), "timescaledb") == 0 ? ENGINE_TIMESCALEDB
                                                                             : ENGINE_POSTGRESQL;
    PQclear(result);
    return STATUS_OK;
}

static enum status check_version(const char *version, struct error *error)
{
    if (version_is_enough(version))
        return STATUS_OK;
    return error_set(error, STATUS_CONFLICT,
                     "TimescaleDB %s is too old, tapedeck needs " ENGINE_TIMESCALEDB_VERSION_MIN
                     " or newer: upgrade it, " OR_PLAIN " in a new database",
                     version);
}

/* The extension is in this database. */
static enum status check_extension(const PGresult *row, struct error *error)
{
    const char *schema = result_text(row, 0, PROBE_SCHEMA);
    const char *licence = result_text(row, 0, PROBE_LICENCE);
    enum status status = check_version(result_text(row, 0, PROBE_EXTENSION), error);
    if (status != STATUS_OK)
        return status;
    if (schema == NULL || strcmp(schema, "public") != 0)
        return error_set(error, STATUS_CONFLICT,
                         "TimescaleDB is installed in schema %s, tapedeck looks for it in public",
                         schema != NULL ? schema : "?");
    if (licence == NULL)
        return error_set(error, STATUS_CONFLICT,
                         "TimescaleDB is installed in this database, but not loaded: add "
                         "timescaledb to shared_preload_libraries and restart PostgreSQL");
    if (strcmp(licence, "timescale") != 0)
        return error_set(error, STATUS_CONFLICT,
                         "TimescaleDB runs with the licence '%s', which has neither compression "
                         "nor policies, and reads compressed ticks as none: set "
                         "timescaledb.license = 'timescale' (the community build), " OR_PLAIN
                         " in a new database",
                         licence);
    return STATUS_OK;
}

static enum status check_available(const PGresult *row, struct engine *engine, struct error *error)
{
    engine->needs_extension = true;
    if (!result_bool(row, 0, PROBE_PRELOADED))
        return error_set(error, STATUS_CONFLICT,
                         "TimescaleDB is installed on this server, but not loaded: add timescaledb "
                         "to shared_preload_libraries and restart PostgreSQL, " OR_PLAIN);
    return check_version(result_text(row, 0, PROBE_AVAILABLE), error);
}

static enum status decide(const PGresult *row, bool plain, struct engine *engine,
                          struct error *error)
{
    const char *extension = result_text(row, 0, PROBE_EXTENSION);
    (void)snprintf(engine->extension_version, sizeof engine->extension_version, "%s",
                   extension != NULL ? extension : "");
    if (plain && engine->is_migrated && engine->kind == ENGINE_TIMESCALEDB)
        return error_set(error, STATUS_CONFLICT,
                         "USE_TIMESCALEDB=false, but this database was migrated with TimescaleDB "
                         "and its ticks live in it: take the setting away, or use a new database");
    if (!engine->is_migrated) {
        bool can = extension != NULL || result_text(row, 0, PROBE_AVAILABLE) != NULL;
        engine->kind = can && !plain ? ENGINE_TIMESCALEDB : ENGINE_POSTGRESQL;
    }
    if (engine->kind == ENGINE_POSTGRESQL)
        return STATUS_OK;
    if (extension != NULL)
        return check_extension(row, error);
    if (engine->is_migrated)
        return error_set(error, STATUS_CONFLICT,
                         "this database was migrated with TimescaleDB, but has lost the extension: "
                         "restore it from a backup");
    return check_available(row, engine, error);
}

enum status engine_probe(struct connection *connection, bool plain, struct engine *engine,
                         struct error *error)
{
    struct engine probed = {.kind = ENGINE_POSTGRESQL};
    PGresult *row;
    enum status status = connection_query_row(connection, probe_sql, 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    probed.server_version = (int)strtol(result_text(row, 0, PROBE_VERSION_NUMBER), NULL, 10);
    if (probed.server_version < ENGINE_SERVER_VERSION_MIN)
        status = error_set(error, STATUS_CONFLICT,
                           "PostgreSQL %s is too old, tapedeck needs 15 or newer",
                           result_text(row, 0, PROBE_VERSION));
    if (status == STATUS_OK && result_bool(row, 0, PROBE_HAS_MIGRATIONS))
        status = read_migrated(connection, &probed, error);
    if (status == STATUS_OK)
        status = decide(row, plain, &probed, error);
    PQclear(row);
    if (status == STATUS_OK)
        *engine = probed;
    return status;
}
