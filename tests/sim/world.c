#include "world.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define TICKS_MOST 1500
#define CROWD_TICKS_MOST 6000  /* of all symbols together, where they are many */
#define BULK_TICKS_MOST 140000 /* of a symbol that fills a window of bytes */
#define BURST_MOST 40          /* ticks of one instant */
#define HUGE_BURST_MOST 2500   /* that do not fit into a frame */

static int64_t random_price(struct dice *dice)
{
    if (dice_once_in(dice, 4))
        return DECIMAL_NULL;
    if (dice_once_in(dice, 200))
        return dice_once_in(dice, 2) ? INT64_MAX : -INT64_MAX;
    static const int64_t units[] = {1, 10, 1000000, DECIMAL_ONE, DECIMAL_ONE / 2};
    return dice_between(dice, -5, 40000) * units[dice_between(dice, 0, 4)];
}

static int64_t random_gap(struct dice *dice, int64_t mean_us)
{
    if (dice_once_in(dice, 50))
        return mean_us * dice_between(dice, 1, 100);
    return dice_between(dice, 0, 2 * mean_us);
}

/* Of a symbol that never has some of the fields, neither has one that comes later. */
static struct tick random_tick(struct dice *dice, const struct symbol *symbol, int64_t time)
{
    struct tick tick = {.time = time};
    for (size_t f = 0; f < TICK_FIELDS; f++) {
        tick.fields[f] = random_price(dice);
        if ((symbol->lacks & TICK_FIELD_BIT(f)) != 0)
            tick.fields[f] = DECIMAL_NULL;
    }
    return tick;
}

static size_t random_burst(struct dice *dice)
{
    if (dice_once_in(dice, 2000))
        return (size_t)dice_between(dice, 500, HUGE_BURST_MOST);
    return dice_once_in(dice, 20) ? (size_t)dice_between(dice, 2, BURST_MOST) : 1;
}

/* Some symbols have everything, some have nearly nothing, now and then one has nothing. */
static size_t random_count(struct world *world)
{
    struct dice *dice = world->dice;
    if (world->is_bulky)
        return (size_t)dice_between(dice, BULK_TICKS_MOST * 3 / 4, BULK_TICKS_MOST);
    if (dice_once_in(dice, 30))
        return 0;
    int64_t most = CROWD_TICKS_MOST / (int64_t)world->tape_count;
    if (most > TICKS_MOST)
        most = TICKS_MOST;
    return (size_t)dice_between(dice, 1, dice_once_in(dice, 3) ? 1 + most / 20 : most);
}

static void fill_tape(struct world *world, struct world_tape *tape, size_t index)
{
    struct dice *dice = world->dice;
    (void)snprintf(tape->symbol.name, sizeof tape->symbol.name, "SIM:%02zu", index);
    for (int field = TICK_BID; field <= TICK_LAST; field++) {
        if (dice_once_in(dice, 6))
            tape->symbol.lacks |= (uint8_t)TICK_FIELD_BIT(field);
    }
    size_t wanted = random_count(world);
    int64_t mean_us = (world->to - world->from) / (int64_t)(wanted + 1) + 1;
    size_t room = wanted + HUGE_BURST_MOST + WORLD_ADDED_MAX;
    tape->ticks = mem_alloc(room * sizeof *tape->ticks);
    tape->born = mem_alloc_zeroed(room * sizeof *tape->born);
    int64_t time = world->from;
    while (tape->count < wanted) {
        time += random_gap(dice, mean_us);
        if (time >= world->to)
            break;
        for (size_t burst = random_burst(dice); burst > 0; burst--)
            tape->ticks[tape->count++] = random_tick(dice, &tape->symbol, time);
    }
    tape->symbol.from = world->from;
    tape->symbol.to = world->to;
    /* A wrong density, so that grains are short and blocks many. */
    tape->symbol.ticks = (int64_t)tape->count * dice_between(dice, 1, 4000);
    tape->symbol.exact = false;
}

static void add_tick(struct world *world, struct world_tape *tape, int64_t time)
{
    size_t index = world_find(tape, time + 1); /* after those of the same instant */
    size_t behind = tape->count - index;
    memmove(tape->ticks + index + 1, tape->ticks + index, behind * sizeof *tape->ticks);
    memmove(tape->born + index + 1, tape->born + index, behind * sizeof *tape->born);
    tape->ticks[index] = random_tick(world->dice, &tape->symbol, time);
    tape->born[index] = world->changes;
    tape->count++;
    tape->added++;
}

struct time_range world_change(struct world *world, const char **symbol)
{
    struct dice *dice = world->dice;
    struct world_tape *tape = &world->tapes[dice_between(dice, 0, (int64_t)world->tape_count - 1)];
    *symbol = tape->symbol.name;
    int64_t from = dice_between(dice, world->from, world->to - 1);
    int64_t to = dice_once_in(dice, 2) ? from + 1 : dice_between(dice, from, world->to - 1) + 1;
    world->changes++;
    for (int64_t i = dice_between(dice, 1, 5); i > 0 && tape->added < WORLD_ADDED_MAX; i--)
        add_tick(world, tape, dice_between(dice, from, to - 1));
    return (struct time_range){.from = from, .to = to};
}

size_t world_find(const struct world_tape *tape, int64_t t)
{
    size_t low = 0;
    size_t high = tape->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (tape->ticks[middle].time < t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct last_values world_last(const struct world_tape *tape, int64_t at)
{
    struct last_values last = {.time = INT64_MIN};
    for (size_t f = 0; f < TICK_FIELDS; f++)
        last.fields[f] = DECIMAL_NULL;
    for (size_t i = world_find(tape, at - TIME_DAY_US); i < tape->count; i++) {
        const struct tick *tick = &tape->ticks[i];
        if (tick->time >= at)
            break;
        last.time = tick->time;
        for (size_t f = TICK_BID; f <= TICK_LAST; f++) {
            if (tick->fields[f] != DECIMAL_NULL)
                last.fields[f] = tick->fields[f];
        }
    }
    return last;
}

struct world_tape *world_tape_of(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->tape_count; i++) {
        if (strcmp(world->tapes[i].symbol.name, name) == 0)
            return &world->tapes[i];
    }
    ASSERT(false);
    return NULL;
}

static size_t random_tape_count(struct dice *dice)
{
    if (dice_once_in(dice, 12))
        return (size_t)dice_between(dice, 5, WORLD_SYMBOLS_MAX);
    return (size_t)dice_between(dice, 1, 4);
}

void world_init(struct world *world, struct dice *dice)
{
    *world = (struct world){.dice = dice};
    static const int64_t spans_s[] = {2, 30, 600, 7200, 200000};
    int64_t span_us = spans_s[dice_between(dice, 0, 4)] * TIME_SECOND_US;
    world->from = dice_between(dice, -100000, 2000000000) * TIME_SECOND_US +
                  dice_between(dice, 0, TIME_SECOND_US - 1);
    if (dice_once_in(dice, 12))
        world->from = dice_once_in(dice, 2) ? TIME_MIN : TIME_MAX - span_us;
    world->to = world->from + span_us;
    world->is_bulky = dice_once_in(dice, 60);
    world->tape_count = world->is_bulky ? 1 : random_tape_count(dice);
    world->rows_most = (size_t)dice_between(dice, 1, world->is_bulky ? 20000 : 300);
    for (size_t i = 0; i < world->tape_count; i++)
        fill_tape(world, &world->tapes[i], i);
}

void world_deinit(struct world *world)
{
    for (size_t i = 0; i < world->tape_count; i++) {
        mem_free(world->tapes[i].ticks);
        mem_free(world->tapes[i].born);
    }
}
