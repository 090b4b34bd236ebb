#include "world.h"

#include "base/assert.h"
#include "base/mem.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_MOST 1500
#define BURST_MOST 40 /* ticks of one instant */
#define PART_ROWS_MOST 60

/* ---- data ------------------------------------------------------------------------------- */

static int64_t random_price(struct dice *dice)
{
    if (dice_once_in(dice, 4))
        return DECIMAL_NULL;
    if (dice_once_in(dice, 200))
        return dice_once_in(dice, 2) ? INT64_MAX : -INT64_MAX;
    static const int64_t units[] = {1, 10, 1000000, DECIMAL_ONE, DECIMAL_ONE / 2};
    return dice_between(dice, -5, 40000) * units[dice_between(dice, 0, 4)];
}

static int compare_ticks(const void *left, const void *right)
{
    const struct tick *a = left;
    const struct tick *b = right;
    return (a->time > b->time) - (a->time < b->time);
}

static int64_t random_gap(struct dice *dice, int64_t mean_us)
{
    if (dice_once_in(dice, 50))
        return mean_us * dice_between(dice, 1, 100);
    return dice_between(dice, 0, 2 * mean_us);
}

static void fill_tape(struct world *world, struct world_tape *tape, size_t index)
{
    struct dice *dice = world->dice;
    (void)snprintf(tape->symbol.name, sizeof tape->symbol.name, "SIM:%zu", index);
    size_t wanted = (size_t)dice_between(dice, 1, TICKS_MOST);
    int64_t mean_us = (world->to - world->from) / (int64_t)wanted;
    tape->ticks = mem_alloc((wanted + BURST_MOST) * sizeof *tape->ticks);
    int64_t time = world->from;
    while (tape->count < wanted) {
        time += random_gap(dice, mean_us);
        if (time >= world->to)
            break;
        size_t burst = dice_once_in(dice, 20) ? (size_t)dice_between(dice, 2, BURST_MOST) : 1;
        for (size_t i = 0; i < burst; i++) {
            struct tick *tick = &tape->ticks[tape->count++];
            tick->time = time;
            for (size_t f = 0; f < TICK_FIELDS; f++)
                tick->fields[f] = random_price(dice);
        }
    }
    qsort(tape->ticks, tape->count, sizeof *tape->ticks, compare_ticks); /* already in order */
    tape->symbol.from = world->from;
    tape->symbol.to = world->to;
    /* A wrong density, so that grains are short and blocks many. */
    tape->symbol.ticks = (int64_t)tape->count * dice_between(dice, 1, 4000);
    tape->symbol.exact = false;
}

size_t world_find(const struct world_tape *tape, int64_t t)
{
    size_t index = 0; /* slow and obvious: this is the oracle's */
    while (index < tape->count && tape->ticks[index].time < t)
        index++;
    return index;
}

struct last_values world_last(const struct world_tape *tape, int64_t at)
{
    struct last_values last = {.time = INT64_MIN};
    for (size_t f = 0; f < TICK_FIELDS; f++)
        last.fields[f] = DECIMAL_NULL;
    for (size_t i = 0; i < tape->count; i++) {
        const struct tick *tick = &tape->ticks[i];
        if (tick->time >= at || tick->time < at - TIME_DAY_US)
            continue;
        last.time = tick->time;
        for (size_t f = TICK_BID; f <= TICK_LAST; f++) {
            if (tick->fields[f] != DECIMAL_NULL)
                last.fields[f] = tick->fields[f];
        }
    }
    return last;
}

/* ---- source ----------------------------------------------------------------------------- */

static struct world *world_of(struct source *source)
{
    return CONTAINER_OF(source, struct world, source);
}

static void take_load(struct source *source, struct tick_load *load)
{
    list_append(&world_of(source)->loads, &load->node);
}

static void take_cancel(struct source *source, struct tick_load *load)
{
    (void)source;
    atomic_store(&load->cancelled, true);
}

static void take_urge(struct source *source, struct tick_load *load)
{
    list_remove(&load->node);
    list_prepend(&world_of(source)->loads, &load->node);
}

static void take_last_values(struct source *source, struct last_values_request *request)
{
    list_append(&world_of(source)->requests, &request->node);
}

static void take_symbols(struct source *source, struct symbols_request *request)
{
    atomic_store(&world_of(source)->list_request, request);
}

void world_answer_list(struct world *world)
{
    struct symbols_request *request;
    while ((request = atomic_load(&world->list_request)) == NULL)
        sched_yield();
    request->symbols = mem_alloc(world->tape_count * sizeof *request->symbols);
    for (size_t i = 0; i < world->tape_count; i++)
        request->symbols[i] = world->tapes[i].symbol;
    request->symbol_count = world->tape_count;
    request->status = STATUS_OK;
    inbox_post(request->inbox, &request->letter);
}

static const struct source_ops world_ops = {
    .load_ticks = take_load,
    .cancel_ticks = take_cancel,
    .urge_ticks = take_urge,
    .last_values = take_last_values,
    .symbols = take_symbols,
};

