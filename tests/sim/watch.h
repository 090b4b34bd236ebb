/*
 * One replay as its client knows it, and the oracle of PROTOCOL section 4: every message about it
 * is compared with what the rules and sort(filter(all ticks)) say, forward or exactly reversed. A
 * violated rule ends the run with a sentence. frames.c judges frames, watch.c everything else.
 */
#ifndef TAPEDECK_TESTS_SIM_WATCH_H
#define TAPEDECK_TESTS_SIM_WATCH_H

#include "depot.h"
#include "market/playback.h"
#include "tally.h"

#include <jansson.h>

enum act {
    ACT_OPEN,
    ACT_PLAY,
    ACT_PAUSE,
    ACT_SEEK,
    ACT_SPEED,
    ACT_STEP,
    ACT_SET,
    ACT_CLOSE,
    ACT_ACK,
    ACT_HISTORY,
    ACT_WRONG, /* something that must be refused */
};

/* As-of candles that a replay is asked for. */
#define INTERVALS_MAX 3
struct interval {
    const char *text;
    int64_t us;
    int64_t history;
};
struct intervals {
    size_t count;
    struct interval items[INTERVALS_MAX];
};

enum step_unit { UNIT_TICK, UNIT_FRAME, UNIT_INTERVAL };

/* A request, from the moment it is sent until its answer has been read. */
struct asked {
    enum act act;
    size_t watch;              /* the viewer's */
    int64_t re;                /* its `req` */
    int64_t arrives_us;        /* at the server */
    uint64_t failures;         /* of the source, when it arrived */
    uint64_t changes;          /* of the world, then */
    const char *refusal;       /* the code of ACT_WRONG */
    struct replay_speed speed; /* SPEED */
    enum step_unit unit;       /* STEP */
    int64_t interval_us;       /* STEP by intervals */
    int64_t count;             /* STEP */
    bool has_at;               /* SPEED, STEP, HISTORY */
    int64_t at;                /* OPEN, SEEK, and SPEED, STEP and HISTORY with has_at */
    int64_t fps;               /* SET; 0: as it is */
    int ticks;                 /* SET; -1: as it is */
    bool has_intervals;        /* SET */
    struct intervals intervals;
    int64_t epoch, seq; /* ACK */
    size_t symbol;      /* HISTORY: of `count` candles that start before `before` … */
    int64_t before;
    const char *interval; /* … of `interval_us` */
    char *bytes;
    size_t byte_count;
};

enum epoch_kind { EPOCH_PLAY, EPOCH_STEP };

struct epoch {
    int64_t number;
    enum epoch_kind kind;
    int direction;
    int64_t at;
    int64_t wall_us; /* when what began it reached the server */
    int64_t edge;
    int64_t seq; /* of the next frame */
    int64_t due_us;
    int64_t totals[WORLD_SYMBOLS_MAX];
    uint64_t changes; /* of the world, when it was asked for: later ones make some things unsure */
    /* Of a step: */
    bool is_pending; /* its end has not been reached */
    enum step_unit unit;
    int64_t target;
    int64_t slack_us; /* of the target, where it is no whole number of microseconds */
};

/* A frame the client may have used: where it left the playhead, and the ticks until then. */
#define SENT_MAX 16384 /* frames unacknowledged: more than a window of a minute holds */
#define USED_KEPT 8
struct used {
    int64_t edge;
    int64_t totals[WORLD_SYMBOLS_MAX];
};

/* What a client has put together, without a gap, from several epochs, connections and servers:
 * rule 7. */
struct journey {
    bool is_whole;             /* it got ticks all the way */
    bool goes_on;              /* the epoch did not begin it */
    bool was_cut;              /* it went on over another connection */
    bool is_elsewhere;         /* and there on another server */
    const struct depot *depot; /* where it began */
    int64_t at;
    int direction;
    uint64_t changes;                  /* of the world, when it began */
    int64_t totals[WORLD_SYMBOLS_MAX]; /* before the epoch */
};

struct watch {
    struct world *world;
    struct depot *depot; /* of the server it is on */
    bool open;
    bool closed_due;  /* the push that tells of it */
    size_t asked;     /* requests on their way or unanswered */
    bool was_cut_off; /* open when the connection was lost */

    uint64_t id;
    size_t symbol_count;
    size_t symbols[WORLD_SYMBOLS_MAX]; /* indices into the world */
    int64_t from;
    int64_t to;
    struct replay_speed speed;
    int64_t fps;
    int64_t lead_us;
    bool ticks;
    struct intervals intervals;
    bool flow_ack;
    int64_t window_us;

    struct epoch epoch;
    size_t used_count;
    struct used used[USED_KEPT]; /* of the epoch, the oldest first */
    struct journey journey;

    enum replay_state state;
    char reason[8];
    bool echo_due;        /* an answer told of a new state: a push must follow */
    bool snapshot_due;    /* frames wait for it */
    bool snapshot_failed; /* the next play asks again */
    uint64_t snapshot_changes;
    uint64_t failures_seen;
    bool saw_busy;          /* since all had been read, the source worked for somebody … */
    bool saw_unacked;       /* … or acks were missing */
    int64_t quiet_us;       /* nothing came since, though it could */
    int64_t drained_us;     /* when there last was nothing to read */
    uint64_t frame_changes; /* of the world at the last frame: a newer tick may be long due */
    int64_t frame_us;       /* when the last frame came, or could have been expected */
    int64_t clock_us;       /* then the play clock had come to where the last frame might go */
    bool clock_unsure;      /* it goes on, or back, when the client next takes something */
    bool finishing;         /* its last speed has been chosen */

    /* Frames as sent, of [acked_seq, seq), by seq modulo. */
    int64_t acked_seq;
    int64_t acked_due_us;
    int64_t unacked_bytes;
    struct {
        int64_t due_us;
        int64_t bytes;
    } sent[SENT_MAX];
};

bool watch_is_running(const struct watch *watch);
/* Frames it should get are held back by nothing but their time. */
bool watch_is_unacked(const struct watch *watch);
const struct world_tape *watch_tape(const struct watch *watch, size_t symbol);
/* Where play in a direction comes to its end. */
int64_t watch_end(const struct watch *watch, int direction);

void watch_take_frame(struct watch *watch, const json_t *message, size_t bytes, int64_t now_us);
void watch_take_snapshot(struct watch *watch, const json_t *message);
void watch_take_state(struct watch *watch, const json_t *message, int64_t now_us);
/* A push that tells of a failure. */
void watch_take_failure(struct watch *watch, const json_t *message);
void watch_take_answer(struct watch *watch, const struct asked *asked, const json_t *message);
/* The server got an acknowledgement. */
void watch_acknowledge(struct watch *watch, int64_t epoch, int64_t seq);
/* The feed has been asked. */
void watch_look(struct watch *watch);
/* It had nothing more to say. */
void watch_drain(struct watch *watch, int64_t now_us);
/* There was nothing to read after the timers of `turn_us`. `is_idle`: and the source has nothing
 * to do. */
void watch_take_silence(struct watch *watch, bool is_idle, int64_t turn_us);

/* Readers of messages that must be as they are expected. */
int64_t integer_of(const json_t *message, const char *key);
const char *text_of(const json_t *message, const char *key);

/* Prints the sentence with the run's seed and exits. */
_Noreturn void sim_fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* A line of what happens, where --trace asks for it. */
void sim_trace(const char *format, ...) PRINTF_LIKE(1, 2);
bool sim_is_traced(void);

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_fail(__VA_ARGS__);                                                                 \
    } while (0)

#endif
