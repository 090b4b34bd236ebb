/*
 * What lanes have done and are doing, as plain numbers: a copy, taken by any thread.
 */
#ifndef TAPEDECK_NET_FIGURES_H
#define TAPEDECK_NET_FIGURES_H

#include "feed/figures.h"
#include "market/playback.h"
#include "net/http.h"

#include <stdint.h>

/* Of one lane, or the sum of all. The first seven are now, the rest only grows. */
struct server_figures {
    uint64_t connections; /* HTTP ones included */
    uint64_t clients;     /* those with a WebSocket */
    uint64_t unsent;      /* clients that have not taken all that was said to them */
    uint64_t unsent_bytes;
    uint64_t works; /* answers over HTTP that wait or stream */
    uint64_t replays[REPLAY_STATES];
    uint64_t open[FEED_KINDS_MAX]; /* feed_kind_name */
    uint64_t accepted;
    uint64_t refused; /* over a cap, or out of file descriptors */
    uint64_t messages_in;
    uint64_t bytes_in; /* of messages, as `bytes_out` */
    uint64_t messages_out;
    uint64_t bytes_out;
    uint64_t turns;      /* of the loop over poll() */
    uint64_t wakeups;    /* by other threads */
    uint64_t overloaded; /* clients that had to go because of too many unsent bytes */
    uint64_t requests;
    uint64_t requests_refused;
    uint64_t acks;
    uint64_t ops[FEED_OPS_MAX + 1];    /* feed_ops; the last one: unknown */
    uint64_t errors[WIRE_ERROR_CODES]; /* said over WebSocket: wire_error_codes */
    uint64_t answers[HTTP_STATUSES];   /* over HTTP: http_statuses */
    uint64_t hasty;                    /* of these, over the rate */
    uint64_t candle_updates;
    uint64_t frames;
    uint64_t ticks;
    uint64_t late[FEED_LATE_BUCKETS]; /* frames by lateness: feed_late_bounds_us */
    uint64_t late_us;
};

#endif
