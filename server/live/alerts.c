#include "live/alerts.h"

#include "base/mem.h"
#include "live/interval_text.h"
#include "market/time.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 512

/* Of one call. */
struct judge {
    const struct alert_reports *reports;
    const struct alert_thresholds *thresholds;
    const struct alert_list *before;
    struct alert_list *list;
    int64_t now; /* of the report that is being looked at */
};

static void alert_deinit(struct alert *alert)
{
    mem_free(alert->subject);
    mem_free(alert->message);
}

struct alert_list *alert_list_pin(struct alert_list *list)
{
    atomic_fetch_add(&list->references, 1);
    return list;
}

void alert_list_unpin(struct alert_list **list)
{
    struct alert_list *gone = *list;
    *list = NULL;
    if (gone == NULL || atomic_fetch_sub(&gone->references, 1) > 1)
        return;
    for (size_t i = 0; i < gone->count; i++)
        alert_deinit(&gone->alerts[i]);
    mem_free(gone->alerts);
    mem_free(gone);
}

const struct alert *alert_list_find(const struct alert_list *list, const struct alert *alert)
{
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (alert_is_same(&list->alerts[i], alert))
            return &list->alerts[i];
    }
    return NULL;
}

bool alert_lists_agree(const struct alert_list *one, const struct alert_list *other)
{
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++) {
        const struct alert *same = alert_list_find(other, &one->alerts[i]);
        if (same == NULL || same->severity != one->alerts[i].severity)
            return false;
    }
    return true;
}

/* Adds one, which has begun at `since` unless it was there before. */
static void PRINTF_LIKE(3, 4)
    raise(struct judge *judge, const struct alert *like, const char *format, ...)
{
    struct alert_list *list = judge->list;
    if (list->count == ALERTS_MAX)
        return;
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct alert *alert = &list->alerts[list->count++];
    *alert = *like;
    alert->subject = mem_copy_text(like->subject);
    alert->message = mem_copy_text(message);
    const struct alert *same = alert_list_find(judge->before, alert);
    if (same != NULL)
        alert->since = same->since;
}

static const struct alert *find_before(const struct judge *judge, enum alert_kind kind,
                                       const char *subject)
{
    for (size_t i = 0; judge->before != NULL && i < judge->before->count; i++) {
        const struct alert *alert = &judge->before->alerts[i];
        if (alert->kind == kind && strcmp(alert->subject, subject) == 0)
            return alert;
    }
    return NULL;
}

/* ---- the disk ---- */

static void judge_disk(struct judge *judge, const struct storage_disk *disk)
{
    if (disk->path == NULL || disk->total_bytes <= 0)
        return;
    double used = 100.0 * (1 - (double)disk->free_bytes / (double)disk->total_bytes);
    double warns = judge->thresholds->disk_percent;
    double alarms = (warns + 100) / 2;
    struct alert alert = {.kind = ALERT_DISK, .subject = disk->path, .since = judge->now};
    const struct alert *before = find_before(judge, ALERT_DISK, disk->path);
    if (before != NULL)
        warns -= ALERT_DISK_BACK_PERCENT;
    if (before != NULL && before->severity == ALERT_CRITICAL)
        alarms -= ALERT_DISK_BACK_PERCENT;
    if (used < warns)
        return;
    alert.severity = used >= alarms ? ALERT_CRITICAL : ALERT_WARNING;
    raise(judge, &alert,
          "the disk of the database is %.1f %% full, %" PRId64
          " MiB are free: keep ticks for a shorter time, compress them earlier, or add room",
          used, disk->free_bytes >> 20);
}

/* ---- policies ---- */

struct subject {
    char text[32];
};

static struct subject subject_of(const struct policy *policy)
{
    struct subject subject;
    (void)snprintf(subject.text, sizeof subject.text, "job %" PRId32, policy->job_id);
    return subject;
}

static bool has_ended(const struct policy *policy)
{
    return policy->last_status == POLICY_OK || policy->last_status == POLICY_FAILED;
}

