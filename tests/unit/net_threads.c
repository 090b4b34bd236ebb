/*
 * Several lanes, clients that come and go, and somebody who reads the figures all the while: for
 * the thread sanitizer.
 */
#include "base/assert.h"
#include "net_lab.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define LANES 3
#define CLIENTS 4
#define ROUNDS 3
#define LOOK_MS 200

static struct lab lab;
static atomic_int at_work = CLIENTS;

static void play(struct wire_client *client)
{
    ASSERT(wire_client_request(client, "{'op':'replay.open','id':1,'symbols':['" LAB_SYMBOL
                                       "'],'from':0,'speed':'max','state':'playing'}"));
    bool has_ended = false;
    while (!has_ended) {
        json_t *push = lab_await(client, "replay.state");
        has_ended = strcmp(json_string_value(json_object_get(push, "state")), "ended") == 0;
        json_decref(push);
    }
}

/* Where threads wait for each other, all this may take so long that the rate allows it. */
static void hurry_until_refused(struct wire_client *client)
{
    json_t *refusal = NULL;
    while (refusal == NULL) {
        for (int i = 0; i < FEED_REQUESTS_BURST + THROTTLE_REFUSALS; i++)
            ASSERT(wire_client_request(client, "{'op':'ping'}"));
        refusal = wire_client_await(client, "error", LOOK_MS);
    }
    json_decref(refusal);
}

static void *come_and_go(void *argument)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct wire_client *client = lab_connect(&lab, WIRE_SUBPROTOCOL_MSGPACK);
        play(client);
        hurry_until_refused(client);
        wire_client_close(&client);
    }
    atomic_fetch_sub(&at_work, 1);
    return argument;
}

int main(void)
{
    pthread_t threads[CLIENTS];
    lab_init(&lab);
    lab.options.lane_count = LANES;
    lab_start(&lab);
    for (size_t i = 0; i < CLIENTS; i++) {
        int result = pthread_create(&threads[i], NULL, come_and_go, NULL);
        ASSERT(result == 0);
    }
    struct server_figures last = {.frames = 0};
    while (atomic_load(&at_work) > 0) {
        struct server_figures figures = server_figures(lab.server);
        ASSERT(figures.frames >= last.frames);
        ASSERT(figures.ticks >= last.ticks);
        last = figures;
        usleep(1000);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    ASSERT(server_figures(lab.server).ticks == (uint64_t)LAB_TICKS * CLIENTS * ROUNDS);
    struct wire_client *last_one = lab_connect(&lab, WIRE_SUBPROTOCOL_JSON);
    server_stop(lab.server, 500000);
    ASSERT(wire_client_await_close(last_one, LAB_DEADLINE_MS) == 1001);
    wire_client_close(&last_one);
    lab_deinit(&lab);
    return 0;
}
