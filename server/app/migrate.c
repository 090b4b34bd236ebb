/*
 * tapedeck migrate up | down | status: the schema of a database.
 */
#include "app/commands.h"
#include "app/database.h"
#include "app/terminal.h"
#include "base/mem.h"

#include <stdio.h>

static struct migrate_options options_for(const struct database *database)
{
    return (struct migrate_options){.url = database->url, .plain = database->plain};
}

static enum status up(struct database *database, struct error *error)
{
    struct migrate_options options = options_for(database);
    struct migrate_outcome outcome;
    enum status status = migrate_up(&options, &outcome, error);
    if (status != STATUS_OK)
        return status;
    database->engine = outcome.engine;
    terminal_step("%s: version %d, %zu migrations applied, routines %s",
                  database_describe(database).text, outcome.version, outcome.change_count,
                  outcome.routines_changed ? "replaced" : "unchanged");
    return STATUS_OK;
}

static enum status down(struct database *database, int64_t steps, struct error *error)
{
    struct migrate_options options = options_for(database);
    struct migrate_outcome outcome;
    enum status status = migrate_down(&options, (size_t)steps, &outcome, error);
    if (status != STATUS_OK)
        return status;
    terminal_step("version %d, %zu migrations undone", outcome.version, outcome.change_count);
    return STATUS_OK;
}

static void print_status(const struct database *database, const struct migrate_status *report)
{
    printf("%s\n", database_describe(database).text);
    printf("%7s  %-24s  %-12s  %-8s  %s\n", "version", "name", "engine", "state", "applied");
    for (size_t i = 0; i < report->count; i++)
        printf("%7d  %-24s  %-12s  %-8s  %s\n", report->of[i].version, report->of[i].name,
               report->of[i].engine, migration_state_name(report->of[i].state),
               report->of[i].applied_at);
    printf("routines are %s\n", report->routines_are_current ? "current" : "to be replaced");
}

static enum status show(struct database *database, struct error *error)
{
    struct migrate_options options = options_for(database);
    struct migrate_status *report = MEM_NEW(struct migrate_status);
    enum status status = migrate_status(&options, report, error);
    if (status == STATUS_OK) {
        database->engine = report->engine;
        print_status(database, report);
    }
    mem_free(report);
    return status;
}

int migrate_run(const struct configuration *configuration, enum migrate_action action,
                int64_t steps)
{
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, DATABASE_MIGRATE, &database, &error);
    if (status == STATUS_OK) {
        switch (action) {
        case MIGRATE_UP:
            status = up(&database, &error);
            break;
        case MIGRATE_DOWN:
            status = down(&database, steps, &error);
            break;
        case MIGRATE_STATUS:
            status = show(&database, &error);
            break;
        }
        database_close(&database);
    }
    if (status == STATUS_OK)
        return 0;
    terminal_error("%s", error.text);
    return 1;
}
