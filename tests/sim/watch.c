#include "watch.h"

#include "candles.h"
#include "replay/replay.h"
#include "step.h"
#include "support/wire_message.h"

#include <inttypes.h>
#include <string.h>

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

bool watch_is_unacked(const struct watch *watch)
{
    return watch->flow_ack && watch->acked_seq < watch->epoch.seq;
}

const struct world_tape *watch_tape(const struct watch *watch, size_t symbol)
{
    return &watch->world->tapes[watch->symbols[symbol]];
}

int64_t watch_end(const struct watch *watch, int direction)
{
    return direction > 0 ? watch->to : watch->from;
}

static void check_speed(const struct watch *watch, const json_t *message)
{
    const json_t *speed = json_object_get(message, "speed");
    if (watch->speed.max) {
        const char *want = watch->speed.rate > 0 ? "max" : "-max";
        CHECK(json_is_string(speed) && strcmp(json_string_value(speed), want) == 0,
              "the speed is not \"%s\"", want);
        return;
    }
    double rate = json_number_value(speed);
    CHECK(json_is_number(speed) && !(rate < watch->speed.rate) && !(rate > watch->speed.rate),
          "the speed is %g, not %g", rate, watch->speed.rate);
}

/* ---- pushes ------------------------------------------------------------------------------ */

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
              "the snapshot's %s of %s is another", names[f], tape->symbol.name);
    }
}

