/* Where the blocks of a load of candles end, in both directions, and going on after a break. */
#include "store/candle_cutter.h"

#include "base/mem.h"
#include "random.h"

#include <criterion/criterion.h>
#include <string.h>

#define CANDLES_MAX 60000
#define STRETCHES_MAX 10000
#define INTERVAL_US (5 * TIME_MINUTE_US)
#define GRAIN_US (4096 * INTERVAL_US)
#define T0 (TIME_BUCKET_ORIGIN_US / GRAIN_US * GRAIN_US)

struct stretch {
    struct time_range range;
    struct block *block;
};

static struct candle candles[CANDLES_MAX]; /* of one symbol, oldest first */
static size_t candle_count;
static struct stretch stretches[STRETCHES_MAX];
static size_t stretch_count;
static struct load_progress progress;
static struct load_counts counts;
static uint64_t rows_seen; /* of all loads, as the counts */
static int64_t grain_us; /* of the loads to come */

static void on_publish(struct tick_load *load, struct time_range range, struct block *block)
{
    cr_assert(stretch_count < STRETCHES_MAX);
    cr_assert(load->backward ? progress.left.to == range.from : progress.left.from == range.to,
              "the progress says so before");
    stretches[stretch_count++] = (struct stretch){range, block};
    rows_seen += block != NULL ? block->rows : 0;
    cr_assert_eq(atomic_load(&counts.rows), rows_seen, "who sees rows finds them counted");
}

static struct tick_load load_of(struct time_range range, bool backward)
{
    return (struct tick_load){
        .symbol = "TEST:x",
        .interval_us = INTERVAL_US,
        .range = range,
        .backward = backward,
        .grain_us = grain_us,
        .publish = on_publish,
    };
}

static void forget(void)
{
    for (size_t i = 0; i < stretch_count; i++)
        block_release(&stretches[i].block);
    stretch_count = 0;
    candle_count = 0;
}

/* Blocks lie within grains, so that a load can be cut short at one. */
static void check_grain(const struct time_range *range)
{
    cr_assert(grain_us == 0 ||
              time_floor(range->from, grain_us) == time_floor(range->to - 1, grain_us));
}

TestSuite(candle_cutter, .fini = forget);

static void put_candle(int64_t bucket)
{
    cr_assert(candle_count < CANDLES_MAX);
    candles[candle_count] = candle_at(T0 + bucket * INTERVAL_US);
    candle_add_trade(&candles[candle_count], (int64_t)candle_count, DECIMAL_NULL);
    candle_count++;
}

static bool is_left(const struct candle *candle)
{
    return candle->time >= progress.left.from && candle->time < progress.left.to;
}

/* What is left, as a COPY brings it; gives up after `rows_max` rows. */
static void run(struct tick_load *load, size_t rows_max)
{
    struct candle_cutter cutter;
    struct error error = {.text = ""};
    candle_cutter_init(&cutter, load, &progress);
    size_t rows = 0;
    for (size_t i = 0; i < candle_count; i++) {
        const struct candle *candle = &candles[load->backward ? candle_count - 1 - i : i];
        if (!is_left(candle))
            continue;
        if (rows++ == rows_max) {
            candle_cutter_deinit(&cutter);
            return;
        }
        cr_assert(candle_cutter_add(&cutter, candle, &error) == STATUS_OK, "%s", error.text);
    }
    candle_cutter_finish(&cutter);
    candle_cutter_deinit(&cutter);
}

/* Every candle of a block, and of no other stretch, in the order of time. */
static void check_block(const struct stretch *stretch, bool *seen)
{
    const struct block *block = stretch->block;
    cr_assert(block->rows <= CANDLE_BLOCK_ROWS_MAX);
    cr_assert(block->range.from == stretch->range.from);
    cr_assert(block->range.to == stretch->range.to);
    cr_assert(block->candles[0].time >= stretch->range.from);
    cr_assert(block->candles[block->rows - 1].time + INTERVAL_US <= stretch->range.to);
    check_grain(&stretch->range);
    size_t first = 0;
    while (candles[first].time != block->candles[0].time)
        first++;
    for (size_t row = 0; row < block->rows; row++) {
        cr_assert(candle_equal(&block->candles[row], &candles[first + row]));
        cr_assert(!seen[first + row]);
        seen[first + row] = true;
    }
}

static void check_tiling(const struct tick_load *load)
{
    static bool seen[CANDLES_MAX];
    memset(seen, 0, sizeof seen);
    int64_t reached = load->backward ? load->range.to : load->range.from;
    for (size_t i = 0; i < stretch_count; i++) {
        const struct time_range *range = &stretches[i].range;
        cr_assert(range->from < range->to);
        cr_assert((load->backward ? range->to : range->from) == reached);
        reached = load->backward ? range->from : range->to;
        cr_assert(i == 0 || stretches[i].block != NULL || stretches[i - 1].block != NULL,
                  "two stretches without candles in a row");
        if (stretches[i].block != NULL)
            check_block(&stretches[i], seen);
    }
    cr_assert(reached == (load->backward ? load->range.from : load->range.to));
    for (size_t i = 0; i < candle_count; i++)
        cr_assert(seen[i] ==
                  (candles[i].time >= load->range.from && candles[i].time < load->range.to));
}

