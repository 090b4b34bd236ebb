#include "viewer.h"

#include "support/wire_message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OUT_BYTES_MAX (1 << 24)
#define ROWS_MOST 100000

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_fail(__VA_ARGS__);                                                                 \
    } while (0)

static struct now now_of(int64_t now_us)
{
    return (struct now){.monotonic_us = now_us, .wall_us = 1700000000000000 + now_us};
}

static int64_t integer_of(const json_t *message, const char *key)
{
    const json_t *value = json_object_get(message, key);
    CHECK(json_is_integer(value), "%s of a message is no integer", key);
    return (int64_t)json_integer_value(value);
}

static const char *text_of(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    CHECK(text != NULL, "%s of a message is no text", key);
    return text;
}

/* ---- frames ------------------------------------------------------------------------------ */

/* The rows of one symbol in a frame are exactly the oracle's rows [first, end). */
static void check_rows(struct viewer *viewer, const json_t *part, const struct world_tape *tape,
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
    viewer->ticks += rows;
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

static size_t check_ticks(struct viewer *viewer, const json_t *message, int64_t from, int64_t to)
{
    const json_t *ticks = json_object_get(message, "ticks");
    size_t all = 0;
    size_t parts = 0;
    for (size_t i = 0; i < viewer->symbol_count; i++) {
        const struct world_tape *tape = &viewer->world->tapes[viewer->symbols[i]];
        size_t first = world_find(tape, from);
        size_t end = world_find(tape, to);
        const json_t *part = part_of(ticks, i);
        CHECK((part != NULL) == (end > first), "ticks of %s in [%" PRId64 ", %" PRId64 "): %zu",
              tape->symbol.name, from, to, end - first);
        if (part == NULL)
            continue;
        check_rows(viewer, part, tape, first, end);
        viewer->totals[i] += (int64_t)(end - first);
        all += end - first;
        parts++;
    }
    CHECK(json_array_size(ticks) == parts, "a symbol stands twice in a frame");
    return all;
}

/* A frame off the grid and before the end must have been cut because it was full. */
static bool is_on_grid(const struct viewer *viewer, int64_t edge)
{
    double step_us = viewer->rate * 1e6 / (double)viewer->fps;
    int64_t k = (int64_t)((double)(edge - viewer->epoch_at) / step_us);
    for (int64_t near = k - 1; near <= k + 1; near++) {
        if (viewer->epoch_at + (int64_t)((double)near * step_us) == edge)
            return true;
    }
    return edge == viewer->to;
}

static void check_pace(struct viewer *viewer, int64_t edge, int64_t due_us, size_t bytes,
                       int64_t now_us)
{
    if (viewer->rate <= 0) {
        CHECK(due_us == 0, "due is %" PRId64 " at \"max\"", due_us);
        return;
    }
    double exact = (double)(edge - viewer->epoch_at) / viewer->rate;
    CHECK((double)due_us >= exact - 1 && (double)due_us <= exact + 1,
          "due is %" PRId64 ", the edge's is %.1f", due_us, exact);
    CHECK(due_us - viewer->lead_us <= now_us - viewer->epoch_wall_us,
          "a frame due at %" PRId64 " came after %" PRId64 " us of the epoch", due_us,
          now_us - viewer->epoch_wall_us);
    /* A second, and up to 250 ms of lag, rounded to the grid. */
    CHECK(due_us - viewer->due_us <= 1250000 + 1000000 / viewer->fps + 1,
          "%" PRId64 " us of play without a frame", due_us - viewer->due_us);
    if (!is_on_grid(viewer, edge)) {
        viewer->byte_frames++;
        CHECK(bytes > WIRE_FRAME_BYTES / 16, "a frame of %zu bytes ended off the grid", bytes);
    }
}

static void take_frame(struct viewer *viewer, const json_t *message, size_t bytes, int64_t now_us)
{
    CHECK(integer_of(message, "epoch") == viewer->epoch, "a frame of another epoch");
    CHECK(strcmp(viewer->state, "playing") == 0, "a frame while %s", viewer->state);
    CHECK(!viewer->snapshot_due, "a frame before the snapshot that it continues");
    CHECK(integer_of(message, "seq") == viewer->seq, "frame %" PRId64 " is missing", viewer->seq);
    CHECK(integer_of(message, "dir") == 1, "dir is not 1");
    const json_t *span = json_object_get(message, "span");
    int64_t from = (int64_t)json_integer_value(json_array_get(span, 0));
    int64_t to = (int64_t)json_integer_value(json_array_get(span, 1));
    CHECK(from == viewer->edge,
          "a gap or overlap: the frame starts at %" PRId64 ", the edge was %" PRId64, from,
          viewer->edge);
    CHECK(to > from && to <= viewer->to, "the frame ends at %" PRId64, to);
    size_t rows = check_ticks(viewer, message, from, to);
    if (bytes > WIRE_FRAME_BYTES) {
        size_t after_first = 0; /* only one instant may be that large */
        for (size_t i = 0; i < viewer->symbol_count; i++) {
            const struct world_tape *tape = &viewer->world->tapes[viewer->symbols[i]];
            after_first += world_find(tape, to) - world_find(tape, to - 1);
        }
        CHECK(after_first == rows, "a frame of %zu bytes", bytes);
    }
    check_pace(viewer, to, integer_of(message, "due"), bytes, now_us);
    viewer->due_us = integer_of(message, "due");
    viewer->edge = to;
    viewer->seq++;
    viewer->frames++;
}

/* ---- other messages ---------------------------------------------------------------------- */

static void take_snapshot(struct viewer *viewer, const json_t *message)
{
    CHECK(integer_of(message, "epoch") == viewer->epoch, "a snapshot of another epoch");
    CHECK(integer_of(message, "at") == viewer->edge, "the snapshot is not at the playhead");
    CHECK(integer_of(message, "seq") == viewer->seq, "the snapshot's seq is not the next frame's");
    const json_t *last = json_object_get(message, "last");
    CHECK(json_array_size(last) == viewer->symbol_count, "a snapshot of other symbols");
    for (size_t i = 0; i < viewer->symbol_count; i++) {
        const json_t *item = json_array_get(last, i);
        struct last_values want =
            world_last(&viewer->world->tapes[viewer->symbols[i]], viewer->edge);
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
    viewer->snapshot_due = false;
}

static void take_state(struct viewer *viewer, const json_t *message)
{
    CHECK(integer_of(message, "epoch") == viewer->epoch, "a state of another epoch");
    const char *state = text_of(message, "state");
    if (strcmp(state, "ended") == 0) {
        CHECK(viewer->edge == viewer->to, "ended before the end of the range");
        const json_t *totals = json_object_get(json_object_get(message, "totals"), "ticks");
        for (size_t i = 0; i < viewer->symbol_count; i++)
            CHECK(json_integer_value(json_array_get(totals, i)) == viewer->totals[i],
                  "totals of `ended` are not what was sent");
        viewer->ended = true;
        viewer->ends++;
    }
    if (strcmp(state, "buffering") == 0)
        CHECK(json_object_get(message, "reason") != NULL, "buffering without a reason");
    strncpy(viewer->state, state, sizeof viewer->state - 1);
}

static void begin_epoch(struct viewer *viewer, const json_t *answer)
{
    int64_t epoch = integer_of(answer, "epoch");
    CHECK(epoch > viewer->epoch, "epochs only grow");
    viewer->epoch = epoch;
    viewer->epoch_at = integer_of(answer, "at");
    viewer->edge = viewer->epoch_at;
    viewer->epoch_wall_us = viewer->requested_us;
    viewer->seq = 0;
    viewer->due_us = 0;
    viewer->ended = false;
    viewer->epochs++;
    memset(viewer->totals, 0, sizeof viewer->totals);
}

static void take_answer(struct viewer *viewer, const json_t *message)
{
    viewer->awaiting = false;
    if (integer_of(message, "epoch") != viewer->epoch)
        begin_epoch(viewer, message);
    CHECK(integer_of(message, "at") == viewer->edge, "the answer's `at` is not the edge");
    const char *state = text_of(message, "state");
    if (strcmp(state, "closed") == 0)
        viewer->open = false;
    strncpy(viewer->state, state, sizeof viewer->state - 1);
}

static void take_message(struct viewer *viewer, const json_t *message, size_t bytes, int64_t now_us)
{
    const char *ev = text_of(message, "ev");
    if (strcmp(ev, "replay.frame") == 0) {
        take_frame(viewer, message, bytes, now_us);
    } else if (strcmp(ev, "replay.snapshot") == 0) {
        take_snapshot(viewer, message);
    } else if (strcmp(ev, "replay.state") == 0) {
        if (viewer->open)
            take_state(viewer, message);
    } else if (strcmp(ev, "replay.opened") == 0) {
        viewer->open = true;
        viewer->epoch = 0;
        take_answer(viewer, message);
    } else if (strcmp(ev, "ok") == 0) {
        take_answer(viewer, message);
    } else if (strcmp(ev, "error") == 0) {
        /* Of a failing load: the replay is paused. Every request is a right one but play when it
         * has ended, which is a conflict. */
        bool is_answer = json_object_get(message, "re") != NULL;
        CHECK(!is_answer || strcmp(text_of(message, "code"), "conflict") == 0, "refused: %s",
              text_of(message, "message"));
        CHECK(is_answer || viewer->world->failures > 0, "an error out of nothing: %s",
              text_of(message, "message"));
        if (is_answer)
            viewer->awaiting = false;
        else
            viewer->snapshot_due = false; /* it may be what failed; play asks again */
    } else {
        CHECK(strcmp(ev, "welcome") == 0, "an unexpected %s", ev);
    }
}

void viewer_read(struct viewer *viewer, int64_t now_us, int most)
{
    for (; viewer->feed != NULL && viewer->writable && most > 0; most--) {
        buffer_clear(&viewer->out);
        enum status status = feed_send(viewer->feed, now_of(now_us), &viewer->out);
        CHECK(status != STATUS_END, "the feed hung up");
        if (status == STATUS_WAIT) {
            viewer->woken = false;
            return;
        }
        CHECK(!viewer->out.failed, "a message beyond the buffer");
        json_t *message =
            wire_message_read(viewer->out.bytes, viewer->out.count, viewer->is_msgpack);
        CHECK(message != NULL, "a message that cannot be read");
        take_message(viewer, message, viewer->out.count, now_us);
        json_decref(message);
    }
}

/* ---- requests ---------------------------------------------------------------------------- */

static void request(struct viewer *viewer, json_t *tree, int64_t now_us)
{
    json_object_set_new(tree, "req", json_integer(dice_between(viewer->dice, 0, 1000)));
    json_object_set_new(tree, "id", json_integer((json_int_t)viewer->id));
    size_t count;
    char *bytes = wire_message_write(tree, viewer->is_msgpack, &count);
    json_decref(tree);
    CHECK(bytes != NULL, "a request that cannot be written");
    viewer->awaiting = true;
    viewer->requested_us = now_us;
    feed_receive(viewer->feed, (const uint8_t *)bytes, count, now_of(now_us));
    free(bytes);
}

static json_t *random_speed(struct viewer *viewer)
{
    static const double rates[] = {0.01, 0.5, 1, 7.3, 60, 1000, 100000};
    if (viewer->world->calm || dice_once_in(viewer->dice, 5)) {
        viewer->rate = 0;
        return json_string("max");
    }
    viewer->rate = rates[dice_between(viewer->dice, 0, 6)];
    return json_real(viewer->rate);
}

static int64_t random_instant(struct viewer *viewer)
{
    if (dice_once_in(viewer->dice, 6))
        return dice_once_in(viewer->dice, 2) ? viewer->from : viewer->to;
    return dice_between(viewer->dice, viewer->from, viewer->to);
}

static json_t *symbol_names(struct viewer *viewer)
{
    json_t *names = json_array();
    viewer->symbol_count =
        (size_t)dice_between(viewer->dice, 1, (int64_t)viewer->world->tape_count);
    for (size_t i = 0; i < viewer->symbol_count; i++) {
        viewer->symbols[i] = viewer->world->tape_count - 1 - i;
        json_array_append_new(names,
                              json_string(viewer->world->tapes[viewer->symbols[i]].symbol.name));
    }
    return names;
}

static json_t *random_encodings(struct viewer *viewer)
{
    static const char *const names[] = {"u32", "i16", "i32", "i64", "const"};
    json_t *list = json_array();
    for (size_t i = 0; i < 5; i++) {
        if (dice_once_in(viewer->dice, 2))
            json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

static void open_replay(struct viewer *viewer, int64_t now_us)
{
    struct dice *dice = viewer->dice;
    viewer->id++;
    viewer->from = dice_between(dice, viewer->world->from - 1000000, viewer->world->to);
    viewer->to = dice_between(dice, viewer->from, viewer->world->to + 1000000);
    if (viewer->to == viewer->from)
        viewer->to++;
    viewer->fps = dice_between(dice, 1, 240);
    viewer->lead_us = dice_between(dice, 0, 5000) * 1000;
    viewer->flow_ack = dice_once_in(dice, 3);
    json_t *open = json_object();
    json_object_set_new(open, "op", json_string("replay.open"));
    json_object_set_new(open, "symbols", symbol_names(viewer));
    json_object_set_new(open, "from", json_integer(viewer->from));
    json_object_set_new(open, "to", json_integer(viewer->to));
    if (dice_once_in(dice, 2))
        json_object_set_new(open, "at", json_integer(random_instant(viewer)));
    json_object_set_new(open, "speed", random_speed(viewer));
    json_object_set_new(open, "fps", json_integer(viewer->fps));
    json_object_set_new(open, "lead_ms", json_integer(viewer->lead_us / 1000));
    json_object_set_new(open, "flow", json_string(viewer->flow_ack ? "ack" : "tcp"));
    json_object_set_new(open, "window_ms", json_integer(dice_between(dice, 100, 3000)));
    if (dice_once_in(dice, 2))
        json_object_set_new(open, "state", json_string("playing"));
    if (dice_once_in(dice, 3))
        json_object_set_new(open, "encodings", random_encodings(viewer));
    viewer->snapshot_due = true;
    request(viewer, open, now_us);
}

static json_t *control(const char *op)
{
    json_t *tree = json_object();
    json_object_set_new(tree, "op", json_string(op));
    return tree;
}

static void seek(struct viewer *viewer, int64_t now_us)
{
    json_t *tree = control("replay.seek");
    json_object_set_new(tree, "to", json_integer(random_instant(viewer)));
    viewer->snapshot_due = true;
    request(viewer, tree, now_us);
}

static void change_speed(struct viewer *viewer, int64_t now_us)
{
    json_t *tree = control("replay.speed");
    json_object_set_new(tree, "speed", random_speed(viewer));
    if (dice_once_in(viewer->dice, 2))
        json_object_set_new(
            tree, "at", json_integer(dice_between(viewer->dice, viewer->epoch_at, viewer->edge)));
    request(viewer, tree, now_us);
}

static void change_fps(struct viewer *viewer, int64_t now_us)
{
    json_t *tree = control("replay.set");
    viewer->fps = dice_between(viewer->dice, 1, 240);
    json_object_set_new(tree, "fps", json_integer(viewer->fps));
    viewer->snapshot_due = true;
    request(viewer, tree, now_us);
}

static void acknowledge(struct viewer *viewer, int64_t now_us)
{
    if (viewer->seq == 0)
        return;
    json_t *tree = control("replay.ack");
    json_object_set_new(tree, "epoch", json_integer(viewer->epoch));
    json_object_set_new(tree, "seq", json_integer(viewer->seq - 1));
    request(viewer, tree, now_us);
    viewer->awaiting = false; /* it has no answer */
}

void viewer_act(struct viewer *viewer, int64_t now_us)
{
    if (viewer->feed == NULL || viewer->awaiting)
        return;
    if (!viewer->open) {
        open_replay(viewer, now_us);
        return;
    }
    switch (dice_between(viewer->dice, 0, 19)) {
    case 0 ... 5:
        request(viewer, control("replay.play"), now_us);
        break;
    case 6 ... 7:
        request(viewer, control("replay.pause"), now_us);
        break;
    case 8 ... 9:
        seek(viewer, now_us);
        break;
    case 10 ... 11:
        change_speed(viewer, now_us);
        break;
    case 12:
        request(viewer, control("replay.close"), now_us);
        break;
    case 13:
        change_fps(viewer, now_us);
        break;
    default:
        acknowledge(viewer, now_us);
        break;
    }
}

void viewer_finish(struct viewer *viewer, int64_t now_us)
{
    if (viewer->awaiting || viewer->ended)
        return;
    if (!viewer->open) {
        open_replay(viewer, now_us);
    } else if (viewer->rate > 0) {
        change_speed(viewer, now_us); /* calm: to "max" */
    } else if (strcmp(viewer->state, "paused") == 0) {
        request(viewer, control("replay.play"), now_us);
    } else if (viewer->flow_ack) {
        acknowledge(viewer, now_us);
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static void wake(void *owner)
{
    struct viewer *viewer = owner;
    viewer->woken = true;
}

void viewer_init(struct viewer *viewer, struct world *world, struct dice *dice)
{
    *viewer = (struct viewer){.world = world, .dice = dice, .writable = true};
    buffer_init(&viewer->out, OUT_BYTES_MAX);
}

void viewer_connect(struct viewer *viewer, struct feed_lane *lane, int64_t now_us)
{
    viewer->is_msgpack = dice_once_in(viewer->dice, 2);
    viewer->feed = feed_create(lane, viewer->is_msgpack ? WIRE_MSGPACK : WIRE_JSON, wake, viewer,
                               now_of(now_us));
    viewer->open = false;
    viewer->awaiting = false;
}

void viewer_disconnect(struct viewer *viewer)
{
    if (viewer->feed != NULL)
        feed_destroy(&viewer->feed);
    viewer->open = false;
    viewer->ended = false;
}

void viewer_deinit(struct viewer *viewer)
{
    viewer_disconnect(viewer);
    buffer_deinit(&viewer->out);
}
