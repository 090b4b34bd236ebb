#include "server.h"

#include "tape/tape.h"

#include <string.h>

static void nobody_sleeps(void *owner)
{
    (void)owner; /* the loop drains the inbox every turn */
}

static void start_lane(struct server *server)
{
    server->lane.tape = server->tape;
    server->lane.symbols = server->symbols;
    server->lane.source = &server->depot.source;
    server->lane.inbox = &server->inbox;
    server->lane.wheel = &server->wheel;
    server->lane.server = "tapedeck/sim";
    server->lane.engine = "postgresql";
    server->lane.engine_version = "0";
    server->lane.replays_max = FEED_REPLAYS_MAX;
    feed_lane_init(&server->lane);
}

void server_start(struct server *server, struct world *world, size_t budget_bytes, int64_t now_us)
{
    memset(server, 0, sizeof *server);
    depot_init(&server->depot, world, world->dice);
    server->tape = tape_create(&server->depot.source, budget_bytes);
    server->symbols = live_symbols_create(&server->depot.source);
    depot_answer_list(&server->depot);
    struct symbol_list *list;
    while ((list = live_symbols_pin(server->symbols)) == NULL)
        continue;
    symbol_list_unpin(&list);
    inbox_init(&server->inbox, nobody_sleeps, NULL);
    wheel_init(&server->wheel, now_us);
    start_lane(server);
}

void server_stop(struct server *server)
{
    live_symbols_stop(server->symbols);
    depot_end(&server->depot);
    inbox_drain(&server->inbox);
    live_symbols_destroy(&server->symbols);
    tape_destroy(&server->tape);
    feed_lane_deinit(&server->lane);
    inbox_deinit(&server->inbox);
}

void server_turn(struct server *server, int64_t now_us)
{
    wheel_run(&server->wheel, now_us);
    depot_step(&server->depot);
    inbox_drain(&server->inbox);
}

bool server_is_idle(const struct server *server)
{
    return !depot_is_busy(&server->depot) && list_is_empty(&server->inbox.letters);
}
