#include "app/options.h"

#include "app/help.h"
#include "app/setting.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program that knows every kind of option. */
struct values {
    bool quick;
    const char *name;
    int64_t rows;
    int64_t size;
    int64_t every_us;
    int64_t from;
    int shape;
    struct option_list symbols;
};

static const char *const shapes[] = {"day", "flat", "storm", NULL};

#define AT(field) .offset = offsetof(struct values, field)
static const struct option make_options[] = {
    {"quick", OPTION_SWITCH, AT(quick), .help = "be quick about it"},
    {"name", OPTION_TEXT, AT(name), .value = "NAME", .help = "what to call it"},
    {"rows", OPTION_INTEGER, AT(rows), 1, 1000, .help = "how many rows"},
    {"size", OPTION_BYTES, AT(size), 0, INT64_C(1) << 40, .help = "how large"},
    {"every", OPTION_DURATION, AT(every_us), 1, 3600000000, .help = "how often"},
    {"from", OPTION_TIME, AT(from), .help = "since when"},
    {"shape", OPTION_CHOICE, AT(shape), .choices = shapes, .help = "which shape"},
    {"symbols", OPTION_LIST, AT(symbols), .help = "of what"},
};

static const struct values make_defaults = {.rows = 7, .every_us = 250000, .name = "none"};

static int say(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)configuration;
    (void)invocation;
    (void)puts("so it is");
    return EXIT_DONE;
}

static const struct subcommand subcommands[] = {
    {.name = "serve",
     .summary = "serve it",
     .uses = SETTING_OF_SERVER,
     .is_service = true,
     .run = say},
    {.name = "make",
     .summary = "make it",
     .options = make_options,
     .option_count = sizeof make_options / sizeof make_options[0],
     .values_bytes = sizeof(struct values),
     .defaults = &make_defaults,
     .uses = SETTING_OF_DATABASE,
     .description = "Makes it, all of it.\n\n  one: 1\n    two: 2\n\nAnd so on.",
     .examples = "deck make --rows 3\ndeck make --quick"},
    {.name = "move up", .summary = "move it up"},
    {.name = "move down", .summary = "move it down"},
    {.name = "read",
     .summary = "read files",
     .arguments = "FILE…",
     .arguments_min = 1,
     .arguments_max = SIZE_MAX},
    {.name = "read undo",
     .summary = "forget a file",
     .arguments = "NUMBER",
     .arguments_min = 1,
     .arguments_max = 1},
    {.name = "say", .summary = "say it", .run = say},
};

static const struct program program = {"deck", "1.2", "a deck", subcommands,
                                       sizeof subcommands / sizeof subcommands[0]};

static struct command_line line;
static struct error error;

static enum status parse(size_t count, const char *const *words)
{
    options_deinit(&line);
    return options_parse(&program, count, words, &line, &error);
}

#define PARSE(...)                                                                                 \
    parse(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                             \
          (const char *const[]){__VA_ARGS__})

static const struct values *values(void)
{
    return line.invocation.values;
}

static void assert_says(const char *part)
{
    cr_assert_not_null(strstr(error.text, part), "\"%s\" is not in: %s", part, error.text);
}

static void forget(void)
{
    options_deinit(&line);
}

TestSuite(options, .fini = forget);

Test(options, stores_every_kind_of_value)
{
    cr_assert_eq(PARSE("make", "--quick", "--name", "x", "--rows=12", "--size", "1MiB", "--every",
                       "1m", "--from=1970-01-02", "--shape", "storm", "--symbols", "a,b",
                       "--symbols=c"),
                 STATUS_OK, "%s", error.text);
    cr_assert_eq(line.action, COMMAND_RUN);
    cr_assert_str_eq(line.subcommand->name, "make");
    cr_assert(values()->quick);
    cr_assert_str_eq(values()->name, "x");
    cr_assert_eq(values()->rows, 12);
    cr_assert_eq(values()->size, 1 << 20);
    cr_assert_eq(values()->every_us, 60000000);
    cr_assert_eq(values()->from, INT64_C(86400000000));
    cr_assert_eq(values()->shape, 2);
    cr_assert_eq(values()->symbols.count, 3);
    cr_assert_str_eq(values()->symbols.items[0], "a");
    cr_assert_str_eq(values()->symbols.items[2], "c");
}

