/*
 * Have foreign writers written? A sequence value is given out before the commit that makes its row
 * visible, so one look is not enough:
 *
 *   the marker moved, seen by a snapshot with xmax X
 *     ─► everybody who may have moved it has an id below X
 *     ─► when a later snapshot has xmin ≥ X all of them have ended: what there is to see is visible
 *
 * Until then every look may find some of it (MARKER_OPEN); then comes one last look
 * (MARKER_SETTLED). Pure; owner's thread.
 */
#ifndef TAPEDECK_STORE_MARKER_H
#define TAPEDECK_STORE_MARKER_H

#include <stdbool.h>
#include <stdint.h>

enum marker_look {
    MARKER_QUIET,   /* nothing was written */
    MARKER_OPEN,    /* something was, and not all of it may be visible yet */
    MARKER_SETTLED, /* what was written is visible now */
};

struct marker {
    bool is_known; /* has been looked at since the connection was opened */
    bool is_open;
    int64_t value;
    int64_t open_xmax;
};

/* The first look of a connection is open too when anybody was writing then. */
static inline enum marker_look marker_look(struct marker *marker, int64_t value, int64_t xmin,
                                           int64_t xmax)
{
    bool first = !marker->is_known;
    if (first || value != marker->value) {
        marker->is_open = !first || xmin < xmax;
        marker->open_xmax = xmax;
    }
    marker->is_known = true;
    marker->value = value;
    if (!marker->is_open)
        return MARKER_QUIET;
    if (xmin < marker->open_xmax)
        return MARKER_OPEN;
    marker->is_open = false;
    return MARKER_SETTLED;
}

#endif
