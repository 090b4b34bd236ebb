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

void shelf_add(struct tape *tape, struct track *track, struct time_range range, struct block *block)
{
    if (block == NULL) {
        add_empty(tape, track, range);
        return;
    }
    struct segment *segment = track_insert(track, range);
    segment->block = block;
    budget_enter(&tape->budget, segment);
}
