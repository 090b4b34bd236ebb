/*
 * Has anybody written ticks? Looks at the sequence of tick_data, and at who is still writing.
 *
 * A sequence value is given out before the commit that makes its row visible, so one look is not
 * enough. Whoever moved the marker holds a lock on tick_data until the transaction ends:
 *
 *   the marker has moved ─► who holds the lock now? ─► none of them any more
 *                               MARKER_OPEN               MARKER_SETTLED
 *
 * (The ids of a snapshot do not tell: its xmax lies above the newest transaction that has ended,
 * not above those that run, and an id is given out only after the sequence value.)
 * One owner thread.
 */
#ifndef TAPEDECK_STORE_MARKER_H
#define TAPEDECK_STORE_MARKER_H

#include "store/connection.h"

enum marker_look {
    MARKER_QUIET,   /* nothing was written */
    MARKER_OPEN,    /* something was, and not all of it may be visible yet */
    MARKER_SETTLED, /* what was written when it moved is visible to the next statement */
};

struct marker {
    bool is_known; /* has been looked at */
    int64_t value;
    char *writers; /* the transactions that are waited for, as a text[]; NULL: not open */
};

void marker_init(struct marker *marker);
void marker_deinit(struct marker *marker);
/* The first look is open if anybody is writing, else quiet. */
enum status marker_look(struct marker *marker, struct connection *connection,
                        enum marker_look *look, struct error *error) MUST_CHECK;

#endif
