#include "bench/message.h"

#include <inttypes.h>
#include <string.h>

/* A map being read: which of its fields have come. */
struct fields {
    struct reader *reader;
    uint32_t seen; /* a bit for each index of its table */
};

/* The index of a key, `count` for one that is not known; failed when it came before. */
static size_t take_key(struct fields *fields, const char *const *names, size_t count)
{
    struct pack_item key = pack_take_text(fields->reader);
    size_t index = 0;
    while (index < count && !pack_is(&key, names[index]))
        index++;
    if (index == count)
        return count;
    fields->reader->failed = fields->reader->failed || (fields->seen >> index & 1) != 0;
    fields->seen |= 1U << index;
    return index;
}

static size_t find(const struct pack_item *item, const char *const *names, size_t count)
{
    size_t index = 0;
    while (index < count && (names[index] == NULL || !pack_is(item, names[index])))
        index++;
    return index;
}

/* ---- parts ---- */

/* frame_bytes out of limits:{…}. */
static void take_limits(struct reader *reader, struct message *message)
{
    static const char *const names[] = {"frame_bytes"};
    struct fields fields = {.reader = reader};
    for (size_t pairs = pack_take_map(reader); pairs > 0 && !reader->failed; pairs--) {
        if (take_key(&fields, names, 1) == 0)
            message->frame_bytes = pack_take_integer(reader);
        else
            pack_skip(reader);
    }
}

static void take_span(struct reader *reader, struct message *message)
{
    size_t count = pack_take_array(reader);
    message->span[0] = pack_take_integer(reader);
    message->span[1] = pack_take_integer(reader);
    message->has_span = true;
    reader->failed = reader->failed || count != 2;
}

static void take_total(struct reader *reader, struct message *message)
{
    message->total_count = pack_take_array(reader);
    message->has_totals = true;
    if (message->total_count > MESSAGE_SYMBOLS_MAX)
        reader->failed = true;
    for (size_t i = 0; i < message->total_count && !reader->failed; i++)
        message->totals[i] = pack_take_integer(reader);
}

/* totals:{ticks:[per symbol]} */
static void take_totals(struct reader *reader, struct message *message)
{
    static const char *const names[] = {"ticks"};
    struct fields fields = {.reader = reader};
    for (size_t pairs = pack_take_map(reader); pairs > 0 && !reader->failed; pairs--) {
        if (take_key(&fields, names, 1) == 0)
            take_total(reader, message);
        else
            pack_skip(reader);
    }
}

/* {symbol, n, time, bid, ask, last, volume}: all of them. */
static void take_ticks_of_symbol(struct reader *reader, struct message_ticks *ticks)
{
    static const char *const names[] = {"time", "bid", "ask", "last", "volume", "symbol", "n"};
    enum { NAMES = sizeof names / sizeof names[0], SYMBOL = MESSAGE_COLUMNS, ROWS };
    struct fields fields = {.reader = reader};
    for (size_t pairs = pack_take_map(reader); pairs > 0 && !reader->failed; pairs--) {
        size_t index = take_key(&fields, names, NAMES);
        if (index < MESSAGE_COLUMNS)
            ticks->columns[index] = columns_take(reader);
        else if (index == SYMBOL)
            ticks->symbol = pack_take_integer(reader);
        else if (index == ROWS)
            ticks->rows = pack_take_integer(reader);
        else
            pack_skip(reader);
    }
    reader->failed = reader->failed || fields.seen != (1U << NAMES) - 1;
}

static void take_ticks(struct reader *reader, struct message *message)
{
    message->tick_count = pack_take_array(reader);
    if (message->tick_count > MESSAGE_SYMBOLS_MAX)
        reader->failed = true;
    for (size_t i = 0; i < message->tick_count && !reader->failed; i++)
        take_ticks_of_symbol(reader, &message->ticks[i]);
}

/* Whether the list has the one op that a client may do without. */
static void take_ops(struct reader *reader, struct message *message)
{
    for (size_t count = pack_take_array(reader); count > 0 && !reader->failed; count--) {
        struct pack_item op = pack_take_text(reader);
        message->has_subscribe = message->has_subscribe || pack_is(&op, "candles.subscribe");
    }
}

/* ---- candles ---- */

static bool is_of_texts(const struct reader *reader)
{
    struct reader peek = *reader;
    (void)pack_take_array(&peek);
    struct pack_item name = pack_take_text(&peek);
    return pack_is(&name, "text");
}

static void take_candle_column(struct reader *reader, size_t index, struct message_candles *candles)
{
    if (index == CANDLES_VOLUME && is_of_texts(reader)) {
        pack_skip(reader);
        return;
    }
    candles->has_volume = candles->has_volume || index == CANDLES_VOLUME;
    candles->columns[index] = columns_take(reader);
}