Test(options, keeps_the_defaults_of_what_is_not_given)
{
    cr_assert_eq(PARSE("make"), STATUS_OK, "%s", error.text);
    cr_assert_eq(values()->rows, 7);
    cr_assert_str_eq(values()->name, "none");
    cr_assert_not(values()->quick);
    cr_assert_eq(values()->symbols.count, 0);
}

Test(options, takes_the_last_of_a_flag_that_is_given_twice)
{
    cr_assert_eq(PARSE("make", "--rows", "1", "--rows", "2"), STATUS_OK, "%s", error.text);
    cr_assert_eq(values()->rows, 2);
}

Test(options, switches_on_and_off)
{
    cr_assert_eq(PARSE("make", "--quick", "--no-quick"), STATUS_OK, "%s", error.text);
    cr_assert_not(values()->quick);
    cr_assert_eq(PARSE("make", "--quick=yes"), STATUS_OK, "%s", error.text);
    cr_assert(values()->quick);
    cr_assert_eq(PARSE("make", "--quick=false"), STATUS_OK, "%s", error.text);
    cr_assert_not(values()->quick);
}

Test(options, takes_settings_as_flags_before_and_behind_the_subcommand)
{
    cr_assert_eq(PARSE("--port", "9", "serve", "--cache-bytes=1GiB", "--insecure",
                       "--no-use-timescaledb", "--config", "x.yaml"),
                 STATUS_OK, "%s", error.text);
    cr_assert_eq(line.setting_count, 4);
    cr_assert_str_eq(line.settings[0].setting->key, "port");
    cr_assert_str_eq(line.settings[0].value, "9");
    cr_assert_str_eq(line.settings[1].value, "1GiB");
    cr_assert_str_eq(line.settings[2].setting->key, "insecure");
    cr_assert_str_eq(line.settings[2].value, "true");
    cr_assert_str_eq(line.settings[3].setting->key, "use_timescaledb");
    cr_assert_str_eq(line.settings[3].value, "false");
    cr_assert_str_eq(line.file, "x.yaml");
}

