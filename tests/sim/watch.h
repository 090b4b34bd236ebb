/*
 * One replay as its client knows it, and the oracle of PROTOCOL section 4: every message about it
 * is compared with what the rules and sort(filter(all ticks)) say. A violated rule ends the run
 * with a sentence.
 */
#ifndef TAPEDECK_TESTS_SIM_WATCH_H
#define TAPEDECK_TESTS_SIM_WATCH_H

#include "market/playback.h"
#include "replay/flow.h"
#include "world.h"

#include <jansson.h>

enum act {
    ACT_OPEN,
    ACT_PLAY,
    ACT_PAUSE,
    ACT_SEEK,
    ACT_SPEED,
    ACT_SET,
    ACT_CLOSE,
    ACT_ACK,
    ACT_WRONG, /* something that must be refused */
};

/* A request, from the moment it is sent until its answer has been read. */
struct asked {
    enum act act;
    size_t watch;       /* the viewer's */
    int64_t re;         /* its `req` */
    int64_t arrives_us; /* at the server */
    uint64_t failures;  /* of the world, when it arrived */
    uint64_t changes;
    const char *refusal; /* the code of ACT_WRONG */
    double rate;         /* SPEED */
    bool has_at;         /* SPEED */
    int64_t at;          /* SEEK, SPEED with has_at */
    int64_t fps;         /* SET; 0: as it is */
    int ticks;           /* SET; -1: as it is */
    int64_t epoch, seq;  /* ACK */
    char *bytes;
    size_t count;
};

struct watch {
    struct world *world;
    bool open;
    bool closed_due; /* the push that tells of it */
    size_t asked;    /* requests on their way or unanswered */

    uint64_t id;
    size_t symbol_count;
    size_t symbols[WORLD_SYMBOLS_MAX]; /* indices into the world */
    int64_t from;
    int64_t to;
    double rate; /* 0: max */
    int64_t fps;
    int64_t lead_us;
    bool ticks;
    bool flow_ack;
    int64_t window_us;

    int64_t epoch;
    int64_t epoch_at;
    int64_t epoch_wall_us; /* when what began it reached the server */
    int64_t edge;
    int64_t seq;
    int64_t due_us;
    int64_t totals[WORLD_SYMBOLS_MAX];
    enum replay_state state;
    char reason[8];
    bool echo_due;        /* an answer told of a new state: a push must follow */
    bool snapshot_due;    /* frames wait for it */
    bool snapshot_failed; /* the next play asks again */
    uint64_t snapshot_changes;
    uint64_t failures_seen;
    bool saw_busy;        /* since all had been read, the source worked for somebody … */
    bool saw_unacked;     /* … or acks were missing */
    uint64_t saw_changes; /* of the world; a tick that is new may be long due */
    int64_t quiet_us;     /* nothing came since, though it could */
    int64_t drained_us;   /* when there last was nothing to read */
    bool finishing;       /* its last speed has been chosen */

    /* Frames as sent, of [acked_seq, seq), by seq modulo. */
    int64_t acked_seq;
    int64_t acked_due_us;
    int64_t unacked_bytes;
    struct {
        int64_t due_us;
        int64_t bytes;
    } sent[FLOW_SLOTS];

    /* Of the whole run. */
    uint64_t frames;
    uint64_t rows;
};

bool watch_is_running(const struct watch *watch);

void watch_take_frame(struct watch *watch, const json_t *message, size_t bytes, int64_t now_us);
void watch_take_snapshot(struct watch *watch, const json_t *message);
void watch_take_state(struct watch *watch, const json_t *message, int64_t now_us);
/* A push that tells of a failure. */
void watch_take_failure(struct watch *watch, const json_t *message);
void watch_take_answer(struct watch *watch, const struct asked *asked, const json_t *message);
/* The server got an acknowledgement. */
void watch_acknowledge(struct watch *watch, int64_t epoch, int64_t seq);
/* The feed has been asked, and looked at all there is. */
void watch_look(struct watch *watch);
/* There was nothing to read after the timers of `turn_us`. `is_idle`: and the source has nothing
 * to do. */
void watch_take_silence(struct watch *watch, bool is_idle, int64_t turn_us);

/* Readers of messages that must be as they are expected. */
int64_t integer_of(const json_t *message, const char *key);
const char *text_of(const json_t *message, const char *key);

/* Prints the sentence with the run's seed and exits. */
_Noreturn void sim_fail(const char *format, ...) PRINTF_LIKE(1, 2);

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_fail(__VA_ARGS__);                                                                 \
    } while (0)

#endif
