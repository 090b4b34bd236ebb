/*
 * All viewers of a run in one thread: connects them a few at a time, starts them spread over the
 * stagger, measures, and ends them.
 *
 *   first viewer ready (settles the tape) ▶ all ready ▶ starts ▶ ▷ measured ◁ ▶ all left
 *
 * A run with a duration is measured from the moment when everybody plays, and for that long: a
 * steady state. Without one it is measured from the first play to the last end. Main thread.
 */
#ifndef TAPEDECK_BENCH_AUDIENCE_H
#define TAPEDECK_BENCH_AUDIENCE_H

#include "bench/viewer.h"

#define AUDIENCE_VIEWERS_MAX 60000 /* what ports one address has for them */

struct audience_options {
    struct channel_target target;
    size_t viewer_count;
    int64_t duration_us; /* 0: to the end */
    int64_t stagger_us;  /* the starts are spread evenly over it */
    uint64_t seed;
    int64_t server_pid; /* 0: found by the port, when the server is on this machine */
    struct viewer_options viewer;
};

struct audience_result {
    int64_t seconds_us; /* measured */
    int64_t server_pid; /* 0: not found */
    int64_t server_cpu_us;
    int64_t server_rss_bytes; /* at the end of the measuring; −1: not known, as server_cpu_us */
    int64_t client_cpu_us;
    int64_t pass_ticks; /* of one whole pass over the tape; −1: there was none */
    uint64_t pass_sum;
    struct tally tally;
};

/* STATUS_OK: everything was as the protocol promises. Otherwise a sentence that names the viewer.
 */
enum status audience_run(const struct audience_options *options, struct audience_result *result,
                         struct error *error) MUST_CHECK;

#endif
