/*
 * Lanes come, watch, pin and go, others look and act, while a fake database is away now and then:
 * whoever listens sees numbers that only grow, snapshots that stay whole while he has them, and
 * every event once. Meant for the thread sanitizer.
 */
#include "base/assert.h"
#include "fake_operations.h"
#include "live/operations.h"

#include <sched.h>
#include <string.h>

#define LANES 3
#define VISITS 40
#define RUNS 300
#define SECOND_US 2000

struct lane {
    pthread_t thread;
    struct inbox inbox;
    struct live_operations_listener listener;
    uint64_t number; /* of storage */
    uint64_t next_event;
    uint64_t runs_heard; /* the newest total that a snapshot told */
};

static struct fake_operations database;
static struct live_operations *live;
static struct lane lanes[LANES];
static atomic_bool is_over;
static char tick_data[] = "tick_data";
static char broken[] = "out of memory";

static void wake(void *owner)
{
    (void)owner;
}

static void look_at_storage(struct lane *lane)
{
    struct storage_snapshot *snapshot = live_storage_pin(live);
    if (snapshot == NULL)
        return;
    ASSERT(snapshot->number >= lane->number);
    ASSERT(snapshot->report->table_count == 2);
    ASSERT(strcmp(snapshot->report->tables[0].name, "tick_data") == 0);
    for (size_t i = 0; i < snapshot->alerts->count; i++)
        ASSERT(strlen(snapshot->alerts->alerts[i].message) > 0);
    lane->number = snapshot->number;
    storage_snapshot_unpin(&snapshot);
}

static void look_at_policies(struct lane *lane)
{
    struct policies_snapshot *snapshot = live_policies_pin(live);
    if (snapshot == NULL)
        return;
    const struct policy *policy = &snapshot->report->policies[0];
    ASSERT((uint64_t)policy->total_runs >= lane->runs_heard);
    lane->runs_heard = (uint64_t)policy->total_runs;
    ASSERT(snapshot->events >= lane->next_event);
    struct live_policy_event event;
    for (; lane->next_event < snapshot->events; lane->next_event++) {
        if (!live_policies_event(live, lane->next_event, &event))
            continue; /* fell behind */
        ASSERT(event.job_id == 1001);
        ASSERT(event.has_error == (event.status == POLICY_FAILED));
    }
    policies_snapshot_unpin(&snapshot);
}

static void deliver(struct letter *letter)
{
    struct live_operations_listener *listener =
        CONTAINER_OF(letter, struct live_operations_listener, letter);
    struct lane *lane = CONTAINER_OF(listener, struct lane, listener);
    look_at_storage(lane);
    look_at_policies(lane);
}

static void *come_and_go(void *argument)
{
    struct lane *lane = argument;
    for (unsigned i = 0; i < VISITS || !atomic_load(&is_over); i++) {
        unsigned every_s = 1 + i % 7;
        live_operations_listen(live, &lane->listener, &lane->inbox, deliver);
        live_storage_watch(live, every_s);
        live_policies_watch(live);
        uint64_t number = live_operations_look(live);
        ASSERT(number > 0);
        for (int turn = 0; turn < 50; turn++) {
            (void)inbox_drain(&lane->inbox);
            sched_yield();
        }
        struct alert_counts counts;
        live_operations_alerts(live, &counts);
        ASSERT(counts.of[ALERT_POLICY_FAILED][ALERT_WARNING] <= 1);
        live_policies_unwatch(live);
        live_storage_unwatch(live, every_s);
        live_operations_leave(live, &lane->listener);
    }
    return NULL;
}

static void run_policies(void)
{
    for (int i = 0; i < RUNS; i++) {
        if (i % 50 == 20)
            fake_operations_be(&database, FAKE_FAILS);
        if (i % 50 == 25)
            fake_operations_be(&database, FAKE_ANSWERS);
        fake_operations_run(&database, 1001, i % 3 == 0 ? broken : NULL);
        (void)live_operations_look(live);
        sched_yield();
    }
    fake_operations_be(&database, FAKE_ANSWERS);
}

static void wait_for_last_run(void)
{
    bool is_there = false;
    while (!is_there) {
        (void)live_operations_look(live);
        struct policies_snapshot *snapshot = live_policies_pin(live);
        is_there = snapshot != NULL && snapshot->report->policies[0].total_runs == RUNS;
        policies_snapshot_unpin(&snapshot);
        sched_yield();
    }
}

int main(void)
{
    static const struct live_operations_options options = {.thresholds = {.disk_percent = 80},
                                                           .second_us = SECOND_US};
    fake_operations_init(&database);
    (void)fake_operations_policy(&database, 1001, POLICY_COMPRESSION, tick_data);
    live = live_operations_create(&database.operations, &options);
    for (size_t i = 0; i < LANES; i++) {
        inbox_init(&lanes[i].inbox, wake, NULL);
        int failed = pthread_create(&lanes[i].thread, NULL, come_and_go, &lanes[i]);
        ASSERT(failed == 0);
    }
    run_policies();
    wait_for_last_run();
    atomic_store(&is_over, true);
    for (size_t i = 0; i < LANES; i++) {
        (void)pthread_join(lanes[i].thread, NULL);
        inbox_deinit(&lanes[i].inbox);
    }
    struct live_operations_figures figures = live_operations_figures(live);
    ASSERT(figures.events <= RUNS);
    ASSERT(figures.events > 0);
    live_operations_stop(live);
    fake_operations_release(&database);
    live_operations_destroy(&live);
    fake_operations_deinit(&database);
    return 0;
}
