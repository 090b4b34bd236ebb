#include "app/options.h"

#include "app/help.h"
#include "app/option_value.h"
#include "app/setting.h"
#include "app/terminal.h"
#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 128
#define HELP_BYTES_MAX (1 << 20)

/* The words that are still to be read. */
struct parse {
    const struct program *program;
    struct command_line *line;
    const char *const *words;
    size_t left;
    struct error *error;
};

/* "--name=value" taken apart. */
struct flag {
    const char *word; /* as it was written */
    const char *name; /* behind the dashes, and behind "no-" if is_negated */
    size_t bytes;
    const char *value; /* behind the '='; NULL: none */
    bool is_negated;
};

/* ---- names ---- */

static const struct subcommand *find_subcommand(const struct program *program, const char *name)
{
    for (size_t i = 0; i < program->subcommand_count; i++) {
        if (strcmp(program->subcommands[i].name, name) == 0)
            return &program->subcommands[i];
    }
    return NULL;
}

/* Whether some subcommand's first of two words is this. */
static bool is_group(const struct program *program, const char *word)
{
    size_t bytes = strlen(word);
    for (size_t i = 0; i < program->subcommand_count; i++) {
        const char *name = program->subcommands[i].name;
        if (strncmp(name, word, bytes) == 0 && name[bytes] == ' ')
            return true;
    }
    return false;
}

static const struct option *find_option(const struct subcommand *subcommand,
                                        const struct flag *flag)
{
    for (size_t i = 0; subcommand != NULL && i < subcommand->option_count; i++) {
        const struct option *option = &subcommand->options[i];
        if (strlen(option->name) == flag->bytes &&
            strncmp(option->name, flag->name, flag->bytes) == 0)
            return option;
    }
    return NULL;
}

/* Of two words the first: the second may be right. */
static enum status refuse_subcommand(const struct parse *parse, const char *word)
{
    struct setting_name firsts[NAMES_MAX];
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < parse->program->subcommand_count && count < NAMES_MAX; count++) {
        const char *name = parse->program->subcommands[count].name;
        (void)snprintf(firsts[count].text, sizeof firsts[count].text, "%.*s",
                       (int)strcspn(name, " "), name);
        names[count] = firsts[count].text;
    }
    const char *closest = value_closest(word, names, count);
    return error_set(parse->error, STATUS_INVALID, "there is no subcommand %s%s%s%s", word,
                     closest != NULL ? ": did you mean " : "", closest != NULL ? closest : "",
                     closest != NULL ? "?" : "");
}

static enum status refuse_group(const struct parse *parse, const char *group)
{
    char members[ERROR_TEXT_BYTES / 2] = "";
    size_t used = 0;
    size_t bytes = strlen(group);
    for (size_t i = 0; i < parse->program->subcommand_count && used < sizeof members; i++) {
        const char *name = parse->program->subcommands[i].name;
        if (strncmp(name, group, bytes) == 0 && name[bytes] == ' ')
            used += (size_t)snprintf(members + used, sizeof members - used, "%s%s",
                                     used > 0 ? ", " : "", name + bytes + 1);
    }
    return error_set(parse->error, STATUS_INVALID, "%s needs one of these words next: %s", group,
                     members);
}

static enum status refuse_flag(const struct parse *parse, const char *word)
{
    struct setting_name flags[CONFIGURATION_SETTINGS_MAX];
    const char *names[NAMES_MAX] = {"help", "config"};
    size_t count = 2;
    size_t setting_count;
    const struct setting *all = settings(&setting_count);
    const struct subcommand *subcommand = parse->line->subcommand;
    for (size_t i = 0; subcommand != NULL && i < subcommand->option_count && count < NAMES_MAX; i++)
        names[count++] = subcommand->options[i].name;
    for (size_t i = 0; i < setting_count && count < NAMES_MAX; i++) {
        flags[i] = setting_flag_name(&all[i]);
        names[count++] = flags[i].text + 2;
    }
    char name[64];
    const char *dashless = word + strspn(word, "-");
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(dashless, "="), dashless);
    const char *closest = value_closest(name, names, count);
    return error_set(parse->error, STATUS_INVALID, "there is no flag %.*s%s%s%s%s%s",
                     (int)strcspn(word, "="), word, subcommand != NULL ? " of " : "",
                     subcommand != NULL ? subcommand->name : "",
                     closest != NULL ? ": did you mean --" : "", closest != NULL ? closest : "",
                     closest != NULL ? "?" : "");
}

