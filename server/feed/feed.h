/*
 * One client's logic, without sockets: requests in, messages out.
 *
 *   net: message arrived       → feed_receive
 *   feed: has something        → wake
 *   net: woken, or room again  → feed_send, a few times, until STATUS_WAIT
 *
 * Nothing is queued ahead for a peer that cannot take it: answers wait in a small bounded buffer
 * (feed_wants_input turns false when it is full, and net stops reading), pushes are made when the
 * socket asks. All on the lane's thread; one feed belongs to one lane for life.
 */
#ifndef TAPEDECK_FEED_FEED_H
#define TAPEDECK_FEED_FEED_H

#include "auth/gate.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "feed/boards.h"
#include "feed/figures.h"
#include "feed/inquiry.h"
#include "feed/throttle.h"
#include "feed/watchers.h"
#include "live/symbols.h"
#include "replay/replay.h"
#include "wire/storage.h"
#include "wire/value.h"

#define FEED_REPLAYS_MAX 64 /* live replays per connection, default */
#define FEED_SUBSCRIPTIONS_MAX 64
#define FEED_QUESTIONS_MAX 16 /* requests for candles that wait for their answer */
#define FEED_INQUIRIES_MAX 4  /* requests about the database that do */
#define FEED_ANSWERS_MAX 64   /* unread answers before input stops */
#define FEED_ANSWER_BYTES_MAX (8 << 10)
/* How long a server that wants to know waits for `auth`: time for a person to paste a token. */
#define FEED_UNPROVEN_US INT64_C(60000000)
/* Rates per connection, defaults. The acknowledgements of 64 replays at 240 frames a second fit. */
#define FEED_REQUESTS_PER_SECOND 200
#define FEED_REQUESTS_BURST 400
#define FEED_ACKS_PER_SECOND 20000

/* What all feeds of one lane share; outlives them. Everything up to the counters is given by the
 * lane before feed_lane_init. */
struct feed_lane {
    struct tape *tape;
    struct live_symbols *symbols;
    struct live_changes *changes; /* NULL: nothing ever changes */
    struct source *source;
    struct operations *operations;           /* NULL: nobody watches the database */
    struct live_operations *live_operations; /* NULL where `operations` is */
    struct inbox *inbox;                     /* the lane's */
    struct wheel *wheel;                     /* the lane's, in monotonic µs */
    struct gate *gate; /* NULL: nobody is asked who they are, everybody is an operator */
    const char *server;
    const char *engine;
    const char *engine_version;
    size_t replays_max;
    struct throttle_limits rates;
    struct feed_figures figures; /* since the start; read by other threads */
    struct replay_lane replay;
    struct watchers watchers;
    struct boards boards;
    struct inquiries inquiries;
    struct decoder *decoder; /* nothing is kept in it from one message to the next */
    struct buffer draft;     /* nor in this, an answer that is being written */
};

/* The ops that are answered, in the order in which they are counted. */
size_t feed_ops(const char *const **ops);

void feed_lane_init(struct feed_lane *lane);
void feed_lane_deinit(struct feed_lane *lane);

/* What storage.snapshot tells of the tape. */
struct storage_cache feed_storage_cache(struct tape *tape);

typedef void feed_wake_fn(void *owner);

struct feed;

/* Whom a feed is for. */
struct feed_peer {
    enum wire_encoding encoding;
    feed_wake_fn *wake;
    void *owner;
    struct address address;
    const struct identity *identity; /* proven already; NULL: nothing is. Copied */
};

/* The welcome is the first message it sends. */
struct feed *feed_create(struct feed_lane *lane, const struct feed_peer *peer, struct now now);
void feed_destroy(struct feed **feed);

/* One whole message from the client, ≤ WIRE_MESSAGE_BYTES_MAX bytes. */
void feed_receive(struct feed *feed, const uint8_t *bytes, size_t count, struct now now);
/* Bytes that net itself could not take for a message (too long, text where binary is due): says
 * `error bad_message` with this sentence, and closes with this code. */
void feed_refuse(struct feed *feed, uint16_t close_code, const char *sentence);
/* False while too many answers are unread, or after too many requests: stop reading the socket
 * until it is true again. It turns true through feed_send, or with time; `wake` tells the latter.
 */
bool feed_wants_input(const struct feed *feed);
/* What the unread answers hold. */
size_t feed_unread_bytes(const struct feed *feed);

/*
 * The next message, appended to `out` (whose limit must hold a frame of one instant):
 * STATUS_OK, STATUS_WAIT (nothing now; `wake` will tell) or STATUS_END (close the socket with
 * feed_close_code, everything that had to be said was).
 */
enum status feed_send(struct feed *feed, struct now now, struct buffer *out) MUST_CHECK;
uint16_t feed_close_code(const struct feed *feed, const char **reason);

/* The gate's keys have changed: whoever is in only through one that is gone has to leave. */
void feed_renew(struct feed *feed, struct now now);

/* Says goodbye: the next feed_send ends with this code. */
void feed_close(struct feed *feed, uint16_t close_code, const char *reason);

#endif
