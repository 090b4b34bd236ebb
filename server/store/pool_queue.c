/*
 * The tasks that wait: three classes, those that failed and wait a while, those that ended without
 * a worker.
 *
 * Under the pool's lock. Owns no memory: the nodes are the tasks'.
 */
#include "base/assert.h"
#include "store/pool_inner.h"

void pool_queue_insert(struct pool *pool, struct pool_task *task, bool in_front)
{
    ASSERT(task->state != POOL_TASK_QUEUED);
    struct list *queue = &pool->queues[task->class];
    if (in_front)
        list_prepend(queue, &task->node);
    else
        list_append(queue, &task->node);
    task->state = POOL_TASK_QUEUED;
    pool->statistics.queued[task->class]++;
    pool_wake_idle(pool);
}

void pool_queue_remove(struct pool *pool, struct pool_task *task)
{
    list_remove(&task->node);
    if (task->state == POOL_TASK_QUEUED) {
        ASSERT(pool->statistics.queued[task->class] > 0);
        pool->statistics.queued[task->class]--;
    }
    task->state = POOL_TASK_OUT;
}

void pool_queue_delay(struct pool *pool, struct pool_task *task, int64_t until_us)
{
    task->state = POOL_TASK_DELAYED;
    task->retry_us = until_us;
    list_append(&pool->delayed, &task->node);
    pthread_cond_signal(&pool->errands); /* the clerk may sleep for too long */
}

int64_t pool_queue_wake_delayed(struct pool *pool, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    struct list *next;
    for (struct list *node = pool->delayed.next; node != &pool->delayed; node = next) {
        next = node->next;
        struct pool_task *task = CONTAINER_OF(node, struct pool_task, node);
        if (task->retry_us > now_us) {
            next_us = task->retry_us < next_us ? task->retry_us : next_us;
            continue;
        }
        pool_queue_remove(pool, task);
        pool_queue_insert(pool, task, true);
    }
    return next_us;
}

unsigned pool_prefetch_max(const struct pool *pool, unsigned threads)
{
    unsigned share = pool->options.threads_max / 2;
    unsigned spare = threads > POOL_RESERVED_THREADS ? threads - POOL_RESERVED_THREADS : 0;
    unsigned most = spare < share ? spare : share;
    return most > 0 ? most : 1;
}

static bool prefetch_must_wait(const struct pool *pool)
{
    return pool->prefetch_running >= pool_prefetch_max(pool, pool->statistics.connections_open);
}

struct pool_task *pool_queue_take(struct pool *pool)
{
    for (int class = POOL_SMALL; class <= POOL_PREFETCH; class ++) {
        if (list_is_empty(&pool->queues[class]))
            continue;
        if (class == POOL_PREFETCH && prefetch_must_wait(pool))
            return NULL;
        struct list *first = pool->queues[class].next;
        struct pool_task *task = CONTAINER_OF(first, struct pool_task, node);
        pool_queue_remove(pool, task);
        return task;
    }
    return NULL;
}

void pool_end_task(struct pool *pool, struct pool_task *task, enum status status,
                   const char *reason)
{
    if (task->state != POOL_TASK_OUT)
        pool_queue_remove(pool, task);
    task->state = POOL_TASK_ENDED;
    error_set(&task->outcome, status, "%s", reason);
    list_append(&pool->ended, &task->node);
    pthread_cond_signal(&pool->errands);
}

static void end_list(struct pool *pool, struct list *list, const char *reason)
{
    while (!list_is_empty(list))
        pool_end_task(pool, CONTAINER_OF(list->next, struct pool_task, node), STATUS_UNAVAILABLE,
                      reason);
}

void pool_end_waiting(struct pool *pool, const char *reason)
{
    for (int class = 0; class < POOL_CLASSES; class ++)
        end_list(pool, &pool->queues[class], reason);
    end_list(pool, &pool->delayed, reason);
}
