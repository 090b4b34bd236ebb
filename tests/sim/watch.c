#include "watch.h"

#include "replay/replay.h"
#include "support/wire_message.h"
#include "wire/encoding.h"
#include "wire/replay_open.h"

#include <inttypes.h>
#include <string.h>

#define ROWS_MOST 100000

int64_t integer_of(const json_t *message, const char *key)
{
    const json_t *value = json_object_get(message, key);
    CHECK(json_is_integer(value), "%s of a message is no integer", key);
    return (int64_t)json_integer_value(value);
}

const char *text_of(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    CHECK(text != NULL, "%s of a message is no text", key);
    return text;
}

bool watch_is_running(const struct watch *watch)
{
    return watch->state == REPLAY_PLAYING || watch->state == REPLAY_BUFFERING;
}

static const struct world_tape *tape_of(const struct watch *watch, size_t symbol)
{
    return &watch->world->tapes[watch->symbols[symbol]];
}

/* ---- frames ------------------------------------------------------------------------------ */

/* The rows of one symbol in a frame are exactly the oracle's rows [first, end). */
static void check_rows(struct watch *watch, const json_t *part, const struct world_tape *tape,
                       size_t first, size_t end)
{
    static int64_t values[ROWS_MOST];
    size_t rows = (size_t)integer_of(part, "n");
    CHECK(rows == end - first, "a frame holds %zu ticks of %s, the tape %zu", rows,
          tape->symbol.name, end - first);
    CHECK(wire_column_times(json_object_get(part, "time"), rows, values), "bad time column");
    for (size_t i = 0; i < rows; i++)
        CHECK(values[i] == tape->ticks[first + i].time, "tick %zu of %s has another time",
              first + i, tape->symbol.name);
    static const char *const names[] = {"bid", "ask", "last", "volume"};
    for (size_t f = 0; f < TICK_FIELDS; f++) {
        CHECK(wire_column_decimals(json_object_get(part, names[f]), rows, values), "bad %s column",
              names[f]);
        for (size_t i = 0; i < rows; i++)
            CHECK(values[i] == tape->ticks[first + i].fields[f], "tick %zu of %s: another %s",
                  first + i, tape->symbol.name, names[f]);
    }
    watch->rows += rows;
}

static const json_t *part_of(const json_t *ticks, size_t symbol)
{
    size_t index;
    const json_t *part;
    json_array_foreach(ticks, index, part)
    {
        if ((size_t)integer_of(part, "symbol") == symbol)
            return part;
    }
    return NULL;
}

static size_t check_ticks(struct watch *watch, const json_t *message, int64_t from, int64_t to)
{
    const json_t *ticks = json_object_get(message, "ticks");
    CHECK(watch->ticks || ticks == NULL, "ticks though none were asked for");
    size_t all = 0;
    size_t parts = 0;
    for (size_t i = 0; i < watch->symbol_count && watch->ticks; i++) {
        const struct world_tape *tape = tape_of(watch, i);
        size_t first = world_find(tape, from);
        size_t end = world_find(tape, to);
        const json_t *part = part_of(ticks, i);
        CHECK((part != NULL) == (end > first), "ticks of %s in [%" PRId64 ", %" PRId64 "): %zu",
              tape->symbol.name, from, to, end - first);
        if (part == NULL)
            continue;
        check_rows(watch, part, tape, first, end);
        watch->totals[i] += (int64_t)(end - first);
        all += end - first;
        parts++;
    }
    CHECK(json_array_size(ticks) == parts, "a symbol stands twice in a frame");
    return all;
}

static bool is_on_grid(const struct watch *watch, int64_t edge)
{
    double step_us = watch->rate * 1e6 / (double)watch->fps;
    int64_t k = (int64_t)((double)(edge - watch->epoch_at) / step_us);
    for (int64_t near = k - 1; near <= k + 1; near++) {
        if (watch->epoch_at + (int64_t)((double)near * step_us) == edge)
            return true;
    }
    return edge == watch->to;
}

static size_t rows_at(const struct watch *watch, int64_t instant)
{
    size_t rows = 0;
    for (size_t i = 0; i < watch->symbol_count; i++)
        rows += world_find(tape_of(watch, i), instant + 1) - world_find(tape_of(watch, i), instant);
    return rows;
}

