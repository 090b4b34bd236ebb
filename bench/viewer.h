/*
 * One viewer: a WebSocket, a replay and a verifier, from the handshake to the end.
 *
 *   CONNECTING ──welcome──▶ ASKING ──symbols, opened, snapshot──▶ READY ──viewer_start──▶ WATCHING
 *                                                                                            │
 *                  DONE ◀──ok── LEAVING ◀──viewer_leave── ENDED ◀──`ended`, last seek────────┘
 *
 * It counts what it sees into a tally that all viewers share, and fails at the first message that
 * is not as the protocol promises. It owns its channel; the audience owns it. One thread.
 */
#ifndef TAPEDECK_BENCH_VIEWER_H
#define TAPEDECK_BENCH_VIEWER_H

#include "bench/channel.h"
#include "bench/histogram.h"
#include "bench/requests.h"
#include "bench/step.h"
#include "bench/verifier.h"

struct viewer_options {
    struct requests_open open; /* its tape is the audience's */
    int64_t seeks;             /* of each viewer; 0: it only plays */
    bool seeks_paused;
    int64_t seek_every_us; /* from one seek to the next; 0: at once */
    int64_t steps;         /* of each viewer; 0: none */
    struct step step;
    bool loops;                 /* at the end: from the beginning again */
    bool is_bare;               /* the other end is bench/bare_server: messages are only counted */
    const char *const *symbols; /* asked for; NULL: all there are */
    size_t symbol_count;
    int64_t from; /* INT64_MIN: from the first tick */
    int64_t to;   /* INT64_MIN: to the last */
};

/* What was measured; cleared when the measuring begins. */
struct tally {
    struct histogram lateness_us;
    struct histogram seek_us;
    struct histogram step_us;
    struct histogram open_us; /* from replay.open to its snapshot; before the measuring, and kept */
    int64_t ticks;
    int64_t frames;
    int64_t bytes;
    int64_t early_us_max; /* how far a frame came before it was due, by this machine's clock */
    int64_t bufferings;
};

/* What viewers have in common. */
struct company {
    const struct viewer_options *options;
    struct tape tape;
    struct tally tally;
    struct buffer request; /* being written */
    struct message message;
    size_t viewer_count;
    double seek_offset; /* 0 … 1, out of the seed */

    /* What the first whole pass over the tape came to: all others must come to the same. */
    bool has_pass;
    int64_t pass_ticks;
    uint64_t pass_sum;
};

enum viewer_phase {
    VIEWER_NEW,
    VIEWER_CONNECTING,
    VIEWER_ASKING,
    VIEWER_READY,
    VIEWER_WATCHING,
    VIEWER_ENDED,
    VIEWER_LEAVING,
    VIEWER_DONE,
};

enum viewer_asked {
    ASKED_NOTHING,
    ASKED_SYMBOLS,
    ASKED_OPEN,
    ASKED_PLAY,
    ASKED_SEEK,
    ASKED_STEP,
    ASKED_CLOSE
};

struct viewer {
    size_t index;
    enum viewer_phase phase;
    struct channel channel;
    struct verifier verifier;
    int64_t frame_bytes; /* of welcome */

    enum viewer_asked asked; /* one request at a time waits for its answer */
    int64_t req;
    int64_t heard_us; /* when the last message came, or the last request was sent */

    int64_t played_us;  /* when playing was acknowledged: `due` counts from here; 0: it was not */
    int64_t acked_seq;  /* with flow "ack" */
    int64_t opened_us;  /* when replay.open was sent */
    int64_t sought;     /* seeks made */
    int64_t sought_us;  /* when the last one was sent */
    int64_t target;     /* of the last one */
    bool awaits_seek;   /* its first frame, or its snapshot, has not come */
    int64_t stepped;    /* steps made; where the last one goes is `target` */
    int64_t stepped_us; /* when it was sent */
    bool is_rewinding;  /* the seek is a loop's */
    uint32_t armed;     /* what epoll waits for */
};

/* The channel is connected by the audience. All: what is not STATUS_OK is a violation, or the end
 * of the connection, with a sentence. */

/* A message_fn of the channel has come with this message. */
enum status viewer_message(struct viewer *viewer, struct company *company, const uint8_t *bytes,
                           size_t count, int64_t now_us, struct error *error) MUST_CHECK;
/* READY: play, or seek. */
enum status viewer_start(struct viewer *viewer, struct company *company, int64_t now_us,
                         struct error *error) MUST_CHECK;
/* When the next seek is to be made; INT64_MAX: not by the clock. */
int64_t viewer_seek_at(const struct viewer *viewer, const struct company *company);
enum status viewer_seek(struct viewer *viewer, struct company *company, int64_t now_us,
                        struct error *error) MUST_CHECK;
/* After everything that was received at once: acknowledges frames where the flow wants it. */
enum status viewer_ack(struct viewer *viewer, struct company *company,
                       struct error *error) MUST_CHECK;
/* Closes the replay; DONE when the server's edge is the one that was seen. */
enum status viewer_leave(struct viewer *viewer, struct company *company, int64_t now_us,
                         struct error *error) MUST_CHECK;
/* Whether something should have come from the server by now. */
bool viewer_is_waiting(const struct viewer *viewer);

#endif
