/*
 * Looking at the marker. Two statements, in this order: whoever moved it before the first holds the
 * lock at the second, or has ended. Owns the list of writers.
 */
#include "store/marker.h"

#include "base/mem.h"

#include <string.h>

#define WRITERS                                                                                    \
    " FROM pg_catalog.pg_locks l"                                                                  \
    " WHERE l.locktype = 'relation' AND l.relation = 'public.tick_data'::regclass"                 \
    " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"                                \
    " WHERE d.datname = pg_catalog.current_database())"                                            \
    " AND l.mode = 'RowExclusiveLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"

void marker_init(struct marker *marker)
{
    *marker = (struct marker){.is_known = false};
}

void marker_deinit(struct marker *marker)
{
    mem_free(marker->writers);
    marker_init(marker);
}

static enum status read_value(struct connection *connection, int64_t *value, struct error *error)
{
    PGresult *result;
    enum status status = connection_query_row(connection, "SELECT tapedeck.change_marker()", 0,
                                              NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(result, 0, 0, value);
    PQclear(result);
    return status == STATUS_OK
               ? STATUS_OK
               : error_set(error, status, "database: tapedeck.change_marker is no number");
}

/* Those of `among` (NULL: all) who are writing now; NULL when there is nobody. */
static enum status read_writers(struct connection *connection, const char *among, char **writers,
                                struct error *error)
{
    const char *const parameters[] = {among};
    PGresult *result;
    enum status status =
        connection_query_row(connection,
                             "SELECT pg_catalog.array_agg(l.virtualtransaction)::text" WRITERS
                             " AND ($1::text IS NULL OR l.virtualtransaction = ANY ($1::text[]))",
                             1, parameters, &result, error);
    if (status != STATUS_OK)
        return status;
    const char *text = result_text(result, 0, 0);
    *writers = text != NULL ? mem_copy_text(text) : NULL;
    PQclear(result);
    return STATUS_OK;
}

enum status marker_look(struct marker *marker, struct connection *connection,
                        enum marker_look *look, struct error *error)
{
    int64_t value;
    enum status status = read_value(connection, &value, error);
    if (status != STATUS_OK)
        return status;
    bool is_first = !marker->is_known;
    bool has_moved = is_first || value != marker->value;
    if (!has_moved && marker->writers == NULL) {
        *look = MARKER_QUIET;
        return STATUS_OK;
    }
    char *writers;
    status = read_writers(connection, has_moved ? NULL : marker->writers, &writers, error);
    if (status != STATUS_OK)
        return status;
    mem_free(marker->writers);
    marker->writers = writers;
    marker->is_known = true;
    marker->value = value;
    *look = writers != NULL ? MARKER_OPEN : is_first ? MARKER_QUIET : MARKER_SETTLED;
    return STATUS_OK;
}