/* A frame off the grid and before the end must have been cut because it was full, or because the
 * next instant does not fit in. */
static bool is_full(const struct watch *watch, int64_t to, size_t bytes, size_t rows)
{
    return bytes > WIRE_FRAME_BYTES / 16 || rows + rows_at(watch, to) >= CURSOR_STRETCHES_MAX;
}

static void check_pace(const struct watch *watch, int64_t edge, int64_t due_us, int64_t now_us)
{
    if (watch->rate <= 0) {
        CHECK(due_us == 0, "due is %" PRId64 " at \"max\"", due_us);
        return;
    }
    double exact = (double)(edge - watch->epoch_at) / watch->rate;
    CHECK((double)due_us >= exact - 1 && (double)due_us <= exact + 1,
          "due is %" PRId64 ", the edge's is %.1f", due_us, exact);
    CHECK(due_us - watch->lead_us <= now_us - watch->epoch_wall_us,
          "a frame due at %" PRId64 " came after %" PRId64 " us of the epoch", due_us,
          now_us - watch->epoch_wall_us);
    /* A second, and up to 250 ms of lag, rounded to the grid. */
    CHECK(due_us - watch->due_us <= 1250000 + 1000000 / watch->fps + 1,
          "%" PRId64 " us of play without a frame", due_us - watch->due_us);
}

/* Only one instant may be larger than a frame. */
static void check_size(const struct watch *watch, int64_t to, size_t rows, size_t bytes)
{
    if (bytes <= WIRE_FRAME_BYTES)
        return;
    CHECK(rows_at(watch, to - 1) == rows, "a frame of %zu bytes", bytes);
}

static void check_window(struct watch *watch, int64_t due_us, size_t bytes)
{
    if (!watch->flow_ack)
        return;
    bool is_alone = watch->acked_seq == watch->seq;
    CHECK(is_alone || due_us - watch->acked_due_us <= watch->window_us,
          "%" PRId64 " us of due time unacknowledged", due_us - watch->acked_due_us);
    CHECK(is_alone || watch->unacked_bytes + (int64_t)bytes <= REPLAY_WINDOW_BYTES,
          "%" PRId64 " bytes unacknowledged", watch->unacked_bytes + (int64_t)bytes);
    CHECK(watch->seq - watch->acked_seq < FLOW_SLOTS, "too many frames unacknowledged");
    size_t slot = (size_t)(watch->seq % FLOW_SLOTS);
    watch->sent[slot].due_us = due_us;
    watch->sent[slot].bytes = (int64_t)bytes;
    watch->unacked_bytes += (int64_t)bytes;
}

void watch_acknowledge(struct watch *watch, int64_t epoch, int64_t seq)
{
    if (epoch != watch->epoch || !watch->flow_ack)
        return;
    for (; watch->acked_seq <= seq && watch->acked_seq < watch->seq; watch->acked_seq++) {
        size_t slot = (size_t)(watch->acked_seq % FLOW_SLOTS);
        watch->acked_due_us = watch->sent[slot].due_us;
        watch->unacked_bytes -= watch->sent[slot].bytes;
    }
}

void watch_take_frame(struct watch *watch, const json_t *message, size_t bytes, int64_t now_us)
{
    CHECK(integer_of(message, "epoch") == watch->epoch, "a frame of another epoch");
    CHECK(watch->state == REPLAY_PLAYING, "a frame while %s", replay_state_name(watch->state));
    CHECK(!watch->snapshot_due, "a frame before the snapshot that it continues");
    CHECK(integer_of(message, "seq") == watch->seq, "frame %" PRId64 " is missing", watch->seq);
    CHECK(integer_of(message, "dir") == 1, "dir is not 1");
    const json_t *span = json_object_get(message, "span");
    int64_t from = (int64_t)json_integer_value(json_array_get(span, 0));
    int64_t to = (int64_t)json_integer_value(json_array_get(span, 1));
    int64_t due_us = integer_of(message, "due");
    CHECK(from == watch->edge,
          "a gap or overlap: the frame starts at %" PRId64 ", the edge was %" PRId64, from,
          watch->edge);
    CHECK(to > from && to <= watch->to, "the frame ends at %" PRId64, to);
    size_t rows = check_ticks(watch, message, from, to);
    check_size(watch, to, rows, bytes);
    check_pace(watch, to, due_us, now_us);
    check_window(watch, due_us, bytes);
    CHECK(watch->rate <= 0 || is_on_grid(watch, to) || is_full(watch, to, bytes, rows),
          "a frame of %zu bytes and %zu rows ended off the grid", bytes, rows);
    watch->due_us = due_us;
    watch->edge = to;
    watch->seq++;
    watch->quiet_us = now_us;
    watch->frames++;
}

