/*
 * tapedeck policies, policies check, policies run | pause | resume: their options, which main.c
 * puts into the table of subcommands, and what they do. Constant; main thread.
 */
#ifndef TAPEDECK_APP_POLICIES_COMMAND_H
#define TAPEDECK_APP_POLICIES_COMMAND_H

#include "app/options.h"

struct policies_values {
    bool json;
};

#define POLICIES_OPTION_COUNT 1
extern const struct option policies_options[POLICIES_OPTION_COUNT];

/* Return the exit status. */
int policies_list_run(const struct configuration *configuration,
                      const struct invocation *invocation);
/* 1: there are findings; 2: it failed. */
int policies_check_run(const struct configuration *configuration,
                       const struct invocation *invocation);
/* These take the number of a job: the exit status of wrong usage when it is none. */
int policies_run_run(const struct configuration *configuration,
                     const struct invocation *invocation);
int policies_pause_run(const struct configuration *configuration,
                       const struct invocation *invocation);
int policies_resume_run(const struct configuration *configuration,
                        const struct invocation *invocation);

#endif
