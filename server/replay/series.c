#include "replay/series.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"

#define ROWS_FIRST 64

void series_rows_init(struct series_rows *rows)
{
    *rows = (struct series_rows){.rows = NULL};
}

void series_rows_deinit(struct series_rows *rows)
{
    mem_free(rows->rows);
    mem_free(rows->trades);
    series_rows_init(rows);
}

static void push(struct series_rows *rows, const struct frame_candle *row)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity > 0 ? 2 * rows->capacity : ROWS_FIRST;
        rows->rows = mem_resize(rows->rows, rows->capacity * sizeof *rows->rows);
    }
    rows->rows[rows->count++] = *row;
}

void series_init(struct series *series, struct tape *tape, struct inbox *inbox,
                 const struct symbol *symbol, size_t symbol_index,
                 const struct replay_interval *interval, size_t interval_index, struct track *ticks,
                 candle_query_wake_fn *wake, void *owner)
{
    *series = (struct series){
        .symbol = symbol_index,
        .interval = interval_index,
        .interval_us = interval->interval_us,
        .history = interval->history,
        .ticks = ticks,
    };
    series->query = candle_query_create(tape, inbox, symbol, interval->interval_us, wake, owner);
}

void series_deinit(struct series *series)
{
    candle_query_destroy(&series->query);
}

/* ---- where it begins ---- */

static void ask_at(struct series *series, int64_t at)
{
    series->at = at;
    series->is_asked = false;
    series->is_ready = false;
}

void series_begin(struct series *series, int64_t at)
{
    ask_at(series, at);
    series->keeps_told = false;
}

void series_begin_again(struct series *series, int64_t at)
{
    ask_at(series, at);
    series->keeps_told = true;
}

bool series_is_stale(const struct series *series)
{
    return series->is_asked && series->changes != track_changes(series->ticks);
}

/* The newest candle as of the instant that was asked for. */
static struct frame_candle newest(const struct series *series)
{
    struct frame_candle row = {
        .symbol = series->symbol, .interval = series->interval, .is_none = series->count == 0};
    if (!row.is_none) {
        row.candle = series->rows[series->count - 1];
        row.final = row.candle.time + series->interval_us <= series->at;
    }
    return row;
}

static bool is_same(const struct frame_candle *a, const struct frame_candle *b)
{
    if (a->is_none || b->is_none)
        return a->is_none == b->is_none;
    return a->final == b->final && candle_equal(&a->candle, &b->candle);
}

static void settle(struct series *series)
{
    struct frame_candle row = newest(series);
    int64_t bucket = interval_floor(series->interval_us, series->at);
    bool is_under_way = !row.is_none && row.candle.time == bucket;
    series->now = is_under_way ? row.candle : candle_at(bucket);
    series->is_news = series->keeps_told && is_under_way && !is_same(&row, &series->told);
    if (!series->keeps_told)
        series->told = row;
}

enum status series_run(struct series *series, bool with_history, struct error *error)
{
    if (series->is_ready)
        return STATUS_OK;
    if (!series->is_asked) {
        candle_query_ask(series->query, &(struct candle_query_range){
                                            .from = TIME_MIN,
                                            .to = series->at,
                                            .at = series->at,
                                            .limit = with_history ? series->history + 1 : 1,
                                        });
        series->changes = track_changes(series->ticks);
        series->is_asked = true;
    }
    struct candle_rows rows;
    enum status status = candle_query_run(series->query, &rows, error);
    if (status != STATUS_OK)
        return status;
    series->rows = rows.candles;
    series->count = rows.count;
    series->is_ready = true;
    settle(series);
    return STATUS_OK;
}

bool series_next_end(const struct series *series, int direction, int64_t *end)
{
    bool is_forward = direction > 0;
    const struct candle *candle = is_forward ? &series->now : &series->told.candle;
    *end = candle->time + series->interval_us;
    return is_forward ? candle->trades > 0 : !series->told.is_none && series->told.final;
}

size_t series_rows_most(const struct series *series, int direction, int64_t span_us, size_t ticks)
{
    size_t buckets = (size_t)(span_us / series->interval_us) + 2;
    return direction < 0 ? 1 : 1 + (ticks < buckets ? ticks : buckets);
}

/* ---- forward ---- */

static void take_piece(struct series_rows *rows, const struct cursor_piece *piece)
{
    const struct column *last = &piece->block->fields[TICK_LAST];
    if (last->encoding == COLUMN_CONST && last->base == DECIMAL_NULL)
        return; /* nothing but quotes */
    for (size_t row = piece->row; row < piece->row + piece->rows; row++) {
        int64_t price = column_decimal(last, row);
        if (price == DECIMAL_NULL)
            continue;
        rows->trades[rows->trade_count++] = (struct trade){
            .time = block_time(piece->block, row),
            .price = price,
            .volume = column_decimal(&piece->block->fields[TICK_VOLUME], row),
        };
    }
}

void series_take_trades(struct series_rows *rows, const struct cursor *cursor, int64_t edge)
{
    struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
    size_t count = cursor_pieces(cursor, edge, pieces);
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        most += pieces[i].rows;
    if (most > rows->trade_capacity) {
        rows->trades = mem_resize(rows->trades, most * sizeof *rows->trades);
        rows->trade_capacity = most;
    }
    rows->trade_count = 0;
    for (size_t i = 0; i < count; i++)
        take_piece(rows, &pieces[i]);
}

static void tell(struct series *series, const struct frame_candle *row, struct series_rows *rows)
{
    series->told = *row;
    push(rows, row);
}

static void tell_now(struct series *series, bool final, struct series_rows *rows)
{
    struct frame_candle row = {.symbol = series->symbol,
                               .interval = series->interval,
                               .final = final,
                               .candle = series->now};
    series->is_news = false;
    tell(series, &row, rows);
}

/* The bucket under way is over: the one that holds `time` begins. */
static void turn_over(struct series *series, int64_t time, struct series_rows *rows)
{
    if (series->now.trades > 0)
        tell_now(series, true, rows);
    series->now = candle_at(interval_floor(series->interval_us, time));
}

void series_advance(struct series *series, int64_t edge, struct series_rows *rows)
{
    ASSERT(series->is_ready);
    for (size_t i = 0; i < rows->trade_count; i++) {
        const struct trade *trade = &rows->trades[i];
        if (trade->time >= series->now.time + series->interval_us)
            turn_over(series, trade->time, rows);
        candle_add_trade(&series->now, trade->price, trade->volume);
        series->is_news = true;
    }
    if (series->now.time + series->interval_us <= edge)
        turn_over(series, edge, rows);
    else if (series->is_news)
        tell_now(series, false, rows);
    series->at = edge;
}

/* ---- backward ---- */

bool series_is_changed(const struct series *series, int64_t edge, bool has_trades)
{
    int64_t end;
    return has_trades || (series_next_end(series, -1, &end) && edge < end);
}

void series_retreat(struct series *series, int64_t edge, struct series_rows *rows)
{
    ASSERT(series->is_ready);
    if (series->at != edge)
        return; /* this frame does not change it */
    struct frame_candle row = newest(series);
    if (!is_same(&row, &series->told))
        tell(series, &row, rows);
}
