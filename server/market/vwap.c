#include "market/vwap.h"

#include "base/assert.h"

#include <string.h>

#define WORD_BITS 128
#define MAGNITUDE_BITS 192

void turnover_add(struct turnover *turnover, const struct turnover *other)
{
    turnover->low += other->low;
    turnover->high += other->high + (turnover->low < other->low);
    turnover->trades += other->trades;
    turnover->volume += other->volume;
}

void turnover_subtract(struct turnover *turnover, const struct turnover *part)
{
    turnover->high -= part->high + (turnover->low < part->low);
    turnover->low -= part->low;
    turnover->trades -= part->trades;
    turnover->volume -= part->volume;
}

/* ---- 192 bits without a sign ---- */

struct magnitude {
    vwap_word low;
    uint64_t high;
};

static struct magnitude magnitude_of(const struct turnover *turnover)
{
    struct magnitude magnitude = {.low = turnover->low, .high = (uint64_t)turnover->high};
    if (turnover->high < 0) {
        magnitude.low = -magnitude.low;
        magnitude.high = ~magnitude.high + (magnitude.low == 0);
    }
    return magnitude;
}

static struct magnitude twice_plus(struct magnitude magnitude, vwap_word addend)
{
    struct magnitude sum = {
        .low = magnitude.low << 1,
        .high = magnitude.high << 1 | (uint64_t)(magnitude.low >> (WORD_BITS - 1)),
    };
    sum.low += addend;
    sum.high += sum.low < addend;
    return sum;
}

static unsigned bit_of(const struct magnitude *magnitude, int bit)
{
    return bit < WORD_BITS ? (unsigned)(magnitude->low >> bit) & 1
                           : (unsigned)(magnitude->high >> (bit - WORD_BITS)) & 1;
}

/* Bit by bit, where it does not fit one division: sums beyond 10^22 of money, or made up ones. The
 * remainder stays below `divisor`, which leaves a bit to shift it. */
static struct magnitude divide(struct magnitude magnitude, vwap_word divisor, vwap_word *remainder)
{
    struct magnitude quotient = {.high = 0};
    ASSERT(divisor > 0);
    ASSERT(divisor >> (WORD_BITS - 1) == 0);
    *remainder = 0;
    if (magnitude.high == 0) {
        quotient.low = magnitude.low / divisor;
        *remainder = magnitude.low % divisor;
        return quotient;
    }
    for (int bit = MAGNITUDE_BITS - 1; bit >= 0; bit--) {
        *remainder = *remainder << 1 | bit_of(&magnitude, bit);
        bool goes = *remainder >= divisor;
        *remainder -= goes ? divisor : 0;
        quotient.high = quotient.high << 1 | (uint64_t)(quotient.low >> (WORD_BITS - 1));
        quotient.low = quotient.low << 1 | goes;
    }
    return quotient;
}

/* ---- the average ---- */

/* floor(|x| + 1/2) in units of the eighth decimal: (2|value| + |volume|) / 2|volume|. */
struct vwap vwap_of(const struct turnover *turnover)
{
    if (turnover->volume == 0)
        return (struct vwap){.is_there = false};
    bool is_short = turnover->volume < 0;
    vwap_word volume = is_short ? -(vwap_word)turnover->volume : (vwap_word)turnover->volume;
    vwap_word remainder;
    struct magnitude rounded =
        divide(twice_plus(magnitude_of(turnover), volume), 2 * volume, &remainder);
    bool is_zero = rounded.low == 0 && rounded.high == 0;
    return (struct vwap){
        .low = rounded.low,
        .high = rounded.high,
        .is_negative = !is_zero && (turnover->high < 0) != is_short,
        .is_there = true,
    };
}

bool vwap_fits(const struct vwap *vwap, int64_t *mantissa)
{
    if (!vwap->is_there || vwap->high > 0 || vwap->low > INT64_MAX)
        return false;
    *mantissa = vwap->is_negative ? -(int64_t)vwap->low : (int64_t)vwap->low;
    return true;
}

bool vwap_equal(const struct vwap *a, const struct vwap *b)
{
    return a->is_there == b->is_there && a->is_negative == b->is_negative && a->low == b->low &&
           a->high == b->high;
}

/* ---- text ---- */

/* The digits, the last one first; at least one before the point. */
static size_t write_digits(struct magnitude left, char *digits)
{
    size_t count = 0;
    while (left.low != 0 || left.high != 0 || count <= DECIMAL_EXP_MAX) {
        vwap_word digit;
        left = divide(left, 10, &digit);
        digits[count++] = (char)('0' + (int)digit);
    }
    return count;
}

struct vwap_text vwap_format(const struct vwap *vwap)
{
    if (!vwap->is_there)
        return (struct vwap_text){.text = "null"};
    char digits[VWAP_TEXT_BYTES];
    size_t count = write_digits((struct magnitude){.low = vwap->low, .high = vwap->high}, digits);
    size_t last = 0; /* the first digit that is written, from the end */
    while (last < DECIMAL_EXP_MAX && digits[last] == '0')
        last++;
    struct vwap_text text = {.text = ""};
    size_t at = 0;
    if (vwap->is_negative)
        text.text[at++] = '-';
    for (size_t place = count; place > last; place--) {
        if (place == DECIMAL_EXP_MAX)
            text.text[at++] = '.';
        text.text[at++] = digits[place - 1];
    }
    return text;
}
