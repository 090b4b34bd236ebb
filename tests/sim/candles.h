/*
 * The as-of candles of a replay, judged by PROTOCOL rule 6: each is computed anew from all ticks of
 * its bucket, the slow way.
 */
#ifndef TAPEDECK_TESTS_SIM_CANDLES_H
#define TAPEDECK_TESTS_SIM_CANDLES_H

#include "watch.h"

void candles_check_snapshot(const struct watch *watch, const json_t *message);
/* Of a frame that moves the playhead to `edge`; returns how many rows it holds. */
size_t candles_check_frame(struct watch *watch, const json_t *message, int64_t edge);
/* The candles of stored ticks, as a source has them; those of later changes are not there yet. */
struct block *candles_block(const struct world_tape *tape, int64_t interval_us,
                            struct time_range range, uint64_t changes);

#endif