/* ---- other pushes ------------------------------------------------------------------------ */

static void check_last(const json_t *item, const struct world_tape *tape, int64_t at)
{
    struct last_values want = world_last(tape, at);
    const json_t *time = json_object_get(item, "time");
    CHECK(json_is_null(time) == (want.time == INT64_MIN), "last time of a snapshot");
    CHECK(json_is_null(time) || json_integer_value(time) == want.time, "last time");
    static const char *const names[] = {"bid", "ask", "last"};
    for (size_t f = TICK_BID; f <= TICK_LAST; f++) {
        int64_t value;
        CHECK(wire_decimal(json_object_get(item, names[f]), &value) && value == want.fields[f],
              "the snapshot's %s is another", names[f]);
    }
}

void watch_take_snapshot(struct watch *watch, const json_t *message)
{
    CHECK(watch->snapshot_due, "a snapshot that nothing asked for");
    CHECK(integer_of(message, "epoch") == watch->epoch, "a snapshot of another epoch");
    CHECK(integer_of(message, "at") == watch->edge, "the snapshot is not at the playhead");
    CHECK(integer_of(message, "seq") == watch->seq, "the snapshot's seq is not the next frame's");
    const json_t *last = json_object_get(message, "last");
    CHECK(json_array_size(last) == watch->symbol_count, "a snapshot of other symbols");
    bool is_certain = watch->snapshot_changes == watch->world->changes;
    for (size_t i = 0; i < watch->symbol_count && is_certain; i++)
        check_last(json_array_get(last, i), tape_of(watch, i), watch->edge);
    watch->snapshot_due = false;
    watch->snapshot_failed = false;
}

static enum replay_state state_of(const json_t *message)
{
    const char *name = text_of(message, "state");
    enum replay_state state = REPLAY_PAUSED;
    while (state < REPLAY_CLOSED && strcmp(replay_state_name(state), name) != 0)
        state++;
    CHECK(strcmp(replay_state_name(state), name) == 0, "no state: %s", name);
    return state;
}

static bool is_unacked(const struct watch *watch)
{
    return watch->flow_ack && watch->acked_seq < watch->seq;
}

static void check_cause(const struct watch *watch, const char *reason, int64_t now_us)
{
    if (strcmp(reason, "data") == 0)
        CHECK(watch->saw_busy || world_is_busy(watch->world), "buffers for data that is there");
    else if (strcmp(reason, "flow") == 0)
        CHECK(watch->saw_unacked || is_unacked(watch), "buffers for acks that came");
    else
        CHECK(strcmp(reason, "client") == 0 && (watch->saw_changes != watch->world->changes ||
                                                now_us - watch->drained_us > REPLAY_LAG_US_MOST),
              "buffers for a client that took everything %" PRId64 " us ago",
              now_us - watch->drained_us);
}

static void check_end(const struct watch *watch, const json_t *message)
{
    CHECK(watch->edge == watch->to, "ended before the end of the range");
    const json_t *totals = json_object_get(json_object_get(message, "totals"), "ticks");
    CHECK(json_array_size(totals) == watch->symbol_count, "totals of other symbols");
    for (size_t i = 0; i < watch->symbol_count; i++)
        CHECK(json_integer_value(json_array_get(totals, i)) == watch->totals[i],
              "totals of `ended` are not what was sent");
}

