/* replay.history: candles as of the playhead. */
#include "feed_trades.h"

#include <string.h>

static void set_up(void)
{
    feed_set_up();
    for (int64_t minute = 0; minute < 8; minute++) {
        trade(minute * MINUTE + 10 * S, minute);
        trade(minute * MINUTE + 40 * S, minute + 100);
    }
    ticks->symbol.to = 8 * MINUTE;
    meet();
    ask("{'op':'replay.open','id':7,'symbols':['A'],'from':60000000,'to':480000000,"
        "'at':330000000}");
    check_heard("replay.opened");
    check_served("replay.snapshot");
}

TestSuite(feed_history, .init = set_up, .fini = feed_tear_down, .timeout = 60);

#define HISTORY "{'op':'replay.history','req':4,'id':7,'symbol':0,'interval':'1m'"

Test(feed_history, is_as_of_the_last_edge_where_nothing_else_is_said)
{
    ask(HISTORY ",'before':'1970-01-02','count':3}");
    check_served("replay.history");
    cr_assert_eq(number("re"), 4);
    cr_assert_eq(number("id"), 7);
    cr_assert_eq(number("symbol"), 0);
    cr_assert_str_eq(text("interval"), "1m");
    cr_assert_eq(number("at"), 330 * S);
    cr_assert_eq(candles_heard()->count, 3);
    check_candle(0, 3 * MINUTE, 103, true);
    check_candle(1, 4 * MINUTE, 104, true);
    check_candle(2, 5 * MINUTE, 5, false); /* 10 s of it before the edge, 40 s after it */
}

Test(feed_history, reaches_back_beyond_the_range_of_the_replay)
{
    ask(HISTORY ",'before':120000000,'count':5000}");
    check_served("replay.history");
    cr_assert_eq(candles_heard()->count, 2);
    check_candle(0, 0, 100, true);
    check_candle(1, MINUTE, 101, true);
}

Test(feed_history, is_as_of_an_instant_of_the_range)
{
    ask(HISTORY ",'before':480000000,'count':1,'at':90000000}");
    check_served("replay.history");
    cr_assert_eq(number("at"), 90 * S);
    check_candle(0, MINUTE, 1, false);
    ask(HISTORY ",'before':480000000,'count':1,'at':480000000}");
    check_served("replay.history");
    check_candle(0, 7 * MINUTE, 107, true);
}

/* Minute n trades at n, then at n + 100. */
Test(feed_history, has_average_prices_as_of_the_edge)
{
    ask(HISTORY ",'before':'1970-01-02','count':2,'vwap':true}");
    check_served("replay.history");
    cr_assert_eq(candles_heard()->count, 2);
    check_vwap(0, 54 * DECIMAL_ONE);
    check_vwap(1, 5 * DECIMAL_ONE); /* the trade at 105 comes after the edge */
    ask(HISTORY ",'before':'1970-01-02','count':2}");
    check_served("replay.history");
    cr_assert_null(json_object_get(heard, "vwap"));
}

/* What the list of symbols said when the replay was opened: decades without ticks are few loads. */
Test(feed_history, is_not_looked_for_at_length_before_the_first_tick_there_is)
{
    int64_t first = INT64_C(1000000000) * S;
    trade(first, 1);
    ticks->symbol.from = first;
    ticks->symbol.to = first + 1;
    (void)live_symbols_refresh(lane.symbols);
    publish_symbols();
    ask("{'op':'replay.open','id':8,'symbols':['A'],'from':1000000000000000}");
    check_heard("replay.opened");
    check_served("replay.snapshot");
    size_t loads = fake.load_count;
    ask("{'op':'replay.history','id':8,'symbol':0,'interval':'1m','before':1000000060000000,"
        "'count':5,'at':1000000000000001}");
    check_served("replay.history");
    cr_assert_eq(candles_heard()->count, 5);
    cr_assert(fake.load_count - loads <= 6, "%zu loads", fake.load_count - loads);
}

Test(feed_history, asked_for_wrongly_is_refused_and_told_what_would_be_right)
{
    static const struct {
        const char *fields;
        const char *code;
        const char *tells;
    } table[] = {
        {"'id':8,'symbol':0,'interval':'1m','before':0,'count':1", "not_found", "replay"},
        {"'id':7,'interval':'1m','before':0,'count':1", "bad_argument", "symbol"},
        {"'id':7,'symbol':1,'interval':'1m','before':0,'count':1", "bad_argument", "0 to 0"},
        {"'id':7,'symbol':'A','interval':'1m','before':0,'count':1", "bad_argument", "index"},
        {"'id':7,'symbol':0,'interval':'1','before':0,'count':1", "bad_argument", "5m"},
        {"'id':7,'symbol':0,'interval':'1m','count':1", "bad_argument", "before"},
        {"'id':7,'symbol':0,'interval':'1m','before':0", "bad_argument", "count"},
        {"'id':7,'symbol':0,'interval':'1m','before':0,'count':0", "bad_argument", "5000"},
        {"'id':7,'symbol':0,'interval':'1m','before':0,'count':5001", "limit", "5000"},
        {"'id':7,'symbol':0,'interval':'1m','before':0,'count':1,'at':59999999", "bad_argument",
         "range"},
        {"'id':7,'symbol':0,'interval':'1m','before':0,'count':1,'at':480000001", "bad_argument",
         "range"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char request[256];
        snprintf(request, sizeof request, "{'op':'replay.history',%s}", table[i].fields);
        check_refused(request, table[i].code);
        cr_assert(strstr(text("message"), table[i].tells) != NULL, "%s", text("message"));
    }
}

Test(feed_history, is_waited_for_in_bounded_number_and_cancelled_with_its_replay)
{
    for (int i = 0; i < FEED_QUESTIONS_MAX; i++)
        ask(HISTORY ",'before':480000000,'count':5}");
    cr_assert(hear() == STATUS_WAIT);
    check_refused(HISTORY ",'before':480000000,'count':5}", "limit");
    cr_assert_not_null(fake_source_load(&fake));
    ask("{'op':'replay.close','id':7}");
    check_heard("ok");
    check_heard("replay.state");
    for (int i = 0; i < FEED_QUESTIONS_MAX; i++) {
        check_heard("error");
        cr_assert_str_eq(text("code"), "not_found");
        cr_assert_eq(number("re"), 4);
    }
    check_silent();
}

Test(feed_history, of_one_replay_survives_the_end_of_another)
{
    ask("{'op':'replay.open','id':8,'symbols':['A'],'from':0}");
    ask(HISTORY ",'before':480000000,'count':5}");
    ask("{'op':'replay.close','id':8}");
    check_heard("replay.opened");
    check_heard("ok");
    check_heard("replay.state");
    check_served("replay.history");
}

Test(feed_history, that_cannot_be_loaded_is_answered_so)
{
    ask(HISTORY ",'before':300000000,'count':5}");
    cr_assert(hear() == STATUS_WAIT);
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    check_heard("error");
    cr_assert_str_eq(text("code"), "unavailable");
    cr_assert_eq(number("re"), 4);
    ask(HISTORY ",'before':300000000,'count':5}");
    check_served("replay.history");
}

Test(feed_history, may_be_under_way_when_the_client_goes)
{
    ask(HISTORY ",'before':300000000,'count':5}");
    cr_assert(hear() == STATUS_WAIT);
    fake_source_run(&fake);
}
