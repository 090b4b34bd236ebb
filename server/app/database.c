#include "app/database.h"

#include "app/terminal.h"
#include "base/mem.h"
#include "store/data_folder.h"

#include <stdio.h>
#include <string.h>

/* Two segments of PostgreSQL's log, in either of which it may have ended. */
#define FULL_BYTES INT64_C(33554432)

static enum status open_cluster(const struct configuration *configuration, enum database_use use,
                                struct database *database, struct error *error)
{
    struct cluster_options options = {.home = configuration->home};
    enum status status = use == DATABASE_SERVE
                             ? cluster_start(&options, &database->cluster, error)
                             : cluster_attach(&options, &database->cluster, error);
    if (status == STATUS_OK)
        database->url = cluster_url(database->cluster);
    return status;
}

/* Somebody's database: only looked at. */
static enum status check_given(struct database *database, struct error *error)
{
    struct migrate_options options = {.url = database->url, .plain = database->plain};
    struct migrate_status *report = MEM_NEW(struct migrate_status);
    enum status status = migrate_status(&options, report, error);
    bool current = status == STATUS_OK && report->routines_are_current;
    for (size_t i = 0; status == STATUS_OK && i < report->count; i++)
        current = current && report->of[i].state == MIGRATION_APPLIED;
    if (status == STATUS_OK)
        database->engine = report->engine;
    mem_free(report);
    if (status == STATUS_OK && !current)
        return error_set(error, STATUS_CONFLICT,
                         "the database is not up to date with this tapedeck: run `tapedeck migrate "
                         "status` to see how, and `tapedeck migrate up` to change it");
    return status;
}

static enum status bring_up_to_date(struct database *database, enum database_use use,
                                    struct error *error)
{
    struct migrate_options options = {
        .url = database->url, .plain = database->plain, .mends_policies = use == DATABASE_MEND};
    struct migrate_outcome outcome;
    enum status status = migrate_up(&options, &outcome, error);
    if (status == STATUS_OK)
        database->engine = outcome.engine;
    return status;
}

enum status database_open(const struct configuration *configuration, enum database_use use,
                          struct database *database, struct error *error)
{
    *database = (struct database){.plain = !configuration->use_timescaledb};
    bool is_given = configuration->database_url[0] != '\0';
    enum status status = STATUS_OK;
    if (is_given)
        database->url = configuration->database_url;
    else
        status = open_cluster(configuration, use, database, error);
    if (status == STATUS_OK && use != DATABASE_MIGRATE)
        status = is_given ? check_given(database, error) : bring_up_to_date(database, use, error);
    if (status != STATUS_OK)
        database_close(database);
    return status;
}

void database_close(struct database *database)
{
    cluster_close(&database->cluster);
    database->url = NULL;
}

void database_explain(const struct database *database, struct error *error)
{
    struct storage_disk disk = {.path = NULL};
    if (error->status == STATUS_UNAVAILABLE && database->cluster != NULL)
        data_folder_measure(cluster_data_path(database->cluster), &disk);
    if (disk.path != NULL && disk.free_bytes < FULL_BYTES) {
        size_t used = strlen(error->text);
        if (used > 0 && error->text[used - 1] == '.')
            used--;
        (void)snprintf(error->text + used, sizeof error->text - used,
                       "; the disk of %s is full (%s free)", disk.path,
                       terminal_bytes(disk.free_bytes).text);
    }
    mem_free(disk.path);
}

struct connection *database_connect(const struct database *database, const char *purpose,
                                    struct error *error)
{
    return connection_open(database->url, purpose, error);
}

struct database_text database_describe(const struct database *database)
{
    struct database_text described;
    int major = database->engine.server_version / 10000;
    int minor = database->engine.server_version % 10000;
    if (database->engine.kind == ENGINE_TIMESCALEDB)
        (void)snprintf(described.text, sizeof described.text, "TimescaleDB %s on PostgreSQL %d.%d",
                       database->engine.extension_version, major, minor);
    else
        (void)snprintf(described.text, sizeof described.text,
                       "PostgreSQL %d.%d without TimescaleDB%s", major, minor,
                       database->plain ? " (USE_TIMESCALEDB=false)"
                                       : " (not installed: no compression, no hypertables)");
    return described;
}
