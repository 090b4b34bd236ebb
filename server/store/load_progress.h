/*
 * How far a load has come: enough to go on with it on another connection, or in another run.
 *
 *   range   ├───────published──────┼──────────left──────────┤   backward: the other way round
 *
 * Belongs to one thread at a time, that of the run that reads the load.
 */
#ifndef TAPEDECK_STORE_LOAD_PROGRESS_H
#define TAPEDECK_STORE_LOAD_PROGRESS_H

#include "market/source.h"

/* What the loads of a source have published so far. Any thread. */
struct load_counts {
    atomic_uint_least64_t stretches;
    atomic_uint_least64_t rows;
};

struct load_progress {
    struct time_range left;     /* not yet published */
    int64_t step_us;            /* of the next stretch with ticks; candles have no steps */
    struct load_counts *counts; /* borrowed */
};

/* Of a load that begins. Asserts that the grain_us and first_us of a load of ticks are as source.h
 * wants them. */
struct load_progress load_progress_start(const struct tick_load *load, struct load_counts *counts);

/* Asserts that nothing but the beginning of the load's range has been published. */
void load_progress_check(const struct load_progress *progress, const struct tick_load *load);

/* From where what is left begins, in the direction of the load, up to `end`. */
struct time_range load_progress_until(const struct load_progress *progress,
                                      const struct tick_load *load, int64_t end);

/* Publishes `range`, which begins where what is left begins. Progress and counts say so before:
 * nothing may bring the stretch again, and who sees its rows finds them counted. */
void load_progress_publish(struct load_progress *progress, struct tick_load *load,
                           struct time_range range, struct block *block);

#endif
