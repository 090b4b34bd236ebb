#include "market/candle.h"

#include "base/assert.h"

#include <stddef.h>

#define MINUTE_US (INT64_C(60) * 1000000)

const int64_t candle_stored_us[CANDLE_STORED_INTERVALS] = {MINUTE_US, 5 * MINUTE_US, 15 * MINUTE_US,
                                                           60 * MINUTE_US, 24 * 60 * MINUTE_US};
static const char *const stored_names[CANDLE_STORED_INTERVALS] = {"1m", "5m", "15m", "1h", "1d"};

const char *candle_stored_name(int64_t interval_us)
{
    for (size_t i = 0; i < CANDLE_STORED_INTERVALS; i++) {
        if (candle_stored_us[i] == interval_us)
            return stored_names[i];
    }
    return NULL;
}

int64_t candle_stored_divisor(int64_t interval_us)
{
    for (size_t i = CANDLE_STORED_INTERVALS; i > 0; i--) {
        if (interval_us % candle_stored_us[i - 1] == 0)
            return candle_stored_us[i - 1];
    }
    return 0;
}

void candle_append(struct candle *candle, const struct candle *later)
{
    if (later->trades == 0)
        return;
    if (candle->trades == 0) {
        candle->open = later->open;
        candle->high = later->high;
        candle->low = later->low;
    } else {
        candle->high = later->high > candle->high ? later->high : candle->high;
        candle->low = later->low < candle->low ? later->low : candle->low;
    }
    candle->close = later->close;
    candle->trades += later->trades;
    candle->volume += later->volume;
    candle->has_volume = candle->has_volume || later->has_volume;
}

void candle_prepend(struct candle *candle, const struct candle *earlier)
{
    struct candle sum = *earlier;
    sum.time = candle->time;
    candle_append(&sum, candle);
    *candle = sum;
}

int candle_volume_smallest_exp(candle_volume volume)
{
    int exp = DECIMAL_EXP_MAX;
    while (exp > 0 && volume % 10 == 0) {
        volume /= 10;
        exp--;
    }
    return exp;
}

candle_volume candle_volume_at(candle_volume volume, int exp)
{
    int64_t divisor = decimal_power(DECIMAL_EXP_MAX - exp);
    ASSERT(volume % divisor == 0);
    return volume / divisor;
}

struct candle_volume_text candle_volume_format(candle_volume volume)
{
    int exp = candle_volume_smallest_exp(volume);
    candle_volume mantissa = candle_volume_at(volume, exp);
    bool is_negative = mantissa < 0;
    char digits[CANDLE_VOLUME_TEXT_BYTES]; /* from the end */
    size_t count = 0;
    /* At least one digit before the point. */
    for (int place = 0; mantissa != 0 || place <= exp; place++) {
        if (place == exp && exp > 0)
            digits[count++] = '.';
        int digit = (int)(mantissa % 10);
        digits[count++] = (char)('0' + (is_negative ? -digit : digit));
        mantissa /= 10;
    }
    struct candle_volume_text text = {.text = ""};
    size_t at = 0;
    if (is_negative)
        text.text[at++] = '-';
    while (count > 0)
        text.text[at++] = digits[--count];
    return text;
}

bool candle_equal(const struct candle *a, const struct candle *b)
{
    if (a->time != b->time || a->trades != b->trades)
        return false;
    if (a->trades == 0)
        return true;
    return a->open == b->open && a->high == b->high && a->low == b->low && a->close == b->close &&
           a->has_volume == b->has_volume && (!a->has_volume || a->volume == b->volume);
}
