#include "feed/picture.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"

#include <string.h>

static const struct time_range nothing = {.from = 0, .to = 0};

static bool is_nothing(struct time_range range)
{
    return range.from >= range.to;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct time_range joined(struct time_range a, struct time_range b)
{
    if (is_nothing(a))
        return b;
    if (is_nothing(b))
        return a;
    return (struct time_range){.from = smaller(a.from, b.from), .to = larger(a.to, b.to)};
}

void picture_init(struct picture *picture, int64_t interval_us, struct time_range window,
                  size_t limit, bool vwap)
{
    ASSERT(limit > 0);
    ASSERT(limit <= PICTURE_ROWS_MAX);
    *picture = (struct picture){
        .interval_us = interval_us,
        .window = window,
        .vwap = vwap,
        .limit = limit,
        .is_void = true,
        .known_to = TIME_MIN,
    };
}

void picture_deinit(struct picture *picture)
{
    mem_free(picture->times);
    picture->times = NULL;
}

/* ---- what becomes stale ---- */

void picture_mark(struct picture *picture, struct time_range range)
{
    if (range.to > TIME_MAX) {
        picture->is_void = true;
        return;
    }
    picture->known_to = larger(picture->known_to, range.to);
    struct time_range buckets = {.from = interval_floor(picture->interval_us, range.from),
                                 .to = interval_ceil(picture->interval_us, range.to)};
    picture->dirty = joined(picture->dirty, buckets);
}

void picture_end_buckets(struct picture *picture, int64_t wall_us)
{
    struct time_range *open = &picture->open;
    int64_t ended_to = smaller(interval_floor(picture->interval_us, wall_us), open->to);
    if (is_nothing(*open) || ended_to <= open->from)
        return;
    picture->dirty =
        joined(picture->dirty, (struct time_range){.from = open->from, .to = ended_to});
    open->from = ended_to;
}

int64_t picture_next_end(const struct picture *picture)
{
    return is_nothing(picture->open) ? INT64_MAX : picture->open.from + picture->interval_us;
}

bool picture_is_stale(const struct picture *picture)
{
    return picture->is_void || !is_nothing(picture->dirty);
}

/* ---- what to load ---- */

/* The first bucket told that does not start before `time`. */
static size_t find(const struct picture *picture, int64_t time)
{
    size_t low = 0;
    size_t high = picture->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (picture->times[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What is dirty of what the subscriber looks at. Before the oldest row that is nothing, unless he
 * was told all there is: then there is more now. */
static void narrow(struct picture *picture)
{
    struct time_range *dirty = &picture->dirty;
    dirty->from = larger(dirty->from, interval_ceil(picture->interval_us, picture->window.from));
    dirty->to = smaller(dirty->to, picture->window.to);
    if (is_nothing(*dirty))
        return;
    bool is_full = picture->count >= picture->limit;
    if (picture->count > 0 && is_full)
        dirty->from = larger(dirty->from, picture->times[0]);
    else if (picture->count == 0 || dirty->from < picture->times[0])
        picture->is_void = true;
}

static size_t told_in(const struct picture *picture, struct time_range range)
{
    return find(picture, range.to) - find(picture, range.from);
}

static enum picture_due ask_for_all(struct picture *picture, int64_t data_to,
                                    struct candle_query_range *range)
{
    picture->known_to = larger(picture->known_to, data_to);
    *range = (struct candle_query_range){
        .from = picture->window.from,
        .to = smaller(picture->window.to, picture->known_to),
        .at = CANDLE_QUERY_NO_INSTANT,
        .limit = picture->count > picture->limit ? picture->count : picture->limit,
        .vwap = picture->vwap,
        .watched = true,
    };
    picture->is_void = false;
    picture->dirty = nothing;
    return PICTURE_SNAPSHOT;
}

enum picture_due picture_ask(struct picture *picture, int64_t data_to,
                             struct candle_query_range *range)
{
    if (!picture->is_void)
        narrow(picture);
    if (!picture_is_stale(picture))
        return PICTURE_CURRENT;
    if (picture->is_void || told_in(picture, picture->dirty) > PICTURE_UPDATE_MOST)
        return ask_for_all(picture, data_to, range);
    *range = (struct candle_query_range){.from = picture->dirty.from,
                                         .to = picture->dirty.to,
                                         .at = CANDLE_QUERY_NO_INSTANT,
                                         .limit = PICTURE_UPDATE_MOST + 1,
                                         .vwap = picture->vwap,
                                         .watched = true};
    picture->asked = picture->dirty;
    picture->dirty = nothing;
    return PICTURE_UPDATE;
}

void picture_fail(struct picture *picture, enum picture_due due)
{
    if (due == PICTURE_SNAPSHOT)
        picture->is_void = true;
    else
        picture->dirty = joined(picture->dirty, picture->asked);
}

/* ---- what has been told ---- */

static void make_room(struct picture *picture, size_t count)
{
    if (count <= picture->capacity)
        return;
    picture->capacity = count + count / 4;
    picture->times = mem_resize(picture->times, picture->capacity * sizeof *picture->times);
}

/* The buckets told from `first` to `end` become those of the rows. */
static void replace(struct picture *picture, size_t first, size_t end, const struct candle *rows,
                    size_t count)
{
    size_t after = picture->count - end;
    make_room(picture, first + count + after + 1);
    memmove(picture->times + first + count, picture->times + end, after * sizeof *picture->times);
    for (size_t i = 0; i < count; i++)
        picture->times[first + i] = rows[i].time;
    picture->count = first + count + after;
    if (picture->count > PICTURE_ROWS_MAX) {
        size_t forgotten = picture->count - PICTURE_ROWS_MAX;
        memmove(picture->times, picture->times + forgotten,
                PICTURE_ROWS_MAX * sizeof *picture->times);
        picture->count = PICTURE_ROWS_MAX;
    }
}

static bool is_final(const struct picture *picture, const struct candle *row, int64_t wall_us)
{
    return row->time + picture->interval_us <= wall_us;
}

/* Rows are said now: which of them are not final, and the newest of all. */
static void note_said(struct picture *picture, const struct candle_rows *said, int64_t wall_us)
{
    const struct candle *rows = said->candles;
    size_t count = said->count;
    for (size_t i = count; i > 0 && !is_final(picture, &rows[i - 1], wall_us); i--) {
        struct time_range bucket = {.from = rows[i - 1].time,
                                    .to = rows[i - 1].time + picture->interval_us};
        picture->open = joined(picture->open, bucket);
    }
    const struct candle *newest = count > 0 ? &rows[count - 1] : NULL;
    if (newest == NULL || newest->time != picture->times[picture->count - 1])
        return;
    picture->newest = *newest;
    if (picture->vwap)
        picture->newest_vwap = said->vwaps[count - 1];
    picture->newest_is_final = is_final(picture, newest, wall_us);
}

/* Every bucket told that lies in the range is among the rows. */
static bool are_all_there(const struct picture *picture, size_t first, size_t end,
                          const struct candle *rows, size_t count)
{
    size_t row = 0;
    for (size_t i = first; i < end; i++) {
        while (row < count && rows[row].time < picture->times[i])
            row++;
        if (row == count || rows[row].time != picture->times[i])
            return false;
    }
    return true;
}

/* Ticks without a trade change nothing: the client has this already. */
static bool is_no_news(const struct picture *picture, const struct candle_rows *rows,
                       int64_t wall_us)
{
    if (rows->count == 0)
        return true;
    if (rows->count > 1 || picture->newest.trades == 0)
        return false;
    if (picture->vwap && !vwap_equal(rows->vwaps, &picture->newest_vwap))
        return false;
    return candle_equal(rows->candles, &picture->newest) &&
           is_final(picture, rows->candles, wall_us) == picture->newest_is_final;
}

static bool take_update(struct picture *picture, const struct candle_rows *rows, int64_t wall_us)
{
    size_t count = rows->count;
    size_t first = find(picture, picture->asked.from);
    size_t end = find(picture, picture->asked.to);
    if (count > PICTURE_UPDATE_MOST || !are_all_there(picture, first, end, rows->candles, count)) {
        picture->is_void = true;
        return false;
    }
    if (is_no_news(picture, rows, wall_us))
        return false;
    replace(picture, first, end, rows->candles, count);
    note_said(picture, rows, wall_us);
    return true;
}

bool picture_take(struct picture *picture, enum picture_due due, const struct candle_rows *rows,
                  int64_t wall_us)
{
    ASSERT(due != PICTURE_CURRENT);
    if (due == PICTURE_UPDATE)
        return take_update(picture, rows, wall_us);
    picture->open = nothing;
    picture->newest = candle_at(0);
    replace(picture, 0, picture->count, rows->candles, rows->count);
    note_said(picture, rows, wall_us);
    return true;
}
