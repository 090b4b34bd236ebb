#include "base/assert.h"
#include "replay/pace.h"
#include "replay/replay_private.h"

#include <math.h>

/* Read-ahead: this much play, at least one grain; at "max" this many grains. */
#define READ_AHEAD_US INT64_C(2000000)
#define SETTLED_AFTER_US INT64_C(50000) /* reading ahead of paced play begins so late */
#define READ_AHEAD_GRAINS_MAX 32        /* of all symbols of a replay together; one each at least */
#define PICTURE_LOADS_MAX 4   /* symbols whose loads are waited for to find their picture */
#define PICTURES_MISSED_MAX 2 /* in a row: the next one is not looked for there */

bool replay_reads_ticks(const struct replay *replay)
{
    return replay->options.ticks || replay->series_count > 0 ||
           (replay->step.under_way && replay->step.by_ticks);
}

enum status replay_cover(struct replay *replay, int64_t until, struct replay_known *known)
{
    *known = (struct replay_known){.covered = until};
    if (!replay_reads_ticks(replay))
        return STATUS_OK;
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        struct cursor *cursor = replay->cursors[i];
        enum status status = cursor_cover(cursor, until, &replay->error);
        if (status != STATUS_OK && status != STATUS_WAIT)
            return status;
        if (cursor->covered < known->covered) {
            known->covered = cursor->covered;
            known->full = status == STATUS_OK;
        }
        int64_t tick;
        if (cursor_next(cursor, &tick) && (!known->has_next || tick < known->next)) {
            known->has_next = true;
            known->next = tick;
        }
    }
    int64_t end;
    if (replay_series_next(replay, &end) && (!known->has_next || end < known->next)) {
        known->has_next = true;
        known->next = end;
    }
    /* A tick beyond what every symbol is known to cannot be said to be the next one. */
    known->has_next = known->has_next && known->next < known->covered;
    return STATUS_OK;
}

/* What lies ahead of a cursor, in market time. */
static struct time_range range_ahead(const struct replay *replay, const struct cursor *cursor,
                                     int64_t ahead_us)
{
    int64_t near = cursor->covered;
    int64_t far = ahead_us < replay->end - near ? near + ahead_us : replay->end;
    if (replay->direction > 0)
        return (struct time_range){.from = near, .to = far};
    return (struct time_range){.from = axis_edge(-1, far), .to = axis_edge(-1, near)};
}

/* Who scrubs seeks again before anything read ahead is of use, and it would compete with the load
 * that he waits for. At "max" all is of use once the first frame has gone. */
static bool is_settled(const struct replay *replay, int64_t now_us)
{
    return replay->options.speed.max ? replay->seq > 0
                                     : now_us - replay->epoch_began_us >= SETTLED_AFTER_US;
}

static void read_ahead(struct replay *replay)
{
    const struct replay_speed *speed = &replay->options.speed;
    int64_t grains = READ_AHEAD_GRAINS_MAX / (int64_t)replay->options.symbol_count;
    for (size_t i = 0; replay_reads_ticks(replay) && i < replay->options.symbol_count; i++) {
        struct cursor *cursor = replay->cursors[i];
        int64_t grain_us = track_grain_us(cursor->track);
        int64_t most_us = (grains > 0 ? grains : 1) * grain_us;
        double wanted_us = (double)READ_AHEAD_US * fabs(speed->rate) + (double)grain_us;
        bool is_most = speed->max || wanted_us > (double)most_us;
        struct time_range range =
            range_ahead(replay, cursor, is_most ? most_us : (int64_t)wanted_us);
        if (range.from < range.to)
            tape_read_ahead(replay->lane->tape, cursor->track, range, replay->direction < 0);
    }
}

/* More lag than may be caught up: play goes on from what is due, not from where it should be. Any
 * lag left would make the next hiccup a new stop. */
static void stop_clock(struct replay *replay, int64_t lag_us, int64_t now_us)
{
    int64_t played_us = play_clock_read(&replay->clock, now_us);
    play_clock_set(&replay->clock, played_us - lag_us, now_us, false);
}

/* Nothing can be sent for this reason, and what is due has been so for `lag_us`. */
static enum status block(struct replay *replay, enum replay_reason reason, int64_t lag_us,
                         int64_t now_us)
{
    replay->held_by = reason;
    if (replay->state != REPLAY_BUFFERING && lag_us <= REPLAY_LAG_US_MOST) {
        play_clock_start(&replay->clock, now_us);
        wheel_arm(replay->lane->wheel, &replay->timer, now_us + REPLAY_LAG_US_MOST - lag_us + 1);
        return STATUS_WAIT;
    }
    if (replay->clock.running)
        stop_clock(replay, lag_us, now_us);
    replay_change_state(replay, REPLAY_BUFFERING, reason);
    return STATUS_WAIT;
}

