#include "watch.h"

#include "candles.h"
#include "replay/cursor.h"
#include "replay/replay.h"
#include "step.h"
#include "support/wire_message.h"
#include "wire/encoding.h"
#include "wire/replay_open.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define ROWS_MOST 100000

/* ---- rows -------------------------------------------------------------------------------- */

/* The oracle's rows [first, end) of a tape, in the order in which a direction delivers them. */
struct rows {
    const struct world_tape *tape;
    size_t first;
    size_t end;
    int direction;
};

static const struct tick *row_at(const struct rows *rows, size_t i)
{
    return &rows->tape->ticks[rows->direction > 0 ? rows->first + i : rows->end - 1 - i];
}

static void check_rows(const json_t *part, const struct rows *want)
{
    static int64_t values[ROWS_MOST];
    size_t count = (size_t)integer_of(part, "n");
    const char *name = want->tape->symbol.name;
    CHECK(count == want->end - want->first, "a frame holds %zu ticks of %s, the tape %zu", count,
          name, want->end - want->first);
    CHECK(wire_column_times(json_object_get(part, "time"), count, values), "bad time column");
    for (size_t i = 0; i < count; i++)
        CHECK(values[i] == row_at(want, i)->time, "row %zu of %s has another time", i, name);
    static const char *const names[] = {"bid", "ask", "last", "volume"};
    for (size_t f = 0; f < TICK_FIELDS; f++) {
        CHECK(wire_column_decimals(json_object_get(part, names[f]), count, values), "bad %s column",
              names[f]);
        for (size_t i = 0; i < count; i++)
            CHECK(values[i] == row_at(want, i)->fields[f], "row %zu of %s: another %s", i, name,
                  names[f]);
    }
}

/* The parts of a frame by symbol; no symbol stands in it twice. */
static void sort_parts(const struct watch *watch, const json_t *ticks, const json_t **parts)
{
    size_t index;
    const json_t *part;
    json_array_foreach(ticks, index, part)
    {
        int64_t symbol = integer_of(part, "symbol");
        CHECK(symbol >= 0 && (size_t)symbol < watch->symbol_count, "no symbol %" PRId64, symbol);
        CHECK(parts[symbol] == NULL, "a symbol stands twice in a frame");
        parts[symbol] = part;
    }
}

/* Returns how many ticks lie in the span, whether they are wanted or not. */
static size_t check_ticks(struct watch *watch, const json_t *message, struct time_range span)
{
    const json_t *ticks = json_object_get(message, "ticks");
    CHECK(watch->ticks || ticks == NULL, "ticks though none were asked for");
    const json_t *parts[WORLD_SYMBOLS_MAX] = {NULL};
    sort_parts(watch, ticks, parts);
    size_t all = 0;
    for (size_t i = 0; i < watch->symbol_count; i++) {
        struct rows want = {.tape = watch_tape(watch, i), .direction = watch->epoch.direction};
        want.first = world_find(want.tape, span.from);
        want.end = world_find(want.tape, span.to);
        size_t count = want.end - want.first;
        all += count;
        if (!watch->ticks)
            continue;
        CHECK((parts[i] != NULL) == (count > 0),
              "ticks of %s in [%" PRId64 ", %" PRId64 "): %zu in the tape, %s in the frame",
              want.tape->symbol.name, span.from, span.to, count,
              parts[i] != NULL ? "some" : "none");
        if (count > 0)
            check_rows(parts[i], &want);
        watch->epoch.totals[i] += (int64_t)count;
        tallies[TALLY_TICKS] += count;
    }
    return all;
}

/* ---- pace -------------------------------------------------------------------------------- */

static bool is_on_grid(const struct watch *watch, int64_t edge)
{
    double step_us = watch->speed.rate * 1e6 / (double)watch->fps;
    double k = round((double)(edge - watch->epoch.at) / step_us);
    for (double near = k - 1; near <= k + 1; near++) {
        /* Points are rounded to a microsecond. */
        if (fabs((double)(edge - watch->epoch.at) - near * step_us) < 1.001)
            return true;
    }
    return false;
}

static size_t rows_at(const struct watch *watch, int64_t instant)
{
    size_t rows = 0;
    for (size_t i = 0; i < watch->symbol_count; i++) {
        const struct world_tape *tape = watch_tape(watch, i);
        rows += world_find(tape, instant + 1) - world_find(tape, instant);
    }
    return rows;
}

/* The ticks of the instant that the next frame begins with. */
static size_t rows_next(const struct watch *watch, int64_t edge)
{
    int64_t next;
    bool found = step_next_instant(watch, watch->epoch.direction, edge, &next);
    return found ? rows_at(watch, next) : 0;
}

/* A frame off the grid and before the end must have been cut because it was full, or because the
 * next instant does not fit in. */
