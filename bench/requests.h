/*
 * The requests a viewer makes, as msgpack: each function appends one whole message to `out`, which
 * the caller has emptied. The replay of a viewer always has id 1. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_REQUESTS_H
#define TAPEDECK_BENCH_REQUESTS_H

#include "base/bytes.h"
#include "market/symbol.h"

#include <stdbool.h>
#include <stdint.h>

#define REQUESTS_REPLAY_ID 1
#define REQUESTS_SYMBOLS_MAX 64 /* of one replay */

/* What all viewers of a run play. */
struct tape {
    char symbols[REQUESTS_SYMBOLS_MAX][SYMBOL_BYTES_MAX + 1];
    size_t symbol_count; /* 0: not known yet */
    int64_t from;
    int64_t to;
};

struct requests_open {
    const struct tape *tape;
    double speed;  /* negative: backward; 0: "max" */
    int direction; /* of "max" */
    int64_t fps;
    int64_t lead_ms;
    bool acks;           /* flow "ack" */
    bool plays;          /* from the first moment; else it is opened paused */
    const char *candles; /* an interval; NULL: none */
    int64_t history;     /* of candles: earlier ones in the snapshot */
};

struct requests_candles {
    const char *symbol;
    const char *interval;
    int64_t to; /* the newest before it; of live ones: not asked for */
    int64_t limit;
    bool is_live;
};

void requests_symbols(struct buffer *out, int64_t req, int64_t limit);
void requests_open(struct buffer *out, int64_t req, const struct requests_open *open);
/* replay.play, replay.close, …: an op that needs nothing more. */
void requests_control(struct buffer *out, int64_t req, const char *op);
void requests_seek(struct buffer *out, int64_t req, int64_t to);
/* One step, against time when `count` is negative. */
void requests_step(struct buffer *out, int64_t req, const char *unit, int64_t count);
/* candles.subscribe. Without `is_live`: one snapshot, and the id is free again. */
void requests_candles(struct buffer *out, int64_t req, const struct requests_candles *candles);
void requests_ack(struct buffer *out, int64_t epoch, int64_t seq);

#endif