/* ---- flags ---- */

static struct flag take_apart(const char *word)
{
    struct flag flag = {.word = word, .name = word + 2};
    flag.bytes = strcspn(flag.name, "=");
    flag.value = flag.name[flag.bytes] == '=' ? flag.name + flag.bytes + 1 : NULL;
    return flag;
}

static struct flag without_no(struct flag flag)
{
    flag.name += 3;
    flag.bytes -= 3;
    flag.is_negated = true;
    return flag;
}

/* The value behind '=' or in the next word. */
static enum status take_value(struct parse *parse, const struct flag *flag, const char *what,
                              const char **value)
{
    if (flag->value != NULL) {
        *value = flag->value;
        return STATUS_OK;
    }
    if (parse->left == 0 || strncmp(parse->words[0], "--", 2) == 0)
        return error_set(parse->error, STATUS_INVALID, "%s needs a value: %s %s", flag->word,
                         flag->word, what);
    *value = *parse->words++;
    parse->left--;
    return STATUS_OK;
}

/* "true" or "false" of a flag that needs no value. */
static enum status take_switch(const struct parse *parse, const struct flag *flag, bool *value)
{
    if (flag->is_negated && flag->value != NULL)
        return error_set(parse->error, STATUS_INVALID, "%s takes no value", flag->word);
    *value = !flag->is_negated;
    if (flag->value == NULL)
        return STATUS_OK;
    enum status status = value_parse_bool(flag->value, value, parse->error);
    return status == STATUS_OK ? STATUS_OK : error_prefix(parse->error, "%s", flag->word);
}

static void append_to_list(struct option_list *list, const char *text)
{
    size_t more = 1;
    for (const char *c = text; *c != '\0'; c++)
        more += *c == ',';
    char **items = (char **)(uintptr_t)list->items;
    items = mem_resize(items, (list->count + more) * sizeof *items);
    while (*(text += strspn(text, ", ")) != '\0') {
        size_t bytes = strcspn(text, ",");
        char *item = mem_alloc_zeroed(bytes + 1);
        memcpy(item, text, bytes);
        items[list->count++] = item;
        text += bytes;
    }
    list->items = (const char *const *)items;
}

static enum status store_choice(const struct option *option, const char *text, int *choice,
                                struct error *error)
{
    char all[ERROR_TEXT_BYTES / 2] = "";
    size_t used = 0;
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *choice = i;
            return STATUS_OK;
        }
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "",
                                     option->choices[i]);
    }
    return error_set(error, STATUS_INVALID, "expected one of %s", all);
}

static enum status store_value(const struct option *option, const char *text, void *field,
                               struct error *error)
{
    switch (option->type) {
    case OPTION_TEXT:
        *(const char **)field = text;
        return STATUS_OK;
    case OPTION_LIST:
        append_to_list(field, text);
        return STATUS_OK;
    case OPTION_INTEGER:
        return value_parse_integer(text, option->min, option->max, field, error);
    case OPTION_BYTES:
        return value_parse_bytes(text, option->min, option->max, field, error);
    case OPTION_DURATION:
        return value_parse_duration(text, option->min, option->max, field, error);
    case OPTION_TIME:
        return value_parse_time(text, field, error);
    case OPTION_CHOICE:
        return store_choice(option, text, field, error);
    case OPTION_SWITCH:
        break;
    }
    return error_set(error, STATUS_INTERNAL, "option without a type");
}

