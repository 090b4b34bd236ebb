/*
 * Cuts the ticks of one load, as they are read, into stretches, and publishes each as soon as its
 * last row is known to have come (market/source.h says where stretches end).
 *
 *   rows ──► builder ──► block up to the next multiple of the step  ──► publish
 *                   └──► block up to the next change of time        when BLOCK_ROWS_MAX is reached
 *        no rows    ───► nothing, up to the step that holds the next row, in one stretch
 *
 * Both directions: what is left of a backward load shrinks from its end. Belongs to one thread;
 * used for one load after the other (the builder's memory is kept). Knows no database.
 */
#ifndef TAPEDECK_STORE_STRETCH_CUTTER_H
#define TAPEDECK_STORE_STRETCH_CUTTER_H

#include "store/load_progress.h"

/* Ticks of one instant are never split, so one instant can outgrow BLOCK_ROWS_MAX: so far. */
#define STRETCH_INSTANT_ROWS_MAX ((size_t)4 << 20)

struct stretch_cutter {
    struct block_builder builder;
    struct tick_load *load;
    struct load_progress *progress;
    int64_t stretch_end;     /* where the open stretch ends at the latest; with rows */
    size_t last_instant_row; /* the first row of the builder's last instant */
};

void stretch_cutter_init(struct stretch_cutter *cutter);
void stretch_cutter_deinit(struct stretch_cutter *cutter);

/* Begins a load, or goes on with one; both are borrowed until the next begin. Rows of a load that
 * came to no end are forgotten. */
void stretch_cutter_begin(struct stretch_cutter *cutter, struct tick_load *load,
                          struct load_progress *progress);
/* The next tick in the direction of the load. May call load->publish, after `progress` says so.
 * STATUS_INTERNAL: out of order, or outside of what is left; STATUS_LIMIT: an instant too full. */
enum status stretch_cutter_add(struct stretch_cutter *cutter, const struct tick *tick,
                               struct error *error) MUST_CHECK;
/* That was all: publishes the rest of what is left. */
void stretch_cutter_finish(struct stretch_cutter *cutter);

#endif
