/*
 * The messages of a connection itself: welcome, ping/pong, error, ok.
 */
#ifndef TAPEDECK_WIRE_SESSION_H
#define TAPEDECK_WIRE_SESSION_H

#include "wire/request.h"
#include "wire/writer.h"

struct welcome {
    const char *server; /* "tapedeck/0.1.0" */
    const char *engine; /* "timescaledb" or "postgresql" */
    const char *engine_version;
    bool auth_required;
    const char *role;       /* NULL: `auth` must come first */
    const char *const *ops; /* every op this server answers */
    size_t op_count;
    int64_t replays_max;         /* limits: live replays per connection */
    int64_t symbols_max;         /* per replay */
    int64_t subscriptions_max;   /* likewise, of live candles */
    int64_t questions_max;       /* requests for candles that wait for their answer */
    int64_t pending_answers_max; /* unread answers before the server stops reading */
    int64_t pending_bytes_max;   /* of unread answers, likewise */
    int64_t requests_per_second; /* of a connection; 0: no bound */
    int64_t requests_burst;      /* at once */
    int64_t acks_per_second;     /* replay.ack has a bound of its own */
    int64_t now;                 /* wall clock, µs */
};
void welcome_write(struct writer *writer, const struct welcome *welcome);

/* `pong`: the fields of the request but op and req, plus re and now. */
void pong_write(struct writer *writer, const struct request *request, int64_t now);

/* `error`; `request` may be NULL, `id` too. */
void error_write(struct writer *writer, const struct request *request, const uint64_t *id,
                 enum status status, const char *message);
/* The same with a code of its own (unknown_op, bad_message). */
void error_write_code(struct writer *writer, const struct request *request, const uint64_t *id,
                      const char *code, const char *message);

/* `ok` about something with an id, which has nothing else to say. */
void ok_write(struct writer *writer, const struct request *request, uint64_t id);

/* `ok` about `auth`; `expires` (wall clock, µs) may be NULL: it does not. */
void auth_ok_write(struct writer *writer, const struct request *request, const char *role,
                   const int64_t *expires);

/* {ev, re?} of an answer: writes the two (or one) pairs; count them with answer_pairs. */
size_t answer_pairs(const struct request *request);
void answer_head(struct writer *writer, const char *ev, const struct request *request);

#endif
