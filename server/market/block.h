/*
 * Tick blocks: all ticks of one symbol in [from, to), immutable and columnar, ordered by
 * (time, seq). Shared by everyone through reference counts; the payload lives in block memory.
 *
 * A builder collects rows on one thread and seals them into a block. A sealed block never changes;
 * any thread may read it while it holds a reference.
 */
#ifndef TAPEDECK_MARKET_BLOCK_H
#define TAPEDECK_MARKET_BLOCK_H

#include "market/candle.h"
#include "market/column.h"
#include "market/tick.h"
#include "market/time.h"
#include "market/vwap.h"

#include <stdatomic.h>
#include <stdbool.h>

/* About 64 Ki rows: 0.9 MiB at 14 bytes a row. More only where one instant holds more. */
#define BLOCK_ROWS_MAX 65536

struct block {
    atomic_uint references;
    struct time_range range; /* every tick of the symbol in it is here */
    size_t rows;             /* ≥ 1: an empty stretch is no block */
    size_t bytes;            /* of memory, this header included */
    struct column time;      /* of ticks, as are the fields */
    struct column fields[TICK_FIELDS];
    const struct candle *candles; /* rows of them, by time; NULL in a block of ticks */
    /* What the ticks before each multiple of BLOCK_TURNOVER_ROWS come to, from row 0 on; NULL until
     * somebody asks (fold_turnover). In block memory, not in `bytes`: a tenth of a byte a row. */
    struct turnover *_Atomic turnovers;
};
#define BLOCK_TURNOVER_ROWS 512

/* Takes one more reference, and gives it back: the last one frees the block. `*block` may be NULL
 * and is NULL afterwards. Any thread. */
struct block *block_retain(struct block *block);
void block_release(struct block **block);

/* How many there are in `turnovers`. */
size_t block_turnover_count(const struct block *block);

/* The first row whose time is ≥ t (rows when there is none). */
size_t block_find(const struct block *block, int64_t t);
int64_t block_time(const struct block *block, size_t row);
struct tick block_tick(const struct block *block, size_t row);
/* A block of candles (copied) over `range`, by time, with one reference. `rows` ≥ 1. */
struct block *block_of_candles(const struct candle *candles, size_t rows, struct time_range range);
/* A copy of the part of a block of candles that lies in `range`; NULL when that has none. */
struct block *block_cut_candles(const struct block *block, struct time_range range);
/* One block out of two that adjoin. */
struct block *block_join_candles(const struct block *before, const struct block *after);

/* The newest non-null value of a field in rows [first, end), at exp 8; DECIMAL_NULL when there is
 * none. */
int64_t block_newest(const struct block *block, enum tick_field field, size_t first, size_t end);

/*
 * Collects rows, oldest first or, `backward`, newest first; its memory grows to the most rows it
 * ever held and stays until deinit, so the caller bounds it by sealing in time. One owner thread.
 *
 *   forward   │ 1st, 2nd, 3rd, …      free │    the arrays are always in the order
 *   backward  │ free      …, 3rd, 2nd, 1st │    of a block, so sealing turns nothing round
 */
struct block_builder {
    size_t rows;
    size_t capacity;
    bool backward;
    int64_t *times;
    int64_t *fields[TICK_FIELDS];
};

void block_builder_init(struct block_builder *builder);
void block_builder_deinit(struct block_builder *builder);
/* Forgets all rows; those to come are oldest first, or newest first. Init is clear, forward. */
void block_builder_clear(struct block_builder *builder, bool backward);
/* Times must not decrease (backward: increase), and rows of one time come in the order of seq
 * (backward: the reverse): STATUS_INTERNAL when times do (the source broke its promise). */
enum status block_builder_add(struct block_builder *builder, const struct tick *tick) MUST_CHECK;
/* Of the row that was added last; there must be one. */
int64_t block_builder_last_time(const struct block_builder *builder);
/* A block over `range` out of the rows so far (≥ 1), with one reference; the builder is empty
 * again. Every row's time must lie in the range. */
struct block *block_builder_seal(struct block_builder *builder, struct time_range range);
/* As above, but only of the `rows` rows that were added first; the others stay. */
struct block *block_builder_seal_first(struct block_builder *builder, size_t rows,
                                       struct time_range range);

#endif
