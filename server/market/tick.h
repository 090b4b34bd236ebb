/*
 * One tick as the database holds it: a quote (bid, ask), a trade (last, volume), or both.
 */
#ifndef TAPEDECK_MARKET_TICK_H
#define TAPEDECK_MARKET_TICK_H

#include "market/decimal.h"

/* The four numbers of a tick, in the order of the wire and of tick_data. */
enum tick_field { TICK_BID, TICK_ASK, TICK_LAST, TICK_VOLUME };
#define TICK_FIELDS 4
/* For sets of them. */
#define TICK_FIELD_BIT(field) (1U << (field))

struct tick {
    int64_t time;
    int64_t fields[TICK_FIELDS]; /* mantissa at exp 8, or DECIMAL_NULL */
};

#endif