/* {symbol, interval, n, time, open, high, low, close, volume, trades, final}: all of the columns.
 */
static void take_candles_of_symbol(struct reader *reader, struct message_candles *candles)
{
    static const char *const names[] = {
        [CANDLES_TIME] = "time",   [CANDLES_OPEN] = "open",     [CANDLES_HIGH] = "high",
        [CANDLES_LOW] = "low",     [CANDLES_CLOSE] = "close",   [CANDLES_TRADES] = "trades",
        [CANDLES_FINAL] = "final", [CANDLES_VOLUME] = "volume", [MESSAGE_CANDLE_COLUMNS] = "n"};
    enum { NAMES = sizeof names / sizeof names[0] };
    struct fields fields = {.reader = reader};
    candles->has_volume = false;
    for (size_t pairs = pack_take_map(reader); pairs > 0 && !reader->failed; pairs--) {
        size_t index = take_key(&fields, names, NAMES);
        if (index < MESSAGE_CANDLE_COLUMNS)
            take_candle_column(reader, index, candles);
        else if (index < NAMES)
            candles->rows = pack_take_integer(reader);
        else
            pack_skip(reader);
    }
    reader->failed = reader->failed || fields.seen != (1U << NAMES) - 1;
}

/* Of a replay.snapshot; those of frames are rows, and are passed over. */
static void take_candles(struct reader *reader, struct message *message)
{
    if (message->event != MESSAGE_SNAPSHOT) {
        pack_skip(reader);
        return;
    }
    size_t count = pack_take_array(reader);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        if (i == 0)
            take_candles_of_symbol(reader, &message->candles);
        else
            pack_skip(reader);
    }
}

/* Names in `replay.opened`, maps in `symbols`: only counted here, read later. */
static void take_symbols(struct reader *reader, struct message *message)
{
    struct reader array = *reader;
    message->symbol_count = pack_take_array(&array);
    message->symbols = array;
    pack_skip(reader);
}

static enum message_event take_event(struct reader *reader)
{
    static const char *const names[] = {
        [MESSAGE_WELCOME] = "welcome",
        [MESSAGE_SYMBOLS] = "symbols",
        [MESSAGE_OPENED] = "replay.opened",
        [MESSAGE_OK] = "ok",
        [MESSAGE_ERROR] = "error",
        [MESSAGE_STATE] = "replay.state",
        [MESSAGE_SNAPSHOT] = "replay.snapshot",
        [MESSAGE_FRAME] = "replay.frame",
        [MESSAGE_CANDLES] = "candles.snapshot",
        [MESSAGE_UPDATE] = "candles.update",
    };
    size_t count = sizeof names / sizeof names[0];
    struct pack_item item = pack_take_text(reader);
    size_t index = find(&item, names, count);
    return index < count ? (enum message_event)index : MESSAGE_OTHER;
}

static enum message_state take_state(struct reader *reader)
{
    static const char *const names[] = {
        [STATE_PAUSED] = "paused", [STATE_PLAYING] = "playing", [STATE_BUFFERING] = "buffering",
        [STATE_ENDED] = "ended",   [STATE_CLOSED] = "closed",
    };
    size_t count = sizeof names / sizeof names[0];
    struct pack_item item = pack_take_text(reader);
    size_t index = find(&item, names, count);
    return index < count ? (enum message_state)index : STATE_NONE;
}

/* ---- the whole ---- */

enum key {
    KEY_EV,
    KEY_ID,
    KEY_EPOCH,
    KEY_SEQ,
    KEY_DUE,
    KEY_SPAN,
    KEY_DIR,
    KEY_TICKS,
    KEY_RE,
    KEY_STATE,
    KEY_AT,
    KEY_TOTALS,
    KEY_LIMITS,
    KEY_SYMBOLS,
    KEY_CODE,
    KEY_MESSAGE,
    KEY_OPS,
    KEY_CANDLES,
    KEYS
};

static const char *const keys[KEYS] = {"ev",     "id",      "epoch", "seq",     "due", "span",
                                       "dir",    "ticks",   "re",    "state",   "at",  "totals",
                                       "limits", "symbols", "code",  "message", "ops", "candles"};

