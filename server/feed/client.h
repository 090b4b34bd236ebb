/*
 * The inside of a feed, shared by its rooms: feed.c (messages in and out), requests.c (what each
 * op does), session.c (who it is), speakers.c (whose turn it is), replays.c (the client's replays),
 * candles.c (its live candles), questions.c (its questions about candles), storage.c and policies.c
 * (its subscriptions to what the database says about itself), operations.c (its questions about
 * that, and an operator's actions), subscriptions.c (what subscriptions have in common). Lane's
 * thread.
 */
#ifndef TAPEDECK_FEED_CLIENT_H
#define TAPEDECK_FEED_CLIENT_H

#include "auth/role.h"
#include "feed/answers.h"
#include "feed/feed.h"
#include "feed/throttle.h"
#include "wire/candles_subscribe.h"
#include "wire/codes.h"
#include "wire/replay_control.h"
#include "wire/replay_push.h"
#include "wire/session.h"
#include "wire/value.h"

/*
 * Whoever may have something to say when the socket can take it: they take turns, so that none
 * can keep the others silent, and say one message a turn.
 */
enum speaker_kind {
    SPEAKER_REPLAY,
    SPEAKER_CANDLES,  /* a live subscription */
    SPEAKER_QUESTION, /* is gone with its answer; holds no id */
    SPEAKER_STORAGE,
    SPEAKER_POLICIES,
    SPEAKER_INQUIRY, /* as SPEAKER_QUESTION */
    SPEAKER_KINDS,
};
struct speaker {
    struct list node; /* in feed->speakers */
    struct feed *feed;
    enum speaker_kind kind;
    uint64_t id;
    bool awake; /* asking it is worth it */
};

/*
 * Who the client is:
 *
 *   unproven ──auth──► proven ──auth──► proven
 *      │ FEED_UNPROVEN_US   │ it expires, or is revoked
 *      └────────► closed ◄──┘                             an open server: neither, and no timer
 */
struct session {
    enum role role;           /* ROLE_NONE: not proven yet */
    struct identity identity; /* once it is proven; else its role is ROLE_NONE */
    struct address address;
    struct timer deadline;
};

