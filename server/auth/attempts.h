/*
 * Who has failed too often to prove who they are: a token bucket for each address that failed
 * lately, in a table of fixed size. While a bucket is empty nobody is even looked at from there,
 * with a good token neither: it would be looking that costs.
 *
 *   place(address) → [ 4 entries ]   when all are taken, the one that failed longest ago goes
 *
 * Not locked: its owner (the gate) is.
 */
#ifndef TAPEDECK_AUTH_ATTEMPTS_H
#define TAPEDECK_AUTH_ATTEMPTS_H

#include "base/address.h"
#include "base/allowance.h"

#define ATTEMPTS_AT_ONCE 20
#define ATTEMPTS_PER_SECOND 1
#define ATTEMPTS_PLACES 1024
#define ATTEMPTS_ENTRIES 4 /* of a place */

struct attempts {
    struct {
        struct address address;
        struct allowance left; /* at_us: when it was last looked at */
        bool is_taken;
    } entries[ATTEMPTS_PLACES][ATTEMPTS_ENTRIES];
};

/* Zero-initialised: nobody has failed. */
bool attempts_may_try(struct attempts *attempts, const struct address *address, int64_t now_us);
void attempts_note_failure(struct attempts *attempts, const struct address *address,
                           int64_t now_us);

#endif
