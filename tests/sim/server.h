/*
 * One simulated server: a fake source and the real tape, feed lane, inbox and timing wheel over it.
 * Several share a world, and nothing else: what a client has from one it can go on with at another.
 */
#ifndef TAPEDECK_TESTS_SIM_SERVER_H
#define TAPEDECK_TESTS_SIM_SERVER_H

#include "depot.h"
#include "feed/feed.h"

struct server {
    struct depot depot;
    struct tape *tape;
    struct live_symbols *symbols;
    struct inbox inbox;
    struct wheel wheel;
    struct feed_lane lane;
};

/* In place: it must not move until server_stop. */
void server_start(struct server *server, struct world *world, size_t budget_bytes, int64_t now_us);
/* Its feeds are gone. */
void server_stop(struct server *server);
/* Runs the timers, lets the source do a little, and delivers what it did. */
void server_turn(struct server *server, int64_t now_us);
/* Nothing is under way: not in the source, and nothing waits to be delivered. */
bool server_is_idle(const struct server *server);

#endif
