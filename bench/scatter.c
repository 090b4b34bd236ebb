#include "bench/scatter.h"

#include "base/assert.h"

#include <math.h>

#define GOLDEN 0.61803398874989484820

/* One number of SplitMix64, as a part of 1. */
double scatter_offset(uint64_t seed)
{
    uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) / (double)(UINT64_C(1) << 53);
}

int64_t scatter_place(double offset, double number, int64_t from, int64_t to)
{
    ASSERT(from < to);
    double place = offset + number * GOLDEN;
    return from + (int64_t)((place - floor(place)) * (double)(to - from - 1));
}
