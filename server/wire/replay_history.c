#include "wire/replay_history.h"

#include "wire/session.h"

#define SYMBOL_EXPECTED "the index of a symbol of the replay, from 0"

static enum status read_symbol(const struct request *request, int64_t *symbol, struct error *error)
{
    enum status status = request_need(request, "symbol", SYMBOL_EXPECTED, error);
    if (status != STATUS_OK)
        return status;
    status = request_integer(request, "symbol", 0, WIRE_REQ_MAX, symbol, NULL);
    if (status != STATUS_OK)
        return request_refuse(request, "symbol", status, error, SYMBOL_EXPECTED);
    return STATUS_OK;
}

static enum status read_count(const struct request *request, size_t *count, struct error *error)
{
    enum status status = request_need(request, "count", "an integer from 1 to 5000", error);
    if (status == STATUS_OK)
        status = candles_count_read(request, "count", count, error);
    return status;
}

enum status replay_history_read(const struct request *request,
                                struct replay_history_request *history, struct error *error)
{
    struct replay_history_request read = {.has_at = request_has(request, "at")};
    enum status status = read_symbol(request, &read.symbol, error);
    if (status == STATUS_OK)
        status = candles_interval_read(request, &read.interval, error);
    if (status == STATUS_OK)
        status = request_need(request, "before", REQUEST_TIME_EXPECTED, error);
    if (status == STATUS_OK)
        status = request_time(request, "before", &read.before, error);
    if (status == STATUS_OK)
        status = read_count(request, &read.count, error);
    if (status == STATUS_OK)
        status = request_time(request, "at", &read.at, error);
    if (status == STATUS_OK)
        status = request_bool(request, "vwap", &read.vwap, error);
    if (status == STATUS_OK)
        *history = read;
    return status;
}

void replay_history_write(struct writer *writer, const struct request *request,
                          const struct replay_history_answer *answer)
{
    writer_map(writer, answer_pairs(request) + 4 + candles_column_pairs(&answer->rows));
    answer_head(writer, "replay.history", request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)answer->id);
    writer_key(writer, "symbol");
    writer_integer(writer, answer->symbol);
    writer_key(writer, "interval");
    writer_text(writer, answer->interval->text);
    writer_key(writer, "at");
    writer_integer(writer, answer->at);
    candles_write_columns(writer, &answer->rows, answer->interval->interval_us, answer->at,
                          answer->encodings);
    writer_end(writer);
}
