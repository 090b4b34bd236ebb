/*
 * COPY in both directions on one connection.
 *
 * Owner's thread. Owns nothing of its own. Never looks into the bytes.
 */
#include "store/connection_inner.h"

#include <stdlib.h>

/* libpq grows its output buffer as long as nobody flushes: this bounds it. */
#define UNFLUSHED_BYTES_MAX ((size_t)1 << 18)
#define PUT_BYTES_MAX ((size_t)1 << 20)

static enum status copy_begin(struct connection *connection, const char *sql, ExecStatusType wanted,
                              struct error *error)
{
    enum status status = connection_send(connection, sql, 0, NULL, error);
    if (status != STATUS_OK)
        return status;
    PGresult *result = NULL;
    do { /* past the settings */
        PQclear(result);
        result = NULL;
        status = connection_next_result(connection, &result, error);
    } while (status == STATUS_OK && PQresultStatus(result) == PGRES_COMMAND_OK);
    if (status == STATUS_OK && PQresultStatus(result) == wanted) {
        PQclear(result);
        connection->unflushed = 0;
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = connection_fail_result(connection, result, error);
    PQclear(result);
    connection_abandon(connection);
    return status;
}

/* The end of the command: its row count, or what the server had against it. */
static enum status copy_finish(struct connection *connection, int64_t *rows, struct error *error)
{
    enum status outcome = STATUS_OK;
    for (;;) {
        PGresult *result = NULL;
        enum status status = connection_next_result(connection, &result, error);
        if (status != STATUS_OK) {
            connection_abandon(connection);
            return status;
        }
        if (result == NULL)
            return outcome;
        if (PQresultStatus(result) != PGRES_COMMAND_OK && outcome == STATUS_OK)
            outcome = connection_fail_result(connection, result, error);
        else if (outcome == STATUS_OK && rows != NULL)
            *rows = strtoll(PQcmdTuples(result), NULL, 10);
        PQclear(result);
    }
}

/* ---- in ---- */

enum status connection_copy_in_begin(struct connection *connection, const char *sql,
                                     struct error *error)
{
    return copy_begin(connection, sql, PGRES_COPY_IN, error);
}

static enum status put_piece(struct connection *connection, const char *bytes, size_t count,
                             struct error *error)
{
    if (PQputCopyData(connection->pg, bytes, (int)count) != 1) {
        if (PQstatus(connection->pg) != CONNECTION_OK)
            return connection_fail_lost(connection, error);
        /* The server has ended the COPY already: it says why in the result. */
        enum status status = copy_finish(connection, NULL, error);
        return status != STATUS_OK ? status : connection_fail_lost(connection, error);
    }
    connection->unflushed += count;
    if (connection->unflushed < UNFLUSHED_BYTES_MAX)
        return STATUS_OK;
    connection->unflushed = 0;
    return connection_flush(connection, error);
}

enum status connection_copy_in_put(struct connection *connection, const void *bytes, size_t count,
                                   struct error *error)
{
    const char *at = bytes;
    enum status status = STATUS_OK;
    while (count > 0 && status == STATUS_OK) {
        size_t piece = count < PUT_BYTES_MAX ? count : PUT_BYTES_MAX;
        status = put_piece(connection, at, piece, error);
        at += piece;
        count -= piece;
    }
    return status;
}

enum status connection_copy_in_end(struct connection *connection, int64_t *rows,
                                   struct error *error)
{
    /* Refused only where the server has ended the COPY: copy_finish tells why. */
    (void)PQputCopyEnd(connection->pg, NULL);
    enum status status = connection_flush(connection, error);
    if (status != STATUS_OK) {
        connection_abandon(connection);
        return status;
    }
    return copy_finish(connection, rows, error);
}

void connection_copy_in_abort(struct connection *connection, const char *reason)
{
    if (PQtransactionStatus(connection->pg) != PQTRANS_ACTIVE)
        return;
    struct error error;
    if (PQputCopyEnd(connection->pg, reason) == 1 &&
        connection_flush(connection, &error) == STATUS_OK)
        (void)!copy_finish(connection, NULL, &error); /* always an error: ours */
    connection_abandon(connection);
}

/* ---- out ---- */

enum status connection_copy_out_begin(struct connection *connection, const char *sql,
                                      struct error *error)
{
    return copy_begin(connection, sql, PGRES_COPY_OUT, error);
}

enum status connection_copy_out_next(struct connection *connection, const char **bytes,
                                     size_t *count, struct error *error)
{
    enum status status = connection_next_copied(connection, bytes, count, error);
    if (status != STATUS_OK) {
        connection_abandon(connection);
        return status;
    }
    return *bytes != NULL ? STATUS_OK : copy_finish(connection, NULL, error);
}

void connection_copy_out_abort(struct connection *connection)
{
    connection_abandon(connection);
}
