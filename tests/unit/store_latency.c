#include "store/latency.h"

#include <criterion/criterion.h>

static struct latency latency;

static struct latency_statistics noted(int64_t us)
{
    latency = (struct latency){.sum_us = 0};
    latency_note(&latency, us);
    return latency_read(&latency);
}

static unsigned bucket_of(int64_t us)
{
    struct latency_statistics read = noted(us);
    cr_assert(read.count == 1);
    unsigned bucket = 0;
    while (read.counts[bucket] == 0)
        bucket++;
    return bucket;
}

Test(latency, is_counted_in_the_first_bucket_whose_bound_is_greater)
{
    for (int64_t us = 0; us < 5000; us++) {
        unsigned bucket = bucket_of(us);
        cr_assert(us < latency_bound_us(bucket), "%lld", (long long)us);
        cr_assert(bucket == 0 || us >= latency_bound_us(bucket - 1), "%lld", (long long)us);
    }
}

Test(latency, that_is_longer_than_all_bounds_goes_to_the_last_bucket)
{
    int64_t bound_us = latency_bound_us(LATENCY_BUCKETS - 2);
    cr_assert(bucket_of(bound_us - 1) == LATENCY_BUCKETS - 2);
    cr_assert(bucket_of(bound_us) == LATENCY_BUCKETS - 1);
    cr_assert(bucket_of(INT64_MAX) == LATENCY_BUCKETS - 1);
    cr_assert(latency_bound_us(LATENCY_BUCKETS - 1) == INT64_MAX);
}

Test(latency, of_a_clock_that_went_back_is_none)
{
    cr_assert(bucket_of(-5) == 0);
    cr_assert(noted(-5).sum_us == 0);
}

Test(latency, adds_up)
{
    latency = (struct latency){.sum_us = 0};
    for (int64_t us = 0; us < 1000; us++)
        latency_note(&latency, us);
    struct latency_statistics read = latency_read(&latency);
    cr_assert(read.count == 1000);
    cr_assert(read.sum_us == 999 * 500);
}
