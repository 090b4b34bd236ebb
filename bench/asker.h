/*
 * A client that asks for one window after another, and times each answer, from the request to its
 * last message.
 *
 *   CONNECTING ──welcome──▶ LEARNING ──symbols──▶ IDLE ──asker_ask──▶ ASKING ──whole answer──▶ IDLE
 *                                                  ▲                     │ (of a replay)
 *                                                  └──ok── CLOSING ◀─────┘
 *
 * A window is either all ticks of a span, which a replay plays at "max" to its end, or the newest
 * candles before an instant: by candles.subscribe, or, with a server that does not answer it, by
 * the snapshot of a replay that is opened there. Everything that comes is checked, as viewers do.
 *
 * The caller owns the loop, connects the channel and hands over messages. One thread.
 */
#ifndef TAPEDECK_BENCH_ASKER_H
#define TAPEDECK_BENCH_ASKER_H

#include "bench/channel.h"
#include "bench/requests.h"
#include "bench/verifier.h"

struct asker_window {
    int64_t at;           /* ticks from here on; candles that begin before it */
    int64_t ticks_us;     /* how far; 0: candles */
    const char *interval; /* of candles; borrowed */
    int64_t interval_us;
    int64_t count; /* of candles, at most */
};

/* The same window, asked again, comes to the same rows and the same sum. */
struct asker_answer {
    int64_t took_us;
    int64_t rows;
    uint64_t sum; /* of all times and mantissas at exp 8, modulo 2^64 */
};

enum asker_phase {
    ASKER_CONNECTING,
    ASKER_LEARNING,
    ASKER_IDLE,
    ASKER_ASKING,
    ASKER_CLOSING,
};

struct asker {
    enum asker_phase phase;
    struct channel channel;
    struct buffer request;
    const char *symbol;  /* wanted; NULL: the first there is */
    struct tape tape;    /* the one symbol, and the range of its ticks */
    bool has_subscribe;  /* of welcome */
    int64_t frame_bytes; /* of welcome */
    int64_t req;
    int64_t asked_us;
    bool is_answered; /* the replay's `replay.opened` has come */
    struct asker_window window;
    struct asker_answer answer; /* of the window asked last; whole when IDLE or CLOSING */
    struct verifier verifier;
    struct message message;
};

void asker_init(struct asker *asker, const char *symbol);
void asker_deinit(struct asker *asker);

/* IDLE: asks for the window; borrowed for the call. */
enum status asker_ask(struct asker *asker, const struct asker_window *window, int64_t now_us,
                      struct error *error) MUST_CHECK;
/* A message_fn of the channel has come with this message. Not STATUS_OK: with a sentence. */
enum status asker_message(struct asker *asker, const uint8_t *bytes, size_t count, int64_t now_us,
                          struct error *error) MUST_CHECK;

#endif
