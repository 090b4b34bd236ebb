/*
 * Policies as tapedeck.yaml declares them: what is read, what is refused and with which line, and
 * what is printed and told to the database.
 */
#include "app/declared_policies.h"

#include "app/configuration.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_US INT64_C(86400000000)

/* Each test runs in a process and a folder of its own. */
static char folder[64];
static struct configuration configuration;
static struct error error;

static void enter_folder(void)
{
    strcpy(folder, "/tmp/app_declared.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    char command[128];
    cr_assert_eq(chdir("/"), 0);
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(declared_policies, .init = enter_folder, .fini = leave_folder);

static enum status load(const char *text)
{
    FILE *file = fopen("tapedeck.yaml", "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    struct configuration_inputs inputs = {.file = NULL};
    return configuration_load(&inputs, &configuration, &error);
}

static void must_load(const char *text)
{
    cr_assert_eq(load(text), STATUS_OK, "%s: %s", text, error.text);
}

static const struct declared_value *value_of(const char *target, const char *key)
{
    size_t count;
    const struct declared_setting *setting = declared_setting_find(target, key);
    cr_assert_not_null(setting, "%s.%s", target, key);
    return &configuration.policies.of[setting - declared_settings(&count)];
}

static void assert_value(const char *target, const char *key, int64_t us, unsigned line)
{
    const struct declared_value *value = value_of(target, key);
    cr_assert(value->is_given, "%s.%s", target, key);
    cr_assert_not(value->is_never, "%s.%s", target, key);
    cr_assert_eq(value->us, us, "%s.%s", target, key);
    cr_assert_eq(value->line, line, "%s.%s on line %u", target, key, value->line);
}

Test(declared_policies, are_not_given_without_a_file_or_a_section)
{
    static const char *const texts[] = {"",
                                        "port: 1\n",
                                        "policies:\n",
                                        "policies: {}\n",
                                        "policies:\n  tick_data:\n  candle_1m: {}\n",
                                        "policies:\n  tick_data:\n    drop_after:\n    chunk: ~\n",
                                        "policies: {tick_data: {drop_after: default}}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        must_load(texts[i]);
        cr_expect_not(declared_policies_are_given(&configuration.policies), "%s", texts[i]);
        configuration_deinit(&configuration);
    }
}

Test(declared_policies, are_read_with_their_lines_in_block_and_in_flow_style)
{
    must_load("# policies: {tick_data: {chunk: 1h}}\n"
              "port: 1\n"
              "policies:\n"
              "  # drop_after: 1d\n"
              "  tick_data: { chunk: 2d, compress_after: never,\n"
              "               drop_after: 100d }  # drop_every: 1h\n"
              "  \"candle_1m\":\n"
              "    'start_offset': 30d\n"
              "\n"
              "    end_offset : 1m30s\n"
              "  candle_1h: {start_offset: 31d}\n"
              "  database: {sample_at: \"23:59\"}\n"
              "lanes: 1\n");
    assert_value("tick_data", "chunk", 2 * DAY_US, 5);
    cr_assert(value_of("tick_data", "compress_after")->is_never);
    cr_assert_eq(value_of("tick_data", "compress_after")->line, 5);
    assert_value("tick_data", "drop_after", 100 * DAY_US, 6);
    cr_assert_not(value_of("tick_data", "drop_every")->is_given);
    assert_value("candle_1m", "start_offset", 30 * DAY_US, 8);
    assert_value("candle_1m", "end_offset", 90000000, 10);
    assert_value("candle_1h", "start_offset", 31 * DAY_US, 11);
    assert_value("database", "sample_at", DAY_US - 60000000, 12);
    cr_assert(declared_policies_are_given(&configuration.policies));
    cr_assert_eq(configuration.port, 1);
    cr_assert_eq(configuration.lanes, 1);
    configuration_deinit(&configuration);
    must_load("{port: 2, policies: {tick_data: {drop_after: 99d}}}\n");
    assert_value("tick_data", "drop_after", 99 * DAY_US, 1);
    configuration_deinit(&configuration);
}

Test(declared_policies, name_the_file_and_the_line_of_what_is_wrong)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"policies:\n  tick_data:\n    drop_after: soon\n",
         "drop_after of tick_data = soon (tapedeck.yaml line 3): expected a duration such as"},
        {"policies:\n  tick_data:\n    drop_after: soon\n", ", or never"},
        {"policies:\n  tick_data: {drop_after: -90d}\n",
         "drop_after of tick_data = -90d (tapedeck.yaml line 2): expected a duration"},
        {"policies: {tick_data: {drop_after: 90}}\n", "drop_after of tick_data = 90 ("},
        {"policies: {tick_data: {drop_after: 1m}}\n", "expected a duration from 1h to 36500d"},
        {"policies: {tick_data: {chunk: 1m}}\n", "expected a duration from 1h to 30d"},
        {"policies: {tick_data: {chunk: never}}\n", "chunk of tick_data = never ("},
        {"policies: {tick_data: {drop_every: 0}}\n", "expected a duration from 1m to 30d"},
        {"policies:\n  candle_1m:\n    end_offset: -1m\n",
         "end_offset of candle_1m = -1m (tapedeck.yaml line 3): expected a duration"},
        {"policies:\n  candle_1m:\n    start_offset: never\n", "start_offset of candle_1m = never"},
        {"policies:\n  candle_1m:\n    refresh_every: 1s\n", "expected a duration from 10s to 30d"},
        {"policies:\n  candle_1m:\n    refresh_every: 99999999999999999999d\n", "expected a dur"},
        {"policies:\n  database:\n    sample_at: noon\n",
         "sample_at of database = noon (tapedeck.yaml line 3): expected a time of day such as"},
        {"policies: {database: {sample_at: \"24:00\"}}\n", "sample_at of database = 24:00 ("},
        {"policies: {database: {sample_at: \"3:00\"}}\n", "sample_at of database = 3:00 ("},
        {"policies: {database: {sample_at: \"+3:00\"}}\n", "sample_at of database = +3:00 ("},
        {"policies: {database: {sample_at: \"03:00:00\"}}\n", "sample_at of database = 03:00:00"},
        {"port: 1\npolicies:\n  tick_dat: {chunk: 1d}\n",
         "tapedeck.yaml line 3: policies has no tick_dat: did you mean tick_data?"},
        {"policies:\n  frobnicate: {chunk: 1d}\n", "line 2: policies has no frobnicate: it knows "
                                                   "tick_data, candle_1m, candle_5m, candle_15m, "
                                                   "candle_1h, candle_1d, database"},
        {"policies:\n  tick_data:\n    chunk: 1d\n    dropafter: 9d\n",
         "tapedeck.yaml line 4: tick_data has no dropafter: did you mean drop_after?"},
        {"policies:\n  database:\n    drop_after: 9d\n",
         "tapedeck.yaml line 3: database has no drop_after: it knows sample_at"},
        {"policies:\n  - tick_data\n", "tapedeck.yaml line 2: policies takes a map of tables"},
        {"policies: 90d\n", "tapedeck.yaml line 1: policies takes a map of tables"},
        {"policies:\n  tick_data: 90d\n", "line 2: tick_data takes a map of its settings"},
        {"policies:\n  tick_data:\n    chunk: [1d]\n", "line 3: chunk takes one value, not a list"},
        {"policies:\n  tick_data:\n    chunk: {a: b}\n", "line 3: chunk takes one value, not a"},
        {"policies: {tick_data: {chunk: 1d, chunk: 1d}}\n",
         "line 1: tick_data.chunk is there twice, first in line 1"},
        {"policies:\n  tick_data:\n    chunk: 1d\n\n  tick_data:\n    chunk: 2d\n",
         "line 5: policies.tick_data is there twice, first in line 2"},
        {"policies: {}\npolicies: {}\n", "line 2: policies is there twice, first in line 1"},
        {"policy: {}\n", "there is no setting policy"},
        {"policis: {}\n", "there is no setting policis: did you mean policies?"},
        {"tick_data: {chunk: 1d}\n", "line 1: there is no setting tick_data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(load(cases[i].text), STATUS_INVALID, "%s", cases[i].text);
        cr_assert_not_null(strstr(error.text, cases[i].says), "\"%s\" is not in: %s", cases[i].says,
                           error.text);
    }
}

static const char *print(struct buffer *out)
{
    buffer_init(out, 1 << 16);
    configuration_print(&configuration, out);
    return buffer_text(out);
}

Test(declared_policies, are_printed_with_their_sources)
{
    struct buffer out;
    must_load("policies:\n  tick_data: {drop_after: never, chunk: 36h}\n"
              "  database: {sample_at: \"04:05\"}\n");
    const char *text = print(&out);
    cr_expect_not_null(strstr(text, "\npolicies:\n  tick_data:\n    chunk: 1d12h   "), "%s", text);
    cr_expect_not_null(strstr(text, "\n    drop_after: never   "));
    cr_expect_not_null(strstr(text, " # tapedeck.yaml line 2\n"));
    cr_expect_not_null(strstr(text, "\n    sample_at: \"04:05\"  "));
    cr_expect_not_null(strstr(text, "# default: 60d; 10m without TimescaleDB\n"));
    cr_expect_not_null(strstr(text, "# default: 12h; nothing without TimescaleDB\n"));
    buffer_deinit(&out);
    configuration_deinit(&configuration);
}

static char *json(bool is_plain)
{
    struct buffer out;
    buffer_init(&out, DECLARED_JSON_BYTES_MAX);
    declared_policies_json(&configuration.policies, configuration.file, is_plain, &out);
    cr_assert_not(out.failed);
    char *text = mem_copy_text(buffer_text(&out));
    buffer_deinit(&out);
    return text;
}

/* But for the sources. */
static void assert_same_values(const char *before, const char *after)
{
    while (*before != '\0' && *after != '\0') {
        const char *end = strstr(before, "\"source\":");
        size_t bytes = end != NULL ? (size_t)(end - before) : strlen(before);
        cr_assert_eq(strncmp(before, after, bytes), 0, "%s: %s", before, after);
        before += bytes + strcspn(before + bytes, "}");
        after += bytes + strcspn(after + bytes, "}");
    }
    cr_assert_str_eq(before, after);
}

Test(declared_policies, are_printed_so_that_they_can_be_read_again)
{
    must_load("policies: {tick_data: {drop_after: never, chunk: 36h}, candle_5m: {end_offset: "
              "7m500ms}}\n");
    struct buffer out;
    char *before[] = {json(false), json(true)};
    char *printed = mem_copy_text(print(&out));
    buffer_deinit(&out);
    configuration_deinit(&configuration);
    must_load(printed);
    char *after[] = {json(false), json(true)};
    for (size_t i = 0; i < 2; i++) {
        assert_same_values(before[i], after[i]);
        mem_free(before[i]);
        mem_free(after[i]);
    }
    mem_free(printed);
    configuration_deinit(&configuration);
}

static void assert_has(const char *text, const char *part)
{
    cr_expect_not_null(strstr(text, part), "%s is not in %s", part, text);
}

Test(declared_policies, tell_the_database_of_defaults_too)
{
    must_load("policies:\n  tick_data: {drop_after: never}\n  candle_1m: {end_offset: 1m30s}\n"
              "  candle_5m: {end_offset: 7m}\n  database: {sample_at: \"04:05\"}\n");
    char *full = json(false);
    char *plain = json(true);
    assert_has(full, "{\"target\":\"tick_data\",\"setting\":\"chunk\",\"value\":\"1 days "
                     "00:00:00.000000\",\"source\":\"default\"}");
    assert_has(full, "\"setting\":\"drop_after\",\"value\":null,\"source\":\"tapedeck.yaml line 2");
    assert_has(full, "\"end_offset\",\"value\":\"0 days 00:01:30.000000\",\"source\":\"tapedeck");
    assert_has(full, "\"sample_at\",\"value\":\"04:05 UTC\"");
    assert_has(full, "\"compress_after\",\"value\":\"30 days 00:00:00.000000\"");
    assert_has(plain, "\"compress_after\",\"value\":null,\"source\":\"default\"");
    assert_has(plain, "\"candle_1m\",\"setting\":\"start_offset\",\"value\":\"0 days 00:10:00");
    /* What that engine has nothing of is told only because somebody asked for it. */
    assert_has(plain, "\"candle_5m\",\"setting\":\"end_offset\"");
    cr_expect_null(strstr(plain, "\"candle_5m\",\"setting\":\"start_offset\""));
    cr_expect_null(strstr(plain, "compress_every"));
    mem_free(full);
    mem_free(plain);
    configuration_deinit(&configuration);
}

Test(declared_policies, have_defaults_within_their_bounds_and_words_for_help)
{
    size_t count;
    const struct declared_setting *all = declared_settings(&count);
    for (size_t i = 0; i < count; i++) {
        struct declared_value value;
        const char *const texts[] = {all[i].standard,
                                     all[i].plain != NULL ? all[i].plain : "default"};
        for (size_t j = 0; j < 2; j++)
            cr_expect_eq(declared_value_read(&all[i], texts[j], &value, &error), STATUS_OK,
                         "%s.%s: %s", all[i].target, all[i].key, error.text);
        cr_expect_eq(declared_setting_find(all[i].target, all[i].key), &all[i]);
        cr_expect_gt(strlen(all[i].help), 10);
    }
    cr_assert_null(declared_setting_find("tick_data", "sample_at"));
    cr_assert_null(declared_setting_find("nobody", "chunk"));
}
