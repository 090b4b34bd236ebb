/*
 * What both fuzz targets of wire/ do with a message that decodes: every reader, every answer, and
 * back again: what writer_value writes must decode to an equal tree.
 */
#ifndef TAPEDECK_TESTS_WIRE_READERS_H
#define TAPEDECK_TESTS_WIRE_READERS_H

#include "base/assert.h"
#include "market/symbol.h"
#include "market/time.h"
#include "wire/candles_subscribe.h"
#include "wire/codes.h"
#include "wire/replay_control.h"
#include "wire/replay_history.h"
#include "wire/replay_open.h"
#include "wire/session.h"
#include "wire/symbols.h"
#include "wire/utf8.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* A failed read has set a sentence. */
static void check_sentence(enum status status, const struct error *error)
{
    if (status == STATUS_OK)
        return;
    ASSERT(status == error->status);
    ASSERT(error->text[0] != '\0');
}

static void read_open(const struct request *request)
{
    struct error error = {.text = ""};
    struct replay_open open;
    enum status status = replay_open_read(request, &open, &error);
    check_sentence(status, &error);
    if (status != STATUS_OK)
        return;
    ASSERT(open.symbol_count >= 1);
    ASSERT(open.symbol_count <= REPLAY_SYMBOLS_MAX);
    for (size_t i = 0; i < open.symbol_count; i++)
        ASSERT(symbol_check(open.symbols[i], strlen(open.symbols[i]), NULL) == STATUS_OK);
    ASSERT(open.from >= TIME_MIN);
    ASSERT(!open.has_to || (open.to > open.from && open.to <= TIME_MAX));
    ASSERT(!open.has_at || open.at >= open.from);
    ASSERT(!open.has_at || !open.has_to || open.at <= open.to);
    ASSERT(open.speed.rate != 0);
    ASSERT(open.fps >= 1 && open.fps <= REPLAY_FPS_MOST);
    ASSERT((open.encodings & COLUMN_ENCODING_BIT(COLUMN_I64)) != 0);
}

static void read_candles(const struct request *request)
{
    struct error error = {.text = ""};
    struct candles_subscribe subscribe;
    enum status status = candles_subscribe_read(request, &subscribe, &error);
    check_sentence(status, &error);
    if (status == STATUS_OK) {
        ASSERT(symbol_check(subscribe.symbol, strlen(subscribe.symbol), NULL) == STATUS_OK);
        ASSERT(subscribe.interval.interval_us >= TIME_SECOND_US);
        ASSERT(subscribe.window.from < subscribe.window.to);
        ASSERT(subscribe.limit >= 1 && subscribe.limit <= CANDLES_ROWS_MAX);
    }
    struct replay_history_request history;
    status = replay_history_read(request, &history, &error);
    check_sentence(status, &error);
    if (status == STATUS_OK) {
        ASSERT(history.symbol >= 0);
        ASSERT(history.count >= 1 && history.count <= CANDLES_ROWS_MAX);
    }
}

static void read_controls(const struct request *request)
{
    struct error error = {.text = ""};
    int64_t to;
    check_sentence(replay_seek_read(request, &to, &error), &error);
    struct replay_speed_change change;
    check_sentence(replay_speed_change_read(request, &change, &error), &error);
    struct replay_step_request step;
    enum status status = replay_step_read(request, &step, &error);
    check_sentence(status, &error);
    ASSERT(status != STATUS_OK || step.step.count != 0);
    struct replay_set set;
    check_sentence(replay_set_read(request, &set, &error), &error);
    struct replay_ack ack;
    check_sentence(replay_ack_read(request, &ack, &error), &error);
    struct symbols_query query;
    check_sentence(symbols_query_read(request, &query, &error), &error);
    uint64_t id;
    check_sentence(request_id(request, &id, &error), &error);
}

static bool equal(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    switch (a->kind) {
    case VALUE_NIL:
        return true;
    case VALUE_BOOL:
        return a->as.boolean == b->as.boolean;
    case VALUE_INTEGER:
        return a->as.integer == b->as.integer;
    case VALUE_FLOAT:
        return a->as.number == b->as.number;
    case VALUE_TEXT:
    case VALUE_BYTES:
        return memcmp(a->as.text, b->as.text, a->count + 1) == 0;
    case VALUE_ARRAY:
    case VALUE_MAP:
        break;
    }
    size_t items = a->kind == VALUE_MAP ? 2 * a->count : a->count;
    for (size_t i = 0; i < items; i++) {
        if (!equal(&a->as.items[i], &b->as.items[i]))
            return false;
    }
    return true;
}

/* Whether a tree can stand in JSON as it is: no bytes in it. */
static bool has_bytes(const struct value *value)
{
    size_t items = value->kind == VALUE_MAP     ? 2 * value->count
                   : value->kind == VALUE_ARRAY ? value->count
                                                : 0;
    for (size_t i = 0; i < items; i++) {
        if (has_bytes(&value->as.items[i]))
            return true;
    }
    return value->kind == VALUE_BYTES;
}

static void write_and_decode(const struct value *root, struct buffer *out,
                             enum wire_encoding encoding)
{
    static struct decoder *decoder;
    if (decoder == NULL)
        decoder = decoder_create();
    struct writer writer;
    buffer_clear(out);
    writer_init(&writer, out, encoding);
    writer_value(&writer, root);
    ASSERT(!out->failed);
    if (out->count > WIRE_MESSAGE_BYTES_MAX || (encoding == WIRE_JSON && has_bytes(root)))
        return;
    const struct value *again = NULL;
    uint16_t close_code = 0;
    ASSERT(decoder_decode(decoder, encoding, out->bytes, out->count, &again, &close_code, NULL) ==
           STATUS_OK);
    ASSERT(equal(root, again));
}

static void answer(const struct request *request, struct buffer *out, enum wire_encoding encoding)
{
    struct writer writer;
    buffer_clear(out);
    writer_init(&writer, out, encoding);
    pong_write(&writer, request, 1);
    ASSERT(writer.depth == 0);
    ASSERT(!out->failed);
    ASSERT(encoding != WIRE_JSON ||
           utf8_valid_bytes((const char *)out->bytes, out->count) == out->count);
}

static void run_every_reader(enum wire_encoding encoding, const uint8_t *bytes, size_t count)
{
    static struct decoder *decoder;
    static struct buffer out;
    if (decoder == NULL) {
        decoder = decoder_create();
        buffer_init(&out, 1 << 20);
    }
    const struct value *root = NULL;
    uint16_t close_code = 0;
    struct error error = {.text = ""};
    if (decoder_decode(decoder, encoding, bytes, count, &root, &close_code, &error) != STATUS_OK) {
        ASSERT(error.status == STATUS_BAD_MESSAGE);
        ASSERT(error.text[0] != '\0');
        ASSERT(close_code == CLOSE_PROTOCOL || close_code == CLOSE_NOT_UTF8 ||
               close_code == CLOSE_TOO_BIG);
        return;
    }
    write_and_decode(root, &out, WIRE_MSGPACK);
    write_and_decode(root, &out, WIRE_JSON);
    struct request request;
    check_sentence(request_read(root, &request, &error), &error);
    read_open(&request);
    read_candles(&request);
    read_controls(&request);
    answer(&request, &out, WIRE_MSGPACK);
    answer(&request, &out, WIRE_JSON);
}

#endif
