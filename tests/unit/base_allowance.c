#include "base/allowance.h"

#include <criterion/criterion.h>

#define S INT64_C(1000000)

Test(allowance, gives_a_burst_and_then_its_rate)
{
    struct allowance allowance;
    allowance_init(&allowance, 10, 3, 0);
    for (int i = 0; i < 3; i++)
        cr_assert(allowance_take(&allowance, 1, 0));
    cr_assert(!allowance_has(&allowance, 1, 99999));
    cr_assert_eq(allowance_wait_us(&allowance, 1, 99999), 1);
    cr_assert(allowance_take(&allowance, 1, 100000));
    cr_assert(!allowance_has(&allowance, 1, 150000));
    for (int i = 0; i < 3; i++)
        cr_assert(allowance_take(&allowance, 1, 10 * S)); /* no more than the burst is saved up */
    cr_assert(!allowance_has(&allowance, 1, 10 * S));
}

Test(allowance, goes_into_debt_and_pays_it_back)
{
    struct allowance allowance;
    allowance_init(&allowance, 10, 2, 0);
    cr_assert(allowance_take(&allowance, 2, 0));
    cr_assert(!allowance_take(&allowance, 5, 0));
    cr_assert(allowance_has(&allowance, -5, 0));
    cr_assert(!allowance_has(&allowance, -4, 0));
    cr_assert_eq(allowance_wait_us(&allowance, 1, 0), S * 6 / 10);
    cr_assert_eq(allowance_wait_us(&allowance, 2, S * 7 / 10), 0);
}

Test(allowance, without_a_rate_allows_everything)
{
    struct allowance allowance;
    allowance_init(&allowance, 0, 0, 0);
    for (int i = 0; i < 1000; i++)
        cr_assert(allowance_take(&allowance, ALLOWANCE_MAX, 0));
    cr_assert_eq(allowance_wait_us(&allowance, 1, 0), 0);
}

Test(allowance, survives_clocks_that_jump)
{
    struct allowance allowance;
    allowance_init(&allowance, ALLOWANCE_MAX, ALLOWANCE_MAX, 0);
    cr_assert(allowance_take(&allowance, ALLOWANCE_MAX, 0));
    cr_assert(allowance_take(&allowance, ALLOWANCE_MAX, INT64_MAX / 2));
    cr_assert(!allowance_has(&allowance, 1, 0)); /* backward: nothing is given, nothing taken */
}
