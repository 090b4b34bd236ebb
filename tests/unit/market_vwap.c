#include "market/fold.h"

#include "base/mem.h"
#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ONE DECIMAL_ONE

TestSuite(market_vwap);

/* ---- the slow way: numbers of many decimal digits ---- */

#define DIGITS 80

/* Least digit first, without a sign. */
struct digits {
    int at[DIGITS];
};

static struct digits digits_of(uint64_t value)
{
    struct digits digits = {.at = {0}};
    for (size_t i = 0; value > 0; i++, value /= 10)
        digits.at[i] = (int)(value % 10);
    return digits;
}

static int compare(const struct digits *a, const struct digits *b)
{
    for (size_t i = DIGITS; i > 0; i--) {
        if (a->at[i - 1] != b->at[i - 1])
            return a->at[i - 1] - b->at[i - 1];
    }
    return 0;
}

/* a + sign · b, which is not below zero. */
static struct digits combined(struct digits a, const struct digits *b, int sign)
{
    int carry = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        int sum = a.at[i] + sign * b->at[i] + carry;
        carry = sum < 0 ? -1 : sum / 10;
        a.at[i] = sum < 0 ? sum + 10 : sum % 10;
    }
    cr_assert(carry == 0);
    return a;
}

static struct digits product(const struct digits *a, const struct digits *b)
{
    struct digits all = {.at = {0}};
    for (size_t i = 0; i < DIGITS / 2; i++) {
        for (size_t j = 0; j < DIGITS / 2 - 1; j++)
            all.at[i + j] += a->at[i] * b->at[j];
    }
    for (size_t i = 0; i + 1 < DIGITS; i++) {
        all.at[i + 1] += all.at[i] / 10;
        all.at[i] %= 10;
    }
    return all;
}

struct signed_digits {
    bool is_negative;
    struct digits digits;
};

