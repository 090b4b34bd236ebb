/*
 * tapedeck bench windows: its options, which main.c puts into the table of subcommands, and what it
 * does. Constant; main thread.
 */
#ifndef TAPEDECK_APP_BENCH_WINDOWS_H
#define TAPEDECK_APP_BENCH_WINDOWS_H

#include "app/bench_server.h"

struct bench_windows_values {
    struct bench_server server;
    const char *symbol;
    int64_t ticks_us;
    const char *candles;
    int64_t count;
    int64_t windows;
    int64_t again;
    int64_t at;
    const char *instants;
    int64_t from;
    int64_t to;
    int64_t seed;
    bool json;
};

#define BENCH_WINDOWS_OPTION_COUNT (BENCH_SERVER_OPTION_COUNT + 12)
extern const struct option bench_windows_options[BENCH_WINDOWS_OPTION_COUNT];
extern const struct bench_windows_values bench_windows_defaults;

/* Returns the exit status: 1 too when something wrong was answered. */
int bench_windows_run(const struct configuration *configuration,
                      const struct invocation *invocation);

#endif
