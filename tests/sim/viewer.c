#include "viewer.h"

#include "base/mem.h"
#include "support/wire_message.h"

#include <stdlib.h>
#include <string.h>

#define OUT_BYTES_MAX (1 << 24)

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

/* One that is at the server. */
static void forget(struct viewer *viewer, size_t index)
{
    CHECK(viewer->arrived > index, "an answer to nothing");
    struct asked *gone = &viewer->asked[index];
    viewer->watches[gone->watch].asked--;
    free(gone->bytes);
    viewer->asked_count--;
    viewer->arrived--;
    memmove(gone, gone + 1, (viewer->asked_count - index) * sizeof *gone);
}

static void take_answer(struct viewer *viewer, const json_t *message)
{
    const struct asked *asked = &viewer->asked[0];
    CHECK(viewer->arrived > 0 && integer_of(message, "re") == asked->re, "answers out of order");
    watch_take_answer(&viewer->watches[asked->watch], asked, message);
    forget(viewer, 0);
}

/* What the simulation does must be on offer. */
static void take_welcome(const json_t *message)
{
    static const char *const needed[] = {
        "replay.open",  "replay.play", "replay.pause", "replay.seek",    "replay.step",
        "replay.speed", "replay.set",  "replay.ack",   "replay.history", "replay.close"};
    const json_t *ops = json_object_get(message, "ops");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        bool found = false;
        for (size_t k = 0; k < json_array_size(ops) && !found; k++)
            found = strcmp(json_string_value(json_array_get(ops, k)), needed[i]) == 0;
        CHECK(found, "the server does not offer %s", needed[i]);
    }
}

static void take_push(struct viewer *viewer, const json_t *message, int64_t now_us)
{
    const char *ev = text_of(message, "ev");
    if (strcmp(ev, "welcome") == 0) {
        take_welcome(message);
        return;
    }
    struct watch *watch = watch_of(viewer, message);
    /* `closed` is the only push that does not wait until all answers have been read. */
    CHECK(viewer->arrived == 0 || watch->closed_due, "a %s before an answer", ev);
    if (strcmp(ev, "replay.frame") == 0)
        watch_take_frame(watch, message, viewer->out.count, now_us);
    else if (strcmp(ev, "replay.snapshot") == 0)
        watch_take_snapshot(watch, message);
    else if (strcmp(ev, "replay.state") == 0)
        watch_take_state(watch, message, now_us);
    else if (strcmp(ev, "error") == 0)
        watch_take_failure(watch, message);
    else
        sim_fail("an unexpected %s", ev);
}

static void trace_message(const struct viewer *viewer, const json_t *message, int64_t now_us)
{
    if (!sim_is_traced())
        return;
    json_t *spelled = wire_columns_spelled(message);
    char *text = json_dumps(spelled, JSON_COMPACT);
    sim_trace("%lld %zu < %.400s", (long long)now_us, viewer->number, text != NULL ? text : "?");
    free(text);
    json_decref(spelled);
}

/* Reading takes time: mostly little, now and then longer than a replay may lag. */
static int64_t reading_us(struct viewer *viewer)
{
    if (!viewer->world->calm && dice_once_in(viewer->dice, 300))
        return dice_between(viewer->dice, 1000, 600000);
    return dice_between(viewer->dice, 0, 200);
}

static void read_message(struct viewer *viewer, int64_t now_us)
{
    CHECK(!viewer->out.failed, "a message beyond the buffer");
    json_t *message = wire_message_read(viewer->out.bytes, viewer->out.count, viewer->is_msgpack);
    CHECK(message != NULL, "a message that cannot be read");
    trace_message(viewer, message, now_us);
    bool is_answer = json_object_get(message, "re") != NULL;
    bool is_history =
        is_answer && histories_take(&viewer->histories, message, viewer->watches, VIEWER_WATCHES);
    if (is_answer && !is_history)
        take_answer(viewer, message);
    else if (!is_answer)
        take_push(viewer, message, now_us);
    json_decref(message);
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
            for (size_t i = 0; i < VIEWER_WATCHES; i++)
                watch_drain(&viewer->watches[i], *now_us);
            return;
        }
        read_message(viewer, *now_us);
        *now_us += reading_us(viewer);
    }
}

void viewer_check(struct viewer *viewer, int64_t turn_us)
{
    if (viewer->feed == NULL || viewer->woken)
        return;
    CHECK(viewer->arrived == 0, "a request was never answered");
    CHECK(viewer->histories.count == 0 || !server_is_idle(viewer->server),
          "a history was never answered");
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        watch_take_silence(&viewer->watches[i], server_is_idle(viewer->server), turn_us);
}

