/*
 * Are the stored candles those of their ticks? Streams the differences, piece by piece.
 *
 *   candle_check_list ──► pieces: compare (a day at most) │ dropped │ pending
 *   candle_check_run, for each piece to compare ──► found(difference), …
 *
 * The database computes every candle of a piece anew from its ticks and compares; here one row is
 * held at a time, there one day. Reads only. Runs on the connection's owner thread; owns nothing
 * but the list it returns.
 */
#ifndef TAPEDECK_STORE_CANDLE_CHECK_H
#define TAPEDECK_STORE_CANDLE_CHECK_H

#include "market/time.h"
#include "store/connection.h"

/* What is to be compared. */
struct candle_check {
    const char *interval;    /* "1m", "5m", "15m", "1h" or "1d"; NULL: all */
    const char *symbol;      /* NULL: all */
    struct time_range range; /* widened to whole candles, and cut to what is stored */
};

enum candle_piece_kind {
    CANDLE_PIECE_COMPARE, /* has ticks */
    CANDLE_PIECE_DROPPED, /* its candles outlived their ticks: nothing to compare them with */
    CANDLE_PIECE_PENDING, /* queued for refresh: its candles are known to be out of date */
};

struct candle_piece {
    enum candle_piece_kind kind;
    struct time_range range;
};

/* Oldest first within a kind. Freed with mem_free. */
enum status candle_check_list(struct connection *connection, const struct candle_check *check,
                              struct candle_piece **pieces, size_t *count,
                              struct error *error) MUST_CHECK;

struct candle_difference {
    const char *kind; /* "differs", "missing", "superfluous" */
    const char *interval;
    int64_t bucket;
    const char *symbol;
    const char *field;  /* "open", …, "trades"; NULL, as the following, unless it differs */
    const char *stored; /* decimals as text; NULL: null */
    const char *recomputed;
};

/* Everything is borrowed for the call. False ends the check with STATUS_END. */
typedef bool candle_difference_fn(void *owner, const struct candle_difference *difference);

/* Differences within one piece, by interval, bucket and symbol. */
enum status candle_check_run(struct connection *connection, const struct candle_check *check,
                             struct time_range piece, candle_difference_fn *found, void *owner,
                             struct error *error) MUST_CHECK;

#endif
