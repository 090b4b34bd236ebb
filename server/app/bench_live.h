/*
 * tapedeck bench live: its options, which main.c puts into the table of subcommands, and what it
 * does. Constant; main thread.
 */
#ifndef TAPEDECK_APP_BENCH_LIVE_H
#define TAPEDECK_APP_BENCH_LIVE_H

#include "app/bench_server.h"

struct bench_live_values {
    struct bench_server server;
    const char *symbol;
    const char *interval;
    int64_t subscribers;
    int64_t changes;
    int64_t pause_us;
    bool foreign;
    bool json;
};

#define BENCH_LIVE_OPTION_COUNT (BENCH_SERVER_OPTION_COUNT + 7)
extern const struct option bench_live_options[BENCH_LIVE_OPTION_COUNT];
extern const struct bench_live_values bench_live_defaults;

/* Returns the exit status: 1 too when somebody was not told. */
int bench_live_run(const struct configuration *configuration, const struct invocation *invocation);

#endif