/* ---- requests ---------------------------------------------------------------------------- */

/* Some are not answered in their turn, or not at all. */
static void take_arrived(struct viewer *viewer, const struct asked *asked)
{
    struct watch *watch = &viewer->watches[asked->watch];
    if (asked->act == ACT_ACK) {
        CHECK(viewer->arrived == 1, "acks are sent alone");
        watch_acknowledge(watch, asked->epoch, asked->seq);
    } else if (asked->act == ACT_HISTORY) {
        histories_add(&viewer->histories, watch, asked, viewer->arrived == 1);
    } else {
        return;
    }
    forget(viewer, viewer->arrived - 1);
}

void viewer_arrive(struct viewer *viewer, int64_t now_us)
{
    while (viewer->feed != NULL && viewer->arrived < viewer->asked_count &&
           viewer->asked[viewer->arrived].arrives_us <= now_us && feed_wants_input(viewer->feed)) {
        struct asked *asked = &viewer->asked[viewer->arrived++];
        asked->arrives_us = now_us;
        asked->failures = viewer->server->depot.failures;
        asked->changes = viewer->world->changes;
        sim_trace("%lld %zu > arrives: %lld", (long long)now_us, viewer->number,
                  (long long)asked->re);
        feed_receive(viewer->feed, (const uint8_t *)asked->bytes, asked->byte_count,
                     now_of(now_us));
        take_arrived(viewer, asked);
    }
}

static void trace_request(const struct viewer *viewer, const json_t *tree, int64_t now_us)
{
    if (!sim_is_traced())
        return;
    char *text = json_dumps(tree, JSON_COMPACT);
    sim_trace("%lld %zu > %.400s", (long long)now_us, viewer->number, text);
    free(text);
}

void viewer_send(struct viewer *viewer, const struct asked *asked, json_t *tree, int64_t now_us)
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
    trace_request(viewer, tree, now_us);
    last->bytes = wire_message_write(tree, viewer->is_msgpack, &last->byte_count);
    CHECK(last->bytes != NULL, "a request that cannot be written");
    json_decref(tree);
    watch->asked++;
    viewer_arrive(viewer, now_us);
}

/* ---- life -------------------------------------------------------------------------------- */

static void wake(void *owner)
{
    struct viewer *viewer = owner;
    viewer->woken = true;
}

void viewer_init(struct viewer *viewer, size_t number, struct world *world, struct dice *dice)
{
    *viewer = (struct viewer){.number = number, .world = world, .dice = dice, .writable = true};
    viewer->habit = (enum habit)dice_between(dice, 0, HABITS - 1);
    viewer->acks_in = world->is_bulky || dice_once_in(dice, 3) ? 50 : 1;
    viewer->changes_mind = dice_once_in(dice, 3) ? 250 : 50;
    buffer_init(&viewer->out, OUT_BYTES_MAX);
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        viewer->watches[i].world = world;
}

void viewer_connect(struct viewer *viewer, struct server *server, int64_t now_us)
{
    sim_trace("%lld %zu connected", (long long)now_us, viewer->number);
    viewer->server = server;
    viewer->is_msgpack = dice_once_in(viewer->dice, 2);
    viewer->network_us =
        dice_once_in(viewer->dice, 2) ? 0 : dice_between(viewer->dice, 1000, 200000);
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        viewer->watches[i].depot = &server->depot;
    struct feed_peer peer = {
        .encoding = viewer->is_msgpack ? WIRE_MSGPACK : WIRE_JSON, .wake = wake, .owner = viewer};
    viewer->feed = feed_create(&server->lane, &peer, now_of(now_us));
}

void viewer_disconnect(struct viewer *viewer)
{
    if (viewer->feed != NULL)
        feed_destroy(&viewer->feed);
    while (viewer->asked_count > 0) {
        viewer->arrived = viewer->asked_count;
        forget(viewer, 0);
    }
    viewer->histories.count = 0;
    for (size_t i = 0; i < VIEWER_WATCHES; i++) {
        struct watch *watch = &viewer->watches[i];
        watch->was_cut_off = watch->open;
        watch->open = false;
        watch->closed_due = false;
    }
}

void viewer_deinit(struct viewer *viewer)
{
    viewer_disconnect(viewer);
    buffer_deinit(&viewer->out);
}
