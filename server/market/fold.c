#include "market/fold.h"

#include "base/assert.h"
#include "base/mem.h"

void fold_ticks(struct candle *candle, const struct block *block, size_t first, size_t end)
{
    ASSERT(end <= block->rows);
    const struct column *last = &block->fields[TICK_LAST];
    const struct column *volume = &block->fields[TICK_VOLUME];
    if (last->encoding == COLUMN_CONST && last->base == DECIMAL_NULL)
        return; /* nothing but quotes */
    for (size_t row = first; row < end; row++) {
        int64_t price = column_decimal(last, row);
        if (price != DECIMAL_NULL)
            candle_add_trade(candle, price, column_decimal(volume, row));
    }
}

void fold_candles(struct candle *candle, const struct block *block, size_t first, size_t end)
{
    ASSERT(end <= block->rows);
    for (size_t row = first; row < end; row++)
        candle_append(candle, &block->candles[row]);
}

/* ---- turnover ---- */

static void add_rows(struct turnover *turnover, const struct block *block, size_t first, size_t end)
{
    const struct column *last = &block->fields[TICK_LAST];
    const struct column *volume = &block->fields[TICK_VOLUME];
    for (size_t row = first; row < end; row++) {
        int64_t price = column_decimal(last, row);
        if (price != DECIMAL_NULL)
            turnover_add_trade(turnover, price, column_decimal(volume, row));
    }
}

/* Two threads may do it at once: one of them in vain. */
static const struct turnover *make_sums(struct block *block)
{
    size_t count = block_turnover_count(block);
    struct turnover *sums = mem_block_alloc(count * sizeof *sums);
    sums[0] = (struct turnover){.trades = 0};
    for (size_t i = 1; i < count; i++) {
        sums[i] = sums[i - 1];
        add_rows(&sums[i], block, (i - 1) * BLOCK_TURNOVER_ROWS, i * BLOCK_TURNOVER_ROWS);
    }
    struct turnover *others = NULL;
    if (atomic_compare_exchange_strong(&block->turnovers, &others, sums))
        return sums;
    mem_block_free(sums, count * sizeof *sums);
    return others;
}

size_t fold_turnover(struct turnover *turnover, struct block *block, size_t first, size_t end)
{
    ASSERT(end <= block->rows);
    const struct column *last = &block->fields[TICK_LAST];
    if (first >= end || (last->encoding == COLUMN_CONST && last->base == DECIMAL_NULL))
        return 0;
    if (end - first <= (size_t)2 * BLOCK_TURNOVER_ROWS) {
        add_rows(turnover, block, first, end);
        return end - first;
    }
    size_t low = (first + BLOCK_TURNOVER_ROWS - 1) / BLOCK_TURNOVER_ROWS;
    size_t high = end / BLOCK_TURNOVER_ROWS;
    const struct turnover *sums = atomic_load(&block->turnovers);
    size_t looked_at = sums != NULL ? 0 : block->rows;
    if (sums == NULL)
        sums = make_sums(block);
    turnover_add(turnover, &sums[high]);
    turnover_subtract(turnover, &sums[low]);
    add_rows(turnover, block, first, low * BLOCK_TURNOVER_ROWS);
    add_rows(turnover, block, high * BLOCK_TURNOVER_ROWS, end);
    return looked_at + (low * BLOCK_TURNOVER_ROWS - first) + (end - high * BLOCK_TURNOVER_ROWS);
}
