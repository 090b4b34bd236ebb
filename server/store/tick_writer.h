/*
 * Writing ticks: one transaction, one binary COPY.
 *
 *   begin ── BEGIN, write_prepare(range), COPY tick_data FROM STDIN
 *   add   ── rows into a buffer of 128 KiB, the buffer to the server
 *   finish ─ end of COPY, write_finish(symbols…), your record, COMMIT
 *
 * The order of the rows is their order at equal times. The candles of the range are queued in the
 * same transaction: refresh_heal (store/refresh.h) brings them up to date afterwards.
 *
 * Runs on the connection's owner thread. The connection is the writer's from begin to finish or
 * abort, and idle again after either, unless it broke.
 */
#ifndef TAPEDECK_STORE_TICK_WRITER_H
#define TAPEDECK_STORE_TICK_WRITER_H

#include "market/tick.h"
#include "market/time.h"
#include "store/connection.h"

struct written_tick {
    struct tick tick;
    const char *symbol;        /* valid by symbol_check; borrowed for the call, as the rest */
    const char *source;        /* NULL: null */
    const uint8_t *trade_id;   /* 16 bytes; NULL: null */
    const uint8_t *account_id; /* 16 bytes; NULL: null */
};

/* What was written of one symbol. */
struct written_symbol {
    const char *name;
    int64_t first; /* time of the oldest and of the newest tick */
    int64_t last;
    int64_t ticks;
    unsigned fields; /* set (TICK_FIELD_BIT) of those that some tick has */
};

struct tick_writer_outcome {
    int64_t rows;
    struct time_range range; /* of the ticks themselves: [oldest, newest + 1 µs) */
    int64_t seq_from;        /* every row's seq lies in [seq_from, seq_to] … */
    int64_t seq_to;
    bool seq_is_ours;                     /* … and nobody else's row does */
    const struct written_symbol *symbols; /* sorted by name */
    size_t symbol_count;
};

/* Within the transaction, after the last row: the import's own record. A failure undoes it all. */
typedef enum status tick_writer_record_fn(struct connection *connection,
                                          const struct tick_writer_outcome *outcome, void *owner,
                                          struct error *error);

struct tick_writer_options {
    struct time_range range; /* every tick will lie in it */
    const char *reason;      /* for the queue of candles: "import", "ingest"; constant */
    bool rebuild;            /* where candles outlived their ticks: rebuild them from these alone */
    bool is_import;          /* imports take turns, so that each can be told from the others */
    tick_writer_record_fn *record; /* NULL: none */
    void *record_owner;
};

struct tick_writer;

/* STATUS_CONFLICT when the range has candles whose ticks were dropped, and `rebuild` is off. An
 * import waits for one that is running. */
enum status tick_writer_begin(struct connection *connection,
                              const struct tick_writer_options *options,
                              struct tick_writer **writer, struct error *error) MUST_CHECK;
/* STATUS_INVALID when the tick lies outside the range (it is not written, the writer goes on);
 * anything else: abort. */
enum status tick_writer_add(struct tick_writer *writer, const struct written_tick *tick,
                            struct error *error) MUST_CHECK;
/* Ends the writer in any case. `outcome` (may be NULL) without its symbols, which end too. After
 * STATUS_UNAVAILABLE in the COMMIT nobody knows: ask the ledger. */
enum status tick_writer_finish(struct tick_writer **writer, struct tick_writer_outcome *outcome,
                               struct error *error) MUST_CHECK;
/* Nothing was written. Clears; NULL is fine. */
void tick_writer_abort(struct tick_writer **writer);
/* Rows so far. */
int64_t tick_writer_rows(const struct tick_writer *writer);

#endif
