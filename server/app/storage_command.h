/*
 * tapedeck storage, storage history, storage sample: their options, which main.c puts into the
 * table of subcommands, and what they do. Constant; main thread.
 */
#ifndef TAPEDECK_APP_STORAGE_COMMAND_H
#define TAPEDECK_APP_STORAGE_COMMAND_H

#include "app/options.h"

struct storage_values {
    int64_t limit; /* of history */
    bool json;
};

extern const struct storage_values storage_defaults;
#define STORAGE_OPTION_COUNT 1
extern const struct option storage_options[STORAGE_OPTION_COUNT];
#define STORAGE_HISTORY_OPTION_COUNT 2
extern const struct option storage_history_options[STORAGE_HISTORY_OPTION_COUNT];

/* Return the exit status. */
int storage_run(const struct configuration *configuration, const struct invocation *invocation);
int storage_history_run(const struct configuration *configuration,
                        const struct invocation *invocation);
int storage_sample_run(const struct configuration *configuration,
                       const struct invocation *invocation);

#endif
