/*
 * The axis of an epoch: market time as a playhead meets it. Played forward, the axis is market time
 * itself; played backward, it is the mirror image. On the axis every playhead runs forward, so that
 * grid, pace and everything that asks "what comes next" exist once.
 *
 *   market time     ──┼─────●─────┼──▶        a span [a, b), a tick at t
 *                     a     t     b
 *   axis, backward  ◀─┼─────●─────┼──         [−b, −a), the tick at −t − 1
 *
 * An edge lies between microseconds and a tick in one: hence the − 1, which keeps spans half-open
 * the same way in both directions. Both mappings are their own inverse.
 */
#ifndef TAPEDECK_REPLAY_AXIS_H
#define TAPEDECK_REPLAY_AXIS_H

#include <stdint.h>

/* `direction` is 1 or −1. */
static inline int64_t axis_edge(int direction, int64_t instant)
{
    return direction > 0 ? instant : -instant;
}

static inline int64_t axis_tick(int direction, int64_t time)
{
    return direction > 0 ? time : -time - 1;
}

#endif
