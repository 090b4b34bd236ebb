#include "operations_support.h"

#include <poll.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 60
#define LOOK_MS 20

/* ---- the desk ---- */

/* One desk a test: letters carry nothing but themselves. */
static struct desk *current;

static void count_letter(struct letter *letter)
{
    (void)letter;
    current->delivered++;
}

static void wake(void *owner)
{
    struct desk *desk = owner;
    pthread_mutex_lock(&desk->lock);
    desk->is_woken = true;
    pthread_cond_signal(&desk->woken);
    pthread_mutex_unlock(&desk->lock);
}

void desk_init(struct desk *desk)
{
    *desk = (struct desk){.delivered = 0};
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->woken, NULL);
    inbox_init(&desk->inbox, wake, desk);
    current = desk;
}

void desk_deinit(struct desk *desk)
{
    inbox_deinit(&desk->inbox);
    pthread_cond_destroy(&desk->woken);
    pthread_mutex_destroy(&desk->lock);
}

void desk_drain(struct desk *desk)
{
    (void)inbox_drain(&desk->inbox);
}

void desk_await(struct desk *desk, size_t delivered)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    for (;;) {
        desk_drain(desk);
        if (desk->delivered >= delivered)
            break;
        pthread_mutex_lock(&desk->lock);
        int rc = 0;
        while (!desk->is_woken && rc == 0)
            rc = pthread_cond_timedwait(&desk->woken, &desk->lock, &until);
        desk->is_woken = false;
        pthread_mutex_unlock(&desk->lock);
        cr_assert_eq(rc, 0, "%zu of %zu answers came", desk->delivered, delivered);
    }
    cr_assert_eq(desk->delivered, delivered);
}

void desk_expect(struct desk *desk, struct operations_request *request)
{
    letter_init(&request->letter, count_letter);
    request->inbox = &desk->inbox;
}

/* ---- asking ---- */

struct pg_operations *operations_start(struct database *database, int64_t timeout_us)
{
    struct pg_operations_options options = {
        .url = cluster_url(database->cluster),
        .data_path = cluster_data_path(database->cluster),
        .timeout_us = timeout_us,
    };
    struct pg_operations *operations = NULL;
    struct error error = {.text = ""};
    MUST(pg_operations_create(&options, &operations, &error));
    return operations;
}

static void settle(struct operations_request *request, struct desk *desk)
{
    desk_init(desk);
    desk_expect(desk, request);
}

static enum status await_answer(const struct operations_request *request, struct desk *desk,
                                struct error *error)
{
    desk_await(desk, 1);
    desk_deinit(desk);
    *error = request->error;
    return request->status;
}

enum status storage_of(struct pg_operations *operations, struct storage_report **report,
                       struct error *error)
{
    struct desk desk;
    struct storage_request request = {.report = NULL};
    settle(&request.request, &desk);
    operations_storage(pg_operations_interface(operations), &request);
    enum status status = await_answer(&request.request, &desk, error);
    *report = request.report;
    return status;
}

enum status history_of(struct pg_operations *operations, size_t limit,
                       struct storage_history **history, struct error *error)
{
    struct desk desk;
    struct storage_history_request request = {.limit = limit};
    settle(&request.request, &desk);
    operations_history(pg_operations_interface(operations), &request);
    enum status status = await_answer(&request.request, &desk, error);
    *history = request.history;
    return status;
}

enum status policies_of(struct pg_operations *operations, struct policies_report **report,
                        struct error *error)
{
    struct desk desk;
    struct policies_request request = {.report = NULL};
    settle(&request.request, &desk);
    operations_policies(pg_operations_interface(operations), &request);
    enum status status = await_answer(&request.request, &desk, error);
    *report = request.report;
    return status;
}

enum status act(struct pg_operations *operations, enum policy_action action, int32_t job_id,
                struct error *error)
{
    struct desk desk;
    struct policy_action_request request = {.action = action, .job_id = job_id};
    settle(&request.request, &desk);
    operations_act(pg_operations_interface(operations), &request);
    return await_answer(&request.request, &desk, error);
}

/* ---- finding ---- */

const struct storage_table *table_named(const struct storage_report *report, const char *name)
{
    for (size_t i = 0; i < report->table_count; i++)
        if (strcmp(report->tables[i].name, name) == 0)
            return &report->tables[i];
    return NULL;
}

const struct storage_compression *compression_of(const struct storage_report *report,
                                                 const char *name)
{
    for (size_t i = 0; i < report->compression_count; i++)
        if (strcmp(report->compression[i].table, name) == 0)
            return &report->compression[i];
    return NULL;
}

const struct policy *policy_numbered(const struct policies_report *report, int32_t job_id)
{
    for (size_t i = 0; i < report->policy_count; i++)
        if (report->policies[i].job_id == job_id)
            return &report->policies[i];
    return NULL;
}

void await_number(struct connection *connection, const char *sql, int64_t wanted)
{
    int64_t number = 0;
    for (int waited_ms = 0; waited_ms < 30000; waited_ms += LOOK_MS) {
        number = ask_number(connection, sql);
        if (number == wanted)
            return;
        (void)poll(NULL, 0, LOOK_MS);
    }
    cr_assert_fail("%s: still %lld, not %lld", sql, (long long)number, (long long)wanted);
}
