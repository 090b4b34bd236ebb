/*
 * The command line: which subcommand, with which options, settings and arguments.
 *
 *   tapedeck [SETTINGS] SUBCOMMAND [OPTIONS] [SETTINGS] [--] [ARGUMENTS]
 *
 * A subcommand declares its options in a table; what was given is stored into its own struct of
 * values. Every setting is a flag everywhere (--port 9000, --port=9000, --insecure). Main thread.
 */
#ifndef TAPEDECK_APP_OPTIONS_H
#define TAPEDECK_APP_OPTIONS_H

#include "app/configuration.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses of the process. */
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2 /* also for a wrong configuration */

enum option_type {
    OPTION_SWITCH,   /* bool: --flag, --no-flag, --flag=false */
    OPTION_TEXT,     /* const char * */
    OPTION_INTEGER,  /* int64_t, from min to max */
    OPTION_BYTES,    /* int64_t, from min to max */
    OPTION_DURATION, /* int64_t in µs, from min to max */
    OPTION_TIME,     /* int64_t in µs since the epoch */
    OPTION_CHOICE,   /* int: index into choices */
    OPTION_LIST,     /* struct option_list: separated by commas, or the flag several times */
};

struct option_list {
    const char *const *items;
    size_t count;
};

struct option {
    const char *name; /* "max-errors" */
    enum option_type type;
    size_t offset; /* of its field in the subcommand's values */
    int64_t min;
    int64_t max;
    const char *value;          /* what help calls the value, "FILE"; NULL: by the type */
    const char *const *choices; /* of OPTION_CHOICE, ended by NULL */
    const char *help;
};

struct invocation;

struct subcommand {
    const char *name;      /* one word or two: "serve", "migrate up" */
    const char *summary;   /* one line, for the list of subcommands */
    const char *arguments; /* what they are called in usage: "FILE…"; NULL: there are none */
    size_t arguments_min;
    size_t arguments_max;
    const struct option *options;
    size_t option_count;
    size_t values_bytes;     /* of the struct the options are stored in */
    const void *defaults;    /* of that struct; NULL: all zero */
    unsigned uses;           /* settings shown in its help: setting_use of setting.h */
    const char *description; /* paragraphs between usage and options; NULL: the summary will do */
    const char *examples;    /* lines; NULL: none */
    bool is_service;         /* what it prints on the way is no answer that must be written */
    int (*run)(const struct configuration *configuration, const struct invocation *invocation);
};

struct program {
    const char *name; /* "tapedeck" */
    const char *version;
    const char *summary;
    const struct subcommand *subcommands;
    size_t subcommand_count;
};

/* What a subcommand gets; borrowed for the call. */
struct invocation {
    const void *values; /* its struct */
    const char *const *arguments;
    size_t argument_count;
};

enum command_action { COMMAND_RUN, COMMAND_HELP, COMMAND_VERSION };

struct command_line {
    enum command_action action;
    const struct subcommand *subcommand; /* to run, or to explain; NULL: the program */
    const char *topic;                   /* of help that is no subcommand: "migrate", "settings" */
    struct invocation invocation;
    const char *file; /* --config; NULL: not given */
    struct setting_flag *settings;
    size_t setting_count;

    void *values;
    const char **arguments;
};

/* STATUS_INVALID: the sentence says what was wrong and what may have been meant. Texts are borrowed
 * from `words` (argv without the program's name). Deinit it in either case. */
enum status options_parse(const struct program *program, size_t word_count,
                          const char *const *words, struct command_line *line,
                          struct error *error) MUST_CHECK;
void options_deinit(struct command_line *line);

/* All of main: parses, explains or loads the configuration and runs. Returns the exit status. */
int options_main(const struct program *program, int word_count, char **words);

#endif
