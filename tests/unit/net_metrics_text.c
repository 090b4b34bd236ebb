/*
 * The text that Prometheus reads: what we write, by a strict reader of it; and that the reader
 * refuses what is wrong, without which it would prove nothing.
 */
#include "net/metrics.h"

#include "support/exposition.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TABLES 150

static struct buffer out;
static struct metrics_text text;
static struct exposition exposition;

static void start(void)
{
    buffer_init(&out, 1 << 20);
    metrics_text_init(&text, &out);
}

static void stop(void)
{
    exposition_deinit(&exposition);
    buffer_deinit(&out);
}

TestSuite(metrics_text, .init = start, .fini = stop);
TestSuite(exposition, .fini = stop);

static void read_back(void)
{
    cr_assert(!out.failed);
    exposition_deinit(&exposition);
    cr_assert(exposition_read(&exposition, buffer_text(&out)), "%s\n%s", exposition.problem,
              buffer_text(&out));
}

static double value(const char *name)
{
    return exposition_sum(&exposition, name, NULL, NULL);
}

/* ---- the writer ---- */

Test(metrics_text, is_to_the_byte_what_the_format_says)
{
    metrics_text_family(&text, METRICS_COUNTER, "a_total", "What it is.");
    metrics_text_count(&text, METRICS_LABELS({"lane", "0"}, {"op", "ping"}), 12);
    metrics_text_gauge(&text, "b_bytes", "Another.", 0.5);
    metrics_text_family(&text, METRICS_HISTOGRAM, "c_seconds", "A third.");
    const struct metrics_buckets buckets = {.bounds = (const double[]){0, 0.001, 2.5},
                                            .bound_count = 3,
                                            .counts = (const uint64_t[]){5, 0, 2, 1},
                                            .sum = 7.25};
    metrics_text_histogram(&text, METRICS_LABELS({"lane", "1"}), &buckets);
    metrics_text_histogram(&text, NULL, &buckets);
    cr_assert_str_eq(buffer_text(&out), "# HELP a_total What it is.\n"
                                        "# TYPE a_total counter\n"
                                        "a_total{lane=\"0\",op=\"ping\"} 12\n"
                                        "# HELP b_bytes Another.\n"
                                        "# TYPE b_bytes gauge\n"
                                        "b_bytes 0.5\n"
                                        "# HELP c_seconds A third.\n"
                                        "# TYPE c_seconds histogram\n"
                                        "c_seconds_bucket{lane=\"1\",le=\"0\"} 5\n"
                                        "c_seconds_bucket{lane=\"1\",le=\"0.001\"} 5\n"
                                        "c_seconds_bucket{lane=\"1\",le=\"2.5\"} 7\n"
                                        "c_seconds_bucket{lane=\"1\",le=\"+Inf\"} 8\n"
                                        "c_seconds_sum{lane=\"1\"} 7.25\n"
                                        "c_seconds_count{lane=\"1\"} 8\n"
                                        "c_seconds_bucket{le=\"0\"} 5\n"
                                        "c_seconds_bucket{le=\"0.001\"} 5\n"
                                        "c_seconds_bucket{le=\"2.5\"} 7\n"
                                        "c_seconds_bucket{le=\"+Inf\"} 8\n"
                                        "c_seconds_sum 7.25\n"
                                        "c_seconds_count 8\n");
    read_back();
}

Test(metrics_text, escapes_what_a_label_or_help_may_not_hold)
{
    const char *odd = "a\\b\"c\nd\te\xe2\x82\xac{},=#";
    metrics_text_family(&text, METRICS_GAUGE, "odd", "Two\nlines, a \\ and \"quotes\".");
    metrics_text_count(&text, METRICS_LABELS({"table", odd}), 1);
    cr_assert(strstr(buffer_text(&out), "# HELP odd Two\\nlines, a \\\\ and \"quotes\".\n"));
    cr_assert(strstr(buffer_text(&out), "odd{table=\"a\\\\b\\\"c\\nd\te\xe2\x82\xac{},=#\"} 1\n"));
    read_back();
    cr_assert_str_eq(exposition_label(&exposition.samples[0], "table"), odd);
    cr_assert_str_eq(exposition.families[0].help, "Two\nlines, a \\ and \"quotes\".");
}

