/*
 * The worker threads: each owns one connection and takes task after task.
 *
 *   no connection ─► connect ─► idle ⇄ run
 *         ▲             │ fails: wait for `weather`        doubted: ping first
 *         └─────────────┴──── connection lost ◄────────────────┘
 *
 * A worker's steps run under the pool's lock, which is let go for everything that may block.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/backoff.h"
#include "store/pool_inner.h"
#include "store/thread.h"

#include <string.h>

/* A connection that is doubted must answer an empty statement in this time. */
#define PING_US_MAX INT64_C(2000000)

static void *worker_main(void *argument);

bool pool_worker_start(struct pool *pool)
{
    for (unsigned i = 0; i < pool->options.threads_max; i++) {
        struct pool_worker *worker = &pool->workers[i];
        if (worker->state == WORKER_RUNS)
            continue;
        if (worker->state == WORKER_LEFT)
            pthread_join(worker->thread, NULL); /* it holds no lock any more */
        worker->pool = pool;
        worker->state = WORKER_NONE;
        worker->has_lost = false;
        list_init(&worker->idle_link);
        int failure = thread_start(&worker->thread, worker_main, worker);
        if (failure != 0) {
            log_warn("store.thread", "error=%s", LOG_QUOTE(strerror(failure)));
            return false;
        }
        worker->state = WORKER_RUNS;
        pool->statistics.threads++;
        return true;
    }
    return false;
}

/* Prefetch would wait although it has not its share yet, and nobody more important waits. */
static bool prefetch_wants_more(const struct pool *pool, unsigned others_waiting)
{
    const struct pool_statistics *now = &pool->statistics;
    unsigned most_now = pool_prefetch_max(pool, now->threads);
    unsigned most_ever = pool_prefetch_max(pool, pool->options.threads_max);
    return others_waiting == 0 && most_now < most_ever &&
           pool->prefetch_running + now->queued[POOL_PREFETCH] > most_now;
}

void pool_grow(struct pool *pool)
{
    const struct pool_statistics *now = &pool->statistics;
    if (pool->stopping || pool->connect_failures > 0 || now->threads >= pool->options.threads_max)
        return;
    unsigned waiting = now->queued[POOL_SMALL] + now->queued[POOL_URGENT];
    if (waiting > now->threads - now->busy || prefetch_wants_more(pool, waiting))
        (void)pool_worker_start(pool);
}

void pool_wake_idle(struct pool *pool)
{
    struct list *first = list_take_first(&pool->idle);
    if (first != NULL)
        pthread_cond_signal(&CONTAINER_OF(first, struct pool_worker, idle_link)->wake);
}

void pool_wake_all(struct pool *pool)
{
    while (!list_is_empty(&pool->idle))
        pool_wake_idle(pool);
}

/* ---- connecting ---- */

/* Under the lock, which is let go meanwhile. */
static void worker_disconnect(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    struct connection *connection = worker->connection;
    if (connection == NULL)
        return;
    worker->connection = NULL;
    pool->statistics.connections_open--;
    pool_weather_changed(pool);
    pthread_mutex_unlock(&pool->lock);
    connection_close(&connection);
    pthread_mutex_lock(&pool->lock);
}

static void worker_lose_connection(struct pool_worker *worker)
{
    worker->has_lost = true;
    worker_disconnect(worker);
}

/* `doubt`: as it was before; several that failed together count as one failure. */
static void connect_failed(struct pool *pool, uint64_t doubt, const struct error *error)
{
    pool->statistics.connect_failures++;
    pool->away_error = *error;
    if (pool->doubt != doubt)
        return;
    pool->connect_failures++;
    pool->connect_at_us = clock_monotonic_us() + backoff_us(pool->connect_failures, &pool->random);
    /* Whoever sits on an open connection shall see whether it still works. */
    pool->doubt++;
    pool_wake_all(pool);
}

static void connect_succeeded(struct pool_worker *worker, struct connection *connection)
{
    struct pool *pool = worker->pool;
    connection_set_stall_us(connection, pool->options.stall_us);
    worker->connection = connection;
    worker->doubt = pool->doubt;
    worker->idle_since_us = clock_monotonic_us();
    pool->connect_failures = 0;
    pool->statistics.connects++;
    pool->statistics.reconnects += worker->has_lost;
    pool->statistics.connections_open++;
    worker->has_lost = false;
    pthread_cond_broadcast(&pool->weather);
}

static void worker_connect(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    bool is_bad = pool->connect_failures > 0;
    if (is_bad && (pool->probing || clock_monotonic_us() < pool->connect_at_us)) {
        pool_wait_until(pool, &pool->weather, pool->probing ? INT64_MAX : pool->connect_at_us);
        return;
    }
    if (is_bad)
        pool->probing = true;
    uint64_t doubt = pool->doubt;
    pthread_mutex_unlock(&pool->lock);
    struct error error = {.status = STATUS_OK};
    struct connection *connection = connection_open(pool->url, pool->purpose, &error);
    pthread_mutex_lock(&pool->lock);
    if (is_bad) {
        pool->probing = false;
        pthread_cond_broadcast(&pool->weather); /* they wait for the next time, or for us */
    }
    if (connection != NULL)
        connect_succeeded(worker, connection);
    else
        connect_failed(pool, doubt, &error);
    pool_weather_changed(pool);
    pool_grow(pool);
}

