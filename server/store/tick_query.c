/*
 * The COPY behind a tick load.
 *
 * Runs on the thread that owns the query and the connection.
 */
#include "store/tick_query.h"

#include "market/time.h"

#include <stdio.h>

#define SQL_BYTES_MAX 2048

void tick_query_init(struct tick_query *query)
{
    *query = (struct tick_query){.load = NULL};
    stretch_cutter_init(&query->cutter);
}

void tick_query_deinit(struct tick_query *query)
{
    stretch_cutter_deinit(&query->cutter);
}

static enum status write_sql(struct connection *connection, const struct tick_load *load,
                             const struct time_range *left, struct buffer *sql, struct error *error)
{
    /* The planner likes to fetch by bitmap and sort where rows are many: nothing would come before
     * everything has been read. In the order of the index it is a third faster, too. */
    buffer_append_text(sql, "SET LOCAL enable_sort TO off;"
                            " COPY (SELECT time, bid_price, ask_price, last_price, volume"
                            " FROM public.tick_data WHERE symbol = ");
    enum status status = connection_append_literal(connection, sql, load->symbol, error);
    if (status != STATUS_OK)
        return status;
    /* Literals, not parameters: the planner then leaves out chunks. */
    buffer_append_format(sql,
                         " AND time >= '%s'::timestamptz AND time < '%s'::timestamptz"
                         " ORDER BY %s) TO STDOUT (FORMAT binary)",
                         time_format(left->from).text, time_format(left->to).text,
                         load->backward ? "time DESC, seq DESC" : "time, seq");
    return sql->failed ? error_set(error, STATUS_LIMIT, "statement too long") : STATUS_OK;
}

static enum status begin(struct tick_query *query, struct connection *connection,
                         const struct time_range *left, struct error *error)
{
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    enum status status = write_sql(connection, query->load, left, &sql, error);
    if (status == STATUS_OK)
        status = connection_copy_out_begin(connection, buffer_text(&sql), error);
    buffer_deinit(&sql);
    return status;
}

/* What one chunk holds. STATUS_WAIT: more must come; STATUS_END: the trailer was in it. */
static enum status read_chunk(struct tick_query *query, const char *bytes, size_t count,
                              struct error *error)
{
    copy_rows_give(&query->rows, bytes, count);
    for (;;) {
        struct tick tick;
        enum status status = copy_rows_next(&query->rows, &tick, error);
        if (status != STATUS_OK)
            return status;
        status = stretch_cutter_add(&query->cutter, &tick, error);
        if (status != STATUS_OK)
            return status;
    }
}

/*
 * What is no row may be the last piece of a connection that broke: PgBouncer writes its own error
 * into the middle of a message when a server dies. Nothing of it was published, because a row is
 * held back until the next one, so it is read again. On a connection that lives it is the
 * database's fault.
 */
static enum status give_up(const struct tick_query *query, struct connection *connection,
                           enum status status, struct error *error)
{
    connection_copy_out_abort(connection);
    if (status != STATUS_BAD_MESSAGE)
        return status;
    error->status = connection_is_idle(connection) ? STATUS_INTERNAL : STATUS_UNAVAILABLE;
    return error_prefix(error, "%s", query->load->symbol);
}

static enum status read_rows(struct tick_query *query, struct connection *connection,
                             struct error *error)
{
    enum status parsed = STATUS_WAIT;
    for (;;) {
        if (atomic_load_explicit(&query->load->cancelled, memory_order_relaxed)) {
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
        parsed = read_chunk(query, bytes, count, error);
        if (parsed != STATUS_WAIT && parsed != STATUS_END)
            return give_up(query, connection, parsed, error);
    }
    if (parsed != STATUS_END)
        return error_set(error, STATUS_INTERNAL, "%s: the rows ended without an end",
                         query->load->symbol);
    stretch_cutter_finish(&query->cutter);
    return STATUS_OK;
}

enum status tick_query_run(struct tick_query *query, struct connection *connection,
                           struct tick_load *load, struct load_progress *progress,
                           struct error *error)
{
    if (progress->left.from >= progress->left.to)
        return STATUS_OK;
    query->load = load;
    stretch_cutter_begin(&query->cutter, load, progress);
    copy_rows_init(&query->rows);
    enum status status = begin(query, connection, &progress->left, error);
    if (status == STATUS_OK)
        status = read_rows(query, connection, error);
    query->load = NULL;
    return status;
}
