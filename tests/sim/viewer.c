#include "viewer.h"

#include "base/mem.h"
#include "support/wire_message.h"

#include <stdlib.h>
#include <string.h>

#define OUT_BYTES_MAX (1 << 24)
#define FINISH_US_MOST 4000000 /* of play, where it is paced to the end */

static struct now now_of(int64_t now_us)
{
    return (struct now){.monotonic_us = now_us, .wall_us = 1700000000000000 + now_us};
}

/* ---- messages ---------------------------------------------------------------------------- */

static struct watch *watch_of(struct viewer *viewer, const json_t *message)
{
    uint64_t id = (uint64_t)integer_of(message, "id");
    for (size_t i = 0; i < VIEWER_WATCHES; i++) {
        struct watch *watch = &viewer->watches[i];
        if (watch->id == id && (watch->open || watch->closed_due))
            return watch;
    }
    sim_fail("a %s of a replay that is not open", text_of(message, "ev"));
}

static void forget_first(struct viewer *viewer)
{
    CHECK(viewer->arrived > 0, "an answer to nothing");
    struct asked *first = &viewer->asked[0];
    viewer->watches[first->watch].asked--;
    free(first->bytes);
    viewer->asked_count--;
    viewer->arrived--;
    memmove(first, first + 1, viewer->asked_count * sizeof *first);
}

static void take_answer(struct viewer *viewer, const json_t *message)
{
    const struct asked *asked = &viewer->asked[0];
    CHECK(viewer->arrived > 0 && integer_of(message, "re") == asked->re, "answers out of order");
    watch_take_answer(&viewer->watches[asked->watch], asked, message);
    forget_first(viewer);
}

static void take_push(struct viewer *viewer, const json_t *message, size_t bytes, int64_t now_us)
{
    const char *ev = text_of(message, "ev");
    if (strcmp(ev, "welcome") == 0)
        return;
    struct watch *watch = watch_of(viewer, message);
    /* `closed` is the only push that does not wait until all answers have been read. */
    CHECK(viewer->arrived == 0 || watch->closed_due, "a %s before an answer", ev);
    if (strcmp(ev, "replay.frame") == 0)
        watch_take_frame(watch, message, bytes, now_us);
    else if (strcmp(ev, "replay.snapshot") == 0)
        watch_take_snapshot(watch, message);
    else if (strcmp(ev, "replay.state") == 0)
        watch_take_state(watch, message, now_us);
    else if (strcmp(ev, "error") == 0)
        watch_take_failure(watch, message);
    else
        sim_fail("an unexpected %s", ev);
}

/* Reading takes time: mostly little, now and then longer than a replay may lag. */
static int64_t reading_us(struct viewer *viewer)
{
    if (!viewer->world->calm && dice_once_in(viewer->dice, 300))
        return dice_between(viewer->dice, 1000, 600000);
    return dice_between(viewer->dice, 0, 200);
}

void viewer_read(struct viewer *viewer, int64_t *now_us, int most)
{
    for (; viewer->feed != NULL && viewer->writable && viewer->woken && most > 0; most--) {
        buffer_clear(&viewer->out);
        enum status status = feed_send(viewer->feed, now_of(*now_us), &viewer->out);
        CHECK(status == STATUS_OK || status == STATUS_WAIT, "the feed hung up");
        for (size_t i = 0; i < VIEWER_WATCHES; i++)
            watch_look(&viewer->watches[i]);
        if (status == STATUS_WAIT) {
            viewer->woken = false;
            return;
        }
        CHECK(!viewer->out.failed, "a message beyond the buffer");
        json_t *message =
            wire_message_read(viewer->out.bytes, viewer->out.count, viewer->is_msgpack);
        CHECK(message != NULL, "a message that cannot be read");
        if (json_object_get(message, "re") != NULL)
            take_answer(viewer, message);
        else
            take_push(viewer, message, viewer->out.count, *now_us);
        json_decref(message);
        *now_us += reading_us(viewer);
    }
}

void viewer_check(struct viewer *viewer, bool is_idle, int64_t turn_us)
{
    if (viewer->feed == NULL || viewer->woken)
        return;
    CHECK(viewer->arrived == 0, "a request was never answered");
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        watch_take_silence(&viewer->watches[i], is_idle, turn_us);
}

/* ---- requests ---------------------------------------------------------------------------- */