Test(metrics_text, replaces_what_is_not_utf_8)
{
    metrics_text_family(&text, METRICS_GAUGE, "odd", "Odd.");
    metrics_text_count(&text, METRICS_LABELS({"table", "a\xff\xe2\x82z\xc3"}), 1);
    read_back();
    cr_assert_str_eq(exposition_label(&exposition.samples[0], "table"),
                     "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd");
}

Test(metrics_text, an_empty_label_and_a_long_one_are_labels_too)
{
    char label[200];
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    metrics_text_family(&text, METRICS_GAUGE, "g", "It.");
    metrics_text_count(&text, METRICS_LABELS({"table", ""}), 1);
    metrics_text_count(&text, METRICS_LABELS({"table", label}), 2);
    read_back();
    cr_assert_eq(exposition_sum(&exposition, "g", "table", ""), 1);
    cr_assert_eq(exposition_sum(&exposition, "g", "table", label), 2);
}

Test(metrics_text, whole_numbers_keep_all_their_digits)
{
    metrics_text_counter(&text, "all_total", "All.", UINT64_MAX);
    cr_assert(strstr(buffer_text(&out), "\nall_total 18446744073709551615\n"));
}

Test(metrics_text, other_numbers_read_back_as_the_same)
{
    static const double numbers[] = {
        0,      0.1,  1.0 / 3,      1e-6, 3.3554432e1, 9007199254740993.0, 1.7976931348623157e308,
        5e-324, -2.5, 1795191525.17};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%zu", i);
        metrics_text_gauge(&text, name, "A number.", numbers[i]);
        read_back();
        cr_assert_eq(value(name), numbers[i], "%.17g", numbers[i]);
    }
    cr_assert(strstr(buffer_text(&out), "\nn1 0.1\n"), "the shortest text");
}

Test(metrics_text, what_is_no_number_has_its_own_words)
{
    metrics_text_gauge(&text, "nan", "None.", NAN);
    metrics_text_gauge(&text, "more", "Endless.", INFINITY);
    metrics_text_gauge(&text, "less", "Endless.", -INFINITY);
    cr_assert(strstr(buffer_text(&out), "\nnan NaN\n"));
    cr_assert(strstr(buffer_text(&out), "\nmore +Inf\n"));
    cr_assert(strstr(buffer_text(&out), "\nless -Inf\n"));
    read_back();
}

Test(metrics_text, writes_nothing_beyond_the_limit_of_its_buffer)
{
    buffer_deinit(&out);
    buffer_init(&out, 64);
    for (int i = 0; i < 10; i++)
        metrics_text_gauge(&text, "g", "It.", 1);
    cr_assert(out.failed);
    cr_assert(out.count <= 64);
}

/* Mistakes of ours end the program in the first test that runs them. */
Test(metrics_text, a_counter_must_end_in_total, .signal = SIGABRT)
{
    metrics_text_counter(&text, "frames", "Frames.", 1);
}

Test(metrics_text, nothing_else_may, .signal = SIGABRT)
{
    metrics_text_gauge(&text, "frames_total", "Frames.", 1);
}

Test(metrics_text, a_name_must_be_one, .signal = SIGABRT)
{
    metrics_text_gauge(&text, "9frames", "Frames.", 1);
}

Test(metrics_text, le_belongs_to_buckets, .signal = SIGABRT)
{
    metrics_text_family(&text, METRICS_GAUGE, "g", "It.");
    metrics_text_count(&text, METRICS_LABELS({"le", "1"}), 1);
}

/* ---- reports of the database ---- */

static struct storage_report *many_tables(void)
{
    static char names[TABLES][32];
    static struct storage_table tables[TABLES];
    static struct storage_compression compression[TABLES];
    static struct storage_report report;
    for (int i = 0; i < TABLES; i++) {
        (void)snprintf(names[i], sizeof names[i], "table_%d", i);
        tables[i] = (struct storage_table){.name = names[i], .rows = i, .bytes = 8192 * i};
        compression[i] = (struct storage_compression){.table = names[i],
                                                      .total_chunks = 10,
                                                      .compressed_chunks = i,
                                                      .compressed_bytes = 100 * i,
                                                      .uncompressed_bytes = 1500 * i};
    }
    report = (struct storage_report){.taken_at = 1500000,
                                     .database_bytes = 1 << 20,
                                     .tables = tables,
                                     .table_count = TABLES,
                                     .compression = compression,
                                     .compression_count = TABLES,
                                     .growth_bytes_per_day = NAN};
    return &report;
}