static void add(struct signed_digits *sum, const struct digits *addend, bool is_negative)
{
    if (sum->is_negative == is_negative) {
        sum->digits = combined(sum->digits, addend, 1);
    } else if (compare(&sum->digits, addend) >= 0) {
        sum->digits = combined(sum->digits, addend, -1);
    } else {
        sum->digits = combined(*addend, &sum->digits, -1);
        sum->is_negative = is_negative;
    }
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

static bool is_zero(const struct digits *digits)
{
    struct digits zero = {.at = {0}};
    return compare(digits, &zero) == 0;
}

/* By subtraction, digit by digit. */
static struct digits quotient(const struct digits *dividend, const struct digits *divisor)
{
    struct digits result = {.at = {0}};
    struct digits rest = {.at = {0}};
    for (size_t i = DIGITS; i > 0; i--) {
        memmove(rest.at + 1, rest.at, (DIGITS - 1) * sizeof *rest.at);
        rest.at[0] = dividend->at[i - 1];
        for (; compare(&rest, divisor) >= 0; result.at[i - 1]++)
            rest = combined(rest, divisor, -1);
    }
    return result;
}

struct trade {
    int64_t price;
    int64_t volume;
};

/* "−123.45", or "null". */
static void expect(const struct trade *trades, size_t count, char *text)
{
    struct signed_digits value = {.is_negative = false};
    struct signed_digits volume = {.is_negative = false};
    for (size_t i = 0; i < count; i++) {
        if (trades[i].volume == DECIMAL_NULL)
            continue;
        struct digits p = digits_of(magnitude(trades[i].price));
        struct digits v = digits_of(magnitude(trades[i].volume));
        struct digits pv = product(&p, &v);
        add(&value, &pv, (trades[i].price < 0) != (trades[i].volume < 0));
        add(&volume, &v, trades[i].volume < 0);
    }
    strcpy(text, "null");
    if (is_zero(&volume.digits))
        return;
    struct digits twice = combined(volume.digits, &volume.digits, 1);
    struct digits rounded = combined(value.digits, &value.digits, 1);
    rounded = combined(rounded, &volume.digits, 1);
    rounded = quotient(&rounded, &twice);
    size_t high = DIGITS - 1;
    while (high > 8 && rounded.at[high] == 0)
        high--;
    size_t low = 0;
    while (low < 8 && rounded.at[low] == 0)
        low++;
    size_t at = 0;
    if (value.is_negative != volume.is_negative && !is_zero(&rounded))
        text[at++] = '-';
    for (size_t i = high + 1; i > low; i--) {
        if (i == 8)
            text[at++] = '.';
        text[at++] = (char)('0' + rounded.at[i - 1]);
    }
    text[at] = '\0';
}

/* ---- the same ---- */

static struct vwap average(const struct trade *trades, size_t count)
{
    struct turnover turnover = {.trades = 0};
    for (size_t i = 0; i < count; i++)
        turnover_add_trade(&turnover, trades[i].price, trades[i].volume);
    cr_assert_eq(turnover.trades, (int64_t)count);
    return vwap_of(&turnover);
}

static void check(const struct trade *trades, size_t count, const char *wanted)
{
    struct vwap vwap = average(trades, count);
    cr_assert_str_eq(vwap_format(&vwap).text, wanted);
}

Test(market_vwap, weighs_prices_by_volume_and_rounds_half_away_from_zero)
{
    check((struct trade[]){{10 * ONE, 1 * ONE}, {20 * ONE, 3 * ONE}}, 2, "17.5");
    check((struct trade[]){{10 * ONE, 2}, {11 * ONE, 1}}, 2, "10.33333333");
    check((struct trade[]){{0, 1}, {1, 1}}, 2, "0.00000001");   /* 0.5 units */
    check((struct trade[]){{0, 1}, {-1, 1}}, 2, "-0.00000001"); /* −0.5 units */
    check((struct trade[]){{0, 2}, {1, 1}}, 2, "0");
    check((struct trade[]){{0, 2}, {-1, 1}}, 2, "0");
    check((struct trade[]){{2, 1}, {1, 1}}, 2, "0.00000002");
    check((struct trade[]){{6180030000000, 7 * ONE}}, 1, "61800.3");
}

Test(market_vwap, is_null_where_the_volumes_come_to_nothing)
{
    check(NULL, 0, "null");
    check((struct trade[]){{5, DECIMAL_NULL}}, 1, "null");
    check((struct trade[]){{5, 0}, {7, DECIMAL_NULL}}, 2, "null");
    check((struct trade[]){{5, 9}, {7, -9}}, 2, "null");
    check((struct trade[]){{5, 0}, {7 * ONE, 1}, {9, DECIMAL_NULL}}, 3, "7");
}

Test(market_vwap, goes_beyond_every_price_where_volumes_are_below_zero)
{
    struct trade trades[] = {{INT64_MAX, INT64_MAX}, {-INT64_MAX, 1 - INT64_MAX}};
    struct vwap vwap = average(trades, 2);
    int64_t mantissa;
    cr_assert(!vwap_fits(&vwap, &mantissa));
    char text[DIGITS + 3];
    expect(trades, 2, text);
    cr_assert_str_eq(vwap_format(&vwap).text, text);
    check((struct trade[]){{3 * ONE, -2 * ONE}}, 1, "3");
    check((struct trade[]){{-3 * ONE, -2 * ONE}}, 1, "-3");
}

Test(market_vwap, fits_a_mantissa_up_to_the_largest_price)
{
    int64_t mantissa = 0;
    struct vwap vwap = average((struct trade[]){{INT64_MAX, INT64_MAX}}, 1);
    cr_assert(vwap_fits(&vwap, &mantissa) && mantissa == INT64_MAX);
    vwap = average((struct trade[]){{-INT64_MAX, INT64_MAX}}, 1);
    cr_assert(vwap_fits(&vwap, &mantissa) && mantissa == -INT64_MAX);
    vwap = average(NULL, 0);
    cr_assert(!vwap_fits(&vwap, &mantissa), "null is no number");
}

static int64_t random_volume(struct random *random, int kind)
{
    if (random_one_in(random, 6))
        return random_one_in(random, 2) ? DECIMAL_NULL : 0;
    int64_t volume = random_mantissa(random);
    return kind == 0 || volume > 0 ? volume : -volume; /* as in a market, or anything */
}

Test(market_vwap, equals_arithmetic_by_hand)
{
    struct random random = {.state = 20240808};
    static struct trade trades[64];
    char text[DIGITS + 3];
    for (int round = 0; round < 3000; round++) {
        size_t count = random_below(&random, round % 3 == 0 ? 64 : 4);
        for (size_t i = 0; i < count; i++)
            trades[i] = (struct trade){random_mantissa(&random), random_volume(&random, round % 2)};
        expect(trades, count, text);
        struct vwap vwap = average(trades, count);
        cr_assert_str_eq(vwap_format(&vwap).text, text, "round %d: %s, not %s", round,
                         vwap_format(&vwap).text, text);
    }
}

/* ---- turnover of blocks ---- */

static struct block *make_block(struct random *random, size_t rows)
{
    struct block_builder builder;
    block_builder_init(&builder);
    for (size_t row = 0; row < rows; row++) {
        struct tick tick = {.time = (int64_t)row,
                            .fields = {1, 2, random_mantissa(random), random_volume(random, 0)}};
        if (random_one_in(random, 3))
            tick.fields[TICK_LAST] = DECIMAL_NULL;
        cr_assert(block_builder_add(&builder, &tick) == STATUS_OK);
    }
    struct block *block =
        block_builder_seal(&builder, (struct time_range){.from = 0, .to = (int64_t)rows});
    block_builder_deinit(&builder);
    return block;
}

static bool is_same(const struct turnover *a, const struct turnover *b)
{
    return a->low == b->low && a->high == b->high && a->trades == b->trades &&
           a->volume == b->volume;
}

static void check_part(struct block *block, size_t first, size_t end)
{
    struct turnover fast = {.trades = 7};
    struct turnover slow = fast;
    (void)fold_turnover(&fast, block, first, end);
    for (size_t row = first; row < end; row++) {
        struct tick tick = block_tick(block, row);
        if (tick.fields[TICK_LAST] != DECIMAL_NULL)
            turnover_add_trade(&slow, tick.fields[TICK_LAST], tick.fields[TICK_VOLUME]);
    }
    cr_assert(is_same(&fast, &slow), "rows %zu to %zu of %zu", first, end, block->rows);
}

Test(market_vwap, of_any_part_of_a_block_is_that_of_its_rows)
{
    struct random random = {.state = 5};
    static const size_t sizes[] = {1, 511, 512, 513, 1024, 1025, 1537, 4096, 5000, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct block *block = make_block(&random, sizes[i]);
        check_part(block, 0, block->rows);
        check_part(block, 0, 0);
        for (int round = 0; round < 60; round++) {
            size_t first = random_below(&random, block->rows + 1);
            check_part(block, first, first + random_below(&random, block->rows - first + 1));
        }
        block_release(&block);
    }
    cr_assert_eq(mem_block_bytes(), 0, "the sums go with their block");
}

Test(market_vwap, of_a_whole_block_is_summed_once)
{
    struct random random = {.state = 6};
    struct block *block = make_block(&random, 20000);
    struct turnover turnover = {.trades = 0};
    cr_assert_geq(fold_turnover(&turnover, block, 0, 20000), 20000);
    cr_assert_leq(fold_turnover(&turnover, block, 0, 20000), BLOCK_TURNOVER_ROWS);
    cr_assert_leq(fold_turnover(&turnover, block, 700, 19999), 2 * BLOCK_TURNOVER_ROWS);
    block_release(&block);
}

Test(market_vwap, of_small_parts_and_of_quotes_keeps_nothing)
{
    struct random random = {.state = 7};
    struct block *block = make_block(&random, 20000);
    size_t bytes = mem_block_bytes();
    struct turnover turnover = {.trades = 0};
    cr_assert_eq(fold_turnover(&turnover, block, 100, 160), 60);
    cr_assert_eq(mem_block_bytes(), bytes);
    block_release(&block);
}
