/* Candles without a replay: what is asked for once. */
#include "feed_trades.h"

#include <string.h>

static void set_up(void)
{
    feed_set_up();
    for (int64_t minute = 0; minute < 8; minute++)
        trade(minute * MINUTE + 10 * S, minute);
    ticks->symbol.to = 7 * MINUTE + 10 * S + 1;
    now.wall_us = 7 * MINUTE + 30 * S;
    meet();
}

TestSuite(feed_candles, .init = set_up, .fini = feed_tear_down, .timeout = 60);

#define SUBSCRIBE "{'op':'candles.subscribe','req':1,'id':7,'symbol':'A','interval':'1m'"

Test(feed_candles, are_answered_when_they_are_loaded_and_the_id_is_free)
{
    ask(SUBSCRIBE "}");
    ask("{'op':'ping','req':2}");
    check_heard("pong");
    check_served("candles.snapshot");
    cr_assert_eq(number("re"), 1);
    cr_assert_eq(number("id"), 7);
    cr_assert_str_eq(text("symbol"), "A");
    cr_assert_str_eq(text("interval"), "1m");
    cr_assert_eq(candles_heard()->count, 8);
    check_candle(0, 0, 0, true);
    check_candle(6, 6 * MINUTE, 6, true);
    check_candle(7, 7 * MINUTE, 7, false);
    check_refused("{'op':'candles.unsubscribe','id':7}", "not_found");
    ask("{'op':'replay.open','id':7,'symbols':['A'],'from':0}");
    check_heard("replay.opened");
    commit(7 * MINUTE + 20 * S, 9);
    pass(S);
    check_served("replay.snapshot");
    check_silent();
}

Test(feed_candles, are_the_newest_of_their_window_oldest_first)
{
    static const struct {
        const char *fields;
        size_t count;
        int64_t first;
    } table[] = {
        {",'limit':3}", 3, 5},
        {",'from':120000000}", 6, 2},
        {",'from':120000001}", 5, 3},
        {",'to':120000000}", 2, 0},
        {",'to':120000001}", 3, 0},
        {",'from':60000000,'to':'1970-01-01T00:05:00Z','limit':2}", 2, 3},
        {",'from':'1970-01-01T01:00:00Z'}", 0, 0},
        {",'from':'0001-01-01','to':'9999-12-31','limit':5000}", 8, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char request[256];
        snprintf(request, sizeof request, "%s%s", SUBSCRIBE, table[i].fields);
        ask(request);
        check_served("candles.snapshot");
        cr_assert_eq(candles_heard()->count, table[i].count, "%s", table[i].fields);
        if (table[i].count > 0)
            check_candle(0, table[i].first * MINUTE, table[i].first, true);
    }
}

Test(feed_candles, of_seconds_come_from_ticks_and_of_hours_from_what_is_stored)
{
    ask("{'op':'candles.subscribe','id':1,'symbol':'A','interval':'10s'}");
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 8);
    check_candle(7, 7 * MINUTE + 10 * S, 7, true);
    ask("{'op':'candles.subscribe','id':1,'symbol':'A','interval':'2h'}");
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 1);
    check_candle(0, 0, 7, false);
}

Test(feed_candles, asked_for_wrongly_are_refused_and_told_what_would_be_right)
{
    static const struct {
        const char *fields;
        const char *code;
        const char *tells;
    } table[] = {
        {"'id':1,'symbol':'B','interval':'1m'", "not_found", "op symbols"},
        {"'id':1,'interval':'1m'", "bad_argument", "symbol"},
        {"'symbol':'A','interval':'1m'", "bad_argument", "id"},
        {"'id':1,'symbol':'A'", "bad_argument", "5m"},
        {"'id':1,'symbol':'A','interval':'7x'", "bad_argument", "5m"},
        {"'id':1,'symbol':'A','interval':'0m'", "bad_argument", "5m"},
        {"'id':1,'symbol':'A','interval':'-1m'", "bad_argument", "5m"},
        {"'id':1,'symbol':'A','interval':'1m','limit':5001", "limit", "5000"},
        {"'id':1,'symbol':'A','interval':'1m','limit':0", "bad_argument", "5000"},
        {"'id':1,'symbol':'A','interval':'1m','limit':'9'", "bad_argument", "5000"},
        {"'id':1,'symbol':'A','interval':'1m','from':2,'to':2", "bad_argument", "before"},
        {"'id':1,'symbol':'A','interval':'1m','from':'soon'", "bad_argument", "RFC 3339"},
        {"'id':1,'symbol':'A','interval':'1m','live':1", "bad_argument", "true or false"},
        {"'id':1,'symbol':'A','interval':'1m','vwap':1", "bad_argument", "true or false"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char request[256];
        snprintf(request, sizeof request, "{'op':'candles.subscribe',%s}", table[i].fields);
        check_refused(request, table[i].code);
        cr_assert(strstr(text("message"), table[i].tells) != NULL, "%s", text("message"));
    }
    ask("{'op':'candles.subscribe','id':1,'symbol':'A','interval':'1m','vwap':false}");
    check_served("candles.snapshot");
    cr_assert_null(json_object_get(heard, "vwap"));
}

/* Trades of minute n: n and volume 1 (of 1 at a time). */
Test(feed_candles, have_average_prices_where_they_are_asked_for)
{
    trade(7 * MINUTE + 11 * S, 10);
    ticks->ticks[ticks->count - 1].fields[TICK_VOLUME] = 2 * DECIMAL_ONE;
    ask(SUBSCRIBE ",'vwap':true,'limit':2}");
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 2);
    check_vwap(0, 6 * DECIMAL_ONE);
    check_vwap(1, 9 * DECIMAL_ONE);
    ask("{'op':'candles.subscribe','id':1,'symbol':'A','interval':'1d','vwap':true}");
    check_served("candles.snapshot");
    check_vwap(0, 480000000); /* (0 + … + 7 + 2 · 10) / 10 */
}

