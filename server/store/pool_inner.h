/*
 * What the pool_*.c files share: the pool itself. Never included by others.
 *
 * Every function here wants the pool's lock held, unless it says otherwise.
 */
#ifndef TAPEDECK_STORE_POOL_INNER_H
#define TAPEDECK_STORE_POOL_INNER_H

#include "store/pool.h"

#include <pthread.h>

enum worker_state { WORKER_NONE, WORKER_RUNS, WORKER_LEFT /* to be joined */ };

struct pool_worker {
    struct pool *pool;
    pthread_t thread;
    enum worker_state state;
    struct connection *connection;
    struct pool_task *task;
    pthread_cond_t wake;   /* while it is idle; lives as long as the pool */
    struct list idle_link; /* in the pool's idle workers */
    int64_t idle_since_us;
    bool has_lost;  /* a connection that broke, and not yet got another */
    uint64_t doubt; /* as of which the connection is known to work */
};

enum told { TOLD_NOTHING, TOLD_AVAILABLE, TOLD_AWAY };

struct pool {
    struct pool_options options;
    char *url;
    char *purpose;

    pthread_mutex_t lock;
    pthread_cond_t weather;
    pthread_cond_t errands;

    struct list queues[POOL_CLASSES];
    struct list delayed; /* until retry_us */
    struct list ended;   /* for the clerk to finish */
    unsigned prefetch_running;
    struct list idle; /* workers with nothing to do: who was busy last comes first */

    struct pool_worker workers[POOL_THREADS_MAX];
    pthread_t clerk;
    bool stopping;
    bool clerk_leaves;

    bool probing; /* a worker tries whether the database is back */
    unsigned connect_failures;
    int64_t connect_at_us;
    int64_t away_since_us;
    uint64_t doubt; /* grows when connecting fails: open connections are then checked */
    uint64_t random;
    struct error away_error;
    pool_availability_fn *availability;
    void *availability_owner;
    enum told told;   /* to the listener */
    enum told logged; /* to the log */

    struct pool_statistics statistics;
};

/* pool.c */
/* INT64_MAX: without limit. Lets the lock go meanwhile. */
void pool_wait_until(struct pool *pool, pthread_cond_t *condition, int64_t until_us);

/* pool_queue.c */
void pool_queue_insert(struct pool *pool, struct pool_task *task, bool in_front);
/* Out of the queue or the delayed. */
void pool_queue_remove(struct pool *pool, struct pool_task *task);
void pool_queue_delay(struct pool *pool, struct pool_task *task, int64_t until_us);
/* Brings back what has waited long enough; returns when to look again. */
int64_t pool_queue_wake_delayed(struct pool *pool, int64_t now_us);
struct pool_task *pool_queue_take(struct pool *pool);
/* Threads that prefetch leaves to others, so that an urgent task finds one at once. */
#define POOL_RESERVED_THREADS 2
/* How many prefetch tasks may run beside each other on so many threads. */
unsigned pool_prefetch_max(const struct pool *pool, unsigned threads);
/* Takes a task that no worker runs from where it is, for the clerk to finish. */
void pool_end_task(struct pool *pool, struct pool_task *task, enum status status,
                   const char *reason);
void pool_end_waiting(struct pool *pool, const char *reason);

/* pool_worker.c */
bool pool_worker_start(struct pool *pool);
/* One more worker when a task would wait for one. */
void pool_grow(struct pool *pool);
/* One idle worker shall look for work, or all of them. */
void pool_wake_idle(struct pool *pool);
void pool_wake_all(struct pool *pool);

/* pool_clerk.c */
enum told pool_weather(const struct pool *pool);
/* A connection was opened or lost: lets the clerk tell. */
void pool_weather_changed(struct pool *pool);
bool pool_gives_up(const struct pool *pool, int64_t since_us, int64_t now_us);
/* Needs no lock. */
void *pool_clerk_main(void *pool);

#endif
