/*
 * The thread that answers, and its queues.
 *
 *   wait for a request ─► connect, unless just tried in vain ─► begin, run, commit ─► answer ⟲
 *
 * One queue a kind of request, served in turn: what is asked of one kind delays another by one
 * statement. `lock` guards the queues, the flags, the counters, and the pointer to the connection,
 * which other threads may only cancel. Everything else is the thread's own. Never touches a request
 * after its letter was posted.
 */
#include "store/pg_operations.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backoff.h"
#include "store/connection.h"
#include "store/policies_query.h"
#include "store/storage_query.h"
#include "store/thread.h"

#include <string.h>

/* The server's own clock ends a statement; only a server that is frozen is left to ours. */
#define FROZEN_US INT64_C(2000000)

struct pg_operations {
    struct operations operations;
    char *url;
    char *data_path;
    int64_t timeout_us;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    struct list queues[PG_OPERATIONS_QUERIES];
    struct connection *connection;
    struct pg_operations_statistics statistics; /* without the latencies */
    struct latency latencies[PG_OPERATIONS_QUERIES];

    unsigned turn;     /* whose queue is looked at first */
    bool was_broken;   /* the next connection is in place of one */
    unsigned failures; /* to connect, in a row */
    int64_t retry_us;  /* not before: monotonic */
    struct error away; /* why the last try failed */
    uint64_t random;
};

static struct pg_operations *pg_operations_of(struct operations *operations)
{
    return CONTAINER_OF(operations, struct pg_operations, operations);
}

static bool is_stopping(struct pg_operations *operations)
{
    pthread_mutex_lock(&operations->lock);
    bool stopping = operations->stopping;
    pthread_mutex_unlock(&operations->lock);
    return stopping;
}

static void count(struct pg_operations *operations, uint64_t *number)
{
    pthread_mutex_lock(&operations->lock);
    (*number)++;
    pthread_mutex_unlock(&operations->lock);
}

/* ---- answering ---- */

static void answer(struct pg_operations *operations, enum pg_operations_query query,
                   struct operations_request *request, enum status status,
                   const struct error *error)
{
    if (status != STATUS_OK)
        count(operations, &operations->statistics.failures[query]);
    request->status = status;
    request->error = *error;
    inbox_post(request->inbox, &request->letter);
}

static void submit(struct operations *interface, enum pg_operations_query query,
                   struct operations_request *request)
{
    struct pg_operations *operations = pg_operations_of(interface);
    list_init(&request->node);
    pthread_mutex_lock(&operations->lock);
    operations->statistics.requests[query]++;
    bool is_late = operations->stopping;
    if (is_late) {
        operations->statistics.failures[query]++;
    } else {
        list_append(&operations->queues[query], &request->node);
        operations->statistics.queued++;
        pthread_cond_signal(&operations->changed);
    }
    pthread_mutex_unlock(&operations->lock);
    if (is_late) {
        request->status = error_set(&request->error, STATUS_UNAVAILABLE, "shutting down");
        inbox_post(request->inbox, &request->letter);
    }
}

/* The next in turn, or NULL. Under the lock. */
static struct operations_request *take(struct pg_operations *operations,
                                       enum pg_operations_query *query)
{
    for (unsigned i = 0; i < PG_OPERATIONS_QUERIES; i++) {
        *query = (enum pg_operations_query)((operations->turn + i) % PG_OPERATIONS_QUERIES);
        struct list *node = list_take_first(&operations->queues[*query]);
        if (node == NULL)
            continue;
        operations->turn = *query + 1;
        operations->statistics.queued--;
        return CONTAINER_OF(node, struct operations_request, node);
    }
    return NULL;
}

/* NULL when nothing is left and there will be no more. */
static struct operations_request *await_request(struct pg_operations *operations,
                                                enum pg_operations_query *query)
{
    struct operations_request *request;
    pthread_mutex_lock(&operations->lock);
    while ((request = take(operations, query)) == NULL && !operations->stopping)
        pthread_cond_wait(&operations->changed, &operations->lock);
    pthread_mutex_unlock(&operations->lock);
    return request;
}

/* ---- the connection ---- */

static void set_connection(struct pg_operations *operations, struct connection *connection)
{
    pthread_mutex_lock(&operations->lock);
    operations->connection = connection;
    operations->statistics.connected = connection != NULL;
    operations->statistics.connects += connection != NULL;
    operations->statistics.reconnects += connection != NULL && operations->was_broken;
    if (connection != NULL && operations->stopping)
        connection_cancel(connection); /* there was none when destroy looked */
    pthread_mutex_unlock(&operations->lock);
}

static void disconnect(struct pg_operations *operations)
{
    struct connection *connection = operations->connection;
    set_connection(operations, NULL);
    operations->was_broken = true;
    connection_close(&connection);
}

