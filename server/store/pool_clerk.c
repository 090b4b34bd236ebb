/*
 * The clerk thread: finishes the tasks that no worker runs, brings back those that wait for another
 * try and tells of the database's going and coming, so that none of it happens inside somebody's
 * call.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/pool_inner.h"

enum told pool_weather(const struct pool *pool)
{
    if (pool->statistics.connections_open > 0)
        return TOLD_AVAILABLE;
    return pool->connect_failures > 0 ? TOLD_AWAY : TOLD_NOTHING;
}

void pool_weather_changed(struct pool *pool)
{
    enum told now = pool_weather(pool);
    if (now == TOLD_NOTHING || now == pool->told)
        return;
    if (now == TOLD_AWAY)
        pool->away_since_us = clock_monotonic_us();
    pthread_cond_signal(&pool->errands);
}

bool pool_gives_up(const struct pool *pool, int64_t since_us, int64_t now_us)
{
    int64_t most = pool->options.retry_us_max;
    return most > 0 && now_us - since_us > most;
}

/* Under the lock, which is let go meanwhile. */
static void clerk_tell(struct pool *pool, enum told now)
{
    bool is_news = now != pool->logged;
    struct error error = pool->away_error;
    pool_availability_fn *availability = pool->availability;
    void *owner = pool->availability_owner;
    pool->told = pool->logged = now;
    pthread_mutex_unlock(&pool->lock);
    if (is_news && now == TOLD_AWAY)
        log_warn("store.away", "purpose=%s error=%s", pool->purpose, LOG_QUOTE(error.text));
    else if (is_news)
        log_info("store.available", "purpose=%s", pool->purpose);
    if (availability != NULL)
        availability(owner, now == TOLD_AVAILABLE, &error);
    pthread_mutex_lock(&pool->lock);
}

/* Away for too long: what waits is given up. Returns when to look again. */
static int64_t clerk_expire(struct pool *pool)
{
    if (pool->options.retry_us_max == 0 || pool_weather(pool) != TOLD_AWAY)
        return INT64_MAX;
    if (!pool_gives_up(pool, pool->away_since_us, clock_monotonic_us()))
        return pool->away_since_us + pool->options.retry_us_max + 1;
    pool_end_waiting(pool, pool->away_error.text);
    return clock_monotonic_us() + pool->options.retry_us_max;
}

/* One step, under the lock. False: the thread ends. */
static bool clerk_turn(struct pool *pool)
{
    int64_t expire_us = clerk_expire(pool);
    int64_t retry_us = pool_queue_wake_delayed(pool, clock_monotonic_us());
    struct list *node = list_take_first(&pool->ended);
    if (node != NULL) {
        struct pool_task *task = CONTAINER_OF(node, struct pool_task, node);
        struct error outcome = task->outcome; /* the task may be gone before finish returns */
        pthread_mutex_unlock(&pool->lock);
        task->ops->finish(task, outcome.status, &outcome);
        pthread_mutex_lock(&pool->lock);
        return true;
    }
    enum told now = pool_weather(pool);
    if (!pool->stopping && now != TOLD_NOTHING && now != pool->told) {
        clerk_tell(pool, now);
        return true;
    }
    if (pool->clerk_leaves)
        return false;
    pool_wait_until(pool, &pool->errands, retry_us < expire_us ? retry_us : expire_us);
    return true;
}

void *pool_clerk_main(void *argument)
{
    struct pool *pool = argument;
    pthread_setname_np(pthread_self(), "store-clerk");
    pthread_mutex_lock(&pool->lock);
    while (clerk_turn(pool))
        ;
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}
