/*
 * The picture before an instant, out of what the tape holds already: so that a seek within what is
 * cached does not wait for the database. Lane's thread.
 */
#ifndef TAPEDECK_REPLAY_LOOK_BACK_H
#define TAPEDECK_REPLAY_LOOK_BACK_H

#include "market/source.h"
#include "tape/tape.h"

/* How many rows are looked through for one picture of all symbols before that is given up. */
#define LOOK_BACK_ROWS_MAX 262144
/* How far back a value is looked for. */
#define LOOK_BACK_US TIME_DAY_US

/* Whether the tape knows all of it; else `values` mean nothing and the source has to be asked.
 * `rows_left` shrinks by what was looked through. */
bool look_back(struct tape *tape, struct track *track, int64_t at, size_t *rows_left,
               struct last_values *values);

#endif