static void take_field(struct reader *reader, size_t key, struct message *message)
{
    switch (key) {
    case KEY_EV:
        message->event = take_event(reader);
        break;
    case KEY_ID:
        message->id = pack_take_integer(reader);
        break;
    case KEY_EPOCH:
        message->epoch = pack_take_integer(reader);
        break;
    case KEY_SEQ:
        message->seq = pack_take_integer(reader);
        break;
    case KEY_DUE:
        message->due = pack_take_integer(reader);
        break;
    case KEY_SPAN:
        take_span(reader, message);
        break;
    case KEY_DIR:
        message->direction = pack_take_integer(reader);
        break;
    case KEY_TICKS:
        take_ticks(reader, message);
        break;
    case KEY_RE:
        message->re = pack_take_integer(reader);
        break;
    case KEY_STATE:
        message->state = take_state(reader);
        break;
    case KEY_AT:
        message->at = pack_take_integer(reader);
        break;
    case KEY_TOTALS:
        take_totals(reader, message);
        break;
    case KEY_LIMITS:
        take_limits(reader, message);
        break;
    case KEY_SYMBOLS:
        take_symbols(reader, message);
        break;
    case KEY_CODE:
        message->code = pack_take_text(reader);
        break;
    case KEY_MESSAGE:
        message->message = pack_take_text(reader);
        break;
    case KEY_OPS:
        take_ops(reader, message);
        break;
    case KEY_CANDLES:
        take_candles(reader, message);
        break;
    default:
        pack_skip(reader);
        break;
    }
}

/* All but the arrays, which are only read as far as they were written. */
static void clear(struct message *message)
{
    message->event = MESSAGE_OTHER;
    message->state = STATE_NONE;
    message->re = message->id = message->epoch = message->seq = message->due = MESSAGE_NONE;
    message->at = INT64_MIN;
    message->direction = 0;
    message->has_span = false;
    message->frame_bytes = MESSAGE_NONE;
    message->code = message->message = (struct pack_item){.kind = PACK_NONE};
    message->symbols = reader_of(NULL, 0);
    message->symbol_count = 0;
    message->has_totals = false;
    message->total_count = 0;
    message->tick_count = 0;
    message->has_subscribe = false;
    message->candles.rows = MESSAGE_NONE;
}

enum status message_read(const uint8_t *bytes, size_t count, struct message *message,
                         struct error *error)
{
    struct reader reader = reader_of(bytes, count);
    struct fields fields = {.reader = &reader};
    clear(message);
    for (size_t pairs = pack_take_map(&reader); pairs > 0 && !reader.failed; pairs--)
        take_field(&reader, take_key(&fields, keys, KEYS), message);
    /* Its columns are fields of the message itself: read once more, as those. */
    struct reader again = reader_of(bytes, count);
    bool has_candles = message->event == MESSAGE_CANDLES || message->event == MESSAGE_UPDATE;
    if (!reader.failed && has_candles)
        take_candles_of_symbol(&again, &message->candles);
    if (again.failed)
        reader = again;
    if (reader.failed)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "a message of %zu bytes is not well-formed near byte %zu", count,
                         (size_t)(reader.at - bytes));
    if (reader_left(&reader) > 0)
        return error_set(error, STATUS_BAD_MESSAGE, "a message of %zu bytes ends at byte %zu",
                         count, (size_t)(reader.at - bytes));
    if ((fields.seen >> KEY_EV & 1) == 0)
        return error_set(error, STATUS_BAD_MESSAGE, "a message has no `ev`");
    return STATUS_OK;
}

enum status message_refusal(const struct message *message, struct error *error)
{
    const char *words = (const char *)message->message.bytes;
    int bytes = (int)message->message.count;
    if (pack_is(&message->code, "unauthorized"))
        return error_set(
            error, STATUS_UNAUTHORIZED,
            "unauthenticated: the server wants a token (%.*s): --token-file FILE names "
            "a file that holds one",
            bytes, words);
    return error_set(error, STATUS_UNAVAILABLE, "the server answered %.*s: %.*s",
                     (int)message->code.count, (const char *)message->code.bytes, bytes, words);
}

struct message_symbol message_take_symbol(struct reader *reader)
{
    static const char *const names[] = {"symbol", "from", "to"};
    enum { NAMES = sizeof names / sizeof names[0] };
    struct message_symbol symbol = {.from = 0};
    struct fields fields = {.reader = reader};
    for (size_t pairs = pack_take_map(reader); pairs > 0 && !reader->failed; pairs--) {
        size_t index = take_key(&fields, names, NAMES);
        if (index == 0)
            symbol.name = pack_take_text(reader);
        else if (index == 1)
            symbol.from = pack_take_integer(reader);
        else if (index == 2)
            symbol.to = pack_take_integer(reader);
        else
            pack_skip(reader);
    }
    reader->failed = reader->failed || fields.seen != (1U << NAMES) - 1;
    return symbol;
}
