/*
 * The data of a simulation: the ticks of some symbols, dense and sparse, to which more may come
 * later. What a server must deliver is looked up here. Single-threaded.
 */
#ifndef TAPEDECK_TESTS_SIM_WORLD_H
#define TAPEDECK_TESTS_SIM_WORLD_H

#include "dice.h"
#include "market/source.h"

#define WORLD_SYMBOLS_MAX 64
#define WORLD_ADDED_MAX 200 /* ticks that come to a tape later */

struct world_tape {
    struct symbol symbol;
    size_t count;
    size_t added;
    struct tick *ticks; /* sorted by time; equal times keep their order */
    uint64_t *born;     /* of each tick: the change it came with */
};

struct world {
    struct dice *dice;
    int64_t from;
    int64_t to;
    size_t tape_count;
    struct world_tape tapes[WORLD_SYMBOLS_MAX];
    size_t rows_most; /* of a block */
    bool is_bulky;    /* more of one symbol than a window of bytes holds */
    bool calm;        /* no failures any more, and everything at once */
    bool wide;        /* replays may reach over all of time */
    uint64_t changes;
};

void world_init(struct world *world, struct dice *dice);
void world_deinit(struct world *world);

/* Adds some ticks to a tape; the symbol and the range are those to invalidate. */
struct time_range world_change(struct world *world, const char **symbol);

struct world_tape *world_tape_of(struct world *world, const char *name);
/* The first tick of a tape with time ≥ t. */
size_t world_find(const struct world_tape *tape, int64_t t);
/* What a snapshot must say. */
struct last_values world_last(const struct world_tape *tape, int64_t at);

#endif
