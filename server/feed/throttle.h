/*
 * How fast one client may ask.
 *
 *                      ┌ tokens ─▶ done
 *   request ─▶ bucket ─┤
 *                      └ none ───▶ refused with `limit`, which is owed as well;
 *                                  THROTTLE_REFUSALS owed: the socket is not read until half of
 *                                  the bucket is full again
 *
 * Acknowledgements have a bucket of their own and no answer, so nothing is refused: when theirs is
 * empty, the socket is not read until half of it is full again. A client that goes too fast thus
 * costs what the rate allows, is told so, and loses nothing but time. Lane's thread.
 */
#ifndef TAPEDECK_FEED_THROTTLE_H
#define TAPEDECK_FEED_THROTTLE_H

#include "base/allowance.h"
#include "base/wheel.h"

#include <stddef.h>

#define THROTTLE_REFUSALS 64
/* A longer pause would look like a silent client, which is hung up. */
#define THROTTLE_PAUSE_US_MAX INT64_C(5000000)
/* A long answer is as much work as several requests: it counts once per so many bytes begun. */
#define THROTTLE_ANSWER_BYTES ((size_t)16 << 10)

/* Per connection; a rate of 0: no bound. */
struct throttle_limits {
    int64_t requests_per_second;
    int64_t requests_burst; /* at once, out of a full bucket */
    int64_t acks_per_second;
};

struct throttle {
    struct allowance requests;
    struct allowance acks;
    struct wheel *wheel;
    struct timer resume;
    bool is_paused;
    void (*resumed)(void *owner);
    void *owner;
};

/* `resumed` is called when the socket may be read again. */
void throttle_init(struct throttle *throttle, const struct throttle_limits *limits,
                   struct wheel *wheel, void (*resumed)(void *owner), void *owner, int64_t now_us);
void throttle_deinit(struct throttle *throttle);

/* Whether one more request is within the bounds; if not, it is refused. */
bool throttle_admit(struct throttle *throttle, int64_t now_us);
/* What an answer of so many bytes costs beyond its request. */
void throttle_charge(struct throttle *throttle, size_t answer_bytes, int64_t now_us);
/* One acknowledgement. */
void throttle_note_ack(struct throttle *throttle, int64_t now_us);

#endif
