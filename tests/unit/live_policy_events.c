/* Which runs have ended between two looks: each once, the last one with its error. */
#include "live/policy_events.h"

#include "fake_operations.h"

#include <criterion/criterion.h>
#include <math.h>

#define ENDS 8

static char job[] = "tick_data";
static char no_room[] = "no room";

struct look {
    int64_t last_run_at;
    enum policy_status status;
    int64_t runs;
    int64_t failures;
};

static struct policies_report report_of(struct policy *policy, const struct look *look)
{
    *policy = (struct policy){
        .job_id = 1000,
        .target = job,
        .config = job,
        .last_run_at = look->last_run_at,
        .last_status = look->status,
        .total_runs = look->runs,
        .total_failures = look->failures,
        .last_error = look->status == POLICY_FAILED ? no_room : NULL,
        .last_duration_ms = NAN,
    };
    return (struct policies_report){.policies = policy, .policy_count = 1};
}

/* What is told of these two looks; POLICY_NEVER_RAN: nothing. */
static enum policy_status told(const struct look *before, const struct look *now)
{
    struct policy policies[2];
    struct policy_end ends[ENDS];
    struct policies_report first = report_of(&policies[0], before);
    struct policies_report second = report_of(&policies[1], now);
    size_t count = policy_events_between(&first, &second, ends, ENDS);
    cr_assert_leq(count, 1);
    if (count == 0)
        return POLICY_NEVER_RAN;
    cr_assert_eq(ends[0].job_id, 1000);
    if (ends[0].status == POLICY_FAILED && now->status == POLICY_FAILED)
        cr_assert_str_eq(ends[0].error, "no room");
    if (ends[0].status == POLICY_OK)
        cr_assert_null(ends[0].error);
    return ends[0].status;
}

Test(live_policy_events, are_the_runs_that_have_ended)
{
    static const struct {
        const char *what;
        struct look before;
        struct look now;
        enum policy_status told;
    } cases[] = {
        {"nothing happened", {1, POLICY_OK, 1, 0}, {1, POLICY_OK, 1, 0}, POLICY_NEVER_RAN},
        {"still failed", {1, POLICY_FAILED, 1, 1}, {1, POLICY_FAILED, 1, 1}, POLICY_NEVER_RAN},
        {"still running", {1, POLICY_RUNNING, 1, 0}, {1, POLICY_RUNNING, 1, 0}, POLICY_NEVER_RAN},
        {"began", {1, POLICY_OK, 1, 0}, {2, POLICY_RUNNING, 2, 0}, POLICY_NEVER_RAN},
        {"began for the first time",
         {TIME_NONE, POLICY_NEVER_RAN, 0, 0},
         {2, POLICY_RUNNING, 1, 0},
         POLICY_NEVER_RAN},
        {"is just beginning", {1, POLICY_OK, 1, 0}, {2, POLICY_NEVER_RAN, 2, 0}, POLICY_NEVER_RAN},
        {"ended well", {2, POLICY_RUNNING, 2, 0}, {2, POLICY_OK, 2, 0}, POLICY_OK},
        {"failed", {2, POLICY_RUNNING, 2, 0}, {2, POLICY_FAILED, 2, 1}, POLICY_FAILED},
        {"ended after it was just beginning",
         {2, POLICY_NEVER_RAN, 2, 0},
         {2, POLICY_OK, 2, 0},
         POLICY_OK},
        {"began and ended", {1, POLICY_OK, 1, 0}, {2, POLICY_OK, 2, 0}, POLICY_OK},
        {"began and failed", {1, POLICY_OK, 1, 0}, {2, POLICY_FAILED, 2, 1}, POLICY_FAILED},
        {"failed again", {1, POLICY_FAILED, 1, 1}, {2, POLICY_FAILED, 2, 2}, POLICY_FAILED},
        {"the first run, whole",
         {TIME_NONE, POLICY_NEVER_RAN, 0, 0},
         {1, POLICY_OK, 1, 0},
         POLICY_OK},
        {"two runs, the last failed",
         {1, POLICY_OK, 1, 0},
         {9, POLICY_FAILED, 3, 2},
         POLICY_FAILED},
        {"two runs, the last went well", {1, POLICY_OK, 1, 0}, {9, POLICY_OK, 3, 1}, POLICY_OK},
        {"one ended, another began",
         {2, POLICY_RUNNING, 2, 0},
         {3, POLICY_RUNNING, 3, 0},
         POLICY_OK},
        {"one failed, another began",
         {2, POLICY_RUNNING, 2, 0},
         {3, POLICY_RUNNING, 3, 1},
         POLICY_FAILED},
        {"one began, failed, and another began",
         {1, POLICY_OK, 1, 0},
         {3, POLICY_RUNNING, 3, 1},
         POLICY_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(told(&cases[i].before, &cases[i].now), cases[i].told, "%s", cases[i].what);
}

Test(live_policy_events, are_not_known_without_a_report_before)
{
    struct policy policy;
    struct policy_end ends[ENDS];
    const struct look look = {1, POLICY_OK, 1, 0};
    struct policies_report report = report_of(&policy, &look);
    cr_assert_eq(policy_events_between(NULL, &report, ends, ENDS), 0);
}

Test(live_policy_events, pair_policies_by_their_number)
{
    const struct look idle = {1, POLICY_OK, 1, 0};
    struct policy before[3];
    struct policy now[3];
    for (int i = 0; i < 3; i++) {
        (void)report_of(&before[i], &idle);
        (void)report_of(&now[i], &idle);
    }
    before[0].job_id = 1;
    before[1].job_id = 3; /* gone */
    before[2].job_id = 5;
    now[0].job_id = 1;
    now[1].job_id = 4; /* new, and has run */
    now[2].job_id = 5;
    now[2].total_runs = 2;
    struct policies_report first = {.policies = before, .policy_count = 3};
    struct policies_report second = {.policies = now, .policy_count = 3};
    struct policy_end ends[ENDS];
    cr_assert_eq(policy_events_between(&first, &second, ends, ENDS), 2);
    cr_assert_eq(ends[0].job_id, 4);
    cr_assert_eq(ends[1].job_id, 5);
    cr_assert_eq(policy_events_between(&first, &second, ends, 1), 1, "no more than there is room");
}

Test(live_policy_events, are_not_all_that_makes_reports_differ)
{
    struct fake_operations fake;
    fake_operations_init(&fake);
    struct policy *policy = fake_operations_policy(&fake, 1000, POLICY_REFRESH, job);
    fake.aggregate = (struct aggregate){.view = job, .watermark = 5, .lag_s = 1};
    struct policies_report *before = fake_operations_policies(&fake);
    fake.now += 1000000;
    fake.aggregate.lag_s = 2;
    struct policies_report *same = fake_operations_policies(&fake);
    policy->enabled = false;
    struct policies_report *paused = fake_operations_policies(&fake);
    policy->enabled = true;
    fake.aggregate.watermark = 6;
    struct policies_report *stored = fake_operations_policies(&fake);
    cr_assert_not(policies_reports_differ(before, same), "a clock goes on");
    cr_assert(policies_reports_differ(before, paused));
    cr_assert(policies_reports_differ(before, stored));
    policies_report_free(&before);
    policies_report_free(&same);
    policies_report_free(&paused);
    policies_report_free(&stored);
    fake_operations_deinit(&fake);
}