void viewer_arrive(struct viewer *viewer, int64_t now_us)
{
    while (viewer->feed != NULL && viewer->arrived < viewer->asked_count &&
           viewer->asked[viewer->arrived].arrives_us <= now_us && feed_wants_input(viewer->feed)) {
        struct asked *asked = &viewer->asked[viewer->arrived++];
        asked->arrives_us = now_us;
        asked->failures = viewer->world->failures;
        asked->changes = viewer->world->changes;
        feed_receive(viewer->feed, (const uint8_t *)asked->bytes, asked->count, now_of(now_us));
        if (asked->act != ACT_ACK)
            continue;
        /* It has no answer. */
        CHECK(viewer->arrived == 1, "acks are sent alone");
        watch_acknowledge(&viewer->watches[asked->watch], asked->epoch, asked->seq);
        forget_first(viewer);
    }
}

static void send_request(struct viewer *viewer, const struct asked *asked, json_t *tree,
                         int64_t now_us)
{
    struct watch *watch = &viewer->watches[asked->watch];
    struct asked *last = &viewer->asked[viewer->asked_count++];
    *last = *asked;
    last->re = ++viewer->re;
    last->arrives_us = now_us + dice_between(viewer->dice, 0, viewer->network_us);
    if (asked->act != ACT_ACK)
        json_object_set_new(tree, "req", json_integer(last->re));
    if (json_object_get(tree, "id") == NULL)
        json_object_set_new(tree, "id", json_integer((json_int_t)watch->id));
    last->bytes = wire_message_write(tree, viewer->is_msgpack, &last->count);
    CHECK(last->bytes != NULL, "a request that cannot be written");
    json_decref(tree);
    watch->asked++;
    viewer_arrive(viewer, now_us);
}

static json_t *control(const char *op)
{
    json_t *tree = json_object();
    json_object_set_new(tree, "op", json_string(op));
    return tree;
}

static void add_speed(json_t *tree, double rate)
{
    json_object_set_new(tree, "speed", rate > 0 ? json_real(rate) : json_string("max"));
}

static double random_rate(struct viewer *viewer)
{
    static const double rates[] = {0.01, 0.5, 1, 7.3, 60, 1000, 100000};
    if (viewer->world->calm || dice_once_in(viewer->dice, 5))
        return 0;
    return rates[dice_between(viewer->dice, 0, 6)];
}

static int64_t random_instant(struct viewer *viewer, const struct watch *watch)
{
    if (dice_once_in(viewer->dice, 6))
        return dice_once_in(viewer->dice, 2) ? watch->from : watch->to;
    return dice_between(viewer->dice, watch->from, watch->to);
}

