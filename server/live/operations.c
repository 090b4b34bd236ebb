#include "live/operations.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "live/policy_events.h"
#include "market/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* When something is asked for, and what became of it. */
struct question {
    bool is_under_way;
    bool is_failing; /* the last answer was a failure */
    int64_t asked_us;
    uint64_t asked;
    uint64_t failed;
};

/* The requests are the thread's; everything else the lock guards, but for what `thread only` says:
 * that is written under the lock by the thread, which may read it without. */
struct live_operations {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the thread */
    pthread_cond_t idle;    /* for who stops it */
    struct operations *operations;
    struct alert_thresholds thresholds;
    int64_t second_us;
    struct inbox inbox;
    struct storage_request storage_request;
    struct policies_request policies_request;
    struct question storage;
    struct question policies;
    bool stopping;
    bool is_asking; /* the thread is calling `operations` */
    bool answered;  /* there are letters in the inbox */

    unsigned storage_watchers[LIVE_EVERY_S_MAX + 1];
    unsigned storage_every_s; /* the least of them; 0: nobody watches */
    unsigned policies_watchers;
    uint64_t looks;        /* asked for, ever */
    uint64_t looks_asking; /* that the question under way answers, or the last one did */

    struct list listeners;
    struct storage_snapshot *newest_storage;   /* thread only */
    struct policies_snapshot *newest_policies; /* thread only */
    struct alert_list *alerts;                 /* thread only */
    uint64_t alerts_number;                    /* thread only */
    uint64_t event_count; /* ever; event n is in events[n % LIVE_EVENTS_KEPT] */
    struct live_policy_event events[LIVE_EVENTS_KEPT];
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct timespec timespec_of(int64_t at_us)
{
    return (struct timespec){.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
}

/* ---- alerts ---- */

static void log_difference(const struct alert_list *before, const struct alert_list *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct alert *alert = &now->alerts[i];
        const struct alert *same = alert_list_find(before, alert);
        if (same == NULL || same->severity != alert->severity)
            log_warn("alert.raised", "kind=%s severity=%s subject=%s message=%s",
                     alert_kind_name(alert->kind), alert_severity_name(alert->severity),
                     LOG_QUOTE(alert->subject), LOG_QUOTE(alert->message));
    }
    for (size_t i = 0; i < before->count; i++) {
        const struct alert *alert = &before->alerts[i];
        if (alert_list_find(now, alert) == NULL)
            log_info("alert.cleared", "kind=%s subject=%s since=%s", alert_kind_name(alert->kind),
                     LOG_QUOTE(alert->subject), time_format(alert->since).text);
    }
}

/* Judges the reports; true: the alerts are others than before. */
static bool judge(struct live_operations *live, const struct storage_report *storage,
                  const struct policies_report *policies)
{
    struct alert_reports reports = {.storage = storage, .policies = policies};
    struct alert_list *old = live->alerts;
    struct alert_list *list = alerts_judge(&reports, &live->thresholds, old);
    bool differ = !alert_lists_agree(old, list);
    log_difference(old, list);
    pthread_mutex_lock(&live->lock);
    live->alerts = list;
    live->alerts_number += differ;
    pthread_mutex_unlock(&live->lock);
    alert_list_unpin(&old);
    return differ;
}

/* ---- publishing ---- */

/* With the lock. */
static void tell_all(struct live_operations *live)
{
    for (struct list *node = live->listeners.next; node != &live->listeners; node = node->next) {
        struct live_operations_listener *listener =
            CONTAINER_OF(node, struct live_operations_listener, node);
        inbox_post(listener->inbox, &listener->letter);
    }
}

static void publish_storage(struct live_operations *live, struct storage_snapshot *snapshot)
{
    struct storage_snapshot *old = live->newest_storage;
    snapshot->number = old != NULL ? old->number + 1 : 1;
    snapshot->alerts_number = live->alerts_number;
    pthread_mutex_lock(&live->lock);
    live->newest_storage = snapshot;
    tell_all(live);
    pthread_mutex_unlock(&live->lock);
    storage_snapshot_unpin(&old);
}

/* With the lock. */
static void add_event(struct live_operations *live, const struct policy_end *end)
{
    struct live_policy_event *event = &live->events[live->event_count++ % LIVE_EVENTS_KEPT];
    *event = (struct live_policy_event){.job_id = end->job_id, .status = end->status};
    event->has_error = end->error != NULL;
    if (end->error != NULL)
        (void)snprintf(event->error, sizeof event->error, "%s", end->error);
}

static void publish_policies(struct live_operations *live, struct policies_report *report)
{
    struct policy_end ends[LIVE_EVENTS_KEPT];
    struct policies_snapshot *old = live->newest_policies;
    const struct policies_report *before = old != NULL ? old->report : NULL;
    struct policies_snapshot *snapshot = policies_snapshot_create(report);
    size_t count = policy_events_between(before, report, ends, LIVE_EVENTS_KEPT);
    bool is_news = old == NULL || policies_reports_differ(before, report);
    snapshot->news = (old != NULL ? old->news : 0) + is_news;
    pthread_mutex_lock(&live->lock);
    for (size_t i = 0; i < count; i++)
        add_event(live, &ends[i]);
    snapshot->events = live->event_count;
    snapshot->look = live->looks_asking;
    live->newest_policies = snapshot;
    tell_all(live);
    pthread_mutex_unlock(&live->lock);
    policies_snapshot_unpin(&old);
}

/* ---- answers ---- */

static bool take_answer(struct live_operations *live, struct question *question,
                        const struct operations_request *request, const char *what)
{
    bool failed = request->status != STATUS_OK;
    pthread_mutex_lock(&live->lock);
    /* Once, until it has gone well again. */
    bool is_worth_saying = failed != question->is_failing && !live->stopping;
    question->is_under_way = false;
    question->is_failing = failed;
    question->failed += failed;
    pthread_mutex_unlock(&live->lock);
    if (is_worth_saying && failed)
        log_warn("operations.failed", "question=%s status=%s error=%s", what,
                 status_name(request->status), LOG_QUOTE(request->error.text));
    else if (is_worth_saying)
        log_info("operations.answered", "question=%s", what);
    return !failed;
}

static struct operations_request *request_of(struct letter *letter)
{
    return CONTAINER_OF(letter, struct operations_request, letter);
}

static void deliver_storage(struct letter *letter)
{
    struct storage_request *request =
        CONTAINER_OF(request_of(letter), struct storage_request, request);
    struct live_operations *live = CONTAINER_OF(request, struct live_operations, storage_request);
    if (!take_answer(live, &live->storage, &request->request, "storage"))
        return;
    struct storage_report *report = request->report;
    request->report = NULL;
    const struct policies_snapshot *policies = live->newest_policies;
    (void)judge(live, report, policies != NULL ? policies->report : NULL);
    struct storage_snapshot *snapshot = storage_snapshot_create(report, live->alerts);
    snapshot->asked_us = live->storage.asked_us;
    publish_storage(live, snapshot);
}

static void deliver_policies(struct letter *letter)
{
    struct policies_request *request =
        CONTAINER_OF(request_of(letter), struct policies_request, request);
    struct live_operations *live = CONTAINER_OF(request, struct live_operations, policies_request);
    if (!take_answer(live, &live->policies, &request->request, "policies"))
        return;
    struct policies_report *report = request->report;
    request->report = NULL;
    const struct storage_snapshot *storage = live->newest_storage;
    bool differ = judge(live, storage != NULL ? storage->report : NULL, report);
    publish_policies(live, report);
    if (differ && storage != NULL)
        publish_storage(live, storage_snapshot_with(storage, live->alerts));
}

/* ---- the thread ---- */

/* An answer has come; on the thread of who gave it. */
static void wake(void *owner)
{
    struct live_operations *live = owner;
    pthread_mutex_lock(&live->lock);
    live->answered = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

static int64_t next_us(const struct live_operations *live, const struct question *question,
                       unsigned every_s)
{
    if (question->is_under_way)
        return INT64_MAX;
    if (question->asked == 0)
        return 0;
    if (question->is_failing && every_s > LIVE_RETRY_S)
        every_s = LIVE_RETRY_S;
    return question->asked_us + every_s * live->second_us;
}

static int64_t next_storage_us(const struct live_operations *live)
{
    unsigned every_s = live->storage_every_s;
    bool is_eager = every_s > 0 && every_s < LIVE_BASE_S;
    return next_us(live, &live->storage, is_eager ? every_s : LIVE_BASE_S);
}

static int64_t next_policies_us(const struct live_operations *live)
{
    const struct question *policies = &live->policies;
    if (!policies->is_under_way && live->looks > live->looks_asking)
        return policies->asked > 0 ? policies->asked_us + live->second_us / LIVE_LOOKS_PER_S : 0;
    return next_us(live, policies, live->policies_watchers > 0 ? 1 : LIVE_BASE_S);
}

/* With the lock. */
static void begin(struct question *question)
{
    question->is_under_way = true;
    question->asked_us = now_us();
    question->asked++;
}

/* Asks for what is due, without the lock: a database that is away answers at once. */
static void ask(struct live_operations *live, bool storage, bool policies)
{
    if (storage)
        begin(&live->storage);
    if (policies) {
        begin(&live->policies);
        live->looks_asking = live->looks;
    }
    live->is_asking = true;
    pthread_mutex_unlock(&live->lock);
    if (policies)
        operations_policies(live->operations, &live->policies_request);
    if (storage)
        operations_storage(live->operations, &live->storage_request);
    pthread_mutex_lock(&live->lock);
    live->is_asking = false;
    pthread_cond_broadcast(&live->idle);
}

static void take_answers(struct live_operations *live)
{
    live->answered = false;
    pthread_mutex_unlock(&live->lock);
    (void)inbox_drain(&live->inbox);
    pthread_mutex_lock(&live->lock);
}

/* One thing that is to be done; false: it is over. With the lock. */
static bool turn(struct live_operations *live)
{
    if (live->answered) {
        take_answers(live);
        return true;
    }
    bool is_owed = live->storage.is_under_way || live->policies.is_under_way;
    if (live->stopping) {
        if (is_owed)
            pthread_cond_wait(&live->changed, &live->lock);
        return is_owed;
    }
    int64_t storage_us = next_storage_us(live);
    int64_t policies_us = next_policies_us(live);
    int64_t first_us = storage_us < policies_us ? storage_us : policies_us;
    int64_t now = now_us();
    if (first_us <= now) {
        ask(live, storage_us <= now, policies_us <= now);
    } else if (first_us == INT64_MAX) {
        pthread_cond_wait(&live->changed, &live->lock);
    } else {
        struct timespec until = timespec_of(first_us);
        (void)pthread_cond_timedwait(&live->changed, &live->lock, &until);
    }
    return true;
}

static void *run(void *argument)
{
    struct live_operations *live = argument;
    pthread_mutex_lock(&live->lock);
    while (turn(live))
        ;
    pthread_mutex_unlock(&live->lock);
    return NULL;
}

/* ---- beginning and ending ---- */

static void init_request(struct live_operations *live, struct operations_request *request,
                         void (*deliver)(struct letter *letter))
{
    letter_init(&request->letter, deliver);
    list_init(&request->node);
    request->inbox = &live->inbox;
}

static void init_locks(struct live_operations *live)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->changed, &monotonic);
    pthread_cond_init(&live->idle, NULL);
    pthread_condattr_destroy(&monotonic);
}

