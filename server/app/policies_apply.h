/*
 * tapedeck policies apply: what is declared in tapedeck.yaml, put in force. The routines of sql/
 * compare, judge and change; here their plan is shown and the question asked. Main thread.
 */
#ifndef TAPEDECK_APP_POLICIES_APPLY_H
#define TAPEDECK_APP_POLICIES_APPLY_H

#include "app/database.h"
#include "app/options.h"

#define POLICIES_EXIT_CHANGES 3 /* of a dry run: there are changes */

struct policies_apply_values {
    bool dry_run;
    bool yes;
    bool json;
};

#define POLICIES_APPLY_OPTION_COUNT 3
extern const struct option policies_apply_options[POLICIES_APPLY_OPTION_COUNT];
extern const char policies_apply_description[];

int policies_apply_run(const struct configuration *configuration,
                       const struct invocation *invocation);

/* A line in the log when policies are declared that are not in force. Changes nothing; a database
 * that cannot be asked is no reason for anything. */
void policies_compare(const struct configuration *configuration, const struct database *database);

#endif
