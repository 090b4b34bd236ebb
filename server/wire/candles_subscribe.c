#include "wire/candles_subscribe.h"

#include "wire/session.h"

#include <string.h>

static enum status read_symbol(const struct request *request, const char **symbol,
                               struct error *error)
{
    const struct value *name = value_of(request->map, "symbol");
    if (name == NULL || name->kind != VALUE_TEXT ||
        symbol_check(name->as.text, name->count, NULL) != STATUS_OK)
        return request_refuse(request, "symbol", STATUS_INVALID, error,
                              "the name of a symbol; the op symbols lists them");
    *symbol = name->as.text;
    return STATUS_OK;
}

static enum status read_window(const struct request *request, struct time_range *window,
                               struct error *error)
{
    enum status status = request_time(request, "from", &window->from, error);
    if (status == STATUS_OK)
        status = request_time(request, "to", &window->to, error);
    if (status == STATUS_OK && window->from >= window->to)
        return error_set(error, STATUS_INVALID, "from is %s; it must lie before to, %s",
                         time_format(window->from).text, time_format(window->to).text);
    return status;
}

enum status candles_subscribe_read(const struct request *request,
                                   struct candles_subscribe *subscribe, struct error *error)
{
    struct candles_subscribe read = {
        .window = {.from = TIME_MIN, .to = TIME_MAX + 1},
        .limit = CANDLES_LIMIT,
        .encodings = COLUMN_ENCODINGS_ALL,
    };
    enum status status = request_id(request, &read.id, error);
    if (status == STATUS_OK)
        status = read_symbol(request, &read.symbol, error);
    if (status == STATUS_OK)
        status = candles_interval_read(request, &read.interval, error);
    if (status == STATUS_OK)
        status = read_window(request, &read.window, error);
    if (status == STATUS_OK)
        status = candles_count_read(request, "limit", &read.limit, error);
    if (status == STATUS_OK)
        status = request_bool(request, "live", &read.live, error);
    if (status == STATUS_OK)
        status = request_bool(request, "vwap", &read.vwap, error);
    if (status == STATUS_OK)
        status = request_encodings(request, &read.encodings, error);
    if (status == STATUS_OK)
        *subscribe = read;
    return status;
}

static void write_message(struct writer *writer, const char *ev, const struct request *request,
                          const struct candles_message *message)
{
    writer_map(writer, answer_pairs(request) + 3 + candles_column_pairs(&message->rows));
    answer_head(writer, ev, request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)message->id);
    writer_key(writer, "symbol");
    writer_text(writer, message->symbol);
    writer_key(writer, "interval");
    writer_text(writer, message->interval->text);
    candles_write_columns(writer, &message->rows, message->interval->interval_us, message->final_by,
                          message->encodings);
    writer_end(writer);
}

void candles_snapshot_write(struct writer *writer, const struct request *request,
                            const struct candles_message *message)
{
    write_message(writer, "candles.snapshot", request, message);
}

void candles_update_write(struct writer *writer, const struct candles_message *message)
{
    write_message(writer, "candles.update", NULL, message);
}
