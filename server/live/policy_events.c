#include "live/policy_events.h"

#include <math.h>
#include <string.h>

static bool has_ended(const struct policy *policy)
{
    return policy->last_status == POLICY_OK || policy->last_status == POLICY_FAILED;
}

/* What a job that was not there before is compared with. */
static const struct policy never_seen = {
    .last_run_at = TIME_NONE,
    .last_status = POLICY_NEVER_RAN,
};

static struct policy_end newest_end(const struct policy *now)
{
    return (struct policy_end){
        .job_id = now->job_id,
        .status = now->last_status,
        .error = now->last_status == POLICY_FAILED ? now->last_error : NULL,
    };
}

/* The run before the one that is under way now. */
static struct policy_end earlier_end(const struct policy *before, const struct policy *now)
{
    bool failed = now->total_failures > before->total_failures;
    return (struct policy_end){
        .job_id = now->job_id,
        .status = failed ? POLICY_FAILED : POLICY_OK,
        .error = failed ? now->last_error : NULL,
    };
}

static bool compare(const struct policy *before, const struct policy *now, struct policy_end *end)
{
    bool is_other =
        now->last_run_at != before->last_run_at || now->total_runs != before->total_runs;
    if (has_ended(now)) {
        *end = newest_end(now);
        return is_other || !has_ended(before);
    }
    *end = earlier_end(before, now);
    if (before->last_status == POLICY_RUNNING)
        return is_other;
    return now->total_runs > before->total_runs + 1;
}

size_t policy_events_between(const struct policies_report *before,
                             const struct policies_report *now, struct policy_end *ends,
                             size_t most)
{
    size_t count = 0;
    size_t old = 0;
    if (before == NULL)
        return 0;
    for (size_t i = 0; i < now->policy_count && count < most; i++) {
        const struct policy *policy = &now->policies[i];
        while (old < before->policy_count && before->policies[old].job_id < policy->job_id)
            old++;
        bool was_there =
            old < before->policy_count && before->policies[old].job_id == policy->job_id;
        const struct policy *then = was_there ? &before->policies[old] : &never_seen;
        if (compare(then, policy, &ends[count]))
            count++;
    }
    return count;
}

/* ---- what a person would see ---- */

static bool texts_differ(const char *one, const char *other)
{
    if (one == NULL || other == NULL)
        return one != other;
    return strcmp(one, other) != 0;
}

static bool numbers_differ(double one, double other)
{
    if (isnan(one) || isnan(other))
        return isnan(one) != isnan(other);
    return one < other || one > other;
}

static bool policies_differ(const struct policy *one, const struct policy *other)
{
    return one->job_id != other->job_id || one->kind != other->kind ||
           texts_differ(one->target, other->target) || texts_differ(one->config, other->config) ||
           numbers_differ(one->schedule_interval_s, other->schedule_interval_s) ||
           one->enabled != other->enabled || one->last_run_at != other->last_run_at ||
           one->last_status != other->last_status ||
           numbers_differ(one->last_duration_ms, other->last_duration_ms) ||
           texts_differ(one->last_error, other->last_error) ||
           one->next_run_at != other->next_run_at || one->total_runs != other->total_runs ||
           one->total_failures != other->total_failures;
}

bool policies_reports_differ(const struct policies_report *one, const struct policies_report *other)
{
    if (one->policy_count != other->policy_count || one->aggregate_count != other->aggregate_count)
        return true;
    for (size_t i = 0; i < one->policy_count; i++) {
        if (policies_differ(&one->policies[i], &other->policies[i]))
            return true;
    }
    for (size_t i = 0; i < one->aggregate_count; i++) {
        if (texts_differ(one->aggregates[i].view, other->aggregates[i].view) ||
            one->aggregates[i].watermark != other->aggregates[i].watermark)
            return true;
    }
    return false;
}
