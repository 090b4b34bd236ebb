/*
 * Loads under way. One fetch is one load of the source and the segment it still fills: the front
 * of the segment moves with every stretch that is published, up or (backward) down.
 *
 *   forward    range.from ──front──▶ range.to          backward   range.from ◀──front── range.to
 *
 * publish and done run on threads of the source and take the tape's lock; everything else is called
 * under it.
 */
#include "tape/tape_private.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"

#include <string.h>

/* A load this many grains away from an instant that somebody waits for is not waited for. */
#define FAR_GRAINS 2

struct fetch {
    struct tick_load load;
    struct tape *tape;
    struct track *track;
    struct segment *segment; /* NULL: nobody wants the rest, but for the takers */
    struct list takers;      /* waiters that take what is outdated; only without a segment */
    bool is_outdated;        /* counted as such */
    bool is_prefetch;        /* counted as such */
    bool was_asked;          /* begun for somebody who waited */
    bool has_brought;        /* something has been published */
};

/* ---- the end of a load comes early ---- */

/* The load of a segment ends before `unknown`, which is a tail of it in its direction. */
static void cut_off(struct segment *segment, struct time_range unknown)
{
    if (unknown.from > segment->range.from)
        segment->range.to = unknown.from;
    else
        segment->range.from = unknown.to;
    ASSERT(segment->range.from < segment->range.to);
    track_tell(segment->track, unknown, STATUS_OK, NULL);
}

/* The part of a load's segment that is more than `most_us` away from its front, cut at its grain
 * because that is where its stretches end; false when there is none. */
static bool tail_beyond(const struct fetch *fetch, int64_t most_us, struct time_range *tail)
{
    int64_t grain_us = fetch->load.grain_us;
    *tail = fetch->segment->range;
    if (fetch->load.backward)
        tail->to = time_floor(tail->to, grain_us) - most_us;
    else
        tail->from = time_ceil(tail->from, grain_us) + most_us;
    return tail->from < tail->to;
}

/* A load that looked for the end of emptiness has found it. */
static void keep_short(struct fetch *fetch)
{
    struct time_range tail;
    if (fetch->segment != NULL &&
        tail_beyond(fetch, TAPE_LOAD_GRAINS * fetch->load.grain_us, &tail))
        cut_off(fetch->segment, tail);
}

void fetch_disown(struct tape *tape, struct fetch *fetch)
{
    fetch->segment = NULL;
    source_cancel_ticks(tape->source, &fetch->load);
}

void fetch_outdate(struct tape *tape, struct fetch *fetch)
{
    struct track *track = fetch->track;
    if (track->outdated < TAPE_OUTDATED_MAX)
        track_move_takers(track, fetch->segment->range, &fetch->takers);
    if (list_is_empty(&fetch->takers)) {
        fetch_disown(tape, fetch);
        return;
    }
    fetch->segment = NULL;
    fetch->is_outdated = true;
    track->outdated++;
}

void fetch_abandon(struct tape *tape, struct track *track, int64_t instant)
{
    struct segment *segment = track_segment_at(track, instant);
    if (segment == NULL || segment->fetch == NULL)
        return;
    const struct fetch *fetch = segment->fetch;
    if (fetch->was_asked && !fetch->has_brought && !track_is_awaited(track, segment->range))
        shelf_forget(tape, segment);
}

/* ---- what the source tells ---- */

/* The front moves over `range`, which has been published. */
static void advance(struct fetch *fetch, struct time_range range)
{
    struct segment *segment = fetch->segment;
    if (range.from == segment->range.from && range.to == segment->range.to) {
        atomic_store(&fetch->load.cancelled, true); /* only matters where it was cut short */
        fetch->segment = NULL;
        track_remove(segment);
    } else if (fetch->load.backward) {
        segment->range.to = range.from;
    } else {
        segment->range.from = range.to;
    }
}

/* What of a published stretch is still wanted. */
static struct time_range wanted_part(const struct fetch *fetch, struct time_range range,
                                     const struct block *block)
{
    struct time_range rest = fetch->segment->range;
    if (fetch->load.backward)
        ASSERT(range.to == rest.to);
    else
        ASSERT(range.from == rest.from);
    /* Loads are cut at their grain, and blocks end there: only an empty stretch can pass. */
    ASSERT(block == NULL || (range.from >= rest.from && range.to <= rest.to));
    if (range.from < rest.from)
        range.from = rest.from;
    if (range.to > rest.to)
        range.to = rest.to;
    return range;
}

