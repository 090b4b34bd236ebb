/*
 * What the simulation has met, counted over all seeds: a rule that is never put to the test is not
 * proved by any number of them. One array for the process.
 */
#ifndef TAPEDECK_TESTS_SIM_TALLY_H
#define TAPEDECK_TESTS_SIM_TALLY_H

#include <stdint.h>

#define TALLY_KINDS(X)                                                                             \
    X(TALLY_FRAMES_FORWARD, "frames forward")                                                      \
    X(TALLY_FRAMES_BACKWARD, "frames backward")                                                    \
    X(TALLY_TICKS, "ticks")                                                                        \
    X(TALLY_BEATS, "frames that only keep the beat")                                               \
    X(TALLY_GIANTS, "instants larger than a frame")                                                \
    X(TALLY_STEPS_TICK, "steps by ticks")                                                          \
    X(TALLY_STEPS_FRAME, "steps by frames")                                                        \
    X(TALLY_STEPS_INTERVAL, "steps by intervals")                                                  \
    X(TALLY_STEPS_LONG, "steps of several frames")                                                 \
    X(TALLY_STEPS_NOWHERE, "steps from an end of the range")                                       \
    X(TALLY_STEPS_STOPPED, "steps paused before their first frame")                                \
    X(TALLY_STEPS_CUT, "steps paused between two frames")                                          \
    X(TALLY_ENDS_FORWARD, "ends reached forward")                                                  \
    X(TALLY_ENDS_BACKWARD, "ends reached backward")                                                \
    X(TALLY_ENDS_AT_ONCE, "ends without a frame")                                                  \
    X(TALLY_JOURNEYS, "journeys over several connections, whole")                                  \
    X(TALLY_JOURNEYS_ELSEWHERE, "journeys over several servers, whole")                            \
    X(TALLY_TAKEN_BACK, "controls at a frame before the last one sent")                            \
    X(TALLY_SNAPSHOTS, "snapshots")                                                                \
    X(TALLY_SNAPSHOTS_ASKED, "snapshots that the source was asked for")                            \
    X(TALLY_SERIES, "series of candles in snapshots")                                              \
    X(TALLY_CANDLES, "candles in frames")                                                          \
    X(TALLY_HISTORIES, "candles in histories")                                                     \
    X(TALLY_HISTORIES_CUT, "histories of replays that were closed")                                \
    X(TALLY_WINDOWS, "windows that lie beside the last one")                                       \
    X(TALLY_LOADS_CANDLES, "loads of candles")                                                     \
    X(TALLY_FAILURES, "failures told")                                                             \
    X(TALLY_REFUSALS, "requests refused")                                                          \
    X(TALLY_BUFFERS_DATA, "stops for data")                                                        \
    X(TALLY_BUFFERS_CLIENT, "stops for the client")                                                \
    X(TALLY_BUFFERS_FLOW, "stops for acks")                                                        \
    X(TALLY_WINDOWS_FULL, "windows full of bytes")                                                 \
    X(TALLY_LOADS_FORWARD, "loads forward")                                                        \
    X(TALLY_LOADS_BACKWARD, "loads backward")                                                      \
    X(TALLY_LOADS_CANCELLED, "loads cancelled")                                                    \
    X(TALLY_CHANGES, "changes of stored ticks")                                                    \
    X(TALLY_WORRIES, "changes announced that were none")

#define TALLY_NAME(kind, text) kind,
enum tally { TALLY_KINDS(TALLY_NAME) TALLIES };
#undef TALLY_NAME

extern uint64_t tallies[TALLIES];

static inline void tally(enum tally kind)
{
    tallies[kind]++;
}

#endif
