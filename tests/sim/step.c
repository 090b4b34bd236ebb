#include "step.h"

#define INTERVAL_ORIGIN_US INT64_C(946857600000000) /* 2000-01-03 00:00 UTC, a Monday */

static int64_t clip(const struct watch *watch, int64_t time)
{
    return time < watch->from ? watch->from : time > watch->to ? watch->to : time;
}

bool step_next_instant(const struct watch *watch, int direction, int64_t edge, int64_t *instant)
{
    bool found = false;
    for (size_t i = 0; i < watch->symbol_count; i++) {
        const struct world_tape *tape = watch_tape(watch, i);
        size_t row = world_find(tape, edge);
        if (row == (direction > 0 ? tape->count : 0))
            continue;
        int64_t time = tape->ticks[direction > 0 ? row : row - 1].time;
        if (time < watch->from || time >= watch->to)
            continue;
        if (!found || (direction > 0 ? time < *instant : time > *instant))
            *instant = time;
        found = true;
    }
    return found;
}

static int64_t target_of_ticks(const struct watch *watch, int64_t count, int64_t at)
{
    int direction = count > 0 ? 1 : -1;
    int64_t edge = at;
    for (; count != 0; count -= direction) {
        int64_t instant;
        if (!step_next_instant(watch, direction, edge, &instant))
            return watch_end(watch, direction);
        edge = direction > 0 ? instant + 1 : instant;
    }
    return edge;
}

static int64_t target_of_intervals(const struct watch *watch, int64_t interval_us, int64_t count,
                                   int64_t at)
{
    int64_t most = (watch->to - watch->from) / interval_us + 2; /* more leaves the range anyhow */
    count = count > most ? most : count < -most ? -most : count;
    int64_t rest = (at - INTERVAL_ORIGIN_US) % interval_us;
    int64_t floor = at - (rest < 0 ? rest + interval_us : rest);
    if (count < 0 && floor < at)
        floor += interval_us; /* the first multiple back is then `floor` itself */
    return clip(watch, floor + count * interval_us);
}

int64_t step_target(const struct watch *watch, const struct asked *asked, int64_t at,
                    int64_t *slack_us)
{
    *slack_us = 0;
    if (asked->unit == UNIT_TICK)
        return target_of_ticks(watch, asked->count, at);
    if (asked->unit == UNIT_INTERVAL)
        return target_of_intervals(watch, asked->interval_us, asked->count, at);
    double pace = watch->speed.rate < 0 ? -watch->speed.rate : watch->speed.rate;
    double moved_us = pace * 1e6 / (double)watch->fps * (double)asked->count;
    double range_us = (double)(watch->to - watch->from);
    if (moved_us > range_us || moved_us < -range_us)
        return asked->count > 0 ? watch->to : watch->from;
    *slack_us = 1;
    return clip(watch, at + (int64_t)moved_us);
}
