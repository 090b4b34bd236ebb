/*
 * A track: one symbol's segments, sorted and disjoint, and who waits for one. Inside the tape
 * only; everything here is guarded by the tape's lock.
 */
#ifndef TAPEDECK_TAPE_TRACK_H
#define TAPEDECK_TAPE_TRACK_H

#include "tape/tape.h"

struct fetch;

struct segment {
    struct time_range range;
    struct track *track;
    struct fetch *fetch; /* being loaded by it; NULL: ready */
    struct block *block; /* ready: one reference, or NULL for no ticks */
    struct list use;     /* budget's list */
    unsigned visits;
    bool is_protected;
};

struct track {
    struct list node; /* the tape's bucket */
    char symbol[SYMBOL_BYTES_MAX + 1];
    int64_t interval_us;   /* of its candles; 0: a track of ticks */
    atomic_llong grain_us; /* read without the lock, too */
    unsigned lean_blocks;  /* grains in a row that held much less than TAPE_GRAIN_ROWS … */
    unsigned fat_blocks;   /* … or much more */
    struct tape_counts counts;
    size_t holders;
    size_t outdated; /* loads from before a change that somebody still waits for */
    struct segment **segments;
    size_t segment_count;
    size_t segment_capacity;
    struct list waiters;
    atomic_uint lacks;     /* fields that no tick has (symbol.lacks); read without the lock */
    bool is_doubted;       /* ticks have changed: what the list of symbols said then may be old */
    atomic_ullong changes; /* how often stored ticks changed; read without the lock */
};

struct track *track_create(const struct symbol *symbol, int64_t interval_us);
/* It must be empty and unheld. */
void track_destroy(struct track *track);
/* Nobody would miss it. */
bool track_is_idle(const struct track *track);

/* The index of the first segment that ends after `instant` (segment_count: none). */
size_t track_find(const struct track *track, int64_t instant);
/* The segment that holds `instant`, or NULL. */
struct segment *track_segment_at(const struct track *track, int64_t instant);
/* Adds a segment over a range that no other covers. */
struct segment *track_insert(struct track *track, struct time_range range);
/* Unlinks and frees it, its block released. */
void track_remove(struct segment *segment);

/* A block of `rows` ticks has been read over `range`: where many in a row tell that the symbol is
 * less or more dense than it was thought to be, the grain is doubled or halved. (Of candles it is
 * known how dense they are.) */
void track_learn(struct track *track, struct time_range range, size_t rows);
/* The part of `range` around `instant` that no segment covers; `instant` itself is uncovered. */
struct time_range track_gap(const struct track *track, int64_t instant, struct time_range range);

/* Those who wait for an instant in `range` and take what is outdated move to `takers`. */
void track_move_takers(struct track *track, struct time_range range, struct list *takers);
/* As track_give and track_tell, for those in `takers`. */
void takers_give(struct list *takers, struct time_range range, struct block *block);
void takers_tell(struct list *takers, enum status status, const struct error *error);

/* Whether somebody waits for an instant in `range`. */
bool track_is_awaited(struct track *track, struct time_range range);
/* Tells every waiter whose instant lies in `range` to ask again, or that its load failed. */
void track_tell(struct track *track, struct time_range range, enum status status,
                const struct error *error);
/* Gives a ready stretch to every waiter whose instant lies in it. */
void track_give(struct track *track, struct time_range range, struct block *block);

#endif
