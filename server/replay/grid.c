#include "replay/grid.h"

#include <math.h>

#define SECOND_US 1000000

int64_t grid_edge(const struct grid *grid, int64_t k)
{
    double step_us = grid->rate * SECOND_US / (double)grid->fps;
    double moved_us = floor((double)k * step_us);
    if (moved_us >= (double)(grid->to - grid->at))
        return grid->to;
    return grid->at + (int64_t)moved_us;
}

int64_t grid_after(const struct grid *grid, int64_t time)
{
    if (time < grid->at)
        return 0;
    if (time >= grid->to)
        time = grid->to - 1;
    double step_us = grid->rate * SECOND_US / (double)grid->fps;
    /* The division may be off by one either way; the edges decide. */
    int64_t k = (int64_t)((double)(time - grid->at) / step_us);
    while (k > 0 && grid_edge(grid, k - 1) > time)
        k--;
    while (grid_edge(grid, k) <= time)
        k++;
    return k;
}

int64_t grid_due_by(const struct grid *grid, int64_t played_us)
{
    if (played_us < 0)
        return 0;
    return played_us / SECOND_US * grid->fps + played_us % SECOND_US * grid->fps / SECOND_US;
}

int64_t grid_due_us(const struct grid *grid, int64_t edge)
{
    return (int64_t)llround((double)(edge - grid->at) / grid->rate);
}
