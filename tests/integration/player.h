/*
 * A client of a deck that plays a replay and keeps every tick, to be compared with SQL.
 */
#ifndef TAPEDECK_TESTS_INTEGRATION_PLAYER_H
#define TAPEDECK_TESTS_INTEGRATION_PLAYER_H

#include "deck.h"
#include "support/wire_client.h"

#define PLAYER_SYMBOLS_MAX 4
#define PLAYER_DEADLINE_MS 60000

/* One tick as a test compares it: time, bid, ask, last, volume at exp 8; INT64_MIN is null. */
struct played_tick {
    int64_t values[5];
};

struct played {
    struct played_tick *ticks;
    size_t count;
    size_t capacity;
};

struct player;
/* Gets every message after the player has taken it. */
typedef void player_listener_fn(struct player *player, const json_t *message);

struct player {
    struct wire_client *client;
    player_listener_fn *listener; /* NULL: none; set it after connecting */
    void *listening;              /* the listener's own */
    size_t symbol_count;
    struct played symbols[PLAYER_SYMBOLS_MAX];
    int64_t epoch;
    int64_t seq;
    int64_t edge;
    char state[16];
    bool saw_buffering;
    size_t frames;
};

/* `subprotocol` NULL: none. The connection, and its welcome. */
void player_connect(struct player *player, const struct deck *deck, const char *subprotocol);
void player_close(struct player *player);

/* replay.open with id 1 and these fields (JSON without the braces, ' for "); forgets what was
 * played. */
void player_open(struct player *player, size_t symbol_count, const char *fields);
/* Takes one message, checking seq and tiling in either direction; false when none came in time. */
bool player_take(struct player *player, int deadline_ms);
/* Takes messages until the replay says this state. */
void player_until(struct player *player, const char *state);
/* Sends a control {op, id:1, …fields} and takes messages until its answer; a new epoch begins. */
void player_control(struct player *player, const char *op, const char *fields);

/* What was played of a symbol is exactly what SQL says of [from, to). */
void player_compare(const struct player *player, size_t index, const struct deck *deck,
                    const char *symbol, int64_t from, int64_t to);
/* Sends bad requests' JSON and returns the code of the error answer ("" when none came). */
const char *player_refused(struct player *player, const char *request);

#endif
