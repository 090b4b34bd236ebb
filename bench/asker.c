#include "bench/asker.h"

#include "base/assert.h"
#include "market/interval.h"
#include "market/time.h"

#include <inttypes.h>
#include <string.h>

#define REQUEST_BYTES_MAX 16384 /* limits.message_bytes */
#define SYMBOLS_LIMIT_MAX 10000 /* the most that `symbols` tells at once */

void asker_init(struct asker *asker, const char *symbol)
{
    *asker = (struct asker){.phase = ASKER_CONNECTING, .symbol = symbol};
    buffer_init(&asker->request, REQUEST_BYTES_MAX);
}

void asker_deinit(struct asker *asker)
{
    channel_close(&asker->channel);
    buffer_deinit(&asker->request);
}

/* ---- requests ---- */

static enum status send_request(struct asker *asker, struct error *error)
{
    return channel_send(&asker->channel, CHANNEL_BINARY, asker->request.bytes, asker->request.count,
                        error);
}

static enum status learn_symbols(struct asker *asker, struct error *error)
{
    asker->phase = ASKER_LEARNING;
    buffer_clear(&asker->request);
    requests_symbols(&asker->request, ++asker->req, SYMBOLS_LIMIT_MAX);
    return send_request(asker, error);
}

static void put_ticks(struct asker *asker)
{
    const struct asker_window *window = &asker->window;
    struct tape tape = asker->tape;
    tape.from = window->at;
    tape.to = window->at + window->ticks_us;
    struct requests_open open = {
        .tape = &tape, .direction = 1, .fps = 60, .lead_ms = 0, .plays = true};
    struct verifier_range range = {1, tape.from, tape.to};
    verifier_init(&asker->verifier, range, 0, 1, asker->frame_bytes);
    requests_open(&asker->request, asker->req, &open);
}

/* A replay of one microsecond: its picture is what is wanted. */
static void put_snapshot(struct asker *asker)
{
    const struct asker_window *window = &asker->window;
    struct tape tape = asker->tape;
    tape.from = window->at;
    tape.to = window->at + 1;
    struct requests_open open = {.tape = &tape,
                                 .direction = 1,
                                 .fps = 60,
                                 .candles = window->interval,
                                 .history = window->count - 1};
    requests_open(&asker->request, asker->req, &open);
}

static void put_candles(struct asker *asker)
{
    const struct asker_window *window = &asker->window;
    struct requests_candles candles = {.symbol = asker->tape.symbols[0],
                                       .interval = window->interval,
                                       .to = window->at,
                                       .limit = window->count};
    requests_candles(&asker->request, asker->req, &candles);
}

enum status asker_ask(struct asker *asker, const struct asker_window *window, int64_t now_us,
                      struct error *error)
{
    ASSERT(asker->phase == ASKER_IDLE);
    asker->phase = ASKER_ASKING;
    asker->window = *window;
    asker->answer = (struct asker_answer){.rows = 0};
    asker->is_answered = false;
    asker->asked_us = now_us;
    asker->req++;
    buffer_clear(&asker->request);
    if (window->ticks_us > 0)
        put_ticks(asker);
    else if (asker->has_subscribe)
        put_candles(asker);
    else
        put_snapshot(asker);
    return send_request(asker, error);
}

/* ---- what is learned ---- */

static enum status take_welcome(struct asker *asker, struct error *error)
{
    const struct message *message = &asker->message;
    if (asker->phase != ASKER_CONNECTING || message->frame_bytes < 1)
        return error_set(error, STATUS_BAD_MESSAGE, "an odd `welcome`");
    asker->frame_bytes = message->frame_bytes;
    asker->has_subscribe = message->has_subscribe;
    return learn_symbols(asker, error);
}

static void keep_symbol(struct tape *tape, const struct message_symbol *symbol)
{
    memcpy(tape->symbols[0], symbol->name.bytes, symbol->name.count);
    tape->symbols[0][symbol->name.count] = '\0';
    tape->symbol_count = 1;
    tape->from = symbol->from;
    tape->to = symbol->to;
}

