/*
 * Replays over a real WebSocket, out of a real database, on real ticks: exactly the rows of SQL.
 */
#include "player.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BTC "binance-usdm-btcusdt-20240808.csv.gz"
#define ETH "binance-usdm-ethusdt-20240808.csv.gz"
/* 2024-08-08T23:54:00Z … 2024-08-09T00:00:00Z holds both files whole. */
#define FILES_FROM INT64_C(1723161240000000)
#define FILES_TO INT64_C(1723161600000000)
#define BOTH "'symbols':['BTCUSDT','ETHUSDT'],'from':1723161240000000,'to':1723161600000000"
#define BTC_ROWS 87402
#define ETH_ROWS 68068
/* BTCUSDT instants that several ticks share: where an order by time alone would be arbitrary. */
#define BTC_SHARED_INSTANTS 8120

static struct deck deck;

static void import(const char *name)
{
    char output[16384];
    const char *path = deck_shared_file(name);
    int status = DECK_RUN(&deck, output, "import", path, "--keep");
    cr_assert_eq(status, 0, "%s", output);
}

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    (void)deck_shared_file(BTC);
    deck_init(&deck, deck_engine());
    import(BTC);
    import(ETH);
    deck_serve(&deck, NULL);
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(replay, .init = start, .fini = stop, .timeout = 400);

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void play_whole_files(const char *subprotocol)
{
    struct player player;
    player_connect(&player, &deck, subprotocol);
    player_open(&player, 2, BOTH ",'speed':'max','state':'playing'");
    player_until(&player, "ended");
    cr_assert_eq(player.symbols[0].count, BTC_ROWS);
    cr_assert_eq(player.symbols[1].count, ETH_ROWS);
    player_compare(&player, 0, &deck, "BTCUSDT", FILES_FROM, FILES_TO);
    player_compare(&player, 1, &deck, "ETHUSDT", FILES_FROM, FILES_TO);
    player_close(&player);
}

Test(replay, whole_files_are_played_exactly_as_sql_has_them)
{
    int64_t shared =
        deck_number(&deck, "select count(*) from (select from tick_data where symbol = "
                           "'BTCUSDT' group by time having count(*) > 1) instants");
    cr_assert_eq(shared, BTC_SHARED_INSTANTS);
    play_whole_files(WIRE_SUBPROTOCOL_MSGPACK);
    play_whole_files(WIRE_SUBPROTOCOL_JSON);
    play_whole_files(NULL); /* what websocat gets: JSON */
}

Test(replay, at_speed_one_frames_come_in_time_and_a_change_of_speed_loses_nothing)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    int64_t began_ms = now_ms(); /* it plays before its answer is read */
    player_open(&player, 2, BOTH ",'at':'2024-08-08T23:55:00Z','state':'playing','lead_ms':100");
    int64_t at = player.edge;
    while (player.edge < at + 3000000)
        cr_assert(player_take(&player, PLAYER_DEADLINE_MS));
    int64_t took_ms = now_ms() - began_ms;
    /* Never earlier than the lead allows; how much later is the machine's affair. */
    cr_assert_geq(took_ms, 2850, "3 s of ticks came in %" PRId64 " ms", took_ms);
    cr_assert_leq(player.frames, 3 * 60 + 60, "%zu frames in 3 s at 60 fps", player.frames);
    cr_assert_geq(player.frames, 30, "only %zu frames in 3 s", player.frames);
    player_control(&player, "replay.speed", "'speed':'max'");
    player_until(&player, "ended");
    player_compare(&player, 0, &deck, "BTCUSDT", at, FILES_TO);
    player_compare(&player, 1, &deck, "ETHUSDT", at, FILES_TO);
    player_close(&player);
}

Test(replay, seek_pause_and_play_go_on_exactly_where_they_say)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 1,
                "'symbols':['BTCUSDT'],'from':1723161240000000,'speed':20,"
                "'state':'playing'");
    for (int i = 0; i < 20; i++)
        cr_assert(player_take(&player, PLAYER_DEADLINE_MS));
    player_control(&player, "replay.pause", "");
    cr_assert_str_eq(player.state, "paused");
    size_t frames = player.frames;
    while (player_take(&player, 600))
        continue;
    cr_assert_eq(player.frames, frames, "frames came while paused");
    int64_t paused_at = player.edge;
    player_control(&player, "replay.play", "");
    cr_assert_eq(player.edge, paused_at);
    player_compare(&player, 0, &deck, "BTCUSDT", FILES_FROM, paused_at);
    /* A seek begins anew: what was played before it is another epoch's. */
    player_control(&player, "replay.close", "");
    player_open(&player, 1, "'symbols':['BTCUSDT'],'from':1723161240000000,'speed':'max'");
    player_control(&player, "replay.seek", "'to':'2024-08-08T23:57:30.5Z'");
    int64_t sought = player.edge;
    player_control(&player, "replay.play", "");
    player_until(&player, "ended");
    player_compare(&player, 0, &deck, "BTCUSDT", sought, FILES_TO);
    player_close(&player);
}

