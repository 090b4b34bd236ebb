/*
 * Heals tapedeck.pending_refresh: brings the candles of ranges that were written up to date.
 *
 *   take a row ──► its steps, one by one, outside a transaction ──► done: the row goes
 *                       └ failed: the row stays for the next healer, and the next row has its turn
 *
 * After an import, at every server start, and once a minute (store/scheduler.h). Whoever dies in
 * between leaves the row as it was; several healers share the rows. The hold on a row lasts as long
 * as the session, so the connection must be a direct one, not through PgBouncer in transaction
 * mode.
 *
 * Runs on the connection's owner thread, for as long as it takes. Owns nothing.
 */
#ifndef TAPEDECK_STORE_REFRESH_H
#define TAPEDECK_STORE_REFRESH_H

#include "market/time.h"
#include "store/connection.h"

struct refresh_progress {
    int64_t pending_id;
    struct time_range range;
    size_t step; /* done so far, 0 … steps */
    size_t steps;
};

/* Before the first step and after each. False ends the healing with STATUS_END. */
typedef bool refresh_progress_fn(void *owner, const struct refresh_progress *progress);

/*
 * Heals every row that nobody else holds. `healed` (may be NULL): how many. When rows fail, the
 * error of the first one is told after all others had their turn. STATUS_UNAVAILABLE when the
 * connection broke.
 */
enum status refresh_heal(struct connection *connection, refresh_progress_fn *progress, void *owner,
                         size_t *healed, struct error *error) MUST_CHECK;
/* How many rows wait, held ones too. */
enum status refresh_pending(struct connection *connection, int64_t *count,
                            struct error *error) MUST_CHECK;

#endif
