#include "replay/gather.h"

#include "base/assert.h"
#include "base/mem.h"

#define VALUE_BYTES sizeof(int64_t)
#define COLUMNS (1 + TICK_FIELDS)

void gather_init(struct gather *gather)
{
    *gather = (struct gather){.values = NULL};
}

void gather_deinit(struct gather *gather)
{
    mem_free(gather->values);
    mem_free(gather->payload);
    gather_init(gather);
}

static const struct column *column_of(const struct block *block, size_t index)
{
    return index == 0 ? &block->time : &block->fields[index - 1];
}

static struct column *column_in(struct frame_ticks *ticks, size_t index)
{
    return index == 0 ? &ticks->time : &ticks->fields[index - 1];
}

static bool is_known(const struct block *block, unsigned encodings)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        if ((COLUMN_ENCODING_BIT(column_of(block, i)->encoding) & encodings) == 0)
            return false;
    }
    return true;
}

static size_t rows_of(const struct cursor_piece *pieces, size_t count)
{
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += pieces[i].rows;
    return rows;
}

static size_t slice_row_bytes(const struct block *block, const struct frame_budget *budget)
{
    size_t bytes = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        bytes += budget->row_bytes[column_of(block, i)->encoding];
    return bytes;
}

size_t gather_bytes(const struct cursor *cursor, int64_t edge, const struct frame_budget *budget)
{
    struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
    size_t count = cursor_pieces(cursor, edge, pieces);
    if (count == 0)
        return 0;
    size_t row_bytes = COLUMNS * budget->row_bytes[COLUMN_I64]; /* the widest a seal can get */
    if (count == 1 && is_known(pieces[0].block, budget->encodings))
        row_bytes = slice_row_bytes(pieces[0].block, budget);
    return budget->symbol_bytes + rows_of(pieces, count) * row_bytes;
}

void gather_begin(struct gather *gather, size_t rows)
{
    size_t bytes = rows * COLUMNS * VALUE_BYTES;
    if (rows > gather->value_capacity) {
        gather->values = mem_resize(gather->values, rows * VALUE_BYTES);
        gather->value_capacity = rows;
    }
    if (bytes > gather->payload_capacity) {
        gather->payload = mem_resize(gather->payload, bytes);
        gather->payload_capacity = bytes;
    }
    gather->payload_used = 0;
}

static void *take_payload(struct gather *gather, size_t rows)
{
    ASSERT(gather->payload_used + rows * VALUE_BYTES <= gather->payload_capacity);
    void *payload = gather->payload + gather->payload_used;
    gather->payload_used += rows * VALUE_BYTES;
    return payload;
}

static void slice(const struct cursor_piece *piece, struct frame_ticks *ticks)
{
    for (size_t i = 0; i < COLUMNS; i++)
        *column_in(ticks, i) = column_slice(column_of(piece->block, i), piece->row, piece->rows);
}

/* Backward, newest first: the same encodings, the rows turned around. */
static void slice_back(struct gather *gather, const struct cursor_piece *piece,
                       struct frame_ticks *ticks)
{
    for (size_t i = 0; i < COLUMNS; i++)
        *column_in(ticks, i) = column_reverse(column_of(piece->block, i), piece->row, piece->rows,
                                              take_payload(gather, piece->rows));
}

/* The values of one column in the order they are played. */
static void read_values(const struct cursor_piece *pieces, size_t count, size_t index,
                        int direction, int64_t *values)
{
    for (size_t i = 0; i < count; i++) {
        const struct column *column = column_of(pieces[i].block, index);
        for (size_t k = 0; k < pieces[i].rows; k++) {
            size_t row = pieces[i].row + (direction > 0 ? k : pieces[i].rows - 1 - k);
            *values++ = index == 0 ? column_value(column, row) : column_decimal(column, row);
        }
    }
}

static void seal(struct gather *gather, const struct cursor_piece *pieces, size_t count,
                 int direction, unsigned encodings, struct frame_ticks *ticks)
{
    size_t rows = rows_of(pieces, count);
    ASSERT(rows <= gather->value_capacity);
    for (size_t i = 0; i < COLUMNS; i++) {
        void *payload = take_payload(gather, rows);
        read_values(pieces, count, i, direction, gather->values);
        *column_in(ticks, i) = i == 0
                                   ? column_seal_times(gather->values, rows, encodings, payload)
                                   : column_seal_decimals(gather->values, rows, encodings, payload);
    }
}

size_t gather_ticks(struct gather *gather, const struct cursor *cursor, int64_t edge,
                    unsigned encodings, struct frame_ticks *ticks)
{
    struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
    size_t count = cursor_pieces(cursor, edge, pieces);
    bool as_it_lies = count == 1 && is_known(pieces[0].block, encodings);
    if (as_it_lies && cursor->direction > 0)
        slice(&pieces[0], ticks);
    else if (as_it_lies)
        slice_back(gather, &pieces[0], ticks);
    else if (count > 0)
        seal(gather, pieces, count, cursor->direction, encodings, ticks);
    return rows_of(pieces, count);
}