static int64_t failed_at(const struct judge *judge, const struct policy *policy)
{
    if (policy->last_run_at == TIME_NONE)
        return judge->now;
    double ms = isnan(policy->last_duration_ms) ? 0 : policy->last_duration_ms;
    return policy->last_run_at + (int64_t)(ms * 1000);
}

static void judge_failure(struct judge *judge, const struct policy *policy)
{
    struct subject subject = subject_of(policy);
    const struct alert *before = find_before(judge, ALERT_POLICY_FAILED, subject.text);
    struct alert alert = {.kind = ALERT_POLICY_FAILED, .subject = subject.text};
    if (!policy->enabled)
        return;
    if (!has_ended(policy) && before != NULL)
        raise(judge, before, "%s", before->message);
    if (policy->last_status != POLICY_FAILED)
        return;
    alert.since = failed_at(judge, policy);
    raise(judge, &alert, "the %s policy of %s failed: %s", policy_kind_name(policy->kind),
          policy->target, policy->last_error != NULL ? policy->last_error : "no reason was given");
}

static bool is_overdue(const struct policy *policy, int64_t now)
{
    if (!policy->enabled || policy->last_status == POLICY_RUNNING ||
        policy->next_run_at == TIME_NONE)
        return false;
    double half_us = policy->schedule_interval_s * 1e6 / 2;
    int64_t grace_us = ALERT_GRACE_US;
    if (half_us > (double)grace_us)
        grace_us = half_us < (double)ALERT_GRACE_US_MOST ? (int64_t)half_us : ALERT_GRACE_US_MOST;
    return now - policy->next_run_at > grace_us;
}

static void judge_overdue(struct judge *judge, const struct policy *policy)
{
    if (!is_overdue(policy, judge->now))
        return;
    struct subject subject = subject_of(policy);
    struct alert alert = {
        .kind = ALERT_POLICY_OVERDUE, .subject = subject.text, .since = policy->next_run_at};
    raise(judge, &alert,
          "the %s policy of %s should have run at %s and has not: is the database's scheduler "
          "running, and are its workers enough?",
          policy_kind_name(policy->kind), policy->target, time_format(policy->next_run_at).text);
}

/* ---- continuous aggregates ---- */

static const struct policy *find_policy(const struct policies_report *report, enum policy_kind kind,
                                        const char *target)
{
    for (size_t i = 0; report != NULL && i < report->policy_count; i++) {
        const struct policy *policy = &report->policies[i];
        if (policy->kind == kind && strcmp(policy->target, target) == 0)
            return policy;
    }
    return NULL;
}

/* On plain PostgreSQL one job stores the candles of all views: it names the narrowest. */
static const struct policy *find_refresh(const struct policies_report *report, const char *view)
{
    const struct policy *own = find_policy(report, POLICY_REFRESH, view);
    for (size_t i = 0; own == NULL && i < report->policy_count; i++) {
        if (report->policies[i].kind == POLICY_REFRESH)
            own = &report->policies[i];
    }
    return own;
}

static void judge_lag(struct judge *judge, const struct aggregate *aggregate)
{
    const struct policy *policy = find_refresh(judge->reports->policies, aggregate->view);
    if (policy == NULL || !policy->enabled)
        return;
    double allowed_s = 2 * policy->schedule_interval_s + ALERT_GRACE_US / 1e6 +
                       interval_text_of(policy->config, "end_offset");
    if (!(aggregate->lag_s > allowed_s))
        return;
    struct alert alert = {.kind = ALERT_LAG, .subject = aggregate->view, .since = judge->now};
    raise(judge, &alert,
          "the stored candles of %s are %.0f s behind, %.0f s are as planned: until they catch up, "
          "candles are computed from ticks, which is slower",
          aggregate->view, aggregate->lag_s, allowed_s);
}