/* The list of symbols is as old as its last reading. */
Test(feed_candles, that_the_list_of_symbols_does_not_know_of_yet_are_there)
{
    static const char *const intervals[] = {"1m", "10s"};
    trade(8 * MINUTE + S, 8);
    now.wall_us = 8 * MINUTE + 2 * S;
    for (size_t i = 0; i < 2; i++) {
        char request[256];
        snprintf(request, sizeof request,
                 "{'op':'candles.subscribe','id':1,'symbol':'A','interval':'%s'}", intervals[i]);
        ask(request);
        check_served("candles.snapshot");
        cr_assert_eq(candles_heard()->count, 9, "%s", intervals[i]);
        check_candle(8, 8 * MINUTE, 8, false);
    }
}

Test(feed_candles, have_ids_beside_those_of_replays)
{
    ask("{'op':'replay.open','id':7,'symbols':['A'],'from':0}");
    check_heard("replay.opened");
    check_refused(SUBSCRIBE "}", "conflict");
    check_refused(SUBSCRIBE ",'live':true}", "conflict");
    ask("{'op':'candles.subscribe','id':8,'symbol':'A','interval':'1m','live':true}");
    check_refused("{'op':'replay.open','id':8,'symbols':['A'],'from':0}", "conflict");
    check_refused("{'op':'candles.subscribe','id':8,'symbol':'A','interval':'1m'}", "conflict");
    check_refused("{'op':'replay.play','id':8}", "not_found");
    check_refused("{'op':'candles.unsubscribe','id':7}", "not_found");
}

Test(feed_candles, that_cannot_be_loaded_are_answered_so)
{
    static const char *const fields[] = {"}", ",'live':true}"};
    for (size_t i = 0; i < 2; i++) {
        char request[256];
        snprintf(request, sizeof request, "%s%s", SUBSCRIBE, fields[i]);
        ask(request);
        cr_assert(hear() == STATUS_WAIT);
        fake_source_end(&fake, STATUS_UNAVAILABLE);
        inbox_drain(&inbox);
        check_heard("error");
        cr_assert_str_eq(text("code"), "unavailable");
        cr_assert_eq(number("re"), 1);
        cr_assert_eq(number("id"), 7);
        check_silent();
    }
    ask(SUBSCRIBE "}");
    check_served("candles.snapshot");
}

Test(feed_candles, wait_for_their_answer_in_bounded_number)
{
    for (int i = 0; i < FEED_QUESTIONS_MAX; i++)
        ask(SUBSCRIBE "}");
    cr_assert(hear() == STATUS_WAIT);
    check_refused(SUBSCRIBE "}", "limit");
    for (int i = 0; i < FEED_QUESTIONS_MAX; i++)
        check_served("candles.snapshot");
    ask(SUBSCRIBE "}");
    check_served("candles.snapshot");
}

Test(feed_candles, may_be_under_way_when_the_client_goes)
{
    ask(SUBSCRIBE "}");
    ask("{'op':'candles.subscribe','id':8,'symbol':'A','interval':'10s','live':true}");
    cr_assert(hear() == STATUS_WAIT);
    fake_source_run(&fake); /* letters are in the inbox */
}
