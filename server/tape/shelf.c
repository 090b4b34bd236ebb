/*
 * What the tape knows: segments that are ready, within the budget. Under the tape's lock.
 */
#include "tape/tape_private.h"

void shelf_forget(struct tape *tape, struct segment *segment)
{
    if (segment->fetch != NULL)
        fetch_disown(tape, segment->fetch);
    else
        budget_leave(&tape->budget, segment);
    track_remove(segment);
}

void shelf_drop_if_idle(struct tape *tape, struct track *track)
{
    if (!track_is_idle(track))
        return;
    tape->tracks--;
    track_destroy(track);
}

void shelf_keep_within_budget(struct tape *tape)
{
    struct segment *victim;
    while ((victim = budget_victim(&tape->budget)) != NULL) {
        struct track *track = victim->track;
        shelf_forget(tape, victim);
        shelf_drop_if_idle(tape, track);
    }
    atomic_store(&tape->is_tight, budget_is_exceeded(&tape->budget));
}

struct segment *shelf_empty_at(const struct track *track, int64_t instant)
{
    struct segment *segment = track_segment_at(track, instant);
    bool is_empty = segment != NULL && segment->fetch == NULL && segment->block == NULL;
    return is_empty ? segment : NULL;
}

/* One empty stretch, not thousands. */
static void add_empty(struct tape *tape, struct track *track, struct time_range range)
{
    struct segment *after = shelf_empty_at(track, range.to);
    if (after != NULL) {
        range.to = after->range.to;
        shelf_forget(tape, after);
    }
    struct segment *before = shelf_empty_at(track, range.from - 1);
    if (before != NULL)
        before->range.to = range.to;
    else
        budget_enter(&tape->budget, track_insert(track, range));
}

/* The neighbour of a block of candles that may be joined with it: of the same grain, so that blocks
 * stay as long as a load makes them. Live updates reload one bucket at a time. */
static struct segment *joinable(const struct track *track, int64_t instant,
                                const struct time_range *range)
{
    struct segment *segment = track_segment_at(track, instant);
    if (segment == NULL || segment->fetch != NULL || segment->block == NULL)
        return NULL;
    int64_t grain_us = track_grain_us(track);
    int64_t from = range->from < segment->range.from ? range->from : segment->range.from;
    int64_t to = range->to > segment->range.to ? range->to : segment->range.to;
    return time_floor(from, grain_us) == time_floor(to - 1, grain_us) ? segment : NULL;
}

/* `one` and what lies in a segment beside it become one; the segment goes. */
static struct block *join(struct tape *tape, struct segment *segment, struct block *one)
{
    struct block *joined = segment->range.to == one->range.from
                               ? block_join_candles(segment->block, one)
                               : block_join_candles(one, segment->block);
    block_release(&one);
    shelf_forget(tape, segment);
    return joined;
}

static struct block *join_candles(struct tape *tape, struct track *track, struct block *block)
{
    struct segment *before = joinable(track, block->range.from - 1, &block->range);
    if (before != NULL)
        block = join(tape, before, block);
    struct segment *after = joinable(track, block->range.to, &block->range);
    if (after != NULL)
        block = join(tape, after, block);
    return block;
}

void shelf_add(struct tape *tape, struct track *track, struct time_range range, struct block *block)
{
    if (block == NULL) {
        add_empty(tape, track, range);
        return;
    }
    if (track->interval_us > 0) {
        block = join_candles(tape, track, block);
        range = block->range;
    }
    struct segment *segment = track_insert(track, range);
    segment->block = block;
    budget_enter(&tape->budget, segment);
}

/* The part of a ready segment that lies in `range` stays. */
static void keep_part(struct tape *tape, struct track *track, const struct block *block,
                      struct time_range range)
{
    if (range.from < range.to)
        shelf_add(tape, track, range, block != NULL ? block_cut_candles(block, range) : NULL);
}

void shelf_invalidate(struct tape *tape, struct segment *segment, struct time_range range)
{
    struct track *track = segment->track;
    struct time_range whole = segment->range;
    bool is_kept = track->interval_us > 0;
    struct block *block = is_kept && segment->block != NULL ? block_retain(segment->block) : NULL;
    if (segment->fetch != NULL) {
        fetch_outdate(tape, segment->fetch);
        track_remove(segment);
        return;
    }
    shelf_forget(tape, segment);
    if (is_kept) {
        int64_t before = range.from < whole.to ? range.from : whole.to;
        int64_t after = range.to > whole.from ? range.to : whole.from;
        keep_part(tape, track, block, (struct time_range){.from = whole.from, .to = before});
        keep_part(tape, track, block, (struct time_range){.from = after, .to = whole.to});
    }
    if (block != NULL)
        block_release(&block);
}
