/*
 * Dividing many numbers by the same one, where the quotient is known to be whole: a multiplication
 * by the inverse modulo 2^64 in the place of a division (Granlund and Montgomery, "Division by
 * Invariant Integers using Multiplication", section 9). Pure; any thread.
 */
#ifndef TAPEDECK_MARKET_DIVISOR_H
#define TAPEDECK_MARKET_DIVISOR_H

#include <stdbool.h>
#include <stdint.h>

struct divisor {
    uint64_t inverse; /* of the odd part, modulo 2^64 */
    unsigned shift;   /* divisor = odd part × 2^shift */
    uint64_t most;    /* the largest quotient there is */
};

/* `number` ≥ 1. */
static inline struct divisor divisor_of(uint64_t number)
{
    unsigned shift = (unsigned)__builtin_ctzll(number);
    uint64_t odd = number >> shift;
    uint64_t inverse = odd; /* right in 3 bits; each step of Newton's doubles them */
    for (int bits = 3; bits < 64; bits *= 2)
        inverse *= 2 - odd * inverse;
    return (struct divisor){.inverse = inverse, .shift = shift, .most = UINT64_MAX / number};
}

/* Whether `number` is a multiple of the divisor. */
static inline bool divisor_divides(const struct divisor *divisor, uint64_t number)
{
    uint64_t product = number * divisor->inverse;
    uint64_t rotated = product >> divisor->shift | product << (-divisor->shift & 63U);
    return rotated <= divisor->most;
}

/* `multiple` / divisor: of multiples only, which may be negative. */
static inline int64_t divisor_quotient(const struct divisor *divisor, int64_t multiple)
{
    return (int64_t)((uint64_t)multiple * divisor->inverse) >> divisor->shift;
}

/* The low 32 bits of the quotient, as above; the compiler has vector instructions for this one.
 * Needs shift ≤ 32 where `multiple` stands for a negative number. */
static inline uint32_t divisor_quotient_low(const struct divisor *divisor, uint64_t multiple)
{
    return (uint32_t)(multiple >> divisor->shift) * (uint32_t)divisor->inverse;
}

#endif
