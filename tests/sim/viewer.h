/*
 * A simulated client: it opens replays, plays with their controls over a network that delays its
 * requests, so that several are under way at once, loses its connection and goes on elsewhere, and
 * hands every message to the oracle (watch.h). viewer.c is its connection, user.c its wishes.
 */
#ifndef TAPEDECK_TESTS_SIM_VIEWER_H
#define TAPEDECK_TESTS_SIM_VIEWER_H

#include "history.h"
#include "server.h"
#include "watch.h"

#define VIEWER_WATCHES 3
#define VIEWER_ASKED_MAX 16

/* What it likes to do; the weights are in user.c. */
enum habit {
    HABIT_ANYTHING,
    HABIT_SEEKING,
    HABIT_STEPPING,
    HABIT_TURNING,
    HABIT_WINDOWS, /* short ranges at "max", one beside the other */
    HABITS,
};

struct viewer {
    size_t number; /* for the trace */
    struct world *world;
    struct dice *dice;
    struct server *server;
    struct feed *feed;
    enum habit habit;
    bool is_msgpack;
    bool writable;        /* the fake socket; false: the client has stopped reading */
    int64_t changes_mind; /* about reading: once in so many turns */
    bool woken;
    struct buffer out;
    struct watch watches[VIEWER_WATCHES];
    uint64_t ids;

    /* Requests in their order: [0, arrived) are at the server, the others on their way. Those that
     * have been answered are gone. */
    struct asked asked[VIEWER_ASKED_MAX];
    size_t asked_count;
    size_t arrived;
    struct histories histories; /* asked for, and at the server */
    int64_t re;
    int64_t network_us; /* most a request takes */
    int64_t acks_in;    /* it acknowledges when it thinks of it: once in so many times */
};

void viewer_init(struct viewer *viewer, size_t number, struct world *world, struct dice *dice);
void viewer_connect(struct viewer *viewer, struct server *server, int64_t now_us);
void viewer_disconnect(struct viewer *viewer);
void viewer_deinit(struct viewer *viewer);

/* Hands the feed the requests that have arrived. */
void viewer_arrive(struct viewer *viewer, int64_t now_us);
/* Reads what the feed has to say, up to `most` messages, which takes some time. */
void viewer_read(struct viewer *viewer, int64_t *now_us, int most);
/* All has been done that can be done in the turn of `turn_us`. */
void viewer_check(struct viewer *viewer, int64_t turn_us);
/* Puts a request on its way; takes the tree. */
void viewer_send(struct viewer *viewer, const struct asked *asked, json_t *tree, int64_t now_us);

/* Does one random thing a user might do. */
void user_act(struct viewer *viewer, int64_t now_us);
/* The next step to see all its replays through to their end; true when they have come to it. */
bool user_finish(struct viewer *viewer, int64_t now_us);

#endif
