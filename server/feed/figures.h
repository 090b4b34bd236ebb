/*
 * What the clients of one lane asked for and got, as counters. Written by the lane's thread, read
 * by any (base/counter.h).
 */
#ifndef TAPEDECK_FEED_FIGURES_H
#define TAPEDECK_FEED_FIGURES_H

#include "base/counter.h"
#include "wire/codes.h"

#include <stddef.h>

/* Upper bounds of the buckets of lateness; what is later is in one more. Frames are sent ahead of
 * their due time, so the first bucket holds all but those that something kept waiting. */
#define FEED_LATE_BOUNDS 10
#define FEED_LATE_BUCKETS (FEED_LATE_BOUNDS + 1)
extern const int64_t feed_late_bounds_us[FEED_LATE_BOUNDS];

/* Ops, and kinds of what a client has open, are counted in tables of fixed length. */
#define FEED_OPS_MAX 48
#define FEED_KINDS_MAX 8
/* "replay", "candles", …; NULL: there are no more kinds. */
const char *feed_kind_name(size_t kind);

struct feed_figures {
    struct counter requests;         /* all but acknowledgements, those refused included */
    struct counter requests_refused; /* over the rate */
    struct counter acks;
    /* Requests that were tried, in the order of feed_ops; the last one: of unknown ops. */
    struct counter ops[FEED_OPS_MAX + 1];
    struct counter errors[WIRE_ERROR_CODES]; /* said, as answers or by themselves */
    struct counter open[FEED_KINDS_MAX];     /* now: replays, subscriptions, questions */
    struct counter candle_updates;           /* messages to those who watch candles live */
    struct counter frames;
    struct counter ticks;
    /* Frames with a due time, by how late they were written: not cumulative. */
    struct counter late[FEED_LATE_BUCKETS];
    struct counter late_us; /* sum of what was late; early ones count 0 */
};

/* `late_us` may be REPLAY_NEVER_LATE. */
void feed_figures_note_frame(struct feed_figures *figures, size_t ticks, int64_t late_us);

#endif