Test(metrics_text, tables_are_told_up_to_a_cap)
{
    metrics_storage(&text, many_tables());
    read_back();
    size_t told = 0;
    for (size_t i = 0; i < exposition.sample_count; i++)
        told += strcmp(exposition.samples[i].name, "tapedeck_table_bytes") == 0;
    cr_assert_eq(told, METRICS_NAMED_MAX);
    cr_assert_eq(exposition_sum(&exposition, "tapedeck_table_bytes", "table", "table_99"),
                 8192 * 99);
    cr_assert_eq(value("tapedeck_storage_taken_timestamp_seconds"), 1.5);
    cr_assert_eq(
        exposition_sum(&exposition, "tapedeck_table_compression_ratio", "table", "table_3"), 15);
}

Test(metrics_text, what_is_not_known_of_storage_is_not_told)
{
    struct storage_report *report = many_tables();
    metrics_storage(&text, report);
    read_back();
    cr_assert(isnan(value("tapedeck_disk_bytes")), "it is of another machine");
    cr_assert(isnan(value("tapedeck_database_growth_bytes_per_second")));
    cr_assert(
        isnan(exposition_sum(&exposition, "tapedeck_table_compression_ratio", "table", "table_0")),
        "nothing is compressed");
    char path[] = "/data";
    report->disk = (struct storage_disk){path, 1000, 400};
    report->growth_bytes_per_day = 86400;
    buffer_clear(&out);
    metrics_storage(&text, report);
    read_back();
    cr_assert_eq(value("tapedeck_disk_bytes"), 1000);
    cr_assert_eq(value("tapedeck_disk_free_bytes"), 400);
    cr_assert_eq(value("tapedeck_database_growth_bytes_per_second"), 1);
}

Test(metrics_text, before_the_first_report_there_are_families_without_samples)
{
    metrics_storage(&text, NULL);
    metrics_policies(&text, NULL);
    read_back();
    cr_assert_eq(exposition.sample_count, 0);
    cr_assert_not_null(exposition_family(&exposition, "tapedeck_table_bytes"));
    cr_assert_not_null(exposition_family(&exposition, "tapedeck_policy_failed"));
    cr_assert_not_null(exposition_family(&exposition, "tapedeck_disk_free_bytes"));
}

Test(metrics_text, policies_are_told_by_job_kind_and_target)
{
    char target[] = "tick_data";
    char view[] = "candle_1m";
    struct policy policies[] = {
        {.job_id = 1000,
         .kind = POLICY_COMPRESSION,
         .target = target,
         .enabled = true,
         .last_run_at = 2000000,
         .last_status = POLICY_FAILED,
         .last_duration_ms = 1500,
         .next_run_at = 4000000,
         .total_runs = 7,
         .total_failures = 2},
        {.job_id = 1001,
         .kind = POLICY_RETENTION,
         .target = target,
         .last_run_at = TIME_NONE,
         .last_duration_ms = NAN,
         .next_run_at = TIME_NONE},
    };
    struct aggregate aggregates[] = {{.view = view, .watermark = 0, .lag_s = 90},
                                     {.view = target, .watermark = TIME_NONE, .lag_s = NAN}};
    const struct policies_report report = {.taken_at = 5000000,
                                           .policies = policies,
                                           .policy_count = 2,
                                           .aggregates = aggregates,
                                           .aggregate_count = 2,
                                           .finding_count = 3};
    metrics_policies(&text, &report);
    read_back();
    const char *const failed = "tapedeck_policy_failed";
    cr_assert_eq(exposition_sum(&exposition, failed, "kind", "compression"), 1);
    cr_assert_eq(exposition_sum(&exposition, failed, "kind", "retention"), 0);
    cr_assert_eq(exposition_sum(&exposition, "tapedeck_policy_failures_total", "job", "1000"), 2);
    cr_assert_eq(value("tapedeck_policy_last_duration_seconds"), 1.5, "known of one only");
    cr_assert_eq(value("tapedeck_policy_next_run_timestamp_seconds"), 4);
    cr_assert_eq(value("tapedeck_policy_last_run_timestamp_seconds"), 2);
    cr_assert_eq(value("tapedeck_aggregate_lag_seconds"), 90);
    cr_assert_eq(value("tapedeck_policy_findings"), 3);
}

/* ---- the reader ---- */

#define HEAD "# HELP a_total It.\n# TYPE a_total counter\n"
#define HISTOGRAM "# HELP h It.\n# TYPE h histogram\n"

