/*
 * One message of the server, taken apart: the few fields a load client acts on, in one struct;
 * everything else is passed over. Columns stay where they came; bench/columns walks them.
 *
 * A message is read whole or refused: a field twice, a field of a wrong kind, more than 64 symbols,
 * or bytes after the end are STATUS_BAD_MESSAGE. Texts and columns are borrowed from the message's
 * bytes. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_MESSAGE_H
#define TAPEDECK_BENCH_MESSAGE_H

#include "bench/columns.h"
#include "bench/pack.h"

#include <stdbool.h>

#define MESSAGE_SYMBOLS_MAX 64 /* of one replay */
#define MESSAGE_COLUMNS 5      /* time, bid, ask, last, volume */

enum message_event {
    MESSAGE_OTHER,
    MESSAGE_WELCOME,
    MESSAGE_SYMBOLS,
    MESSAGE_OPENED,
    MESSAGE_OK,
    MESSAGE_ERROR,
    MESSAGE_STATE,
    MESSAGE_SNAPSHOT,
    MESSAGE_FRAME,
    MESSAGE_CANDLES, /* candles.snapshot */
    MESSAGE_UPDATE,  /* candles.update */
};

enum message_state {
    STATE_NONE, /* absent, or one that is not known here */
    STATE_PAUSED,
    STATE_PLAYING,
    STATE_BUFFERING,
    STATE_ENDED,
    STATE_CLOSED,
};

struct message_ticks {
    int64_t symbol;
    int64_t rows;
    struct columns_column columns[MESSAGE_COLUMNS]; /* time first */
};

/* In a candles.snapshot, and in the list `candles` of a replay.snapshot. */
enum message_candle_column {
    CANDLES_TIME,
    CANDLES_OPEN,
    CANDLES_HIGH,
    CANDLES_LOW,
    CANDLES_CLOSE,
    CANDLES_TRADES,
    CANDLES_FINAL,
    CANDLES_VOLUME, /* not where it comes as texts, because a sum passes 64 bits */
    MESSAGE_CANDLE_COLUMNS
};

struct message_candles {
    int64_t rows; /* MESSAGE_NONE: there were no candles in the message */
    bool has_volume;
    struct columns_column columns[MESSAGE_CANDLE_COLUMNS];
};

#define MESSAGE_NONE (-1) /* a number that was not there */

struct message {
    enum message_event event;
    enum message_state state;
    int64_t re;
    int64_t id;
    int64_t epoch;
    int64_t seq;
    int64_t at; /* INT64_MIN: absent, because a time may be −1 */
    int64_t due;
    int64_t direction; /* 0: absent */
    bool has_span;
    int64_t span[2];
    int64_t frame_bytes;      /* of welcome's limits */
    bool has_subscribe;       /* welcome's ops name candles.subscribe */
    struct pack_item code;    /* of an error */
    struct pack_item message; /* of an error */

    struct reader symbols; /* of `symbols`: at its items; message_take_symbol */
    size_t symbol_count;

    bool has_totals;
    size_t total_count;
    int64_t totals[MESSAGE_SYMBOLS_MAX];

    size_t tick_count; /* symbols with ticks */
    struct message_ticks ticks[MESSAGE_SYMBOLS_MAX];

    struct message_candles candles; /* of a snapshot; of the first symbol and interval in it */
};

enum status message_read(const uint8_t *bytes, size_t count, struct message *message,
                         struct error *error) MUST_CHECK;

/* What an `error` of the server's says, as an error of ours. */
enum status message_refusal(const struct message *message, struct error *error) MUST_CHECK;

struct message_symbol {
    struct pack_item name;
    int64_t from;
    int64_t to;
};
/* The next of `symbol_count`; the reader has failed when it is none. */
struct message_symbol message_take_symbol(struct reader *reader);

#endif
