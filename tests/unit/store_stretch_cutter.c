/* Where stretches end: tiling, alignment, doubling, and nothing held back, in both directions. */
#include "store/stretch_cutter.h"

#include "base/mem.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define TICKS_MAX 400000
#define STRETCHES_MAX 20000

struct stretch {
    struct time_range range;
    struct block *block;
};

/* One load over ticks[0 … tick_count), which are in (time, seq) order; bid is the number. */
static struct tick ticks[TICKS_MAX];
static size_t tick_count;
static struct stretch stretches[STRETCHES_MAX];
static size_t stretch_count;
static struct stretch_cutter cutter;
static struct load_progress progress;
static struct load_counts counts;
static uint64_t rows_seen; /* of all loads, as the counts */

static void on_publish(struct tick_load *load, struct time_range range, struct block *block)
{
    (void)load;
    cr_assert(stretch_count < STRETCHES_MAX);
    stretches[stretch_count++] = (struct stretch){range, block};
    rows_seen += block != NULL ? block->rows : 0;
    cr_assert_eq(atomic_load(&counts.rows), rows_seen, "who sees rows finds them counted");
}

static struct tick_load load_of(struct time_range range, int64_t first_us, int64_t grain_us,
                                bool backward)
{
    return (struct tick_load){
        .symbol = "TEST:x",
        .range = range,
        .backward = backward,
        .first_us = first_us,
        .grain_us = grain_us,
        .publish = on_publish,
    };
}

static void setup(void)
{
    stretch_cutter_init(&cutter);
}

static void forget_stretches(void)
{
    for (size_t i = 0; i < stretch_count; i++)
        block_release(&stretches[i].block);
    stretch_count = 0;
}

static void teardown(void)
{
    forget_stretches();
    stretch_cutter_deinit(&cutter);
}

TestSuite(stretch_cutter, .init = setup, .fini = teardown);

static void put_tick(int64_t time)
{
    cr_assert(tick_count < TICKS_MAX);
    ticks[tick_count] = (struct tick){.time = time, .fields = {(int64_t)tick_count, 1, 2, 3}};
    tick_count++;
}

/* ---- running ---- */

static int64_t floor_to(int64_t time, int64_t step)
{
    int64_t at = time / step * step;
    return at > time ? at - step : at;
}

static const struct tick *nth(const struct tick_load *load, size_t i)
{
    return &ticks[load->backward ? tick_count - 1 - i : i];
}

/* Ticks whose stretch is over are published by now: what is held lies in one step with the newest.
 */
static void check_nothing_held_back(const struct tick_load *load, const struct tick *added)
{
    size_t held = cutter.builder.rows;
    cr_assert(held >= 1);
    const struct tick *first_held = load->backward ? added + held - 1 : added - (held - 1);
    cr_assert(floor_to(first_held->time, progress.step_us) ==
              floor_to(added->time, progress.step_us));
    cr_assert(held <= BLOCK_ROWS_MAX || first_held->time == added->time);
}

static bool is_left(const struct tick *tick)
{
    return tick->time >= progress.left.from && tick->time < progress.left.to;
}

/* From what is left on, as a COPY brings it; gives up at `rows_max` rows. */
static void run(struct tick_load *load, size_t rows_max)
{
    struct error error = {.text = ""};
    stretch_cutter_begin(&cutter, load, &progress);
    size_t i = 0;
    while (i < tick_count && !is_left(nth(load, i)))
        i++;
    for (size_t rows = 0; i < tick_count && is_left(nth(load, i)); rows++, i++) {
        if (rows == rows_max)
            return;
        const struct tick *tick = nth(load, i);
        cr_assert(stretch_cutter_add(&cutter, tick, &error) == STATUS_OK, "%s", error.text);
        check_nothing_held_back(load, tick);
    }
    stretch_cutter_finish(&cutter);
    cr_assert(progress.left.from == progress.left.to);
}

static void run_whole(struct tick_load *load)
{
    forget_stretches();
    progress = load_progress_start(load, &counts);
    run(load, SIZE_MAX);
}

/* ---- checking ---- */

static size_t rows_between(int64_t from, int64_t to)
{
    size_t rows = 0;
    for (size_t i = 0; i < tick_count; i++)
        rows += ticks[i].time >= from && ticks[i].time < to;
    return rows;
}

static size_t first_at(int64_t time)
{
    size_t i = 0;
    while (i < tick_count && ticks[i].time < time)
        i++;
    return i;
}

static void check_content(const struct stretch *stretch)
{
    const struct time_range *range = &stretch->range;
    size_t rows = rows_between(range->from, range->to);
    cr_assert((stretch->block != NULL) == (rows > 0));
    if (rows == 0)
        return;
    cr_assert(stretch->block->rows == rows);
    cr_assert(stretch->block->range.from == range->from);
    cr_assert(stretch->block->range.to == range->to);
    size_t first = first_at(range->from);
    for (size_t row = 0; row < rows; row++) {
        struct tick tick = block_tick(stretch->block, row);
        cr_assert(memcmp(&tick, &ticks[first + row], sizeof tick) == 0, "row %zu", row);
    }
    bool is_instant = block_time(stretch->block, 0) == block_time(stretch->block, rows - 1);
    cr_assert(rows <= BLOCK_ROWS_MAX || is_instant);
}

