#include "tape/track.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

/* A grain that holds this much less (or half of it more) than it should is called lean (fat); it
 * takes so many in a row to believe it: nights and week-ends are quiet. */
#define DENSITY_FACTOR 4
#define LEAN_BLOCKS_ENOUGH 32
#define FAT_BLOCKS_ENOUGH 4

/* The power of two of seconds in which a symbol of this mean density has about TAPE_GRAIN_ROWS. */
static int64_t grain_for(const struct symbol *symbol)
{
    int64_t span_us = symbol->to - symbol->from;
    int64_t ticks = symbol->ticks > 0 ? symbol->ticks : 1;
    double wanted_us = (double)span_us / (double)ticks * TAPE_GRAIN_ROWS;
    int64_t grain_us = TAPE_GRAIN_US_LEAST;
    while (grain_us < TAPE_GRAIN_US_MOST && (double)(2 * grain_us) <= wanted_us)
        grain_us *= 2;
    return grain_us;
}

struct track *track_create(const struct symbol *symbol, int64_t interval_us)
{
    struct track *track = MEM_NEW(struct track);
    list_init(&track->node);
    list_init(&track->waiters);
    atomic_init(&track->changes, 0);
    atomic_init(&track->lacks, symbol->lacks);
    memcpy(track->symbol, symbol->name, sizeof track->symbol);
    track->interval_us = interval_us;
    atomic_init(&track->grain_us,
                interval_us > 0 ? TAPE_GRAIN_CANDLES * interval_us : grain_for(symbol));
    return track;
}

void track_destroy(struct track *track)
{
    ASSERT(track_is_idle(track));
    list_remove(&track->node);
    mem_free(track->segments);
    mem_free(track);
}

bool track_is_idle(const struct track *track)
{
    return track->holders == 0 && track->segment_count == 0 && list_is_empty(&track->waiters);
}

const char *track_symbol(const struct track *track)
{
    return track->symbol;
}

int64_t track_grain_us(const struct track *track)
{
    return atomic_load_explicit(&track->grain_us, memory_order_relaxed);
}

unsigned track_lacks(const struct track *track)
{
    return atomic_load_explicit(&track->lacks, memory_order_relaxed);
}

uint64_t track_changes(const struct track *track)
{
    return atomic_load(&track->changes);
}

