#include "bench/histogram.h"

#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static struct histogram histogram;

static void clear(void)
{
    histogram_clear(&histogram);
}

TestSuite(histogram, .init = clear);

Test(histogram, nothing_counted_is_nothing_told)
{
    cr_assert_eq(histogram_at(&histogram, 0.99), 0);
    cr_assert_eq(histogram.max, 0);
}

Test(histogram, values_below_256_are_told_exactly)
{
    for (int64_t value = 0; value < 256; value++) {
        histogram_clear(&histogram);
        histogram_add(&histogram, value);
        histogram_add(&histogram, 1000000);
        cr_assert_eq(histogram_at(&histogram, 0.5), value);
    }
}

/* Both sides of every bucket border: never too low, too high by 1/128 at most. */
Test(histogram, a_told_value_is_never_too_low_and_at_most_a_128th_too_high)
{
    for (int power = 7; power < 40; power++) {
        for (int64_t part = 128; part <= 256; part++) {
            for (int64_t beside = -1; beside <= 1; beside++) {
                int64_t value = ((part << power) >> 7) + beside;
                if (value < 0 || value > HISTOGRAM_VALUE_MAX)
                    continue;
                histogram_clear(&histogram);
                histogram_add(&histogram, value);
                histogram_add(&histogram, HISTOGRAM_VALUE_MAX); /* lest the max tells it */
                int64_t told = histogram_at(&histogram, 0.5);
                cr_assert_geq(told, value);
                cr_assert_leq(told - value, value / HISTOGRAM_ERROR_PARTS,
                              "%" PRId64 " is told as %" PRId64, value, told);
            }
        }
    }
}

Test(histogram, what_is_out_of_range_counts_as_the_range_end)
{
    histogram_add(&histogram, -5);
    cr_assert_eq(histogram_at(&histogram, 1), 0);
    histogram_add(&histogram, INT64_MAX);
    cr_assert_eq(histogram_at(&histogram, 1), HISTOGRAM_VALUE_MAX);
    histogram_add(&histogram, INT64_MIN);
    cr_assert_eq(histogram.count, 3);
}

Test(histogram, the_greatest_value_is_exact)
{
    histogram_add(&histogram, 1000001);
    cr_assert_eq(histogram.max, 1000001);
    cr_assert_eq(histogram_at(&histogram, 0.5), 1000001);
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The oracle: sort, and look. */
Test(histogram, percentiles_are_those_of_a_sorted_list_within_a_128th)
{
    enum { COUNT = 5000 };
    static int64_t values[COUNT];
    static const double shares[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    struct random random = {.state = 42};
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = random_between(&random, 0, INT64_C(1) << random_below(&random, 40));
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        size_t rank = (size_t)ceil(shares[i] * COUNT);
        int64_t wanted = values[rank > 0 ? rank - 1 : 0];
        int64_t told = histogram_at(&histogram, shares[i]);
        cr_assert_geq(told, wanted);
        cr_assert_leq(told, wanted + wanted / HISTOGRAM_ERROR_PARTS);
    }
}