static enum status connect(struct pg_operations *operations, struct error *error)
{
    struct connection *connection = connection_open(operations->url, "operations", error);
    if (connection == NULL) {
        count(operations, &operations->statistics.connect_failures);
        if (operations->failures++ == 0)
            log_warn("operations.away", "error=%s", LOG_QUOTE(error->text));
        operations->away = *error;
        operations->retry_us =
            clock_monotonic_us() + backoff_us(operations->failures, &operations->random);
        return STATUS_UNAVAILABLE;
    }
    if (operations->failures > 0)
        log_info("operations.available", "failures=%u", operations->failures);
    operations->failures = 0;
    connection_set_stall_us(connection, operations->timeout_us + FROZEN_US);
    set_connection(operations, connection);
    return STATUS_OK;
}

/* A server that went away while nobody asked has said so: first its farewell is read, then that
 * nothing comes any more. */
static bool is_alive(struct connection *connection)
{
    PGconn *pg = connection_raw(connection);
    return PQconsumeInput(pg) != 0 && PQconsumeInput(pg) != 0 && connection_is_idle(connection);
}

static enum status ensure_connection(struct pg_operations *operations, struct error *error)
{
    if (operations->connection != NULL && is_alive(operations->connection))
        return STATUS_OK;
    if (operations->connection != NULL)
        disconnect(operations);
    if (clock_monotonic_us() < operations->retry_us) {
        *error = operations->away;
        return STATUS_UNAVAILABLE;
    }
    return connect(operations, error);
}

/* ---- running ---- */

static enum status ask(struct pg_operations *operations, enum pg_operations_query query,
                       struct operations_request *request, struct error *error)
{
    struct connection *connection = operations->connection;
    switch (query) {
    case PG_OPERATIONS_STORAGE: {
        struct storage_request *storage = CONTAINER_OF(request, struct storage_request, request);
        return storage_query_report(connection, operations->data_path, &storage->report, error);
    }
    case PG_OPERATIONS_HISTORY: {
        struct storage_history_request *history =
            CONTAINER_OF(request, struct storage_history_request, request);
        return storage_query_history(connection, history->limit, &history->history, error);
    }
    case PG_OPERATIONS_POLICIES: {
        struct policies_request *policies = CONTAINER_OF(request, struct policies_request, request);
        return policies_query_report(connection, &policies->report, error);
    }
    case PG_OPERATIONS_ACTION:
        break;
    }
    const struct policy_action_request *action =
        CONTAINER_OF(request, struct policy_action_request, request);
    return policies_query_act(connection, action->action, action->job_id, error);
}

/* What was read stays the request's only if all of it worked. */
static void forget_answer(enum pg_operations_query query, struct operations_request *request)
{
    if (query == PG_OPERATIONS_STORAGE)
        storage_report_free(&CONTAINER_OF(request, struct storage_request, request)->report);
    else if (query == PG_OPERATIONS_HISTORY)
        storage_history_free(
            &CONTAINER_OF(request, struct storage_history_request, request)->history);
    else if (query == PG_OPERATIONS_POLICIES)
        policies_report_free(&CONTAINER_OF(request, struct policies_request, request)->report);
}

/* What was asked for is committed: without it, it just takes longer. */
static void wake_jobs(struct connection *connection, struct operations_request *request)
{
    struct error error;
    if (CONTAINER_OF(request, struct policy_action_request, request)->action == POLICY_RUN &&
        policies_query_wake(connection, &error) != STATUS_OK)
        log_warn("operations.wake", "error=%s", LOG_QUOTE(error.text));
}

static enum status run(struct pg_operations *operations, enum pg_operations_query query,
                       struct operations_request *request, struct error *error)
{
    int64_t begun_us = clock_monotonic_us();
    struct connection *connection = operations->connection;
    enum status status = connection_begin(connection, (int)(operations->timeout_us / 1000), error);
    if (status == STATUS_OK)
        status = ask(operations, query, request, error);
    if (status == STATUS_OK)
        status = connection_commit(connection, error);
    if (status == STATUS_OK && query == PG_OPERATIONS_ACTION)
        wake_jobs(connection, request);
    if (status != STATUS_OK) {
        connection_rollback(connection);
        forget_answer(query, request);
    }
    latency_note(&operations->latencies[query], clock_monotonic_us() - begun_us);
    return status;
}

/* True: there was a connection, and it broke. */
static bool drop_if_broken(struct pg_operations *operations)
{
    if (operations->connection == NULL || connection_is_idle(operations->connection))
        return false;
    disconnect(operations);
    return true;
}

/* Of an action nobody knows whether it was done when the connection broke: it is not repeated. Nor
 * is what a frozen server has been asked in vain. */
static enum status run_with_retry(struct pg_operations *operations, enum pg_operations_query query,
                                  struct operations_request *request, struct error *error)
{
    int64_t begun_us = clock_monotonic_us();
    enum status status = ensure_connection(operations, error);
    if (status == STATUS_OK)
        status = run(operations, query, request, error);
    bool is_late = clock_monotonic_us() - begun_us > operations->timeout_us;
    if (!drop_if_broken(operations) || status == STATUS_OK || query == PG_OPERATIONS_ACTION ||
        is_late || is_stopping(operations))
        return status;
    count(operations, &operations->statistics.retries);
    status = connect(operations, error);
    if (status == STATUS_OK)
        status = run(operations, query, request, error);
    (void)drop_if_broken(operations);
    return status;
}

