/*
 * The tick writer: rows as PostgreSQL's binary COPY format ("PGCOPY\n\377\r\n\0", see COPY in its
 * manual), and the transaction around them.
 */
#include "store/tick_writer.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/written_symbols.h"

#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)128 << 10)
/* Two texts of a kilobyte at most, all else is short; a longer text is refused. */
#define TEXT_BYTES_MAX 1024
#define ROW_BYTES_MAX ((size_t)4096)
#define ARRAY_BYTES_MAX ((size_t)256 << 20)
#define COPY_FIELDS 9
#define COPY_NULL UINT32_MAX /* a length of −1 */
#define UUID_BYTES 16

struct tick_writer {
    struct connection *connection;
    struct tick_writer_options options;
    struct buffer buffer;
    struct written_symbols symbols;
    int64_t rows;
    int64_t marker; /* where the sequence stood before the first row */
};

static const char copy_sql[] =
    "COPY public.tick_data (time, symbol, bid_price, ask_price, last_price, volume, source,"
    " trade_id, account_id) FROM STDIN (FORMAT binary)";

/* A slow source must not be cut off by time-outs that are meant for clients. */
static const char begin_sql[] = "BEGIN;"
                                "SET LOCAL statement_timeout = 0;"
                                "SET LOCAL idle_in_transaction_session_timeout = 0";

/* The class is TD's; see sql/ for the others. */
static const char try_turn_sql[] = "select pg_catalog.pg_try_advisory_xact_lock(1413742592, 1)";
static const char turn_sql[] = "select pg_catalog.pg_advisory_xact_lock(1413742592, 1)";

/* ---- begin ---- */

static enum status read_marker(struct connection *connection, int64_t *marker, struct error *error)
{
    PGresult *row;
    enum status status =
        connection_query_row(connection, "select tapedeck.change_marker()", 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, marker);
    PQclear(row);
    return status == STATUS_OK ? STATUS_OK
                               : error_set(error, status, "change_marker() is no number");
}

