#include "base/allowance.h"

#include "base/assert.h"

#define TOKEN INT64_C(1000000)
/* A wait of eleven days fills every bucket; what is longer would overflow the product. */
#define ELAPSED_US_MAX INT64_C(1000000000000)

void allowance_init(struct allowance *allowance, int64_t per_second, int64_t burst, int64_t now_us)
{
    ASSERT(per_second >= 0);
    ASSERT(per_second <= ALLOWANCE_MAX);
    ASSERT(per_second == 0 || burst >= 1);
    ASSERT(burst <= ALLOWANCE_MAX);
    *allowance = (struct allowance){
        .per_second = per_second, .burst = burst, .credit = burst * TOKEN, .at_us = now_us};
}

static void refill(struct allowance *allowance, int64_t now_us)
{
    int64_t elapsed_us = now_us - allowance->at_us;
    if (elapsed_us <= 0)
        return;
    if (elapsed_us > ELAPSED_US_MAX)
        elapsed_us = ELAPSED_US_MAX;
    allowance->at_us = now_us;
    allowance->credit += elapsed_us * allowance->per_second;
    if (allowance->credit > allowance->burst * TOKEN)
        allowance->credit = allowance->burst * TOKEN;
}

bool allowance_take(struct allowance *allowance, int64_t count, int64_t now_us)
{
    bool had = allowance_has(allowance, count, now_us);
    if (allowance->per_second > 0)
        allowance->credit -= count * TOKEN;
    return had;
}

bool allowance_has(struct allowance *allowance, int64_t count, int64_t now_us)
{
    return allowance_wait_us(allowance, count, now_us) == 0;
}

int64_t allowance_wait_us(struct allowance *allowance, int64_t count, int64_t now_us)
{
    if (allowance->per_second == 0)
        return 0;
    refill(allowance, now_us);
    int64_t missing = count * TOKEN - allowance->credit;
    return missing <= 0 ? 0 : (missing + allowance->per_second - 1) / allowance->per_second;
}
