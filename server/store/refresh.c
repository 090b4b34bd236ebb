#include "store/refresh.h"

#include "base/log.h"
#include "store/backoff.h"

#include <stdio.h>
#include <unistd.h>

/* A refresh that collides with another one, or with a policy's, is tried again. */
#define STEP_TRIES_MAX 6
/* A row that collided with somebody else's refresh is begun again after the others. */
#define PASSES_MAX 4

struct healer {
    struct connection *connection;
    refresh_progress_fn *progress;
    void *owner;
    uint64_t random;
    size_t healed;
    enum status outcome; /* of the first row that failed */
    struct error first;
};

#define ID_BYTES 24

static void id_text(int64_t id, char text[ID_BYTES])
{
    (void)snprintf(text, ID_BYTES, "%lld", (long long)id);
}

/* ---- the row ---- */

/* STATUS_NOT_FOUND: nothing is left to take. */
static enum status take(struct healer *healer, int64_t after, struct refresh_progress *taken,
                        struct error *error)
{
    char id[ID_BYTES];
    id_text(after, id);
    PGresult *row;
    enum status status =
        connection_query_row(healer->connection,
                             "select id, tapedeck.time_us(range_from), tapedeck.time_us(range_to)"
                             " from tapedeck.pending_take($1)",
                             1, (const char *const[]){id}, &row, error);
    if (status != STATUS_OK)
        return status;
    *taken = (struct refresh_progress){0};
    bool read = result_int64(row, 0, 0, &taken->pending_id) == STATUS_OK &&
                result_int64(row, 0, 1, &taken->range.from) == STATUS_OK &&
                result_int64(row, 0, 2, &taken->range.to) == STATUS_OK;
    PQclear(row);
    return read ? STATUS_OK
                : error_set(error, STATUS_INTERNAL, "pending_take() told no id and range");
}

/* `function`: pending_done or pending_release. */
static enum status give_back(struct healer *healer, const char *function, int64_t pending_id,
                             struct error *error)
{
    char id[ID_BYTES];
    char sql[64];
    id_text(pending_id, id);
    (void)snprintf(sql, sizeof sql, "select tapedeck.%s($1)", function);
    PGresult *result;
    enum status status =
        connection_query(healer->connection, sql, 1, (const char *const[]){id}, &result, error);
    if (status == STATUS_OK)
        PQclear(result);
    return status;
}

/* ---- its steps ---- */

static bool tell(const struct healer *healer, const struct refresh_progress *progress)
{
    return healer->progress == NULL || healer->progress(healer->owner, progress);
}

static enum status run_step(struct healer *healer, const char *sql, struct error *error)
{
    for (unsigned tries = 1;; tries++) {
        enum status status = connection_execute(healer->connection, sql, error);
        if (status != STATUS_UNAVAILABLE || tries == STEP_TRIES_MAX ||
            !connection_is_idle(healer->connection))
            return status;
        (void)usleep((unsigned)backoff_us(tries, &healer->random));
    }
}

static enum status run_steps(struct healer *healer, const PGresult *steps,
                             struct refresh_progress *progress, struct error *error)
{
    progress->steps = (size_t)PQntuples(steps);
    for (progress->step = 0;; progress->step++) {
        if (!tell(healer, progress))
            return error_set(error, STATUS_END, "stopped");
        if (progress->step == progress->steps)
            return STATUS_OK;
        enum status status = run_step(healer, PQgetvalue(steps, (int)progress->step, 0), error);
        if (status != STATUS_OK)
            return status;
    }
}

/* The end of a refresh must lie before the bucket that is forming by the database's own clock. */
static enum status list_steps(struct healer *healer, int64_t pending_id, PGresult **steps,
                              struct error *error)
{
    char id[ID_BYTES];
    id_text(pending_id, id);
    return connection_query(healer->connection,
                            "select s from tapedeck.pending_steps($1,"
                            " pg_catalog.clock_timestamp()) s",
                            1, (const char *const[]){id}, steps, error);
}

static enum status heal_row(struct healer *healer, struct refresh_progress *taken,
                            struct error *error)
{
    PGresult *steps;
    enum status status = list_steps(healer, taken->pending_id, &steps, error);
    if (status == STATUS_OK) {
        status = run_steps(healer, steps, taken, error);
        PQclear(steps);
    }
    if (status == STATUS_OK)
        status = give_back(healer, "pending_done", taken->pending_id, error);
    if (status == STATUS_OK) {
        healer->healed++;
        return STATUS_OK;
    }
    struct error second;
    if (give_back(healer, "pending_release", taken->pending_id, &second) != STATUS_OK)
        log_debug("refresh.release", "error=%s", LOG_QUOTE(second.text));
    return status;
}

/* ---- all rows ---- */

/* STATUS_OK: goes on, though the row may have failed. */
static enum status heal_next(struct healer *healer, struct refresh_progress *taken,
                             struct error *error)
{
    enum status status = take(healer, taken->pending_id, taken, error);
    if (status != STATUS_OK)
        return status;
    status = heal_row(healer, taken, error);
    if (status == STATUS_OK || status == STATUS_END || !connection_is_idle(healer->connection))
        return status;
    log_warn("refresh.row", "id=%lld error=%s", (long long)taken->pending_id,
             LOG_QUOTE(error->text));
    if (healer->outcome == STATUS_OK) {
        healer->outcome = status;
        healer->first = *error;
    }
    return STATUS_OK;
}

/* Every row once. STATUS_OK: to the end, whatever became of single rows. */
static enum status heal_pass(struct healer *healer, struct error *error)
{
    struct refresh_progress taken = {0};
    enum status status = STATUS_OK;
    healer->outcome = STATUS_OK;
    while (status == STATUS_OK)
        status = heal_next(healer, &taken, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* A unique candle that somebody else just stored, a refresh that is not finished, a deadlock. */
static bool is_worth_another_pass(const struct healer *healer)
{
    return healer->outcome == STATUS_CONFLICT || healer->outcome == STATUS_UNAVAILABLE;
}

enum status refresh_heal(struct connection *connection, refresh_progress_fn *progress, void *owner,
                         size_t *healed, struct error *error)
{
    struct healer healer = {.connection = connection, .progress = progress, .owner = owner};
    struct error last;
    /* Compiling the wide plans over many chunks takes seconds, running them does not. */
    enum status status = connection_execute(connection, "SET jit = off", &last);
    if (status == STATUS_OK)
        status = heal_pass(&healer, &last);
    for (unsigned pass = 1;
         status == STATUS_OK && pass < PASSES_MAX && is_worth_another_pass(&healer); pass++) {
        (void)usleep((unsigned)backoff_us(pass + 1, &healer.random));
        status = heal_pass(&healer, &last);
    }
    if (healed != NULL)
        *healed = healer.healed;
    if (status == STATUS_OK && healer.outcome != STATUS_OK) {
        status = healer.outcome;
        last = healer.first;
    }
    if (status != STATUS_OK && error != NULL)
        *error = last;
    return status;
}

enum status refresh_pending(struct connection *connection, int64_t *count, struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        connection, "select count(*) from tapedeck.pending_list()", 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, count);
    PQclear(row);
    return status;
}
