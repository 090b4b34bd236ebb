/*
 * The options of `tapedeck import` and `tapedeck generate`, which main.c puts into the table of
 * subcommands, and what runs them. Constant; main thread.
 */
#ifndef TAPEDECK_APP_LOAD_OPTIONS_H
#define TAPEDECK_APP_LOAD_OPTIONS_H

#include "app/options.h"

struct import_values {
    int format;
    const char *symbol;
    const char *venue;
    const char *source;
    int last_from;
    int64_t max_errors;
    const char *rejects;
    bool partial;
    bool keep;
    bool again;
    bool rebuild_candles;
};

/* Its times are INT64_MIN where they were not given. */
struct generate_values {
    struct option_list symbols;
    int64_t from;
    int64_t to;
    int64_t every_us;
    int64_t seed;
    int shape;
    bool if_empty;
    bool keep;
    bool again;
};

#define IMPORT_OPTION_COUNT 11
#define GENERATE_OPTION_COUNT 9
extern const struct option import_options[IMPORT_OPTION_COUNT];
extern const struct option generate_options[GENERATE_OPTION_COUNT];
extern const struct generate_values generate_defaults;

int import_command(const struct configuration *configuration, const struct invocation *invocation);
int imports_list_command(const struct configuration *configuration,
                         const struct invocation *invocation);
int imports_undo_command(const struct configuration *configuration,
                         const struct invocation *invocation);
int generate_command(const struct configuration *configuration,
                     const struct invocation *invocation);

#endif
