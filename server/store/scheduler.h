/*
 * The server's recurring work in the database, on one thread with a connection of its own.
 *
 *   at start, then once a minute   heal candles that crashed writers left queued (store/refresh.h)
 *   postgresql engine              run_due_jobs() when the next one is due: refresh, retention, …
 *                                  (on the timescaledb engine the extension does that)
 *
 * Sleeps until the next of them is due. Several servers on one database share the work: the
 * routines take advisory locks. While the database is away it tries again, with back-off. The url
 * must be a direct one (see store/refresh.h).
 */
#ifndef TAPEDECK_STORE_SCHEDULER_H
#define TAPEDECK_STORE_SCHEDULER_H

#include "store/engine.h"

#include <stdint.h>

#define SCHEDULER_HEAL_US INT64_C(60000000)
/* Between two looks for due jobs, also when one claims to be due all the time. */
#define SCHEDULER_LOOK_US_MIN INT64_C(1000000)

struct scheduler;

struct scheduler_options {
    const char *url; /* copied */
    enum engine_kind engine;
    int64_t heal_us; /* 0: SCHEDULER_HEAL_US */
};

struct scheduler_statistics {
    uint64_t rounds;   /* times it has looked */
    uint64_t healed;   /* rows of the queue of candles */
    uint64_t failures; /* rounds that failed, and connections that could not be opened */
};

/* Starts the thread; does not wait for the database. */
enum status scheduler_create(const struct scheduler_options *options, struct scheduler **scheduler,
                             struct error *error) MUST_CHECK;
/* Looks at once: a policy was asked to run, or somebody has written. Any thread. */
void scheduler_wake(struct scheduler *scheduler);
/* Any thread. */
struct scheduler_statistics scheduler_statistics(struct scheduler *scheduler);
/* Cancels what runs and joins the thread: connect_timeout per host of the url at most. */
void scheduler_destroy(struct scheduler **scheduler);

#endif
