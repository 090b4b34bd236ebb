/*
 * The inside of the tape, shared by tape.c (what viewers ask), fetch.c (loads under way) and
 * shelf.c (what is known, within the budget). Everything is guarded by the tape's lock.
 */
#ifndef TAPEDECK_TAPE_TAPE_PRIVATE_H
#define TAPEDECK_TAPE_TAPE_PRIVATE_H

#include "tape/budget.h"
#include "tape/track.h"

#include <pthread.h>

#define TAPE_BUCKETS 1024

struct tape {
    pthread_mutex_t lock;
    struct source *source;
    struct budget budget;
    struct list buckets[TAPE_BUCKETS]; /* of tracks, by name */
    size_t tracks;
    size_t fetches;
    size_t prefetches;
    atomic_bool is_tight; /* read without the lock */
};

/* ---- shelf ---- */

/* What is known of `range` now: the block (its reference is taken), or that there are no ticks. */
void shelf_add(struct tape *tape, struct track *track, struct time_range range,
               struct block *block);
/* Forgets a segment; its load, if any, goes on unheard. */
void shelf_forget(struct tape *tape, struct segment *segment);
/* Stored rows have changed in `range`: forgets the segment. Of candles the other buckets stay: one
 * more tick of the forming minute leaves a thousand others as they are. */
void shelf_invalidate(struct tape *tape, struct segment *segment, struct time_range range);
void shelf_keep_within_budget(struct tape *tape);
/* The segment that holds `instant`, if it is known to be empty. */
struct segment *shelf_empty_at(const struct track *track, int64_t instant);
void shelf_drop_if_idle(struct tape *tape, struct track *track);

/* ---- fetch ---- */

/* Starts a load for somebody who is about to wait for `instant`, of which nothing is known. */
void fetch_around(struct tape *tape, struct track *track, int64_t instant,
                  const struct tape_waiter *waiter);
/* Starts a load that reads ahead; no segment covers `range`. */
void fetch_ahead(struct tape *tape, struct track *track, struct time_range range, bool backward);
/* Somebody is about to wait for an instant that is being loaded. */
void fetch_hurry(struct tape *tape, struct segment *segment, int64_t instant,
                 const struct tape_waiter *waiter);
/* Somebody waits there no more. */
void fetch_abandon(struct tape *tape, struct track *track, int64_t instant);
/* Stored rows have changed: its segment goes, but who takes what is outdated still gets it. */
void fetch_outdate(struct tape *tape, struct fetch *fetch);
/* Its segment has gone: nothing of it will be heard. */
void fetch_disown(struct tape *tape, struct fetch *fetch);

#endif
