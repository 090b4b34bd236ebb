#include "tape/candle_query.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"

#include <string.h>

#define ROWS_FIRST 64

/* Where a question has got to. */
enum stage {
    STAGE_FOLDING,  /* the bucket under way */
    STAGE_WALKING,  /* back, bucket by bucket */
    STAGE_WALKED,   /* all rows are there, oldest first */
    STAGE_WEIGHING, /* their average prices */
    STAGE_DONE,
};

struct candle_query {
    struct tape *tape;
    struct inbox *inbox;
    int64_t interval_us;
    int64_t first_tick; /* as the list of symbols had it: candles outlive their ticks */
    candle_query_wake_fn *wake;
    void *owner;
    struct tape_waiter waiter;
    struct track *stored; /* of the interval that rolls up; NULL: from ticks */
    struct candle_fold fold;

    struct candle_query_range range;
    struct candle_vwaps vwaps;
    uint64_t changes; /* of all tracks, when it began */
    unsigned restarts;
    enum stage stage;
    int64_t position; /* walked back to here */
    bool has_asked;   /* for the stored candles at `asked_at`, without waiting for them yet */
    int64_t asked_at;
    int64_t oldest; /* no further than this */
    /* A day before the newest tick; TIME_MIN: none has been met. Further than that only a bounded
     * number of them and of stretches is looked through. */
    int64_t ticks_enough;
    size_t ticks_met;
    size_t stretches_met;
    struct candle current; /* the bucket that is being put together; trades 0: none */
    struct candle *rows;   /* newest first until they are all there, then oldest first */
    size_t count;
    size_t capacity;
};

static void told(struct letter *letter)
{
    struct tape_waiter *waiter = CONTAINER_OF(letter, struct tape_waiter, letter);
    struct candle_query *query = CONTAINER_OF(waiter, struct candle_query, waiter);
    query->wake(query->owner);
}

struct candle_query *candle_query_create(struct tape *tape, struct inbox *inbox,
                                         const struct symbol *symbol, int64_t interval_us,
                                         candle_query_wake_fn *wake, void *owner)
{
    struct candle_query *query = MEM_NEW(struct candle_query);
    query->tape = tape;
    query->inbox = inbox;
    query->interval_us = interval_us;
    query->first_tick = symbol->from;
    query->wake = wake;
    query->owner = owner;
    tape_waiter_init(&query->waiter, inbox, told);
    query->waiter.takes_outdated = true;
    query->fold.tape = tape;
    query->fold.waiter = &query->waiter;
    query->fold.tracks.ticks = tape_track_hold(tape, symbol);
    int64_t stored_us = candle_stored_divisor(interval_us);
    if (stored_us > 0) {
        query->fold.tracks.minutes = tape_candles_hold(tape, symbol, TIME_MINUTE_US);
        query->fold.tracks.hours = tape_candles_hold(tape, symbol, 60 * TIME_MINUTE_US);
        query->stored = tape_candles_hold(tape, symbol, stored_us);
    }
    query->vwaps.tape = tape;
    query->vwaps.ticks = query->fold.tracks.ticks;
    query->vwaps.waiter = &query->waiter;
    query->vwaps.interval_us = interval_us;
    query->stage = STAGE_DONE;
    return query;
}

/* Nothing is waited for or asked for any more. */
static void leave_all(struct candle_query *query)
{
    tape_stop_waiting(query->tape, &query->waiter);
    if (query->has_asked)
        tape_unask(query->tape, query->stored, query->asked_at);
    query->has_asked = false;
}

void candle_query_destroy(struct candle_query **place)
{
    struct candle_query *query = *place;
    *place = NULL;
    leave_all(query);
    tape_track_let_go(query->tape, &query->fold.tracks.ticks);
    if (query->stored != NULL) {
        tape_track_let_go(query->tape, &query->fold.tracks.minutes);
        tape_track_let_go(query->tape, &query->fold.tracks.hours);
        tape_track_let_go(query->tape, &query->stored);
    }
    candle_vwaps_deinit(&query->vwaps);
    mem_free(query->rows);
    mem_free(query);
}

int64_t candle_query_end(const struct symbol *symbol, int64_t now_us)
{
    int64_t ahead_us = now_us + CANDLE_QUERY_AHEAD_US;
    return symbol->to > ahead_us ? symbol->to : ahead_us;
}

/* Ticks and all candles of a symbol change together. */
static uint64_t changes_of(const struct candle_query *query)
{
    return track_changes(query->fold.tracks.ticks);
}

