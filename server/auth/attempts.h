/*
 * Who has failed too often to prove who they are: a token bucket for each address that failed
 * lately. While a bucket is empty nobody is even looked at from there, with a good token neither:
 * it would be looking that costs.
 *
 * Not locked: its owner (the gate) is.
 */
#ifndef TAPEDECK_AUTH_ATTEMPTS_H
#define TAPEDECK_AUTH_ATTEMPTS_H

#include "base/address_allowances.h"

#define ATTEMPTS_AT_ONCE 20
#define ATTEMPTS_PER_SECOND 1

struct attempts {
    struct address_allowances left;
};

/* Zero-initialised: nobody has failed. */
bool attempts_may_try(struct attempts *attempts, const struct address *address, int64_t now_us);
void attempts_note_failure(struct attempts *attempts, const struct address *address,
                           int64_t now_us);

#endif
