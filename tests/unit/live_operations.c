/* How often the database is asked, what is published of its answers, and to whom. A second is
 * SECOND_US here. */
#include "live/operations.h"

#include "fake_operations.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#define SECOND_US 20000

static struct fake_operations fake;
static struct live_operations *live;
static char tick_data[] = "tick_data";
static char broken[] = "out of memory";
static char data_folder[] = "/srv/data";

static void set_up(void)
{
    struct live_operations_options options = {.thresholds = {.disk_percent = 80},
                                              .second_us = SECOND_US};
    fake_operations_init(&fake);
    (void)fake_operations_policy(&fake, 1001, POLICY_COMPRESSION, tick_data);
    live = live_operations_create(&fake.operations, &options);
}

static void tear_down(void)
{
    live_operations_stop(live);
    fake_operations_be(&fake, FAKE_FAILS);
    fake_operations_release(&fake);
    live_operations_destroy(&live);
    fake_operations_deinit(&fake);
}

TestSuite(live_operations, .init = set_up, .fini = tear_down, .timeout = 60);

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The first storage snapshot from this number on. */
static struct storage_snapshot *storage_from(uint64_t number)
{
    for (;;) {
        struct storage_snapshot *snapshot = live_storage_pin(live);
        if (snapshot != NULL && snapshot->number >= number)
            return snapshot;
        storage_snapshot_unpin(&snapshot);
        sched_yield();
    }
}

static struct policies_snapshot *policies_after(uint64_t look)
{
    for (;;) {
        struct policies_snapshot *snapshot = live_policies_pin(live);
        if (snapshot != NULL && snapshot->look >= look)
            return snapshot;
        policies_snapshot_unpin(&snapshot);
        sched_yield();
    }
}

static void look(void)
{
    struct policies_snapshot *snapshot = policies_after(live_operations_look(live));
    policies_snapshot_unpin(&snapshot);
}

Test(live_operations, ask_both_at_once_at_the_start)
{
    struct storage_snapshot *storage = storage_from(1);
    struct policies_snapshot *policies = policies_after(0);
    cr_assert_eq(storage->report->database_bytes, 100 << 20);
    cr_assert_eq(policies->report->policy_count, 1);
    cr_assert_eq(policies->events, 0, "what ran before is no news");
    storage_snapshot_unpin(&storage);
    policies_snapshot_unpin(&policies);
}

/* So many questions in so many seconds of ours, from a question on. */
static unsigned asked_in(atomic_uint *asked, unsigned seconds)
{
    unsigned first = atomic_load(asked);
    while (atomic_load(asked) == first)
        sched_yield();
    int64_t end_us = now_us() + seconds * SECOND_US + SECOND_US / 2;
    unsigned begin = atomic_load(asked);
    while (now_us() < end_us)
        sched_yield();
    return atomic_load(asked) - begin;
}

Test(live_operations, ask_as_often_as_the_most_eager_watcher_wants)
{
    struct storage_snapshot *storage = storage_from(1);
    storage_snapshot_unpin(&storage);
    live_storage_watch(live, LIVE_EVERY_S_MAX);
    cr_assert_leq(asked_in(&fake.storage_asked, 30), 1, "others need the base as well");
    for (int i = 0; i < 1000; i++)
        live_storage_watch(live, 2);
    unsigned asked = asked_in(&fake.storage_asked, 20);
    cr_assert_leq(asked, 10, "a thousand watchers ask once each interval, not %u times", asked);
    cr_assert_geq(asked, 2);
    for (int i = 0; i < 1000; i++)
        live_storage_unwatch(live, 2);
    cr_assert_leq(asked_in(&fake.storage_asked, 30), 1);
    live_storage_unwatch(live, LIVE_EVERY_S_MAX);
}

Test(live_operations, look_at_policies_each_second_while_somebody_watches)
{
    live_policies_watch(live);
    unsigned asked = asked_in(&fake.policies_asked, 10);
    cr_assert_leq(asked, 10);
    cr_assert_geq(asked, 2);
    live_policies_unwatch(live);
    cr_assert_leq(asked_in(&fake.policies_asked, 30), 1);
}

Test(live_operations, look_at_once_when_told_but_not_without_end)
{
    look();
    unsigned before = atomic_load(&fake.policies_asked);
    int64_t begun_us = now_us();
    uint64_t number = 0;
    for (int i = 0; i < 1000; i++)
        number = live_operations_look(live);
    struct policies_snapshot *snapshot = policies_after(number);
    policies_snapshot_unpin(&snapshot);
    int64_t took_us = now_us() - begun_us;
    unsigned most = 2 + (unsigned)(took_us / (SECOND_US / LIVE_LOOKS_PER_S));
    cr_assert_leq(atomic_load(&fake.policies_asked) - before, most);
}

Test(live_operations, publish_events_of_runs_and_news_once)
{
    look();
    struct policies_snapshot *before = policies_after(0);
    fake_operations_run(&fake, 1001, broken);
    look();
    look(); /* and nothing has happened since */
    struct policies_snapshot *now = policies_after(0);
    struct live_policy_event event;
    cr_assert_eq(before->events, 0);
    cr_assert_eq(now->events, 1);
    cr_assert_eq(now->news, before->news + 1);
    cr_assert(live_policies_event(live, 0, &event));
    cr_assert_eq(event.job_id, 1001);
    cr_assert_eq(event.status, POLICY_FAILED);
    cr_assert_str_eq(event.error, broken);
    cr_assert_not(live_policies_event(live, 1, &event));
    policies_snapshot_unpin(&before);
    policies_snapshot_unpin(&now);
}