static enum status take_option(struct parse *parse, const struct option *option,
                               const struct flag *flag)
{
    void *field = (char *)parse->line->values + option->offset;
    if (option->type == OPTION_SWITCH)
        return take_switch(parse, flag, field);
    const char *text;
    enum status status = take_value(parse, flag, help_option_value(option), &text);
    if (status != STATUS_OK)
        return status;
    status = store_value(option, text, field, parse->error);
    return status == STATUS_OK ? STATUS_OK
                               : error_prefix(parse->error, "--%s = %s", option->name, text);
}

static enum status take_setting(struct parse *parse, const struct setting *setting,
                                const struct flag *flag)
{
    struct command_line *line = parse->line;
    const char *text;
    if (setting->type == SETTING_BOOL) {
        bool value;
        enum status status = take_switch(parse, flag, &value);
        if (status != STATUS_OK)
            return status;
        text = value ? "true" : "false";
    } else {
        enum status status = take_value(parse, flag, setting_value_name(setting), &text);
        if (status != STATUS_OK)
            return status;
    }
    line->settings = mem_resize(line->settings, (line->setting_count + 1) * sizeof *line->settings);
    line->settings[line->setting_count++] = (struct setting_flag){setting, text};
    return STATUS_OK;
}

static bool is_flag(const struct flag *flag, const char *name)
{
    return strlen(name) == flag->bytes && strncmp(flag->name, name, flag->bytes) == 0;
}

/* Switches know --no-; nothing else does. */
static enum status take_negated(struct parse *parse, const struct flag *flag)
{
    struct flag positive = without_no(*flag);
    const struct option *option = find_option(parse->line->subcommand, &positive);
    const struct setting *setting = setting_find(positive.name, positive.bytes);
    if (option != NULL && option->type == OPTION_SWITCH)
        return take_option(parse, option, &positive);
    if (setting != NULL && setting->type == SETTING_BOOL)
        return take_setting(parse, setting, &positive);
    return refuse_flag(parse, flag->word);
}

static enum status take_flag(struct parse *parse, const char *word)
{
    struct flag flag = take_apart(word);
    if (is_flag(&flag, "help")) {
        parse->line->action = COMMAND_HELP;
        return STATUS_OK;
    }
    if (is_flag(&flag, "version")) {
        parse->line->action = COMMAND_VERSION;
        return STATUS_OK;
    }
    if (is_flag(&flag, "config"))
        return take_value(parse, &flag, "FILE", &parse->line->file);
    const struct option *option = find_option(parse->line->subcommand, &flag);
    if (option != NULL)
        return take_option(parse, option, &flag);
    const struct setting *setting = setting_find(flag.name, flag.bytes);
    if (setting != NULL)
        return take_setting(parse, setting, &flag);
    if (strncmp(flag.name, "no-", 3) == 0)
        return take_negated(parse, &flag);
    return refuse_flag(parse, word);
}

static enum status take_short_flag(struct parse *parse, const char *word)
{
    if (strcmp(word, "-h") == 0)
        parse->line->action = COMMAND_HELP;
    else if (strcmp(word, "-V") == 0)
        parse->line->action = COMMAND_VERSION;
    else
        return refuse_flag(parse, word);
    return STATUS_OK;
}

/* ---- words ---- */

static void choose(struct command_line *line, const struct subcommand *subcommand)
{
    line->subcommand = subcommand;
    if (subcommand->values_bytes == 0)
        return;
    line->values = mem_alloc_zeroed(subcommand->values_bytes);
    if (subcommand->defaults != NULL)
        memcpy(line->values, subcommand->defaults, subcommand->values_bytes);
    line->invocation.values = line->values;
}