Test(replay, an_edge_is_all_that_another_server_needs_to_go_on)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 1,
                "'symbols':['ETHUSDT'],'from':1723161240000000,'speed':'max',"
                "'state':'playing'");
    while (player.frames < 5)
        cr_assert(player_take(&player, PLAYER_DEADLINE_MS));
    int64_t edge = player.edge;
    player_close(&player);
    deck_kill(&deck); /* the server dies as by accident … */
    deck_serve(&deck, NULL);
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_JSON);
    char fields[256];
    (void)snprintf(fields, sizeof fields,
                   "'symbols':['ETHUSDT'],'from':1723161240000000,'to':1723161600000000,"
                   "'at':%" PRId64 ",'speed':'max','state':'playing'",
                   edge);
    player_open(&player, 1, fields);
    player_until(&player, "ended");
    player_compare(&player, 0, &deck, "ETHUSDT", edge, FILES_TO);
    player_close(&player);
}

Test(replay, a_database_that_goes_away_is_waited_for_and_nothing_is_lost)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 2, BOTH ",'speed':30,'state':'paused'");
    /* The database is killed and its keeper held, so that it stays away for a while. */
    pid_t postmaster = deck_postmaster(&deck);
    pid_t keeper = deck_keeper(&deck);
    cr_assert(postmaster > 0 && keeper > 0);
    kill(keeper, SIGSTOP);
    kill(postmaster, SIGKILL);
    player_control(&player, "replay.play", "");
    player_until(&player, "buffering");
    kill(keeper, SIGCONT);
    player_until(&player, "playing");
    player_control(&player, "replay.speed", "'speed':'max'");
    player_until(&player, "ended");
    player_compare(&player, 0, &deck, "BTCUSDT", FILES_FROM, FILES_TO);
    player_compare(&player, 1, &deck, "ETHUSDT", FILES_FROM, FILES_TO);
    player_close(&player);
}

Test(replay, ticks_imported_meanwhile_are_seen_by_the_next_replay)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_JSON);
    cr_assert_str_eq(player_refused(&player,
                                    "{'op':'replay.open','req':7,'id':1,'symbols':['EURUSD'],"
                                    "'from':0}"),
                     "not_found");
    char output[16384];
    cr_assert_eq(DECK_RUN(&deck, output, "import", deck_shared_file("histdata-eurusd-20200101.csv"),
                          "--symbol", "EURUSD", "--keep"),
                 0, "%s", output);
    /* The list of symbols follows the commit; until then the answer is not_found. */
    bool known = false;
    for (int i = 0; i < 100 && !known; i++) {
        cr_assert(wire_client_request(player.client, "{'op':'symbols','prefix':'EURUSD'}"));
        json_t *symbols = wire_client_await(player.client, "symbols", PLAYER_DEADLINE_MS);
        known = json_array_size(json_object_get(symbols, "symbols")) == 1;
        json_decref(symbols);
        if (!known)
            usleep(50000);
    }
    cr_assert(known, "the import was not noticed");
    player_open(&player, 1,
                "'symbols':['EURUSD'],'from':1577836800000000,'speed':'max',"
                "'state':'playing'");
    player_until(&player, "ended");
    player_compare(&player, 0, &deck, "EURUSD", 1577836800000000, FILES_TO);
    cr_assert_eq(player.symbols[0].count, 9500);
    player_close(&player);
}

Test(replay, sigterm_says_goodbye_and_ends_cleanly)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 2, BOTH ",'speed':1,'state':'playing'");
    cr_assert(player_take(&player, PLAYER_DEADLINE_MS));
    kill(deck.server, SIGTERM);
    cr_assert_eq(wire_client_await_close(player.client, PLAYER_DEADLINE_MS), 1001);
    cr_assert_eq(deck_stop(&deck), 0);
    player_close(&player);
}
