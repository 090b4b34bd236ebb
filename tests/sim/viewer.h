/*
 * A simulated client of one feed and the oracle of PROTOCOL section 4: it opens a replay, plays
 * with its controls, reads every message, and compares each frame with sort(filter(all ticks)).
 * A violated rule ends the run with a sentence.
 */
#ifndef TAPEDECK_TESTS_SIM_VIEWER_H
#define TAPEDECK_TESTS_SIM_VIEWER_H

#include "feed/feed.h"
#include "world.h"

#include <jansson.h>

struct viewer {
    struct world *world;
    struct dice *dice;
    struct feed *feed;
    bool is_msgpack;
    bool writable; /* the fake socket; false: the client has stopped reading */
    bool woken;
    struct buffer out;

    /* The open replay, as the client knows it. */
    bool open;
    bool awaiting; /* an answer is on its way: one request at a time */
    uint64_t id;
    size_t symbol_count;
    size_t symbols[WORLD_SYMBOLS_MAX]; /* indices into the world */
    int64_t from;
    int64_t to;
    double rate; /* 0: max */
    int64_t fps;
    int64_t lead_us;
    bool flow_ack;
    int64_t epoch;
    int64_t epoch_at;
    int64_t requested_us;  /* when the last request was sent */
    int64_t epoch_wall_us; /* when it was asked for: its clock started no earlier */
    int64_t edge;
    int64_t seq;
    int64_t due_us;
    int64_t byte_frames; /* frames that ended early because they were full */
    int64_t totals[WORLD_SYMBOLS_MAX];
    char state[16];
    bool snapshot_due;
    bool ended;

    /* Of the whole run. */
    uint64_t frames;
    uint64_t ticks;
    uint64_t epochs;
    uint64_t ends;
};

void viewer_init(struct viewer *viewer, struct world *world, struct dice *dice);
void viewer_connect(struct viewer *viewer, struct feed_lane *lane, int64_t now_us);
void viewer_disconnect(struct viewer *viewer);
void viewer_deinit(struct viewer *viewer);

/* Reads what the feed has to say, up to `most` messages. */
void viewer_read(struct viewer *viewer, int64_t now_us, int most);
/* Does one random thing a user might do. */
void viewer_act(struct viewer *viewer, int64_t now_us);
/* Opens, or goes on from where it was, at "max": to see it through to the end. */
void viewer_finish(struct viewer *viewer, int64_t now_us);

/* Prints the sentence with the run's seed and exits. */
_Noreturn void sim_fail(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
