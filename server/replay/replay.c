#include "replay/replay_private.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void replay_change_state(struct replay *replay, enum replay_state state, enum replay_reason reason)
{
    if (replay->state == state && replay->reason == reason)
        return;
    counter_subtract(&replay->lane->states[replay->state], 1);
    counter_add(&replay->lane->states[state], 1);
    replay->state = state;
    replay->reason = reason;
    replay->state_due = true;
}

bool replay_is_running(const struct replay *replay)
{
    return replay->state == REPLAY_PLAYING || replay->state == REPLAY_BUFFERING;
}

static void wake_owner(void *argument)
{
    struct replay *replay = argument;
    replay->wake(replay->owner);
}

static void timer_fired(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    wake_owner(CONTAINER_OF(timer, struct replay, timer));
}

/* The tape knows more. The waiter lies in a cursor that knows its replay by its place. */
struct replay_cursor {
    struct cursor cursor;
    struct replay *replay;
    struct symbol symbol; /* as it was known when the replay was opened */
};

static void tape_told(struct letter *letter)
{
    struct tape_waiter *waiter = CONTAINER_OF(letter, struct tape_waiter, letter);
    struct cursor *cursor = CONTAINER_OF(waiter, struct cursor, waiter);
    wake_owner(CONTAINER_OF(cursor, struct replay_cursor, cursor)->replay);
}

static void seek_cursors(struct replay *replay)
{
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        cursor_seek(replay->cursors[i], replay->direction, replay->edge);
        cursor_expect(replay->cursors[i], replay->options.speed.max ? replay->end : replay->edge);
    }
}

static int own_direction(const struct replay *replay)
{
    return replay_speed_direction(replay->options.speed);
}

static void start_epoch(struct replay *replay, int direction, int64_t at, int64_t now_us)
{
    replay->epoch++;
    replay->seq = 0;
    replay->direction = direction;
    replay->epoch_at = axis_edge(direction, at);
    replay->edge = replay->epoch_at;
    replay->end = axis_edge(direction, direction > 0 ? replay->options.to : replay->options.from);
    replay->is_step = false;
    replay->step.under_way = false;
    replay->last_due_us = 0;
    replay->blocked_since_us = 0;
    replay->resumes = false;
    replay->held_by = REASON_NONE;
    replay->frame_sent_us = now_us;
    replay->epoch_began_us = now_us;
    memset(replay->totals, 0, sizeof replay->totals);
    flow_reset(&replay->flow);
    seek_cursors(replay);
    replay_series_begin(replay);
    wheel_cancel(replay->lane->wheel, &replay->timer);
    play_clock_set(&replay->clock, 0, now_us, replay_is_running(replay));
}

/* The picture at the playhead is wanted; an older wish is void. */
static void want_picture(struct replay *replay)
{
    snapshot_want(&replay->snapshot, replay_market(replay, replay->edge));
    replay->picture_awaited = false;
    replay_series_begin(replay);
}

static void create_cursors(struct replay *replay, const struct replay_options *options)
{
    for (size_t i = 0; i < options->symbol_count; i++) {
        struct replay_cursor *mine = MEM_NEW(struct replay_cursor);
        mine->replay = replay;
        mine->symbol = *options->symbols[i];
        cursor_init(&mine->cursor, replay->lane->tape, options->symbols[i], replay->lane->inbox,
                    tape_told);
        replay->cursors[i] = &mine->cursor;
    }
}

static void create_snapshot(struct replay *replay, const struct replay_options *options)
{
    struct snapshot_options wanted = {
        .source = replay->lane->source,
        .tape = replay->lane->tape,
        .inbox = replay->lane->inbox,
        .symbol_count = options->symbol_count,
        .ready = wake_owner,
        .owner = replay,
    };
    for (size_t i = 0; i < options->symbol_count; i++) {
        wanted.symbols[i] = options->symbols[i]->name;
        wanted.tracks[i] = replay->cursors[i]->track;
    }
    snapshot_init(&replay->snapshot, &wanted);
}

struct replay *replay_create(struct replay_lane *lane, const struct replay_options *options,
                             replay_wake_fn *wake, void *owner, int64_t now_us)
{
    ASSERT(options->symbol_count >= 1 && options->symbol_count <= REPLAY_SYMBOLS_MAX);
    ASSERT(options->from <= options->at);
    ASSERT(options->at <= options->to);
    struct replay *replay = MEM_NEW(struct replay);
    replay->lane = lane;
    replay->wake = wake;
    replay->owner = owner;
    replay->options = *options;
    timer_init(&replay->timer, timer_fired);
    flow_init(&replay->flow, options->flow_ack, options->window_us, options->window_bytes,
              REPLAY_FPS_MOST);
    create_cursors(replay, options);
    create_snapshot(replay, options);
    replay_series_create(replay, options->symbols);
    memset(replay->options.symbols, 0, sizeof replay->options.symbols);
    /* `opened` tells the first state: no push for it. */
    replay->state = options->playing ? REPLAY_PLAYING : REPLAY_PAUSED;
    counter_add(&lane->states[replay->state], 1);
    start_epoch(replay, own_direction(replay), options->at, now_us);
    want_picture(replay);
    replay_find_picture(replay); /* while `opened` is on its way */
    return replay;
}

