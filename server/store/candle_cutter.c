/*
 * Where the stretches of a load of candles end.
 *
 * The thread that reads the load. Owns the candles of the open block.
 */
#include "store/candle_cutter.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"

#define ROWS_FIRST 512

void candle_cutter_init(struct candle_cutter *cutter, struct tick_load *load,
                        struct load_progress *progress)
{
    ASSERT(load->interval_us > 0);
    ASSERT(load->grain_us % load->interval_us == 0);
    load_progress_check(progress, load);
    *cutter = (struct candle_cutter){.load = load, .progress = progress};
}

void candle_cutter_deinit(struct candle_cutter *cutter)
{
    mem_free(cutter->candles);
    *cutter = (struct candle_cutter){.candles = NULL};
}

/* ---- publishing ---- */

/* From where what is left begins, in the direction of the load, up to `end`; nothing when that is
 * where it begins. */
static void publish_until(struct candle_cutter *cutter, int64_t end, const struct candle *candles,
                          size_t rows)
{
    struct time_range range = load_progress_until(cutter->progress, cutter->load, end);
    if (range.from >= range.to)
        return;
    struct block *block = rows > 0 ? block_of_candles(candles, rows, range) : NULL;
    load_progress_publish(cutter->progress, cutter->load, range, block);
}

static void reverse(struct candle *candles, size_t rows)
{
    for (size_t low = 0, high = rows; low + 1 < high; low++) {
        struct candle swapped = candles[low];
        candles[low] = candles[--high];
        candles[high] = swapped;
    }
}

static void publish_rows(struct candle_cutter *cutter, int64_t end)
{
    if (cutter->load->backward)
        reverse(cutter->candles, cutter->rows);
    publish_until(cutter, end, cutter->candles, cutter->rows);
    cutter->rows = 0;
}

/* ---- where stretches end ---- */

/* The grain that holds `time`, as far as it is left. */
static struct time_range grain_around(const struct candle_cutter *cutter, int64_t time)
{
    struct time_range grain = cutter->progress->left;
    int64_t grain_us = cutter->load->grain_us;
    if (grain_us == 0)
        return grain;
    int64_t from = time_floor(time, grain_us);
    if (grain.to - from > grain_us)
        grain.to = from + grain_us;
    if (grain.from < from)
        grain.from = from;
    return grain;
}

/* Nothing is open: closes the emptiness before `time` and opens the stretch that holds it. */
static void open_stretch(struct candle_cutter *cutter, int64_t time)
{
    struct time_range grain = grain_around(cutter, time);
    bool backward = cutter->load->backward;
    publish_until(cutter, backward ? grain.to : grain.from, NULL, 0);
    cutter->stretch_end = backward ? grain.from : grain.to;
}

static bool is_past_stretch(const struct candle_cutter *cutter, int64_t time)
{
    return cutter->load->backward ? time < cutter->stretch_end : time >= cutter->stretch_end;
}

/* Where a full block ends: with its last candle. */
static int64_t full_end(const struct candle_cutter *cutter)
{
    int64_t last = cutter->candles[cutter->rows - 1].time;
    return cutter->load->backward ? last : last + cutter->load->interval_us;
}

/* ---- rows ---- */

static bool is_in_order(const struct candle_cutter *cutter, int64_t time)
{
    if (cutter->rows == 0)
        return true;
    int64_t last = cutter->candles[cutter->rows - 1].time;
    return cutter->load->backward ? time < last : time > last;
}

static enum status check(const struct candle_cutter *cutter, int64_t time, struct error *error)
{
    const char *symbol = cutter->load->symbol;
    const struct time_range *left = &cutter->progress->left;
    if (time < left->from || time >= left->to)
        return error_set(error, STATUS_INTERNAL, "%s: a candle at %s lies outside of what was read",
                         symbol, time_format(time).text);
    if (interval_floor(cutter->load->interval_us, time) != time)
        return error_set(error, STATUS_INTERNAL, "%s: no candle of this interval begins at %s",
                         symbol, time_format(time).text);
    if (!is_in_order(cutter, time))
        return error_set(error, STATUS_INTERNAL, "%s: candles out of order at %s", symbol,
                         time_format(time).text);
    return STATUS_OK;
}

static void append(struct candle_cutter *cutter, const struct candle *candle)
{
    if (cutter->rows == cutter->capacity) {
        cutter->capacity = cutter->capacity > 0 ? 2 * cutter->capacity : ROWS_FIRST;
        cutter->candles = mem_resize(cutter->candles, cutter->capacity * sizeof *cutter->candles);
    }
    cutter->candles[cutter->rows++] = *candle;
}

enum status candle_cutter_add(struct candle_cutter *cutter, const struct candle *candle,
                              struct error *error)
{
    enum status status = check(cutter, candle->time, error);
    if (status != STATUS_OK)
        return status;
    if (cutter->rows > 0 && is_past_stretch(cutter, candle->time))
        publish_rows(cutter, cutter->stretch_end);
    if (cutter->rows == CANDLE_BLOCK_ROWS_MAX)
        publish_rows(cutter, full_end(cutter));
    if (cutter->rows == 0)
        open_stretch(cutter, candle->time);
    append(cutter, candle);
    return STATUS_OK;
}

void candle_cutter_finish(struct candle_cutter *cutter)
{
    const struct time_range *left = &cutter->progress->left;
    if (cutter->rows > 0)
        publish_rows(cutter, cutter->stretch_end);
    publish_until(cutter, cutter->load->backward ? left->from : left->to, NULL, 0);
}
