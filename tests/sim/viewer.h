/*
 * A simulated client of one feed: it opens replays, plays with their controls over a network that
 * delays its requests, so that several are under way at once, and hands every message to the
 * oracle (watch.h).
 */
#ifndef TAPEDECK_TESTS_SIM_VIEWER_H
#define TAPEDECK_TESTS_SIM_VIEWER_H

#include "feed/feed.h"
#include "watch.h"

#define VIEWER_WATCHES 3
#define VIEWER_ASKED_MAX 16

struct viewer {
    struct world *world;
    struct dice *dice;
    struct feed *feed;
    bool is_msgpack;
    bool writable; /* the fake socket; false: the client has stopped reading */
    bool woken;
    struct buffer out;
    struct watch watches[VIEWER_WATCHES];
    uint64_t ids;

    /* Requests in their order: [0, arrived) are at the server, the others on their way. Those that
     * have been answered are gone. */
    struct asked asked[VIEWER_ASKED_MAX];
    size_t asked_count;
    size_t arrived;
    int64_t re;
    int64_t network_us; /* most a request takes */
};

void viewer_init(struct viewer *viewer, struct world *world, struct dice *dice);
void viewer_connect(struct viewer *viewer, struct feed_lane *lane, int64_t now_us);
void viewer_disconnect(struct viewer *viewer);
void viewer_deinit(struct viewer *viewer);

/* Hands the feed the requests that have arrived. */
void viewer_arrive(struct viewer *viewer, int64_t now_us);
/* Reads what the feed has to say, up to `most` messages, which takes some time. */
void viewer_read(struct viewer *viewer, int64_t *now_us, int most);
/* Does one random thing a user might do. */
void viewer_act(struct viewer *viewer, int64_t now_us);
/* The next step to see all its replays through to their end; true when they have come to it. */
bool viewer_finish(struct viewer *viewer, int64_t now_us);
/* All has been done that can be done in the turn of `turn_us`. `is_idle`: nothing is under way in
 * the source either. */
void viewer_check(struct viewer *viewer, bool is_idle, int64_t turn_us);

#endif
