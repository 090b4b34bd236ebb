/*
 * A position on one track and the pinned stretches that follow it, in the direction it plays:
 *
 *            position                       covered
 *               ▼                              ▼
 *   ──[ block   │xxxxxx ][ no ticks ][ block ]·····▶ axis
 *               └─ row    everything here is known
 *
 * `position`, `covered` and every edge are on the axis (axis.h), where both directions run forward.
 * When stored ticks change, it lets go of what it has and covers again. Pins at most
 * CURSOR_STRETCHES_MAX stretches, and no more than a frame can use. Owner's thread.
 */
#ifndef TAPEDECK_REPLAY_CURSOR_H
#define TAPEDECK_REPLAY_CURSOR_H

#include "replay/axis.h"
#include "tape/tape.h"

#define CURSOR_STRETCHES_MAX 32
#define CURSOR_ROWS_ENOUGH 16384 /* more than any frame holds: pinning goes no further */

/* A run of rows of one block. */
struct cursor_piece {
    const struct block *block;
    size_t row;
    size_t rows;
};

struct cursor_stretch {
    struct tape_stretch pinned;
    size_t row; /* forward: the first that has not been passed; backward: one past the last */
};

struct cursor {
    struct tape *tape;
    struct track *track;
    struct tape_waiter waiter;
    int direction; /* 1 or −1 */
    int64_t position;
    int64_t covered; /* ≥ position */
    int64_t expected; /* all up to here will be covered, as fast as it can be; ≤ covered: unknown */
    uint64_t changes; /* of the track, as of the oldest pin */
    size_t stretch_count;
    struct cursor_stretch stretches[CURSOR_STRETCHES_MAX];
};

/* Forward, at 0, until it is sought. `deliver` gets the letter of cursor.waiter when it is worth
 * covering again. */
void cursor_init(struct cursor *cursor, struct tape *tape, const struct symbol *symbol,
                 struct inbox *inbox, void (*deliver)(struct letter *letter));
void cursor_deinit(struct cursor *cursor);

void cursor_seek(struct cursor *cursor, int direction, int64_t position);
/* Everything up to `edge` will be covered, as fast as it can be: so it may come in one load. Holds
 * until the next seek. */
void cursor_expect(struct cursor *cursor, int64_t edge);

/*
 * Pins on until everything before `until` is known (STATUS_OK), or enough rows for a frame are
 * (STATUS_OK too: look at `covered`), or a load has to be waited for (STATUS_WAIT), or failed.
 */
enum status cursor_cover(struct cursor *cursor, int64_t until, struct error *error) MUST_CHECK;

/* Where the next tick lies among what is covered; false when there is none. */
bool cursor_next(const struct cursor *cursor, int64_t *tick);
/* The same for the first tick at or after `from` ≥ position. */
bool cursor_next_from(const struct cursor *cursor, int64_t from, int64_t *tick);

/* The end of the stretch that holds the next tick (or `covered`): up to there a frame is one
 * slice of one block. */
int64_t cursor_block_end(const struct cursor *cursor);

/* The runs of rows in [position, edge), at most CURSOR_STRETCHES_MAX, in the order they are met;
 * the rows of each are in the block's own order. Returns how many. */
size_t cursor_pieces(const struct cursor *cursor, int64_t edge, struct cursor_piece *pieces);

/* Moves to `edge` ≤ covered and unpins what lies behind. */
void cursor_advance(struct cursor *cursor, int64_t edge);

#endif
