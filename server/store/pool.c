/*
 * Creating, asking and ending the pool.
 *
 * One lock guards everything; nothing that can block runs under it. Three kinds of waiting: a
 * worker's own `wake` (connected, nothing to do), `weather` (no connection, not yet time to try),
 * `errands` (the clerk, which finishes tasks that no worker runs, brings back those that wait for
 * another try and tells of availability, so that none of it happens inside somebody's call).
 */
#include "store/pool_inner.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/thread.h"

#include <string.h>
#include <time.h>

struct pool_options pool_options_default(const char *url)
{
    return (struct pool_options){
        .url = url,
        .purpose = "pool",
        .threads_min = 2,
        .threads_max = 20,
        .idle_us = INT64_C(60000000),
        .stall_us = INT64_C(30000000),
        .retry_us_max = 0,
    };
}

/* ---- waiting ---- */

static void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void pool_wait_until(struct pool *pool, pthread_cond_t *condition, int64_t until_us)
{
    if (until_us == INT64_MAX) {
        pthread_cond_wait(condition, &pool->lock);
        return;
    }
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    pthread_cond_timedwait(condition, &pool->lock, &until);
}

/* ---- creating and destroying ---- */

static struct pool *pool_alloc(const struct pool_options *options)
{
    struct pool *pool = MEM_NEW(struct pool);
    pool->options = *options;
    pool->url = mem_copy_text(options->url);
    pool->purpose = mem_copy_text(options->purpose);
    pool->random = (uint64_t)clock_monotonic_us();
    pthread_mutex_init(&pool->lock, NULL);
    condition_init(&pool->weather);
    condition_init(&pool->errands);
    for (int class = 0; class < POOL_CLASSES; class ++)
        list_init(&pool->queues[class]);
    for (unsigned i = 0; i < POOL_THREADS_MAX; i++)
        condition_init(&pool->workers[i].wake);
    list_init(&pool->idle);
    list_init(&pool->delayed);
    list_init(&pool->ended);
    return pool;
}

static void pool_free(struct pool *pool)
{
    pthread_cond_destroy(&pool->errands);
    pthread_cond_destroy(&pool->weather);
    for (unsigned i = 0; i < POOL_THREADS_MAX; i++)
        pthread_cond_destroy(&pool->workers[i].wake);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool->purpose);
    mem_free(pool->url);
    mem_free(pool);
}

enum status pool_create(const struct pool_options *options, struct pool **created,
                        struct error *error)
{
    if (options->threads_min < 1 || options->threads_min > options->threads_max ||
        options->threads_max > POOL_THREADS_MAX)
        return error_set(error, STATUS_INVALID, "threads must be 1 ≤ min ≤ max ≤ %d",
                         POOL_THREADS_MAX);
    struct pool *pool = pool_alloc(options);
    int failure = thread_start(&pool->clerk, pool_clerk_main, pool);
    if (failure != 0) {
        pool_free(pool);
        return error_set(error, STATUS_UNAVAILABLE, "cannot start a thread: %s", strerror(failure));
    }
    pthread_mutex_lock(&pool->lock);
    bool started = true;
    for (unsigned i = 0; i < options->threads_min && started; i++)
        started = pool_worker_start(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!started) {
        pool_destroy(&pool);
        return error_set(error, STATUS_UNAVAILABLE, "cannot start the threads of the pool");
    }
    *created = pool;
    return STATUS_OK;
}

static void stop_everything(struct pool *pool)
{
    pool->stopping = true;
    pool_end_waiting(pool, "shutting down");
    for (unsigned i = 0; i < POOL_THREADS_MAX; i++)
        if (pool->workers[i].task != NULL)
            connection_cancel(pool->workers[i].connection);
    pool_wake_all(pool);
    pthread_cond_broadcast(&pool->weather);
}

void pool_destroy(struct pool **place)
{
    struct pool *pool = *place;
    *place = NULL;
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    stop_everything(pool);
    pthread_mutex_unlock(&pool->lock);
    /* Nobody starts workers any more, so the states only go from RUNS to LEFT. */
    for (unsigned i = 0; i < POOL_THREADS_MAX; i++) {
        pthread_mutex_lock(&pool->lock);
        bool started = pool->workers[i].state != WORKER_NONE;
        pthread_mutex_unlock(&pool->lock);
        if (started)
            pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_mutex_lock(&pool->lock);
    pool->clerk_leaves = true;
    pthread_cond_signal(&pool->errands);
    pthread_mutex_unlock(&pool->lock);
    pthread_join(pool->clerk, NULL);
    pool_free(pool);
}

/* ---- requests ---- */

/* Whether no thread is free for the task. */
static bool must_wait(const struct pool *pool, const struct pool_task *task)
{
    const struct pool_statistics *now = &pool->statistics;
    unsigned before = now->queued[POOL_SMALL] + now->queued[POOL_URGENT];
    if (task->class == POOL_PREFETCH && now->queued[POOL_PREFETCH] + pool->prefetch_running >=
                                            pool_prefetch_max(pool, now->connections_open))
        return true;
    return before >= now->threads - now->busy;
}

void pool_submit(struct pool *pool, struct pool_task *task)
{
    list_init(&task->node);
    task->state = POOL_TASK_OUT;
    pthread_mutex_lock(&pool->lock);
    task->submitted_us = clock_monotonic_us();
    pool->statistics.tasks[task->class]++;
    if (pool->stopping) {
        pool_end_task(pool, task, STATUS_UNAVAILABLE, "shutting down");
    } else {
        pool->statistics.waits[task->class] += must_wait(pool, task);
        pool_queue_insert(pool, task, false);
        pool_grow(pool);
    }
    pthread_mutex_unlock(&pool->lock);
}

void pool_urge(struct pool *pool, struct pool_task *task)
{
    pthread_mutex_lock(&pool->lock);
    if (task->class == POOL_PREFETCH) {
        bool is_queued = task->state == POOL_TASK_QUEUED;
        if (is_queued)
            pool_queue_remove(pool, task);
        bool runs = task->state == POOL_TASK_RUNS;
        pool->prefetch_running -= runs;
        task->class = POOL_URGENT;
        if (is_queued)
            pool_queue_insert(pool, task, false);
        if (runs)
            pool_wake_idle(pool); /* another prefetch may run now */
        pool_grow(pool);
    }
    pthread_mutex_unlock(&pool->lock);
}

void pool_cancel(struct pool *pool, struct pool_task *task)
{
    pthread_mutex_lock(&pool->lock);
    if (!task->cancelled) {
        task->cancelled = true;
        pool->statistics.cancels++;
        if (task->state == POOL_TASK_RUNS)
            connection_cancel(task->worker->connection);
        else if (task->state == POOL_TASK_QUEUED || task->state == POOL_TASK_DELAYED)
            pool_end_task(pool, task, STATUS_END, "cancelled");
    }
    pthread_mutex_unlock(&pool->lock);
}

struct pool_statistics pool_statistics(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct pool_statistics copy = pool->statistics;
    copy.available = pool_weather(pool) == TOLD_AVAILABLE;
    pthread_mutex_unlock(&pool->lock);
    return copy;
}

void pool_on_availability(struct pool *pool, pool_availability_fn *fn, void *owner)
{
    pthread_mutex_lock(&pool->lock);
    pool->availability = fn;
    pool->availability_owner = owner;
    pool->told = TOLD_NOTHING;
    pthread_cond_signal(&pool->errands);
    pthread_mutex_unlock(&pool->lock);
}
