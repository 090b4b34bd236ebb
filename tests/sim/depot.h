/*
 * The fake source that serves a world: slow, failing now and then, in stretches of its own
 * choosing within the contract of source.h, but never wrong: a load sees the ticks that were there
 * when it was asked for. Single-threaded, but for the list of symbols.
 */
#ifndef TAPEDECK_TESTS_SIM_DEPOT_H
#define TAPEDECK_TESTS_SIM_DEPOT_H

#include "world.h"

struct depot {
    struct source source;
    struct world *world;
    struct dice *dice;
    struct list loads;    /* of struct depot_load, the most urgent first */
    struct list requests; /* of struct last_values_request */
    /* Asked for by the list's own thread, answered by the simulation's. */
    _Atomic(struct symbols_request *) list_request;
    bool outage;           /* everything fails */
    int64_t stalled_turns; /* nothing moves for so long */
    uint64_t failures;
};

void depot_init(struct depot *depot, struct world *world, struct dice *dice);
/* Waits for the list's thread to ask, and answers it. */
void depot_answer_list(struct depot *depot);
/* Does a little of what was asked for. */
void depot_step(struct depot *depot);
/* Ends everything that is still under way. */
void depot_end(struct depot *depot);
/* Something is under way. */
bool depot_is_busy(const struct depot *depot);

#endif
