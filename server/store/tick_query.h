/*
 * One tick load on one connection: COPY out of tick_data, oldest or newest first, cut into
 * stretches that are published as soon as their last row has been read (store/stretch_cutter.h).
 *
 * A tick_query belongs to one thread and is used for one load after the other (its builder's memory
 * is kept). It does not own the connection or the load.
 */
#ifndef TAPEDECK_STORE_TICK_QUERY_H
#define TAPEDECK_STORE_TICK_QUERY_H

#include "store/connection.h"
#include "store/copy_rows.h"
#include "store/stretch_cutter.h"

struct tick_query {
    struct stretch_cutter cutter;
    struct copy_rows rows;
};

void tick_query_init(struct tick_query *query);
void tick_query_deinit(struct tick_query *query);

/*
 * Reads and publishes what is left of the load; `progress` goes along with each stretch, so that
 * after STATUS_UNAVAILABLE the same call on another connection goes on from there. `error` must not
 * be NULL. STATUS_END: load->cancelled was set or the connection was cancelled. Calls load->publish
 * on this thread, never load->done. See connection_is_idle for whether the connection survived.
 */
enum status tick_query_run(struct tick_query *query, struct connection *connection,
                           struct tick_load *load, struct load_progress *progress,
                           struct error *error) MUST_CHECK;

#endif