static int64_t blocked_us(struct replay *replay, int64_t now_us)
{
    if (replay->blocked_since_us == 0)
        replay->blocked_since_us = now_us;
    return now_us - replay->blocked_since_us;
}

/* At "max" nothing is ever due: lag is the time since sending stopped. */
static enum status block_max(struct replay *replay, enum replay_reason reason, int64_t now_us)
{
    return block(replay, reason, blocked_us(replay, now_us), now_us);
}

/* Something can be sent again; whether that is news. The clock goes on with the frame itself: what
 * passes until the news has been taken is no lag. */
static bool unblock(struct replay *replay)
{
    replay->blocked_since_us = 0;
    wheel_cancel(replay->lane->wheel, &replay->timer);
    replay_change_state(replay, REPLAY_PLAYING, REASON_NONE);
    return replay->state_due;
}

size_t replay_bytes_before(const struct replay *replay, int64_t edge)
{
    size_t bytes = replay->options.budget.head_bytes + replay_series_bytes(replay, edge);
    if (!replay->options.ticks)
        return bytes;
    for (size_t i = 0; i < replay->options.symbol_count; i++)
        bytes += gather_bytes(replay->cursors[i], edge, &replay->options.budget);
    return bytes;
}

int64_t replay_fit(const struct replay *replay, const struct replay_known *known, int64_t edge)
{
    size_t limit = replay->options.budget.bytes;
    if (!known->has_next || replay_bytes_before(replay, edge) <= limit)
        return edge;
    int64_t low = known->next + 1; /* taken whatever it weighs: an instant is never split */
    int64_t high = edge;           /* known not to fit, or not needed */
    if (low >= edge)
        return edge;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (replay_bytes_before(replay, middle) <= limit)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void fill_ticks(struct replay *replay, int64_t edge, struct replay_output *output)
{
    struct gather *gather = &replay->lane->gather;
    size_t most = 0;
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
        size_t count = cursor_pieces(replay->cursors[i], edge, pieces);
        for (size_t p = 0; p < count; p++)
            most += pieces[p].rows;
    }
    gather_begin(gather, most);
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        struct frame_ticks *ticks = &replay->lane->ticks[output->tick_count];
        size_t rows =
            gather_ticks(gather, replay->cursors[i], edge, replay->options.budget.encodings, ticks);
        if (rows == 0)
            continue;
        ticks->symbol = i;
        replay->totals[i] += (int64_t)rows;
        output->rows += rows;
        output->tick_count++;
    }
}

enum status replay_say_frame(struct replay *replay, int64_t edge, int64_t due_us, int64_t now_us,
                             struct replay_output *output)
{
    ASSERT(edge > replay->edge);
    ASSERT(edge <= replay->end);
    bool is_paced = replay_is_running(replay) && !replay->options.speed.max;
    int64_t from = replay_market(replay, replay->edge);
    int64_t to = replay_market(replay, edge);
    *output = (struct replay_output){
        .saying = SAYING_FRAME,
        .epoch = replay->epoch,
        .seq = replay->seq++,
        .due_us = due_us,
        .span = {.from = from < to ? from : to, .to = from < to ? to : from},
        .direction = replay->direction,
        .late_us = is_paced ? play_clock_read(&replay->clock, now_us) - due_us : REPLAY_NEVER_LATE,
        .ticks = replay->lane->ticks,
    };
    if (replay->options.ticks)
        fill_ticks(replay, edge, output);
    replay_series_fill(replay, edge, output);
    replay->edge = edge;
    replay->last_due_us = due_us;
    replay->frame_sent_us = now_us;
    return STATUS_OK;
}

/* The clock goes on with the frame itself. */
static enum status say_played_frame(struct replay *replay, int64_t edge, int64_t due_us,
                                    int64_t now_us, struct replay_output *output)
{
    enum status status = replay_say_frame(replay, edge, due_us, now_us, output);
    play_clock_start(&replay->clock, now_us);
    return status;
}

/* What lies behind the frame that was said last may be given back, once it has been written; after
 * the last frame of a step, everything. */
