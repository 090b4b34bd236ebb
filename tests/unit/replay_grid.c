#include "replay/grid.h"

#include "market/time.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define S TIME_SECOND_US

Test(replay_grid, has_its_points_where_the_speed_puts_them)
{
    static const struct {
        double rate;
        int64_t fps;
        int64_t k;
        int64_t edge;
    } table[] = {
        {1, 60, 0, 0},
        {1, 60, 1, 16666},
        {1, 60, 3, 50000},
        {1, 1, 5, 5 * S},
        {0.01, 240, 1, 41},
        {0.01, 240, 240, 10000},
        {100000, 1, 1, 100000 * S},
        {7.3, 10, 10, 7300000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct grid grid = {.at = -5, .to = TIME_MAX, .rate = table[i].rate, .fps = table[i].fps};
        int64_t edge = grid_edge(&grid, table[i].k);
        cr_expect(edge == table[i].edge - 5, "case %zu: %" PRId64, i, edge);
    }
}

Test(replay_grid, ends_with_the_range)
{
    struct grid grid = {.at = 0, .to = 100, .rate = 1, .fps = 60};
    cr_assert(grid_edge(&grid, 1) == 100);
    cr_assert(grid_edge(&grid, INT64_MAX) == 100);
    cr_assert(grid_after(&grid, 99) == 1);
    cr_assert(grid_after(&grid, 100) == 1, "the point of the end");
    cr_assert(grid_after(&grid, INT64_MAX) == 1);
}

/* Of all speeds and rates of frames that the protocol knows, over all of its time. */
Test(replay_grid, finds_the_first_point_after_any_time)
{
    static const double rates[] = {0.01, 1.0 / 3, 1, 59.94, 1000, 100000};
    static const int64_t fps[] = {1, 7, 60, 240};
    static const int64_t distances[] = {
        0, 1, 41, 42, 16666, 16667, S, 3600 * S, TIME_MAX - TIME_MIN - S};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        for (size_t f = 0; f < sizeof fps / sizeof *fps; f++) {
            struct grid grid = {.at = TIME_MIN, .to = TIME_MAX, .rate = rates[r], .fps = fps[f]};
            for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
                int64_t time = TIME_MIN + distances[d];
                int64_t k = grid_after(&grid, time);
                cr_assert(grid_edge(&grid, k) > time);
                cr_assert(k == 0 || grid_edge(&grid, k - 1) <= time);
            }
        }
    }
}

Test(replay_grid, is_due_when_it_has_been_played)
{
    struct grid grid = {.at = 1000, .to = TIME_MAX, .rate = 2, .fps = 60};
    cr_assert(grid_due_us(&grid, 1000) == 0);
    cr_assert(grid_due_us(&grid, 1000 + 2 * S) == S);
    cr_assert(grid_due_by(&grid, -1) == 0);
    cr_assert(grid_due_by(&grid, 0) == 0);
    cr_assert(grid_due_by(&grid, S / 60) == 0, "16 666 us is a little before the point");
    cr_assert(grid_due_by(&grid, S / 60 + 1) == 1);
    cr_assert(grid_due_by(&grid, S) == 60);
    cr_assert(grid_due_by(&grid, INT64_C(1) << 62) ==
              ((INT64_C(1) << 62) / S) * 60 + (INT64_C(1) << 62) % S * 60 / S);
}
