#include "depot.h"

#include "base/assert.h"
#include "base/mem.h"
#include "candles.h"
#include "tally.h"

#include <sched.h>

#define STALL_TURNS_MOST 60

static struct depot *depot_of(struct source *source)
{
    return CONTAINER_OF(source, struct depot, source);
}

/* A load, what it sees, and how far it is. */
struct depot_load {
    struct list node;
    struct tick_load *load;
    const struct world_tape *tape;
    uint64_t changes;
    struct time_range left;
    int64_t step_us;
};

/* ---- what is asked ------------------------------------------------------------------------ */

static void take_load(struct source *source, struct tick_load *load)
{
    struct depot *depot = depot_of(source);
    ASSERT(load->range.from >= TIME_MIN);
    ASSERT(load->range.to <= TIME_MAX + 1);
    ASSERT(load->range.from < load->range.to);
    ASSERT(load->grain_us > 0);
    struct depot_load *mine = MEM_NEW(struct depot_load);
    mine->load = load;
    mine->tape = world_tape_of(depot->world, load->symbol);
    mine->changes = depot->world->changes;
    mine->left = load->range;
    mine->step_us = load->first_us > 0 ? load->first_us : load->grain_us;
    ASSERT(load->grain_us % mine->step_us == 0);
    if (load->interval_us > 0) {
        ASSERT(mine->step_us % load->interval_us == 0);
        ASSERT(load->range.from % load->interval_us == 0);
        ASSERT(load->range.to % load->interval_us == 0);
        tally(TALLY_LOADS_CANDLES);
    }
    list_init(&mine->node);
    list_append(&depot->loads, &mine->node);
    tally(load->backward ? TALLY_LOADS_BACKWARD : TALLY_LOADS_FORWARD);
}

static void take_cancel(struct source *source, struct tick_load *load)
{
    (void)source;
    atomic_store(&load->cancelled, true);
}

static void take_urge(struct source *source, struct tick_load *load)
{
    struct depot *depot = depot_of(source);
    for (struct list *node = depot->loads.next; node != &depot->loads; node = node->next) {
        if (CONTAINER_OF(node, struct depot_load, node)->load == load) {
            list_remove(node);
            list_prepend(&depot->loads, node);
            return;
        }
    }
    ASSERT(false); /* one that nobody asked for, or that is over */
}

static void take_last_values(struct source *source, struct last_values_request *request)
{
    list_append(&depot_of(source)->requests, &request->node);
    tally(TALLY_SNAPSHOTS_ASKED);
}

static void take_symbols(struct source *source, struct symbols_request *request)
{
    atomic_store(&depot_of(source)->list_request, request);
}

void depot_answer_list(struct depot *depot)
{
    struct symbols_request *request;
    while ((request = atomic_load(&depot->list_request)) == NULL)
        sched_yield();
    const struct world *world = depot->world;
    request->symbols = mem_alloc(world->tape_count * sizeof *request->symbols);
    for (size_t i = 0; i < world->tape_count; i++)
        request->symbols[i] = world->tapes[i].symbol;
    request->symbol_count = world->tape_count;
    request->status = STATUS_OK;
    inbox_post(request->inbox, &request->letter);
}

static const struct source_ops depot_ops = {
    .load_ticks = take_load,
    .cancel_ticks = take_cancel,
    .urge_ticks = take_urge,
    .last_values = take_last_values,
    .symbols = take_symbols,
};

/* ---- stretches ---------------------------------------------------------------------------- */

static int64_t floor_to(int64_t time, int64_t step_us)
{
    int64_t rest = time % step_us;
    return time - (rest < 0 ? rest + step_us : rest);
}

static int64_t ceil_to(int64_t time, int64_t step_us)
{
    int64_t floor = floor_to(time, step_us);
    return floor < time ? floor + step_us : floor;
}

/* Up to a multiple of the step, or to the one before the next tick where there is none until then;
 * less where the block is full. */
static struct time_range stretch_after(const struct depot_load *mine, size_t rows_most)
{
    const struct world_tape *tape = mine->tape;
    struct time_range stretch = {.from = mine->left.from};
    size_t first = world_find(tape, stretch.from);
    int64_t next = first < tape->count ? tape->ticks[first].time : mine->left.to;
    stretch.to = ceil_to(stretch.from + 1, mine->step_us);
    if (next >= stretch.to)
        stretch.to = floor_to(next, mine->step_us);
    if (next >= mine->left.to || stretch.to > mine->left.to)
        stretch.to = mine->left.to;
    size_t over = first + rows_most;
    if (over >= tape->count || tape->ticks[over].time >= stretch.to)
        return stretch;
    /* Between two instants; one that holds more than a block should is whole all the same. */
    stretch.to = tape->ticks[over].time > next ? tape->ticks[over].time : next + 1;
    return stretch;
}

/* The same, mirrored. */
static struct time_range stretch_before(const struct depot_load *mine, size_t rows_most)
{
    const struct world_tape *tape = mine->tape;
    struct time_range stretch = {.to = mine->left.to};
    size_t end = world_find(tape, stretch.to);
    int64_t newest = end > 0 ? tape->ticks[end - 1].time : mine->left.from - 1;
    stretch.from = floor_to(stretch.to - 1, mine->step_us);
    if (newest < stretch.from)
        stretch.from = ceil_to(newest + 1, mine->step_us);
    if (newest < mine->left.from || stretch.from < mine->left.from)
        stretch.from = mine->left.from;
    if (end <= rows_most || tape->ticks[end - 1 - rows_most].time < stretch.from)
        return stretch;
    int64_t over = tape->ticks[end - 1 - rows_most].time;
    stretch.from = over < newest ? over + 1 : newest;
    return stretch;
}

