/* What is worth an alert, what is not, and that it neither flutters nor forgets since when. */
#include "live/alerts.h"

#include "fake_operations.h"
#include "live/interval_text.h"
#include "market/time.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define S TIME_SECOND_US
#define GIB (INT64_C(1) << 30)

static struct fake_operations fake;
static struct alert_list *list; /* of the last judgement */
static char data_folder[] = "/srv/data";
static char tick_data[] = "tick_data";
static char candle_1m[] = "candle_1m";
static char refresh_config[] = "{\"end_offset\": \"00:01:00\", \"start_offset\": \"60 days\"}";
static char broken[] = "out of memory";

static void set_up(void)
{
    fake_operations_init(&fake);
}

static void tear_down(void)
{
    alert_list_unpin(&list);
    fake_operations_deinit(&fake);
}

TestSuite(live_alerts, .init = set_up, .fini = tear_down, .timeout = 60);

static void judge(void)
{
    static const struct alert_thresholds thresholds = {.disk_percent = 80};
    struct storage_report *storage = fake_operations_storage(&fake);
    struct policies_report *policies = fake_operations_policies(&fake);
    struct alert_reports reports = {.storage = storage, .policies = policies};
    struct alert_list *before = list;
    list = alerts_judge(&reports, &thresholds, before);
    alert_list_unpin(&before);
    storage_report_free(&storage);
    policies_report_free(&policies);
}

/* The only one, of this kind. */
static const struct alert *only(enum alert_kind kind)
{
    judge();
    cr_assert_eq(list->count, 1, "%zu alerts, not one %s", list->count, alert_kind_name(kind));
    cr_assert_eq(list->alerts[0].kind, kind, "%s", alert_kind_name(list->alerts[0].kind));
    cr_assert_gt(strlen(list->alerts[0].message), 10);
    return &list->alerts[0];
}

static void none(const char *why)
{
    judge();
    cr_assert_eq(list->count, 0, "%s: %s", why, list->count > 0 ? list->alerts[0].message : "");
}

static void use_disk(int64_t percent_times_10)
{
    fake.disk = (struct storage_disk){.path = data_folder,
                                      .total_bytes = 1000 * GIB,
                                      .free_bytes = 1000 * GIB - percent_times_10 * GIB};
}

Test(live_alerts, of_the_disk_do_not_flutter)
{
    none("no disk is known");
    use_disk(799);
    none("not full enough");
    use_disk(801);
    cr_assert_eq(only(ALERT_DISK)->severity, ALERT_WARNING);
    cr_assert_str_eq(list->alerts[0].subject, data_folder);
    cr_assert_eq(list->alerts[0].since, FAKE_NOW);
    fake.now += S;
    use_disk(781);
    cr_assert_eq(only(ALERT_DISK)->since, FAKE_NOW, "it has been since then");
    use_disk(779);
    none("well below");
    use_disk(799);
    none("it rises again, but not above");
    use_disk(901);
    cr_assert_eq(only(ALERT_DISK)->severity, ALERT_CRITICAL);
    use_disk(881);
    cr_assert_eq(only(ALERT_DISK)->severity, ALERT_CRITICAL);
    use_disk(879);
    cr_assert_eq(only(ALERT_DISK)->severity, ALERT_WARNING);
}

Test(live_alerts, of_a_failed_run_last_until_one_ends_well)
{
    struct policy *policy = fake_operations_policy(&fake, 1001, POLICY_RETENTION, tick_data);
    none("it never ran");
    fake_operations_run(&fake, 1001, NULL);
    none("it went well");
    fake_operations_run(&fake, 1001, broken);
    const struct alert *alert = only(ALERT_POLICY_FAILED);
    cr_assert_str_eq(alert->subject, "job 1001");
    cr_assert_not_null(strstr(alert->message, "out of memory"));
    cr_assert_not_null(strstr(alert->message, "retention"));
    int64_t since = alert->since;
    cr_assert_eq(since, policy->last_run_at + 500);
    policy->last_status = POLICY_RUNNING;
    policy->last_error = NULL;
    alert = only(ALERT_POLICY_FAILED);
    cr_assert_not_null(strstr(alert->message, "out of memory"), "a run under way says nothing");
    fake_operations_run(&fake, 1001, broken);
    cr_assert_eq(only(ALERT_POLICY_FAILED)->since, since);
    policy->enabled = false;
    none("somebody has paused it");
    policy->enabled = true;
    fake_operations_run(&fake, 1001, NULL);
    none("it has ended well");
    policy->last_status = POLICY_RUNNING;
    none("a run under way says nothing");
}

Test(live_alerts, of_overdue_policies_wait_half_an_interval)
{
    struct policy *policy = fake_operations_policy(&fake, 1001, POLICY_COMPRESSION, tick_data);
    static const struct {
        double interval_s;
        int64_t grace_s;
    } cases[] = {{60, 300}, {600, 300}, {3600, 1800}, {86400, 6 * 3600}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        policy->schedule_interval_s = cases[i].interval_s;
        policy->next_run_at = fake.now - cases[i].grace_s * S;
        none("just in time");
        policy->next_run_at--;
        cr_assert_eq(only(ALERT_POLICY_OVERDUE)->since, policy->next_run_at);
        policy->last_status = POLICY_RUNNING;
        none("it runs");
        policy->last_status = POLICY_NEVER_RAN;
        policy->enabled = false;
        none("it is paused");
        policy->enabled = true;
        policy->next_run_at = TIME_NONE;
        none("it has no next run");
    }
}

