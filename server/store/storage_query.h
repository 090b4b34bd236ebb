/*
 * What a database says about its size: one report, or the samples of its history.
 *
 * On the thread that owns the connection, inside its transaction if it has one open. What is
 * answered is the caller's (market/operations.h says how it is freed).
 */
#ifndef TAPEDECK_STORE_STORAGE_QUERY_H
#define TAPEDECK_STORE_STORAGE_QUERY_H

#include "market/operations.h"
#include "store/connection.h"

/* `data_path`: the data folder, where it is known to be here; NULL: looked for (data_folder.h). */
enum status storage_query_report(struct connection *connection, const char *data_path,
                                 struct storage_report **report, struct error *error) MUST_CHECK;
/* The newest `limit` samples. */
enum status storage_query_history(struct connection *connection, size_t limit,
                                  struct storage_history **history, struct error *error) MUST_CHECK;

#endif
