/*
 * Windows of one symbol, one after another over one connection: each asked for the first time at an
 * instant of its own, and then again so many times, which the server answers out of its cache. What
 * comes again must be what came first.
 *
 * Whether the first time is cold is up to the server: a window is new to a server that was just
 * started, or that has just forgotten. Main thread.
 */
#ifndef TAPEDECK_BENCH_WINDOWS_H
#define TAPEDECK_BENCH_WINDOWS_H

#include "bench/asker.h"
#include "bench/histogram.h"

#define WINDOWS_HERE INT64_MIN /* of `from`, `to` and `at`: not given */

struct windows_options {
    struct channel_target target;
    const char *symbol;         /* NULL: the first there is */
    struct asker_window window; /* its instant is each time another */
    int64_t places;             /* how many instants, all over the range */
    int64_t again;              /* after the first time, at each of them */
    int64_t at;                 /* the only instant */
    int64_t from;               /* by default the range of the symbol's ticks */
    int64_t to;
    uint64_t seed;
};

struct windows_result {
    struct histogram first_us;
    struct histogram again_us;
    int64_t rows;       /* of all windows, each counted once */
    int64_t rows_least; /* of a window */
    uint64_t sum;       /* of all windows, each counted once */
    bool is_subscribed; /* candles came by candles.subscribe, not by a replay's snapshot */
};

/* STATUS_OK: everything was as the protocol promises. */
enum status windows_run(const struct windows_options *options, struct windows_result *result,
                        struct error *error) MUST_CHECK;

#endif