static void pass_said(struct replay *replay)
{
    bool is_done = replay->is_step && !replay->step.under_way;
    if (!is_done && !replay_reads_ticks(replay))
        return;
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        struct cursor *cursor = replay->cursors[i];
        if (cursor->position == replay->edge)
            continue;
        if (is_done)
            cursor_seek(cursor, replay->direction, replay->edge);
        else
            cursor_advance(cursor, replay->edge);
    }
}

/* A change of state is told before the frame that it allows. */
static enum status say_state(struct replay *replay, struct replay_output *output)
{
    *output = (struct replay_output){.saying = SAYING_STATE};
    replay_look(replay, &output->view);
    if (replay->state == REPLAY_ENDED) {
        output->totals = replay->totals;
        output->symbol_count = replay->options.symbol_count;
    }
    replay->state_due = false;
    return STATUS_OK;
}

/* A frame can go, but is too late: unless something else held it back, the client could have had it
 * earlier and did not take it. The clock waits for it. */
static bool has_stalled(struct replay *replay, int64_t lag_us, int64_t now_us)
{
    if (replay->state != REPLAY_PLAYING || lag_us <= REPLAY_LAG_US_MOST)
        return false;
    bool was_held = replay->held_by != REASON_NONE;
    stop_clock(replay, lag_us, now_us);
    replay_change_state(replay, REPLAY_BUFFERING, was_held ? replay->held_by : REASON_CLIENT);
    return true;
}

enum status replay_fail(struct replay *replay, enum status status, int64_t now_us)
{
    replay->error.status = status;
    replay->error_due = true;
    replay_pause(replay, now_us);
    return status;
}

/* A frame up to `edge` goes, once its candles are known; what else is news goes first. */
static enum status send(struct replay *replay, int64_t edge, int64_t due_us, int64_t lag_us,
                        int64_t now_us, struct replay_output *output)
{
    /* Before its candles are looked for: after a stop another, shorter frame is due. */
    if (!replay->reach.under_way && has_stalled(replay, lag_us, now_us))
        return say_state(replay, output);
    enum status status = replay_series_reach(replay, edge, due_us);
    if (status == STATUS_WAIT)
        return block(replay, REASON_DATA,
                     replay->options.speed.max ? blocked_us(replay, now_us) : lag_us, now_us);
    if (status != STATUS_OK)
        return replay_fail(replay, status, now_us);
    if (has_stalled(replay, lag_us, now_us) || unblock(replay))
        return say_state(replay, output);
    return say_played_frame(replay, edge, due_us, now_us, output);
}

/* The frame that waited for its candles. */
static enum status poll_reached(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    int64_t due_us = replay->reach.due_us;
    int64_t lag_us = 0;
    if (!replay->options.speed.max)
        lag_us = play_clock_read(&replay->clock, now_us) - due_us;
    if (replay->state == REPLAY_BUFFERING && lag_us > 0) {
        stop_clock(replay, lag_us, now_us); /* of before it stopped */
        lag_us = 0;
    }
    return send(replay, replay->reach.edge, due_us, lag_us, now_us, output);
}

/* Whether the point after `edge` is not due yet; then the timer is set for it. What has been covered
 * reaches a beat further, so its data need not be asked for before. */
static bool rests_after(struct replay *replay, const struct grid *grid, int64_t edge,
                        int64_t now_us)
{
    if (edge >= grid->to)
        return false; /* the end has to be said */
    int64_t due_us = grid_due_us(grid, grid_edge(grid, grid_after(grid, edge)));
    int64_t wait_us = due_us - replay->options.lead_us - play_clock_read(&replay->clock, now_us);
    if (wait_us <= 0)
        return false;
    replay->held_by = REASON_NONE; /* nothing is late */
    wheel_arm(replay->lane->wheel, &replay->timer, now_us + wait_us);
    return true;
}

