/*
 * `struct operations` over PostgreSQL: one thread with one connection of its own, so that slow
 * statistics take nothing from those that load ticks.
 *
 *   request ──► queue ──► the thread: a statement, timeout_us at most ──► letter
 *                           │ connection broke: once more, on a new one (an action: not)
 *                           │ cannot connect:   UNAVAILABLE, also all others until the next try
 *
 * Requests are intrusive and bounded by their requesters. The thread connects when the first
 * request comes, and sleeps between requests. Works through PgBouncer in transaction mode.
 */
#ifndef TAPEDECK_STORE_PG_OPERATIONS_H
#define TAPEDECK_STORE_PG_OPERATIONS_H

#include "market/operations.h"
#include "store/latency.h"

struct pg_operations;

#define PG_OPERATIONS_TIMEOUT_US INT64_C(10000000)

struct pg_operations_options {
    const char *url;       /* copied */
    const char *data_path; /* copied; of the embedded cluster. NULL: a given database */
    int64_t timeout_us;    /* of one statement; 0: PG_OPERATIONS_TIMEOUT_US */
};

/* Does not wait for the database. STATUS_INVALID for a malformed url. */
enum status pg_operations_create(const struct pg_operations_options *options,
                                 struct pg_operations **operations, struct error *error) MUST_CHECK;
/* Every request still open gets its letter (STATUS_UNAVAILABLE) before it returns; nothing may be
 * requested any more. Up to connect_timeout per host of the url when it is just connecting. */
void pg_operations_destroy(struct pg_operations **operations);

struct operations *pg_operations_interface(struct pg_operations *operations);

enum pg_operations_query {
    PG_OPERATIONS_STORAGE,
    PG_OPERATIONS_HISTORY,
    PG_OPERATIONS_POLICIES,
    PG_OPERATIONS_ACTION,
};
#define PG_OPERATIONS_QUERIES 4
/* "storage", "storage_history", "policies", "policy_action". */
const char *pg_operations_query_name(enum pg_operations_query query);

struct pg_operations_statistics {
    unsigned queued; /* not begun */
    bool connected;
    uint64_t requests[PG_OPERATIONS_QUERIES];
    uint64_t failures[PG_OPERATIONS_QUERIES]; /* answered with anything but STATUS_OK */
    uint64_t retries;
    uint64_t connects;
    uint64_t reconnects; /* of these, in place of one that broke */
    uint64_t connect_failures;
    /* Each run on a connection, failed ones included. */
    struct latency_statistics latencies[PG_OPERATIONS_QUERIES];
};
/* Any thread. */
struct pg_operations_statistics pg_operations_statistics(struct pg_operations *operations);

#endif
