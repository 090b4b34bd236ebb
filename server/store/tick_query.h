/*
 * One tick load on one connection: COPY out of tick_data, cut into stretches that are published as
 * soon as their last row has been read.
 *
 *   rows ──► builder ──► block [from, multiple of grain)  ──► publish
 *                   └──► block [from, change of time)     when BLOCK_ROWS_MAX is reached
 *        no rows    ───► nothing, up to the next row's grain, in one stretch
 *
 * A tick_query belongs to one thread and is used for one load after the other (its builder's memory
 * is kept). It does not own the connection or the load.
 */
#ifndef TAPEDECK_STORE_TICK_QUERY_H
#define TAPEDECK_STORE_TICK_QUERY_H

#include "market/source.h"
#include "store/connection.h"
#include "store/copy_rows.h"

/* Ticks of one instant are never split, so one instant can outgrow BLOCK_ROWS_MAX: so far. */
#define TICK_QUERY_INSTANT_ROWS_MAX ((size_t)4 << 20)

struct tick_query {
    struct block_builder builder;
    struct copy_rows rows;
    struct tick_load *load;   /* during a run */
    struct time_range *left;  /* of the load: from = where the open stretch begins */
    int64_t stretch_to;       /* where it ends at the latest; with rows in the builder */
    size_t last_instant_row;  /* the first row of the builder's last instant */
    uint64_t row_count;       /* of all runs */
    uint64_t published_count; /* stretches of all runs */
};

void tick_query_init(struct tick_query *query);
void tick_query_deinit(struct tick_query *query);

/*
 * Reads `left`, a tail of load->range, and publishes it; after each stretch left->from is where the
 * next begins, so that after STATUS_UNAVAILABLE the same call on another connection goes on from
 * there. `error` must not be NULL. STATUS_END: load->cancelled was set or the connection was
 * cancelled. Calls load->publish on this thread, never load->done. See connection_is_idle for
 * whether the connection survived.
 */
enum status tick_query_run(struct tick_query *query, struct connection *connection,
                           struct tick_load *load, struct time_range *left,
                           struct error *error) MUST_CHECK;

#endif
