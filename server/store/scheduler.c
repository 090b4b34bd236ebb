/*
 * The scheduler's thread.
 *
 *   connect ──► round: whatever is due; when is the next? ──► sleep until then, or woken
 *      ▲                       │ failed
 *      └──── back-off ◄────────┘
 *
 * `lock` guards what other threads touch: the flags, the statistics, and the pointer to the
 * connection, which they may only cancel. Everything else is the thread's own.
 */
#include "store/scheduler.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backoff.h"
#include "store/refresh.h"
#include "store/thread.h"

#include <string.h>
#include <time.h>

struct scheduler {
    char *url;
    enum engine_kind engine;
    int64_t heal_us;
    bool (*is_idle)(void *owner);
    void *idle_owner;
    bool plain;
    schema_checked_fn *checked;
    void *checked_owner;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    bool woken;
    bool noticed;
    bool noticed_job;
    struct connection *connection;
    struct scheduler_statistics statistics;

    int64_t heal_at_us; /* monotonic */
    int64_t tails_at_us;
    int64_t tails_looked_us;
    int64_t jobs_at_us;
    int64_t jobs_looked_us;
    int64_t check_at_us;
    int64_t schema_at_us;
    int64_t count_at_us; /* INT64_MAX: after the next healing */
    int64_t rest_until_us;
    unsigned failures; /* in a row */
    uint64_t random;
};

/* ---- what others may touch ---- */

static bool is_stopping(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    bool stopping = scheduler->stopping;
    pthread_mutex_unlock(&scheduler->lock);
    return stopping;
}

static void count(struct scheduler *scheduler, uint64_t *number, uint64_t by)
{
    pthread_mutex_lock(&scheduler->lock);
    *number += by;
    pthread_mutex_unlock(&scheduler->lock);
}

/* Not more often than once a second. */
static void bring_tails_forward(struct scheduler *scheduler)
{
    int64_t earliest_us = scheduler->tails_looked_us + SCHEDULER_LOOK_US_MIN;
    if (scheduler->tails_at_us > earliest_us)
        scheduler->tails_at_us = earliest_us;
}

/* The same. */
static void bring_jobs_forward(struct scheduler *scheduler)
{
    int64_t earliest_us = scheduler->jobs_looked_us + SCHEDULER_LOOK_US_MIN;
    if (scheduler->engine == ENGINE_POSTGRESQL && scheduler->jobs_at_us > earliest_us)
        scheduler->jobs_at_us = earliest_us;
}

/* Under the lock. Back-off is not cut short. */
static void take_notices(struct scheduler *scheduler, int64_t *until_us)
{
    if (scheduler->noticed)
        bring_tails_forward(scheduler);
    if (scheduler->noticed_job)
        bring_jobs_forward(scheduler);
    scheduler->noticed = scheduler->noticed_job = false;
    if (scheduler->connection == NULL)
        return;
    if (scheduler->tails_at_us < *until_us)
        *until_us = scheduler->tails_at_us;
    if (scheduler->jobs_at_us < *until_us)
        *until_us = scheduler->jobs_at_us;
}

/* Until the instant, a wake-up or the end; a notice brings the instant forward. A wake-up makes
 * everything due. */
static void sleep_until(struct scheduler *scheduler, int64_t until_us)
{
    pthread_mutex_lock(&scheduler->lock);
    int rc = 0;
    while (!scheduler->stopping && !scheduler->woken && rc == 0) {
        take_notices(scheduler, &until_us);
        const struct timespec until = {.tv_sec = until_us / 1000000,
                                       .tv_nsec = (until_us % 1000000) * 1000};
        rc = pthread_cond_timedwait(&scheduler->changed, &scheduler->lock, &until);
    }
    if (scheduler->woken)
        scheduler->heal_at_us = scheduler->jobs_at_us = 0;
    scheduler->woken = false;
    pthread_mutex_unlock(&scheduler->lock);
}

static void drop_connection(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    struct connection *connection = scheduler->connection;
    scheduler->connection = NULL;
    pthread_mutex_unlock(&scheduler->lock);
    connection_close(&connection);
}

static enum status ensure_connection(struct scheduler *scheduler, struct error *error)
{
    if (scheduler->connection != NULL)
        return STATUS_OK;
    struct connection *connection = connection_open(scheduler->url, "scheduler", error);
    if (connection == NULL)
        return error->status;
    pthread_mutex_lock(&scheduler->lock);
    scheduler->connection = connection;
    pthread_mutex_unlock(&scheduler->lock);
    /* Who knows what happened meanwhile? */
    scheduler->heal_at_us = scheduler->jobs_at_us = scheduler->schema_at_us = 0;
    return STATUS_OK;
}

