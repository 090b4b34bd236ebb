/*
 * Where a step must end, worked out the slow way from PROTOCOL rule 8. Pure.
 */
#ifndef TAPEDECK_TESTS_SIM_STEP_H
#define TAPEDECK_TESTS_SIM_STEP_H

#include "watch.h"

/* The first instant with ticks that a playhead at `edge` meets within the range; false: none. */
bool step_next_instant(const struct watch *watch, int direction, int64_t edge, int64_t *instant);
/* The edge that a step from `at` leads to, and how far a server's may lie from it, which has to
 * round to a microsecond. */
int64_t step_target(const struct watch *watch, const struct asked *asked, int64_t at,
                    int64_t *slack_us);

#endif