Test(live_alerts, of_late_candles_know_what_is_planned)
{
    struct policy *policy = fake_operations_policy(&fake, 1001, POLICY_REFRESH, candle_1m);
    policy->config = refresh_config;
    fake.aggregate =
        (struct aggregate){.view = candle_1m, .watermark = fake.now - 1000 * S, .lag_s = 480};
    none("two minutes of intervals, one of offset, five of grace");
    fake.aggregate.lag_s = 481;
    cr_assert_str_eq(only(ALERT_LAG)->subject, "candle_1m");
    policy->enabled = false;
    none("somebody has paused it");
    policy->enabled = true;
    fake.aggregate.lag_s = NAN;
    none("it is not known");
    fake.aggregate.watermark = TIME_NONE;
    fake.aggregate.lag_s = 1e9;
    none("nothing has been stored yet");
}

Test(live_alerts, tell_of_a_watermark_in_the_future)
{
    (void)fake_operations_policy(&fake, 1001, POLICY_REFRESH, candle_1m);
    fake.aggregate =
        (struct aggregate){.view = candle_1m, .watermark = fake.now + 60 * S, .lag_s = -60};
    cr_assert_eq(only(ALERT_FUTURE)->severity, ALERT_CRITICAL);
    fake.aggregate.lag_s = 0;
    none("just now");
}

Test(live_alerts, repeat_the_findings_of_the_database)
{
    fake.finding = "retention 1001 drops what refresh 1002 still looks at";
    const struct alert *alert = only(ALERT_FINDING);
    cr_assert_str_eq(alert->message, fake.finding);
    cr_assert_eq(alert->severity, ALERT_CRITICAL);
    fake.now += S;
    cr_assert_eq(only(ALERT_FINDING)->since, FAKE_NOW);
    fake.finding = "something else is wrong";
    cr_assert_eq(only(ALERT_FINDING)->since, FAKE_NOW + S, "it is another one");
    fake.finding = NULL;
    none("they fit together again");
}

Test(live_alerts, of_uncompressed_chunks_leave_the_policy_its_time)
{
    struct policy *policy = fake_operations_policy(&fake, 1001, POLICY_COMPRESSION, tick_data);
    policy->schedule_interval_s = 43200;
    policy->next_run_at = fake.now + S;
    fake_operations_run(&fake, 1001, NULL);
    none("all are compressed");
    fake.overdue_chunks = 1;
    none("one comes of age every day, and the policy will see it");
    policy->enabled = false;
    cr_assert_str_eq(only(ALERT_UNCOMPRESSED)->subject, "tick_data");
    policy->enabled = true;
    fake.overdue_chunks = 2;
    (void)only(ALERT_UNCOMPRESSED);
    policy->schedule_interval_s = 86400;
    none("two can have come of age since its last run");
    policy->last_status = POLICY_NEVER_RAN;
    (void)only(ALERT_UNCOMPRESSED);
    fake_operations_run(&fake, 1001, broken);
    judge();
    cr_assert_eq(list->count, 2, "that it failed is one more");
}

Test(live_alerts, agree_whatever_their_messages_say)
{
    use_disk(810);
    judge();
    struct alert_list *before = alert_list_pin(list);
    use_disk(820);
    judge();
    cr_assert(alert_lists_agree(before, list));
    cr_assert_str_neq(before->alerts[0].message, list->alerts[0].message);
    use_disk(950);
    judge();
    cr_assert_not(alert_lists_agree(before, list), "the severity is another");
    use_disk(0);
    judge();
    cr_assert_not(alert_lists_agree(before, list));
    cr_assert_not(alert_lists_agree(list, before));
    alert_list_unpin(&before);
}

Test(live_alerts, need_no_reports)
{
    static const struct alert_thresholds thresholds = {.disk_percent = 80};
    struct alert_reports nothing = {.storage = NULL};
    list = alerts_judge(&nothing, &thresholds, NULL);
    cr_assert_eq(list->count, 0);
}

Test(live_interval_text, reads_what_postgresql_prints)
{
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {
        {"00:01:00", 60},          {"00:00:30.5", 30.5},
        {"1 day", 86400},          {"60 days", 60 * 86400},
        {"1 day 02:00:00", 93600}, {"-00:01:00", -60},
        {"2 mons", 60 * 86400},    {"1 year 1 day", 366 * 86400.0},
        {"90 minutes", 5400},      {"1 hour", 3600},
        {"100:00:00", 360000},     {"2 hours 30 mins", 9000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_float_eq(interval_text_s(cases[i].text, strlen(cases[i].text)), cases[i].seconds,
                           1e-9, "%s", cases[i].text);
    static const char *const others[] = {"", "day", "1", "1 fortnight", "1 day x", "1:2", "1::1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert(isnan(interval_text_s(others[i], strlen(others[i]))), "%s", others[i]);
}

Test(live_interval_text, is_found_in_a_config)
{
    cr_assert_float_eq(interval_text_of(refresh_config, "end_offset"), 60, 0);
    cr_assert_float_eq(interval_text_of(refresh_config, "start_offset"), 60 * 86400.0, 0);
    cr_assert_float_eq(interval_text_of(refresh_config, "offset"), 0, 0);
    cr_assert_float_eq(interval_text_of("{\"end_offset\": null}", "end_offset"), 0, 0);
    cr_assert_float_eq(interval_text_of("{\"end_offset\": \"soon\"}", "end_offset"), 0, 0);
    cr_assert_float_eq(interval_text_of(NULL, "end_offset"), 0, 0);
}