void watch_take_state(struct watch *watch, const json_t *message, int64_t now_us)
{
    enum replay_state state = state_of(message);
    const char *reason = json_string_value(json_object_get(message, "reason"));
    CHECK(integer_of(message, "epoch") == watch->epoch, "a state of another epoch");
    CHECK(integer_of(message, "at") == watch->edge, "the state's `at` is not the edge");
    CHECK((reason != NULL) == (state == REPLAY_BUFFERING), "a reason, or none, while %s",
          replay_state_name(state));
    if (reason == NULL)
        reason = "";
    if (state == REPLAY_CLOSED) {
        CHECK(watch->closed_due, "closed by itself");
        watch->closed_due = false;
        return;
    }
    bool is_news = state != watch->state || strcmp(reason, watch->reason) != 0;
    CHECK(is_news || watch->echo_due, "told twice: %s", replay_state_name(state));
    CHECK(!is_news || !watch->echo_due, "%s before the state that was answered",
          replay_state_name(state));
    CHECK(!is_news || watch_is_running(watch), "%s by itself", replay_state_name(state));
    if (state == REPLAY_BUFFERING)
        check_cause(watch, reason, now_us);
    if (state == REPLAY_ENDED)
        check_end(watch, message);
    watch->state = state;
    strncpy(watch->reason, reason, sizeof watch->reason - 1);
    watch->echo_due = false;
    watch->quiet_us = now_us;
}

void watch_take_failure(struct watch *watch, const json_t *message)
{
    CHECK(watch->world->failures > watch->failures_seen, "an error out of nothing: %s",
          text_of(message, "message"));
    watch->failures_seen = watch->world->failures;
    watch->snapshot_failed = watch->snapshot_due; /* loads begin after it */
    watch->snapshot_due = false;
    if (watch_is_running(watch)) {
        watch->state = REPLAY_PAUSED;
        watch->reason[0] = '\0';
        watch->echo_due = true;
    }
}

/* ---- answers ----------------------------------------------------------------------------- */

static void begin_epoch(struct watch *watch, const struct asked *asked, int64_t at)
{
    watch->epoch_at = at;
    watch->edge = at;
    watch->epoch_wall_us = asked->arrives_us;
    watch->seq = 0;
    watch->due_us = 0;
    watch->acked_seq = 0;
    watch->acked_due_us = 0;
    watch->unacked_bytes = 0;
    watch->saw_busy = false;
    watch->saw_unacked = false;
    watch->drained_us = asked->arrives_us;
    memset(watch->totals, 0, sizeof watch->totals);
}

static void want_snapshot(struct watch *watch, const struct asked *asked)
{
    watch->snapshot_due = true;
    watch->snapshot_changes = asked->changes;
}

/* What the state must be after a control, by the rules. */
static enum replay_state state_after(const struct watch *watch, enum act act, bool begins_epoch)
{
    if (act == ACT_CLOSE)
        return REPLAY_CLOSED;
    if (act == ACT_PLAY)
        return watch->state == REPLAY_PAUSED ? REPLAY_PLAYING : watch->state;
    if (act == ACT_PAUSE)
        return watch_is_running(watch) ? REPLAY_PAUSED : watch->state;
    if (begins_epoch)
        return watch_is_running(watch) ? REPLAY_PLAYING : REPLAY_PAUSED;
    return watch->state;
}

static void take_opened(struct watch *watch, const struct asked *asked, const json_t *message)
{
    watch->open = true;
    watch->closed_due = false;
    watch->epoch = integer_of(message, "epoch");
    watch->state = state_of(message);
    watch->reason[0] = '\0';
    watch->echo_due = false;
    watch->snapshot_failed = false;
    begin_epoch(watch, asked, integer_of(message, "at"));
    CHECK(watch->edge == asked->at, "opened at another instant");
    want_snapshot(watch, asked);
}

static void change_state(struct watch *watch, enum replay_state state)
{
    watch->echo_due = watch->echo_due || state != watch->state;
    if (state != watch->state)
        watch->reason[0] = '\0';
    watch->state = state;
}

