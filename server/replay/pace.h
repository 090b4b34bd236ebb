/*
 * Which frame comes next in paced play, and when: PROTOCOL rule 4 as one pure function.
 *
 *   - a frame ends on the grid, and covers the next tick; grid points without ticks are passed;
 *   - at least one frame a wall second of due time, even if empty;
 *   - none is sent earlier than `lead` before it is due;
 *   - late, a frame reaches as far as is due by now: ticks are never dropped;
 *   - nothing ends beyond what is known; where that is all a frame can hold, one ends there.
 */
#ifndef TAPEDECK_REPLAY_PACE_H
#define TAPEDECK_REPLAY_PACE_H

#include "replay/grid.h"

#include <stdbool.h>

struct pace_input {
    struct grid grid;
    int64_t edge;        /* of the last frame, or where the epoch starts; < grid.to */
    int64_t last_due_us; /* of the last frame, 0 before the first */
    int64_t played_us;
    int64_t lead_us;
    int64_t beat_us;
    int64_t covered; /* everything before it is known; ≥ edge */
    bool full;       /* and that is as much as can be held: no more will be known now */
    bool has_next;   /* a tick in [edge, covered) */
    int64_t next;    /* its time: the earliest one */
};

enum pace_verdict {
    PACE_SEND,  /* a frame up to `edge` */
    PACE_LATER, /* the same, when `due_us − lead` has been played */
    PACE_DATA,  /* more must be known first */
};

struct pace {
    enum pace_verdict verdict;
    int64_t edge;
    int64_t due_us;
    int64_t first_due_us; /* when the earliest thing that must be sent is due: lag counts from it */
};

/* How far ahead of the edge it is worth knowing the ticks now. */
int64_t pace_horizon(const struct pace_input *input);
struct pace pace_next(const struct pace_input *input);

#endif
