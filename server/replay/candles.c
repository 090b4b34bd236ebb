/*
 * The as-of candles of a replay: its series together. Lane's thread.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "replay/replay_private.h"

/* Series that are being loaded or folded at a time, so that one turn of the lane stays short; who
 * waits is told and goes on with the next. */
#define SERIES_AT_ONCE_MAX 16

static void wake_owner(void *argument)
{
    struct replay *replay = argument;
    replay->wake(replay->owner);
}

void replay_series_create(struct replay *replay, const struct symbol *const *symbols)
{
    const struct replay_intervals *intervals = &replay->options.intervals;
    size_t symbol_count = replay->options.symbol_count;
    replay->series_count = symbol_count * intervals->count;
    ASSERT(replay->series_count <= REPLAY_SERIES_MAX);
    if (replay->series_count == 0)
        return;
    replay->series = mem_alloc_zeroed(replay->series_count * sizeof *replay->series);
    replay->pictures = mem_alloc_zeroed(replay->series_count * sizeof *replay->pictures);
    for (size_t i = 0; i < replay->series_count; i++) {
        size_t symbol = i / intervals->count;
        size_t interval = i % intervals->count;
        series_init(&replay->series[i], replay->lane->tape, replay->lane->inbox, symbols[symbol],
                    symbol, &intervals->items[interval], interval, replay->cursors[symbol]->track,
                    wake_owner, replay);
    }
}

void replay_series_destroy(struct replay *replay)
{
    for (size_t i = 0; i < replay->series_count; i++)
        series_deinit(&replay->series[i]);
    mem_free(replay->series);
    mem_free(replay->pictures);
    replay->series = NULL;
    replay->pictures = NULL;
    replay->series_count = 0;
}

void replay_series_begin(struct replay *replay)
{
    replay->reach.under_way = false;
    for (size_t i = 0; i < replay->series_count; i++)
        series_begin(&replay->series[i], replay_market(replay, replay->edge));
}

/* Before a picture has been sent there is none that stays. */
static void begin_anew(struct series *series, int64_t at, bool is_picture_due)
{
    if (is_picture_due)
        series_begin(series, at);
    else
        series_begin_again(series, at);
}

enum status replay_series_run(struct replay *replay)
{
    bool with_history = replay->snapshot.state != SNAPSHOT_NONE;
    size_t waiting = 0;
    for (size_t i = 0; i < replay->series_count && waiting < SERIES_AT_ONCE_MAX; i++) {
        struct series *series = &replay->series[i];
        if (series_is_stale(series) && series->is_ready && !replay->reach.under_way)
            begin_anew(series, replay_market(replay, replay->edge), with_history);
        /* Several are asked for before one is waited for. */
        enum status status = series_run(series, with_history, &replay->error);
        if (status != STATUS_OK && status != STATUS_WAIT)
            return status;
        waiting += status == STATUS_WAIT;
    }
    return waiting > 0 ? STATUS_WAIT : STATUS_OK;
}

bool replay_series_next(const struct replay *replay, int64_t *position)
{
    bool found = false;
    for (size_t i = 0; i < replay->series_count; i++) {
        int64_t end;
        if (!series_next_end(&replay->series[i], replay->direction, &end))
            continue;
        /* The first edge that makes it so lies beyond this: at `end`, or backward before it. */
        int64_t mine = replay->direction > 0 ? end - 1 : axis_edge(-1, end);
        if (!found || mine < *position)
            *position = mine;
        found = true;
    }
    return found;
}

size_t replay_series_bytes(const struct replay *replay, int64_t edge)
{
    size_t rows = 0;
    size_t ticks = 0;
    for (size_t i = 0; i < replay->series_count; i++) {
        const struct series *series = &replay->series[i];
        if (i == 0 || series->symbol != replay->series[i - 1].symbol) {
            struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
            size_t count = cursor_pieces(replay->cursors[series->symbol], edge, pieces);
            ticks = 0;
            for (size_t p = 0; p < count; p++)
                ticks += pieces[p].rows;
        }
        rows += series_rows_most(series, replay->direction, edge - replay->edge, ticks);
    }
    return rows * replay->options.budget.candle_bytes;
}

void replay_series_rest(struct replay *replay)
{
    bool is_ahead = replay->reach.under_way;
    int64_t at = replay_market(replay, replay->edge);
    replay->reach.under_way = false;
    for (size_t i = 0; i < replay->series_count; i++) {
        struct series *series = &replay->series[i];
        if (!is_ahead && series->is_ready)
            continue;
        if (series->keeps_told)
            series_begin_again(series, at);
        else
            series_begin(series, at);
    }
}

/* The cursors still hold, as stored now, all ticks of the frame that waits for its candles. */
static bool is_held(const struct replay *replay)
{
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        const struct cursor *cursor = replay->cursors[i];
        if (cursor->covered < replay->reach.edge || cursor->changes != track_changes(cursor->track))
            return false;
    }
    return true;
}

void replay_series_check_reach(struct replay *replay)
{
    if (!replay->reach.under_way || is_held(replay))
        return;
    replay->reach.under_way = false;
    for (size_t i = 0; i < replay->series_count; i++)
        series_begin_again(&replay->series[i], replay_market(replay, replay->edge));
}

static bool has_trades(const struct cursor *cursor, int64_t edge)
{
    struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
    size_t count = cursor_pieces(cursor, edge, pieces);
    for (size_t i = 0; i < count; i++) {
        if (block_newest(pieces[i].block, TICK_LAST, pieces[i].row,
                         pieces[i].row + pieces[i].rows) != DECIMAL_NULL)
            return true;
    }
    return false;
}

enum status replay_series_reach(struct replay *replay, int64_t edge, int64_t due_us)
{
    if (replay->direction > 0 || replay->series_count == 0)
        return STATUS_OK;
    if (!replay->reach.under_way) {
        replay->reach.under_way = true;
        replay->reach.edge = edge;
        replay->reach.due_us = due_us;
        int64_t at = replay_market(replay, edge);
        for (size_t i = 0; i < replay->series_count; i++) {
            struct series *series = &replay->series[i];
            if (series_is_changed(series, at, has_trades(replay->cursors[series->symbol], edge)))
                series_begin_again(series, at);
        }
    }
    ASSERT(replay->reach.edge == edge);
    return replay_series_run(replay);
}

void replay_series_fill(struct replay *replay, int64_t edge, struct replay_output *output)
{
    struct series_rows *rows = &replay->lane->series_rows;
    int64_t at = replay_market(replay, edge);
    rows->count = 0;
    for (size_t i = 0; i < replay->series_count; i++) {
        struct series *series = &replay->series[i];
        if (replay->direction < 0) {
            series_retreat(series, at, rows);
            continue;
        }
        if (i == 0 || series->symbol != replay->series[i - 1].symbol)
            series_take_trades(rows, replay->cursors[series->symbol], edge);
        series_advance(series, at, rows);
    }
    replay->reach.under_way = false;
    output->candles = rows->rows;
    output->candle_count = rows->count;
}

const struct snapshot_candles *replay_series_pictures(struct replay *replay)
{
    for (size_t i = 0; i < replay->series_count; i++) {
        const struct series *series = &replay->series[i];
        replay->pictures[i] = (struct snapshot_candles){.symbol = series->symbol,
                                                        .interval = series->interval,
                                                        .candles = series->rows,
                                                        .count = series->count};
    }
    return replay->pictures;
}