static json_t *symbol_names(struct viewer *viewer, struct watch *watch)
{
    json_t *names = json_array();
    watch->symbol_count = (size_t)dice_between(viewer->dice, 1, (int64_t)viewer->world->tape_count);
    for (size_t i = 0; i < watch->symbol_count; i++) {
        watch->symbols[i] = viewer->world->tape_count - 1 - i;
        json_array_append_new(names,
                              json_string(viewer->world->tapes[watch->symbols[i]].symbol.name));
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

static int64_t clip(int64_t time)
{
    return time < TIME_MIN ? TIME_MIN : time > TIME_MAX ? TIME_MAX : time;
}

static void choose_range(struct viewer *viewer, struct watch *watch)
{
    struct dice *dice = viewer->dice;
    const struct world *world = viewer->world;
    watch->from = clip(dice_between(dice, world->from - 1000000, world->to));
    watch->to = clip(dice_between(dice, watch->from, world->to + 1000000));
    if (world->wide && dice_once_in(dice, 6)) { /* far beyond what there is */
        watch->from = dice_once_in(dice, 2) || world->from < 0 ? TIME_MIN : 0;
        watch->to = dice_once_in(dice, 2) ? TIME_MAX : world->to;
    }
    if (watch->to == watch->from)
        *(watch->to < TIME_MAX ? &watch->to : &watch->from) += watch->to < TIME_MAX ? 1 : -1;
}

static void open_replay(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct dice *dice = viewer->dice;
    struct watch *watch = &viewer->watches[index];
    watch->id = ++viewer->ids;
    choose_range(viewer, watch);
    watch->rate = random_rate(viewer);
    watch->fps = dice_between(dice, 1, 240);
    watch->lead_us = dice_once_in(dice, 3) ? 0 : dice_between(dice, 0, 5000) * 1000;
    watch->flow_ack = dice_once_in(dice, 3);
    watch->window_us = dice_between(dice, 100, 3000) * 1000;
    watch->ticks = !dice_once_in(dice, 8);
    watch->finishing = viewer->world->calm;
    struct asked asked = {.act = ACT_OPEN, .watch = index, .at = watch->from};
    json_t *open = control("replay.open");
    json_object_set_new(open, "symbols", symbol_names(viewer, watch));
    json_object_set_new(open, "from", json_integer(watch->from));
    json_object_set_new(open, "to", json_integer(watch->to));
    if (dice_once_in(dice, 2)) {
        asked.at = random_instant(viewer, watch);
        json_object_set_new(open, "at", json_integer(asked.at));
    }
    add_speed(open, watch->rate);
    json_object_set_new(open, "fps", json_integer(watch->fps));
    json_object_set_new(open, "lead_ms", json_integer(watch->lead_us / 1000));
    json_object_set_new(open, "flow", json_string(watch->flow_ack ? "ack" : "tcp"));
    json_object_set_new(open, "window_ms", json_integer(watch->window_us / 1000));
    json_object_set_new(open, "ticks", json_boolean(watch->ticks));
    if (dice_once_in(dice, 2))
        json_object_set_new(open, "state", json_string("playing"));
    if (dice_once_in(dice, 3))
        json_object_set_new(open, "encodings", random_encodings(viewer));
    send_request(viewer, &asked, open, now_us);
}

static void simple(struct viewer *viewer, size_t index, enum act act, const char *op,
                   int64_t now_us)
{
    send_request(viewer, &(struct asked){.act = act, .watch = index}, control(op), now_us);
}

static void seek(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct asked asked = {.act = ACT_SEEK, .watch = index};
    asked.at = random_instant(viewer, &viewer->watches[index]);
    json_t *tree = control("replay.seek");
    json_object_set_new(tree, "to", json_integer(asked.at));
    send_request(viewer, &asked, tree, now_us);
}

static void change_speed(struct viewer *viewer, size_t index, double rate, int64_t now_us)
{
    const struct watch *watch = &viewer->watches[index];
    struct asked asked = {.act = ACT_SPEED, .watch = index, .rate = rate};
    json_t *tree = control("replay.speed");
    add_speed(tree, rate);
    asked.has_at = !viewer->world->calm && dice_once_in(viewer->dice, 2);
    if (asked.has_at) { /* of a frame the client has used: not the newest, maybe of an old epoch */
        asked.at = dice_between(viewer->dice, watch->epoch_at, watch->edge);
        json_object_set_new(tree, "at", json_integer(asked.at));
    }
    send_request(viewer, &asked, tree, now_us);
}

static void set(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct asked asked = {.act = ACT_SET, .watch = index, .ticks = -1};
    json_t *tree = control("replay.set");
    if (dice_once_in(viewer->dice, 2)) {
        asked.fps = dice_between(viewer->dice, 1, 240);
        json_object_set_new(tree, "fps", json_integer(asked.fps));
    }
    if (dice_once_in(viewer->dice, 3)) {
        asked.ticks = dice_once_in(viewer->dice, 3) ? 0 : 1;
        json_object_set_new(tree, "ticks", json_boolean(asked.ticks));
    }
    send_request(viewer, &asked, tree, now_us);
}

static json_t *ack(const struct watch *watch, int64_t seq)
{
    json_t *tree = control("replay.ack");
    json_object_set_new(tree, "epoch", json_integer(watch->epoch));
    json_object_set_new(tree, "seq", json_integer(seq));
    return tree;
}

/* Of the newest frame, or of an older one; alone on its way, for it has no answer to wait for. */
static void acknowledge(struct viewer *viewer, size_t index, int64_t now_us)
{
    const struct watch *watch = &viewer->watches[index];
    if (watch->seq == 0 || viewer->asked_count > 0)
        return;
    struct asked asked = {.act = ACT_ACK, .watch = index, .epoch = watch->epoch};
    asked.seq = watch->seq - 1;
    if (!viewer->world->calm && dice_once_in(viewer->dice, 4))
        asked.seq = dice_between(viewer->dice, 0, asked.seq);
    send_request(viewer, &asked, ack(watch, asked.seq), now_us);
}

static void ask_wrongly(struct viewer *viewer, size_t index, int64_t now_us)
{
    const struct watch *watch = &viewer->watches[index];
    struct asked asked = {.act = ACT_WRONG, .watch = index, .refusal = "bad_argument"};
    json_t *tree = NULL;
    switch (dice_between(viewer->dice, 0, 4)) {
    case 0:
        tree = control("replay.seek");
        json_object_set_new(tree, "to", json_integer(watch->to + 1));
        break;
    case 1:
        tree = control("replay.speed");
        json_object_set_new(tree, "speed", json_integer(0));
        break;
    case 2:
        tree = control("replay.pause");
        json_object_set_new(tree, "id", json_integer(1000000));
        asked.refusal = "not_found";
        break;
    case 3:
        tree = control("replay.set");
        json_object_set_new(tree, "fps", json_integer(241));
        break;
    default:
        if (viewer->asked_count > 0 || !watch->flow_ack || viewer->network_us > 0)
            return;
        tree = ack(watch, watch->seq);
        break;
    }
    send_request(viewer, &asked, tree, now_us);
}

static void control_replay(struct viewer *viewer, size_t index, int64_t now_us)
{
    int64_t roll = dice_between(viewer->dice, 0, 20);
    if (roll <= 5)
        simple(viewer, index, ACT_PLAY, "replay.play", now_us);
    else if (roll <= 7)
        simple(viewer, index, ACT_PAUSE, "replay.pause", now_us);
    else if (roll <= 9)
        seek(viewer, index, now_us);
    else if (roll <= 11)
        change_speed(viewer, index, random_rate(viewer), now_us);
    else if (roll == 12)
        set(viewer, index, now_us);
    else if (roll == 13)
        ask_wrongly(viewer, index, now_us);
    else
        acknowledge(viewer, index, now_us);
}

/* Nothing may follow a close, and an open comes first. */
static bool may_ask(const struct viewer *viewer, size_t index)
{
    if (viewer->feed == NULL || viewer->asked_count == VIEWER_ASKED_MAX)
        return false;
    for (size_t i = 0; i < viewer->asked_count; i++) {
        enum act act = viewer->asked[i].act;
        if (viewer->asked[i].watch == index && (act == ACT_OPEN || act == ACT_CLOSE))
            return false;
        if (act == ACT_ACK)
            return false;
    }
    return true;
}

void viewer_act(struct viewer *viewer, int64_t now_us)
{
    size_t index = (size_t)dice_between(viewer->dice, 0, VIEWER_WATCHES - 1);
    const struct watch *watch = &viewer->watches[index];
    if (!may_ask(viewer, index))
        return;
    if (!watch->open) {
        if (!watch->closed_due && (index == 0 || dice_once_in(viewer->dice, 6)))
            open_replay(viewer, index, now_us);
    } else if (dice_once_in(viewer->dice, 25)) {
        simple(viewer, index, ACT_CLOSE, "replay.close", now_us);
    } else {
        control_replay(viewer, index, now_us);
    }
}

/* "max", or a pace that comes to the end in seconds. */
static double finishing_rate(struct viewer *viewer, const struct watch *watch)
{
    double left_us = (double)(watch->to - watch->edge);
    double rate = left_us / (double)dice_between(viewer->dice, 500000, FINISH_US_MOST);
    if (dice_once_in(viewer->dice, 2) || rate > 100000 || rate < 0.01)
        return 0;
    return rate;
}

static bool finish(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct watch *watch = &viewer->watches[index];
    if (!may_ask(viewer, index) || watch->closed_due || watch->asked > 0)
        return false;
    if (!watch->open && index > 0)
        return true;
    if (!watch->open) {
        open_replay(viewer, index, now_us);
    } else if (watch->state == REPLAY_ENDED) {
        return true;
    } else if (!watch->finishing) {
        watch->finishing = true;
        change_speed(viewer, index, finishing_rate(viewer, watch), now_us);
    } else if (watch->state == REPLAY_PAUSED) {
        simple(viewer, index, ACT_PLAY, "replay.play", now_us);
    } else if (watch->flow_ack && watch->acked_seq < watch->seq) {
        acknowledge(viewer, index, now_us);
    }
    return false;
}

bool viewer_finish(struct viewer *viewer, int64_t now_us)
{
    bool ended = true;
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        ended = finish(viewer, i, now_us) && ended;
    return ended;
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
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        viewer->watches[i].world = world;
}

void viewer_connect(struct viewer *viewer, struct feed_lane *lane, int64_t now_us)
{
    viewer->is_msgpack = dice_once_in(viewer->dice, 2);
    viewer->network_us =
        dice_once_in(viewer->dice, 2) ? 0 : dice_between(viewer->dice, 1000, 200000);
    viewer->feed = feed_create(lane, viewer->is_msgpack ? WIRE_MSGPACK : WIRE_JSON, wake, viewer,
                               now_of(now_us));
}

void viewer_disconnect(struct viewer *viewer)
{
    if (viewer->feed != NULL)
        feed_destroy(&viewer->feed);
    while (viewer->asked_count > 0) {
        viewer->arrived = viewer->asked_count;
        forget_first(viewer);
    }
    for (size_t i = 0; i < VIEWER_WATCHES; i++) {
        viewer->watches[i].open = false;
        viewer->watches[i].closed_due = false;
    }
}

void viewer_deinit(struct viewer *viewer)
{
    viewer_disconnect(viewer);
    buffer_deinit(&viewer->out);
}
