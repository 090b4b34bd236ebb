#include "tape/candle_fold.h"

#include "base/assert.h"
#include "market/fold.h"

#define HOUR_US (60 * TIME_MINUTE_US)

void candle_fold_begin(struct candle_fold *fold, struct time_range range)
{
    fold->position = range.from;
    fold->to = range.to;
    fold->candle = candle_at(range.from);
}

/* The next part, and the track it comes from: hours where they are whole, then minutes, then
 * ticks. */
struct part {
    struct track *track;
    int64_t to;
};

static struct part next_part(const struct candle_fold *fold)
{
    int64_t from = fold->position;
    int64_t to = fold->to;
    if (fold->tracks.minutes == NULL)
        return (struct part){.track = fold->tracks.ticks, .to = to};
    int64_t hour = time_ceil(from, HOUR_US);
    int64_t last_hour = time_floor(to, HOUR_US);
    if (from == hour && from < last_hour)
        return (struct part){.track = fold->tracks.hours, .to = last_hour};
    int64_t minute = time_ceil(from, TIME_MINUTE_US);
    int64_t last_minute = time_floor(to, TIME_MINUTE_US);
    if (from == minute && from < last_minute)
        return (struct part){.track = fold->tracks.minutes,
                             .to = hour < last_hour ? hour : last_minute};
    return (struct part){.track = fold->tracks.ticks,
                         .to = minute > from && minute < to ? minute : to};
}

static void add(struct candle_fold *fold, const struct tape_stretch *stretch, int64_t to,
                size_t *rows_left)
{
    size_t first = block_find(stretch->block, fold->position);
    size_t end = block_find(stretch->block, to);
    if (stretch->block->candles != NULL)
        fold_candles(&fold->candle, stretch->block, first, end);
    else
        fold_ticks(&fold->candle, stretch->block, first, end);
    *rows_left -= end - first < *rows_left ? end - first : *rows_left;
}

enum status candle_fold_run(struct candle_fold *fold, size_t *rows_left, struct error *error)
{
    while (fold->position < fold->to) {
        if (*rows_left == 0)
            return STATUS_WAIT;
        struct part part = next_part(fold);
        ASSERT(part.to > fold->position);
        struct tape_stretch stretch;
        fold->waiter->backward = false;
        fold->waiter->reach_us = part.to - fold->position;
        fold->waiter->strides = false;
        enum status status =
            tape_pin(fold->tape, part.track, fold->position, fold->waiter, &stretch, error);
        if (status != STATUS_OK)
            return status;
        int64_t to = stretch.range.to < part.to ? stretch.range.to : part.to;
        if (stretch.block != NULL)
            add(fold, &stretch, to, rows_left);
        fold->position = to;
        tape_unpin(&stretch);
    }
    return STATUS_OK;
}