Test(options, finds_subcommands_of_two_words_before_those_of_one)
{
    cr_assert_eq(PARSE("move", "up"), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(line.subcommand->name, "move up");
    cr_assert_eq(PARSE("read", "undo", "3"), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(line.subcommand->name, "read undo");
    cr_assert_str_eq(line.invocation.arguments[0], "3");
    cr_assert_eq(PARSE("read", "./undo"), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(line.subcommand->name, "read");
    cr_assert_eq(PARSE("read", "--", "undo"), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(line.subcommand->name, "read");
}

Test(options, takes_everything_behind_two_dashes_as_arguments)
{
    cr_assert_eq(PARSE("read", "a", "--", "--port", "-x", "--"), STATUS_OK, "%s", error.text);
    cr_assert_eq(line.invocation.argument_count, 4);
    cr_assert_str_eq(line.invocation.arguments[1], "--port");
    cr_assert_str_eq(line.invocation.arguments[3], "--");
}

Test(options, takes_a_single_dash_as_an_argument)
{
    cr_assert_eq(PARSE("read", "-"), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(line.invocation.arguments[0], "-");
}

Test(options, takes_negative_numbers_as_values)
{
    cr_assert_eq(PARSE("make", "--rows", "-5"), STATUS_INVALID);
    assert_says("--rows = -5: expected a whole number from 1 to 1000");
}

Test(options, explains_what_is_wrong_and_what_may_have_been_meant)
{
    static const struct {
        const char *words[4];
        const char *says;
    } cases[] = {
        {{"srve"}, "there is no subcommand srve: did you mean serve?"},
        {{"frobnicate"}, "there is no subcommand frobnicate"},
        {{"make", "--row", "3"}, "there is no flag --row of make: did you mean --rows?"},
        {{"make", "--prot=1"}, "there is no flag --prot of make: did you mean --port?"},
        {{"make", "--frobnicate"}, "there is no flag --frobnicate of make"},
        {{"serve", "--rows", "3"}, "there is no flag --rows of serve"},
        {{"make", "-q"}, "there is no flag -q"},
        {{"make", "--no-rows"}, "there is no flag --no-rows"},
        {{"make", "--no-quick=true"}, "takes no value"},
        {{"make", "--quick=perhaps"}, "--quick=perhaps: expected true or false"},
        {{"make", "--rows"}, "--rows needs a value: --rows N"},
        {{"make", "--rows", "--quick"}, "--rows needs a value"},
        {{"make", "--rows="}, "--rows = : expected a whole number"},
        {{"make", "--every", "3"}, "--every = 3: expected a duration such as 30s"},
        {{"make", "--from", "soon"}, "--from = soon: expected a time such as 2024-08-08"},
        {{"make", "--shape", "round"}, "--shape = round: expected one of day, flat, storm"},
        {{"make", "extra"}, "make takes no arguments, but there is extra"},
        {{"read"}, "read needs FILE…"},
        {{"read", "undo"}, "read undo needs NUMBER"},
        {{"read", "undo", "1", "2"}, "read undo takes NUMBER, but there is also 2"},
        {{"move"}, "move needs one of these words next: up, down"},
        {{"move", "sideways"}, "move needs one of these words next: up, down"},
        {{"--port", "1"}, "Name a subcommand"},
        {{"mvoe", "up"}, "there is no subcommand mvoe: did you mean move?"},
        {{"help", "srve"}, "there is no subcommand srve: did you mean serve?"},
        {{"serve", "--port"}, "--port needs a value: --port N"},
        {{"serve", "--config"}, "--config needs a value: --config FILE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 0;
        while (count < 4 && cases[i].words[count] != NULL)
            count++;
        cr_expect_eq(parse(count, cases[i].words), STATUS_INVALID, "case %zu", i);
        assert_says(cases[i].says);
    }
}

Test(options, ask_for_help_wherever_help_stands)
{
    cr_assert_eq(PARSE("--help"), STATUS_OK);
    cr_assert_eq(line.action, COMMAND_HELP);
    cr_assert_null(line.subcommand);
    cr_assert_eq(PARSE("make", "-h"), STATUS_OK);
    cr_assert_eq(line.action, COMMAND_HELP);
    cr_assert_str_eq(line.subcommand->name, "make");
    cr_assert_eq(PARSE("read", "--help"), STATUS_OK, "needs no FILE: %s", error.text);
    cr_assert_eq(PARSE("help", "move", "up"), STATUS_OK);
    cr_assert_str_eq(line.subcommand->name, "move up");
    cr_assert_eq(PARSE("help", "move"), STATUS_OK);
    cr_assert_str_eq(line.topic, "move");
    cr_assert_eq(PARSE("move", "--help"), STATUS_OK);
    cr_assert_eq(line.action, COMMAND_HELP);
    cr_assert_str_eq(line.topic, "move");
    cr_assert_eq(PARSE("help", "settings"), STATUS_OK);
    cr_assert_str_eq(line.topic, "settings");
    cr_assert_eq(PARSE("help"), STATUS_OK);
    cr_assert_eq(line.action, COMMAND_HELP);
}

Test(options, ask_for_the_version)
{
    cr_assert_eq(PARSE("--version"), STATUS_OK);
    cr_assert_eq(line.action, COMMAND_VERSION);
    cr_assert_eq(PARSE("-V"), STATUS_OK);
    cr_assert_eq(line.action, COMMAND_VERSION);
}

/* ---- what is said ---- */

/* The exit status when what is said goes to `path`. */
static int main_to(const char *path, const char *word)
{
    char name[] = "deck";
    char argument[32];
    int wait_status;
    (void)snprintf(argument, sizeof argument, "%s", word);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        _exit(freopen(path, "w", stdout) != NULL
                  ? options_main(&program, 2, (char *[]){name, argument, NULL})
                  : 99);
    cr_assert_eq(waitpid(child, &wait_status, 0), child);
    cr_assert(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

Test(options, an_answer_that_cannot_be_written_is_a_failure)
{
    cr_assert_eq(main_to("/dev/null", "say"), EXIT_DONE);
    cr_assert_eq(main_to("/dev/full", "say"), EXIT_FAILED);
    cr_assert_eq(main_to("/dev/full", "--version"), EXIT_FAILED);
    cr_assert_eq(main_to("/dev/full", "--help"), EXIT_FAILED);
    cr_assert_eq(main_to("/dev/full", "no-such"), EXIT_USAGE);
    cr_assert_eq(main_to("/dev/full", "serve"), EXIT_DONE, "a service is there for others");
}

/* ---- help ---- */

static struct buffer out;

static void begin_text(void)
{
    buffer_init(&out, 1 << 18);
}

static void end_text(void)
{
    buffer_deinit(&out);
}

TestSuite(help, .init = begin_text, .fini = end_text);

static void assert_shows(const char *part)
{
    cr_assert_not_null(strstr(buffer_text(&out), part), "\"%s\" is not in:\n%s", part,
                       buffer_text(&out));
}

static void assert_narrow(void)
{
    const char *text = buffer_text(&out);
    for (size_t columns = 0; *text != '\0'; text++) {
        columns += ((unsigned char)*text & 0xC0) != 0x80;
        columns = *text == '\n' ? 0 : columns;
        cr_assert_leq(columns, HELP_COLUMNS, "%s", text);
    }
}

Test(help, of_the_program_lists_every_subcommand)
{
    help_program(&program, NULL, &out);
    for (size_t i = 0; i < program.subcommand_count; i++)
        assert_shows(program.subcommands[i].name);
    assert_shows("Usage: deck SUBCOMMAND [OPTIONS]");
    assert_narrow();
}

Test(help, of_a_group_lists_its_members_only)
{
    help_program(&program, "move", &out);
    assert_shows("move up");
    assert_shows("move down");
    cr_assert_null(strstr(buffer_text(&out), "serve it"));
}

Test(help, of_a_subcommand_shows_usage_options_settings_and_examples)
{
    help_subcommand(&program, &subcommands[1], &out);
    assert_shows("Usage: deck make [OPTIONS]\n");
    assert_shows("Makes it, all of it.\n\n  one: 1\n    two: 2\n\nAnd so on.\n");
    assert_shows("  --quick\n      be quick about it\n");
    assert_shows("  --name NAME\n");
    assert_shows("  --shape day|flat|storm\n");
    assert_shows("--database-url URL");
    assert_shows("Examples:\n  deck make --rows 3\n  deck make --quick\n");
    cr_assert_null(strstr(buffer_text(&out), "--cache-bytes"), "a setting of the server only");
    assert_narrow();
}

Test(help, of_a_subcommand_that_begins_others_names_them)
{
    help_subcommand(&program, &subcommands[4], &out);
    assert_shows("Usage: deck read FILE…\n");
    assert_shows("deck read undo NUMBER");
}

Test(help, of_settings_shows_the_key_the_flag_and_the_variables_of_each)
{
    help_settings(&out);
    size_t count;
    const struct setting *all = settings(&count);
    for (size_t i = 0; i < count; i++) {
        assert_shows(all[i].key);
        assert_shows(setting_flag_name(&all[i]).text);
        assert_shows(setting_variable(&all[i]).text);
    }
    assert_shows("TIMESCALE_DATABASE_URL");
    assert_shows("policies:\n");
    assert_shows("    drop_after  (90d)\n");
    assert_shows("    sample_at  (03:00)\n");
    assert_narrow();
}