static enum status take_symbols(struct asker *asker, struct error *error)
{
    struct reader reader = asker->message.symbols;
    for (size_t i = 0; i < asker->message.symbol_count; i++) {
        struct message_symbol symbol = message_take_symbol(&reader);
        if (reader.failed || symbol.name.count > SYMBOL_BYTES_MAX || symbol.from < TIME_MIN ||
            symbol.to > TIME_MAX + 1 || symbol.from >= symbol.to)
            return error_set(error, STATUS_BAD_MESSAGE, "symbol %zu is not as promised", i);
        if (asker->symbol != NULL && !pack_is(&symbol.name, asker->symbol))
            continue;
        keep_symbol(&asker->tape, &symbol);
        asker->phase = ASKER_IDLE;
        return STATUS_OK;
    }
    return error_set(error, STATUS_NOT_FOUND,
                     asker->symbol != NULL ? "the server has no symbol %s"
                                           : "the server has no ticks%s",
                     asker->symbol != NULL ? asker->symbol : "");
}

/* ---- answers ---- */

static void finish(struct asker *asker, int64_t now_us)
{
    asker->answer.took_us = now_us - asker->asked_us;
    asker->phase = ASKER_IDLE;
}

/* Its id must be free before the next. */
static enum status finish_replay(struct asker *asker, int64_t now_us, struct error *error)
{
    finish(asker, now_us);
    asker->phase = ASKER_CLOSING;
    buffer_clear(&asker->request);
    requests_control(&asker->request, ++asker->req, "replay.close");
    return send_request(asker, error);
}

static enum status check_buckets(const struct asker_window *window, int64_t rows,
                                 const struct columns_times *times, struct error *error)
{
    int64_t interval_us = window->interval_us;
    if (times->last >= window->at || times->first != interval_floor(interval_us, times->first) ||
        times->last != interval_floor(interval_us, times->last))
        return error_set(error, STATUS_BAD_MESSAGE,
                         "candles from %" PRId64 " to %" PRId64
                         " are not those of buckets before %" PRId64,
                         times->first, times->last, window->at);
    if ((times->last - times->first) / interval_us < rows - 1)
        return error_set(error, STATUS_BAD_MESSAGE, "%" PRId64 " candles of fewer buckets", rows);
    return STATUS_OK;
}

static enum status walk_candles(const struct message_candles *candles, uint64_t *sum,
                                struct error *error)
{
    size_t end = candles->has_volume ? MESSAGE_CANDLE_COLUMNS : CANDLES_VOLUME;
    for (size_t i = CANDLES_OPEN; i < end; i++) {
        uint64_t column = 0;
        enum status status =
            columns_walk_decimals(&candles->columns[i], (size_t)candles->rows, &column, error);
        if (status != STATUS_OK)
            return status;
        *sum += column;
    }
    return STATUS_OK;
}

static enum status take_candles(struct asker *asker, struct error *error)
{
    const struct message_candles *candles = &asker->message.candles;
    struct columns_times times;
    uint64_t sum = 0;
    if (candles->rows < 0 || candles->rows > asker->window.count)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "%" PRId64 " candles, where %" PRId64 " were asked for", candles->rows,
                         asker->window.count);
    if (candles->rows == 0)
        return STATUS_OK;
    enum status status = columns_walk_times(&candles->columns[CANDLES_TIME], (size_t)candles->rows,
                                            1, &times, error);
    if (status == STATUS_OK)
        status = check_buckets(&asker->window, candles->rows, &times, error);
    if (status == STATUS_OK)
        status = walk_candles(candles, &sum, error);
    asker->answer.rows = candles->rows;
    asker->answer.sum = status == STATUS_OK ? sum + times.sum : 0;
    return status;
}

static enum status take_opened(struct asker *asker, struct error *error)
{
    const struct message *message = &asker->message;
    bool is_ticks = asker->window.ticks_us > 0;
    if (message->at != asker->window.at)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "the replay was opened at %" PRId64 ", not at %" PRId64, message->at,
                         asker->window.at);
    asker->is_answered = true;
    return is_ticks ? verifier_epoch(&asker->verifier, message->epoch, message->at, error)
                    : STATUS_OK;
}

