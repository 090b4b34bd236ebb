/*
 * Where the frames of an epoch end: point k of the grid is due k / fps wall seconds of play after
 * the epoch began, at market time at + rate × k / fps (floored to a microsecond).
 *
 *   at                                                    to
 *   ├────┼────┼────┼────┼────┼────┼────┼────┼────┼────┼───┤
 *   k=0  1    2    3    …
 *
 * Frames end on the grid, on the end of the range, or (where they are full) at a tick between.
 * Pure; a grid is for paced play forward, rate > 0.
 */
#ifndef TAPEDECK_REPLAY_GRID_H
#define TAPEDECK_REPLAY_GRID_H

#include <stdint.h>

struct grid {
    int64_t at; /* where the epoch starts */
    int64_t to; /* the end of the range: edges are clipped to it */
    double rate;
    int64_t fps;
};

/* The market time of point k ≥ 0. */
int64_t grid_edge(const struct grid *grid, int64_t k);
/* The first point whose edge lies after `time`, or the point of the end of the range. */
int64_t grid_after(const struct grid *grid, int64_t time);
/* The newest point whose due time is not after `played_us`. */
int64_t grid_due_by(const struct grid *grid, int64_t played_us);
/* Wall microseconds of play since the epoch began at which an edge is due. */
int64_t grid_due_us(const struct grid *grid, int64_t edge);

#endif
