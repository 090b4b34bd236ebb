/*
 * A source for tests, in memory and by hand: what is asked of it waits until the test steps it.
 * One thread; only the list of symbols may be asked for by another.
 */
#ifndef TAPEDECK_TESTS_FAKE_SOURCE_H
#define TAPEDECK_TESTS_FAKE_SOURCE_H

#include "market/source.h"
#include "tape/tape.h"

#define FAKE_SYMBOLS_MAX 4
#define FAKE_TICKS_MAX 70000 /* more than is looked through in one turn */

struct fake_tape {
    struct symbol symbol;
    size_t count;
    struct tick ticks[FAKE_TICKS_MAX];
};

struct fake_source {
    struct source source;
    size_t tape_count;
    struct fake_tape tapes[FAKE_SYMBOLS_MAX];
    struct list loads;    /* of struct tick_load, the most urgent first */
    struct list requests; /* of struct last_values_request */
    _Atomic(struct symbols_request *) symbols;
    size_t block_rows; /* most of a block */
    size_t load_count; /* ever asked for */
    size_t urge_count;
    size_t request_count;
};

void fake_source_init(struct fake_source *fake);
/* Everything that is under way ends. */
void fake_source_deinit(struct fake_source *fake);

/* A symbol without ticks whose track has this grain. */
struct fake_tape *fake_source_symbol(struct fake_source *fake, const char *name, int64_t grain_us);
/* `bid` in whole units; times must not decrease. */
void fake_tape_add(struct fake_tape *tape, int64_t time, int64_t bid);

/* The first load that waits, or NULL. */
struct tick_load *fake_source_load(struct fake_source *fake);
/* Publishes one stretch of the first load, or ends it. */
void fake_source_step(struct fake_source *fake);
/* Ends the first load so. */
void fake_source_end(struct fake_source *fake, enum status status);
/* Answers the first request for last values so. */
void fake_source_answer(struct fake_source *fake, enum status status);
/* Does all that has been asked. */
void fake_source_run(struct fake_source *fake);

#endif
