#include "app/help.h"

#include "app/declared_policies.h"
#include "app/setting.h"

#include <stdio.h>
#include <string.h>

#define INDENT 6 /* of what explains a flag */
#define NAME_COLUMNS 18

/* Columns of a text: one for each character. */
static size_t columns_of(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static void append_blanks(struct buffer *out, size_t count)
{
    buffer_append_format(out, "%*s", (int)count, "");
}

/* One line of a text, of `bytes`; blanks at its beginning stay. */
static void append_wrapped_line(struct buffer *out, size_t indent, const char *text, size_t bytes)
{
    const char *end = text + bytes;
    size_t blanks = strspn(text, " ");
    size_t column = indent + blanks;
    append_blanks(out, blanks);
    for (text += blanks; text < end; text += *text == ' ') {
        size_t word_bytes = strcspn(text, " \n");
        size_t columns = columns_of(text, word_bytes);
        if (column > indent + blanks && column + 1 + columns > HELP_COLUMNS) {
            buffer_append_text(out, "\n");
            append_blanks(out, indent);
            column = indent;
        } else if (column > indent + blanks) {
            buffer_append_text(out, " ");
            column++;
        }
        buffer_append(out, text, word_bytes);
        column += columns;
        text += word_bytes;
    }
}

/* Wraps at blanks; every line but the first begins at `indent`. Line feeds stay. */
static void append_wrapped(struct buffer *out, size_t indent, const char *text)
{
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        append_wrapped_line(out, indent, text, bytes);
        text += bytes;
        if (*text == '\0')
            return;
        buffer_append_text(out, "\n");
        text++;
        if (*text != '\0' && *text != '\n')
            append_blanks(out, indent);
    }
}

/* ---- flags ---- */

const char *help_option_value(const struct option *option)
{
    if (option->value != NULL)
        return option->value;
    switch (option->type) {
    case OPTION_SWITCH:
        return "";
    case OPTION_INTEGER:
        return "N";
    case OPTION_BYTES:
        return "SIZE";
    case OPTION_DURATION:
        return "DURATION";
    case OPTION_TIME:
        return "TIME";
    case OPTION_LIST:
        return "TEXT,…";
    case OPTION_TEXT:
    case OPTION_CHOICE:
        break;
    }
    return "TEXT";
}

static void append_choices(struct buffer *out, const struct option *option)
{
    for (size_t i = 0; option->choices[i] != NULL; i++)
        buffer_append_format(out, "%s%s", i > 0 ? "|" : "", option->choices[i]);
}

static void append_option(struct buffer *out, const struct option *option)
{
    buffer_append_format(out, "  --%s", option->name);
    if (option->type == OPTION_CHOICE && option->value == NULL) {
        buffer_append_text(out, " ");
        append_choices(out, option);
    } else if (option->type != OPTION_SWITCH) {
        buffer_append_format(out, " %s", help_option_value(option));
    }
    buffer_append_text(out, "\n");
    append_blanks(out, INDENT);
    append_wrapped(out, INDENT, option->help);
    buffer_append_text(out, "\n");
}

static void append_setting_flag(struct buffer *out, const struct setting *setting)
{
    buffer_append_format(out, "  %s", setting_flag_name(setting).text);
    if (setting->type != SETTING_BOOL)
        buffer_append_format(out, " %s", setting_value_name(setting));
    else if (strcmp(setting->standard, "true") == 0)
        buffer_append_text(out, "=false");
    if (setting->standard[0] != '\0' && setting->type != SETTING_BOOL)
        buffer_append_format(out, "  (%s)", setting->standard);
    buffer_append_text(out, "\n");
    append_blanks(out, INDENT);
    append_wrapped(out, INDENT, setting->help);
    buffer_append_text(out, "\n");
}

static void append_settings_of(struct buffer *out, unsigned uses)
{
    size_t count;
    const struct setting *all = settings(&count);
    buffer_append_text(out, "\nSettings, also in tapedeck.yaml or the environment "
                            "(`tapedeck help settings`):\n");
    for (size_t i = 0; i < count; i++) {
        if ((all[i].uses & (uses | SETTING_OF_ALL)) != 0)
            append_setting_flag(out, &all[i]);
    }
    buffer_append_text(out, "  --config FILE\n      file to read instead of tapedeck.yaml here or "
                            "in the home folder\n");
}

/* ---- subcommands ---- */

static void append_examples(struct buffer *out, const char *examples)
{
    buffer_append_text(out, "\nExamples:\n");
    while (*examples != '\0') {
        size_t bytes = strcspn(examples, "\n");
        buffer_append_format(out, "  %.*s\n", (int)bytes, examples);
        examples += bytes + (examples[bytes] == '\n');
    }
}

/* "import" is a subcommand, and the first word of others. */
static void append_relatives(struct buffer *out, const struct program *program,
                             const struct subcommand *subcommand)
{
    size_t bytes = strlen(subcommand->name);
    bool is_first = true;
    for (size_t i = 0; i < program->subcommand_count; i++) {
        const struct subcommand *other = &program->subcommands[i];
        if (strncmp(other->name, subcommand->name, bytes) != 0 || other->name[bytes] != ' ')
            continue;
        buffer_append_format(out, "%s%s %s%s%s\n", is_first ? "\nSee also:\n  " : "  ",
                             program->name, other->name, other->arguments != NULL ? " " : "",
                             other->arguments != NULL ? other->arguments : "");
        is_first = false;
    }
}

