/*
 * tapedeck triggers on | off | status: whether triggers tell of what other programs write.
 */
#include "app/commands.h"
#include "app/database.h"
#include "app/options.h"
#include "app/terminal.h"

#include <stdio.h>

#define NOT_ON 2 /* the exit status of `status` when they do not tell everything */

/* On or off changes tick_data, for which a writer that is at it is waited for; and everybody else
 * waits meanwhile. */
static const char lock_timeout_sql[] = "set lock_timeout = '10s'";

static enum status call(struct connection *connection, const char *sql, bool *answer,
                        struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(connection, sql, 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    *answer = result_bool(row, 0, 0);
    PQclear(row);
    return STATUS_OK;
}

static enum status turn(struct connection *connection, bool on, struct error *error)
{
    bool has_changed = false;
    enum status status = connection_execute(connection, lock_timeout_sql, error);
    if (status == STATUS_OK)
        status =
            call(connection,
                 on ? "select tapedeck.triggers_enable()" : "select tapedeck.triggers_disable()",
                 &has_changed, error);
    if (status == STATUS_OK)
        terminal_step("triggers are %s%s", on ? "on" : "off", has_changed ? "" : ", as they were");
    return status;
}

static enum status show(struct connection *connection, bool *on, struct error *error)
{
    PGresult *rows;
    enum status status =
        connection_query(connection, "select trigger_name, enabled from tapedeck.triggers_status()",
                         0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    int enabled = 0;
    int count = PQntuples(rows);
    for (int row = 0; row < count; row++)
        enabled += result_bool(rows, row, 1);
    *on = enabled == count;
    printf("%s\n", enabled == count ? "on" : enabled == 0 ? "off" : "incomplete");
    for (int row = 0; row < count && enabled > 0 && enabled < count; row++)
        printf("%s is %s\n", result_text(rows, row, 0), result_bool(rows, row, 1) ? "on" : "off");
    PQclear(rows);
    return STATUS_OK;
}

int triggers_run(const struct configuration *configuration, enum triggers_action action)
{
    struct database database;
    struct error error = {.text = ""};
    bool on = true;
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        struct connection *connection = database_connect(&database, "triggers", &error);
        if (connection == NULL)
            status = error.status;
        else if (action == TRIGGERS_STATUS)
            status = show(connection, &on, &error);
        else
            status = turn(connection, action == TRIGGERS_ON, &error);
        connection_close(&connection);
        database_close(&database);
    }
    if (status == STATUS_OK)
        return on ? EXIT_DONE : NOT_ON;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}