Test(live_operations, forget_events_that_are_old)
{
    struct live_policy_event event;
    look();
    for (int i = 0; i <= LIVE_EVENTS_KEPT; i++) {
        if (i == 1)
            cr_assert(live_policies_event(live, 0, &event));
        fake_operations_run(&fake, 1001, NULL);
        struct policies_snapshot *snapshot = policies_after(live_operations_look(live));
        policies_snapshot_unpin(&snapshot);
    }
    cr_assert_not(live_policies_event(live, 0, &event));
    cr_assert(live_policies_event(live, 1, &event));
    cr_assert_not(event.has_error);
}

Test(live_operations, publish_storage_anew_when_alerts_change)
{
    look();
    struct storage_snapshot *before = storage_from(1);
    cr_assert_eq(before->alerts->count, 0);
    fake_operations_run(&fake, 1001, broken);
    look();
    struct storage_snapshot *raised = storage_from(before->number + 1);
    cr_assert_eq(raised->alerts->count, 1);
    cr_assert_eq(raised->alerts->alerts[0].kind, ALERT_POLICY_FAILED);
    cr_assert_eq(raised->alerts_number, before->alerts_number + 1);
    cr_assert_eq(raised->asked_us, before->asked_us, "the sizes are as old as they were");
    cr_assert(raised->report == before->report);
    struct alert_counts counts;
    live_operations_alerts(live, &counts);
    cr_assert_eq(counts.of[ALERT_POLICY_FAILED][ALERT_WARNING], 1);
    cr_assert_eq(counts.of[ALERT_DISK][ALERT_CRITICAL], 0);
    fake_operations_run(&fake, 1001, NULL);
    look();
    struct storage_snapshot *cleared = storage_from(raised->number + 1);
    cr_assert_eq(cleared->alerts->count, 0);
    live_operations_alerts(live, &counts);
    cr_assert_eq(counts.of[ALERT_POLICY_FAILED][ALERT_WARNING], 0);
    storage_snapshot_unpin(&before);
    storage_snapshot_unpin(&raised);
    storage_snapshot_unpin(&cleared);
}

Test(live_operations, keep_what_is_known_while_the_database_is_away)
{
    live_storage_watch(live, 1);
    live_policies_watch(live);
    struct storage_snapshot *known = storage_from(1);
    fake_operations_be(&fake, FAKE_FAILS);
    uint64_t failed = live_operations_figures(live).storage_failed;
    while (live_operations_figures(live).storage_failed < failed + 3)
        sched_yield();
    struct storage_snapshot *still = live_storage_pin(live);
    cr_assert_eq(still->report->taken_at, known->report->taken_at);
    pthread_mutex_lock(&fake.lock);
    fake.mood = FAKE_ANSWERS;
    fake.disk = (struct storage_disk){.path = data_folder, .total_bytes = 100, .free_bytes = 5};
    pthread_mutex_unlock(&fake.lock);
    struct storage_snapshot *again = storage_from(still->number + 2);
    cr_assert_eq(again->alerts->alerts[0].severity, ALERT_CRITICAL);
    storage_snapshot_unpin(&known);
    storage_snapshot_unpin(&still);
    storage_snapshot_unpin(&again);
    live_policies_unwatch(live);
    live_storage_unwatch(live, 1);
}

Test(live_operations, ask_one_question_at_a_time)
{
    look();
    live_storage_watch(live, 1);
    fake_operations_be(&fake, FAKE_HOLDS);
    unsigned before = atomic_load(&fake.storage_asked);
    while (atomic_load(&fake.storage_asked) == before)
        sched_yield();
    int64_t end_us = now_us() + 10 * SECOND_US;
    while (now_us() < end_us)
        sched_yield();
    cr_assert_eq(atomic_load(&fake.storage_asked), before + 1);
    live_storage_unwatch(live, 1);
}

static atomic_uint letters;

static void wake(void *owner)
{
    (void)owner;
}

static void deliver(struct letter *letter)
{
    (void)letter;
    atomic_fetch_add(&letters, 1);
}

Test(live_operations, tell_a_listener_once_whatever_it_has_not_looked_at)
{
    struct inbox inbox;
    struct live_operations_listener listener;
    inbox_init(&inbox, wake, NULL);
    look();
    live_operations_listen(live, &listener, &inbox, deliver);
    for (int i = 0; i < 3; i++)
        look();
    inbox_drain(&inbox);
    cr_assert_eq(atomic_load(&letters), 1);
    look();
    live_operations_leave(live, &listener);
    inbox_drain(&inbox);
    cr_assert_eq(atomic_load(&letters), 1);
    inbox_deinit(&inbox);
}

Test(live_operations, ask_nothing_after_they_were_stopped)
{
    look();
    live_operations_stop(live);
    unsigned asked = atomic_load(&fake.policies_asked);
    (void)live_operations_look(live);
    int64_t end_us = now_us() + 10 * SECOND_US;
    while (now_us() < end_us)
        sched_yield();
    cr_assert_eq(atomic_load(&fake.policies_asked), asked);
}