static int64_t bucket_of(const struct candle_query *query, int64_t time)
{
    return interval_floor(query->interval_us, time);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The waiter goes back from `position`, as far as the rows that are missing lie at least. */
static void look_back(struct candle_query *query, int64_t position)
{
    int64_t newest =
        query->current.trades > 0 ? query->current.time : bucket_of(query, position - 1);
    int64_t missing = (int64_t)(query->range.limit - query->count) - 1;
    query->waiter.backward = true;
    query->waiter.reach_us =
        position - larger(newest - missing * query->interval_us, query->oldest);
    query->waiter.strides = position <= query->first_tick;
}

/* The stored candles that the walk will need, and what the fold needs of the same ones, are asked
 * for before the fold begins: its own loads run at the same time. */
static void ask_for_stored(struct candle_query *query, int64_t bucket)
{
    const struct candle_tracks *tracks = &query->fold.tracks;
    if (query->stored == NULL)
        return;
    int64_t end = query->stored == tracks->minutes || query->stored == tracks->hours
                      ? interval_floor(candle_stored_divisor(query->interval_us), query->range.at)
                      : bucket;
    if (end <= query->oldest || (end == bucket && query->range.limit == 1))
        return;
    look_back(query, end);
    tape_ask(query->tape, query->stored, end - 1, &query->waiter);
    query->has_asked = true;
    query->asked_at = end - 1;
}

/* From the end of the newest bucket, or from `at`, back. */
static void begin(struct candle_query *query)
{
    const struct candle_query_range *range = &query->range;
    leave_all(query);
    query->count = 0;
    query->current = candle_at(0);
    query->changes = changes_of(query);
    query->oldest = larger(interval_ceil(query->interval_us, range->from), TIME_MIN);
    int64_t end = TIME_MIN;
    if (range->to > TIME_MIN)
        end = bucket_of(query, range->to - 1) + query->interval_us;
    if (end > TIME_MAX + 1)
        end = TIME_MAX + 1;
    int64_t bucket = range->at <= end ? bucket_of(query, range->at) : end;
    bool has_part = range->at < end && bucket < range->at && bucket >= query->oldest;
    if (has_part)
        candle_fold_begin(&query->fold, (struct time_range){.from = bucket, .to = range->at});
    query->position = bucket < end ? bucket : end;
    query->ticks_enough = TIME_MIN;
    query->ticks_met = query->stretches_met = 0;
    query->stage = has_part ? STAGE_FOLDING : STAGE_WALKING;
    if (has_part)
        ask_for_stored(query, bucket);
}

void candle_query_ask(struct candle_query *query, const struct candle_query_range *range)
{
    ASSERT(range->limit > 0);
    query->range = *range;
    query->restarts = 0;
    begin(query);
}

static void push(struct candle_query *query, const struct candle *candle)
{
    if (query->count == query->capacity) {
        query->capacity = query->capacity > 0 ? 2 * query->capacity : ROWS_FIRST;
        query->rows = mem_resize(query->rows, query->capacity * sizeof *query->rows);
    }
    query->rows[query->count++] = *candle;
}

/* The bucket of the next older row; whether there are enough without it. */
static bool enter_bucket(struct candle_query *query, int64_t bucket)
{
    if (query->current.trades > 0 && query->current.time == bucket)
        return false;
    if (query->current.trades > 0)
        push(query, &query->current);
    query->current = candle_at(bucket);
    return query->count == query->range.limit;
}

/* Rows [first, end) of a block, newest first; true when there are enough. */
static bool walk_candles(struct candle_query *query, const struct block *block, size_t first,
                         size_t end)
{
    for (size_t row = end; row > first; row--) {
        const struct candle *stored = &block->candles[row - 1];
        if (enter_bucket(query, bucket_of(query, stored->time)))
            return true;
        candle_prepend(&query->current, stored);
    }
    return false;
}

static bool walk_ticks(struct candle_query *query, const struct block *block, size_t first,
                       size_t end)
{
    const struct column *last = &block->fields[TICK_LAST];
    if (last->encoding == COLUMN_CONST && last->base == DECIMAL_NULL)
        return false; /* nothing but quotes */
    for (size_t row = end; row > first; row--) {
        int64_t price = column_decimal(last, row - 1);
        if (price == DECIMAL_NULL)
            continue;
        if (enter_bucket(query, bucket_of(query, block_time(block, row - 1))))
            return true;
        candle_prepend_trade(&query->current, price,
                             column_decimal(&block->fields[TICK_VOLUME], row - 1));
    }
    return false;
}

static bool walk_stretch(struct candle_query *query, const struct tape_stretch *stretch,
                         size_t *rows_left)
{
    const struct block *block = stretch->block;
    if (block == NULL)
        return false;
    size_t first = block_find(block, query->oldest);
    size_t end = block_find(block, query->position);
    if (first >= end)
        return false;
    *rows_left -= end - first < *rows_left ? end - first : *rows_left;
    if (query->ticks_enough == TIME_MIN)
        query->ticks_enough = block_time(block, end - 1) - CANDLE_QUERY_TICKS_US;
    query->ticks_met += query->position <= query->ticks_enough ? end - first : 0;
    return block->candles != NULL ? walk_candles(query, block, first, end)
                                  : walk_ticks(query, block, first, end);
}

/* The last bucket that is wanted has been walked through: what lies before it is nobody's affair.
 */
static bool has_last(const struct candle_query *query)
{
    return query->current.trades > 0 && query->position <= query->current.time &&
           query->count + 1 == query->range.limit;
}

/* Nobody can tell how far back the next trade of a symbol lies. What has been begun of a bucket is
 * given up: its other part is older. */
static bool is_far_enough(struct candle_query *query)
{
    if (query->stored != NULL || query->position > query->ticks_enough)
        return false;
    if (query->ticks_met < CANDLE_QUERY_TICKS_MOST &&
        query->stretches_met++ < CANDLE_QUERY_STRETCHES_MOST)
        return false;
    if (query->current.trades > 0 && query->current.time < query->position)
        query->current = candle_at(0);
    return true;
}

static bool has_no_trades(const struct candle_query *query)
{
    return query->stored == NULL &&
           (track_lacks(query->fold.tracks.ticks) & TICK_FIELD_BIT(TICK_LAST)) != 0;
}

static enum status walk_back(struct candle_query *query, size_t *rows_left, struct error *error)
{
    struct track *track = query->stored != NULL ? query->stored : query->fold.tracks.ticks;
    bool enough = query->count == query->range.limit || has_no_trades(query);
    while (!enough && query->position > query->oldest) {
        if (*rows_left == 0)
            return STATUS_WAIT;
        struct tape_stretch stretch;
        look_back(query, query->position);
        enum status status =
            tape_pin(query->tape, track, query->position - 1, &query->waiter, &stretch, error);
        if (status != STATUS_OK)
            return status;
        enough = walk_stretch(query, &stretch, rows_left);
        query->position = stretch.range.from;
        tape_unpin(&stretch);
        if (!enough && (has_last(query) || is_far_enough(query)))
            break;
    }
    if (!enough && query->current.trades > 0)
        push(query, &query->current);
    return STATUS_OK;
}

static enum status fold_bucket(struct candle_query *query, size_t *rows_left, struct error *error)
{
    enum status status = candle_fold_run(&query->fold, rows_left, error);
    if (status != STATUS_OK)
        return status;
    if (query->fold.candle.trades > 0)
        push(query, &query->fold.candle);
    return STATUS_OK;
}

static void turn_around(struct candle_query *query)
{
    for (size_t i = 0; i < query->count / 2; i++) {
        struct candle swapped = query->rows[i];
        query->rows[i] = query->rows[query->count - 1 - i];
        query->rows[query->count - 1 - i] = swapped;
    }
}

static enum status begin_weighing(struct candle_query *query, struct error *error)
{
    return candle_vwaps_begin(&query->vwaps, query->rows, query->count, query->range.at, error);
}

/* On to the next stage: STATUS_OK, or why not yet. */
static enum status advance(struct candle_query *query, size_t *rows_left, struct error *error)
{
    enum status status = STATUS_OK;
    switch (query->stage) {
    case STAGE_FOLDING:
        status = fold_bucket(query, rows_left, error);
        break;
    case STAGE_WALKING:
        status = walk_back(query, rows_left, error);
        if (status == STATUS_OK)
            turn_around(query);
        break;
    case STAGE_WALKED:
        if (query->range.vwap)
            status = begin_weighing(query, error);
        break;
    case STAGE_WEIGHING:
        if (query->range.vwap)
            status = candle_vwaps_run(&query->vwaps, rows_left, error);
        break;
    case STAGE_DONE:
        ASSERT(false);
    }
    if (status == STATUS_OK)
        query->stage++;
    return status;
}

static void begin_anew_if_changed(struct candle_query *query)
{
    if (query->stage == STAGE_DONE || query->changes == changes_of(query) || query->range.watched ||
        query->restarts == CANDLE_QUERY_RESTARTS_MAX)
        return;
    query->restarts++;
    begin(query);
}

enum status candle_query_run(struct candle_query *query, struct candle_rows *rows,
                             struct error *error)
{
    begin_anew_if_changed(query);
    size_t rows_left = CANDLE_FOLD_ROWS_MAX;
    while (query->stage != STAGE_DONE) {
        enum status status = advance(query, &rows_left, error);
        if (status == STATUS_WAIT && rows_left == 0)
            inbox_post(query->inbox, &query->waiter.letter); /* that was enough for one turn */
        if (status != STATUS_OK)
            return status;
    }
    *rows = (struct candle_rows){
        .candles = query->rows,
        .vwaps = query->range.vwap ? query->vwaps.vwaps : NULL,
        .count = query->count,
    };
    return STATUS_OK;
}