static int64_t far_end(const struct tick_load *load, struct time_range range)
{
    return load->backward ? range.from : range.to;
}

static int64_t near_end(const struct tick_load *load, struct time_range range)
{
    return load->backward ? range.to : range.from;
}

/* At a multiple of the step, at the end of the load, or where one instant more were too much. */
static void check_far_end(const struct tick_load *load, const struct stretch *stretch, int64_t step)
{
    int64_t end = far_end(load, stretch->range);
    if (end % step == 0 || end == far_end(load, load->range))
        return;
    int64_t next = load->backward ? end - 1 : end;
    cr_assert(rows_between(next, next + 1) + stretch->block->rows > BLOCK_ROWS_MAX,
              "ends at %" PRId64 " for no reason", end);
}

/* A multiple of the step, or where the one before ended. */
static void check_near_end(const struct tick_load *load, const struct stretch *stretch,
                           int64_t step, bool follows_emptiness)
{
    int64_t start = near_end(load, stretch->range);
    if (follows_emptiness)
        cr_assert(start % step == 0, "emptiness ends at %" PRId64, start);
}

static void check_stretches(const struct tick_load *load)
{
    int64_t at = near_end(load, load->range);
    int64_t step = load->first_us != 0 ? load->first_us : load->grain_us;
    bool was_empty = false;
    for (size_t i = 0; i < stretch_count; i++) {
        const struct stretch *stretch = &stretches[i];
        cr_assert(near_end(load, stretch->range) == at, "a gap, or twice");
        cr_assert(stretch->range.from < stretch->range.to);
        check_content(stretch);
        at = far_end(load, stretch->range);
        if (stretch->block == NULL) {
            cr_assert(!was_empty, "two empty stretches in a row");
            was_empty = true;
            continue;
        }
        cr_assert(floor_to(stretch->range.from, step) == floor_to(stretch->range.to - 1, step),
                  "across a multiple of the step");
        check_near_end(load, stretch, step, was_empty);
        check_far_end(load, stretch, step);
        was_empty = false;
        step = step < load->grain_us ? 2 * step : step;
    }
    cr_assert(at == far_end(load, load->range), "not to the end");
}

/* ---- properties ---- */

static void random_ticks(struct random *random, struct time_range range, size_t count)
{
    tick_count = 0;
    int64_t time = range.from + random_between(random, 0, 50);
    for (size_t i = 0; i < count && time < range.to; i++) {
        put_tick(time);
        if (random_one_in(random, 3))
            continue;
        bool gap = random_one_in(random, 20);
        time += random_between(random, 0, gap ? 3000 : 20);
    }
}

static struct tick_load random_load(struct random *random)
{
    int64_t unit = random_between(random, 1, 7);
    int64_t first = unit << random_below(random, 6);
    int64_t grain = first << random_below(random, 8);
    int64_t from = random_between(random, -20000, 20000);
    struct time_range range = {from, random_between(random, from + 1, from + 20000)};
    return load_of(range, random_one_in(random, 4) ? 0 : first, grain, random_one_in(random, 2));
}

Test(stretch_cutter, stretches_tile_are_aligned_double_and_hold_nothing_back)
{
    struct random random = {.state = 1};
    for (size_t i = 0; i < 3000; i++) {
        struct tick_load load = random_load(&random);
        random_ticks(&random, load.range, random_below(&random, i % 10 == 0 ? 500 : 30));
        run_whole(&load);
        check_stretches(&load);
    }
}

Test(stretch_cutter, a_load_that_breaks_off_goes_on_as_if_nothing_had_happened)
{
    struct random random = {.state = 2};
    for (size_t i = 0; i < 2000; i++) {
        struct tick_load load = random_load(&random);
        random_ticks(&random, load.range, random_below(&random, 200));
        run_whole(&load);
        size_t expected_count = stretch_count;
        struct time_range expected[STRETCHES_MAX / 10];
        cr_assert(expected_count <= STRETCHES_MAX / 10);
        for (size_t j = 0; j < stretch_count; j++)
            expected[j] = stretches[j].range;

        forget_stretches();
        progress = load_progress_start(&load, &counts);
        for (size_t breaks = 0; breaks < 5; breaks++)
            run(&load, random_below(&random, 100));
        if (progress.left.from < progress.left.to)
            run(&load, SIZE_MAX);
        check_stretches(&load);
        cr_assert(stretch_count == expected_count);
        for (size_t j = 0; j < stretch_count; j++)
            cr_assert(memcmp(&stretches[j].range, &expected[j], sizeof expected[j]) == 0);
    }
}