static void fetch_publish(struct tick_load *load, struct time_range range, struct block *block)
{
    struct fetch *fetch = CONTAINER_OF(load, struct fetch, load);
    struct tape *tape = fetch->tape;
    struct track *track = fetch->track;
    pthread_mutex_lock(&tape->lock);
    if (fetch->segment == NULL) {
        takers_give(&fetch->takers, range, block);
        if (list_is_empty(&fetch->takers))
            atomic_store(&load->cancelled, true); /* nobody asks for the rest any more */
        pthread_mutex_unlock(&tape->lock);
        block_release(&block);
        return;
    }
    fetch->has_brought = true;
    range = wanted_part(fetch, range, block);
    advance(fetch, range);
    if (block != NULL) {
        keep_short(fetch);
        track_learn(track, range, block->rows);
    }
    track_give(track, range, block); /* first: the shelf may join it with its neighbours */
    shelf_add(tape, track, range, block);
    shelf_keep_within_budget(tape);
    pthread_mutex_unlock(&tape->lock);
}

static void fetch_done(struct tick_load *load, enum status status, const struct error *error)
{
    struct fetch *fetch = CONTAINER_OF(load, struct fetch, load);
    struct tape *tape = fetch->tape;
    struct track *track = fetch->track;
    pthread_mutex_lock(&tape->lock);
    struct segment *segment = fetch->segment;
    /* An early end is no failure: who waited asks again. */
    bool failed = status != STATUS_OK && status != STATUS_END;
    if (segment != NULL) {
        struct time_range rest = segment->range;
        track_remove(segment);
        track_tell(track, rest, failed ? status : STATUS_OK, failed ? error : NULL);
    }
    takers_tell(&fetch->takers, failed ? status : STATUS_OK, failed ? error : NULL);
    track->outdated -= fetch->is_outdated;
    tape->fetches--;
    tape->prefetches -= fetch->is_prefetch;
    track->holders--;
    shelf_drop_if_idle(tape, track);
    pthread_mutex_unlock(&tape->lock);
    mem_free(fetch);
}

/* ---- starting ---- */

static struct fetch *fetch_create(struct tape *tape, struct track *track, struct time_range range,
                                  bool backward)
{
    struct fetch *fetch = MEM_NEW(struct fetch);
    fetch->tape = tape;
    fetch->track = track;
    fetch->segment = track_insert(track, range);
    fetch->segment->fetch = fetch;
    list_init(&fetch->load.node);
    list_init(&fetch->takers);
    memcpy(fetch->load.symbol, track->symbol, sizeof fetch->load.symbol);
    fetch->load.interval_us = track->interval_us;
    fetch->load.range = range;
    fetch->load.backward = backward;
    fetch->load.grain_us = track_grain_us(track);
    fetch->load.publish = fetch_publish;
    fetch->load.done = fetch_done;
    atomic_init(&fetch->load.cancelled, false);
    track->holders++;
    tape->fetches++;
    return fetch;
}

void fetch_ahead(struct tape *tape, struct track *track, struct time_range range, bool backward)
{
    struct fetch *fetch = fetch_create(tape, track, time_range_clip(range), backward);
    fetch->load.urgency = SOURCE_PREFETCH;
    fetch->is_prefetch = true;
    tape->prefetches++;
    tape->budget.counts.prefetch_loads++;
    track->counts.prefetch_loads++;
    source_load_ticks(tape->source, &fetch->load);
}

/* Somebody has read up to the instant: he will want the rest of the grain. */
static bool goes_on(const struct track *track, int64_t instant, bool backward)
{
    const struct segment *passed = track_segment_at(track, backward ? instant + 1 : instant - 1);
    return passed != NULL && passed->fetch == NULL;
}

/* Who has jumped here may jump again: an eighth of the grain at least, to a multiple of a quarter.
 */
static void keep_jump_short(const struct track *track, int64_t instant, bool backward,
                            struct time_range *range)
{
    int64_t part_us = track_grain_us(track) / TAPE_JUMP_PARTS;
    int64_t near_us = part_us / 2;
    if (backward && range->from < time_floor(instant - near_us, part_us))
        range->from = time_floor(instant - near_us, part_us);
    if (!backward && range->to > time_ceil(instant + near_us, part_us))
        range->to = time_ceil(instant + near_us, part_us);
}

/* As far through candles as somebody is known to go, so that he waits once. */
static void extend_to_reach(const struct track *track, int64_t instant,
                            const struct tape_waiter *waiter, struct time_range *range)
{
    int64_t most_us = (TAPE_LOAD_GRAINS - 1) * track_grain_us(track);
    int64_t reach_us = waiter->reach_us < most_us ? waiter->reach_us : most_us;
    int64_t from = interval_floor(track->interval_us, instant + 1 - reach_us);
    int64_t to = interval_ceil(track->interval_us, instant + reach_us);
    if (waiter->backward && from < range->from)
        range->from = from;
    if (!waiter->backward && to > range->to)
        range->to = to;
}

