/*
 * What the tests of `tapedeck policies apply` share: a deck, a file with a declaration, and what
 * the last command said.
 */
#ifndef TAPEDECK_TESTS_INTEGRATION_POLICIES_COMMAND_SUPPORT_H
#define TAPEDECK_TESTS_INTEGRATION_POLICIES_COMMAND_SUPPORT_H

#include "deck.h"

#include <stddef.h>

extern struct deck deck; /* nothing runs yet */
extern char output[65536];
extern char file[192]; /* of the declaration */

void policies_command_set_up(void);
void policies_command_tear_down(void);
#define POLICIES_COMMAND_SUITE(name)                                                               \
    TestSuite(name, .init = policies_command_set_up, .fini = policies_command_tear_down,           \
              .timeout = 400)

bool has_timescaledb(void);
void execute(const char *sql);

/* Of `output`. */
void assert_says(const char *text);
void assert_says_nothing_of(const char *text);

/* Writes the file; what stands under `policies:`. */
void declare(const char *policies);
/* `policies apply` of it, with up to two flags; nobody is there to be asked. The exit status. */
int apply(const char *first, const char *second);
/* Declares and applies, which then leaves nothing to do and nothing to find. */
void must_apply(const char *policies);
/* Everything that apply may change, and whatever others have, as one number. */
int64_t fingerprint(void);

/* The date so many days ago. */
void day_ago(int days, char *text, size_t bytes);

#endif