void replay_destroy(struct replay **replay)
{
    struct replay *gone = *replay;
    *replay = NULL;
    counter_subtract(&gone->lane->states[gone->state], 1);
    wheel_cancel(gone->lane->wheel, &gone->timer);
    snapshot_deinit(&gone->snapshot);
    replay_series_destroy(gone);
    for (size_t i = 0; i < gone->options.symbol_count; i++) {
        cursor_deinit(gone->cursors[i]);
        mem_free(CONTAINER_OF(gone->cursors[i], struct replay_cursor, cursor));
    }
    mem_free(gone);
}

size_t replay_symbol_count(const struct replay *replay)
{
    return replay->options.symbol_count;
}

const struct symbol *replay_symbol(const struct replay *replay, size_t index)
{
    ASSERT(index < replay->options.symbol_count);
    return &CONTAINER_OF(replay->cursors[index], struct replay_cursor, cursor)->symbol;
}

const struct replay_intervals *replay_asked_intervals(const struct replay *replay)
{
    return &replay->options.intervals;
}

void replay_look(const struct replay *replay, struct replay_view *view)
{
    *view = (struct replay_view){
        .epoch = replay->epoch,
        .state = replay->state,
        .reason = replay->reason,
        .at = replay_market(replay, replay->edge),
        .speed = replay->options.speed,
        .from = replay->options.from,
        .to = replay->options.to,
    };
}

enum status replay_play(struct replay *replay, int64_t now_us, struct error *error)
{
    if (replay->state == REPLAY_ENDED)
        return error_set(error, STATUS_CONFLICT,
                         "the replay has ended: seek to play a part of it again");
    if (replay_is_running(replay))
        return STATUS_OK;
    int64_t at = replay_market(replay, replay->edge);
    if (replay->snapshot_failed)
        want_picture(replay);
    replay->snapshot_failed = false;
    if (replay->is_step)
        start_epoch(replay, own_direction(replay), at, now_us);
    replay_change_state(replay, REPLAY_PLAYING, REASON_NONE);
    replay->frame_sent_us = now_us;
    replay->resumes = true;
    play_clock_start(&replay->clock, now_us);
    return STATUS_OK;
}

void replay_rest(struct replay *replay, int64_t now_us)
{
    play_clock_stop(&replay->clock, now_us);
    wheel_cancel(replay->lane->wheel, &replay->timer);
    replay->blocked_since_us = 0;
    replay->held_by = REASON_NONE;
    seek_cursors(replay); /* failures that were waited for are forgotten, too */
    replay_series_rest(replay);
}

/* It stays where its last frame has brought it. */
static void end_step(struct replay *replay, int64_t now_us)
{
    if (replay->step.under_way)
        replay_rest(replay, now_us);
    replay->step.under_way = false;
}

void replay_pause(struct replay *replay, int64_t now_us)
{
    end_step(replay, now_us);
    if (!replay_is_running(replay))
        return;
    replay_rest(replay, now_us);
    replay_change_state(replay, REPLAY_PAUSED, REASON_NONE);
}

static enum status check_instant(const struct replay *replay, const char *name, int64_t at,
                                 struct error *error)
{
    if (at >= replay->options.from && at <= replay->options.to)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s is %s; it must lie in the replay's range %s to %s",
                     name, time_format(at).text, time_format(replay->options.from).text,
                     time_format(replay->options.to).text);
}

/* Seek and a changed speed leave `ended` as paused, and buffering as playing. */
static void settle_state(struct replay *replay)
{
    if (replay->state == REPLAY_ENDED)
        replay_change_state(replay, REPLAY_PAUSED, REASON_NONE);
    if (replay->state == REPLAY_BUFFERING)
        replay_change_state(replay, REPLAY_PLAYING, REASON_NONE);
}

enum status replay_seek(struct replay *replay, int64_t to, int64_t now_us, struct error *error)
{
    enum status status = check_instant(replay, "to", to, error);
    if (status != STATUS_OK)
        return status;
    settle_state(replay);
    start_epoch(replay, own_direction(replay), to, now_us);
    want_picture(replay);
    return STATUS_OK;
}

/* Another epoch that continues the client's picture. A picture under way is of another instant; one
 * that failed is asked for again. */