struct feed {
    struct feed_lane *lane;
    enum wire_encoding encoding;
    feed_wake_fn *wake;
    void *owner;
    struct session session;
    struct answers answers;
    struct throttle throttle;
    struct list speakers; /* the one that speaks next is first */
    size_t speaker_counts[SPEAKER_KINDS];
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

/* `error`, as an answer (`request` NULL: by itself), and counts it. */
void feed_write_error(struct feed *feed, struct writer *writer, const struct request *request,
                      const uint64_t *id, const struct error *error);
void feed_write_error_code(struct feed *feed, struct writer *writer, const struct request *request,
                           const char *code, const char *sentence);

/* The one op without an answer. */
#define FEED_ACK_OP "replay.ack"
/* Does what a request asks and answers it. */
void feed_request(struct feed *feed, const struct request *request, struct now now);

/* ---- session.c ---- */

void feed_session_begin(struct feed *feed, const struct feed_peer *peer, struct now now);
void feed_session_end(struct feed *feed);
/* Whether `auth` has to come before anything else. */
bool feed_is_unproven(const struct feed *feed);
/* What was proven has run out by the wall clock, which may have been set; then it is closing. */
bool feed_has_expired(struct feed *feed, struct now now);
void feed_auth(struct feed *feed, const struct request *request, struct now now);

/* ---- speakers.c ---- */

/* Takes its place in the row, awake. */
void feed_speaker_join(struct feed *feed, struct speaker *speaker, enum speaker_kind kind,
                       uint64_t id);
void feed_speaker_leave(struct speaker *speaker);
/* It has something to say, or may have. */
void feed_speaker_wake(struct speaker *speaker);
/* Who holds this id; NULL: nobody. */
struct speaker *feed_speaker_find(struct feed *feed, uint64_t id);
/* STATUS_CONFLICT when an id is in use. */
enum status feed_check_id(struct feed *feed, uint64_t id, struct error *error) MUST_CHECK;
/* STATUS_NOT_FOUND, also while there is no list of symbols (then STATUS_UNAVAILABLE). */
enum status feed_find_symbol(const struct symbol_list *list, const char *name,
                             const struct symbol **symbol, struct error *error) MUST_CHECK;
/* The next message of any of them, fairly in turn. */
enum status feed_speakers_say(struct feed *feed, struct now now, struct buffer *out) MUST_CHECK;
/* It leaves and is freed, whatever its kind is. */
void feed_speaker_drop(struct speaker *speaker);
void feed_speakers_close_all(struct feed *feed);

/* ---- replays.c ---- */

/* One replay of the client. */
struct client_replay {
    struct speaker speaker;
    unsigned encodings; /* that the client knows */
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
/* The replay a request is about; answers the error and returns NULL when there is none. */
struct client_replay *feed_requested_replay(struct feed *feed, const struct request *request);
/* What these three say: STATUS_OK, STATUS_WAIT, or STATUS_LIMIT when `out` cannot hold it. */
enum status feed_replay_say(struct speaker *speaker, struct now now, struct buffer *out) MUST_CHECK;
void feed_replay_drop(struct speaker *speaker);

/* ---- questions.c ---- */

void feed_replay_history(struct feed *feed, const struct request *request, struct now now);
/* candles.subscribe without `live`. */
void feed_question_ask_candles(struct feed *feed, const struct request *request,
                               const struct candles_subscribe *subscribe,
                               const struct symbol *symbol, struct now now);
/* The questions to this replay are answered with an error. */
void feed_questions_cancel(struct feed *feed, uint64_t replay);
enum status feed_question_say(struct speaker *speaker, struct now now,
                              struct buffer *out) MUST_CHECK;
void feed_question_drop(struct speaker *speaker);

/* ---- candles.c ---- */

void feed_candles_subscribe(struct feed *feed, const struct request *request, struct now now);
void feed_candles_unsubscribe(struct feed *feed, const struct request *request, struct now now);
enum status feed_candles_say(struct speaker *speaker, struct now now,
                             struct buffer *out) MUST_CHECK;
void feed_candles_drop(struct speaker *speaker);

/* ---- subscriptions.c ---- */

/* STATUS_CONFLICT: the id is in use; STATUS_LIMIT: there are FEED_SUBSCRIPTIONS_MAX. */
enum status feed_check_subscription(struct feed *feed, uint64_t id, struct error *error) MUST_CHECK;
/* The same for storage and policies: STATUS_UNAVAILABLE where there is nobody to tell of them. */
enum status feed_check_board(struct feed *feed, uint64_t id, struct error *error) MUST_CHECK;
/* The subscription that a request is about; answers the error and returns NULL when it is none of
 * this kind. */
struct speaker *feed_requested_speaker(struct feed *feed, const struct request *request,
                                       enum speaker_kind kind, const char *what);
/* Answers an unsubscribe; first the subscribe, if that has no answer yet (else NULL). */
void feed_answer_unsubscribed(struct speaker *speaker, const struct request *request,
                              const struct request *unanswered);
/* How long the first snapshot of storage or policies may take … */
#define FEED_FIRST_SNAPSHOT_US (10 * TIME_SECOND_US)
/* … then the subscribe is answered so, and the speaker is gone. */
enum status feed_say_never_known(struct speaker *speaker, const struct request *asked,
                                 struct buffer *out) MUST_CHECK;

/* ---- storage.c, policies.c ---- */

void feed_storage_subscribe(struct feed *feed, const struct request *request, struct now now);
void feed_storage_unsubscribe(struct feed *feed, const struct request *request, struct now now);
enum status feed_storage_say(struct speaker *speaker, struct now now,
                             struct buffer *out) MUST_CHECK;
void feed_storage_drop(struct speaker *speaker);
void feed_policies_subscribe(struct feed *feed, const struct request *request, struct now now);
void feed_policies_unsubscribe(struct feed *feed, const struct request *request, struct now now);
enum status feed_policies_say(struct speaker *speaker, struct now now,
                              struct buffer *out) MUST_CHECK;
void feed_policies_drop(struct speaker *speaker);

/* ---- operations.c ---- */

void feed_storage_history(struct feed *feed, const struct request *request, struct now now);
void feed_policies_run(struct feed *feed, const struct request *request, struct now now);
void feed_policies_pause(struct feed *feed, const struct request *request, struct now now);
void feed_policies_resume(struct feed *feed, const struct request *request, struct now now);
enum status feed_inquiry_say(struct speaker *speaker, struct now now,
                             struct buffer *out) MUST_CHECK;
void feed_inquiry_drop(struct speaker *speaker);

#endif
