/*
 * tapedeck bench replay: its options, which main.c puts into the table of subcommands, and what it
 * does. A file of its own, because there are many of them. Constant; main thread.
 */
#ifndef TAPEDECK_APP_BENCH_H
#define TAPEDECK_APP_BENCH_H

#include "app/bench_server.h"

struct bench_values {
    struct bench_server server;
    int64_t viewers;
    const char *speed;
    struct option_list symbols;
    int64_t from;
    int64_t to;
    int64_t duration_us;
    int64_t stagger_us;
    int64_t fps;
    int64_t lead_ms;
    int flow;
    int64_t seeks;
    bool paused;
    int64_t seek_every_us;
    int64_t steps;
    const char *step_by;
    int64_t seed;
    bool loop;
    int64_t server_pid;
    bool bare;
    bool json;
};

#define BENCH_OPTION_COUNT (BENCH_SERVER_OPTION_COUNT + 20)
extern const struct option bench_options[BENCH_OPTION_COUNT];
extern const struct bench_values bench_defaults;

/* Returns the exit status: 1 too when a viewer was sent something wrong. */
int bench_replay_run(const struct configuration *configuration,
                     const struct invocation *invocation);

#endif
