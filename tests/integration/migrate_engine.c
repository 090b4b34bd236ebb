/*
 * Which engine a database gets, and which databases are refused.
 */
#include "cluster_fixture.h"

#include <stdio.h>
#include <string.h>

static enum status probe(const struct cluster *cluster, bool plain, struct engine *engine,
                         struct error *error)
{
    struct connection *connection = open_database(cluster_url(cluster));
    enum status status = engine_probe(connection, plain, engine, error);
    connection_close(&connection);
    return status;
}

Test(engine, a_fresh_database_gets_timescaledb_where_it_can_be_had, .timeout = 120)
{
    if (!have_timescaledb())
        return;
    struct error error = {0};
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    struct engine engine;
    MUST(probe(cluster, false, &engine, &error));
    cr_assert_eq(engine.kind, ENGINE_TIMESCALEDB);
    cr_assert(engine.needs_extension);
    cr_assert_not(engine.is_migrated);
    cr_assert_geq(engine.server_version, ENGINE_SERVER_VERSION_MIN);
    MUST(probe(cluster, true, &engine, &error));
    cr_assert_eq(engine.kind, ENGINE_POSTGRESQL);
    cr_assert_not(engine.needs_extension);
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(engine, use_timescaledb_false_is_refused_on_a_timescaledb_database, .timeout = 120)
{
    struct database database;
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    struct error error = {0};
    struct engine engine;
    MUST_FAIL(probe(database.cluster, true, &engine, &error), STATUS_CONFLICT);
    MUST_SAY("USE_TIMESCALEDB=false");
    struct migrate_options options = {.url = cluster_url(database.cluster), .plain = true};
    struct migrate_outcome outcome;
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    MUST(probe(database.cluster, false, &engine, &error));
    cr_assert(engine.is_migrated);
    cr_assert_not(engine.needs_extension);
    cr_assert_str_neq(engine.extension_version, "");
    database_deinit(&database);
}

Test(engine, a_postgresql_database_stays_one_though_the_extension_could_be_had, .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct error error = {0};
    struct migrate_options options = {.url = cluster_url(database.cluster)};
    struct migrate_outcome outcome;
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_eq(outcome.engine.kind, ENGINE_POSTGRESQL);
    cr_assert_eq(outcome.change_count, 0);
    database_deinit(&database);
}

Test(engine, an_apache_licence_is_refused, .timeout = 120)
{
    struct database database;
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    connection_close(&database.connection);
    struct connection *connection = open_database(cluster_url(database.cluster));
    execute(connection, "alter system set timescaledb.license = 'apache'");
    connection_close(&connection);
    cluster_close(&database.cluster); /* read at the start of the server */
    database.cluster = attach(&database.home);
    struct error error = {0};
    struct engine engine;
    MUST_FAIL(probe(database.cluster, false, &engine, &error), STATUS_CONFLICT);
    MUST_SAY("licence 'apache'");
    MUST_SAY("timescaledb.license = 'timescale'");
    database_deinit(&database);
}

static void restart_with(struct home *home, struct cluster **cluster, const char *sql)
{
    struct connection *connection = open_database(cluster_url(*cluster));
    execute(connection, sql);
    connection_close(&connection);
    cluster_close(cluster);
    *cluster = attach(home);
}

Test(engine, an_extension_that_is_not_preloaded_is_refused_not_ignored, .timeout = 120)
{
    if (!have_timescaledb())
        return;
    struct error error = {0};
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    restart_with(&home, &cluster, "alter system set shared_preload_libraries = 'auto_explain'");
    struct engine engine;
    MUST_FAIL(probe(cluster, false, &engine, &error), STATUS_CONFLICT);
    MUST_SAY("shared_preload_libraries");
    MUST_SAY("USE_TIMESCALEDB=false");
    struct migrate_options options = {.url = cluster_url(cluster)};
    struct migrate_outcome outcome;
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    options.plain = true;
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_eq(outcome.engine.kind, ENGINE_POSTGRESQL);
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(engine, a_timescaledb_database_without_its_library_is_refused, .timeout = 120)
{
    struct database database;
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    connection_close(&database.connection);
    restart_with(&database.home, &database.cluster,
                 "alter system set shared_preload_libraries = 'auto_explain'");
    struct error error = {0};
    struct engine engine;
    enum status status = probe(database.cluster, false, &engine, &error);
    cr_assert_neq(status, STATUS_OK);
    MUST_SAY("preload");
    database_deinit(&database);
}

Test(engine, an_extension_in_another_schema_is_refused, .timeout = 120)
{
    if (!have_timescaledb())
        return;
    struct error error = {0};
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    struct connection *connection = open_database(cluster_url(cluster));
    execute(connection, "create schema elsewhere");
    execute(connection, "create extension timescaledb schema elsewhere");
    connection_close(&connection);
    struct engine engine;
    MUST_FAIL(probe(cluster, false, &engine, &error), STATUS_CONFLICT);
    MUST_SAY("elsewhere");
    cluster_close(&cluster);
    home_deinit(&home);
}