static struct time_range buckets(int64_t from, int64_t to)
{
    return (struct time_range){T0 + from * INTERVAL_US, T0 + to * INTERVAL_US};
}

static void run_whole(struct time_range range, bool backward)
{
    struct tick_load load = load_of(range, backward);
    progress = load_progress_start(&load, &counts);
    run(&load, SIZE_MAX);
    check_tiling(&load);
}

Test(candle_cutter, a_load_without_a_grain_is_one_block)
{
    for (int backward = 0; backward < 2; backward++) {
        for (int64_t bucket = 100; bucket < 600; bucket += 3)
            put_candle(bucket);
        run_whole(buckets(0, 1000), backward != 0);
        cr_assert(stretch_count == 1);
        cr_assert(stretches[0].block != NULL);
        forget();
    }
}

Test(candle_cutter, grains_without_candles_are_one_stretch)
{
    grain_us = 16 * INTERVAL_US;
    for (int backward = 0; backward < 2; backward++) {
        put_candle(100);
        put_candle(103);
        put_candle(600);
        run_whole(buckets(0, 1000), backward != 0);
        cr_assert(stretch_count == 5);
        const struct stretch *first = &stretches[backward != 0 ? 3 : 1];
        cr_assert(first->block != NULL);
        cr_assert(first->range.from == T0 + 96 * INTERVAL_US);
        cr_assert(first->range.to == T0 + 112 * INTERVAL_US);
        cr_assert(stretches[2].block == NULL);
        forget();
    }
}

Test(candle_cutter, a_load_without_candles_is_one_stretch)
{
    run_whole(buckets(0, 1000), false);
    cr_assert(stretch_count == 1);
    cr_assert(stretches[0].block == NULL);
    forget();
    run_whole(buckets(0, 1000), true);
    cr_assert(stretch_count == 1);
}

Test(candle_cutter, full_blocks_follow_each_other_without_emptiness_between)
{
    for (int backward = 0; backward < 2; backward++) {
        for (int64_t bucket = 0; bucket < 40000; bucket++)
            put_candle(bucket);
        run_whole(buckets(0, 40000), backward != 0);
        cr_assert(stretch_count == 3);
        cr_assert(stretches[0].block->rows == CANDLE_BLOCK_ROWS_MAX);
        cr_assert(stretches[1].block->rows == CANDLE_BLOCK_ROWS_MAX);
        forget();
    }
}

static void put_random(struct random *random)
{
    int64_t bucket = random_between(random, 0, 300);
    size_t count = random_below(random, 50000);
    for (size_t i = 0; i < count; i++) {
        put_candle(bucket);
        bucket += random_one_in(random, 1000) ? random_between(random, 1, 5000) : 1;
    }
}

Test(candle_cutter, random_loads_tile_their_range_however_often_they_break)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct random random = {.state = seed};
        put_random(&random);
        int64_t from = random_between(&random, 0, 30000);
        struct time_range range = buckets(from, from + random_between(&random, 1, 60000));
        grain_us = random_one_in(&random, 3) ? 0 : GRAIN_US >> random_below(&random, 8);
        struct tick_load load = load_of(range, random_one_in(&random, 2));
        progress = load_progress_start(&load, &counts);
        for (size_t breaks = random_below(&random, 4); breaks > 0; breaks--)
            run(&load, random_below(&random, 40000));
        if (progress.left.from < progress.left.to)
            run(&load, SIZE_MAX);
        check_tiling(&load);
        forget();
    }
}

static enum status add_after(bool backward, int64_t first, int64_t second)
{
    struct tick_load load = load_of(buckets(0, 100), backward);
    progress = load_progress_start(&load, &counts);
    struct candle_cutter cutter;
    candle_cutter_init(&cutter, &load, &progress);
    struct candle candle = candle_at(T0 + first);
    struct error error = {.text = ""};
    cr_assert(candle_cutter_add(&cutter, &candle, &error) == STATUS_OK);
    candle = candle_at(T0 + second);
    enum status status = candle_cutter_add(&cutter, &candle, &error);
    cr_assert((status == STATUS_OK) == (error.text[0] == '\0'));
    candle_cutter_deinit(&cutter);
    return status;
}

Test(candle_cutter, what_a_database_must_not_bring_is_refused)
{
    int64_t at = 50 * INTERVAL_US;
    cr_assert(add_after(false, at, at + INTERVAL_US) == STATUS_OK);
    cr_assert(add_after(true, at, at - INTERVAL_US) == STATUS_OK);
    cr_assert(add_after(false, at, at) == STATUS_INTERNAL, "twice");
    cr_assert(add_after(true, at, at) == STATUS_INTERNAL, "twice");
    cr_assert(add_after(false, at, at - INTERVAL_US) == STATUS_INTERNAL, "out of order");
    cr_assert(add_after(true, at, at + INTERVAL_US) == STATUS_INTERNAL, "out of order");
    cr_assert(add_after(false, at, at + INTERVAL_US + 1) == STATUS_INTERNAL, "no bucket");
    cr_assert(add_after(false, at, 100 * INTERVAL_US) == STATUS_INTERNAL, "behind the range");
    cr_assert(add_after(true, at, -INTERVAL_US) == STATUS_INTERNAL, "before the range");
}