void help_subcommand(const struct program *program, const struct subcommand *subcommand,
                     struct buffer *out)
{
    buffer_append_format(out, "%s %s: %s\n\nUsage: %s %s%s%s%s\n", program->name, subcommand->name,
                         subcommand->summary, program->name, subcommand->name,
                         subcommand->option_count > 0 ? " [OPTIONS]" : "",
                         subcommand->arguments != NULL ? " " : "",
                         subcommand->arguments != NULL ? subcommand->arguments : "");
    if (subcommand->description != NULL) {
        buffer_append_text(out, "\n");
        append_wrapped(out, 0, subcommand->description);
        buffer_append_text(out, "\n");
    }
    if (subcommand->option_count > 0)
        buffer_append_text(out, "\nOptions:\n");
    for (size_t i = 0; i < subcommand->option_count; i++)
        append_option(out, &subcommand->options[i]);
    append_settings_of(out, subcommand->uses);
    if (subcommand->examples != NULL)
        append_examples(out, subcommand->examples);
    append_relatives(out, program, subcommand);
}

static bool is_of_group(const struct subcommand *subcommand, const char *group)
{
    size_t bytes = group != NULL ? strlen(group) : 0;
    return group == NULL || (strncmp(subcommand->name, group, bytes) == 0 &&
                             (subcommand->name[bytes] == ' ' || subcommand->name[bytes] == '\0'));
}

void help_program(const struct program *program, const char *group, struct buffer *out)
{
    buffer_append_format(out, "%s: %s\n\nUsage: %s %s%sSUBCOMMAND [OPTIONS]\n\nSubcommands:\n",
                         program->name, program->summary, program->name, group != NULL ? group : "",
                         group != NULL ? " " : "");
    for (size_t i = 0; i < program->subcommand_count; i++) {
        const struct subcommand *subcommand = &program->subcommands[i];
        if (!is_of_group(subcommand, group))
            continue;
        size_t columns = columns_of(subcommand->name, strlen(subcommand->name));
        buffer_append_format(out, "  %s", subcommand->name);
        append_blanks(out, columns < NAME_COLUMNS ? NAME_COLUMNS - columns : 1);
        append_wrapped(out, NAME_COLUMNS + 2, subcommand->summary);
        buffer_append_text(out, "\n");
    }
    buffer_append_format(out,
                         "\n`%s help SUBCOMMAND` explains one of them,\n`%s help " HELP_SETTINGS
                         "` lists everything that can be configured.\n",
                         program->name, program->name);
}

/* ---- settings ---- */

static void append_setting(struct buffer *out, const struct setting *setting)
{
    buffer_append_format(out, "\n%s: %s\n", setting->key,
                         setting->standard[0] != '\0' ? setting->standard : "\"\"");
    append_blanks(out, INDENT);
    append_wrapped(out, INDENT, setting->help);
    buffer_append_text(out, "\n");
    append_blanks(out, INDENT);
    buffer_append_format(out, "%s %s  %s", setting_flag_name(setting).text,
                         setting_value_name(setting), setting_variable(setting).text);
    if (setting->variable != NULL)
        buffer_append_format(out, "  %s", setting->variable);
    buffer_append_text(out, "\n");
}

static void append_default(struct buffer *out, const struct declared_setting *setting)
{
    bool is_same = setting->plain != NULL && strcmp(setting->plain, setting->standard) == 0;
    buffer_append_format(out, "  (%s", setting->standard);
    if (!is_same)
        buffer_append_format(out, "; %s without TimescaleDB",
                             setting->plain != NULL ? setting->plain : "nothing");
    buffer_append_text(out, ")\n");
}

static void append_policies(struct buffer *out)
{
    size_t count;
    const struct declared_setting *all = declared_settings(&count);
    buffer_append_text(out, "\n" DECLARED_SECTION ":\n");
    append_blanks(out, INDENT);
    append_wrapped(out, INDENT,
                   "when ticks are compressed and dropped, candles refreshed, and the database "
                   "measured. Only in the file, a map for each table: `tick_data: {drop_after: "
                   "60d}`. A value is a duration, never where a policy may be missing, or "
                   "default. `tapedeck policies apply` puts them in force.");
    buffer_append_text(out, "\n");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(all[i].target, all[i - 1].target) != 0)
            buffer_append_format(out, "  %s:\n", all[i].target);
        buffer_append_format(out, "    %s", all[i].key);
        append_default(out, &all[i]);
        append_blanks(out, INDENT + 2);
        append_wrapped(out, INDENT + 2, all[i].help);
        buffer_append_text(out, "\n");
    }
}

void help_settings(struct buffer *out)
{
    size_t count;
    const struct setting *all = settings(&count);
    append_wrapped(
        out, 0,
        "Settings come from defaults, tapedeck.yaml, the environment and flags; the later one "
        "wins. The file is looked for in --config FILE (or TAPEDECK_CONFIG), here, and in the "
        "home folder. Sizes are written as 512MiB, durations as 30s or 1h30m. `tapedeck config` "
        "shows what is in effect and where it came from.\n");
    for (size_t i = 0; i < count; i++)
        append_setting(out, &all[i]);
    append_policies(out);
}