/* "migrate" and "up" are one name if there is one of both words. */
static const struct subcommand *find_both(struct parse *parse, const char *word)
{
    char both[64];
    if (parse->left == 0)
        return NULL;
    (void)snprintf(both, sizeof both, "%s %s", word, parse->words[0]);
    const struct subcommand *found = find_subcommand(parse->program, both);
    if (found != NULL) {
        parse->words++;
        parse->left--;
    }
    return found;
}

static enum status take_help_topic(struct parse *parse)
{
    struct command_line *line = parse->line;
    line->action = COMMAND_HELP;
    if (parse->left == 0)
        return STATUS_OK;
    const char *word = *parse->words++;
    parse->left--;
    line->subcommand = find_both(parse, word);
    if (line->subcommand == NULL)
        line->subcommand = find_subcommand(parse->program, word);
    if (line->subcommand != NULL)
        return STATUS_OK;
    if (strcmp(word, HELP_SETTINGS) != 0 && !is_group(parse->program, word))
        return refuse_subcommand(parse, word);
    line->topic = word;
    return STATUS_OK;
}

static enum status take_subcommand(struct parse *parse, const char *word)
{
    if (strcmp(word, "help") == 0)
        return take_help_topic(parse);
    const struct subcommand *subcommand = find_both(parse, word);
    if (subcommand == NULL)
        subcommand = find_subcommand(parse->program, word);
    if (subcommand != NULL) {
        choose(parse->line, subcommand);
        return STATUS_OK;
    }
    if (!is_group(parse->program, word))
        return refuse_subcommand(parse, word);
    parse->line->topic = word;
    if (parse->left > 0 &&
        (strcmp(parse->words[0], "-h") == 0 || strcmp(parse->words[0], "--help") == 0))
        return STATUS_OK;
    return refuse_group(parse, word);
}

static enum status take_argument(struct parse *parse, const char *word)
{
    struct command_line *line = parse->line;
    if (line->subcommand == NULL && line->action == COMMAND_RUN && line->topic == NULL)
        return take_subcommand(parse, word);
    if (line->subcommand != NULL && line->subcommand->arguments_max == 0)
        return error_set(parse->error, STATUS_INVALID, "%s takes no arguments, but there is %s",
                         line->subcommand->name, word);
    line->arguments[line->invocation.argument_count++] = word;
    return STATUS_OK;
}

static enum status check_arguments(const struct parse *parse)
{
    const struct command_line *line = parse->line;
    if (line->action != COMMAND_RUN)
        return STATUS_OK;
    if (line->subcommand == NULL)
        return error_set(parse->error, STATUS_INVALID, "what is to be done? Name a subcommand");
    const struct subcommand *subcommand = line->subcommand;
    size_t count = line->invocation.argument_count;
    if (count < subcommand->arguments_min)
        return error_set(parse->error, STATUS_INVALID, "%s needs %s", subcommand->name,
                         subcommand->arguments);
    if (count > subcommand->arguments_max)
        return error_set(parse->error, STATUS_INVALID, "%s takes %s, but there is also %s",
                         subcommand->name, subcommand->arguments,
                         line->arguments[subcommand->arguments_max]);
    return STATUS_OK;
}

static enum status take_word(struct parse *parse, bool *only_arguments)
{
    const char *word = *parse->words++;
    parse->left--;
    if (*only_arguments || word[0] != '-' || word[1] == '\0')
        return take_argument(parse, word);
    if (strcmp(word, "--") == 0) {
        *only_arguments = true;
        return STATUS_OK;
    }
    return word[1] == '-' ? take_flag(parse, word) : take_short_flag(parse, word);
}

enum status options_parse(const struct program *program, size_t word_count,
                          const char *const *words, struct command_line *line, struct error *error)
{
    *line = (struct command_line){.action = COMMAND_RUN};
    line->arguments = mem_alloc_zeroed((word_count + 1) * sizeof *line->arguments);
    line->invocation.arguments = line->arguments;
    struct parse parse = {
        .program = program, .line = line, .words = words, .left = word_count, .error = error};
    bool only_arguments = false;
    enum status status = STATUS_OK;
    while (parse.left > 0 && status == STATUS_OK)
        status = take_word(&parse, &only_arguments);
    return status == STATUS_OK ? check_arguments(&parse) : status;
}