/* ---- a round ---- */

static bool goes_on(void *owner, const struct refresh_progress *progress)
{
    (void)progress;
    return !is_stopping(owner);
}

static enum status heal(struct scheduler *scheduler, struct error *error)
{
    size_t healed = 0;
    enum status status = refresh_heal(scheduler->connection, goes_on, scheduler, &healed, error);
    if (healed > 0) {
        count(scheduler, &scheduler->statistics.healed, healed);
        log_info("scheduler.heal", "rows=%zu", healed);
        bring_tails_forward(scheduler); /* what came after the range that was queued */
    }
    int64_t now_us = clock_monotonic_us();
    scheduler->heal_at_us = now_us + scheduler->heal_us;
    scheduler->count_at_us = scheduler->rest_until_us > now_us ? scheduler->rest_until_us : now_us;
    return status;
}

/* ---- the schema ---- */

static enum status check_schema(struct scheduler *scheduler, struct error *error)
{
    scheduler->schema_at_us = clock_monotonic_us() + SCHEDULER_HEAL_US;
    if (scheduler->checked == NULL)
        return STATUS_OK;
    struct schema_check check;
    enum status status =
        schema_check_run(scheduler->connection, scheduler->plain, scheduler->engine, &check, error);
    if (status == STATUS_OK)
        scheduler->checked(scheduler->checked_owner, &check);
    return status;
}

/* ---- counting ---- */

static enum status count_in_transaction(struct scheduler *scheduler, int64_t *counted,
                                        struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        scheduler->connection, "select tapedeck.symbols_recount(1)", 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, counted);
    PQclear(row);
    if (status != STATUS_OK)
        return error_set(error, status, "symbols_recount() is no number");
    return connection_commit(scheduler->connection, error);
}

/* One symbol; the next after a rest. */
static enum status count_one(struct scheduler *scheduler, struct error *error)
{
    scheduler->count_at_us = INT64_MAX;
    if (scheduler->is_idle != NULL && !scheduler->is_idle(scheduler->idle_owner))
        return STATUS_OK;
    int64_t begun_us = clock_monotonic_us();
    int64_t counted = 0;
    enum status status = connection_begin(scheduler->connection, SCHEDULER_COUNT_MS_MAX, error);
    if (status == STATUS_OK)
        status = count_in_transaction(scheduler, &counted, error);
    if (status != STATUS_OK)
        connection_rollback(scheduler->connection);
    int64_t now_us = clock_monotonic_us();
    int64_t rest_us = (now_us - begun_us) * SCHEDULER_COUNT_REST;
    rest_us = rest_us > SCHEDULER_LOOK_US_MIN ? rest_us : SCHEDULER_LOOK_US_MIN;
    scheduler->rest_until_us = now_us + rest_us;
    if (counted > 0)
        scheduler->count_at_us = scheduler->rest_until_us;
    count(scheduler, &scheduler->statistics.counted, (uint64_t)counted);
    return status;
}

/* ---- policies ---- */

static enum status check_policies(struct scheduler *scheduler, struct error *error)
{
    scheduler->check_at_us = clock_monotonic_us() + SCHEDULER_HEAL_US;
    PGresult *findings;
    enum status status =
        connection_query(scheduler->connection, "select f from tapedeck.policies_check() f", 0,
                         NULL, &findings, error);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < PQntuples(findings); row++)
        log_warn("policies.check", "finding=%s", LOG_QUOTE(result_text(findings, row, 0)));
    count(scheduler, &scheduler->statistics.findings, (uint64_t)PQntuples(findings));
    PQclear(findings);
    scheduler->check_at_us = clock_monotonic_us() + SCHEDULER_CHECK_US;
    return STATUS_OK;
}

/* ---- tails ---- */

static enum status queue_tails(struct scheduler *scheduler, int64_t *wait_us, struct error *error)
{
    /* Also what others wrote while no server was there to notice. */
    PGresult *row;
    enum status status =
        connection_execute(scheduler->connection, "select tapedeck.symbols_reconcile()", error);
    if (status != STATUS_OK)
        return status;
    status = connection_query_row(
        scheduler->connection,
        "select coalesce(pg_catalog.ceil(tapedeck.tails_queue() * 1000000)::bigint, -1)", 0, NULL,
        &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, wait_us);
    PQclear(row);
    return status == STATUS_OK ? STATUS_OK
                               : error_set(error, status, "tails_queue() told no number");
}