/* From the instant to the end of its grain, or less: the shortest way to the first frame. Behind
 * emptiness there may be more of it: as much again. */
static struct time_range range_around(const struct track *track, int64_t instant,
                                      const struct tape_waiter *waiter, int64_t first_us)
{
    bool backward = waiter->backward;
    int64_t grain_us = track_grain_us(track);
    struct time_range range = {.from = time_floor(instant, backward ? grain_us : first_us),
                               .to = time_floor(instant, backward ? first_us : grain_us)};
    range.to += backward ? first_us : grain_us;
    bool is_reach_known = track->interval_us == 0 || waiter->reach_us > 0;
    if (is_reach_known && !goes_on(track, instant, backward))
        keep_jump_short(track, instant, backward, &range);
    if (track->interval_us > 0)
        extend_to_reach(track, instant, waiter, &range);
    const struct segment *passed = shelf_empty_at(track, backward ? instant + 1 : instant - 1);
    if (passed == NULL)
        return range;
    int64_t passed_us = passed->range.to - passed->range.from;
    if (track->interval_us > 0 && waiter->strides)
        passed_us = passed_us < TIME_MAX / TAPE_STRIDE ? passed_us * TAPE_STRIDE : TIME_MAX;
    if (backward)
        range.from = time_floor(range.from - passed_us, grain_us);
    else
        range.to = time_ceil(range.to + passed_us, grain_us);
    return range;
}

/* Whether it is known what is wanted, and that is less than a grain of ticks. Where one window
 * follows another, the next will, too: the rest of the grain is one load, not hundreds. */
static bool is_window(const struct track *track, int64_t instant, const struct tape_waiter *waiter)
{
    return track->interval_us == 0 && waiter->reach_us > 0 &&
           waiter->reach_us <= track_grain_us(track) && !goes_on(track, instant, waiter->backward);
}

static struct time_range range_of_window(int64_t instant, const struct tape_waiter *waiter)
{
    int64_t from = waiter->backward ? instant + 1 - waiter->reach_us : instant;
    return (struct time_range){.from = from, .to = from + waiter->reach_us};
}

/* Less than the usual first stretch where that is much of the window, or more than it. Every
 * stretch wakes who waits, which takes as long as to read a few dozen ticks. */
static int64_t first_of_window_us(const struct track *track, int64_t window_us)
{
    int64_t grain_us = track_grain_us(track);
    int64_t first_us = grain_us / TAPE_FIRST_PARTS;
    while (first_us > window_us / TAPE_WINDOW_PARTS && first_us > grain_us / TAPE_LEAST_PARTS &&
           first_us % 2 == 0)
        first_us /= 2;
    return first_us;
}

void fetch_around(struct tape *tape, struct track *track, int64_t instant,
                  const struct tape_waiter *waiter)
{
    int64_t grain_us = track_grain_us(track);
    int64_t first_us = grain_us / TAPE_FIRST_PARTS;
    struct time_range range;
    if (is_window(track, instant, waiter)) {
        first_us = first_of_window_us(track, waiter->reach_us);
        range = range_of_window(instant, waiter);
    } else {
        range = range_around(track, instant, waiter, first_us);
    }
    int64_t back = instant - grain_us / TAPE_BACK_PARTS;
    if (waiter->looks_back && !waiter->backward && range.from > back)
        range.from = back;
    range = time_range_clip(range);
    struct fetch *fetch =
        fetch_create(tape, track, track_gap(track, instant, range), waiter->backward);
    fetch->was_asked = true;
    fetch->load.urgency = SOURCE_URGENT;
    fetch->load.first_us = first_us;
    if (atomic_load(&tape->is_tight))
        fetch->load.grain_us /= TAPE_TIGHT_PARTS;
    tape->budget.counts.urgent_loads++;
    track->counts.urgent_loads++;
    source_load_ticks(tape->source, &fetch->load);
}

/* Nearly there, or far behind the front? */
void fetch_hurry(struct tape *tape, struct segment *segment, int64_t instant,
                 const struct tape_waiter *waiter)
{
    struct fetch *fetch = segment->fetch;
    struct time_range tail;
    if (!tail_beyond(fetch, FAR_GRAINS * fetch->load.grain_us, &tail) || instant < tail.from ||
        instant >= tail.to) {
        tape->prefetches -= fetch->is_prefetch;
        fetch->is_prefetch = false;
        source_urge_ticks(tape->source, &fetch->load);
        return;
    }
    /* The grain of the instant and what lies behind it. */
    if (fetch->load.backward)
        tail.to = time_floor(instant, fetch->load.grain_us) + fetch->load.grain_us;
    else
        tail.from = time_floor(instant, fetch->load.grain_us);
    cut_off(segment, tail);
    fetch_around(tape, segment->track, instant, waiter);
}
