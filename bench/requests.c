#include "bench/requests.h"

#include "bench/pack.h"

static void put_head(struct buffer *out, size_t pairs, const char *op, int64_t req)
{
    pack_map(out, pairs);
    pack_text(out, "op");
    pack_text(out, op);
    pack_text(out, "req");
    pack_integer(out, req);
}

static void put_integer(struct buffer *out, const char *key, int64_t value)
{
    pack_text(out, key);
    pack_integer(out, value);
}

void requests_symbols(struct buffer *out, int64_t req, int64_t limit)
{
    put_head(out, 3, "symbols", req);
    put_integer(out, "limit", limit);
}

static void put_speed(struct buffer *out, const struct requests_open *open)
{
    pack_text(out, "speed");
    if (open->speed != 0)
        pack_float(out, open->speed);
    else
        pack_text(out, open->direction > 0 ? "max" : "-max");
}

static void put_intervals(struct buffer *out, const struct requests_open *open)
{
    pack_text(out, "candles");
    pack_array(out, 1);
    pack_map(out, 2);
    pack_text(out, "interval");
    pack_text(out, open->candles);
    put_integer(out, "history", open->history);
}

void requests_open(struct buffer *out, int64_t req, const struct requests_open *open)
{
    const struct tape *tape = open->tape;
    put_head(out, open->candles != NULL ? 12 : 11, "replay.open", req);
    put_integer(out, "id", REQUESTS_REPLAY_ID);
    pack_text(out, "symbols");
    pack_array(out, tape->symbol_count);
    for (size_t i = 0; i < tape->symbol_count; i++)
        pack_text(out, tape->symbols[i]);
    put_integer(out, "from", tape->from);
    put_integer(out, "to", tape->to);
    put_speed(out, open);
    put_integer(out, "fps", open->fps);
    put_integer(out, "lead_ms", open->lead_ms);
    pack_text(out, "state");
    pack_text(out, open->plays ? "playing" : "paused");
    pack_text(out, "flow");
    pack_text(out, open->acks ? "ack" : "tcp");
    if (open->candles != NULL)
        put_intervals(out, open);
}

void requests_control(struct buffer *out, int64_t req, const char *op)
{
    put_head(out, 3, op, req);
    put_integer(out, "id", REQUESTS_REPLAY_ID);
}

void requests_seek(struct buffer *out, int64_t req, int64_t to)
{
    put_head(out, 4, "replay.seek", req);
    put_integer(out, "id", REQUESTS_REPLAY_ID);
    put_integer(out, "to", to);
}

void requests_step(struct buffer *out, int64_t req, const char *unit, int64_t count)
{
    put_head(out, 5, "replay.step", req);
    put_integer(out, "id", REQUESTS_REPLAY_ID);
    pack_text(out, "unit");
    pack_text(out, unit);
    put_integer(out, "count", count);
}

void requests_candles(struct buffer *out, int64_t req, const struct requests_candles *candles)
{
    put_head(out, 7, "candles.subscribe", req);
    put_integer(out, "id", REQUESTS_REPLAY_ID);
    pack_text(out, "symbol");
    pack_text(out, candles->symbol);
    pack_text(out, "interval");
    pack_text(out, candles->interval);
    if (candles->is_live) {
        pack_text(out, "live");
        pack_bool(out, true);
    } else {
        put_integer(out, "to", candles->to);
    }
    put_integer(out, "limit", candles->limit);
}

void requests_ack(struct buffer *out, int64_t epoch, int64_t seq)
{
    pack_map(out, 4);
    pack_text(out, "op");
    pack_text(out, "replay.ack");
    put_integer(out, "id", REQUESTS_REPLAY_ID);
    put_integer(out, "epoch", epoch);
    put_integer(out, "seq", seq);
}