struct live_operations *live_operations_create(struct operations *operations,
                                               const struct live_operations_options *options)
{
    struct live_operations *live = MEM_NEW(struct live_operations);
    static const struct alert_reports nothing = {.storage = NULL};
    init_locks(live);
    live->operations = operations;
    live->thresholds = options->thresholds;
    live->second_us = options->second_us > 0 ? options->second_us : TIME_SECOND_US;
    live->alerts = alerts_judge(&nothing, &live->thresholds, NULL);
    list_init(&live->listeners);
    inbox_init(&live->inbox, wake, live);
    init_request(live, &live->storage_request.request, deliver_storage);
    init_request(live, &live->policies_request.request, deliver_policies);
    int failed = pthread_create(&live->thread, NULL, run, live);
    ASSERT(failed == 0);
    return live;
}

void live_operations_stop(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    live->stopping = true;
    pthread_cond_signal(&live->changed);
    while (live->is_asking)
        pthread_cond_wait(&live->idle, &live->lock);
    pthread_mutex_unlock(&live->lock);
}

void live_operations_destroy(struct live_operations **live)
{
    struct live_operations *gone = *live;
    *live = NULL;
    live_operations_stop(gone);
    pthread_join(gone->thread, NULL);
    ASSERT(list_is_empty(&gone->listeners));
    storage_snapshot_unpin(&gone->newest_storage);
    policies_snapshot_unpin(&gone->newest_policies);
    alert_list_unpin(&gone->alerts);
    inbox_deinit(&gone->inbox);
    pthread_cond_destroy(&gone->changed);
    pthread_cond_destroy(&gone->idle);
    pthread_mutex_destroy(&gone->lock);
    mem_free(gone);
}