static enum status take_answer(struct asker *asker, int64_t now_us, struct error *error)
{
    enum message_event event = asker->message.event;
    bool is_asking = asker->phase == ASKER_ASKING && !asker->is_answered;
    bool is_subscription = is_asking && asker->window.ticks_us == 0 && asker->has_subscribe;
    if (asker->message.re != asker->req)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "an answer to request %" PRId64 ", which was not asked so",
                         asker->message.re);
    if (event == MESSAGE_SYMBOLS && asker->phase == ASKER_LEARNING)
        return take_symbols(asker, error);
    if (event == MESSAGE_OPENED && is_asking && !is_subscription)
        return take_opened(asker, error);
    if (event == MESSAGE_CANDLES && is_subscription) {
        finish(asker, now_us);
        return take_candles(asker, error);
    }
    if (event == MESSAGE_OK && asker->phase == ASKER_CLOSING) {
        asker->phase = ASKER_IDLE;
        return STATUS_OK;
    }
    return error_set(error, STATUS_BAD_MESSAGE, "an answer that does not fit request %" PRId64,
                     asker->req);
}

/* ---- pushes ---- */

static enum status take_frame(struct asker *asker, size_t count, struct error *error)
{
    int64_t ticks = 0;
    return verifier_frame(&asker->verifier, &asker->message, count, &ticks, error);
}

static enum status take_state(struct asker *asker, int64_t now_us, struct error *error)
{
    if (asker->message.state != STATE_ENDED)
        return STATUS_OK;
    enum status status = verifier_ended(&asker->verifier, &asker->message, error);
    if (status != STATUS_OK)
        return status;
    asker->answer.rows = verifier_ticks(&asker->verifier);
    asker->answer.sum = asker->verifier.sum;
    return finish_replay(asker, now_us, error);
}

static enum status take_snapshot(struct asker *asker, int64_t now_us, struct error *error)
{
    enum status status = finish_replay(asker, now_us, error);
    return status == STATUS_OK ? take_candles(asker, error) : status;
}

/* Of a replay that is open. */
static enum status take_push(struct asker *asker, size_t count, int64_t now_us, struct error *error)
{
    enum message_event event = asker->message.event;
    bool is_ticks = asker->window.ticks_us > 0;
    if (event == MESSAGE_FRAME && is_ticks)
        return take_frame(asker, count, error);
    if (event == MESSAGE_STATE && is_ticks)
        return take_state(asker, now_us, error);
    if (event == MESSAGE_SNAPSHOT && !is_ticks)
        return take_snapshot(asker, now_us, error);
    return STATUS_OK;
}

static enum status take(struct asker *asker, size_t count, int64_t now_us, struct error *error)
{
    switch (asker->message.event) {
    case MESSAGE_WELCOME:
        return take_welcome(asker, error);
    case MESSAGE_SYMBOLS:
    case MESSAGE_OPENED:
    case MESSAGE_OK:
    case MESSAGE_CANDLES:
        return take_answer(asker, now_us, error);
    case MESSAGE_ERROR:
        return message_refusal(&asker->message, error);
    case MESSAGE_STATE:
    case MESSAGE_SNAPSHOT:
    case MESSAGE_FRAME:
        /* What is on its way when a replay is closed is no longer wanted. */
        return asker->phase == ASKER_ASKING && asker->is_answered
                   ? take_push(asker, count, now_us, error)
                   : STATUS_OK;
    case MESSAGE_UPDATE:
    case MESSAGE_OTHER:
        break;
    }
    return STATUS_OK;
}

enum status asker_message(struct asker *asker, const uint8_t *bytes, size_t count, int64_t now_us,
                          struct error *error)
{
    enum status status = message_read(bytes, count, &asker->message, error);
    return status == STATUS_OK ? take(asker, count, now_us, error) : status;
}
