#include "app/operations_connection.h"

#include "app/terminal.h"

static enum status run(struct connection *connection, const struct database *database,
                       int timeout_ms, operations_work_fn *work, void *owner, struct error *error)
{
    enum status status = connection_begin(connection, timeout_ms, error);
    if (status == STATUS_OK)
        status = work(connection, database, owner, error);
    if (status == STATUS_OK)
        status = connection_commit(connection, error);
    if (status != STATUS_OK)
        connection_rollback(connection);
    return status;
}

bool operations_work(const struct configuration *configuration, enum database_use use,
                     operations_work_fn *work, operations_work_fn *after, void *owner)
{
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, use, &database, &error);
    if (status == STATUS_OK) {
        struct connection *connection = database_connect(&database, "operations", &error);
        status = connection != NULL
                     ? run(connection, &database, (int)(configuration->statement_timeout_us / 1000),
                           work, owner, &error)
                     : error.status;
        if (status == STATUS_OK && after != NULL)
            status = after(connection, &database, owner, &error);
        connection_close(&connection);
        database_close(&database);
    }
    if (status != STATUS_OK)
        terminal_error("%s", error.text);
    return status == STATUS_OK;
}
