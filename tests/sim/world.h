/*
 * The data of a simulation, and the fake source that serves it: slow, failing now and then, in
 * stretches of its own choosing, but never wrong: a load sees the ticks that were there when it was
 * asked for. Single-threaded.
 */
#ifndef TAPEDECK_TESTS_SIM_WORLD_H
#define TAPEDECK_TESTS_SIM_WORLD_H

#include "dice.h"
#include "market/source.h"

#define WORLD_SYMBOLS_MAX 4
#define WORLD_ADDED_MAX 200 /* ticks that come to a tape later */

struct world_tape {
    struct symbol symbol;
    size_t count;
    size_t added;
    struct tick *ticks; /* sorted by time; equal times keep their order */
    uint64_t *born;     /* of each tick: the change it came with */
};

struct world {
    struct source source;
    struct dice *dice;
    int64_t from;
    int64_t to;
    size_t tape_count;
    struct world_tape tapes[WORLD_SYMBOLS_MAX];
    struct list loads;    /* of struct world_load, in the order asked */
    struct list requests; /* of struct last_values_request */
    /* Asked for by the list's own thread, answered by the simulation's. */
    _Atomic(struct symbols_request *) list_request;
    size_t rows_most; /* of a block */
    bool calm;        /* no failures any more, and everything at once */
    bool outage;      /* everything fails */
    bool wide;        /* replays may reach over all of time */
    uint64_t failures;
    uint64_t changes;
};

void world_init(struct world *world, struct dice *dice);
void world_deinit(struct world *world);
/* Waits for the list's thread to ask, and answers it. */
void world_answer_list(struct world *world);
/* Does a little of what was asked for. */
void world_step(struct world *world);
/* Ends everything that is still under way. */
void world_end(struct world *world);

/* Something is under way. */
bool world_is_busy(const struct world *world);
/* Adds some ticks to a tape; the symbol and the range are those to invalidate. */
struct time_range world_change(struct world *world, const char **symbol);

/* The first tick of a tape with time ≥ t. */
size_t world_find(const struct world_tape *tape, int64_t t);
/* What a snapshot must say. */
struct last_values world_last(const struct world_tape *tape, int64_t at);

#endif
