/*
 * A token bucket: so many a second, and so many at once. It may go into debt, so that what was
 * done although it was too much is paid for later. Owner's thread; time is a parameter.
 */
#ifndef TAPEDECK_BASE_ALLOWANCE_H
#define TAPEDECK_BASE_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#define ALLOWANCE_MAX INT64_C(1000000) /* of both bounds */

struct allowance {
    int64_t per_second; /* 0: everything is allowed */
    int64_t burst;
    int64_t credit; /* millionths of a token; negative: a debt */
    int64_t at_us;  /* when `credit` was right */
};

/* Full. Bounds from 1 to ALLOWANCE_MAX; `per_second` 0: no bound. */
void allowance_init(struct allowance *allowance, int64_t per_second, int64_t burst, int64_t now_us);
/* Takes `count` tokens, also if they are not there. Whether they were. */
bool allowance_take(struct allowance *allowance, int64_t count, int64_t now_us);
/* Whether `count` tokens (negative: all but so much debt) are there. */
bool allowance_has(struct allowance *allowance, int64_t count, int64_t now_us);
/* How long until `count` ≤ burst tokens are there; 0: they are. */
int64_t allowance_wait_us(struct allowance *allowance, int64_t count, int64_t now_us);

#endif
