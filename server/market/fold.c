#include "market/fold.h"

#include "base/assert.h"

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