/* ---- from other threads ---- */

void live_operations_listen(struct live_operations *live, struct live_operations_listener *listener,
                            struct inbox *inbox, void (*deliver)(struct letter *letter))
{
    letter_init(&listener->letter, deliver);
    listener->inbox = inbox;
    list_init(&listener->node);
    pthread_mutex_lock(&live->lock);
    list_append(&live->listeners, &listener->node);
    pthread_mutex_unlock(&live->lock);
}

void live_operations_leave(struct live_operations *live, struct live_operations_listener *listener)
{
    pthread_mutex_lock(&live->lock);
    list_remove(&listener->node);
    pthread_mutex_unlock(&live->lock);
    inbox_retract(listener->inbox, &listener->letter);
}

void live_storage_watch(struct live_operations *live, unsigned every_s)
{
    ASSERT(every_s >= 1);
    ASSERT(every_s <= LIVE_EVERY_S_MAX);
    pthread_mutex_lock(&live->lock);
    live->storage_watchers[every_s]++;
    if (live->storage_every_s == 0 || every_s < live->storage_every_s) {
        live->storage_every_s = every_s;
        pthread_cond_signal(&live->changed);
    }
    pthread_mutex_unlock(&live->lock);
}

void live_storage_unwatch(struct live_operations *live, unsigned every_s)
{
    pthread_mutex_lock(&live->lock);
    ASSERT(live->storage_watchers[every_s] > 0);
    live->storage_watchers[every_s]--;
    unsigned least = live->storage_every_s;
    while (least <= LIVE_EVERY_S_MAX && live->storage_watchers[least] == 0)
        least++;
    live->storage_every_s = least <= LIVE_EVERY_S_MAX ? least : 0;
    pthread_mutex_unlock(&live->lock);
}

