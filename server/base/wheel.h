/*
 * Timing wheel: 1 ms slots, one revolution of 1 024 ms; a later timer stays in its slot and is
 * looked at once a revolution. Arming and cancelling are O(1), which lws's sorted timer list is
 * not (2 000 replays re-arm 60 times a second each).
 *
 *    slot:  0   1   2   …  1023
 *           │   └ timer ─ timer
 *           └ timer
 *
 * Owner's thread only. Timers are intrusive; a fired timer is unlinked before its function runs and
 * may be armed again by it.
 */
#ifndef TAPEDECK_BASE_WHEEL_H
#define TAPEDECK_BASE_WHEEL_H

#include "base/list.h"

#include <stdint.h>

#define WHEEL_SLOTS 1024
#define WHEEL_SLOT_US 1000

struct timer {
    struct list node;
    int64_t at_us;
    bool armed; /* counted in its wheel; false while it waits to fire within a turn */
    void (*fire)(struct timer *timer, int64_t now_us);
};

struct wheel {
    struct list slots[WHEEL_SLOTS];
    int64_t tick; /* the last slot number that was run: time / WHEEL_SLOT_US */
    size_t armed_count;
};

void wheel_init(struct wheel *wheel, int64_t now_us);
void timer_init(struct timer *timer, void (*fire)(struct timer *timer, int64_t now_us));
/* Fires at the first `wheel_run` whose now is ≥ at_us (rounded up to a slot). Re-arming moves. */
void wheel_arm(struct wheel *wheel, struct timer *timer, int64_t at_us);
void wheel_cancel(struct wheel *wheel, struct timer *timer);
/* Runs what is due and returns how many fired. */
size_t wheel_run(struct wheel *wheel, int64_t now_us);
/* When `wheel_run` should be called next: the earliest armed slot within a revolution, else a
 * revolution ahead; INT64_MAX when nothing is armed. */
int64_t wheel_next_us(const struct wheel *wheel);

#endif
