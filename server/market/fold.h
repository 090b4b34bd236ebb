/*
 * Folding candles out of what blocks hold: the one definition of what a candle is made of, used by
 * replays, live candles and tests alike.
 *
 *   bucket  ├── stored candles that are whole ──┼── ticks of the last part ──┤ t
 *
 * Rows are added in order, oldest first. Pure; any thread.
 */
#ifndef TAPEDECK_MARKET_FOLD_H
#define TAPEDECK_MARKET_FOLD_H

#include "market/block.h"
#include "market/candle.h"

/* Adds the trades among rows [first, end) of a block of ticks. */
void fold_ticks(struct candle *candle, const struct block *block, size_t first, size_t end);
/* Adds rows [first, end) of a block of candles. */
void fold_candles(struct candle *candle, const struct block *block, size_t first, size_t end);

/* Adds what the trades among rows [first, end) of a block of ticks come to; returns how many rows
 * it had to look at. Long runs are the difference of two sums that the block keeps from the first
 * time on, so that a day of ticks that was folded once costs next to nothing the second time. */
size_t fold_turnover(struct turnover *turnover, struct block *block, size_t first, size_t end);

#endif
