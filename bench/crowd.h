/*
 * Subscribers to one live candle, all in one process: who waits until each of them has heard the
 * same price.
 *
 *   crowd_create ──▶ everybody has a snapshot ──▶ crowd_await(price) ⟲ everybody has heard it
 *
 * Times are taken when bytes have been received after epoll said that there are some: what this
 * process had to wait for a processor is in them. One thread.
 */
#ifndef TAPEDECK_BENCH_CROWD_H
#define TAPEDECK_BENCH_CROWD_H

#include "bench/channel.h"
#include "bench/histogram.h"

struct crowd;

struct crowd_options {
    struct channel_target target;
    const char *symbol; /* may not be listed yet: asked for until it is */
    const char *interval;
    size_t subscribers;
};

/* Times on the clock of clock_monotonic_us. */
struct crowd_heard {
    int64_t first_us;
    int64_t last_us;
};

/* The options are borrowed as long as the crowd lives. */
enum status crowd_create(const struct crowd_options *options, struct crowd **crowd,
                         struct error *error) MUST_CHECK;
void crowd_destroy(struct crowd **crowd);

/* Until all have heard that the newest candle closes at `price` (at exp 8), or a greater one.
 * `each_us` gets the time from `began_us` to each. STATUS_UNAVAILABLE: not within 30 s. */
enum status crowd_await(struct crowd *crowd, int64_t price, int64_t began_us,
                        struct histogram *each_us, struct crowd_heard *heard,
                        struct error *error) MUST_CHECK;
/* Of the server. */
uint16_t crowd_port(const struct crowd *crowd);
/* Messages that have come since the last call. */
uint64_t crowd_take_messages(struct crowd *crowd);

#endif
