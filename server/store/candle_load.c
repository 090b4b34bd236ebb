/*
 * The COPY behind a load of candles.
 *
 * Runs on the thread that owns the connection.
 */
#include "store/candle_load.h"

#include "market/interval.h"
#include "store/candle_cutter.h"
#include "store/copy_candles.h"
#include "store/load_copy.h"

#define SQL_BYTES_MAX 2048

struct candle_load {
    struct candle_cutter cutter;
    struct copy_candles rows;
};

enum status candle_load_check(const struct tick_load *load, struct error *error)
{
    if (candle_stored_name(load->interval_us) == NULL)
        return error_set(error, STATUS_INVALID, "no candles of %lld µs are stored",
                         (long long)load->interval_us);
    if (interval_floor(load->interval_us, load->range.from) != load->range.from ||
        interval_floor(load->interval_us, load->range.to) != load->range.to)
        return error_set(error, STATUS_INVALID, "from %s to %s are no whole buckets of %s",
                         time_format(load->range.from).text, time_format(load->range.to).text,
                         candle_stored_name(load->interval_us));
    return STATUS_OK;
}

/* time_format() ends with the year 9999, half a bucket too early for the end of a range. */
static const char *bound_text(int64_t time, struct time_text *text)
{
    if (time > TIME_MAX)
        return "10000-01-01 00:00:00Z";
    *text = time_format(time);
    return text->text;
}

static enum status write_sql(struct connection *connection, const struct tick_load *load,
                             const struct time_range *left, struct buffer *sql, struct error *error)
{
    buffer_append_format(sql,
                         "COPY (SELECT bucket, open, high, low, close, volume, trades"
                         " FROM tapedeck.candles_exact('%s', ",
                         candle_stored_name(load->interval_us));
    enum status status = connection_append_literal(connection, sql, load->symbol, error);
    if (status != STATUS_OK)
        return status;
    struct time_text from;
    struct time_text to;
    buffer_append_format(sql,
                         ", '%s'::timestamptz, '%s'::timestamptz)%s) TO STDOUT (FORMAT binary)",
                         bound_text(left->from, &from), bound_text(left->to, &to),
                         load->backward ? " ORDER BY bucket DESC" : "");
    return sql->failed ? error_set(error, STATUS_LIMIT, "statement too long") : STATUS_OK;
}

static enum status read_chunk(void *reader, const char *bytes, size_t count, struct error *error)
{
    struct candle_load *query = reader;
    copy_candles_give(&query->rows, bytes, count);
    for (;;) {
        struct candle candle;
        enum status status = copy_candles_next(&query->rows, &candle, error);
        if (status != STATUS_OK)
            return status;
        status = candle_cutter_add(&query->cutter, &candle, error);
        if (status != STATUS_OK)
            return status;
    }
}

static enum status read_rows(struct candle_load *query, struct connection *connection,
                             const struct tick_load *load, const struct time_range *left,
                             struct error *error)
{
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    enum status status = write_sql(connection, load, left, &sql, error);
    if (status == STATUS_OK)
        status = load_copy_run(connection, load, buffer_text(&sql), read_chunk, query, error);
    buffer_deinit(&sql);
    return status;
}

enum status candle_load_run(struct connection *connection, struct tick_load *load,
                            struct load_progress *progress, struct error *error)
{
    if (progress->left.from >= progress->left.to)
        return STATUS_OK;
    struct candle_load query;
    candle_cutter_init(&query.cutter, load, progress);
    copy_candles_init(&query.rows);
    enum status status = read_rows(&query, connection, load, &progress->left, error);
    if (status == STATUS_OK)
        candle_cutter_finish(&query.cutter);
    candle_cutter_deinit(&query.cutter);
    return status;
}