void watch_take_snapshot(struct watch *watch, const json_t *message)
{
    CHECK(watch->snapshot_due, "a snapshot that nothing asked for");
    CHECK(integer_of(message, "epoch") == watch->epoch.number, "a snapshot of another epoch");
    CHECK(integer_of(message, "at") == watch->epoch.edge, "the snapshot is not at the playhead");
    CHECK(integer_of(message, "seq") == watch->epoch.seq,
          "the snapshot's seq is not the next frame's");
    const json_t *last = json_object_get(message, "last");
    CHECK(json_array_size(last) == watch->symbol_count, "a snapshot of other symbols");
    bool is_certain = watch->snapshot_changes == watch->world->changes;
    for (size_t i = 0; i < watch->symbol_count && is_certain; i++)
        check_last(json_array_get(last, i), watch_tape(watch, i), watch->epoch.edge);
    candles_check_snapshot(watch, message);
    watch->snapshot_due = false;
    watch->snapshot_failed = false;
    watch->clock_unsure = true;
    tally(TALLY_SNAPSHOTS);
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

static void check_cause(const struct watch *watch, const char *reason, int64_t now_us)
{
    if (strcmp(reason, "data") == 0) {
        CHECK(watch->saw_busy || depot_is_busy(watch->depot), "buffers for data that is there");
        tally(TALLY_BUFFERS_DATA);
    } else if (strcmp(reason, "flow") == 0) {
        CHECK(watch->saw_unacked || watch_is_unacked(watch), "buffers for acks that came");
        tally(TALLY_BUFFERS_FLOW);
    } else {
        CHECK(strcmp(reason, "client") == 0 && (watch->frame_changes != watch->world->changes ||
                                                now_us - watch->drained_us > REPLAY_LAG_US_MOST),
              "buffers for a client that took everything %" PRId64 " us ago",
              now_us - watch->drained_us);
        tally(TALLY_BUFFERS_CLIENT);
    }
}

/* What came over the whole journey is what lies on it. */
static void check_journey(const struct watch *watch)
{
    const struct journey *journey = &watch->journey;
    if (!journey->is_whole || journey->changes != watch->world->changes)
        return;
    int64_t edge = watch->epoch.edge;
    int64_t from = journey->at < edge ? journey->at : edge;
    int64_t to = journey->at < edge ? edge : journey->at;
    for (size_t i = 0; i < watch->symbol_count; i++) {
        const struct world_tape *tape = watch_tape(watch, i);
        int64_t want = (int64_t)(world_find(tape, to) - world_find(tape, from));
        int64_t came = journey->totals[i] + watch->epoch.totals[i];
        CHECK(came == want, "%" PRId64 " ticks of %s came between here and there, not %" PRId64,
              came, tape->symbol.name, want);
    }
    if (journey->was_cut)
        tally(TALLY_JOURNEYS);
    if (journey->is_elsewhere)
        tally(TALLY_JOURNEYS_ELSEWHERE);
}

static void check_end(const struct watch *watch, const json_t *message)
{
    CHECK(watch->epoch.kind == EPOCH_PLAY, "a step ended the replay");
    CHECK(watch->epoch.edge == watch_end(watch, watch->epoch.direction),
          "ended before the end of the range");
    const json_t *totals = json_object_get(json_object_get(message, "totals"), "ticks");
    CHECK(json_array_size(totals) == watch->symbol_count, "totals of other symbols");
    for (size_t i = 0; i < watch->symbol_count; i++)
        CHECK(json_integer_value(json_array_get(totals, i)) == watch->epoch.totals[i],
              "totals of `ended` are not what was sent");
    check_journey(watch);
    tally(watch->epoch.direction > 0 ? TALLY_ENDS_FORWARD : TALLY_ENDS_BACKWARD);
    if (watch->epoch.seq == 0)
        tally(TALLY_ENDS_AT_ONCE);
}

void watch_take_state(struct watch *watch, const json_t *message, int64_t now_us)
{
    enum replay_state state = state_of(message);
    const char *reason = json_string_value(json_object_get(message, "reason"));
    CHECK(integer_of(message, "epoch") == watch->epoch.number, "a state of another epoch");
    CHECK(integer_of(message, "at") == watch->epoch.edge, "the state's `at` is not the edge");
    CHECK((reason != NULL) == (state == REPLAY_BUFFERING), "a reason, or none, while %s",
          replay_state_name(state));
    check_speed(watch, message);
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
    watch->clock_unsure = true;
}

void watch_take_failure(struct watch *watch, const json_t *message)
{
    CHECK(watch->depot->failures > watch->failures_seen, "an error out of nothing: %s",
          text_of(message, "message"));
    CHECK(watch_is_running(watch) || watch->snapshot_due || watch->epoch.is_pending,
          "an error while nothing was to come: %s", text_of(message, "message"));
    tally(TALLY_FAILURES);
    watch->failures_seen = watch->depot->failures;
    watch->snapshot_failed = watch->snapshot_failed || watch->snapshot_due;
    watch->snapshot_due = false;
    watch->epoch.is_pending = false;
    if (watch_is_running(watch)) {
        watch->state = REPLAY_PAUSED;
        watch->reason[0] = '\0';
        watch->echo_due = true;
    }
}

/* ---- epochs ------------------------------------------------------------------------------ */

/* The frame of the epoch that left the playhead at `at`; NULL: none that is remembered. */
static const struct used *find_used(const struct watch *watch, int64_t at)
{
    for (size_t i = watch->used_count; i > 0; i--) {
        if (watch->used[i - 1].edge == at)
            return &watch->used[i - 1];
    }
    return NULL;
}

/* Goes on with the journey where the new epoch begins at a frame that was used and leads the same
 * way; else a new one begins. */
static void travel(struct watch *watch, int64_t at, int direction)
{
    struct journey *journey = &watch->journey;
    const struct used *used = find_used(watch, at);
    journey->goes_on = journey->direction == direction && (used != NULL || at == watch->epoch.at);
    if (!journey->goes_on) {
        *journey = (struct journey){.is_whole = true,
                                    .at = at,
                                    .direction = direction,
                                    .changes = watch->world->changes,
                                    .depot = watch->depot};
        return;
    }
    for (size_t i = 0; used != NULL && i < watch->symbol_count; i++)
        journey->totals[i] += used->totals[i];
    if (used != NULL && used->edge != watch->epoch.edge)
        tally(TALLY_TAKEN_BACK);
}

static void begin_epoch(struct watch *watch, const struct asked *asked, int64_t at, int direction)
{
    travel(watch, at, direction);
    watch->journey.is_whole = watch->journey.is_whole && watch->ticks;
    watch->epoch = (struct epoch){
        .number = watch->epoch.number + 1,
        .direction = direction,
        .at = at,
        .edge = at,
        .wall_us = asked->arrives_us,
        .changes = asked->changes,
    };
    watch->used_count = 0;
    watch->acked_seq = 0;
    watch->acked_due_us = 0;
    watch->unacked_bytes = 0;
    watch->saw_busy = false;
    watch->saw_unacked = false;
    watch->drained_us = asked->arrives_us;
    watch->frame_us = asked->arrives_us;
    watch->clock_unsure = true;
    watch->frame_changes = asked->changes;
}

static void begin_step(struct watch *watch, const struct asked *asked, int64_t at)
{
    begin_epoch(watch, asked, at, asked->count > 0 ? 1 : -1);
    struct epoch *epoch = &watch->epoch;
    epoch->kind = EPOCH_STEP;
    epoch->unit = asked->unit;
    epoch->target = step_target(watch, asked, at, &epoch->slack_us);
    epoch->is_pending = epoch->target != at || asked->changes != watch->world->changes;
    watch->failures_seen = asked->failures;
    if (!epoch->is_pending)
        tally(TALLY_STEPS_NOWHERE);
}

static void want_snapshot(struct watch *watch, const struct asked *asked)
{
    watch->snapshot_due = true;
    watch->snapshot_failed = false;
    watch->snapshot_changes = asked->changes;
}

/* ---- answers ----------------------------------------------------------------------------- */

static bool is_faster(const struct watch *watch, const struct asked *asked)
{
    return asked->act == ACT_SPEED && !replay_speed_equal(asked->speed, watch->speed);
}

static bool begins_epoch(const struct watch *watch, const struct asked *asked)
{
    switch (asked->act) {
    case ACT_SEEK:
    case ACT_STEP:
        return true;
    case ACT_SPEED:
        return is_faster(watch, asked);
    case ACT_PLAY: /* after a step: in the replay's own direction */
        return watch->state == REPLAY_PAUSED && watch->epoch.kind == EPOCH_STEP;
    default:
        return false;
    }
}

/* What the state must be after a control, by the rules. */
static enum replay_state state_after(const struct watch *watch, const struct asked *asked)
{
    switch (asked->act) {
    case ACT_CLOSE:
        return REPLAY_CLOSED;
    case ACT_STEP:
        return REPLAY_PAUSED;
    case ACT_PLAY:
        return watch->state == REPLAY_PAUSED ? REPLAY_PLAYING : watch->state;
    case ACT_PAUSE:
        return watch_is_running(watch) ? REPLAY_PAUSED : watch->state;
    default:
        if (begins_epoch(watch, asked))
            return watch_is_running(watch) ? REPLAY_PLAYING : REPLAY_PAUSED;
        return watch->state;
    }
}

static int64_t start_after(const struct watch *watch, const struct asked *asked)
{
    bool is_elsewhere = asked->act == ACT_SEEK || (asked->act == ACT_STEP && asked->has_at) ||
                        (is_faster(watch, asked) && asked->has_at);
    return is_elsewhere ? asked->at : watch->epoch.edge;
}

static void take_opened(struct watch *watch, const struct asked *asked, const json_t *message)
{
    watch->open = true;
    watch->closed_due = false;
    watch->state = state_of(message);
    watch->reason[0] = '\0';
    watch->echo_due = false;
    watch->snapshot_failed = false;
    watch->failures_seen = asked->failures;
    begin_epoch(watch, asked, asked->at, replay_speed_direction(watch->speed));
    struct journey *journey = &watch->journey;
    journey->was_cut = journey->was_cut || journey->goes_on;
    journey->is_elsewhere =
        journey->is_elsewhere || (journey->goes_on && watch->depot != journey->depot);
    watch->epoch.number = integer_of(message, "epoch");
    CHECK(integer_of(message, "at") == asked->at, "opened at %" PRId64 ", not %" PRId64,
          integer_of(message, "at"), asked->at);
    CHECK(integer_of(message, "from") == watch->from, "opened from another instant");
    CHECK(integer_of(message, "to") == watch->to, "opened to another instant");
    check_speed(watch, message);
    want_snapshot(watch, asked);
}

static void change_state(struct watch *watch, enum replay_state state)
{
    watch->echo_due = watch->echo_due || state != watch->state;
    if (state != watch->state)
        watch->reason[0] = '\0';
    watch->state = state;
}

static void take_settings(struct watch *watch, const struct asked *asked)
{
    if (asked->act == ACT_SET && asked->fps > 0)
        watch->fps = asked->fps;
    if (asked->act == ACT_SET && asked->ticks >= 0)
        watch->ticks = asked->ticks > 0;
    if (asked->act == ACT_SET)
        watch->clock_unsure = true;
    if (asked->has_intervals)
        watch->intervals = asked->intervals;
    watch->journey.is_whole = watch->journey.is_whole && watch->ticks;
}

/* Before anything of the watch moves. */
static void check_answer(const struct watch *watch, const struct asked *asked,
                         const json_t *message)
{
    enum replay_state state = state_of(message);
    enum replay_state want = state_after(watch, asked);
    CHECK(state == want, "answered %s instead of %s", replay_state_name(state),
          replay_state_name(want));
    CHECK(asked->act != ACT_PLAY || watch->state != REPLAY_ENDED, "played when ended");
    int64_t epoch = watch->epoch.number + begins_epoch(watch, asked);
    CHECK(integer_of(message, "epoch") == epoch, "epoch %" PRId64 " instead of %" PRId64,
          integer_of(message, "epoch"), epoch);
    int64_t at = start_after(watch, asked);
    CHECK(integer_of(message, "at") == at, "the answer's `at` is not %" PRId64, at);
}

static void take_play(struct watch *watch, const struct asked *asked)
{
    if (watch->snapshot_failed)
        want_snapshot(watch, asked);
    if (!watch->snapshot_due)
        watch->failures_seen = asked->failures; /* older ones are none of its business */
    watch->snapshot_failed = false;
    watch->drained_us = asked->arrives_us;
    watch->frame_us = asked->arrives_us;
    watch->clock_unsure = true;
    watch->frame_changes = asked->changes;
}

/* Nothing more of a step comes after a pause; before it, some of its frames may have. */
static void take_pause(struct watch *watch)
{
    if (!watch->epoch.is_pending)
        return;
    watch->epoch.is_pending = false;
    tally(watch->epoch.seq > 0 ? TALLY_STEPS_CUT : TALLY_STEPS_STOPPED);
}

static void take_control(struct watch *watch, const struct asked *asked, const json_t *message)
{
    check_answer(watch, asked, message);
    enum replay_state state = state_after(watch, asked);
    bool is_new = begins_epoch(watch, asked);
    int64_t at = start_after(watch, asked);
    if (asked->act == ACT_PLAY && watch->state == REPLAY_PAUSED)
        take_play(watch, asked);
    if (asked->act == ACT_PAUSE)
        take_pause(watch);
    if (asked->act == ACT_SPEED)
        watch->speed = asked->speed;
    check_speed(watch, message);
    if (asked->act == ACT_STEP)
        begin_step(watch, asked, at);
    else if (is_new)
        begin_epoch(watch, asked, at, replay_speed_direction(watch->speed));
    take_settings(watch, asked);
    bool is_elsewhere = is_new && asked->act != ACT_PLAY;
    bool lacks_picture = watch->snapshot_due || watch->snapshot_failed;
    if (asked->act == ACT_SEEK || asked->act == ACT_SET || (is_elsewhere && lacks_picture))
        want_snapshot(watch, asked);
    if (asked->act == ACT_CLOSE) {
        watch->open = false;
        watch->closed_due = true;
        return;
    }
    change_state(watch, state);
}

/* Why a request that is well-formed must be refused now; NULL: it must not. */
static const char *refusal_of(const struct watch *watch, const struct asked *asked)
{
    if (asked->refusal != NULL)
        return asked->refusal;
    if (asked->act == ACT_PLAY && watch->state == REPLAY_ENDED)
        return "conflict";
    if (asked->act == ACT_STEP && asked->unit == UNIT_FRAME && watch->speed.max)
        return "bad_argument";
    return NULL;
}

void watch_take_answer(struct watch *watch, const struct asked *asked, const json_t *message)
{
    const char *want = refusal_of(watch, asked);
    if (strcmp(text_of(message, "ev"), "error") == 0) {
        CHECK(want != NULL && strcmp(text_of(message, "code"), want) == 0, "refused: %s",
              text_of(message, "message"));
        tally(TALLY_REFUSALS);
        return;
    }
    CHECK(want == NULL, "not refused: %s", want);
    if (asked->act == ACT_OPEN)
        take_opened(watch, asked, message);
    else
        take_control(watch, asked, message);
    watch->quiet_us = asked->arrives_us;
}

/* ---- silence ----------------------------------------------------------------------------- */

/* What is ahead has been sent as soon as it might be: between two frames there is no more wall time
 * than there is play. A tick that is new may have been due before it came. */
static void check_punctual(const struct watch *watch, int64_t now_us)
{
    const struct epoch *epoch = &watch->epoch;
    int64_t next;
    if (!watch->ticks || watch->clock_unsure || watch->frame_changes != watch->world->changes ||
        !step_next_instant(watch, epoch->direction, epoch->edge, &next))
        return;
    int64_t edge = epoch->direction > 0 ? next + 1 : next;
    double due_us = (double)(edge - epoch->at) / watch->speed.rate;
    /* Then comes the next point of the grid, and the wheel's slot. */
    double most_us = due_us - (double)epoch->due_us + 1e6 / (double)watch->fps + 3000;
    CHECK((double)(now_us - watch->clock_us) <= most_us,
          "a tick at %" PRId64 " might have gone %.0f us ago", next,
          (double)(now_us - watch->clock_us) - most_us);
}

static void check_silence(struct watch *watch, int64_t now_us)
{
    CHECK(!watch->snapshot_due, "a snapshot never came");
    if (watch_is_unacked(watch))
        return;
    if (watch->epoch.is_pending) {
        CHECK(watch->epoch.changes != watch->world->changes,
              "a step to %" PRId64 " stopped at %" PRId64, watch->epoch.target, watch->epoch.edge);
        watch->epoch.is_pending = false;
    }
    if (!watch_is_running(watch))
        return;
    CHECK(watch->state == REPLAY_PLAYING, "buffers for nothing");
    CHECK(!watch->speed.max, "stands still at \"max\"");
    /* The beat, on the grid, and the wheel's slot. */
    int64_t most_us = REPLAY_BEAT_US + 1000000 / watch->fps + 2000;
    CHECK(now_us - watch->quiet_us <= most_us, "silent for %" PRId64 " us while playing",
          now_us - watch->quiet_us);
    check_punctual(watch, now_us);
}

void watch_look(struct watch *watch)
{
    watch->saw_busy = watch->saw_busy || depot_is_busy(watch->depot);
    watch->saw_unacked = watch->saw_unacked || watch_is_unacked(watch);
}

/* What is loaded may be what play waits for: its clock begins with that. */
void watch_drain(struct watch *watch, int64_t now_us)
{
    if (!watch->clock_unsure || depot_is_busy(watch->depot))
        return;
    watch->clock_us = watch->quiet_us = now_us;
    watch->clock_unsure = false;
}

void watch_take_silence(struct watch *watch, bool is_idle, int64_t turn_us)
{
    if (!watch->open)
        return;
    CHECK(!watch->echo_due, "a state was answered but not told");
    if (is_idle)
        check_silence(watch, turn_us);
    else if (watch->quiet_us < turn_us)
        watch->quiet_us = turn_us;
    watch->saw_busy = !is_idle;
    watch->saw_unacked = watch_is_unacked(watch);
    if (watch->drained_us < turn_us)
        watch->drained_us = turn_us;
}
