/*
 * The picture at the playhead: out of the tape, if that knows it all; else out of the source, with
 * one request at a time. A seek while one is under way
 * makes its answer stale, and the newest instant is asked for when it comes; so a storm of seeks
 * has one query in flight. The request outlives the replay where it has to. Lane's thread.
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
    snapshot_ready_fn *ready;
    void *owner;
};
void snapshot_init(struct snapshot *snapshot, const struct snapshot_options *options);
void snapshot_deinit(struct snapshot *snapshot);

/* The picture before `at` is wanted; an older wish is void. */
void snapshot_want(struct snapshot *snapshot, int64_t at);
/* If that is due, looks into the tape (and may be READY at once) or asks the source. */
void snapshot_ask(struct snapshot *snapshot);
/* The wish is void, also one that has been fulfilled. */
void snapshot_drop(struct snapshot *snapshot);
/* A READY one's values, per symbol; the wish is fulfilled. */
const struct last_values *snapshot_take(struct snapshot *snapshot);

#endif
