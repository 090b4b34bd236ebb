#include "app/configuration.h"

#include "app/setting.h"
#include "base/mem.h"
#include "captured.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each test runs in a process and a folder of its own. */
static char folder[64];
static struct configuration configuration;
static struct error error;

static void enter_folder(void)
{
    strcpy(folder, "/tmp/app_configuration.XXXXXX");
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

TestSuite(configuration, .init = enter_folder, .fini = leave_folder);

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static struct setting_flag flag(const char *name, const char *value)
{
    const struct setting *setting = setting_find(name, strlen(name));
    cr_assert_not_null(setting);
    return (struct setting_flag){setting, value};
}

static enum status load(const char *const *environment, const struct setting_flag *flags,
                        size_t flag_count)
{
    struct configuration_inputs inputs = {
        .environment = environment, .flags = flags, .flag_count = flag_count};
    return configuration_load(&inputs, &configuration, &error);
}

static enum status load_file(const char *text)
{
    write_file("tapedeck.yaml", text);
    return load(NULL, NULL, 0);
}

static const char *source(const char *key)
{
    size_t count;
    return configuration.sources[setting_find(key, strlen(key)) - settings(&count)];
}

static void assert_says(const char *part)
{
    cr_assert_not_null(strstr(error.text, part), "\"%s\" is not in: %s", part, error.text);
}

Test(configuration, has_defaults_that_serve_this_machine_only)
{
    cr_assert_eq(load(NULL, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(configuration.host, "127.0.0.1");
    cr_assert_eq(configuration.port, 8080);
    cr_assert_str_eq(configuration.database_url, "");
    cr_assert(configuration.use_timescaledb);
    cr_assert_str_eq(configuration.home, "./data");
    cr_assert_not(configuration.insecure);
    cr_assert_eq(configuration.cache_bytes, (size_t)256 << 20);
    cr_assert_eq(configuration.store_connections_min, 2);
    cr_assert_eq(configuration.store_connections_max, 20);
    cr_assert_eq(configuration.allowed_origin_count, 0);
    cr_assert_eq(configuration.statement_timeout_us, 30000000);
    cr_assert_eq(configuration.future_tolerance_us, 60000000);
    cr_assert_eq(configuration.log_level, LOG_INFO);
    cr_assert_geq(configuration.lanes, 1);
    cr_assert_str_eq(source("port"), "default");
    cr_assert_null(configuration.file);
    configuration_deinit(&configuration);
}

Test(configuration, takes_the_file_over_defaults_the_environment_over_it_and_flags_over_all)
{
    static const char *const environment[] = {"TAPEDECK_PORT=2", "TAPEDECK_LANES=2", NULL};
    write_file("tapedeck.yaml", "port: 1\nlanes: 1\nhost: 127.0.0.9\n");
    struct setting_flag flags[] = {flag("port", "3")};
    cr_assert_eq(load(environment, flags, 1), STATUS_OK, "%s", error.text);
    cr_assert_eq(configuration.port, 3);
    cr_assert_str_eq(source("port"), "--port");
    cr_assert_eq(configuration.lanes, 2);
    cr_assert_str_eq(source("lanes"), "TAPEDECK_LANES");
    cr_assert_str_eq(configuration.host, "127.0.0.9");
    cr_assert_str_eq(source("host"), "tapedeck.yaml line 3");
    cr_assert_str_eq(source("cache_bytes"), "default");
    configuration_deinit(&configuration);
}

Test(configuration, reads_every_kind_of_value_from_the_file)
{
    cr_assert_eq(load_file("# a comment\n---\n"
                           "database_url: \"postgresql://me:secret@db/x\"\n"
                           "use_timescaledb: no\n"
                           "cache_bytes: 1GiB\n"
                           "statement_timeout: 1m30s\n"
                           "log_level: debug\n"
                           "connections_max: 5\n"
                           "allowed_hosts: [desk.example]\n"
                           "requests_burst: 7\n"
                           "unsent_bytes_max: 64MiB\n"
                           "allowed_origins: [https://a.example, \"https://b.example:8443\"]\n"),
                 STATUS_OK, "%s", error.text);
    cr_assert_str_eq(configuration.database_url, "postgresql://me:secret@db/x");
    cr_assert_not(configuration.use_timescaledb);
    cr_assert_eq(configuration.cache_bytes, (size_t)1 << 30);
    cr_assert_eq(configuration.statement_timeout_us, 90000000);
    cr_assert_eq(configuration.log_level, LOG_DEBUG);
    cr_assert_eq(configuration.connections_max, 5);
    cr_assert_eq(configuration.allowed_origin_count, 2);
    cr_assert_str_eq(configuration.allowed_origins[0], "https://a.example");
    cr_assert_str_eq(configuration.allowed_origins[1], "https://b.example:8443");
    cr_assert_eq(configuration.allowed_host_count, 1);
    cr_assert_str_eq(configuration.allowed_hosts[0], "desk.example");
    cr_assert_eq(configuration.requests_burst, 7);
    cr_assert_eq(configuration.unsent_bytes_max, (size_t)64 << 20);
    cr_assert_str_eq(configuration.file, "tapedeck.yaml");
    configuration_deinit(&configuration);
}

Test(configuration, reads_an_empty_file_and_empty_values_as_not_set)
{
    static const char *const texts[] = {"", "# nothing\n", "port:\nhost: ~\n",
                                        "allowed_origins: []\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert_eq(load_file(texts[i]), STATUS_OK, "%s", error.text);
        cr_assert_eq(configuration.port, 8080);
        cr_assert_str_eq(configuration.host, "127.0.0.1");
        configuration_deinit(&configuration);
    }
}

Test(configuration, names_the_file_and_the_line_of_what_is_wrong_in_it)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"\n\nport: 70000\n", "port = 70000 (tapedeck.yaml line 3): expected a whole number"},
        {"host: x\nprot: 1\n",
         "tapedeck.yaml line 2: there is no setting prot: did you mean port?"},
        {"frobnicate: 1\n", "line 1: there is no setting frobnicate: `tapedeck help settings`"},
        {"server:\n  port: 1\n", "line 1: there is no setting server"},
        {"# x\nport: [1, 2]\n", "tapedeck.yaml line 2: port takes one value"},
        {"port: {a: 1}\n", "tapedeck.yaml line 1: port takes one value"},
        {"allowed_origins: x\n", "line 1: allowed_origins takes a list"},
        {"port: 1\nport: 2\n", "tapedeck.yaml line 2: port is there twice, first in line 1"},
        {"# x\nport: 1\nhost: x\n\n'port' : 2\n", "line 5: port is there twice, first in line 2"},
        {"--- # x\nport: 1\n---\nhost: x\n", "line 3: another YAML document begins here"},
        {"port: 1\n---", "line 2: another YAML document begins here"},
        {"host: 'x\n", "tapedeck.yaml is no YAML, near line 1"},
        {"\tport: 1\n", "tapedeck.yaml is no YAML"},
        {"- port\n", "tapedeck.yaml: expected lines such as"},
        {"port\n", "tapedeck.yaml: expected lines such as"},
        {"use_timescaledb: maybe\n",
         "use_timescaledb = maybe (tapedeck.yaml line 1): expected true"},
        {"log_level: loud\n", "log_level = loud (tapedeck.yaml line 1): expected debug"},
        {"cache_bytes: 1KiB\n", "expected a size from 16MiB"},
        {"requests_per_second: 0\n", "expected a whole number from 1 to 1000000"},
        {"unsent_bytes_max: 1MiB\n", "expected a size from 16MiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(load_file(cases[i].text), STATUS_INVALID, "%s", cases[i].text);
        assert_says(cases[i].says);
    }
}

Test(configuration, refuses_a_wrong_value_also_where_another_one_wins)
{
    static const char *const environment[] = {"TAPEDECK_PORT=1", NULL};
    write_file("tapedeck.yaml", "port: nonsense\n");
    cr_assert_eq(load(environment, NULL, 0), STATUS_INVALID);
    assert_says("port = nonsense (tapedeck.yaml line 1)");
}

Test(configuration, names_the_variable_and_the_flag_of_a_wrong_value)
{
    static const char *const environment[] = {"TAPEDECK_STATEMENT_TIMEOUT=30", NULL};
    struct setting_flag flags[] = {flag("cache-bytes", "lots")};
    cr_assert_eq(load(environment, NULL, 0), STATUS_INVALID);
    assert_says("statement_timeout = 30 (TAPEDECK_STATEMENT_TIMEOUT): expected a duration");
    cr_assert_eq(load(NULL, flags, 1), STATUS_INVALID);
    assert_says("cache_bytes = lots (--cache-bytes): expected a size such as 512MiB");
}

Test(configuration, takes_an_empty_variable_as_not_set)
{
    static const char *const environment[] = {"TAPEDECK_PORT=", "USE_TIMESCALEDB=", NULL};
    cr_assert_eq(load(environment, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_eq(configuration.port, 8080);
    cr_assert(configuration.use_timescaledb);
    configuration_deinit(&configuration);
}

Test(configuration, knows_the_two_variables_with_names_of_their_own_and_prefers_ours)
{
    static const char *const theirs[] = {"TIMESCALE_DATABASE_URL=theirs", "USE_TIMESCALEDB=false",
                                         NULL};
    static const char *const both[] = {"TAPEDECK_DATABASE_URL=ours",
                                       "TIMESCALE_DATABASE_URL=theirs", NULL};
    cr_assert_eq(load(theirs, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(configuration.database_url, "theirs");
    cr_assert_not(configuration.use_timescaledb);
    cr_assert_str_eq(source("database_url"), "TIMESCALE_DATABASE_URL");
    configuration_deinit(&configuration);
    cr_assert_eq(load(both, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(configuration.database_url, "ours");
    configuration_deinit(&configuration);
}

Test(configuration, is_not_confused_by_a_variable_whose_name_only_begins_like_ours)
{
    static const char *const environment[] = {"TAPEDECK_PORTX=1", "TAPEDECK_POR=2", NULL};
    cr_assert_eq(load(environment, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_eq(configuration.port, 8080);
    configuration_deinit(&configuration);
}

static void load_with_a_typing_mistake(void)
{
    static const char *const environment[] = {"TAPEDECK_PROT=1", "TAPEDECK_PG_BIN=/x",
                                              "TAPEDECK_PORT=2", "OTHER_PROT=1", NULL};
    (void)load(environment, NULL, 0);
}

Test(configuration, warns_of_a_variable_that_looks_like_a_typing_mistake_and_of_no_other)
{
    struct captured captured = capture_stderr(load_with_a_typing_mistake);
    cr_assert_str_eq(captured.text, "warning: TAPEDECK_PROT is no setting and is ignored: did you "
                                    "mean TAPEDECK_PORT?\n");
}

Test(configuration, looks_for_its_file_here_and_then_in_the_home_folder)
{
    static const char *const environment[] = {"TAPEDECK_HOME=house", NULL};
    cr_assert_eq(mkdir("house", 0700), 0);
    write_file("house/tapedeck.yaml", "port: 7\n");
    cr_assert_eq(load(environment, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_eq(configuration.port, 7);
    cr_assert_str_eq(configuration.home, "house");
    cr_assert_str_eq(source("port"), "house/tapedeck.yaml line 1");
    configuration_deinit(&configuration);
    write_file("tapedeck.yaml", "port: 8\n");
    cr_assert_eq(load(environment, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_eq(configuration.port, 8);
    configuration_deinit(&configuration);
}

Test(configuration, reads_the_file_it_is_told_and_no_other)
{
    write_file("tapedeck.yaml", "port: 8\n");
    write_file("other.yaml", "lanes: 3\n");
    struct configuration_inputs inputs = {.file = "other.yaml"};
    cr_assert_eq(configuration_load(&inputs, &configuration, &error), STATUS_OK);
    cr_assert_eq(configuration.port, 8080);
    cr_assert_eq(configuration.lanes, 3);
    configuration_deinit(&configuration);
}

Test(configuration, refuses_to_start_without_the_file_it_was_told)
{
    struct configuration_inputs inputs = {.file = "none.yaml"};
    cr_assert_eq(configuration_load(&inputs, &configuration, &error), STATUS_INVALID);
    assert_says("cannot read none.yaml");
    static const char *const environment[] = {"TAPEDECK_CONFIG=gone.yaml", NULL};
    cr_assert_eq(load(environment, NULL, 0), STATUS_INVALID);
    assert_says("cannot read gone.yaml");
}

Test(configuration, refuses_a_file_that_is_no_text_or_no_file)
{
    FILE *file = fopen("tapedeck.yaml", "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite("port: 1\0", 1, 8, file), 8);
    (void)fclose(file);
    cr_assert_eq(load(NULL, NULL, 0), STATUS_INVALID);
    assert_says("it is not a text");
    cr_assert_eq(remove("tapedeck.yaml"), 0);
    cr_assert_eq(mkdir("tapedeck.yaml", 0700), 0);
    cr_assert_eq(load(NULL, NULL, 0), STATUS_INVALID);
    assert_says("cannot read tapedeck.yaml");
}

Test(configuration, lets_others_in_only_when_that_is_said)
{
    struct setting_flag open[] = {flag("host", "0.0.0.0")};
    struct setting_flag meant[] = {flag("host", "0.0.0.0"), flag("insecure", "true")};
    cr_assert_eq(load(NULL, open, 1), STATUS_INVALID);
    assert_says("host = 0.0.0.0 (--host) lets others than this machine connect");
    assert_says("--insecure");
    assert_says("auth_keys_file");
    cr_assert_eq(load(NULL, meant, 2), STATUS_OK, "%s", error.text);
    configuration_deinit(&configuration);
}

Test(configuration, lets_others_in_when_they_have_to_say_who_they_are)
{
    static const char *const names[] = {"auth_keys_file", "jwt_secret_file", "jwt_public_key_file"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct setting_flag guarded[] = {flag("host", "0.0.0.0"), flag(names[i], "file")};
        cr_assert_eq(load(NULL, guarded, 2), STATUS_OK, "%s: %s", names[i], error.text);
        cr_assert(configuration_asks_who(&configuration));
        configuration_deinit(&configuration);
    }
    struct setting_flag claims[] = {flag("host", "0.0.0.0"), flag("jwt_issuer", "x")};
    cr_assert_eq(load(NULL, claims, 2), STATUS_INVALID);
    cr_assert_eq(load(NULL, claims + 1, 1), STATUS_INVALID);
    assert_says("jwt_issuer (--jwt-issuer) is for tokens");
    cr_assert_eq(load(NULL, NULL, 0), STATUS_OK);
    cr_assert_not(configuration_asks_who(&configuration));
    configuration_deinit(&configuration);
}

Test(configuration, wants_a_certificate_and_its_key_together)
{
    struct setting_flag both[] = {flag("tls_certificate_file", "a"), flag("tls_key_file", "b")};
    cr_assert_eq(load(NULL, both, 1), STATUS_INVALID);
    assert_says("tls_key_file is missing");
    cr_assert_eq(load(NULL, both + 1, 1), STATUS_INVALID);
    assert_says("tls_certificate_file is missing");
    cr_assert_eq(load(NULL, both, 2), STATUS_OK, "%s", error.text);
    configuration_deinit(&configuration);
}

Test(configuration, knows_which_addresses_only_this_machine_can_reach)
{
    static const char *const inside[] = {"127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"};
    static const char *const outside[] = {"0.0.0.0",  "::",        "192.168.1.1",       "desk",
                                          "10.0.0.1", "128.0.0.1", "127.0.0.1.example", ""};
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        cr_expect(configuration_is_loopback(inside[i]), "%s", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        cr_expect_not(configuration_is_loopback(outside[i]), "%s", outside[i]);
}

Test(configuration, refuses_settings_that_contradict_each_other)
{
    static const char *const environment[] = {"TAPEDECK_STORE_CONNECTIONS_MAX=3", NULL};
    struct setting_flag flags[] = {flag("store_connections_min", "4")};
    cr_assert_eq(load(environment, flags, 1), STATUS_INVALID);
    assert_says("store_connections_min = 4 (--store-connections-min) is more than "
                "store_connections_max = 3 (TAPEDECK_STORE_CONNECTIONS_MAX)");
}

Test(configuration, shows_no_password_in_an_error)
{
    static const char *const environment[] = {"TAPEDECK_PORT=postgresql://me:secret@db/x", NULL};
    cr_assert_eq(load(environment, NULL, 0), STATUS_INVALID);
    assert_says("me:***@db");
    cr_assert_null(strstr(error.text, "secret"));
}

Test(configuration, prints_every_setting_with_its_source_and_masks_passwords)
{
    cr_assert_eq(load_file("database_url: postgresql://me:hush@db/x\n"
                           "allowed_origins: [https://a.example]\nport: 9\n"),
                 STATUS_OK, "%s", error.text);
    struct buffer out;
    buffer_init(&out, 1 << 16);
    configuration_print(&configuration, &out);
    const char *text = buffer_text(&out);
    size_t count;
    const struct setting *all = settings(&count);
    for (size_t i = 0; i < count; i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "\n%s: ", all[i].key);
        cr_expect_not_null(strstr(text, line), "%s", all[i].key);
    }
    cr_expect_not_null(strstr(text, "# file: tapedeck.yaml\n"));
    cr_expect_not_null(strstr(text, "\nport: 9 "));
    cr_expect_not_null(strstr(text, "# tapedeck.yaml line 3\n"));
    cr_expect_not_null(strstr(text, "database_url: \"postgresql://me:***@db/x\""));
    cr_expect_not_null(strstr(text, "allowed_origins: [\"https://a.example\"]"));
    cr_expect_null(strstr(text, "hush"));
    buffer_deinit(&out);
    configuration_deinit(&configuration);
}

Test(configuration, prints_a_file_that_gives_the_same_configuration_again)
{
    static const char *const environment[] = {
        "TAPEDECK_HOST=::1", "TAPEDECK_LANES=5", "TAPEDECK_WEB_ROOT=/a \"b\"\\c",
        "TAPEDECK_ALLOWED_ORIGINS=https://a, https://b", NULL};
    cr_assert_eq(load(environment, NULL, 0), STATUS_OK, "%s", error.text);
    struct buffer before;
    buffer_init(&before, 1 << 16);
    configuration_print(&configuration, &before);
    write_file("tapedeck.yaml", buffer_text(&before));
    configuration_deinit(&configuration);
    cr_assert_eq(load(NULL, NULL, 0), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(configuration.host, "::1");
    cr_assert_eq(configuration.lanes, 5);
    cr_assert_str_eq(configuration.web_root, "/a \"b\"\\c");
    cr_assert_eq(configuration.allowed_origin_count, 2);
    cr_assert_str_eq(configuration.allowed_origins[1], "https://b");
    buffer_deinit(&before);
    configuration_deinit(&configuration);
}

Test(configuration, has_a_good_default_a_key_a_flag_and_a_variable_for_every_setting)
{
    size_t count;
    const struct setting *all = settings(&count);
    for (size_t i = 0; i < count; i++) {
        const char *name = setting_flag_name(&all[i]).text;
        cr_expect_eq(setting_find(all[i].key, strlen(all[i].key)), &all[i], "%s", all[i].key);
        cr_expect_eq(setting_find(name + 2, strlen(name + 2)), &all[i], "%s", name);
        cr_expect_gt(strlen(all[i].help), 10, "%s", all[i].key);
        cr_expect_neq(all[i].uses, 0, "%s", all[i].key);
    }
    cr_assert_str_eq(setting_variable(&all[0]).text, "TAPEDECK_DATABASE_URL");
    cr_assert_str_eq(setting_flag_name(&all[0]).text, "--database-url");
    cr_assert_null(setting_find("por", 3));
    cr_assert_null(setting_find("port ", 5));
}
