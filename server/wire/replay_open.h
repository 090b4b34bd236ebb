/*
 * replay.open {id, symbols, from, to?, at?, speed?, fps?, state?, ticks?, candles?, lead_ms?,
 *              flow?, window_ms?, encodings?}
 *   → replay.opened {id, epoch, symbols, from, to, at, speed, state}
 */
#ifndef TAPEDECK_WIRE_REPLAY_OPEN_H
#define TAPEDECK_WIRE_REPLAY_OPEN_H

#include "market/playback.h"
#include "wire/candles.h"
#include "wire/request.h"
#include "wire/writer.h"

#define REPLAY_SPEED_LEAST 0.01
#define REPLAY_SPEED_MOST 100000.0
#define REPLAY_SPEED_EXPECTED                                                                      \
    "a number from 0.01 to 100000, negative to play backwards, or \"max\" or \"-max\""
#define REPLAY_FPS 60
#define REPLAY_LEAD_MS 500
#define REPLAY_LEAD_MS_MOST 5000
#define REPLAY_WINDOW_MS 2000
#define REPLAY_WINDOW_MS_LEAST 100
#define REPLAY_WINDOW_MS_MOST 60000
#define REPLAY_WINDOW_BYTES (INT64_C(4) << 20)

/* The value of a `speed` field: a number, "max" or "-max". */
enum status replay_speed_read(const struct request *request, const char *key,
                              struct replay_speed *speed, struct error *error) MUST_CHECK;
void replay_speed_write(struct writer *writer, struct replay_speed speed);

struct replay_open {
    uint64_t id;
    size_t symbol_count;
    const char *symbols[REPLAY_SYMBOLS_MAX]; /* each checked by symbol_check, none twice */
    int64_t from;
    bool has_to;
    int64_t to;
    bool has_at;
    int64_t at;
    struct replay_speed speed;
    int64_t fps;
    bool playing;
    bool ticks;
    struct replay_intervals intervals;
    int64_t lead_ms;
    bool flow_ack;
    int64_t window_ms;
    unsigned encodings;
};
/* Checks what can be checked without the data: from < to, at only against from and a given to. */
enum status replay_open_read(const struct request *request, struct replay_open *open,
                             struct error *error) MUST_CHECK;

struct replay_opened {
    uint64_t id;
    int64_t epoch;
    const char *const *symbols;
    size_t symbol_count;
    int64_t from;
    int64_t to;
    int64_t at;
    struct replay_speed speed;
    enum replay_state state;
};
void replay_opened_write(struct writer *writer, const struct request *request,
                         const struct replay_opened *opened);

#endif
