#include "replay/cursor.h"

#include "base/assert.h"

#include <string.h>

void cursor_init(struct cursor *cursor, struct tape *tape, const struct symbol *symbol,
                 struct inbox *inbox, void (*deliver)(struct letter *letter))
{
    memset(cursor, 0, sizeof *cursor);
    cursor->tape = tape;
    cursor->direction = 1;
    cursor->track = tape_track_hold(tape, symbol);
    tape_waiter_init(&cursor->waiter, inbox, deliver);
    cursor->waiter.looks_back = true; /* the picture at a new position is mostly in these ticks */
}

static void unpin_all(struct cursor *cursor)
{
    for (size_t i = 0; i < cursor->stretch_count; i++)
        tape_unpin(&cursor->stretches[i].pinned);
    cursor->stretch_count = 0;
}

void cursor_deinit(struct cursor *cursor)
{
    unpin_all(cursor);
    tape_stop_waiting(cursor->tape, &cursor->waiter);
    tape_track_let_go(cursor->tape, &cursor->track);
}

void cursor_seek(struct cursor *cursor, int direction, int64_t position)
{
    unpin_all(cursor);
    tape_stop_waiting(cursor->tape, &cursor->waiter);
    cursor->direction = direction;
    cursor->waiter.backward = direction < 0;
    cursor->position = position;
    cursor->covered = position;
    cursor->expected = position;
    cursor->changes = track_changes(cursor->track);
}

static bool is_forward(const struct cursor *cursor)
{
    return cursor->direction > 0;
}

void cursor_expect(struct cursor *cursor, int64_t edge)
{
    cursor->expected = edge;
}

/* Where a stretch ends on the axis. */
static int64_t axis_end(const struct cursor *cursor, struct time_range range)
{
    return is_forward(cursor) ? range.to : axis_edge(-1, range.from);
}

/* How many rows of the block lie before an instant of the axis, in the block's own order. */
static size_t find_row(const struct cursor *cursor, const struct block *block, int64_t edge)
{
    return block_find(block, axis_edge(cursor->direction, edge));
}

static size_t rows_left(const struct cursor *cursor, const struct cursor_stretch *stretch)
{
    if (stretch->pinned.block == NULL)
        return 0;
    return is_forward(cursor) ? stretch->pinned.block->rows - stretch->row : stretch->row;
}

static size_t rows_ahead(const struct cursor *cursor)
{
    size_t rows = 0;
    for (size_t i = 0; i < cursor->stretch_count; i++)
        rows += rows_left(cursor, &cursor->stretches[i]);
    return rows;
}

/* Adds a stretch that holds what comes at `covered`; it may begin earlier. */
static void add_stretch(struct cursor *cursor, const struct tape_stretch *pinned)
{
    struct cursor_stretch added = {.pinned = *pinned};
    if (pinned->block != NULL)
        added.row = find_row(cursor, pinned->block, cursor->covered);
    ASSERT(axis_end(cursor, pinned->range) > cursor->covered);
    cursor->covered = axis_end(cursor, pinned->range);
    if (rows_left(cursor, &added) == 0) {
        tape_unpin(&added.pinned); /* nothing in it that is still to come */
        return;
    }
    cursor->stretches[cursor->stretch_count++] = added;
}

enum status cursor_cover(struct cursor *cursor, int64_t until, struct error *error)
{
    if (cursor->changes != track_changes(cursor->track)) {
        int64_t expected = cursor->expected;
        cursor_seek(cursor, cursor->direction, cursor->position);
        cursor_expect(cursor, expected);
    }
    while (cursor->covered < until && cursor->stretch_count < CURSOR_STRETCHES_MAX &&
           rows_ahead(cursor) < CURSOR_ROWS_ENOUGH) {
        struct tape_stretch pinned;
        int64_t instant = axis_tick(cursor->direction, cursor->covered);
        cursor->waiter.reach_us =
            cursor->expected > cursor->covered ? cursor->expected - cursor->covered : 0;
        enum status status =
            tape_pin(cursor->tape, cursor->track, instant, &cursor->waiter, &pinned, error);
        if (status != STATUS_OK)
            return status;
        add_stretch(cursor, &pinned);
    }
    return STATUS_OK;
}

/* The axis position of the row that follows `row` rows passed. */
static int64_t tick_at(const struct cursor *cursor, const struct cursor_stretch *stretch,
                       size_t row)
{
    size_t next = is_forward(cursor) ? row : row - 1;
    return axis_tick(cursor->direction, block_time(stretch->pinned.block, next));
}

bool cursor_next(const struct cursor *cursor, int64_t *tick)
{
    if (cursor->stretch_count == 0)
        return false;
    *tick = tick_at(cursor, &cursor->stretches[0], cursor->stretches[0].row);
    return true;
}

bool cursor_next_from(const struct cursor *cursor, int64_t from, int64_t *tick)
{
    for (size_t i = 0; i < cursor->stretch_count; i++) {
        const struct cursor_stretch *stretch = &cursor->stretches[i];
        if (axis_end(cursor, stretch->pinned.range) <= from)
            continue;
        struct cursor_stretch rest = *stretch;
        size_t row = find_row(cursor, stretch->pinned.block, from);
        if (is_forward(cursor) ? row > rest.row : row < rest.row)
            rest.row = row;
        if (rows_left(cursor, &rest) == 0)
            continue;
        *tick = tick_at(cursor, &rest, rest.row);
        return true;
    }
    return false;
}

int64_t cursor_block_end(const struct cursor *cursor)
{
    return cursor->stretch_count > 0 ? axis_end(cursor, cursor->stretches[0].pinned.range)
                                     : cursor->covered;
}

/* The rows of a stretch that lie before `edge`: [from, to) in the block's own order. */
static struct cursor_piece piece_before(const struct cursor *cursor,
                                        const struct cursor_stretch *stretch, int64_t edge)
{
    const struct block *block = stretch->pinned.block;
    size_t row = find_row(cursor, block, edge);
    size_t from = is_forward(cursor) ? stretch->row : row;
    size_t to = is_forward(cursor) ? row : stretch->row;
    return (struct cursor_piece){.block = block, .row = from, .rows = to > from ? to - from : 0};
}

size_t cursor_pieces(const struct cursor *cursor, int64_t edge, struct cursor_piece *pieces)
{
    size_t count = 0;
    for (size_t i = 0; i < cursor->stretch_count; i++) {
        struct cursor_piece piece = piece_before(cursor, &cursor->stretches[i], edge);
        if (piece.rows == 0)
            break;
        pieces[count++] = piece;
    }
    return count;
}

void cursor_advance(struct cursor *cursor, int64_t edge)
{
    ASSERT(cursor->position <= edge);
    ASSERT(edge <= cursor->covered);
    cursor->position = edge;
    size_t passed = 0;
    while (passed < cursor->stretch_count) {
        struct cursor_stretch *stretch = &cursor->stretches[passed];
        stretch->row = find_row(cursor, stretch->pinned.block, edge);
        if (rows_left(cursor, stretch) > 0)
            break;
        tape_unpin(&stretch->pinned);
        passed++;
    }
    cursor->stretch_count -= passed;
    memmove(cursor->stretches, cursor->stretches + passed,
            cursor->stretch_count * sizeof *cursor->stretches);
}
