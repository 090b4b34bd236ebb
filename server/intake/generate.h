/*
 * A market out of a seed: deterministic ticks for demonstrations, benchmarks and tests.
 *
 * The same options give the same rows on every machine: all arithmetic is on integers. Prices are a
 * random walk with clusters of volatility that stays within a quarter and four times its start;
 * spreads are a tick or more and widen with volatility; volumes are round lots, larger at both ends
 * of the day. Every row is a quote, about 40 % carry a trade at the bid or the ask as well. A
 * symbol's rows depend on the seed, its name and the times, not on the other symbols. It keeps a
 * few hundred bytes a symbol and no rows. One owner thread.
 */
#ifndef TAPEDECK_INTAKE_GENERATE_H
#define TAPEDECK_INTAKE_GENERATE_H

#include "base/status.h"
#include "intake/intake.h"

#include <stddef.h>
#include <stdint.h>

#define GENERATE_SYMBOLS_MAX 10000
#define GENERATE_EVERY_US_DEFAULT 250000

enum generate_shape {
    GENERATE_DAY,   /* busy at both ends of the UTC day, calm at noon; storms come and go */
    GENERATE_FLAT,  /* the same all day */
    GENERATE_STORM, /* the same all day, and always volatile */
};

struct generate_options {
    const char *const *symbols; /* copied */
    size_t symbol_count;        /* 1 … GENERATE_SYMBOLS_MAX, all different */
    int64_t from;               /* microseconds: the first row of every symbol */
    int64_t to;                 /* rows are before it */
    int64_t every_us;           /* between rows of a symbol, 1 µs … 1 day; 0: the default */
    uint64_t seed;
    enum generate_shape shape;
};

struct generator;

/* STATUS_INVALID with a sentence: no or bad symbols, times out of bounds or order. */
enum status generate_create(const struct generate_options *options, struct generator **generator,
                            struct error *error) MUST_CHECK;
void generate_destroy(struct generator **generator);

/*
 * The next row in time order, at one instant in the order of the symbols: every symbol has one at
 * from + k × every_us for k in 0 … (to − from) / every_us − 1. STATUS_END after the last one.
 * `line` counts rows; `raw` is NULL; `source` is "generated"; symbol ids are indexes into symbols,
 * `symbol` lives until generate_destroy.
 */
enum status generate_next(struct generator *generator, struct intake_row *row) MUST_CHECK;

/* Of all symbols together. */
int64_t generate_row_count(const struct generator *generator);

/* "day", "flat", "storm". */
enum status generate_shape_parse(const char *name, enum generate_shape *shape,
                                 struct error *error) MUST_CHECK;

#endif
