/*
 * What one replay.step goes past: the next instant with ticks, a frame, or to the next multiple of
 * an interval, in the replay's direction. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_STEP_H
#define TAPEDECK_BENCH_STEP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum step_unit { STEP_BY_TICK, STEP_BY_FRAME, STEP_BY_INTERVAL };

struct step {
    enum step_unit unit;
    const char *text; /* as the request has it; borrowed */
    int64_t interval_us;
};

/* "tick", "frame", "1s", "15m": STATUS_INVALID with a sentence otherwise. */
enum status step_parse(const char *text, struct step *step, struct error *error) MUST_CHECK;
/* Where a step from `at` ends, not beyond `end`; `end` for ticks, whose place only the frames tell.
 * `frame_us`: market time of a frame. */
int64_t step_target(const struct step *step, int64_t at, int64_t end, double frame_us);
/* Whether an edge is that target: half a microsecond may have been rounded either way. */
bool step_is_there(int64_t edge, int64_t target);

#endif
