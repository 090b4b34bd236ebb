/*
 * A subcommand's statement about storage or policies: opens the database and a connection, runs it
 * in one transaction under the statement timeout, and closes all of it. Main thread.
 */
#ifndef TAPEDECK_APP_OPERATIONS_CONNECTION_H
#define TAPEDECK_APP_OPERATIONS_CONNECTION_H

#include "app/database.h"

typedef enum status operations_work_fn(struct connection *connection,
                                       const struct database *database, void *owner,
                                       struct error *error);

/* False: it failed, and has been said. `after` (may be NULL) comes after the commit. */
bool operations_work(const struct configuration *configuration, enum database_use use,
                     operations_work_fn *work, operations_work_fn *after, void *owner);

#endif
