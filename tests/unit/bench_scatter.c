#include "bench/scatter.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define FROM INT64_C(-5000000)
#define TO INT64_C(15000000)

Test(scatter, places_lie_in_the_range_and_never_near_each_other)
{
    enum { PLACES = 200 };
    int64_t places[PLACES];
    double offset = scatter_offset(42);
    for (int i = 0; i < PLACES; i++) {
        places[i] = scatter_place(offset, i, FROM, TO);
        cr_assert(places[i] >= FROM && places[i] < TO);
        for (int j = 0; j < i; j++)
            cr_assert_gt(llabs(places[i] - places[j]), (TO - FROM) / PLACES * 37 / 100);
    }
}

Test(scatter, a_range_of_one_instant_is_that_instant)
{
    for (int i = 0; i < 10; i++)
        cr_assert_eq(scatter_place(scatter_offset(7), i, FROM, FROM + 1), FROM);
}

Test(scatter, seeds_begin_elsewhere_and_the_same_one_at_the_same_place)
{
    cr_assert_eq(scatter_offset(1), scatter_offset(1));
    cr_assert_neq(scatter_offset(1), scatter_offset(2));
    for (uint64_t seed = 0; seed < 1000; seed++)
        cr_assert(scatter_offset(seed) >= 0 && scatter_offset(seed) < 1);
}