static void serve(struct pg_operations *operations, enum pg_operations_query query,
                  struct operations_request *request)
{
    struct error error = {.status = STATUS_OK};
    enum status status = STATUS_UNAVAILABLE;
    if (!is_stopping(operations))
        status = run_with_retry(operations, query, request, &error);
    if (status != STATUS_OK && is_stopping(operations))
        status = error_set(&error, STATUS_UNAVAILABLE, "shutting down");
    answer(operations, query, request, status, &error);
}

static void *operations_main(void *argument)
{
    struct pg_operations *operations = argument;
    pthread_setname_np(pthread_self(), "store-operation");
    enum pg_operations_query query;
    struct operations_request *request;
    while ((request = await_request(operations, &query)) != NULL)
        serve(operations, query, request);
    if (operations->connection != NULL)
        disconnect(operations);
    return NULL;
}

/* ---- the interface ---- */

static void ask_storage(struct operations *operations, struct storage_request *request)
{
    request->report = NULL;
    submit(operations, PG_OPERATIONS_STORAGE, &request->request);
}

static void ask_history(struct operations *operations, struct storage_history_request *request)
{
    request->history = NULL;
    submit(operations, PG_OPERATIONS_HISTORY, &request->request);
}

static void ask_policies(struct operations *operations, struct policies_request *request)
{
    request->report = NULL;
    submit(operations, PG_OPERATIONS_POLICIES, &request->request);
}

static void ask_action(struct operations *operations, struct policy_action_request *request)
{
    submit(operations, PG_OPERATIONS_ACTION, &request->request);
}

static const struct operations_ops ops = {
    .storage = ask_storage,
    .history = ask_history,
    .policies = ask_policies,
    .act = ask_action,
};

static void operations_free(struct pg_operations *operations)
{
    pthread_cond_destroy(&operations->changed);
    pthread_mutex_destroy(&operations->lock);
    mem_free(operations->data_path);
    mem_free(operations->url);
    mem_free(operations);
}

enum status pg_operations_create(const struct pg_operations_options *options,
                                 struct pg_operations **created, struct error *error)
{
    enum status status = connection_url_check(options->url, error);
    if (status != STATUS_OK)
        return status;
    struct pg_operations *operations = MEM_NEW(struct pg_operations);
    operations->operations.ops = &ops;
    operations->url = mem_copy_text(options->url);
    operations->data_path = options->data_path != NULL ? mem_copy_text(options->data_path) : NULL;
    operations->timeout_us =
        options->timeout_us > 0 ? options->timeout_us : PG_OPERATIONS_TIMEOUT_US;
    operations->random = (uint64_t)clock_monotonic_us();
    for (int query = 0; query < PG_OPERATIONS_QUERIES; query++)
        list_init(&operations->queues[query]);
    pthread_mutex_init(&operations->lock, NULL);
    pthread_cond_init(&operations->changed, NULL);
    int failure = thread_start(&operations->thread, operations_main, operations);
    if (failure != 0) {
        operations_free(operations);
        return error_set(error, STATUS_UNAVAILABLE, "cannot start a thread: %s", strerror(failure));
    }
    *created = operations;
    return STATUS_OK;
}

void pg_operations_destroy(struct pg_operations **place)
{
    struct pg_operations *operations = *place;
    *place = NULL;
    if (operations == NULL)
        return;
    pthread_mutex_lock(&operations->lock);
    operations->stopping = true;
    if (operations->connection != NULL)
        connection_cancel(operations->connection);
    pthread_cond_signal(&operations->changed);
    pthread_mutex_unlock(&operations->lock);
    pthread_join(operations->thread, NULL);
    operations_free(operations);
}

struct operations *pg_operations_interface(struct pg_operations *operations)
{
    return &operations->operations;
}

const char *pg_operations_query_name(enum pg_operations_query query)
{
    static const char *const names[] = {
        [PG_OPERATIONS_STORAGE] = "storage",
        [PG_OPERATIONS_HISTORY] = "storage_history",
        [PG_OPERATIONS_POLICIES] = "policies",
        [PG_OPERATIONS_ACTION] = "policy_action",
    };
    return names[query];
}

struct pg_operations_statistics pg_operations_statistics(struct pg_operations *operations)
{
    pthread_mutex_lock(&operations->lock);
    struct pg_operations_statistics statistics = operations->statistics;
    pthread_mutex_unlock(&operations->lock);
    for (int query = 0; query < PG_OPERATIONS_QUERIES; query++)
        statistics.latencies[query] = latency_read(&operations->latencies[query]);
    return statistics;
}
