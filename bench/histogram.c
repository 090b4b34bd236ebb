#include "bench/histogram.h"

#include "base/assert.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#define EXACT_BELOW 256
#define BUCKETS_A_POWER HISTOGRAM_ERROR_PARTS
#define POWER_BITS 7 /* of BUCKETS_A_POWER */

static_assert(BUCKETS_A_POWER == 1 << POWER_BITS, "a bucket is found by shifting");
static_assert(HISTOGRAM_BUCKETS == (40 - POWER_BITS + 1) * BUCKETS_A_POWER, "2^40 values");

/* How often a value is halved until it lies below EXACT_BELOW. */
static unsigned shift_of(uint64_t value)
{
    return value < EXACT_BELOW ? 0 : 63U - (unsigned)__builtin_clzll(value) - POWER_BITS;
}

static size_t bucket_of(uint64_t value)
{
    unsigned shift = shift_of(value);
    return (size_t)shift * BUCKETS_A_POWER + (size_t)(value >> shift);
}

/* The greatest value of a bucket. */
static int64_t last_of(size_t bucket)
{
    if (bucket < EXACT_BELOW)
        return (int64_t)bucket;
    size_t shift = bucket / BUCKETS_A_POWER - 1;
    uint64_t first = (uint64_t)(bucket - shift * BUCKETS_A_POWER) << shift;
    return (int64_t)(first + (UINT64_C(1) << shift) - 1);
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    if (value < 0)
        value = 0;
    if (value > HISTOGRAM_VALUE_MAX)
        value = HISTOGRAM_VALUE_MAX;
    size_t bucket = bucket_of((uint64_t)value);
    ASSERT(bucket < HISTOGRAM_BUCKETS);
    histogram->counts[bucket]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

int64_t histogram_at(const struct histogram *histogram, double share)
{
    ASSERT(share >= 0);
    ASSERT(share <= 1);
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && seen >= wanted)
            return last_of(i) < histogram->max ? last_of(i) : histogram->max;
    }
    return histogram->max;
}
