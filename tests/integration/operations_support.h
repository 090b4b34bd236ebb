/*
 * What the tests of store/pg_operations share: a migrated database, the thing under test on it, and
 * requests that wait for their answer. Everything fails the test by itself.
 */
#ifndef TAPEDECK_TESTS_OPERATIONS_SUPPORT_H
#define TAPEDECK_TESTS_OPERATIONS_SUPPORT_H

#include "cluster_fixture.h"
#include "store/pg_operations.h"

#include <pthread.h>

/* The thread that the letters are delivered to is the test's. */
struct desk {
    struct inbox inbox;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
    size_t delivered;
};

void desk_init(struct desk *desk);
void desk_deinit(struct desk *desk);
/* Until so many letters have been delivered since desk_init. */
void desk_await(struct desk *desk, size_t delivered);
/* Takes what is there. */
void desk_drain(struct desk *desk);

/* The request's letter will come to the desk. */
void desk_expect(struct desk *desk, struct operations_request *request);

/* On the database's own data folder; `timeout_us` 0: the default. */
struct pg_operations *operations_start(struct database *database, int64_t timeout_us);

/* Ask and wait; the answer's status. What it points to is the caller's. */
enum status storage_of(struct pg_operations *operations, struct storage_report **report,
                       struct error *error);
enum status history_of(struct pg_operations *operations, size_t limit,
                       struct storage_history **history, struct error *error);
enum status policies_of(struct pg_operations *operations, struct policies_report **report,
                        struct error *error);
enum status act(struct pg_operations *operations, enum policy_action action, int32_t job_id,
                struct error *error);

/* NULL when it is not there. Borrowed. */
const struct storage_table *table_named(const struct storage_report *report, const char *name);
const struct storage_compression *compression_of(const struct storage_report *report,
                                                 const char *name);
const struct policy *policy_numbered(const struct policies_report *report, int32_t job_id);

/* Until the query's number is `wanted`; fails after 30 s. */
void await_number(struct connection *connection, const char *sql, int64_t wanted);

#endif