static bool is_full(const struct watch *watch, int64_t edge, size_t bytes, size_t rows)
{
    return bytes > WIRE_FRAME_BYTES / 16 || rows + rows_next(watch, edge) >= CURSOR_STRETCHES_MAX;
}

static void check_due(const struct watch *watch, int64_t edge, int64_t due_us, int64_t now_us)
{
    const struct epoch *epoch = &watch->epoch;
    if (watch->speed.max || epoch->kind == EPOCH_STEP) {
        CHECK(due_us == 0, "due is %" PRId64 " at \"max\" or in a step", due_us);
        return;
    }
    double exact = (double)(edge - epoch->at) / watch->speed.rate;
    CHECK((double)due_us >= exact - 1 && (double)due_us <= exact + 1,
          "due is %" PRId64 ", the edge's is %.1f", due_us, exact);
    CHECK(due_us - watch->lead_us <= now_us - epoch->wall_us,
          "a frame due at %" PRId64 " came after %" PRId64 " us of the epoch", due_us,
          now_us - epoch->wall_us);
    /* A second, and up to 250 ms of lag, rounded to the grid. */
    CHECK(due_us - epoch->due_us <= 1250000 + 1000000 / watch->fps + 1,
          "%" PRId64 " us of play without a frame", due_us - epoch->due_us);
}

/* A frame without ticks is the last one, or keeps the beat. */
static void check_empty(const struct watch *watch, int64_t edge, int64_t due_us, int64_t now_us)
{
    if (edge == watch_end(watch, watch->epoch.direction))
        return;
    if (!watch->ticks && watch->intervals.count > 0)
        return; /* a quote that is not sent may end a frame, too: nobody else knows of it */
    if (watch->epoch.kind == EPOCH_STEP) {
        CHECK(!watch->ticks, "an empty frame within a step");
        return;
    }
    int64_t since_us = now_us - watch->frame_us;
    if (!watch->speed.max) /* the beat lies on the grid, whose points are whole microseconds */
        since_us = due_us - watch->epoch.due_us + 1000000 / watch->fps + 3 +
                   (int64_t)(2 / fabs(watch->speed.rate));
    CHECK(since_us >= REPLAY_BEAT_US, "an empty frame %" PRId64 " us after the last", since_us);
    tally(TALLY_BEATS);
}

/* Only one instant may be larger than a frame. */
static void check_size(const struct watch *watch, struct time_range span, size_t rows, size_t bytes)
{
    if (bytes <= WIRE_FRAME_BYTES)
        return;
    int64_t instant = span.to - 1;
    for (size_t i = 0; i < watch->symbol_count; i++) {
        const struct world_tape *tape = watch_tape(watch, i);
        size_t row = world_find(tape, span.from);
        if (row < tape->count && tape->ticks[row].time < instant)
            instant = tape->ticks[row].time;
    }
    CHECK(rows_at(watch, instant) == rows, "a frame of %zu bytes", bytes);
    tally(TALLY_GIANTS);
}

/* ---- flow -------------------------------------------------------------------------------- */

static void check_window(struct watch *watch, int64_t due_us, size_t bytes)
{
    if (!watch->flow_ack)
        return;
    int64_t seq = watch->epoch.seq;
    bool is_alone = watch->acked_seq == seq;
    CHECK(is_alone || due_us - watch->acked_due_us <= watch->window_us,
          "%" PRId64 " us of due time unacknowledged", due_us - watch->acked_due_us);
    CHECK(is_alone || watch->unacked_bytes + (int64_t)bytes <= REPLAY_WINDOW_BYTES,
          "%" PRId64 " bytes unacknowledged", watch->unacked_bytes + (int64_t)bytes);
    CHECK(seq - watch->acked_seq < SENT_MAX, "too many frames unacknowledged");
    size_t slot = (size_t)(seq % SENT_MAX);
    watch->sent[slot].due_us = due_us;
    watch->sent[slot].bytes = (int64_t)bytes;
    watch->unacked_bytes += (int64_t)bytes;
    if (watch->unacked_bytes + WIRE_FRAME_BYTES > REPLAY_WINDOW_BYTES)
        tally(TALLY_WINDOWS_FULL);
}

void watch_acknowledge(struct watch *watch, int64_t epoch, int64_t seq)
{
    if (epoch != watch->epoch.number || !watch->flow_ack)
        return;
    for (; watch->acked_seq <= seq && watch->acked_seq < watch->epoch.seq; watch->acked_seq++) {
        size_t slot = (size_t)(watch->acked_seq % SENT_MAX);
        watch->acked_due_us = watch->sent[slot].due_us;
        watch->unacked_bytes -= watch->sent[slot].bytes;
    }
}

/* ---- frames ------------------------------------------------------------------------------ */

