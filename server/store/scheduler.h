/*
 * The server's recurring work in the database, on one thread with a connection of its own.
 *
 *   at start, then once a minute   heal candles that crashed writers left queued (store/refresh.h)
 *     beside it                    whether engine and schema still are those of this program
 *     afterwards, in idle times    count one symbol after the other whose books have gaps
 *   at start, then once a day      policies_check(): what it finds goes to the log
 *   when ticks came                queue finished buckets beyond the watermark, and heal them:
 * hours at once, a trickle once a minute (tails_queue()) postgresql engine run_due_jobs() when the
 * next one is due: refresh, retention, … (on the timescaledb engine the extension does that)
 *
 * Counting reads all ticks of a symbol, for SCHEDULER_COUNT_MS_MAX at most; afterwards it rests
 * SCHEDULER_COUNT_REST times as long, and it leaves off while anybody writes ticks or is_idle says
 * no.
 *
 * Sleeps until the next of them is due. Several servers on one database share the work: the
 * routines take advisory locks. While the database is away it tries again, with back-off. The url
 * must be a direct one (see store/refresh.h).
 */
#ifndef TAPEDECK_STORE_SCHEDULER_H
#define TAPEDECK_STORE_SCHEDULER_H

#include "store/schema_check.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULER_HEAL_US INT64_C(60000000)
#define SCHEDULER_CHECK_US (INT64_C(24) * 3600 * 1000000)
#define SCHEDULER_COUNT_MS_MAX 20000
#define SCHEDULER_COUNT_REST 20
/* Between two looks for due jobs, or for owed candles, however often they are said to be due. */
#define SCHEDULER_LOOK_US_MIN INT64_C(1000000)

struct scheduler;

struct scheduler_options {
    const char *url; /* copied */
    enum engine_kind engine;
    int64_t heal_us; /* 0: SCHEDULER_HEAL_US */
    /* Whether nobody waits for the database; on the scheduler's thread. NULL: never anybody. */
    bool (*is_idle)(void *owner);
    void *idle_owner;
    bool plain; /* as in migrate_options */
    /* Told on the scheduler's thread, whenever it has looked; must not block. NULL: it does not
     * look.
     */
    schema_checked_fn *checked;
    void *checked_owner;
};

struct scheduler_statistics {
    uint64_t rounds;   /* times it has looked */
    uint64_t healed;   /* rows of the queue of candles */
    uint64_t counted;  /* symbols */
    uint64_t findings; /* of policies_check */
    uint64_t failures; /* rounds that failed, and connections that could not be opened */
};

/* Starts the thread; does not wait for the database. */
enum status scheduler_create(const struct scheduler_options *options, struct scheduler **scheduler,
                             struct error *error) MUST_CHECK;
/* Looks at once: a policy was asked to run, or somebody has written. Any thread. */
void scheduler_wake(struct scheduler *scheduler);
/* A job may be due before its time: looks soon, on the postgresql engine. Cheap. Any thread. */
void scheduler_notice_job(struct scheduler *scheduler);
/* Ticks came: looks soon whether candles beyond the watermark are owed. Cheap. Any thread. */
void scheduler_notice(struct scheduler *scheduler);
/* Any thread. */
struct scheduler_statistics scheduler_statistics(struct scheduler *scheduler);
/* Cancels what runs and joins the thread: connect_timeout per host of the url at most. */
void scheduler_destroy(struct scheduler **scheduler);

#endif