static struct block *block_of(const struct depot_load *mine, struct time_range range)
{
    const struct world_tape *tape = mine->tape;
    size_t end = world_find(tape, range.to);
    struct block_builder builder;
    block_builder_init(&builder);
    for (size_t i = world_find(tape, range.from); i < end; i++) {
        if (tape->born[i] > mine->changes)
            continue;
        enum status status = block_builder_add(&builder, &tape->ticks[i]);
        ASSERT(status == STATUS_OK);
    }
    struct block *block = builder.rows > 0 ? block_builder_seal(&builder, range) : NULL;
    block_builder_deinit(&builder);
    return block;
}

static void publish(struct depot *depot, struct depot_load *mine)
{
    struct tick_load *load = mine->load;
    /* Blocks of candles hold whole buckets, and are never full. */
    size_t rows_most = load->interval_us > 0 ? SIZE_MAX / 2 : depot->world->rows_most;
    struct time_range range =
        load->backward ? stretch_before(mine, rows_most) : stretch_after(mine, rows_most);
    ASSERT(range.from < range.to);
    if (load->backward)
        mine->left.to = range.from;
    else
        mine->left.from = range.to;
    struct block *block = load->interval_us > 0
                              ? candles_block(mine->tape, load->interval_us, range, mine->changes)
                              : block_of(mine, range);
    if (mine->step_us < load->grain_us && (block != NULL || dice_once_in(depot->dice, 2)))
        mine->step_us *= 2;
    load->publish(load, range, block);
}

/* ---- work --------------------------------------------------------------------------------- */

static void finish(struct depot_load *mine, enum status status)
{
    struct error error = {.status = status, .text = "the simulated database is broken"};
    struct tick_load *load = mine->load;
    list_remove(&mine->node);
    mem_free(mine);
    load->done(load, status, &error);
}

static bool is_lucky(struct depot *depot, int64_t times)
{
    return depot->world->calm || !dice_once_in(depot->dice, times);
}

static void step_load(struct depot *depot, struct depot_load *mine)
{
    /* A cancel is noticed between rows, so that one more stretch may come. */
    bool is_cancelled = atomic_load(&mine->load->cancelled) && !dice_once_in(depot->dice, 4);
    if (is_cancelled) {
        tally(TALLY_LOADS_CANCELLED);
        finish(mine, STATUS_END);
    } else if (mine->left.from >= mine->left.to) {
        finish(mine, STATUS_OK);
    } else if (depot->outage || !is_lucky(depot, 400)) {
        depot->failures++;
        finish(mine, STATUS_INTERNAL);
    } else if (!is_lucky(depot, 400)) {
        finish(mine, STATUS_END); /* early, and no failure */
    } else {
        publish(depot, mine);
    }
}

static void step_request(struct depot *depot, struct last_values_request *request)
{
    request->status = STATUS_OK;
    if (depot->outage || !is_lucky(depot, 50)) {
        depot->failures++;
        request->status =
            error_set(&request->error, STATUS_INTERNAL, "the simulated database is broken");
    }
    for (size_t i = 0; i < request->symbol_count; i++)
        request->values[i] =
            world_last(world_tape_of(depot->world, request->symbols[i]), request->at);
    inbox_post(request->inbox, &request->letter);
}

bool depot_is_busy(const struct depot *depot)
{
    return !list_is_empty(&depot->loads) || !list_is_empty(&depot->requests);
}

static struct list *pick(struct depot *depot, struct list *head)
{
    struct list *node = head->next; /* mostly the first: it is the most urgent */
    while (dice_once_in(depot->dice, 3) && node->next != head)
        node = node->next;
    return node;
}

static bool is_stalled(struct depot *depot)
{
    if (depot->world->calm)
        return false;
    if (dice_once_in(depot->dice, 500))
        depot->stalled_turns = dice_between(depot->dice, 1, STALL_TURNS_MOST);
    return depot->stalled_turns > 0 && depot->stalled_turns-- > 0;
}

void depot_step(struct depot *depot)
{
    if (is_stalled(depot))
        return;
    bool is_calm = depot->world->calm;
    int64_t parts = is_calm ? 50 : dice_between(depot->dice, 0, 3);
    if (!is_calm && dice_once_in(depot->dice, 4))
        parts = 20;
    for (; parts > 0 && !list_is_empty(&depot->loads); parts--)
        step_load(depot, CONTAINER_OF(pick(depot, &depot->loads), struct depot_load, node));
    if (list_is_empty(&depot->requests) || (!is_calm && !dice_once_in(depot->dice, 4)))
        return;
    struct list *node = list_take_first(&depot->requests);
    step_request(depot, CONTAINER_OF(node, struct last_values_request, node));
}

void depot_end(struct depot *depot)
{
    while (!list_is_empty(&depot->loads))
        finish(CONTAINER_OF(depot->loads.next, struct depot_load, node), STATUS_END);
    struct list *node;
    while ((node = list_take_first(&depot->requests)) != NULL)
        step_request(depot, CONTAINER_OF(node, struct last_values_request, node));
}

void depot_init(struct depot *depot, struct world *world, struct dice *dice)
{
    *depot = (struct depot){.source = {.ops = &depot_ops}, .world = world, .dice = dice};
    list_init(&depot->loads);
    list_init(&depot->requests);
}