static enum status poll_paced(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    const struct replay_options *options = &replay->options;
    struct pace_input input = {
        .grid = {.at = replay->epoch_at,
                 .to = replay->end,
                 .rate = fabs(options->speed.rate),
                 .fps = options->fps},
        .edge = replay->edge,
        .last_due_us = replay->last_due_us,
        .played_us = play_clock_read(&replay->clock, now_us),
        .lead_us = options->lead_us,
        .beat_us = REPLAY_BEAT_US,
    };
    struct replay_known known;
    enum status status = replay_cover(replay, pace_horizon(&input), &known);
    if (status != STATUS_OK)
        return replay_fail(replay, status, now_us);
    input.covered = known.covered;
    input.full = known.full;
    input.has_next = known.has_next;
    input.next = known.next;
    struct pace pace = pace_next(&input);
    int64_t lag_us = input.played_us - pace.first_due_us;
    bool is_old = replay->resumes || replay->state == REPLAY_BUFFERING;
    replay->resumes = false;
    if (lag_us <= 0)
        replay->held_by = REASON_NONE; /* nothing is late */
    if (is_old && lag_us > 0) {        /* of before it stopped: there is nothing to catch up with */
        stop_clock(replay, lag_us, now_us);
        return poll_paced(replay, now_us, output);
    }
    if (pace.verdict == PACE_DATA)
        return block(replay, REASON_DATA, lag_us, now_us);
    if (pace.verdict == PACE_LATER) {
        int64_t wait_us = pace.due_us - options->lead_us - input.played_us;
        bool is_news = unblock(replay);
        play_clock_start(&replay->clock, now_us);
        wheel_arm(replay->lane->wheel, &replay->timer, now_us + wait_us);
        return is_news ? say_state(replay, output) : STATUS_WAIT;
    }
    int64_t edge = replay_fit(replay, &known, pace.edge);
    int64_t due_us = edge < pace.edge ? grid_due_us(&input.grid, edge) : pace.due_us;
    if (!flow_allows(&replay->flow, due_us, replay_bytes_before(replay, edge)))
        return block(replay, REASON_FLOW, lag_us, now_us);
    status = send(replay, edge, due_us, lag_us, now_us, output);
    if (status == STATUS_OK && output->saying == SAYING_FRAME)
        output->rests = rests_after(replay, &input.grid, edge, now_us);
    return status;
}

/* At "max" a frame ends with a block if that fills it well: its columns then go out as they lie. */
static int64_t max_edge(const struct replay *replay, const struct replay_known *known)
{
    int64_t end = known->covered;
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        int64_t block_end = cursor_block_end(replay->cursors[i]);
        if (block_end > known->next && block_end < end)
            end = block_end;
    }
    bool full_enough = replay_bytes_before(replay, end) >= replay->options.budget.bytes / 4;
    return replay_fit(replay, known, full_enough ? end : known->covered);
}

static enum status poll_max(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    struct replay_known known;
    enum status status = replay_cover(replay, replay->end, &known);
    if (status != STATUS_OK)
        return replay_fail(replay, status, now_us);
    bool at_end = known.covered >= replay->end;
    bool beat = now_us - replay->frame_sent_us >= REPLAY_BEAT_US && known.covered > replay->edge;
    if (!known.has_next && !at_end && !beat)
        return block_max(replay, REASON_DATA, now_us);
    int64_t edge = known.has_next ? max_edge(replay, &known) : known.covered;
    if (!flow_allows(&replay->flow, 0, replay_bytes_before(replay, edge)))
        return block_max(replay, REASON_FLOW, now_us);
    return send(replay, edge, 0, 0, now_us, output);
}

static enum status end(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    replay_rest(replay, now_us);
    replay_change_state(replay, REPLAY_ENDED, REASON_NONE);
    return say_state(replay, output);
}

static enum status poll_running(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    if (replay->edge == replay->end)
        return end(replay, now_us, output);
    enum status status;
    if (replay->reach.under_way)
        status = poll_reached(replay, now_us, output);
    else
        status = replay->options.speed.max ? poll_max(replay, now_us, output)
                                           : poll_paced(replay, now_us, output);
    if ((status == STATUS_OK || status == STATUS_WAIT) && is_settled(replay, now_us))
        read_ahead(replay);
    return status;
}

static enum status say_error(struct replay *replay, struct replay_output *output)
{
    replay->error_due = false;
    *output = (struct replay_output){.saying = SAYING_ERROR, .error = &replay->error};
    return STATUS_OK;
}

static enum status say_snapshot(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    const struct last_values *last = snapshot_take(&replay->snapshot);
    replay->early_load_failed = false;
    if (replay->snapshot.status != STATUS_OK) {
        replay->error = replay->snapshot.error;
        (void)replay_fail(replay, replay->snapshot.status, now_us);
        replay->snapshot_failed = true;
        return say_error(replay, output);
    }
    replay->snapshot_failed = false;
    replay->blocked_since_us = 0;
    *output = (struct replay_output){
        .saying = SAYING_SNAPSHOT,
        .epoch = replay->epoch,
        .seq = replay->seq,
        .at = replay_market(replay, replay->edge),
        .last = last,
        .symbol_count = replay->options.symbol_count,
        .pictures = replay_series_pictures(replay),
        .picture_count = replay->series_count,
    };
    return STATUS_OK;
}

enum early_load { EARLY_LOAD_NONE, EARLY_LOAD_UNDER_WAY, EARLY_LOAD_DONE, EARLY_LOAD_FAILED };

