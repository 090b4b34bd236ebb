/*
 * The asynchronous interface to whatever holds the data. `store/` implements it over PostgreSQL,
 * the simulator in memory; consumers never see libpq.
 *
 * Every request is allocated by its requester and stays at the same address until its `done` (or
 * its letter) has been delivered, exactly once, also after `cancel`. Requests never fail to be
 * accepted: a full or dead source answers STATUS_UNAVAILABLE.
 */
#ifndef TAPEDECK_MARKET_SOURCE_H
#define TAPEDECK_MARKET_SOURCE_H

#include "base/inbox.h"
#include "base/status.h"
#include "market/block.h"
#include "market/symbol.h"

enum source_urgency {
    SOURCE_URGENT,   /* somebody waits for it */
    SOURCE_PREFETCH, /* somebody will */
};

/*
 * All ticks (or stored candles) of one symbol in `range`, handed over in stretches as they are
 * read: `publish` once per stretch: adjoining ranges that tile `range` from its start (backward:
 * from its end); `block` NULL for a stretch without ticks, else the callee takes the reference.
 * Then `done` once. Both on a thread of the source, which must not be blocked.
 *
 * Stretches with ticks lie between multiples of a step; the step of the first is `first_us`, each
 * further one's is twice as long, until it is `grain_us`:
 *
 *   range.from (here a multiple of first_us; the first and the last stretch may be shorter)
 *   ├─┼───┼───────┼───────────────┼───────────────┤   first_us 1, grain_us 8
 *     1   2       4               8               8
 *
 * so that what somebody waits for is there early, and what is kept is in few blocks. A stretch is
 * shorter where its block is full. In every block ticks are ordered by (time, seq).
 *
 * Candles of a stored interval: `range` begins and ends at buckets; each block holds the candles of
 * the buckets in its range, exactly as they follow from the committed ticks, whether they have been
 * stored yet or not (and as they were stored, where the ticks are gone). Their blocks lie between
 * multiples of `grain_us`, itself a multiple of the interval; 0: the whole range is one grain.
 * There are no smaller steps.
 */
struct tick_load {
    struct list node; /* the source's own queue */
    char symbol[SYMBOL_BYTES_MAX + 1];
    int64_t interval_us; /* of stored candles; 0: ticks */
    struct time_range range;
    bool backward; /* newest first */
    enum source_urgency urgency;
    int64_t grain_us;
    int64_t first_us;      /* grain_us divided by a power of two; 0: as grain_us */
    atomic_bool cancelled; /* read by the source between rows; then `done` gets STATUS_END */
    void (*publish)(struct tick_load *load, struct time_range range, struct block *block);
    void (*done)(struct tick_load *load, enum status status, const struct error *error);
};

/* The newest values of one symbol before an instant, looked for up to a day back. */
struct last_values {
    int64_t time;                /* of the newest tick; INT64_MIN: none */
    int64_t fields[TICK_FIELDS]; /* newest non-null bid, ask and last; TICK_VOLUME unused */
};

#define SOURCE_SYMBOLS_PER_REQUEST 64

/* The answer is posted to `inbox` as `letter`. */
struct last_values_request {
    struct letter letter;
    struct inbox *inbox;
    struct list node;
    size_t symbol_count;                             /* ≤ SOURCE_SYMBOLS_PER_REQUEST */
    const char *symbols[SOURCE_SYMBOLS_PER_REQUEST]; /* borrowed until the answer */
    int64_t at;
    enum status status;
    struct error error;
    struct last_values values[SOURCE_SYMBOLS_PER_REQUEST];
};

/* All symbols, sorted by name. The answer's array is the requester's: mem_free. */
struct symbols_request {
    struct letter letter;
    struct inbox *inbox;
    struct list node;
    enum status status;
    struct error error;
    struct symbol *symbols;
    size_t symbol_count;
};

struct source;

struct source_ops {
    void (*load_ticks)(struct source *source, struct tick_load *load);
    /* Asks for an early end; `done` still comes. An urgent load may overtake by `urge`. */
    void (*cancel_ticks)(struct source *source, struct tick_load *load);
    void (*urge_ticks)(struct source *source, struct tick_load *load);
    void (*last_values)(struct source *source, struct last_values_request *request);
    void (*symbols)(struct source *source, struct symbols_request *request);
};

/* Embedded first in every implementation. */
struct source {
    const struct source_ops *ops;
};

static inline void source_load_ticks(struct source *source, struct tick_load *load)
{
    source->ops->load_ticks(source, load);
}

static inline void source_cancel_ticks(struct source *source, struct tick_load *load)
{
    source->ops->cancel_ticks(source, load);
}

static inline void source_urge_ticks(struct source *source, struct tick_load *load)
{
    source->ops->urge_ticks(source, load);
}

static inline void source_last_values(struct source *source, struct last_values_request *request)
{
    source->ops->last_values(source, request);
}

static inline void source_symbols(struct source *source, struct symbols_request *request)
{
    source->ops->symbols(source, request);
}

#endif
