/*
 * Reading the COPY behind a load.
 *
 * Runs on the thread that owns the connection.
 */
#include "store/load_copy.h"

/*
 * What is no row may be the last piece of a connection that broke: PgBouncer writes its own error
 * into the middle of a message when a server dies. Nothing of it was published, because a row is
 * held back until the next one, so it is read again. On a connection that lives it is the
 * database's fault.
 */
static enum status give_up(struct connection *connection, const struct tick_load *load,
                           enum status status, struct error *error)
{
    connection_copy_out_abort(connection);
    if (status != STATUS_BAD_MESSAGE)
        return status;
    error->status = connection_is_idle(connection) ? STATUS_INTERNAL : STATUS_UNAVAILABLE;
    return error_prefix(error, "%s", load->symbol);
}

static enum status read_chunks(struct connection *connection, const struct tick_load *load,
                               load_chunk_fn *take, void *reader, struct error *error)
{
    enum status parsed = STATUS_WAIT;
    for (;;) {
        if (atomic_load_explicit(&load->cancelled, memory_order_relaxed)) {
            connection_copy_out_abort(connection);
            return error_set(error, STATUS_END, "cancelled");
        }
        const char *bytes;
        size_t count;
        enum status status = connection_copy_out_next(connection, &bytes, &count, error);
        if (status != STATUS_OK)
            return status;
        if (bytes == NULL)
            break;
        parsed = take(reader, bytes, count, error);
        if (parsed != STATUS_WAIT && parsed != STATUS_END)
            return give_up(connection, load, parsed, error);
    }
    if (parsed != STATUS_END)
        return error_set(error, STATUS_INTERNAL, "%s: the rows ended without an end", load->symbol);
    return STATUS_OK;
}

enum status load_copy_run(struct connection *connection, const struct tick_load *load,
                          const char *sql, load_chunk_fn *take, void *reader, struct error *error)
{
    enum status status = connection_copy_out_begin(connection, sql, error);
    return status == STATUS_OK ? read_chunks(connection, load, take, reader, error) : status;
}
