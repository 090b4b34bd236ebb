#include "replay/cursor.h"

#include "base/assert.h"

#include <string.h>

void cursor_init(struct cursor *cursor, struct tape *tape, const struct symbol *symbol,
                 struct inbox *inbox, void (*deliver)(struct letter *letter))
{
    memset(cursor, 0, sizeof *cursor);
    cursor->tape = tape;
    cursor->track = tape_track_hold(tape, symbol);
    tape_waiter_init(&cursor->waiter, inbox, deliver);
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

void cursor_seek(struct cursor *cursor, int64_t position)
{
    unpin_all(cursor);
    tape_stop_waiting(cursor->tape, &cursor->waiter);
    cursor->position = position;
    cursor->covered = position;
    cursor->changes = track_changes(cursor->track);
}

static size_t rows_left(const struct cursor_stretch *stretch)
{
    return stretch->pinned.block != NULL ? stretch->pinned.block->rows - stretch->row : 0;
}

static size_t rows_ahead(const struct cursor *cursor)
{
    size_t rows = 0;
    for (size_t i = 0; i < cursor->stretch_count; i++)
        rows += rows_left(&cursor->stretches[i]);
    return rows;
}

/* Adds a stretch that holds the instant `covered`; it may begin earlier. */
static void add_stretch(struct cursor *cursor, const struct tape_stretch *pinned)
{
    ASSERT(pinned->range.from <= cursor->covered);
    ASSERT(pinned->range.to > cursor->covered);
    struct cursor_stretch added = {.pinned = *pinned};
    if (pinned->block != NULL)
        added.row = block_find(pinned->block, cursor->covered);
    cursor->covered = pinned->range.to;
    if (rows_left(&added) == 0) {
        tape_unpin(&added.pinned); /* nothing in it that is still to come */
        return;
    }
    cursor->stretches[cursor->stretch_count++] = added;
}

enum status cursor_cover(struct cursor *cursor, int64_t until, struct error *error)
{
    if (cursor->changes != track_changes(cursor->track))
        cursor_seek(cursor, cursor->position);
    while (cursor->covered < until && cursor->stretch_count < CURSOR_STRETCHES_MAX &&
           rows_ahead(cursor) < CURSOR_ROWS_ENOUGH) {
        struct tape_stretch pinned;
        enum status status =
            tape_pin(cursor->tape, cursor->track, cursor->covered, &cursor->waiter, &pinned, error);
        if (status != STATUS_OK)
            return status;
        add_stretch(cursor, &pinned);
    }
    return STATUS_OK;
}

bool cursor_next(const struct cursor *cursor, int64_t *time)
{
    if (cursor->stretch_count == 0)
        return false;
    const struct cursor_stretch *first = &cursor->stretches[0];
    *time = block_time(first->pinned.block, first->row);
    return true;
}

int64_t cursor_block_end(const struct cursor *cursor)
{
    return cursor->stretch_count > 0 ? cursor->stretches[0].pinned.range.to : cursor->covered;
}

size_t cursor_pieces(const struct cursor *cursor, int64_t edge, struct cursor_piece *pieces)
{
    size_t count = 0;
    for (size_t i = 0; i < cursor->stretch_count; i++) {
        const struct cursor_stretch *stretch = &cursor->stretches[i];
        const struct block *block = stretch->pinned.block;
        if (block->range.from >= edge)
            break;
        size_t end = edge >= block->range.to ? block->rows : block_find(block, edge);
        if (end > stretch->row)
            pieces[count++] = (struct cursor_piece){
                .block = block, .row = stretch->row, .rows = end - stretch->row};
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
        const struct block *block = stretch->pinned.block;
        stretch->row = edge >= block->range.to ? block->rows : block_find(block, edge);
        if (rows_left(stretch) > 0)
            break;
        tape_unpin(&stretch->pinned);
        passed++;
    }
    cursor->stretch_count -= passed;
    memmove(cursor->stretches, cursor->stretches + passed,
            cursor->stretch_count * sizeof *cursor->stretches);
}
