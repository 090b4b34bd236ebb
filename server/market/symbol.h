/*
 * Symbols: opaque names, `VENUE:NAME` by convention, and what is known of one. Any thread.
 */
#ifndef TAPEDECK_MARKET_SYMBOL_H
#define TAPEDECK_MARKET_SYMBOL_H

#include "base/status.h"
#include "market/tick.h"

#include <stdbool.h>
#include <stdint.h>

#define SYMBOL_BYTES_MAX 128

struct symbol {
    char name[SYMBOL_BYTES_MAX + 1];
    int64_t from;  /* the first tick's time */
    int64_t to;    /* the last tick's time + 1 µs */
    int64_t ticks; /* rows; an estimate unless `exact` */
    bool exact;
    /* Sets of bid, ask and last (TICK_FIELD_BIT); a field in neither: not known. */
    uint8_t has;   /* some tick has it, or had it before ticks were deleted */
    uint8_t lacks; /* certainly no tick has it */
};

/* 1 … 128 bytes of valid UTF-8 without control characters, not beginning or ending with a blank.
 * STATUS_INVALID with a sentence otherwise. */
enum status symbol_check(const char *name, size_t length, struct error *error) MUST_CHECK;

/* For tables by name: FNV-1a. */
static inline uint64_t symbol_hash(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

#endif
