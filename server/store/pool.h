/*
 * Threads that own one connection each and work off one queue.
 *
 *   submit ──► small    ─┐
 *              urgent   ─┼─► a worker: run ──► finish
 *              prefetch ─┘      │ UNAVAILABLE: again, from the front, after a while
 *                  ▲            ▼
 *                  └──────── delayed
 *
 * Small requests go before urgent ones, prefetch comes last; within a class first come, first
 * served. The pool grows when a small or urgent task would wait, up to threads_max; for prefetch it
 * grows moderately, so that prefetch has up to half of threads_max and always leaves two to the
 * others (README.md). The thread that was busy last works next, and one that had nothing to do for
 * idle_us leaves. While the database is away one worker at a time tries to connect, with back-off,
 * and tasks wait.
 *
 * Tasks are intrusive: the queue is bounded by its requesters. submit, urge, cancel, statistics:
 * any thread; none of them blocks for the database. run: on a worker. finish: on a worker or on the
 * pool's clerk thread, exactly once, never inside submit or cancel.
 */
#ifndef TAPEDECK_STORE_POOL_H
#define TAPEDECK_STORE_POOL_H

#include "base/list.h"
#include "store/connection.h"

#define POOL_THREADS_MAX 64

enum pool_class {
    POOL_SMALL,    /* a few rows, milliseconds */
    POOL_URGENT,   /* somebody waits for it */
    POOL_PREFETCH, /* somebody will */
};
#define POOL_CLASSES 3

enum pool_task_state {
    POOL_TASK_OUT, /* the requester's */
    POOL_TASK_QUEUED,
    POOL_TASK_DELAYED, /* failed, waits for retry_us */
    POOL_TASK_RUNS,
    POOL_TASK_ENDED, /* the clerk will finish it */
};

struct pool_task;
struct pool_worker;

struct pool_task_ops {
    /* STATUS_UNAVAILABLE: will be run again, perhaps on another connection. STATUS_END: was
     * cancelled. Anything else is final. May leave the connection in any state. */
    enum status (*run)(struct pool_task *task, struct connection *connection, struct error *error);
    /* The task is the requester's again. */
    void (*finish)(struct pool_task *task, enum status status, const struct error *error);
};

struct pool_task {
    const struct pool_task_ops *ops;
    enum pool_class class;
    bool progressed; /* set by run when part of the work is done for good: patience starts anew */

    /* The pool's own. */
    struct list node;
    enum pool_task_state state;
    struct pool_worker *worker; /* while it runs */
    bool cancelled;
    unsigned failures; /* in a row, without progress */
    int64_t submitted_us;
    int64_t failed_us; /* the first of the failures */
    int64_t retry_us;  /* not before */
    struct error outcome;
};

struct pool_options {
    const char *url;
    const char *purpose;
    unsigned threads_min;
    unsigned threads_max;
    int64_t idle_us;      /* a thread too many leaves after it */
    int64_t stall_us;     /* a statement that brings no byte for so long is cancelled and retried */
    int64_t retry_us_max; /* give a task up after so long without the database; 0: never */
};
/* 2 to 20 threads, 60 s idle, 30 s stall, never giving up. */
struct pool_options pool_options_default(const char *url);

struct pool_statistics {
    unsigned threads;
    unsigned connections_open;
    unsigned busy;                 /* threads running a task */
    unsigned queued[POOL_CLASSES]; /* waiting */
    bool available;
    uint64_t tasks[POOL_CLASSES];   /* submitted */
    uint64_t waits[POOL_CLASSES];   /* of these, had to wait for a thread */
    uint64_t wait_us[POOL_CLASSES]; /* from submit to the first run, in all */
    uint64_t runs;
    uint64_t retries;
    uint64_t cancels; /* asked for */
    uint64_t connects;
    uint64_t reconnects; /* of these, in place of one that broke */
    uint64_t connect_failures;
};

struct pool;

/* Starts the threads; does not wait for the database. Copies the options. */
enum status pool_create(const struct pool_options *options, struct pool **pool,
                        struct error *error) MUST_CHECK;
/* Ends every task (STATUS_UNAVAILABLE unless it was done or cancelled) and joins the threads. May
 * take connect_timeout per host of the url when a worker is just connecting. */
void pool_destroy(struct pool **pool);

/* `ops` and `class` are set, the rest is zero. */
void pool_submit(struct pool *pool, struct pool_task *task);
/* A prefetch becomes urgent. */
void pool_urge(struct pool *pool, struct pool_task *task);
/* Ends it early: finish gets STATUS_END, or what it came to just before. */
void pool_cancel(struct pool *pool, struct pool_task *task);

struct pool_statistics pool_statistics(struct pool *pool);

/* Called on the clerk thread with the state as of now (once it is known), then whenever the
 * database goes away (no connection is open, none can be opened) or returns. Set once; the owner
 * outlives the pool. */
typedef void pool_availability_fn(void *owner, bool available, const struct error *error);
void pool_on_availability(struct pool *pool, pool_availability_fn *fn, void *owner);

#endif
