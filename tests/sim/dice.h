/*
 * Seeded randomness for the simulator: splitmix64 (Steele, Lea, Flood, "Fast splittable
 * pseudorandom number generators", 2014). The same seed is the same run.
 */
#ifndef TAPEDECK_TESTS_SIM_DICE_H
#define TAPEDECK_TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *dice)
{
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* least … most, both included. */
static inline int64_t dice_between(struct dice *dice, int64_t least, int64_t most)
{
    return least + (int64_t)(dice_roll(dice) % (uint64_t)(most - least + 1));
}

/* True once in `times`. */
static inline bool dice_once_in(struct dice *dice, int64_t times)
{
    return dice_between(dice, 1, times) == 1;
}

#endif
