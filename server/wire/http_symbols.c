#include "wire/http_symbols.h"

#include "market/time.h"
#include "wire/writer.h"

static void write_symbol(struct writer *writer, const struct symbol *symbol)
{
    writer_map(writer, 5);
    writer_key(writer, "symbol");
    writer_text(writer, symbol->name);
    writer_key(writer, "from");
    writer_text(writer, time_format(symbol->from).text);
    writer_key(writer, "to");
    writer_text(writer, time_format(symbol->to).text);
    writer_key(writer, "ticks");
    writer_integer(writer, symbol->ticks);
    writer_key(writer, "exact");
    writer_bool(writer, symbol->exact);
    writer_end(writer);
}

void http_symbols_write(struct buffer *out, const struct symbol *symbols, size_t count)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, 1);
    writer_key(&writer, "symbols");
    writer_array(&writer, count);
    for (size_t i = 0; i < count; i++)
        write_symbol(&writer, &symbols[i]);
    writer_end(&writer);
    writer_end(&writer);
    buffer_append_u8(out, '\n');
}
