/*
 * The as-of candles of a replay, judged by PROTOCOL rule 6: each is computed anew from all ticks of
 * its bucket, the slow way.
 */
#ifndef TAPEDECK_TESTS_SIM_CANDLES_H
#define TAPEDECK_TESTS_SIM_CANDLES_H

#include "watch.h"

/* Candles that start before `before`, as of `at`. */
struct candles_wish {
    const struct world_tape *tape;
    int64_t us; /* of the interval */
    int64_t before;
    int64_t at;
};
/* The `most` newest ones, or all there are: columns of a message. Returns how many. */
size_t candles_check_newest(const json_t *message, const struct candles_wish *wish, size_t most);
void candles_check_snapshot(const struct watch *watch, const json_t *message);
/* Of a frame that moves the playhead to `edge`; returns how many rows it holds. */
size_t candles_check_frame(struct watch *watch, const json_t *message, int64_t edge);
/* The candles of stored ticks, as a source has them; those of later changes are not there yet. */
struct block *candles_block(const struct world_tape *tape, int64_t interval_us,
                            struct time_range range, uint64_t changes);

#endif