size_t track_find(const struct track *track, int64_t instant)
{
    size_t low = 0;
    size_t high = track->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (track->segments[middle]->range.to > instant)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct segment *track_segment_at(const struct track *track, int64_t instant)
{
    size_t index = track_find(track, instant);
    if (index == track->segment_count || track->segments[index]->range.from > instant)
        return NULL;
    return track->segments[index];
}

static void make_room(struct track *track)
{
    if (track->segment_count < track->segment_capacity)
        return;
    track->segment_capacity = track->segment_capacity > 0 ? 2 * track->segment_capacity : 8;
    track->segments =
        mem_resize(track->segments, track->segment_capacity * sizeof *track->segments);
}

struct segment *track_insert(struct track *track, struct time_range range)
{
    size_t index = track_find(track, range.from);
    ASSERT(range.from < range.to);
    ASSERT(index == track->segment_count || track->segments[index]->range.from >= range.to);
    make_room(track);
    memmove(track->segments + index + 1, track->segments + index,
            (track->segment_count - index) * sizeof *track->segments);
    struct segment *segment = MEM_NEW(struct segment);
    list_init(&segment->use);
    segment->range = range;
    segment->track = track;
    track->segments[index] = segment;
    track->segment_count++;
    return segment;
}

void track_remove(struct segment *segment)
{
    struct track *track = segment->track;
    size_t index = track_find(track, segment->range.from);
    ASSERT(index < track->segment_count && track->segments[index] == segment);
    track->segment_count--;
    memmove(track->segments + index, track->segments + index + 1,
            (track->segment_count - index) * sizeof *track->segments);
    list_remove(&segment->use);
    if (segment->block != NULL)
        block_release(&segment->block);
    mem_free(segment);
}

void track_learn(struct track *track, struct time_range range, size_t rows)
{
    int64_t grain_us = track_grain_us(track);
    if (track->interval_us > 0)
        return;
    if (rows < BLOCK_ROWS_MAX && range.to - range.from != grain_us)
        return; /* a part of a grain says little */
    track->lean_blocks = rows * DENSITY_FACTOR < TAPE_GRAIN_ROWS ? track->lean_blocks + 1 : 0;
    track->fat_blocks = rows > TAPE_GRAIN_ROWS * DENSITY_FACTOR / 2 ? track->fat_blocks + 1 : 0;
    if (track->lean_blocks == LEAN_BLOCKS_ENOUGH && 2 * grain_us <= TAPE_GRAIN_US_MOST)
        grain_us *= 2;
    else if (track->fat_blocks == FAT_BLOCKS_ENOUGH && grain_us / 2 >= TAPE_GRAIN_US_LEAST)
        grain_us /= 2;
    else
        return;
    atomic_store(&track->grain_us, grain_us);
    track->lean_blocks = track->fat_blocks = 0;
}

struct time_range track_gap(const struct track *track, int64_t instant, struct time_range range)
{
    size_t index = track_find(track, instant);
    if (index < track->segment_count && track->segments[index]->range.from < range.to)
        range.to = track->segments[index]->range.from;
    if (index > 0 && track->segments[index - 1]->range.to > range.from)
        range.from = track->segments[index - 1]->range.to;
    ASSERT(range.from <= instant && instant < range.to);
    return range;
}

/* The next waiter of the list from `node` on whose instant lies in `range`, or NULL. */
static struct tape_waiter *waiter_in(struct list *waiters, struct list *node,
                                     struct time_range range)
{
    for (; node != waiters; node = node->next) {
        struct tape_waiter *waiter = CONTAINER_OF(node, struct tape_waiter, node);
        if (waiter->instant >= range.from && waiter->instant < range.to)
            return waiter;
    }
    return NULL;
}

bool track_is_awaited(struct track *track, struct time_range range)
{
    return waiter_in(&track->waiters, track->waiters.next, range) != NULL;
}

static void post(struct tape_waiter *waiter)
{
    list_remove(&waiter->node);
    inbox_post(waiter->inbox, &waiter->letter);
}

static void tell(struct list *waiters, struct time_range range, enum status status,
                 const struct error *error)
{
    struct tape_waiter *waiter = waiter_in(waiters, waiters->next, range);
    while (waiter != NULL) {
        struct list *next = waiter->node.next;
        waiter->status = status;
        if (error != NULL)
            waiter->error = *error;
        post(waiter);
        waiter = waiter_in(waiters, next, range);
    }
}

static void give(struct list *waiters, struct time_range range, struct block *block)
{
    struct tape_waiter *waiter = waiter_in(waiters, waiters->next, range);
    while (waiter != NULL) {
        struct list *next = waiter->node.next;
        tape_unpin(&waiter->given);
        waiter->given.range = range;
        waiter->given.block = block != NULL ? block_retain(block) : NULL;
        post(waiter);
        waiter = waiter_in(waiters, next, range);
    }
}

void track_tell(struct track *track, struct time_range range, enum status status,
                const struct error *error)
{
    tell(&track->waiters, range, status, error);
}

void track_give(struct track *track, struct time_range range, struct block *block)
{
    give(&track->waiters, range, block);
}

void track_move_takers(struct track *track, struct time_range range, struct list *takers)
{
    struct tape_waiter *waiter = waiter_in(&track->waiters, track->waiters.next, range);
    while (waiter != NULL) {
        struct list *next = waiter->node.next;
        if (waiter->takes_outdated) {
            list_remove(&waiter->node);
            list_append(takers, &waiter->node);
        }
        waiter = waiter_in(&track->waiters, next, range);
    }
}

void takers_give(struct list *takers, struct time_range range, struct block *block)
{
    give(takers, range, block);
}

void takers_tell(struct list *takers, enum status status, const struct error *error)
{
    tell(takers, (struct time_range){.from = INT64_MIN, .to = INT64_MAX}, status, error);
}