void live_policies_watch(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    if (live->policies_watchers++ == 0)
        pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

void live_policies_unwatch(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    ASSERT(live->policies_watchers > 0);
    live->policies_watchers--;
    pthread_mutex_unlock(&live->lock);
}

uint64_t live_operations_look(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t number = ++live->looks;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
    return number;
}

struct storage_snapshot *live_storage_pin(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    struct storage_snapshot *snapshot = storage_snapshot_pin(live->newest_storage);
    pthread_mutex_unlock(&live->lock);
    return snapshot;
}

struct policies_snapshot *live_policies_pin(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    struct policies_snapshot *snapshot = policies_snapshot_pin(live->newest_policies);
    pthread_mutex_unlock(&live->lock);
    return snapshot;
}

bool live_policies_event(struct live_operations *live, uint64_t number,
                         struct live_policy_event *event)
{
    pthread_mutex_lock(&live->lock);
    bool is_kept = number < live->event_count && live->event_count - number <= LIVE_EVENTS_KEPT;
    if (is_kept)
        *event = live->events[number % LIVE_EVENTS_KEPT];
    pthread_mutex_unlock(&live->lock);
    return is_kept;
}

void live_operations_alerts(struct live_operations *live, struct alert_counts *counts)
{
    *counts = (struct alert_counts){.of = {{0}}};
    pthread_mutex_lock(&live->lock);
    for (size_t i = 0; i < live->alerts->count; i++) {
        const struct alert *alert = &live->alerts->alerts[i];
        counts->of[alert->kind][alert->severity]++;
    }
    pthread_mutex_unlock(&live->lock);
}

struct live_operations_figures live_operations_figures(struct live_operations *live)
{
    pthread_mutex_lock(&live->lock);
    struct live_operations_figures figures = {
        .storage_asked = live->storage.asked,
        .storage_failed = live->storage.failed,
        .policies_asked = live->policies.asked,
        .policies_failed = live->policies.failed,
        .events = live->event_count,
    };
    pthread_mutex_unlock(&live->lock);
    return figures;
}