static void check_head(const struct watch *watch, const json_t *message)
{
    const struct epoch *epoch = &watch->epoch;
    CHECK(integer_of(message, "epoch") == epoch->number, "a frame of another epoch");
    if (epoch->kind == EPOCH_PLAY)
        CHECK(watch->state == REPLAY_PLAYING, "a frame while %s", replay_state_name(watch->state));
    else
        CHECK(epoch->is_pending, "a frame after the last of a step");
    CHECK(!watch->echo_due, "a frame before the state that it comes in");
    CHECK(!watch->snapshot_due, "a frame before the snapshot that it continues");
    CHECK(integer_of(message, "seq") == epoch->seq, "frame %" PRId64 " is missing", epoch->seq);
    CHECK(integer_of(message, "dir") == epoch->direction, "dir is not %d", epoch->direction);
}

static struct time_range span_of(const struct watch *watch, const json_t *message)
{
    const struct epoch *epoch = &watch->epoch;
    const json_t *pair = json_object_get(message, "span");
    struct time_range span = {.from = json_integer_value(json_array_get(pair, 0)),
                              .to = json_integer_value(json_array_get(pair, 1))};
    int64_t start = epoch->direction > 0 ? span.from : span.to;
    CHECK(json_array_size(pair) == 2 && span.from < span.to, "a span of nothing");
    CHECK(start == epoch->edge,
          "a gap or overlap: the frame starts at %" PRId64 ", the edge was %" PRId64, start,
          epoch->edge);
    CHECK(span.from >= watch->from && span.to <= watch->to, "a frame beyond the range");
    return span;
}

/* A step may take several frames, but ends where it must. Where ticks have come since it was asked
 * for, it may have counted them or not. */
static void check_step(struct watch *watch, int64_t edge)
{
    struct epoch *epoch = &watch->epoch;
    if (epoch->unit == UNIT_TICK && epoch->changes != watch->world->changes)
        return;
    int64_t left_us = epoch->direction * (epoch->target - edge);
    CHECK(left_us >= -epoch->slack_us, "a step to %" PRId64 " went on to %" PRId64, epoch->target,
          edge);
    if (left_us > epoch->slack_us)
        return;
    epoch->is_pending = false;
    static const enum tally kinds[] = {[UNIT_TICK] = TALLY_STEPS_TICK,
                                       [UNIT_FRAME] = TALLY_STEPS_FRAME,
                                       [UNIT_INTERVAL] = TALLY_STEPS_INTERVAL};
    tally(kinds[epoch->unit]);
    if (epoch->seq > 0)
        tally(TALLY_STEPS_LONG);
}

static void note_frame(struct watch *watch, int64_t edge, int64_t due_us, int64_t now_us)
{
    watch->epoch.due_us = due_us;
    watch->epoch.edge = edge;
    watch->epoch.seq++;
    watch->quiet_us = now_us;
    watch->frame_us = now_us;
    watch->clock_us = now_us;
    watch->clock_unsure = false;
    watch->frame_changes = watch->world->changes;
    tally(watch->epoch.direction > 0 ? TALLY_FRAMES_FORWARD : TALLY_FRAMES_BACKWARD);
    if (watch->used_count == USED_KEPT)
        memmove(watch->used, watch->used + 1, --watch->used_count * sizeof *watch->used);
    struct used *used = &watch->used[watch->used_count++];
    used->edge = edge;
    memcpy(used->totals, watch->epoch.totals, watch->symbol_count * sizeof *used->totals);
}

void watch_take_frame(struct watch *watch, const json_t *message, size_t bytes, int64_t now_us)
{
    check_head(watch, message);
    struct time_range span = span_of(watch, message);
    int64_t edge = watch->epoch.direction > 0 ? span.to : span.from;
    int64_t due_us = integer_of(message, "due");
    size_t rows = check_ticks(watch, message, span);
    size_t candle_rows = candles_check_frame(watch, message, edge);
    check_size(watch, span, rows, bytes);
    check_due(watch, edge, due_us, now_us);
    check_window(watch, due_us, bytes);
    if (watch->epoch.kind == EPOCH_STEP)
        check_step(watch, edge);
    else
        CHECK(watch->speed.max || edge == watch_end(watch, watch->epoch.direction) ||
                  is_on_grid(watch, edge) || is_full(watch, edge, bytes, rows),
              "a frame of %zu bytes and %zu rows ended off the grid", bytes, rows);
    bool is_last_of_step = watch->epoch.kind == EPOCH_STEP && !watch->epoch.is_pending;
    bool is_empty = candle_rows == 0 && (rows == 0 || !watch->ticks);
    if (is_empty && !is_last_of_step)
        check_empty(watch, edge, due_us, now_us);
    note_frame(watch, edge, due_us, now_us);
}
