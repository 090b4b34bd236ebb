/*
 * Lets a few lines of one kind of event through in a while and counts the others, so that a peer
 * cannot fill a disk with our log. Any thread.
 */
#ifndef TAPEDECK_BASE_LOG_LIMIT_H
#define TAPEDECK_BASE_LOG_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_WINDOW_US (10 * INT64_C(1000000))
#define LOG_LIMIT_LINES 5 /* per window */

/* Zero-initialised: nothing logged yet. */
struct log_limit {
    atomic_llong window; /* number of the window that is being counted */
    atomic_uint lines;
    atomic_uint swallowed;
};

/* Whether this line may be written; then `swallowed` tells how many were not since the last one. */
bool log_limit_pass(struct log_limit *limit, int64_t now_us, unsigned *swallowed);

#endif