void options_deinit(struct command_line *line)
{
    const struct subcommand *subcommand = line->subcommand;
    for (size_t i = 0; line->values != NULL && i < subcommand->option_count; i++) {
        if (subcommand->options[i].type != OPTION_LIST)
            continue;
        struct option_list *list = (void *)((char *)line->values + subcommand->options[i].offset);
        char **items = (char **)(uintptr_t)list->items;
        for (size_t j = 0; j < list->count; j++)
            mem_free(items[j]);
        mem_free(items);
    }
    mem_free(line->values);
    mem_free(line->settings);
    mem_free(line->arguments);
    *line = (struct command_line){.action = COMMAND_RUN};
}

/* ---- main ---- */

static int print_help(const struct program *program, const struct command_line *line)
{
    struct buffer out;
    buffer_init(&out, HELP_BYTES_MAX);
    if (line->subcommand != NULL)
        help_subcommand(program, line->subcommand, &out);
    else if (line->topic != NULL && strcmp(line->topic, HELP_SETTINGS) == 0)
        help_settings(&out);
    else
        help_program(program, line->topic, &out);
    bool failed = fwrite(out.bytes, 1, out.count, stdout) != out.count || fflush(stdout) != 0;
    buffer_deinit(&out);
    return failed ? EXIT_FAILED : EXIT_DONE;
}

static int refuse(const struct program *program, const struct command_line *line,
                  const struct error *error)
{
    const char *name = line->subcommand != NULL ? line->subcommand->name : line->topic;
    terminal_error("%s", error->text);
    (void)fprintf(stderr, "`%s help%s%s` tells more.\n", program->name, name != NULL ? " " : "",
                  name != NULL ? name : "");
    return EXIT_USAGE;
}

static int run(const struct command_line *line)
{
    struct configuration_inputs inputs = {
        .file = line->file,
        .environment = (const char *const *)environ,
        .flags = line->settings,
        .flag_count = line->setting_count,
    };
    struct configuration configuration;
    struct error error;
    if (configuration_load(&inputs, &configuration, &error) != STATUS_OK) {
        terminal_error("%s", error.text);
        return EXIT_USAGE;
    }
    log_set_level(configuration.log_level);
    int result = line->subcommand->run(&configuration, &line->invocation);
    configuration_deinit(&configuration);
    return result;
}

static int act(const struct program *program, const struct command_line *line)
{
    switch (line->action) {
    case COMMAND_HELP:
        return print_help(program, line);
    case COMMAND_VERSION:
        (void)printf("%s %s\n", program->name, program->version);
        return EXIT_DONE;
    case COMMAND_RUN:
        break;
    }
    return run(line);
}

/* Zero means that whoever reads the answer has all of it. */
static int check_output(const struct command_line *line, int result)
{
    bool is_whole = fflush(stdout) == 0 && ferror(stdout) == 0;
    bool is_answer = line->subcommand == NULL || !line->subcommand->is_service;
    if (is_whole || !is_answer || result != EXIT_DONE)
        return result;
    terminal_error("the answer could not be written, or not all of it");
    return EXIT_FAILED;
}

int options_main(const struct program *program, int word_count, char **words)
{
    struct command_line line = {.action = COMMAND_HELP};
    struct error error;
    ASSERT(word_count >= 1);
    if (word_count == 1) {
        (void)print_help(program, &line);
        return EXIT_USAGE;
    }
    enum status status = options_parse(program, (size_t)word_count - 1,
                                       (const char *const *)words + 1, &line, &error);
    int result = status == STATUS_OK ? act(program, &line) : refuse(program, &line, &error);
    result = check_output(&line, result);
    options_deinit(&line);
    return result;
}
