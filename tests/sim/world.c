#include "world.h"

#include "base/assert.h"
#include "base/mem.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_MOST 1500
#define BURST_MOST 40        /* ticks of one instant */
#define HUGE_BURST_MOST 2500 /* that do not fit into a frame */

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

static int64_t random_gap(struct dice *dice, int64_t mean_us)
{
    if (dice_once_in(dice, 50))
        return mean_us * dice_between(dice, 1, 100);
    return dice_between(dice, 0, 2 * mean_us);
}

static struct tick random_tick(struct dice *dice, int64_t time)
{
    struct tick tick = {.time = time};
    for (size_t f = 0; f < TICK_FIELDS; f++)
        tick.fields[f] = random_price(dice);
    return tick;
}

static size_t random_burst(struct dice *dice)
{
    if (dice_once_in(dice, 2000))
        return (size_t)dice_between(dice, 500, HUGE_BURST_MOST);
    return dice_once_in(dice, 20) ? (size_t)dice_between(dice, 2, BURST_MOST) : 1;
}

static void fill_tape(struct world *world, struct world_tape *tape, size_t index)
{
    struct dice *dice = world->dice;
    (void)snprintf(tape->symbol.name, sizeof tape->symbol.name, "SIM:%zu", index);
    size_t wanted = (size_t)dice_between(dice, 1, TICKS_MOST);
    int64_t mean_us = (world->to - world->from) / (int64_t)wanted;
    size_t room = wanted + HUGE_BURST_MOST + WORLD_ADDED_MAX;
    tape->ticks = mem_alloc(room * sizeof *tape->ticks);
    tape->born = mem_alloc_zeroed(room * sizeof *tape->born);
    int64_t time = world->from;
    while (tape->count < wanted) {
        time += random_gap(dice, mean_us);
        if (time >= world->to)
            break;
        for (size_t burst = random_burst(dice); burst > 0; burst--)
            tape->ticks[tape->count++] = random_tick(dice, time);
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
    tape->ticks[index] = random_tick(world->dice, time);
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

/* A load and what it sees. */
struct world_load {
    struct list node;
    struct tick_load *load;
    uint64_t changes;
};

static void take_load(struct source *source, struct tick_load *load)
{
    struct world *world = world_of(source);
    ASSERT(load->range.from >= TIME_MIN);
    ASSERT(load->range.to <= TIME_MAX + 1);
    ASSERT(load->range.from < load->range.to);
    struct world_load *mine = MEM_NEW(struct world_load);
    mine->load = load;
    mine->changes = world->changes;
    list_init(&mine->node);
    list_append(&world->loads, &mine->node);
}

static void take_cancel(struct source *source, struct tick_load *load)
{
    (void)source;
    atomic_store(&load->cancelled, true);
}

static void take_urge(struct source *source, struct tick_load *load)
{
    struct world *world = world_of(source);
    for (struct list *node = world->loads.next; node != &world->loads; node = node->next) {
        if (CONTAINER_OF(node, struct world_load, node)->load == load) {
            list_remove(node);
            list_prepend(&world->loads, node);
            return;
        }
    }
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

/* The end of a stretch from `from`: a grain's, or earlier when the block is full, or where
 * emptiness ends. */
static int64_t stretch_end(const struct world *world, const struct world_tape *tape,
                           const struct tick_load *load, int64_t from)
{
    size_t first = world_find(tape, from);
    int64_t next = first < tape->count ? tape->ticks[first].time : TIME_MAX;
    int64_t end = next_grain(from, load->grain_us);
    if (next >= end)
        end = next_grain(next, load->grain_us) - load->grain_us;
    if (end > load->range.to)
        end = load->range.to;
    size_t full = first + world->rows_most;
    if (full >= tape->count || tape->ticks[full].time >= end)
        return end;
    if (tape->ticks[full].time > from)
        return tape->ticks[full].time; /* between two instants */
    return from + 1; /* one instant holds more than a block should: whole all the same */
}

static void publish(struct world *world, struct world_load *mine)
{
    struct tick_load *load = mine->load;
    struct world_tape *tape = tape_of(world, load->symbol);
    struct time_range range = {.from = load->range.from};
    range.to = stretch_end(world, tape, load, range.from);
    size_t first = world_find(tape, range.from);
    size_t end = world_find(tape, range.to);
    struct block_builder builder;
    block_builder_init(&builder);
    for (size_t i = first; i < end; i++) {
        if (tape->born[i] > mine->changes)
            continue;
        enum status status = block_builder_add(&builder, &tape->ticks[i]);
        ASSERT(status == STATUS_OK);
    }
    struct block *block = builder.rows > 0 ? block_builder_seal(&builder, range) : NULL;
    block_builder_deinit(&builder);
    load->range.from = range.to; /* what is left to load */
    load->publish(load, range, block);
}

static void finish(struct world_load *mine, enum status status)
{
    struct error error = {.status = status, .text = "the simulated database is broken"};
    struct tick_load *load = mine->load;
    list_remove(&mine->node);
    mem_free(mine);
    load->done(load, status, &error);
}

static void step_load(struct world *world, struct world_load *mine)
{
    if (atomic_load(&mine->load->cancelled)) {
        finish(mine, STATUS_END);
    } else if (mine->load->range.from >= mine->load->range.to) {
        finish(mine, STATUS_OK);
    } else if (world->outage || (!world->calm && dice_once_in(world->dice, 400))) {
        world->failures++;
        finish(mine, STATUS_INTERNAL);
    } else if (!world->calm && dice_once_in(world->dice, 400)) {
        finish(mine, STATUS_END); /* early, and no failure */
    } else {
        publish(world, mine);
    }
}

static void step_request(struct world *world, struct last_values_request *request)
{
    request->status = STATUS_OK;
    if (world->outage || (!world->calm && dice_once_in(world->dice, 50))) {
        world->failures++;
        request->status =
            error_set(&request->error, STATUS_INTERNAL, "the simulated database is broken");
    }
    for (size_t i = 0; i < request->symbol_count; i++)
        request->values[i] = world_last(tape_of(world, request->symbols[i]), request->at);
    inbox_post(request->inbox, &request->letter);
}

bool world_is_busy(const struct world *world)
{
    return !list_is_empty(&world->loads) || !list_is_empty(&world->requests);
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
        step_load(world, CONTAINER_OF(pick(world, &world->loads), struct world_load, node));
    if (list_is_empty(&world->requests) || (!world->calm && !dice_once_in(world->dice, 4)))
        return;
    struct list *node = list_take_first(&world->requests);
    step_request(world, CONTAINER_OF(node, struct last_values_request, node));
}

void world_end(struct world *world)
{
    while (!list_is_empty(&world->loads))
        finish(CONTAINER_OF(world->loads.next, struct world_load, node), STATUS_END);
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
    int64_t span_us = spans_s[dice_between(dice, 0, 4)] * TIME_SECOND_US;
    world->from = dice_between(dice, -100000, 2000000000) * TIME_SECOND_US +
                  dice_between(dice, 0, TIME_SECOND_US - 1);
    if (dice_once_in(dice, 12))
        world->from = dice_once_in(dice, 2) ? TIME_MIN : TIME_MAX - span_us;
    world->to = world->from + span_us;
    world->rows_most = (size_t)dice_between(dice, 1, 300);
    world->tape_count = (size_t)dice_between(dice, 1, WORLD_SYMBOLS_MAX);
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