static void judge_aggregate(struct judge *judge, const struct aggregate *aggregate)
{
    if (aggregate->watermark == TIME_NONE || isnan(aggregate->lag_s))
        return;
    if (aggregate->lag_s >= 0) {
        judge_lag(judge, aggregate);
        return;
    }
    struct alert alert = {.kind = ALERT_FUTURE,
                          .subject = aggregate->view,
                          .severity = ALERT_CRITICAL,
                          .since = judge->now};
    raise(judge, &alert,
          "candles of %s count as stored up to %s, which is in the future: ticks before that are "
          "missing in them; delete the tick that lies there and refresh the range",
          aggregate->view, time_format(aggregate->watermark).text);
}

static void judge_finding(struct judge *judge, size_t number, const char *finding)
{
    char subject[32];
    (void)snprintf(subject, sizeof subject, "finding %zu", number);
    struct alert alert = {
        .kind = ALERT_FINDING, .subject = subject, .severity = ALERT_CRITICAL, .since = judge->now};
    raise(judge, &alert, "%s", finding);
}

/* ---- compression ---- */

/* Chunks are a day long, or longer: so many can have come of age since its last run. */
static int64_t overdue_chunks_allowed(const struct policy *policy, int64_t now)
{
    if (policy == NULL || !policy->enabled || policy->last_status == POLICY_FAILED ||
        policy->last_status == POLICY_NEVER_RAN || is_overdue(policy, now))
        return 0;
    return 1 + (int64_t)(policy->schedule_interval_s * 1e6 / (double)TIME_DAY_US);
}

static const char *trouble_of(const struct policy *policy)
{
    if (policy == NULL)
        return "there is no policy";
    if (!policy->enabled)
        return "the policy is paused";
    if (policy->last_status == POLICY_FAILED)
        return "the policy failed";
    if (policy->last_status == POLICY_NEVER_RAN)
        return "the policy has not run yet";
    return "the policy does not keep up";
}

static void judge_compression(struct judge *judge, const struct storage_compression *compression)
{
    const struct policies_report *policies = judge->reports->policies;
    const struct policy *policy = find_policy(policies, POLICY_COMPRESSION, compression->table);
    if (policies == NULL ||
        compression->overdue_chunks <= overdue_chunks_allowed(policy, policies->taken_at))
        return;
    struct alert alert = {
        .kind = ALERT_UNCOMPRESSED, .subject = compression->table, .since = judge->now};
    raise(judge, &alert,
          "%s has %" PRId64 " uncompressed chunk(s) past the age for compression: %s",
          compression->table, compression->overdue_chunks, trouble_of(policy));
}

/* ---- all of it ---- */

static void judge_policies(struct judge *judge, const struct policies_report *report)
{
    judge->now = report->taken_at;
    for (size_t i = 0; i < report->policy_count; i++)
        judge_failure(judge, &report->policies[i]);
    for (size_t i = 0; i < report->policy_count; i++)
        judge_overdue(judge, &report->policies[i]);
    for (size_t i = 0; i < report->aggregate_count; i++)
        judge_aggregate(judge, &report->aggregates[i]);
    for (size_t i = 0; i < report->finding_count; i++)
        judge_finding(judge, i + 1, report->findings[i]);
}

struct alert_list *alerts_judge(const struct alert_reports *reports,
                                const struct alert_thresholds *thresholds,
                                const struct alert_list *before)
{
    struct judge judge = {.reports = reports, .thresholds = thresholds, .before = before};
    judge.list = MEM_NEW(struct alert_list);
    atomic_init(&judge.list->references, 1);
    judge.list->alerts = mem_alloc_zeroed(ALERTS_MAX * sizeof *judge.list->alerts);
    const struct storage_report *storage = reports->storage;
    if (storage != NULL) {
        judge.now = storage->taken_at;
        judge_disk(&judge, &storage->disk);
    }
    if (reports->policies != NULL)
        judge_policies(&judge, reports->policies);
    for (size_t i = 0; storage != NULL && i < storage->compression_count; i++) {
        judge.now = storage->taken_at;
        judge_compression(&judge, &storage->compression[i]);
    }
    judge.list->alerts =
        mem_resize(judge.list->alerts, (judge.list->count + 1) * sizeof *judge.list->alerts);
    return judge.list;
}
