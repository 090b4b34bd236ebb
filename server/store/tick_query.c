/*
 * The COPY behind a tick load, and where its stretches end.
 *
 * Runs on the thread that owns the query and the connection. Owns the builder. Never holds a row
 * back longer than until the next one shows that its stretch is over.
 */
#include "store/tick_query.h"

#include "base/assert.h"
#include "market/time.h"

#include <stdio.h>

#define SQL_BYTES_MAX 2048

void tick_query_init(struct tick_query *query)
{
    *query = (struct tick_query){.load = NULL};
    block_builder_init(&query->builder);
}

void tick_query_deinit(struct tick_query *query)
{
    block_builder_deinit(&query->builder);
}

/* ---- stretches ---- */

static void publish(struct tick_query *query, int64_t to, struct block *block)
{
    struct time_range range = {.from = query->left->from, .to = to};
    ASSERT(range.from < range.to);
    ASSERT(range.to <= query->load->range.to);
    query->left->from = to; /* first: after publish nothing may bring the stretch again */
    query->published_count++;
    query->load->publish(query->load, range, block);
}

static void publish_rows(struct tick_query *query, size_t rows, int64_t to)
{
    struct time_range range = {.from = query->left->from, .to = to};
    struct block *block = rows == query->builder.rows
                              ? block_builder_seal(&query->builder, range)
                              : block_builder_seal_first(&query->builder, rows, range);
    query->last_instant_row = 0;
    publish(query, to, block);
}

static int64_t grain_floor(int64_t time, int64_t grain_us)
{
    int64_t rest = time % grain_us;
    return time - (rest < 0 ? rest + grain_us : rest);
}

/* The builder is empty: closes the emptiness before `time` and opens the stretch that holds it. */
static void open_stretch(struct tick_query *query, int64_t time)
{
    int64_t grain_us = query->load->grain_us;
    int64_t grain_from = grain_floor(time, grain_us);
    if (grain_from > query->left->from)
        publish(query, grain_from, NULL);
    int64_t to = query->left->to;
    query->stretch_to = to - grain_from > grain_us ? grain_from + grain_us : to;
    query->last_instant_row = 0;
}

/* The builder is full: all of it goes when `time` begins a new instant, else what lies before the
 * instant; a builder that holds nothing but this instant grows. */
static enum status make_room(struct tick_query *query, int64_t time, struct error *error)
{
    struct block_builder *builder = &query->builder;
    bool is_new = time != builder->times[builder->rows - 1];
    size_t rows = is_new ? builder->rows : query->last_instant_row;
    if (rows > 0) {
        publish_rows(query, rows, time);
        return STATUS_OK;
    }
    if (builder->rows < TICK_QUERY_INSTANT_ROWS_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_LIMIT, "%s: more than %zu ticks at %s", query->load->symbol,
                     TICK_QUERY_INSTANT_ROWS_MAX, time_format(time).text);
}

static enum status add_tick(struct tick_query *query, const struct tick *tick, struct error *error)
{
    struct block_builder *builder = &query->builder;
    if (tick->time < query->left->from || tick->time >= query->left->to)
        return error_set(error, STATUS_INTERNAL, "%s: a tick at %s lies outside of what was read",
                         query->load->symbol, time_format(tick->time).text);
    if (builder->rows > 0 && tick->time >= query->stretch_to)
        publish_rows(query, builder->rows, query->stretch_to);
    if (builder->rows >= BLOCK_ROWS_MAX) {
        enum status status = make_room(query, tick->time, error);
        if (status != STATUS_OK)
            return status;
    }
    if (builder->rows == 0)
        open_stretch(query, tick->time);
    else if (tick->time != builder->times[builder->rows - 1])
        query->last_instant_row = builder->rows;
    if (block_builder_add(builder, tick) != STATUS_OK)
        return error_set(error, STATUS_INTERNAL, "%s: ticks out of order at %s",
                         query->load->symbol, time_format(tick->time).text);
    query->row_count++;
    return STATUS_OK;
}

/* All rows have been read: the last stretches, up to the end of the range. */
static void finish(struct tick_query *query)
{
    if (query->builder.rows > 0)
        publish_rows(query, query->builder.rows, query->stretch_to);
    if (query->left->from < query->left->to)
        publish(query, query->left->to, NULL);
}

/* ---- reading ---- */

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
                         " ORDER BY time, seq) TO STDOUT (FORMAT binary)",
                         time_format(left->from).text, time_format(left->to).text);
    return sql->failed ? error_set(error, STATUS_LIMIT, "statement too long") : STATUS_OK;
}

static enum status begin(struct tick_query *query, struct connection *connection,
                         struct error *error)
{
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    enum status status = write_sql(connection, query->load, query->left, &sql, error);
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
        status = add_tick(query, &tick, error);
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
    finish(query);
    return STATUS_OK;
}

enum status tick_query_run(struct tick_query *query, struct connection *connection,
                           struct tick_load *load, struct time_range *left, struct error *error)
{
    ASSERT(load->grain_us > 0);
    ASSERT(left->from >= load->range.from);
    ASSERT(left->to == load->range.to);
    if (left->from >= left->to)
        return STATUS_OK;
    query->load = load;
    query->left = left;
    query->builder.rows = 0; /* of a run that failed */
    copy_rows_init(&query->rows);
    enum status status = begin(query, connection, error);
    if (status == STATUS_OK)
        status = read_rows(query, connection, error);
    query->load = NULL;
    query->left = NULL;
    return status;
}