static void take_control(struct watch *watch, const struct asked *asked, const json_t *message)
{
    bool is_faster = asked->act == ACT_SPEED && (asked->rate < watch->rate || //
                                                 asked->rate > watch->rate);
    bool begins_epoch = asked->act == ACT_SEEK || is_faster;
    enum replay_state state = state_of(message);
    enum replay_state want = state_after(watch, asked->act, begins_epoch);
    CHECK(state == want, "answered %s instead of %s", replay_state_name(state),
          replay_state_name(want));
    CHECK(asked->act != ACT_PLAY || watch->state != REPLAY_ENDED, "played when ended");
    CHECK(integer_of(message, "epoch") == watch->epoch + begins_epoch, "epoch %" PRId64,
          integer_of(message, "epoch"));
    bool is_elsewhere = asked->act == ACT_SEEK || (is_faster && asked->has_at);
    int64_t at = is_elsewhere ? asked->at : watch->edge;
    CHECK(integer_of(message, "at") == at, "the answer's `at` is not %" PRId64, at);
    if (asked->act == ACT_PLAY && watch->state == REPLAY_PAUSED) {
        if (watch->snapshot_failed)
            want_snapshot(watch, asked);
        if (!watch->snapshot_due)
            watch->failures_seen = asked->failures; /* older ones are none of its business */
        watch->snapshot_failed = false;
        watch->drained_us = asked->arrives_us;
    }
    if (begins_epoch) {
        watch->epoch++;
        begin_epoch(watch, asked, at);
    }
    if (is_faster)
        watch->rate = asked->rate;
    if (asked->act == ACT_SET && asked->fps > 0)
        watch->fps = asked->fps;
    if (asked->act == ACT_SET && asked->ticks >= 0)
        watch->ticks = asked->ticks > 0;
    if (asked->act == ACT_SEEK || asked->act == ACT_SET || (is_faster && watch->snapshot_due))
        want_snapshot(watch, asked);
    if (asked->act == ACT_CLOSE) {
        watch->open = false;
        watch->closed_due = true;
        return;
    }
    change_state(watch, state);
}

void watch_take_answer(struct watch *watch, const struct asked *asked, const json_t *message)
{
    if (strcmp(text_of(message, "ev"), "error") == 0) {
        bool has_ended = asked->act == ACT_PLAY && watch->state == REPLAY_ENDED;
        const char *want = has_ended ? "conflict" : asked->refusal;
        CHECK(want != NULL && strcmp(text_of(message, "code"), want) == 0, "refused: %s",
              text_of(message, "message"));
        return;
    }
    CHECK(asked->refusal == NULL, "not refused: %s", asked->refusal);
    if (asked->act == ACT_OPEN)
        take_opened(watch, asked, message);
    else
        take_control(watch, asked, message);
    watch->quiet_us = asked->arrives_us;
}

/* ---- silence ----------------------------------------------------------------------------- */

static void check_silence(const struct watch *watch, int64_t now_us)
{
    CHECK(!watch->snapshot_due, "a snapshot never came");
    if (!watch_is_running(watch) || is_unacked(watch))
        return;
    CHECK(watch->state == REPLAY_PLAYING, "buffers for nothing");
    CHECK(watch->rate > 0, "stands still at \"max\"");
    /* The beat, on the grid, and the wheel's slot. */
    int64_t most_us = REPLAY_BEAT_US + 1000000 / watch->fps + 2000;
    CHECK(now_us - watch->quiet_us <= most_us, "silent for %" PRId64 " us while playing",
          now_us - watch->quiet_us);
}

void watch_look(struct watch *watch)
{
    watch->saw_busy = watch->saw_busy || world_is_busy(watch->world);
    watch->saw_unacked = watch->saw_unacked || is_unacked(watch);
}

void watch_take_silence(struct watch *watch, bool is_idle, int64_t turn_us)
{
    if (!watch->open)
        return;
    CHECK(!watch->echo_due, "a state was answered but not told");
    if (is_idle)
        check_silence(watch, turn_us);
    else
        watch->quiet_us = turn_us;
    watch->saw_busy = !is_idle;
    watch->saw_unacked = is_unacked(watch);
    watch->saw_changes = watch->world->changes;
    if (watch->drained_us < turn_us)
        watch->drained_us = turn_us;
}
