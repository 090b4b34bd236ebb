#include "wire/symbols.h"

#include "wire/session.h"

/* What an empty search field sends: all symbols. */
static bool is_empty_text(const struct value *value)
{
    return value != NULL && value->kind == VALUE_TEXT && value->count == 0;
}

enum status symbols_query_read(const struct request *request, struct symbols_query *query,
                               struct error *error)
{
    const char *prefix = "";
    int64_t limit = WIRE_SYMBOLS_LIMIT;
    enum status status = STATUS_OK;
    if (!is_empty_text(value_of(request->map, "prefix")))
        status = request_text(request, "prefix", SYMBOL_BYTES_MAX, &prefix, error);
    if (status == STATUS_OK)
        status = request_integer(request, "limit", 1, WIRE_SYMBOLS_LIMIT_MAX, &limit, error);
    if (status == STATUS_OK)
        *query = (struct symbols_query){.prefix = prefix, .limit = (size_t)limit};
    return status;
}

static void write_symbol(struct writer *writer, const struct symbol *symbol)
{
    writer_map(writer, 5);
    writer_key(writer, "symbol");
    writer_text(writer, symbol->name);
    writer_key(writer, "from");
    writer_integer(writer, symbol->from);
    writer_key(writer, "to");
    writer_integer(writer, symbol->to);
    writer_key(writer, "ticks");
    writer_integer(writer, symbol->ticks);
    writer_key(writer, "exact");
    writer_bool(writer, symbol->exact);
    writer_end(writer);
}

void symbols_write(struct writer *writer, const struct request *request,
                   const struct symbol *symbols, size_t count)
{
    writer_map(writer, answer_pairs(request) + 1);
    answer_head(writer, "symbols", request);
    writer_key(writer, "symbols");
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++)
        write_symbol(writer, &symbols[i]);
    writer_end(writer);
    writer_end(writer);
}
