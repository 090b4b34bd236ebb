/*
 * Turns what cursors point at into the columns of a frame, in the order they are played. Rows of
 * one block are shared as they lie (backward: turned around); rows of several blocks, or in an
 * encoding the client does not know, are sealed anew. The scratch for that belongs to the lane and
 * keeps its size. Owner's thread.
 */
#ifndef TAPEDECK_REPLAY_GATHER_H
#define TAPEDECK_REPLAY_GATHER_H

#include "market/playback.h"
#include "replay/cursor.h"

/* What a frame may weigh, in the bytes of the client's encoding. */
struct frame_budget {
    size_t bytes;                       /* of a whole frame */
    size_t head_bytes;                  /* without any ticks */
    size_t symbol_bytes;                /* of one symbol without its rows */
    size_t row_bytes[COLUMN_ENCODINGS]; /* most that one value of a column takes */
    size_t candle_bytes;                /* most that the row of a candle takes */
    unsigned encodings;                 /* that the client knows */
};

struct gather {
    int64_t *values; /* of one column at a time */
    size_t value_capacity;
    uint8_t *payload; /* of sealed columns, used up from the front during a frame */
    size_t payload_capacity;
    size_t payload_used;
};

void gather_init(struct gather *gather);
void gather_deinit(struct gather *gather);

/* Most bytes that the rows of a cursor before `edge` take in a frame; 0 without rows. */
size_t gather_bytes(const struct cursor *cursor, int64_t edge, const struct frame_budget *budget);

/* Begins a frame with room for `rows` of sealing; columns of the frame before are void. */
void gather_begin(struct gather *gather, size_t rows);
/* The columns of a cursor's rows before `edge`; returns the number of rows. */
size_t gather_ticks(struct gather *gather, const struct cursor *cursor, int64_t edge,
                    unsigned encodings, struct frame_ticks *ticks);

#endif