Test(exposition, reads_what_is_right)
{
    static const char right[] =
        HEAD "a_total{x=\"1\"} 1\na_total{x=\"2\",y=\"\"} 2.5e3\n"
             "# HELP none Nothing yet.\n# TYPE none gauge\n" HISTOGRAM
             "h_bucket{x=\"1\",le=\"1\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 1\nh_sum{x=\"1\"} 0\n"
             "h_count{x=\"1\"} 1\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n";
    cr_assert(exposition_read(&exposition, right), "%s", exposition.problem);
    cr_assert_eq(exposition.family_count, 3);
    cr_assert_eq(value("a_total"), 2501);
    cr_assert_eq(exposition_sum(&exposition, "a_total", "x", "2"), 2500);
    cr_assert(isnan(value("none")));
}

Test(exposition, refuses_what_is_wrong_and_says_where)
{
    static const struct {
        const char *text;
        const char *says;
    } wrong[] = {
        {"", "no family"},
        {"a 1\n", "not of the family"},
        {"# HELP a It.\na 1\n", "not of the family"},
        {"# TYPE a gauge\na 1\n", "does not follow"},
        {"# HELP a It.\n# TYPE b gauge\n", "does not follow"},
        {"# HELP a\n# TYPE a gauge\n", "says nothing"},
        {"# HELP a It.\n# HELP b It.\n", "has no TYPE"},
        {"# HELP a It.\n# TYPE a gauge\n# TYPE a gauge\n", "does not follow"},
        {"# HELP a It.\n# TYPE a integer\n", "no type"},
        {"# HELP a It.\n# TYPE a counter\n", "_total"},
        {"# HELP a_total It.\n# TYPE a_total gauge\n", "_total"},
        {HEAD "a_total 1", "follows"},
        {HEAD "a_total 1 1700000000000\n", "no value"},
        {HEAD "a_total  1\n", "no value"},
        {HEAD "a_total one\n", "no value"},
        {HEAD "a_total 0x10\n", "no value"},
        {HEAD "a_total inf\n", "no value"},
        {HEAD "a_total\n", "no value"},
        {HEAD "a_total -1\n", "finite"},
        {HEAD "a_total NaN\n", "finite"},
        {HEAD "a_total 1\na_total 2\n", "twice"},
        {HEAD "a_total{x=\"1\",y=\"2\"} 1\na_total{y=\"2\",x=\"1\"} 2\n", "twice"},
        {HEAD "a_total{x=\"1\",x=\"2\"} 1\n", "twice"},
        {HEAD "a_total{x=\"1\" 1\n", "no end"},
        {HEAD "a_total{x=\"1\n", "no end"},
        {HEAD "a_total{x=1} 1\n", "no value"},
        {HEAD "a_total{x:y=\"1\"} 1\n", "no value"},
        {HEAD "a_total{=\"1\"} 1\n", "name"},
        {HEAD "a_total{x=\"\\t\"} 1\n", "no escape"},
        {HEAD "a_total{x=\"\xff\"} 1\n", "UTF-8"},
        {HEAD "b_total 1\n", "not of the family"},
        {HEAD "a_total 1\n" HEAD, "told twice"},
        {HEAD "\n", "name"},
        {HEAD "# EOF\n", "name"},
        {HISTOGRAM "h 1\n", "not of the family"},
        {HISTOGRAM "h_bucket 1\n", "not of the family"},
        {HISTOGRAM "h_sum{le=\"1\"} 1\n", "not of the family"},
        {HISTOGRAM "h_sum 1\nh_count 0\n", "no buckets"},
        {HISTOGRAM "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n", "+Inf"},
        {HISTOGRAM "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
                   "h_sum 1\nh_count 1\n",
         "ascend"},
        {HISTOGRAM "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
         "cumulative"},
        {HISTOGRAM "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n", "_count"},
        {HISTOGRAM "h_bucket{le=\"+Inf\"} 1\nh_count 1\n", "_sum"},
        {HISTOGRAM "h_bucket{le=\"+Inf\"} 1\nh_sum{x=\"1\"} 1\nh_count 1\n", "_sum"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        exposition_deinit(&exposition);
        cr_expect(!exposition_read(&exposition, wrong[i].text), "it took\n%s", wrong[i].text);
        cr_expect(strstr(exposition.problem, wrong[i].says) != NULL, "\"%s\" is not about %s",
                  exposition.problem, wrong[i].says);
    }
}