/* Ticks of two imports at once would lie in one range of seq, and neither could be undone. */
static enum status take_turn(struct connection *connection, struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(connection, try_turn_sql, 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    bool taken = result_bool(row, 0, 0);
    PQclear(row);
    if (taken)
        return STATUS_OK;
    log_info("import.wait", "reason=%s", LOG_QUOTE("another import is running"));
    return connection_execute(connection, turn_sql, error);
}

static enum status prepare_range(struct connection *connection,
                                 const struct tick_writer_options *options, struct error *error)
{
    struct time_text from = time_format(options->range.from);
    struct time_text to = time_format(options->range.to);
    const char *const parameters[] = {from.text, to.text, options->rebuild ? "true" : "false"};
    PGresult *result;
    enum status status = connection_query(connection, "select tapedeck.write_prepare($1, $2, $3)",
                                          3, parameters, &result, error);
    if (status == STATUS_OK)
        PQclear(result);
    return status;
}

static enum status begin_copy(struct tick_writer *writer, struct error *error)
{
    struct connection *connection = writer->connection;
    enum status status = STATUS_OK;
    /* Once before, by itself: partitions are made under a lock, which an import must not keep from
     * others until its end. A rebuild's promise must not outlive a failed write: only within it. */
    if (!writer->options.rebuild)
        status = prepare_range(connection, &writer->options, error);
    if (status == STATUS_OK)
        status = connection_execute(connection, begin_sql, error);
    if (status == STATUS_OK && writer->options.is_import)
        status = take_turn(connection, error);
    if (status == STATUS_OK)
        status = prepare_range(connection, &writer->options, error);
    if (status == STATUS_OK)
        status = read_marker(connection, &writer->marker, error);
    if (status == STATUS_OK)
        status = connection_copy_in_begin(connection, copy_sql, error);
    return status;
}

static void end_writer(struct tick_writer **place)
{
    struct tick_writer *writer = *place;
    *place = NULL;
    connection_rollback(writer->connection); /* nothing after a commit */
    written_symbols_deinit(&writer->symbols);
    buffer_deinit(&writer->buffer);
    mem_free(writer);
}

enum status tick_writer_begin(struct connection *connection,
                              const struct tick_writer_options *options, struct tick_writer **begun,
                              struct error *error)
{
    static const char head[] = "PGCOPY\n\377\r\n";
    struct tick_writer *writer = MEM_NEW(struct tick_writer);
    writer->connection = connection;
    writer->options = *options;
    written_symbols_init(&writer->symbols);
    buffer_init(&writer->buffer, BUFFER_BYTES + ROW_BYTES_MAX);
    buffer_append(&writer->buffer, head, sizeof head); /* its NUL is the signature's last byte */
    buffer_append_u32_be(&writer->buffer, 0);          /* flags */
    buffer_append_u32_be(&writer->buffer, 0);          /* length of an extension */
    enum status status = begin_copy(writer, error);
    if (status == STATUS_OK)
        *begun = writer;
    else
        end_writer(&writer);
    return status;
}

/* ---- rows ---- */

static void append_time(struct buffer *buffer, int64_t time)
{
    buffer_append_u32_be(buffer, sizeof(uint64_t));
    buffer_append_u64_be(buffer, (uint64_t)(time - TIME_POSTGRES_EPOCH_US));
}

static void append_bytes(struct buffer *buffer, const void *bytes, size_t count)
{
    if (bytes == NULL) {
        buffer_append_u32_be(buffer, COPY_NULL);
        return;
    }
    buffer_append_u32_be(buffer, (uint32_t)count);
    buffer_append(buffer, bytes, count);
}

static void append_decimal(struct buffer *buffer, int64_t mantissa)
{
    size_t length_at = buffer->count;
    buffer_append_u32_be(buffer, COPY_NULL);
    if (mantissa == DECIMAL_NULL)
        return;
    decimal_write_numeric(buffer, mantissa);
    size_t length = buffer->count - length_at - sizeof(uint32_t);
    ASSERT(length <= UINT8_MAX);
    uint8_t *place = buffer->bytes + length_at;
    place[0] = place[1] = place[2] = 0;
    place[3] = (uint8_t)length;
}

static enum status flush(struct tick_writer *writer, struct error *error)
{
    ASSERT(!writer->buffer.failed);
    enum status status = connection_copy_in_put(writer->connection, writer->buffer.bytes,
                                                writer->buffer.count, error);
    buffer_clear(&writer->buffer);
    return status;
}

static enum status check_tick(const struct tick_writer *writer, const struct written_tick *tick,
                              size_t symbol_bytes, size_t source_bytes, struct error *error)
{
    int64_t time = tick->tick.time;
    if (time < writer->options.range.from || time >= writer->options.range.to)
        return error_set(error, STATUS_INVALID, "time %s lies outside the range to be written",
                         time_format(time).text);
    if (symbol_bytes > TEXT_BYTES_MAX || source_bytes > TEXT_BYTES_MAX)
        return error_set(error, STATUS_INVALID, "symbol and source must have at most %d bytes",
                         TEXT_BYTES_MAX);
    return STATUS_OK;
}

enum status tick_writer_add(struct tick_writer *writer, const struct written_tick *tick,
                            struct error *error)
{
    size_t symbol_bytes = strlen(tick->symbol);
    size_t source_bytes = tick->source != NULL ? strlen(tick->source) : 0;
    enum status status = check_tick(writer, tick, symbol_bytes, source_bytes, error);
    if (status != STATUS_OK)
        return status;
    struct buffer *buffer = &writer->buffer;
    buffer_append_u16_be(buffer, COPY_FIELDS);
    append_time(buffer, tick->tick.time);
    append_bytes(buffer, tick->symbol, symbol_bytes);
    for (size_t i = 0; i < TICK_FIELDS; i++)
        append_decimal(buffer, tick->tick.fields[i]);
    append_bytes(buffer, tick->source, source_bytes);
    append_bytes(buffer, tick->trade_id, UUID_BYTES);
    append_bytes(buffer, tick->account_id, UUID_BYTES);
    written_symbols_count(&writer->symbols, tick->symbol, &tick->tick);
    writer->rows++;
    return buffer->count >= BUFFER_BYTES ? flush(writer, error) : STATUS_OK;
}

int64_t tick_writer_rows(const struct tick_writer *writer)
{
    return writer->rows;
}

/* ---- finish ---- */

/* An element of an array's text form: quoted, with backslashes before quotes and backslashes. */
static void append_element(struct buffer *array, const char *text)
{
    buffer_append_u8(array, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buffer_append_u8(array, '\\');
        buffer_append_u8(array, (uint8_t)*text);
    }
    buffer_append_u8(array, '"');
}

static void append_separator(struct buffer *array, size_t i)
{
    buffer_append_u8(array, i == 0 ? '{' : ',');
}

static void append_has(struct buffer *array, const struct written_symbol *symbol,
                       enum tick_field field)
{
    buffer_append_u8(array, (symbol->fields & TICK_FIELD_BIT(field)) != 0 ? 't' : 'f');
}

/* The parameters of write_finish that are arrays, in its order. */
enum array {
    ARRAY_NAMES,
    ARRAY_FIRSTS,
    ARRAY_LASTS,
    ARRAY_COUNTS,
    ARRAY_BIDS,
    ARRAY_ASKS,
    ARRAY_TRADES
};
#define ARRAYS 7

static void append_to_array(struct buffer *array, enum array kind,
                            const struct written_symbol *symbol)
{
    switch (kind) {
    case ARRAY_NAMES:
        append_element(array, symbol->name);
        break;
    case ARRAY_FIRSTS:
        append_element(array, time_format(symbol->first).text);
        break;
    case ARRAY_LASTS:
        append_element(array, time_format(symbol->last).text);
        break;
    case ARRAY_COUNTS:
        buffer_append_format(array, "%lld", (long long)symbol->ticks);
        break;
    case ARRAY_BIDS:
        append_has(array, symbol, TICK_BID);
        break;
    case ARRAY_ASKS:
        append_has(array, symbol, TICK_ASK);
        break;
    case ARRAY_TRADES:
        append_has(array, symbol, TICK_LAST);
        break;
    }
}

static void fill_array(struct buffer *array, enum array kind, const struct written_symbols *symbols)
{
    for (size_t i = 0; i < symbols->count; i++) {
        append_separator(array, i);
        append_to_array(array, kind, &symbols->of[i]);
    }
    buffer_append_u8(array, '}');
}

static enum status call_finish(struct tick_writer *writer, struct buffer arrays[ARRAYS],
                               struct error *error)
{
    const char *texts[ARRAYS];
    bool failed = false;
    for (enum array kind = ARRAY_NAMES; kind < ARRAYS; kind++) {
        fill_array(&arrays[kind], kind, &writer->symbols);
        texts[kind] = buffer_text(&arrays[kind]);
        failed = failed || arrays[kind].failed;
    }
    if (failed)
        return error_set(error, STATUS_LIMIT, "too many symbols in one write");
    const char *const parameters[] = {
        texts[ARRAY_NAMES],     texts[ARRAY_FIRSTS], texts[ARRAY_LASTS], texts[ARRAY_COUNTS],
        writer->options.reason, texts[ARRAY_BIDS],   texts[ARRAY_ASKS],  texts[ARRAY_TRADES]};
    PGresult *result;
    enum status status = connection_query(
        writer->connection, "select tapedeck.write_finish($1, $2, $3, $4, $5, $6, $7, $8)", 8,
        parameters, &result, error);
    if (status == STATUS_OK)
        PQclear(result);
    return status;
}

static enum status tell_symbols(struct tick_writer *writer, struct error *error)
{
    struct buffer arrays[ARRAYS];
    for (size_t i = 0; i < ARRAYS; i++)
        buffer_init(&arrays[i], ARRAY_BYTES_MAX);
    enum status status = call_finish(writer, arrays, error);
    for (size_t i = 0; i < ARRAYS; i++)
        buffer_deinit(&arrays[i]);
    return status;
}

static enum status end_copy(struct tick_writer *writer, struct error *error)
{
    buffer_append_u16_be(&writer->buffer, UINT16_MAX); /* the trailer: −1 fields */
    enum status status = flush(writer, error);
    int64_t rows = 0;
    if (status == STATUS_OK)
        status = connection_copy_in_end(writer->connection, &rows, error);
    else
        connection_copy_in_abort(writer->connection, "given up");
    if (status == STATUS_OK && rows != writer->rows)
        return error_set(error, STATUS_INTERNAL, "the database took %lld of %lld rows",
                         (long long)rows, (long long)writer->rows);
    return status;
}

/* The sequence gives each row one value, in the order of the rows. Values that are not ours went to
 * others meanwhile: then our rows cannot be told from theirs by seq alone. */
static enum status find_outcome(struct tick_writer *writer, struct tick_writer_outcome *outcome,
                                struct error *error)
{
    int64_t marker;
    enum status status = read_marker(writer->connection, &marker, error);
    if (status != STATUS_OK)
        return status;
    written_symbols_sort(&writer->symbols);
    *outcome = (struct tick_writer_outcome){
        .rows = writer->rows,
        .range = {.from = INT64_MAX, .to = INT64_MIN},
        .seq_from = writer->marker + 1,
        .seq_to = marker,
        .seq_is_ours = marker - writer->marker == writer->rows,
        .symbols = writer->symbols.of,
        .symbol_count = writer->symbols.count,
    };
    for (size_t i = 0; i < writer->symbols.count; i++) {
        const struct written_symbol *symbol = &writer->symbols.of[i];
        if (symbol->first < outcome->range.from)
            outcome->range.from = symbol->first;
        if (symbol->last >= outcome->range.to)
            outcome->range.to = symbol->last + 1;
    }
    return STATUS_OK;
}

static enum status record_and_commit(struct tick_writer *writer,
                                     struct tick_writer_outcome *outcome, struct error *error)
{
    const struct tick_writer_options *options = &writer->options;
    enum status status = find_outcome(writer, outcome, error);
    if (status == STATUS_OK)
        status = tell_symbols(writer, error);
    if (status == STATUS_OK && options->record != NULL)
        status = options->record(writer->connection, outcome, options->record_owner, error);
    if (status == STATUS_OK)
        status = connection_commit(writer->connection, error);
    return status;
}

enum status tick_writer_finish(struct tick_writer **writer, struct tick_writer_outcome *told,
                               struct error *error)
{
    struct tick_writer_outcome outcome = {0};
    enum status status = end_copy(*writer, error);
    if (status == STATUS_OK && (*writer)->rows > 0)
        status = record_and_commit(*writer, &outcome, error);
    end_writer(writer); /* without a row it takes back what was prepared */
    outcome.symbols = NULL;
    outcome.symbol_count = 0;
    if (status == STATUS_OK && told != NULL)
        *told = outcome;
    return status;
}

void tick_writer_abort(struct tick_writer **writer)
{
    if (*writer == NULL)
        return;
    connection_copy_in_abort((*writer)->connection, "given up by tapedeck");
    end_writer(writer);
}
