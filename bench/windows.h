/*
 * Windows of one symbol, one after another over one connection: each asked for the first time at an
 * instant of its own, and then again so many times, which the server answers out of its cache. What
 * comes again must be what came first.
 *
 * Whether the first time is cold is up to the server: a window is new to a server that was just
 * started, or that has just forgotten. One thread.
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
    int64_t at;                 /* the only instant, unless they are asked for one by one */
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

struct windows;

/* Connects, and waits until it may ask. The options are borrowed until the close. NULL: with a
 * sentence in `error`. */
struct windows *windows_open(const struct windows_options *options, struct error *error) MUST_CHECK;
void windows_close(struct windows **windows);

/* Both add to `result`, which begins as zeros. STATUS_OK: everything was as the protocol promises.
 * At all places of the options; at one instant. */
enum status windows_ask_all(struct windows *windows, struct windows_result *result,
                            struct error *error) MUST_CHECK;
enum status windows_ask_at(struct windows *windows, int64_t at, struct windows_result *result,
                           struct error *error) MUST_CHECK;
/* Answers the server's pings until `fd` has something to read, or has come to its end. */
enum status windows_await(struct windows *windows, int fd, struct error *error) MUST_CHECK;

#endif