static struct world_tape *tape_of(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->tape_count; i++) {
        if (strcmp(world->tapes[i].symbol.name, name) == 0)
            return &world->tapes[i];
    }
    ASSERT(false);
    return NULL;
}

static int64_t next_grain(int64_t time, int64_t grain_us)
{
    int64_t rest = time % grain_us;
    return time - (rest < 0 ? rest + grain_us : rest) + grain_us;
}

/* The end of a stretch from `from`: a grain's, or earlier when the block is full. */
static int64_t stretch_end(struct world *world, const struct world_tape *tape,
                           const struct tick_load *load, int64_t from)
{
    int64_t end = next_grain(from, load->grain_us);
    if (end > load->range.to)
        end = load->range.to;
    size_t first = world_find(tape, from);
    size_t full = first + world->rows_most;
    if (full >= tape->count || tape->ticks[full].time >= end)
        return end;
    if (tape->ticks[full].time > from)
        return tape->ticks[full].time; /* between two instants */
    return from + 1; /* one instant holds more than a block should: whole all the same */
}

static void publish(struct world *world, struct tick_load *load)
{
    struct world_tape *tape = tape_of(world, load->symbol);
    struct time_range range = {.from = load->range.from};
    range.to = stretch_end(world, tape, load, range.from);
    size_t first = world_find(tape, range.from);
    size_t end = world_find(tape, range.to);
    struct block *block = NULL;
    if (end > first) {
        struct block_builder builder;
        block_builder_init(&builder);
        for (size_t i = first; i < end; i++) {
            enum status status = block_builder_add(&builder, &tape->ticks[i]);
            ASSERT(status == STATUS_OK);
        }
        block = block_builder_seal(&builder, range);
        block_builder_deinit(&builder);
    }
    load->range.from = range.to; /* what is left to load */
    load->publish(load, range, block);
}

static void finish(struct tick_load *load, enum status status)
{
    struct error error = {.status = status, .text = "the simulated database is broken"};
    list_remove(&load->node);
    load->done(load, status, &error);
}

static void step_load(struct world *world, struct tick_load *load)
{
    if (atomic_load(&load->cancelled)) {
        finish(load, STATUS_END);
    } else if (load->range.from >= load->range.to) {
        finish(load, STATUS_OK);
    } else if (!world->calm && dice_once_in(world->dice, 400)) {
        world->failures++;
        finish(load, STATUS_INTERNAL);
    } else {
        publish(world, load);
    }
}

static void step_request(struct world *world, struct last_values_request *request)
{
    request->status = STATUS_OK;
    if (!world->calm && dice_once_in(world->dice, 50)) {
        world->failures++;
        request->status =
            error_set(&request->error, STATUS_INTERNAL, "the simulated database is broken");
    }
    for (size_t i = 0; i < request->symbol_count; i++)
        request->values[i] = world_last(tape_of(world, request->symbols[i]), request->at);
    inbox_post(request->inbox, &request->letter);
}

static struct list *pick(struct world *world, struct list *head)
{
    struct list *node = head->next; /* mostly the first: it is the most urgent */
    while (dice_once_in(world->dice, 3) && node->next != head)
        node = node->next;
    return node;
}

void world_step(struct world *world)
{
    int64_t parts = world->calm ? 50 : dice_between(world->dice, 0, 3);
    for (; parts > 0 && !list_is_empty(&world->loads); parts--)
        step_load(world, CONTAINER_OF(pick(world, &world->loads), struct tick_load, node));
    if (list_is_empty(&world->requests) || (!world->calm && !dice_once_in(world->dice, 4)))
        return;
    struct list *node = list_take_first(&world->requests);
    step_request(world, CONTAINER_OF(node, struct last_values_request, node));
}

void world_end(struct world *world)
{
    while (!list_is_empty(&world->loads))
        finish(CONTAINER_OF(world->loads.next, struct tick_load, node), STATUS_END);
    struct list *node;
    while ((node = list_take_first(&world->requests)) != NULL)
        step_request(world, CONTAINER_OF(node, struct last_values_request, node));
}

void world_init(struct world *world, struct dice *dice)
{
    *world = (struct world){.source = {.ops = &world_ops}, .dice = dice};
    list_init(&world->loads);
    list_init(&world->requests);
    static const int64_t spans_s[] = {2, 30, 600, 7200, 200000};
    world->from = dice_between(dice, -100000, 2000000000) * TIME_SECOND_US +
                  dice_between(dice, 0, TIME_SECOND_US - 1);
    world->to = world->from + spans_s[dice_between(dice, 0, 4)] * TIME_SECOND_US;
    world->rows_most = (size_t)dice_between(dice, 1, 300);
    world->tape_count = (size_t)dice_between(dice, 1, WORLD_SYMBOLS_MAX);
    for (size_t i = 0; i < world->tape_count; i++)
        fill_tape(world, &world->tapes[i], i);
}

void world_deinit(struct world *world)
{
    for (size_t i = 0; i < world->tape_count; i++)
        mem_free(world->tapes[i].ticks);
}
