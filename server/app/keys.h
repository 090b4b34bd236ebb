/*
 * tapedeck keys add | list | revoke: the file of API keys in a terminal. All return the exit status
 * of the process. Main thread.
 */
#ifndef TAPEDECK_APP_KEYS_H
#define TAPEDECK_APP_KEYS_H

#include "app/configuration.h"
#include "app/options.h"

/* Of `keys add`. */
struct keys_values {
    int role; /* of its choices; −1: not given */
    const char *expires;
};
extern const struct keys_values keys_defaults;
extern const struct option keys_options[];
#define KEYS_OPTION_COUNT 2

int keys_add_run(const struct configuration *configuration, const struct invocation *invocation);
int keys_list_run(const struct configuration *configuration, const struct invocation *invocation);
int keys_revoke_run(const struct configuration *configuration, const struct invocation *invocation);

#endif