/* What is queued here is healed at once. A failure does not keep healing from its turn; a cancel
 * ends the round. */
static enum status look_at_tails(struct scheduler *scheduler, struct error *error)
{
    int64_t now_us = clock_monotonic_us();
    int64_t wait_us = -1;
    scheduler->tails_looked_us = now_us;
    scheduler->tails_at_us = INT64_MAX; /* until somebody writes, or the next healing */
    enum status status = queue_tails(scheduler, &wait_us, error);
    if (status != STATUS_OK && status != STATUS_END && connection_is_idle(scheduler->connection)) {
        log_warn("scheduler.tails", "error=%s", LOG_QUOTE(error->text));
        scheduler->tails_looked_us = now_us + SCHEDULER_HEAL_US;
        return STATUS_OK;
    }
    if (wait_us == 0)
        scheduler->heal_at_us = 0;
    else if (wait_us > 0)
        scheduler->tails_at_us =
            now_us + (wait_us > SCHEDULER_LOOK_US_MIN ? wait_us : SCHEDULER_LOOK_US_MIN);
    return status;
}

/* ---- jobs ---- */

/* By the database's clock, which is the one the jobs go by. */
static enum status look_ahead(struct scheduler *scheduler, struct error *error)
{
    PGresult *row;
    enum status status =
        connection_query_row(scheduler->connection,
                             "select pg_catalog.ceil(extract(epoch from min(p.next_run_at)"
                             " - pg_catalog.clock_timestamp()) * 1000000)::bigint"
                             " from tapedeck.policies_list() p where p.enabled",
                             0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    int64_t wait_us;
    if (result_int64(row, 0, 0, &wait_us) != STATUS_OK || wait_us > SCHEDULER_HEAL_US)
        wait_us = SCHEDULER_HEAL_US; /* somebody else may change the plan meanwhile */
    if (wait_us < SCHEDULER_LOOK_US_MIN)
        wait_us = SCHEDULER_LOOK_US_MIN;
    PQclear(row);
    scheduler->jobs_at_us = clock_monotonic_us() + wait_us;
    return STATUS_OK;
}

/* A job that fails is the routine's affair; that it cannot be called at all is not for every
 * second. */
static enum status run_jobs(struct scheduler *scheduler, struct error *error)
{
    scheduler->jobs_looked_us = clock_monotonic_us();
    enum status status =
        connection_execute(scheduler->connection, "call tapedeck.run_due_jobs()", error);
    if (status == STATUS_OK)
        status = look_ahead(scheduler, error);
    if (status != STATUS_OK)
        scheduler->jobs_at_us = clock_monotonic_us() + SCHEDULER_HEAL_US;
    return status;
}

static bool is_due(int64_t at_us)
{
    return clock_monotonic_us() >= at_us;
}

static enum status run_round(struct scheduler *scheduler, struct error *error)
{
    enum status status = ensure_connection(scheduler, error);
    if (status == STATUS_OK && is_due(scheduler->schema_at_us))
        status = check_schema(scheduler, error);
    if (status == STATUS_OK && (is_due(scheduler->heal_at_us) || is_due(scheduler->tails_at_us)))
        status = look_at_tails(scheduler, error);
    if (status == STATUS_OK && is_due(scheduler->heal_at_us))
        status = heal(scheduler, error);
    if (scheduler->engine == ENGINE_TIMESCALEDB)
        scheduler->jobs_at_us = INT64_MAX;
    if (status == STATUS_OK && is_due(scheduler->jobs_at_us))
        status = run_jobs(scheduler, error);
    if (status == STATUS_OK && is_due(scheduler->check_at_us))
        status = check_policies(scheduler, error);
    if (status == STATUS_OK && is_due(scheduler->count_at_us))
        status = count_one(scheduler, error);
    return status;
}

static int64_t next_us(const struct scheduler *scheduler)
{
    const int64_t others_us[] = {scheduler->tails_at_us, scheduler->jobs_at_us,
                                 scheduler->check_at_us, scheduler->count_at_us,
                                 scheduler->schema_at_us};
    int64_t first_us = scheduler->heal_at_us;
    for (size_t i = 0; i < sizeof others_us / sizeof *others_us; i++)
        first_us = others_us[i] < first_us ? others_us[i] : first_us;
    return first_us;
}

/* A row that fails is tried again with the next healing; the connection, after a while. */
static void round_failed(struct scheduler *scheduler, const struct error *error)
{
    count(scheduler, &scheduler->statistics.failures, 1);
    /* Once for a database that is away: the tries to reach it are many. */
    log_write(scheduler->failures == 0 ? LOG_WARN : LOG_DEBUG, "scheduler.round",
              "status=%s error=%s", status_name(error->status), LOG_QUOTE(error->text));
    if (scheduler->connection != NULL && connection_is_idle(scheduler->connection)) {
        scheduler->failures = 0;
        if (scheduler->jobs_at_us <= clock_monotonic_us())
            scheduler->jobs_at_us = clock_monotonic_us() + SCHEDULER_LOOK_US_MIN;
        return;
    }
    drop_connection(scheduler);
    scheduler->failures++;
    sleep_until(scheduler,
                clock_monotonic_us() + backoff_us(scheduler->failures, &scheduler->random));
}

static void round_is_well_again(struct scheduler *scheduler)
{
    log_info("scheduler.round", "status=ok failures=%u", scheduler->failures);
    scheduler->failures = 0;
}

static void *scheduler_main(void *argument)
{
    struct scheduler *scheduler = argument;
    while (!is_stopping(scheduler)) {
        struct error error = {.status = STATUS_OK};
        enum status status = run_round(scheduler, &error);
        count(scheduler, &scheduler->statistics.rounds, 1);
        if (is_stopping(scheduler))
            break;
        if (status != STATUS_OK)
            round_failed(scheduler, &error);
        else if (scheduler->failures > 0)
            round_is_well_again(scheduler);
        if (scheduler->connection != NULL)
            sleep_until(scheduler, next_us(scheduler));
    }
    drop_connection(scheduler);
    return NULL;
}

/* ---- from outside ---- */

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void free_scheduler(struct scheduler *scheduler)
{
    pthread_cond_destroy(&scheduler->changed);
    pthread_mutex_destroy(&scheduler->lock);
    mem_free(scheduler->url);
    mem_free(scheduler);
}

enum status scheduler_create(const struct scheduler_options *options, struct scheduler **created,
                             struct error *error)
{
    struct scheduler *scheduler = MEM_NEW(struct scheduler);
    scheduler->url = mem_copy_text(options->url);
    scheduler->engine = options->engine;
    scheduler->heal_us = options->heal_us > 0 ? options->heal_us : SCHEDULER_HEAL_US;
    scheduler->is_idle = options->is_idle;
    scheduler->idle_owner = options->idle_owner;
    scheduler->plain = options->plain;
    scheduler->checked = options->checked;
    scheduler->checked_owner = options->checked_owner;
    scheduler->count_at_us = INT64_MAX;
    scheduler->random = (uint64_t)(uintptr_t)scheduler;
    pthread_mutex_init(&scheduler->lock, NULL);
    init_condition(&scheduler->changed);
    int rc = thread_start(&scheduler->thread, scheduler_main, scheduler);
    if (rc != 0) {
        free_scheduler(scheduler);
        return error_set(error, STATUS_UNAVAILABLE, "scheduler: no thread: %s", strerror(rc));
    }
    *created = scheduler;
    return STATUS_OK;
}

void scheduler_wake(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    scheduler->woken = true;
    pthread_cond_signal(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->lock);
}

void scheduler_notice_job(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    scheduler->noticed_job = true;
    pthread_cond_signal(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->lock);
}

void scheduler_notice(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    scheduler->noticed = true;
    pthread_cond_signal(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->lock);
}

struct scheduler_statistics scheduler_statistics(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    struct scheduler_statistics statistics = scheduler->statistics;
    pthread_mutex_unlock(&scheduler->lock);
    return statistics;
}

void scheduler_destroy(struct scheduler **place)
{
    struct scheduler *scheduler = *place;
    *place = NULL;
    if (scheduler == NULL)
        return;
    pthread_mutex_lock(&scheduler->lock);
    scheduler->stopping = true;
    if (scheduler->connection != NULL)
        connection_cancel(scheduler->connection);
    pthread_cond_signal(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->lock);
    pthread_join(scheduler->thread, NULL);
    free_scheduler(scheduler);
}
