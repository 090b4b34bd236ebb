/*
 * Cuts the candles of one load, as they are read, into stretches, and publishes each as soon as its
 * last candle is known to have come.
 *
 *   candles ──► block up to the next multiple of the grain      ──► publish
 *          └──► block up to its last candle                     when it is full
 *     none ──► nothing, up to the grain that holds the next candle, in one stretch
 *
 * A load without a grain is one. Both directions: what is left of a backward load shrinks from its
 * end. Belongs to one thread; knows no database.
 */
#ifndef TAPEDECK_STORE_CANDLE_CUTTER_H
#define TAPEDECK_STORE_CANDLE_CUTTER_H

#include "store/load_progress.h"

/* 1.25 MiB. */
#define CANDLE_BLOCK_ROWS_MAX ((size_t)16 << 10)

struct candle_cutter {
    struct candle *candles; /* of the open block, in the order of the load */
    size_t rows;
    size_t capacity;
    struct tick_load *load;
    struct load_progress *progress;
    int64_t stretch_end; /* where the open block ends at the latest; with rows */
};

/* Begins a load of candles, or goes on with one; both are borrowed until deinit. */
void candle_cutter_init(struct candle_cutter *cutter, struct tick_load *load,
                        struct load_progress *progress);
void candle_cutter_deinit(struct candle_cutter *cutter);
/* The next candle in the direction of the load. May call load->publish, after `progress` says so.
 * STATUS_INTERNAL: out of order, outside of what is left, or no start of a bucket. */
enum status candle_cutter_add(struct candle_cutter *cutter, const struct candle *candle,
                              struct error *error) MUST_CHECK;
/* That was all: publishes the rest of what is left. */
void candle_cutter_finish(struct candle_cutter *cutter);

#endif
