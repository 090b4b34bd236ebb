/*
 * A candle: what the trades (ticks with a last price) of one symbol in one bucket of time come to.
 *
 *   open, close   the first and the last last price by (time, seq)
 *   volume        the sum of their volumes, in 128 bits: one tick may carry 10^10 units and a
 *                 bucket millions of ticks; null where every one of them was null
 *   trades        their number; a bucket without any has no candle
 *
 * The definition of `candle_1m` in sql/, to the last digit. Pure; any thread.
 */
#ifndef TAPEDECK_MARKET_CANDLE_H
#define TAPEDECK_MARKET_CANDLE_H

#include "market/decimal.h"

#include <stdbool.h>
#include <stdint.h>

/* Sums of mantissas at exp 8. */
typedef decimal_wide candle_volume;

struct candle {
    int64_t time; /* the start of its bucket */
    int64_t trades;
    int64_t open; /* at exp 8, like all prices here; meaningless without trades */
    int64_t high;
    int64_t low;
    int64_t close;
    bool has_volume;
    candle_volume volume;
};

/* The intervals that are stored, ascending: 1m, 5m, 15m, 1h, 1d. */
#define CANDLE_STORED_INTERVALS 5
extern const int64_t candle_stored_us[CANDLE_STORED_INTERVALS];
/* "1m", …; NULL for an interval that is not stored. */
const char *candle_stored_name(int64_t interval_us);
/* The largest stored interval that divides this one; 0: its candles come from ticks. */
int64_t candle_stored_divisor(int64_t interval_us);

/* No trades yet. */
static inline struct candle candle_at(int64_t time)
{
    return (struct candle){.time = time};
}

/* The next trade in order; `volume` may be DECIMAL_NULL. */
static inline void candle_add_trade(struct candle *candle, int64_t price, int64_t volume)
{
    if (candle->trades++ == 0) {
        candle->open = candle->high = candle->low = price;
    } else {
        candle->high = price > candle->high ? price : candle->high;
        candle->low = price < candle->low ? price : candle->low;
    }
    candle->close = price;
    if (volume != DECIMAL_NULL) {
        candle->volume += volume;
        candle->has_volume = true;
    }
}

/* The trade before all those so far. */
static inline void candle_prepend_trade(struct candle *candle, int64_t price, int64_t volume)
{
    int64_t close = candle->trades > 0 ? candle->close : price;
    candle_add_trade(candle, price, volume);
    candle->open = price;
    candle->close = close;
}

/* All the trades of `earlier`, which come before those so far. The candle's time stays. */
void candle_prepend(struct candle *candle, const struct candle *earlier);
/* All the trades of `later`, which follow those so far. Its own time does not matter. */
void candle_append(struct candle *candle, const struct candle *later);

/* The smallest exp (0 … 8) at which this volume at exp 8 is exact. */
int candle_volume_smallest_exp(candle_volume volume);
/* The mantissa of a volume at `exp`, at which it must be exact. */
candle_volume candle_volume_at(candle_volume volume, int exp);
#define CANDLE_VOLUME_TEXT_BYTES 48
struct candle_volume_text {
    char text[CANDLE_VOLUME_TEXT_BYTES];
};
/* "1234.5": the shortest text that is exact, without an exponent. */
struct candle_volume_text candle_volume_format(candle_volume volume);

bool candle_equal(const struct candle *a, const struct candle *b);

#endif
