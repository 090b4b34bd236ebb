/*
 * What tests of the tape share: one tape over a fake source, the track of symbol A (without ticks,
 * its grain GRAIN), and who asks for it. Data comes only when a test says so.
 */
#ifndef TAPEDECK_TESTS_TAPE_FIXTURE_H
#define TAPEDECK_TESTS_TAPE_FIXTURE_H

#include "tape/tape.h"

#include "fake_source.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define S TIME_SECOND_US
#define GRAIN (64 * S)

extern struct fake_source fake;
extern struct fake_tape *ticks; /* of symbol A */
extern struct tape *tape;
extern struct track *track;
extern struct inbox inbox;

void tape_set_up(void);
void tape_set_up_with(size_t budget_bytes);
void tape_tear_down(void);

/* A viewer with the stretch that it has pinned last. */
struct asker {
    struct tape_waiter waiter;
    size_t told;
    struct tape_stretch stretch;
    struct error error;
};

void asker_init(struct asker *asker);
/* One that goes back in time. */
void asker_init_back(struct asker *asker);
enum status pin(struct asker *asker, int64_t instant);
/* Pins with all the loads it takes. */
void pin_surely(struct asker *asker, int64_t instant);
/* Loads what holds the instant, and lets go of it. */
void visit(int64_t instant);
void visit_back(int64_t instant);
struct tape_statistics statistics(void);
/* Of symbol A. */
struct track_statistics track_now(void);

#endif