/* Under the lock, which is let go meanwhile. */
static void worker_check_connection(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    worker->doubt = pool->doubt;
    struct connection *connection = worker->connection;
    pthread_mutex_unlock(&pool->lock);
    struct error error;
    connection_set_stall_us(connection, PING_US_MAX);
    bool works = connection_execute(connection, "", &error) == STATUS_OK;
    connection_set_stall_us(connection, pool->options.stall_us);
    pthread_mutex_lock(&pool->lock);
    if (!works)
        worker_lose_connection(worker);
}

/* Again, from the front of its class: at once after a first loss of the connection, which a
 * restarted server explains; else after a while. */
static void task_retry(struct pool *pool, struct pool_task *task, bool lost_connection,
                       int64_t now_us)
{
    pool->statistics.retries++;
    if (task->failures == 1 && lost_connection)
        pool_queue_insert(pool, task, true);
    else
        pool_queue_delay(pool, task, now_us + backoff_us(task->failures, &pool->random));
}

/* Whether the task is to be run again. */
static bool task_failed(struct pool *pool, struct pool_task *task, int64_t now_us)
{
    if (task->progressed)
        task->failures = 0;
    task->progressed = false;
    if (task->failures++ == 0)
        task->failed_us = now_us;
    return !task->cancelled && !pool->stopping && !pool_gives_up(pool, task->failed_us, now_us);
}

/* Takes the worker's task from it, before anything else can be cancelled by mistake. */
static void worker_put_down(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    struct pool_task *task = worker->task;
    pool->statistics.busy--;
    pool->prefetch_running -= task->class == POOL_PREFETCH;
    worker->task = NULL;
    task->worker = NULL;
    task->state = POOL_TASK_OUT;
    connection_clear_cancel(worker->connection);
    worker->idle_since_us = clock_monotonic_us();
}

static void worker_pick_up(struct pool_worker *worker, struct pool_task *task)
{
    struct pool *pool = worker->pool;
    int64_t waited_us = clock_monotonic_us() - task->submitted_us;
    if (task->failures == 0 && waited_us > 0)
        pool->statistics.wait_us[task->class] += (uint64_t)waited_us;
    pool->statistics.busy++;
    pool->statistics.runs++;
    pool->prefetch_running += task->class == POOL_PREFETCH;
    worker->task = task;
    task->worker = worker;
    task->state = POOL_TASK_RUNS;
    pool_grow(pool); /* for prefetch that was less important than this */
}

static void worker_run(struct pool_worker *worker, struct pool_task *task)
{
    struct pool *pool = worker->pool;
    worker_pick_up(worker, task);
    pthread_mutex_unlock(&pool->lock);
    struct error error = {.status = STATUS_OK};
    enum status status = task->ops->run(task, worker->connection, &error);
    pthread_mutex_lock(&pool->lock);
    worker_put_down(worker);
    bool lost_connection = !connection_is_idle(worker->connection);
    if (lost_connection)
        worker_lose_connection(worker);

    int64_t now_us = clock_monotonic_us();
    if (status == STATUS_UNAVAILABLE && task_failed(pool, task, now_us)) {
        log_debug("store.retry", "purpose=%s failures=%u error=%s", pool->purpose, task->failures,
                  LOG_QUOTE(error.text));
        task_retry(pool, task, lost_connection, now_us);
        return;
    }
    if (task->cancelled && status != STATUS_OK)
        status = error_set(&error, STATUS_END, "cancelled");
    else if (pool->stopping && status == STATUS_END)
        status = error_set(&error, STATUS_UNAVAILABLE, "shutting down");
    pthread_mutex_unlock(&pool->lock);
    task->ops->finish(task, status, &error);
    pthread_mutex_lock(&pool->lock);
}

/* There are enough without one that is idle: those that prefetch leaves to others stay with it. */
static bool is_one_too_many(const struct pool *pool)
{
    const struct pool_statistics *now = &pool->statistics;
    return now->threads > pool->options.threads_min &&
           (now->busy == 0 || now->connections_open - now->busy > POOL_RESERVED_THREADS);
}

/* False: it has been idle for long, and there are enough without it. */
static bool worker_idle(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    int64_t now_us = clock_monotonic_us();
    int64_t leave_us = worker->idle_since_us + pool->options.idle_us;
    if (now_us >= leave_us) {
        if (is_one_too_many(pool))
            return false;
        leave_us = now_us + pool->options.idle_us;
    }
    list_prepend(&pool->idle, &worker->idle_link);
    pool_wait_until(pool, &worker->wake, leave_us);
    list_remove(&worker->idle_link);
    return true;
}

/* One step, under the lock. False: the thread ends. */
static bool worker_turn(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    if (pool->stopping)
        return false;
    if (worker->connection == NULL) {
        worker_connect(worker);
        return true;
    }
    if (worker->doubt != pool->doubt) {
        worker_check_connection(worker);
        return true;
    }
    struct pool_task *task = pool_queue_take(pool);
    if (task == NULL)
        return worker_idle(worker);
    worker_run(worker, task);
    return true;
}

static void *worker_main(void *argument)
{
    struct pool_worker *worker = argument;
    struct pool *pool = worker->pool;
    pthread_setname_np(pthread_self(), "store");
    pthread_mutex_lock(&pool->lock);
    while (worker_turn(worker))
        ;
    /* Counted out before the lock is let go for the disconnecting: else several who see one too
     * many leave at once, and fewer than threads_min stay. */
    pool->statistics.threads--;
    worker_disconnect(worker);
    worker->state = WORKER_LEFT;
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}
