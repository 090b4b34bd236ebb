#include "market/fold.h"

#include <criterion/criterion.h>

#define MINUTE TIME_MINUTE_US

static struct block *block;

static void tear_down(void)
{
    block_release(&block);
}

TestSuite(market_candle, .fini = tear_down);

Test(market_candle, is_made_of_the_trades_of_its_bucket_in_order)
{
    struct candle candle = candle_at(0);
    cr_assert(candle.trades == 0);
    candle_add_trade(&candle, 5, 10);
    candle_add_trade(&candle, 9, DECIMAL_NULL);
    candle_add_trade(&candle, -2, 7);
    cr_assert(candle.open == 5 && candle.high == 9 && candle.low == -2 && candle.close == -2);
    cr_assert(candle.trades == 3 && candle.has_volume && candle.volume == 17);
}

Test(market_candle, has_no_volume_where_no_trade_had_one)
{
    struct candle candle = candle_at(0);
    candle_add_trade(&candle, 5, DECIMAL_NULL);
    cr_assert(!candle.has_volume);
    candle_add_trade(&candle, 5, 0);
    cr_assert(candle.has_volume && candle.volume == 0);
}

Test(market_candle, sums_volumes_beyond_64_bits)
{
    struct candle candle = candle_at(0);
    for (int i = 0; i < 1000; i++)
        candle_add_trade(&candle, 1, INT64_MAX);
    cr_assert(candle.volume == (candle_volume)INT64_MAX * 1000);
}

Test(market_candle, appends_what_follows)
{
    struct candle all = candle_at(0);
    struct candle parts[3] = {candle_at(0), candle_at(1), candle_at(2)};
    int64_t prices[] = {7, 3, 8, 8, 1, 9, 4};
    for (size_t i = 0; i < 7; i++) {
        int64_t volume = i % 3 == 0 ? DECIMAL_NULL : (int64_t)i;
        candle_add_trade(&all, prices[i], volume);
        candle_add_trade(&parts[i < 3 ? 0 : 2], prices[i], volume);
    }
    struct candle sum = candle_at(0);
    for (size_t i = 0; i < 3; i++)
        candle_append(&sum, &parts[i]); /* the second is empty */
    cr_assert(candle_equal(&sum, &all));
    candle_append(&sum, &parts[0]);
    cr_assert(!candle_equal(&sum, &all));
}

Test(market_candle, knows_what_is_stored_and_what_rolls_up_from_it)
{
    cr_assert_str_eq(candle_stored_name(15 * MINUTE), "15m");
    cr_assert_null(candle_stored_name(3 * MINUTE));
    static const struct {
        int64_t interval_us;
        int64_t divisor_us;
    } table[] = {
        {TIME_SECOND_US, 0},
        {30 * TIME_SECOND_US, 0},
        {90 * TIME_SECOND_US, 0},
        {MINUTE, MINUTE},
        {3 * MINUTE, MINUTE},
        {10 * MINUTE, 5 * MINUTE},
        {45 * MINUTE, 15 * MINUTE},
        {60 * MINUTE, 60 * MINUTE},
        {90 * MINUTE, 15 * MINUTE},
        {240 * MINUTE, 60 * MINUTE},
        {TIME_DAY_US, TIME_DAY_US},
        {7 * TIME_DAY_US, TIME_DAY_US},
        {36 * TIME_HOUR_US, TIME_HOUR_US},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_assert(candle_stored_divisor(table[i].interval_us) == table[i].divisor_us);
}

Test(market_candle, folds_the_trades_of_a_block_and_leaves_quotes_out)
{
    struct block_builder builder;
    block_builder_init(&builder);
    for (int64_t i = 0; i < 10; i++) {
        struct tick tick = {.time = i,
                            .fields = {1, 2, i % 2 == 0 ? i * DECIMAL_ONE : DECIMAL_NULL, i}};
        cr_assert(block_builder_add(&builder, &tick) == STATUS_OK);
    }
    block = block_builder_seal(&builder, (struct time_range){0, 10});
    block_builder_deinit(&builder);
    struct candle candle = candle_at(0);
    fold_ticks(&candle, block, 1, 9);
    cr_assert(candle.trades == 4 && candle.open == 2 * DECIMAL_ONE &&
              candle.close == 8 * DECIMAL_ONE);
    cr_assert(candle.volume == 2 + 4 + 6 + 8);
}

Test(market_candle, lies_in_blocks_of_its_own)
{
    struct candle candles[3] = {candle_at(0), candle_at(MINUTE), candle_at(3 * MINUTE)};
    for (size_t i = 0; i < 3; i++)
        candle_add_trade(&candles[i], (int64_t)i, 1);
    block = block_of_candles(candles, 3, (struct time_range){0, 5 * MINUTE});
    cr_assert(block_find(block, 0) == 0);
    cr_assert(block_find(block, 1) == 1);
    cr_assert(block_find(block, 3 * MINUTE + 1) == 3);
    cr_assert(block_time(block, 2) == 3 * MINUTE);
    struct candle all = candle_at(0);
    fold_candles(&all, block, 1, 3);
    cr_assert(all.trades == 2 && all.open == 1 && all.close == 2 && all.volume == 2);
}
