/*
 * The average price by volume of some trades: Σ(price · volume) / Σ(volume) over those that have a
 * volume, rounded once, half away from zero, to eight decimals; null where the volumes come to
 * nothing.
 *
 * Both sums are exact. One price · volume takes 126 bits, so theirs takes 192, enough for more
 * trades than there are microseconds:
 *
 *   │ high 64 │         low 128          │  two's complement, at exp 16
 *
 * The definition of tapedeck.candles_vwap() in sql/, to the last digit. Pure; any thread.
 */
#ifndef TAPEDECK_MARKET_VWAP_H
#define TAPEDECK_MARKET_VWAP_H

#include "market/candle.h"

__extension__ typedef unsigned __int128 vwap_word;

/* What some trades come to. */
struct turnover {
    vwap_word low; /* Σ(price · volume) */
    int64_t high;
    int64_t trades;      /* with and without a volume */
    decimal_wide volume; /* at exp 8 */
};

/* `volume` may be DECIMAL_NULL. */
static inline void turnover_add_trade(struct turnover *turnover, int64_t price, int64_t volume)
{
    turnover->trades++;
    if (volume == DECIMAL_NULL)
        return;
    decimal_wide product = (decimal_wide)price * volume;
    turnover->low += (vwap_word)product;
    turnover->high += (turnover->low < (vwap_word)product) - (product < 0);
    turnover->volume += volume;
}

void turnover_add(struct turnover *turnover, const struct turnover *other);
/* `part` has been added to it before. */
void turnover_subtract(struct turnover *turnover, const struct turnover *part);

/* Sign and magnitude at exp 8: volumes below zero can drive it beyond any price. */
struct vwap {
    vwap_word low;
    uint64_t high;
    bool is_negative;
    bool is_there; /* else null, and the rest is 0 */
};

struct vwap vwap_of(const struct turnover *turnover);
/* Whether it is a number that fits a mantissa at exp 8. */
bool vwap_fits(const struct vwap *vwap, int64_t *mantissa);
bool vwap_equal(const struct vwap *a, const struct vwap *b);

#define VWAP_TEXT_BYTES 72 /* 58 digits, a sign, a point */
struct vwap_text {
    char text[VWAP_TEXT_BYTES];
};
/* "61800.3": the shortest text that is exact, without an exponent; "null" for null. */
struct vwap_text vwap_format(const struct vwap *vwap);

/* Candles, oldest first, and their average prices where they were asked for (else NULL). Borrows
 * both. */
struct candle_rows {
    const struct candle *candles;
    const struct vwap *vwaps;
    size_t count;
};

#endif
