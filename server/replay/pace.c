#include "replay/pace.h"

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The point of the frame that keeps the beat: the last one within a beat of the last frame. */
static int64_t beat_point(const struct pace_input *input, int64_t next_point)
{
    return larger(grid_due_by(&input->grid, input->last_due_us + input->beat_us), next_point);
}

int64_t pace_horizon(const struct pace_input *input)
{
    const struct grid *grid = &input->grid;
    int64_t next_point = grid_after(grid, input->edge);
    int64_t may_point = grid_due_by(grid, input->played_us + input->lead_us);
    return grid_edge(grid, larger(may_point, beat_point(input, next_point)));
}

/* The point that has to be sent first: the next tick's, the beat's, or that of the first instant
 * nothing is known of (which may hold a tick). */
static int64_t first_point(const struct pace_input *input)
{
    const struct grid *grid = &input->grid;
    int64_t point = beat_point(input, grid_after(grid, input->edge));
    if (input->has_next)
        point = smaller(point, grid_after(grid, input->next));
    else if (input->covered < grid->to)
        point = smaller(point, grid_after(grid, input->covered));
    else
        point = smaller(point, grid_after(grid, grid->to - 1));
    return point;
}

/* What is due is not all known: the part that is, if what must be sent first is in it. */
static struct pace known_part(const struct pace_input *input, struct pace wanted, int64_t first)
{
    const struct grid *grid = &input->grid;
    int64_t point = grid_after(grid, input->covered) - 1;
    if (point < first && !input->full)
        return (struct pace){.verdict = PACE_DATA, .first_due_us = wanted.first_due_us};
    wanted.edge = point < first ? input->covered : grid_edge(grid, point);
    wanted.due_us = grid_due_us(grid, wanted.edge);
    if (wanted.first_due_us > wanted.due_us)
        wanted.first_due_us = wanted.due_us;
    return wanted;
}

struct pace pace_next(const struct pace_input *input)
{
    const struct grid *grid = &input->grid;
    int64_t first = first_point(input);
    int64_t point = larger(first, grid_due_by(grid, input->played_us));
    int64_t edge = grid_edge(grid, point);
    struct pace pace = {
        .verdict = PACE_SEND,
        .edge = edge,
        .due_us = grid_due_us(grid, edge),
        .first_due_us = grid_due_us(grid, grid_edge(grid, first)),
    };
    if (edge > input->covered)
        pace = known_part(input, pace, first);
    if (pace.verdict == PACE_SEND && pace.due_us - input->lead_us > input->played_us)
        pace.verdict = PACE_LATER;
    return pace;
}
