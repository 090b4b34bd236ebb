/*
 * The data of a simulation, and the fake source that serves it: slow, failing now and then, in
 * stretches of its own choosing, but never wrong. Single-threaded.
 */
#ifndef TAPEDECK_TESTS_SIM_WORLD_H
#define TAPEDECK_TESTS_SIM_WORLD_H

#include "dice.h"
#include "market/source.h"

#define WORLD_SYMBOLS_MAX 4

struct world_tape {
    struct symbol symbol;
    size_t count;
    struct tick *ticks; /* sorted by time; equal times keep their order */
};

struct world {
    struct source source;
    struct dice *dice;
    int64_t from;
    int64_t to;
    size_t tape_count;
    struct world_tape tapes[WORLD_SYMBOLS_MAX];
    struct list loads;    /* of struct tick_load, in the order asked */
    struct list requests; /* of struct last_values_request */
    /* Asked for by the list's own thread, answered by the simulation's. */
    _Atomic(struct symbols_request *) list_request;
    size_t rows_most; /* of a block */
    bool calm;        /* no failures any more, and everything at once */
    uint64_t failures;
};

void world_init(struct world *world, struct dice *dice);
void world_deinit(struct world *world);
/* Waits for the list's thread to ask, and answers it. */
void world_answer_list(struct world *world);
/* Does a little of what was asked for. */
void world_step(struct world *world);
/* Ends everything that is still under way. */
void world_end(struct world *world);

/* The first tick of a tape with time ≥ t. */
size_t world_find(const struct world_tape *tape, int64_t t);
/* What a snapshot must say. */
struct last_values world_last(const struct world_tape *tape, int64_t at);

#endif