/* The ticks that play begins with are loaded while frames still wait for the picture that they
 * continue. Should that fail, it is tried again when it is needed. */
static enum early_load load_early(struct replay *replay)
{
    if (!replay_is_running(replay) || replay->early_load_failed || replay->edge == replay->end)
        return EARLY_LOAD_NONE;
    struct replay_known known;
    enum status status = replay_cover(replay, replay->edge + 1, &known);
    replay->early_load_failed = status != STATUS_OK;
    if (replay->early_load_failed) {
        replay->error.status = status;
        return EARLY_LOAD_FAILED;
    }
    return known.covered > replay->edge ? EARLY_LOAD_DONE : EARLY_LOAD_UNDER_WAY;
}

/* The ticks that play begins with come with a few before them, which mostly hold the picture: that
 * saves the database a question. Where they do not, time after time, or come from many loads, both
 * are asked for at once. */
void replay_find_picture(struct replay *replay)
{
    struct snapshot *snapshot = &replay->snapshot;
    snapshot_look(snapshot);
    if (snapshot->state == SNAPSHOT_READY && replay->picture_awaited)
        replay->pictures_missed = 0;
    replay->picture_awaited = false;
    if (snapshot->state != SNAPSHOT_WANTED)
        return;
    bool is_near = replay->pictures_missed < PICTURES_MISSED_MAX &&
                   replay->options.symbol_count <= PICTURE_LOADS_MAX;
    enum early_load load = load_early(replay);
    replay->picture_awaited = is_near && load == EARLY_LOAD_UNDER_WAY;
    if (replay->picture_awaited)
        return;
    if (is_near && load == EARLY_LOAD_FAILED) {
        snapshot_fail(snapshot, &replay->error);
        return;
    }
    if (load == EARLY_LOAD_DONE)
        snapshot_look(snapshot);
    snapshot_ask(snapshot);
    if (load == EARLY_LOAD_DONE && snapshot->state == SNAPSHOT_ASKED)
        replay->pictures_missed++;
}

/* Frames wait for the picture that they continue. */
static enum status wait_for_picture(struct replay *replay, int64_t now_us)
{
    if (!replay_is_running(replay))
        return STATUS_WAIT;
    (void)load_early(replay);
    int64_t lag_us = blocked_us(replay, now_us);
    int64_t played_us = play_clock_read(&replay->clock, now_us);
    if (!replay->options.speed.max && played_us - replay->last_due_us < lag_us)
        lag_us = played_us - replay->last_due_us; /* sent ahead: nothing is late yet */
    return block(replay, REASON_DATA, lag_us, now_us);
}

/* The candles that a picture or a frame begins with. */
static enum status run_series(struct replay *replay, int64_t now_us)
{
    bool is_wanted = replay->snapshot.state != SNAPSHOT_NONE || replay_is_running(replay) ||
                     replay->step.under_way;
    enum status status = is_wanted ? replay_series_run(replay) : STATUS_OK;
    if (status == STATUS_OK || status == STATUS_WAIT)
        return status;
    if (replay->snapshot.state != SNAPSHOT_NONE) {
        snapshot_drop(&replay->snapshot);
        replay->snapshot_failed = true;
    }
    return replay_fail(replay, status, now_us);
}

enum status replay_poll(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    pass_said(replay);
    if (replay->state_due)
        return say_state(replay, output);
    replay_find_picture(replay);
    replay_series_check_reach(replay);
    enum status status = run_series(replay, now_us);
    if (status != STATUS_OK && status != STATUS_WAIT)
        return say_error(replay, output);
    bool has_series = status == STATUS_OK;
    if (replay->snapshot.state == SNAPSHOT_READY &&
        (has_series || replay->snapshot.status != STATUS_OK))
        return say_snapshot(replay, now_us, output);
    status = STATUS_WAIT;
    if (replay->snapshot.state != SNAPSHOT_NONE || !has_series)
        status = wait_for_picture(replay, now_us);
    else if (replay_is_running(replay))
        status = poll_running(replay, now_us, output);
    else if (replay->step.under_way)
        status = replay_poll_step(replay, now_us, output);
    if (status == STATUS_OK)
        return status;
    /* Waiting or failing may itself be news. */
    if (replay->error_due)
        return say_error(replay, output);
    return replay->state_due ? say_state(replay, output) : STATUS_WAIT;
}

void replay_sent(struct replay *replay, size_t bytes)
{
    flow_sent(&replay->flow, replay->last_due_us, bytes);
}
