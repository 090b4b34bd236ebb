/*
 * A token bucket for each address that was met lately, in a table of fixed size.
 *
 *   place(address) → [ 4 buckets ]   when all are taken, the one that was used longest ago goes
 *
 * An address that lost its bucket to others begins anew with a full one: an address never pays for
 * another. Not locked: its owner is. Zero-initialised: nobody has a bucket. 224 KiB.
 */
#ifndef TAPEDECK_BASE_ADDRESS_ALLOWANCES_H
#define TAPEDECK_BASE_ADDRESS_ALLOWANCES_H

#include "base/address.h"
#include "base/allowance.h"

#define ADDRESS_ALLOWANCES_PLACES 1024
#define ADDRESS_ALLOWANCES_EACH 4 /* of a place */

struct address_allowances {
    struct address_allowance {
        struct address address;
        struct allowance allowance; /* at_us: when it was last looked at */
        bool is_taken;
    } entries[ADDRESS_ALLOWANCES_PLACES][ADDRESS_ALLOWANCES_EACH];
};

/* The address's own, or NULL. */
struct allowance *address_allowances_find(struct address_allowances *table,
                                          const struct address *address);
/* Its own, or a fresh one with these bounds, as allowance_init has them. */
struct allowance *address_allowances_enter(struct address_allowances *table,
                                           const struct address *address, int64_t per_second,
                                           int64_t burst, int64_t now_us);

#endif