static void go_on_from(struct replay *replay, int direction, int64_t at, int64_t now_us)
{
    settle_state(replay);
    start_epoch(replay, direction, at, now_us);
    if (replay->snapshot.state != SNAPSHOT_NONE || replay->snapshot_failed)
        want_picture(replay);
    replay->snapshot_failed = false;
}

/* Where a control takes effect: at the edge of the last frame that the client used. */
static enum status choose_start(const struct replay *replay, const int64_t *at, int64_t *start,
                                struct error *error)
{
    *start = at != NULL ? *at : replay_market(replay, replay->edge);
    return check_instant(replay, "at", *start, error);
}

enum status replay_change_speed(struct replay *replay, struct replay_speed speed, const int64_t *at,
                                int64_t now_us, struct error *error)
{
    if (replay_speed_equal(replay->options.speed, speed))
        return STATUS_OK;
    int64_t start;
    enum status status = choose_start(replay, at, &start, error);
    if (status != STATUS_OK)
        return status;
    replay->options.speed = speed;
    go_on_from(replay, own_direction(replay), start, now_us);
    return STATUS_OK;
}

/* Where a step ends that is not counted in ticks; beyond the range: nowhere in particular. */
static int64_t step_target(const struct replay *replay, const struct replay_step *step,
                           int64_t start)
{
    int64_t unit_us = step->interval_us;
    int64_t from = interval_floor(unit_us, start);
    if (replay->direction < 0)
        from = -interval_ceil(unit_us, start);
    int64_t moved;
    int64_t target;
    if (__builtin_mul_overflow(unit_us, step->count * replay->direction, &moved) ||
        __builtin_add_overflow(from, moved, &target))
        return INT64_MAX;
    return target;
}

static int64_t frame_target(const struct replay *replay, int64_t count)
{
    double rate = fabs(replay->options.speed.rate);
    double moved_us = floor((double)llabs(count) * rate * 1e6 / (double)replay->options.fps);
    if (moved_us >= (double)(replay->end - replay->edge))
        return replay->end;
    return replay->edge + (int64_t)moved_us;
}

static void aim(struct replay *replay, const struct replay_step *step, int64_t start)
{
    replay->step.by_ticks = step->unit == STEP_TICK;
    replay->step.instants_left = llabs(step->count);
    replay->step.target = replay->end;
    if (step->unit == STEP_FRAME)
        replay->step.target = frame_target(replay, step->count);
    if (step->unit == STEP_INTERVAL)
        replay->step.target = step_target(replay, step, start);
    if (replay->step.target > replay->end)
        replay->step.target = replay->end;
    replay->step.under_way = replay->edge < replay->end; /* else there is nowhere to go */
}

enum status replay_step(struct replay *replay, const struct replay_step *step, const int64_t *at,
                        int64_t now_us, struct error *error)
{
    if (step->unit == STEP_FRAME && replay->options.speed.max)
        return error_set(
            error, STATUS_INVALID,
            "a frame has no length at \"max\": step by \"tick\" or an interval, or set "
            "a speed first");
    int64_t start;
    enum status status = choose_start(replay, at, &start, error);
    if (status != STATUS_OK)
        return status;
    replay_pause(replay, now_us);
    go_on_from(replay, step->count > 0 ? 1 : -1, start, now_us);
    replay->is_step = true;
    aim(replay, step, start);
    return STATUS_OK;
}

static void change_intervals(struct replay *replay, const struct replay_intervals *intervals)
{
    const struct symbol *symbols[REPLAY_SYMBOLS_MAX];
    for (size_t i = 0; i < replay->options.symbol_count; i++)
        symbols[i] = replay_symbol(replay, i);
    replay_series_destroy(replay);
    replay->options.intervals = *intervals;
    replay_series_create(replay, symbols);
}

void replay_set(struct replay *replay, const struct replay_changes *changes, int64_t now_us)
{
    (void)now_us;
    replay->resumes = replay_is_running(replay); /* what this makes due is not late */
    if (changes->fps != NULL)
        replay->options.fps = *changes->fps;
    bool read_ticks = replay_reads_ticks(replay);
    if (changes->ticks != NULL)
        replay->options.ticks = *changes->ticks;
    if (changes->intervals != NULL)
        change_intervals(replay, changes->intervals);
    if (read_ticks != replay_reads_ticks(replay))
        seek_cursors(replay);
    want_picture(replay);
}

enum status replay_acknowledge(struct replay *replay, int64_t epoch, int64_t seq,
                               struct error *error)
{
    if (epoch > replay->epoch)
        return error_set(error, STATUS_INVALID, "epoch %lld has not begun; this is epoch %lld",
                         (long long)epoch, (long long)replay->epoch);
    if (epoch < replay->epoch)
        return STATUS_OK; /* acknowledged before it heard of the new one */
    return flow_acknowledge(&replay->flow, seq, error);
}
