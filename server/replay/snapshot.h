/*
 * The picture at the playhead: out of the tape, if that knows it all; else out of the source, with
 * one request at a time. A seek while one is under way makes its answer stale, and the owner is
 * told to ask again when it comes; so a storm of seeks has one query in flight. The request
 * outlives the replay where it has to. Lane's thread.
 */
#ifndef TAPEDECK_REPLAY_SNAPSHOT_H
#define TAPEDECK_REPLAY_SNAPSHOT_H

#include "market/playback.h"
#include "market/source.h"
#include "tape/tape.h"

enum snapshot_state { SNAPSHOT_NONE, SNAPSHOT_WANTED, SNAPSHOT_ASKED, SNAPSHOT_READY };

typedef void snapshot_ready_fn(void *owner);

struct snapshot_request;

struct snapshot {
    enum snapshot_state state;
    struct snapshot_request *request;
    enum status status; /* of a READY one */
    struct error error;
};

struct snapshot_options {
    struct source *source;
    struct tape *tape;
    struct inbox *inbox;
    size_t symbol_count;
    const char *symbols[REPLAY_SYMBOLS_MAX];  /* copied */
    struct track *tracks[REPLAY_SYMBOLS_MAX]; /* held by the owner for as long as the snapshot */
    snapshot_ready_fn *ready; /* it is READY, or still WANTED and can be asked for again */
    void *owner;
};
void snapshot_init(struct snapshot *snapshot, const struct snapshot_options *options);
void snapshot_deinit(struct snapshot *snapshot);

/* The picture before `at` is wanted; an older wish is void. */
void snapshot_want(struct snapshot *snapshot, int64_t at);
/* Looks for what is WANTED in the tape: READY, if that knows it all. */
void snapshot_look(struct snapshot *snapshot);
/* Asks the source for what is WANTED, or will when an answer that is under way has come. */
void snapshot_ask(struct snapshot *snapshot);
/* What was WANTED cannot be had: READY, with this error. */
void snapshot_fail(struct snapshot *snapshot, const struct error *error);
/* The wish is void, also one that has been fulfilled. */
void snapshot_drop(struct snapshot *snapshot);
/* A READY one's values, per symbol; the wish is fulfilled. */
const struct last_values *snapshot_take(struct snapshot *snapshot);

#endif
