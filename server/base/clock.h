/*
 * The two clocks. Only app/ and net/ read them; everything else gets `now_us` as a parameter, so
 * that the simulator owns time. Microseconds. Any thread.
 */
#ifndef TAPEDECK_BASE_CLOCK_H
#define TAPEDECK_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_monotonic_us(void);
/* Since the Unix epoch, UTC. */
int64_t clock_wall_us(void);

/* Two readings of the clocks at one moment. */
struct now {
    int64_t monotonic_us;
    int64_t wall_us;
};

#endif
