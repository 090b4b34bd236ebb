/*
 * How long a replay has played since its epoch began: a stopwatch over the lane's monotonic
 * clock. Paused and buffering time does not count. Wall microseconds.
 */
#ifndef TAPEDECK_REPLAY_PLAY_CLOCK_H
#define TAPEDECK_REPLAY_PLAY_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct play_clock {
    int64_t played_us; /* up to since_us */
    int64_t since_us;
    bool running;
};

static inline int64_t play_clock_read(const struct play_clock *clock, int64_t now_us)
{
    return clock->played_us + (clock->running ? now_us - clock->since_us : 0);
}

/* Sets the reading, and whether it goes on from there. */
static inline void play_clock_set(struct play_clock *clock, int64_t played_us, int64_t now_us,
                                  bool running)
{
    clock->played_us = played_us;
    clock->since_us = now_us;
    clock->running = running;
}

static inline void play_clock_start(struct play_clock *clock, int64_t now_us)
{
    play_clock_set(clock, play_clock_read(clock, now_us), now_us, true);
}

static inline void play_clock_stop(struct play_clock *clock, int64_t now_us)
{
    play_clock_set(clock, play_clock_read(clock, now_us), now_us, false);
}

#endif
