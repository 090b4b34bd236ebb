#include "feed/figures.h"

#include "replay/replay.h"

const int64_t feed_late_bounds_us[FEED_LATE_BOUNDS] = {0,     1000,  2000,   5000,   10000,
                                                       20000, 50000, 100000, 250000, 1000000};

void feed_figures_note_frame(struct feed_figures *figures, size_t ticks, int64_t late_us)
{
    counter_add(&figures->frames, 1);
    counter_add(&figures->ticks, ticks);
    if (late_us == REPLAY_NEVER_LATE)
        return;
    size_t bucket = 0;
    while (bucket < FEED_LATE_BOUNDS && late_us > feed_late_bounds_us[bucket])
        bucket++;
    counter_add(&figures->late[bucket], 1);
    if (late_us > 0)
        counter_add(&figures->late_us, (uint64_t)late_us);
}
