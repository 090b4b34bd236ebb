#include "tape/candle_vwap.h"

#include "base/mem.h"
#include "market/fold.h"

#include <inttypes.h>

#define PIN_ROWS 16 /* so many rows of work is a stretch, whatever is in it */

void candle_vwaps_deinit(struct candle_vwaps *vwaps)
{
    mem_free(vwaps->vwaps);
    vwaps->vwaps = NULL;
}

static enum status refuse(int64_t ticks, struct error *error)
{
    return error_set(error, STATUS_LIMIT,
                     "vwap: these candles are made of %" PRId64
                     " ticks or more; at most %d in a question: ask for fewer or shorter ones",
                     ticks, CANDLE_VWAP_TICKS_MAX);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The bucket of the last row that is left comes next. */
static void enter_bucket(struct candle_vwaps *vwaps)
{
    if (vwaps->left == 0)
        return;
    struct time_range bucket = {.from = vwaps->rows[vwaps->left - 1].time};
    bucket.to = smaller(bucket.from + vwaps->interval_us, vwaps->at);
    bucket = time_range_clip(bucket);
    vwaps->bucket_from = bucket.from;
    vwaps->position = bucket.to;
    vwaps->turnover = (struct turnover){.trades = 0};
}

enum status candle_vwaps_begin(struct candle_vwaps *vwaps, const struct candle *rows, size_t count,
                               int64_t at, struct error *error)
{
    int64_t trades = 0;
    for (size_t i = 0; i < count; i++)
        trades += rows[i].trades;
    if (trades > CANDLE_VWAP_TICKS_MAX)
        return refuse(trades, error);
    if (count >= vwaps->capacity) { /* none is an array, too: of what was asked for */
        vwaps->capacity = count + 1;
        vwaps->vwaps = mem_resize(vwaps->vwaps, vwaps->capacity * sizeof *vwaps->vwaps);
    }
    vwaps->rows = rows;
    vwaps->left = count;
    vwaps->at = at;
    vwaps->ticks_met = 0;
    enter_bucket(vwaps);
    return STATUS_OK;
}

static enum status add_stretch(struct candle_vwaps *vwaps, size_t *rows_left, struct error *error)
{
    struct tape_stretch stretch;
    vwaps->waiter->backward = true;
    vwaps->waiter->reach_us = vwaps->position - vwaps->rows[0].time;
    vwaps->waiter->strides = false;
    enum status status =
        tape_pin(vwaps->tape, vwaps->ticks, vwaps->position - 1, vwaps->waiter, &stretch, error);
    if (status != STATUS_OK)
        return status;
    if (stretch.block != NULL) {
        size_t first = block_find(stretch.block, vwaps->bucket_from);
        size_t end = block_find(stretch.block, vwaps->position);
        size_t looked_at = fold_turnover(&vwaps->turnover, stretch.block, first, end);
        *rows_left -= looked_at < *rows_left ? looked_at : *rows_left;
        vwaps->ticks_met += (int64_t)(end - first);
    }
    *rows_left -= PIN_ROWS < *rows_left ? PIN_ROWS : *rows_left;
    vwaps->position = stretch.range.from;
    tape_unpin(&stretch);
    if (vwaps->ticks_met > CANDLE_VWAP_TICKS_MAX)
        return refuse(vwaps->ticks_met, error);
    return STATUS_OK;
}

static void settle_bucket(struct candle_vwaps *vwaps)
{
    size_t row = vwaps->left - 1;
    bool is_whole = vwaps->turnover.trades >= vwaps->rows[row].trades;
    vwaps->vwaps[row] = is_whole ? vwap_of(&vwaps->turnover) : (struct vwap){.is_there = false};
    vwaps->left--;
    enter_bucket(vwaps);
}

enum status candle_vwaps_run(struct candle_vwaps *vwaps, size_t *rows_left, struct error *error)
{
    while (vwaps->left > 0) {
        if (*rows_left == 0)
            return STATUS_WAIT;
        if (vwaps->position <= vwaps->bucket_from) {
            settle_bucket(vwaps);
            continue;
        }
        enum status status = add_stretch(vwaps, rows_left, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
