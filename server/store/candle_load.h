/*
 * One load of candles on one connection: COPY out of tapedeck.candles_exact(), oldest or newest
 * first, cut into blocks (store/candle_cutter.h).
 *
 * The thread that owns the connection. Everything it needs it makes and frees within a run.
 */
#ifndef TAPEDECK_STORE_CANDLE_LOAD_H
#define TAPEDECK_STORE_CANDLE_LOAD_H

#include "store/connection.h"
#include "store/load_progress.h"

/* STATUS_INVALID with a sentence unless the interval is stored and the range begins and ends at its
 * buckets. */
enum status candle_load_check(const struct tick_load *load, struct error *error) MUST_CHECK;

/*
 * Reads and publishes what is left of the load; `progress` goes along with each stretch, so that
 * after STATUS_UNAVAILABLE the same call on another connection goes on from there. `error` must not
 * be NULL. STATUS_END: load->cancelled was set or the connection was cancelled. Calls load->publish
 * on this thread, never load->done. See connection_is_idle for whether the connection survived.
 */
enum status candle_load_run(struct connection *connection, struct tick_load *load,
                            struct load_progress *progress, struct error *error) MUST_CHECK;

#endif