Test(stretch_cutter, full_blocks_end_at_a_change_of_time_in_both_directions)
{
    struct random random = {.state = 3};
    const struct time_range range = {0, 1 << 20};
    for (int backward = 0; backward < 2; backward++) {
        tick_count = 0;
        for (int64_t time = 100; tick_count < 300000; time++) {
            size_t rows = random_one_in(&random, 20000) ? 70000 : 1 + random_below(&random, 12);
            for (size_t i = 0; i < rows && tick_count < TICKS_MAX; i++)
                put_tick(time);
        }
        struct tick_load load = load_of(range, 0, 1 << 20, backward == 1);
        run_whole(&load);
        cr_assert(stretch_count >= 5);
        check_stretches(&load);
    }
}

/* ---- examples ---- */

static void expect(size_t i, int64_t from, int64_t to, size_t rows)
{
    cr_assert(i < stretch_count);
    const struct stretch *stretch = &stretches[i];
    cr_expect(stretch->range.from == from, "%zu: from %" PRId64, i, stretch->range.from);
    cr_expect(stretch->range.to == to, "%zu: to %" PRId64, i, stretch->range.to);
    cr_expect((stretch->block != NULL ? stretch->block->rows : 0) == rows, "%zu", i);
}

static void tick_every_us(int64_t from, int64_t to)
{
    tick_count = 0;
    for (int64_t time = from; time < to; time++)
        put_tick(time);
}

Test(stretch_cutter, forward_steps_double_up_to_the_grain)
{
    tick_every_us(1, 24);
    struct tick_load load = load_of((struct time_range){1, 24}, 1, 8, false);
    run_whole(&load);
    cr_assert(stretch_count == 5);
    expect(0, 1, 2, 1);
    expect(1, 2, 4, 2);
    expect(2, 4, 8, 4);
    expect(3, 8, 16, 8);
    expect(4, 16, 24, 8);
}

Test(stretch_cutter, backward_steps_double_from_the_end)
{
    tick_every_us(0, 23);
    struct tick_load load = load_of((struct time_range){0, 23}, 1, 8, true);
    run_whole(&load);
    cr_assert(stretch_count == 5);
    expect(0, 22, 23, 1);
    expect(1, 20, 22, 2);
    expect(2, 16, 20, 4);
    expect(3, 8, 16, 8);
    expect(4, 0, 8, 8);
}

Test(stretch_cutter, emptiness_reaches_to_the_step_of_the_next_tick_and_does_not_double_it)
{
    tick_count = 0;
    put_tick(5);
    put_tick(1001);
    struct tick_load load = load_of((struct time_range){0, 2000}, 2, 16, false);
    run_whole(&load);
    cr_assert(stretch_count == 5);
    expect(0, 0, 4, 0);
    expect(1, 4, 6, 1);
    expect(2, 6, 1000, 0);
    expect(3, 1000, 1004, 1);
    expect(4, 1004, 2000, 0);
    load.backward = true;
    run_whole(&load);
    cr_assert(stretch_count == 5);
    expect(0, 1002, 2000, 0);
    expect(1, 1000, 1002, 1);
    expect(2, 8, 1000, 0);
    expect(3, 4, 8, 1);
    expect(4, 0, 4, 0);
}

Test(stretch_cutter, without_ticks_all_is_one_empty_stretch)
{
    tick_count = 0;
    for (int backward = 0; backward < 2; backward++) {
        struct tick_load load = load_of((struct time_range){-7, 9}, 1, 4, backward == 1);
        run_whole(&load);
        cr_assert(stretch_count == 1);
        expect(0, -7, 9, 0);
    }
}

Test(stretch_cutter, ticks_outside_of_what_is_left_or_in_the_other_order_are_refused)
{
    struct error error;
    const struct tick five = {.time = 5};
    const struct tick six = {.time = 6};
    const struct tick ten = {.time = 10};
    for (int backward = 0; backward < 2; backward++) {
        struct tick_load load = load_of((struct time_range){0, 10}, 0, 16, backward == 1);
        progress = load_progress_start(&load, &counts);
        stretch_cutter_begin(&cutter, &load, &progress);
        cr_assert(stretch_cutter_add(&cutter, &ten, &error) == STATUS_INTERNAL);
        const struct tick *first = backward == 1 ? &five : &six;
        const struct tick *second = backward == 1 ? &six : &five;
        cr_assert(stretch_cutter_add(&cutter, first, &error) == STATUS_OK);
        cr_assert(stretch_cutter_add(&cutter, second, &error) == STATUS_INTERNAL);
        cr_assert(stretch_count == 0);
    }
}

Test(stretch_cutter, asserts_that_the_first_step_is_a_part_of_the_grain, .signal = SIGABRT)
{
    struct tick_load load = load_of((struct time_range){0, 10}, 3, 8, false);
    (void)load_progress_start(&load, &counts);
}
