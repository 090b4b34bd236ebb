/*
 * Many on one lane: nobody takes more than a share, and who asks too fast is told and slowed down.
 */
#include "net_lab.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#define FLOOD 600
#define FLOODERS 3
#define WATCHED_FRAMES 180 /* three seconds */

static struct lab lab;

static void start(void)
{
    lab_init(&lab);
}

static void stop(void)
{
    lab_deinit(&lab);
}

TestSuite(fair, .init = start, .fini = stop, .timeout = 120);

/* ---- rates ---- */

Test(fair, more_requests_than_the_rate_are_refused_one_by_one_and_then_slowed_down)
{
    lab.shared.rates.requests_per_second = 50; /* little comes back while the flood is sent */
    lab_start(&lab);
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    for (int i = 0; i < FLOOD; i++)
        cr_assert(wire_client_request(client, "{'op':'%s','req':%d}", i % 2 ? "ping" : "fly", i));
    int refused = 0;
    for (int i = 0; i < FLOOD; i++) {
        json_t *tree = wire_client_receive_tree(client, LAB_DEADLINE_MS);
        cr_assert_not_null(tree);
        cr_assert_eq(json_integer_value(json_object_get(tree, "re")), i, "each has its answer");
        const char *code = json_string_value(json_object_get(tree, "code"));
        const char *message = json_string_value(json_object_get(tree, "message"));
        if (code != NULL && strcmp(code, "limit") == 0) {
            cr_assert(strstr(message, "requests_per_second") != NULL, "%s", message);
            refused++;
        }
        if (i < FEED_REQUESTS_BURST)
            cr_assert_eq(refused, 0, "the burst is free, wrong requests included");
        json_decref(tree);
    }
    /* So many are refused; then reading stops until half of the burst is there again. */
    cr_assert_geq(refused, THROTTLE_REFUSALS);
    cr_assert_lt(refused, FLOOD - FEED_REQUESTS_BURST);
    struct server_figures figures = server_figures(lab.server);
    cr_assert_eq(figures.requests, FLOOD);
    cr_assert_eq(figures.requests_refused, (uint64_t)refused);
    wire_client_close(&client);
}

Test(fair, acknowledgements_have_a_rate_of_their_own)
{
    lab.shared.rates.requests_per_second = 1;
    lab.shared.rates.requests_burst = 3;
    lab_start(&lab);
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    cr_assert(wire_client_request(client, "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                          "'],'from':0}"));
    json_decref(lab_await(client, "replay.opened"));
    for (int i = 0; i < FLOOD; i++)
        cr_assert(wire_client_request(client, "{'op':'replay.ack','id':1,'epoch':0,'seq':0}"));
    cr_assert(wire_client_request(client, "{'op':'ping'}"));
    json_decref(lab_await(client, "pong")); /* nothing was refused before it */
    cr_assert_eq(server_figures(lab.server).acks, FLOOD);
    cr_assert_eq(server_figures(lab.server).requests_refused, 0);
    wire_client_close(&client);
}

Test(fair, too_many_acknowledgements_are_only_slowed_down)
{
    lab.shared.rates.acks_per_second = 100;
    lab_start(&lab);
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    cr_assert(wire_client_request(client, "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                          "'],'from':0}"));
    json_decref(lab_await(client, "replay.opened"));
    for (int i = 0; i < 150; i++)
        cr_assert(wire_client_request(client, "{'op':'replay.ack','id':1,'epoch':0,'seq':0}"));
    cr_assert(wire_client_request(client, "{'op':'ping'}"));
    json_decref(lab_await(client, "pong"));
    cr_assert_eq(server_figures(lab.server).acks, 150);
    wire_client_close(&client);
}

/* ---- turns ---- */

static atomic_bool is_over;

/* Plays at "max" again and again, as fast as it can read. */
static void *flood(void *argument)
{
    struct wire_client *client = argument;
    while (!atomic_load(&is_over)) {
        (void)wire_client_request(client, "{'op':'replay.seek','id':1,'to':0}");
        (void)wire_client_request(client, "{'op':'replay.play','id':1}");
        bool has_ended = false;
        while (!has_ended && !atomic_load(&is_over)) {
            const uint8_t *bytes;
            size_t count;
            if (wire_client_receive(client, LAB_DEADLINE_MS, &bytes, &count) != WIRE_MESSAGE)
                return argument;
            has_ended = count < 1000 && memmem(bytes, count, "ended", 5) != NULL;
        }
    }
    return NULL;
}

static void open_at(struct wire_client *client, const char *speed)
{
    cr_assert(wire_client_request(client,
                                  "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                  "'],'from':0,'speed':%s,'state':'paused'}",
                                  speed));
    json_decref(lab_await(client, "replay.opened"));
}

/* So that nobody waits for blocks to be loaded, which is another matter. */
static void fill_the_cache(void)
{
    struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    open_at(client, "'max'");
    cr_assert(wire_client_request(client, "{'op':'replay.play','id':1}"));
    bool has_ended = false;
    while (!has_ended) {
        json_t *push = lab_await(client, "replay.state");
        has_ended = strcmp(json_string_value(json_object_get(push, "state")), "ended") == 0;
        json_decref(push);
    }
    wire_client_close(&client);
}

Test(fair, viewers_at_max_do_not_disturb_one_at_60_frames_a_second)
{
    lab_start(&lab);
    fill_the_cache();
    pthread_t threads[FLOODERS];
    struct wire_client *flooders[FLOODERS];
    for (size_t i = 0; i < FLOODERS; i++) {
        flooders[i] = lab_connect(&lab, WIRE_SUBPROTOCOL_MSGPACK);
        open_at(flooders[i], "'max'");
        cr_assert_eq(pthread_create(&threads[i], NULL, flood, flooders[i]), 0);
    }
    struct wire_client *watcher = lab_connect(&lab, WIRE_SUBPROTOCOL_MSGPACK);
    open_at(watcher, "10");
    cr_assert(wire_client_request(watcher, "{'op':'replay.play','id':1}"));
    for (int frames = 0; frames < WATCHED_FRAMES;) {
        json_t *tree = wire_client_receive_tree(watcher, LAB_DEADLINE_MS);
        cr_assert_not_null(tree);
        const char *ev = json_string_value(json_object_get(tree, "ev"));
        const char *state = json_string_value(json_object_get(tree, "state"));
        cr_assert(state == NULL || strcmp(state, "buffering") != 0, "it had to wait");
        frames += strcmp(ev, "replay.frame") == 0 ? 1 : 0;
        json_decref(tree);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < FLOODERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        wire_client_close(&flooders[i]);
    }
    wire_client_close(&watcher);
    struct server_figures figures = server_figures(lab.server);
    uint64_t timed = 0;
    uint64_t late = 0;
    for (size_t i = 0; i < FEED_LATE_BUCKETS; i++) {
        timed += figures.late[i];
        /* 100 ms: a machine that is busy with something else is not our matter. */
        late += i > 0 && feed_late_bounds_us[i - 1] >= 100000 ? figures.late[i] : 0;
    }
    cr_assert_geq(timed, WATCHED_FRAMES);
    cr_assert_eq(late, 0, "%zu frames were late", (size_t)late);
    cr_assert_gt(figures.frames, 2 * timed, "nobody played at max: this test tests nothing");
}
