/*
 * The inside of a feed, shared by its rooms: feed.c (messages in and out), requests.c (what each
 * op does), replays.c (the client's replays). Lane's thread.
 */
#ifndef TAPEDECK_FEED_CLIENT_H
#define TAPEDECK_FEED_CLIENT_H

#include "feed/answers.h"
#include "feed/feed.h"
#include "feed/throttle.h"
#include "wire/codes.h"
#include "wire/replay_control.h"
#include "wire/replay_push.h"
#include "wire/session.h"
#include "wire/value.h"

struct feed {
    struct feed_lane *lane;
    enum wire_encoding encoding;
    feed_wake_fn *wake;
    void *owner;
    struct answers answers;
    struct throttle throttle;
    struct list replays; /* of struct client_replay; the one that speaks next is first */
    size_t replay_count;
    bool closing;
    uint16_t close_code;
    const char *close_reason;
};

/* A writer on a fresh answer; feed_answer_end queues it and wakes the connection. */
struct writer feed_answer(struct feed *feed);
void feed_answer_end(struct feed *feed);
/* `error` as an answer to `request`; `id` may be NULL. */
void feed_answer_error(struct feed *feed, const struct request *request, const uint64_t *id,
                       const struct error *error);

/* The one op without an answer. */
#define FEED_ACK_OP "replay.ack"
/* Does what a request asks and answers it. */
void feed_request(struct feed *feed, const struct request *request, struct now now);
/* The ops of the table, for the welcome. */
size_t feed_ops(const char *const **ops);

/* One replay of the client. */
struct client_replay {
    struct list node;
    struct feed *feed;
    uint64_t id;
    unsigned encodings; /* that the client knows */
    bool awake;         /* polling is worth it */
    struct replay *replay;
};

void feed_replay_open(struct feed *feed, const struct request *request, struct now now);
void feed_replay_play(struct feed *feed, const struct request *request, struct now now);
void feed_replay_pause(struct feed *feed, const struct request *request, struct now now);
void feed_replay_seek(struct feed *feed, const struct request *request, struct now now);
void feed_replay_speed(struct feed *feed, const struct request *request, struct now now);
void feed_replay_step(struct feed *feed, const struct request *request, struct now now);
void feed_replay_set(struct feed *feed, const struct request *request, struct now now);
void feed_replay_ack(struct feed *feed, const struct request *request, struct now now);
void feed_replay_close(struct feed *feed, const struct request *request, struct now now);
void feed_replays_close_all(struct feed *feed);
/* The next push of any replay, fairly in turn. */
enum status feed_replays_say(struct feed *feed, struct now now, struct buffer *out) MUST_CHECK;

#endif
