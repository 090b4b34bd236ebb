#include "replay/axis.h"

#include "market/time.h"

#include <criterion/criterion.h>
#include <inttypes.h>

static const int64_t instants[] = {0,        1,        -1,           86399999999, -86400000000,
                                   TIME_MIN, TIME_MAX, TIME_MIN + 1, TIME_MAX - 1};
#define INSTANTS (sizeof instants / sizeof *instants)

Test(replay_axis, is_market_time_itself_forward)
{
    for (size_t i = 0; i < INSTANTS; i++) {
        cr_assert(axis_edge(1, instants[i]) == instants[i]);
        cr_assert(axis_tick(1, instants[i]) == instants[i]);
    }
}

Test(replay_axis, is_its_own_inverse_in_both_directions)
{
    for (int direction = -1; direction <= 1; direction += 2) {
        for (size_t i = 0; i < INSTANTS; i++) {
            int64_t edge = axis_edge(direction, instants[i]);
            int64_t tick = axis_tick(direction, instants[i]);
            cr_assert(axis_edge(direction, edge) == instants[i]);
            cr_assert(axis_tick(direction, tick) == instants[i]);
        }
    }
}

Test(replay_axis, turns_what_is_later_into_what_comes_first)
{
    for (size_t i = 0; i < INSTANTS; i++) {
        for (size_t k = 0; k < INSTANTS; k++) {
            bool is_later = instants[i] > instants[k];
            cr_assert((axis_edge(-1, instants[i]) < axis_edge(-1, instants[k])) == is_later);
            cr_assert((axis_tick(-1, instants[i]) < axis_tick(-1, instants[k])) == is_later);
        }
    }
}

/* [from, to) of market time holds a tick exactly where [−to, −from) of the axis does. */
Test(replay_axis, keeps_spans_half_open_the_same_way)
{
    for (size_t i = 0; i < INSTANTS; i++) {
        int64_t from = instants[i];
        int64_t to = from + 3;
        for (int64_t time = from - 2; time <= to + 2; time++) {
            bool in_span = time >= from && time < to;
            int64_t tick = axis_tick(-1, time);
            bool in_mirror = tick >= axis_edge(-1, to) && tick < axis_edge(-1, from);
            cr_assert(in_span == in_mirror, "%" PRId64 " in a span from %" PRId64, time, from);
        }
    }
}
