/* Live candles: what is told of changes, when, and to how many. */
#include "feed_trades.h"

#include "feed/picture.h"

#include <stdlib.h>
#include <string.h>

/* Eight minutes with a trade each; now is in the last of them. */
static void set_up(void)
{
    feed_set_up();
    for (int64_t minute = 0; minute < 8; minute++)
        trade(minute * MINUTE + 10 * S, minute);
    ticks->symbol.to = 7 * MINUTE + 10 * S + 1;
    now.wall_us = 7 * MINUTE + 30 * S;
    meet();
}

TestSuite(feed_live, .init = set_up, .fini = feed_tear_down, .timeout = 60);

#define LIVE "{'op':'candles.subscribe','req':1,'id':7,'symbol':'A','interval':'1m','live':true"

static void subscribe(const char *fields)
{
    char request[256];
    snprintf(request, sizeof request, "%s%s", LIVE, fields);
    ask(request);
    check_served("candles.snapshot");
    cr_assert_eq(number("re"), 1);
    check_silent();
    pass(S);
    check_silent();
}

Test(feed_live, tell_the_forming_candle_when_it_changes)
{
    subscribe("}");
    size_t loads = fake.load_count;
    commit(7 * MINUTE + 31 * S, 42);
    check_served("candles.update");
    cr_assert_null(json_object_get(heard, "re"));
    cr_assert_eq(number("id"), 7);
    cr_assert_eq(candles_heard()->count, 1);
    check_candle(0, 7 * MINUTE, 42, false);
    cr_assert_eq(fake.load_count, loads + 1, "one bucket, one load");
    check_silent();
    commit(8 * MINUTE + S, 43);
    pass(MINUTE);
    check_served("candles.update");
    cr_assert_eq(candles_heard()->count, 2, "the one before has ended meanwhile");
    check_candle(0, 7 * MINUTE, 42, true);
    check_candle(1, 8 * MINUTE, 43, false);
}

Test(feed_live, tell_the_average_price_of_what_changes)
{
    ask(LIVE ",'vwap':true}");
    check_served("candles.snapshot");
    check_vwap(7, 7 * DECIMAL_ONE);
    pass(S);
    commit(7 * MINUTE + 31 * S, 42);
    check_served("candles.update");
    cr_assert_eq(candles_heard()->count, 1);
    check_vwap(0, 2450000000); /* (7 + 42) / 2 */
    check_silent();
    /* The same candle of the same number of trades, but one of them has been put right. */
    commit(7 * MINUTE + 32 * S, 20);
    pass(S);
    check_served("candles.update");
    check_vwap(0, 23 * DECIMAL_ONE);
    trade(7 * MINUTE + 33 * S, 42);
    change(7 * MINUTE, 8 * MINUTE);
    pass(S);
    check_served("candles.update");
    ticks->ticks[ticks->count - 2].fields[TICK_LAST] = 24 * DECIMAL_ONE;
    change(7 * MINUTE, 8 * MINUTE);
    pass(S);
    check_served("candles.update");
    check_vwap(0, 2875000000); /* (7 + 42 + 24 + 42) / 4 */
    change(7 * MINUTE, 8 * MINUTE);
    pass(S);
    check_silent();
}

/* A commit while each load is under way, faster than any of them comes to its end. */
Test(feed_live, come_while_somebody_commits_all_the_time)
{
    ask(LIVE ",'vwap':true}");
    size_t messages = 0;
    for (int64_t i = 0; i < 600; i++) {
        messages += hear() == STATUS_OK;
        commit(7 * MINUTE + 31 * S + i, i);
        pass(1000);
        serve();
    }
    cr_assert_gt(messages, 10, "%zu messages in 600 ms", messages);
    pass(20000);
    check_served("candles.update");
    check_candle(0, 7 * MINUTE, 599, false);
}

Test(feed_live, tell_nothing_of_what_is_not_looked_at)
{
    subscribe(",'limit':3}");
    change(2 * MINUTE, 3 * MINUTE); /* older than the newest three */
    check_silent();
    static const char *const others[] = {"B"};
    live_changes_publish(lane.changes, others, 1, (struct time_range){.from = 0, .to = 9 * MINUTE});
    inbox_drain(&inbox);
    check_silent();
    ask("{'op':'candles.unsubscribe','id':7,'req':2}");
    check_heard("ok");
    cr_assert_eq(number("id"), 7);
    subscribe(",'to':360000000}");
    commit(7 * MINUTE + 31 * S, 42); /* newer than the window */
    check_silent();
}

Test(feed_live, end_with_unsubscribe)
{
    subscribe("}");
    ask("{'op':'candles.unsubscribe','id':7}");
    check_heard("ok");
    commit(7 * MINUTE + 31 * S, 42);
    check_silent();
    check_refused("{'op':'candles.unsubscribe','id':7}", "not_found");
    subscribe("}");
}

Test(feed_live, may_be_given_up_while_they_are_loaded)
{
    ask(LIVE "}");
    cr_assert(hear() == STATUS_WAIT);
    ask("{'op':'candles.unsubscribe','req':2,'id':7}");
    check_heard("error");
    cr_assert_eq(number("re"), 1, "every request has its answer");
    cr_assert_str_eq(text("code"), "conflict");
    check_heard("ok");
    cr_assert_eq(number("re"), 2);
    check_silent();
    subscribe("}");
    commit(7 * MINUTE + 31 * S, 42);
    cr_assert(hear() == STATUS_WAIT);
    ask("{'op':'candles.unsubscribe','req':2,'id':7}");
    check_heard("ok");
    check_silent();
}

/* A commit each millisecond for two seconds, to a client that always listens. */
Test(feed_live, speak_sixty_times_a_second_at_most_and_end_with_the_newest_state)
{
    subscribe("}");
    size_t updates = 0;
    int64_t last_us = 0;
    for (int64_t i = 0; i < 2000; i++) {
        commit(7 * MINUTE + 31 * S + i, i);
        pass(1000);
        while (hear() == STATUS_WAIT && has_work())
            serve();
        if (heard == NULL)
            continue;
        cr_assert_geq(now.monotonic_us - last_us, S / 60);
        last_us = now.monotonic_us;
        updates++;
    }
    cr_assert_leq(updates, 120);
    cr_assert_geq(updates, 100, "%zu", updates);
    pass(20000);
    check_served("candles.update");
    check_candle(0, 7 * MINUTE, 1999, false);
    check_silent();
}

Test(feed_live, cost_nothing_while_the_client_does_not_listen)
{
    subscribe("}");
    size_t loads = fake.load_count;
    for (int64_t i = 0; i < 3000; i++) {
        commit(7 * MINUTE + 31 * S + i, i);
        pass(1000);
    }
    cr_assert_eq(fake.load_count, loads);
    check_served("candles.update");
    check_candle(0, 7 * MINUTE, 2999, false);
    check_silent();
}

Test(feed_live, become_final_by_the_wall_clock)
{
    subscribe("}");
    size_t loads = fake.load_count;
    pass(28 * S);
    check_silent();
    pass(S + S / 1000);
    check_served("candles.update");
    cr_assert_eq(candles_heard()->count, 1);
    check_candle(0, 7 * MINUTE, 7, true);
    cr_assert_eq(fake.load_count, loads, "the database is not asked for that");
    pass(10 * MINUTE);
    check_silent();
}

Test(feed_live, become_final_soon_after_the_wall_clock_was_set_forward)
{
    subscribe("}");
    now.wall_us += 20 * S;
    pass(10 * S);
    check_served("candles.update");
    check_candle(0, 7 * MINUTE, 7, true);
}

Test(feed_live, of_the_future_become_final_one_by_one)
{
    for (int64_t minute = 8; minute < 11; minute++)
        trade(minute * MINUTE, minute);
    ticks->symbol.to = 10 * MINUTE + 1;
    live_symbols_refresh(lane.symbols);
    publish_symbols();
    subscribe("}");
    for (int64_t minute = 7; minute < 11; minute++) {
        pass(MINUTE);
        check_served("candles.update");
        cr_assert_eq(candles_heard()->count, 1);
        check_candle(0, minute * MINUTE, minute, true);
        check_silent();
    }
}

static void forget_ticks(size_t count)
{
    ticks->count -= count;
}

Test(feed_live, are_a_new_snapshot_when_a_bucket_has_gone)
{
    subscribe("}");
    forget_ticks(1);
    change(7 * MINUTE, 8 * MINUTE);
    cr_assert(hear() == STATUS_WAIT);
    serve();
    cr_assert(hear() == STATUS_WAIT);
    pass(20000);
    check_served("candles.snapshot");
    cr_assert_null(json_object_get(heard, "re"));
    cr_assert_eq(candles_heard()->count, 7);
    check_candle(6, 6 * MINUTE, 6, true);
    commit(7 * MINUTE + 32 * S, 5);
    pass(20000);
    check_served("candles.update");
    check_candle(0, 7 * MINUTE, 5, false);
}

Test(feed_live, are_a_new_snapshot_when_older_ones_come_into_a_window_with_room)
{
    subscribe(",'from':-600000000,'limit':9}");
    memmove(ticks->ticks + 1, ticks->ticks, ticks->count * sizeof *ticks->ticks);
    ticks->ticks[0].time = -5 * MINUTE;
    ticks->ticks[0].fields[TICK_LAST] = DECIMAL_ONE;
    ticks->count++;
    change(-5 * MINUTE, -4 * MINUTE);
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 9);
    check_candle(0, -5 * MINUTE, 1, true);
}

Test(feed_live, are_a_new_snapshot_when_anything_may_have_changed)
{
    subscribe(",'limit':3}");
    trade(7 * MINUTE + 40 * S, 77);
    tape_invalidate(tape, NULL, (struct time_range){.from = TIME_MIN, .to = TIME_MAX});
    live_changes_publish(lane.changes, NULL, 0,
                         (struct time_range){.from = TIME_MIN, .to = TIME_MAX + 1});
    inbox_drain(&inbox);
    ticks->symbol.to = 7 * MINUTE + 40 * S + 1;
    live_symbols_refresh(lane.symbols);
    publish_symbols();
    check_served("candles.snapshot");
    cr_assert_null(json_object_get(heard, "re"));
    cr_assert_eq(candles_heard()->count, 3);
    check_candle(2, 7 * MINUTE, 77, false);
}

Test(feed_live, are_a_new_snapshot_when_too_many_changes_were_not_heard)
{
    static const char *const names[] = {"A"};
    static const char *const others[] = {"B"};
    subscribe("}");
    trade(7 * MINUTE + 40 * S, 77);
    struct time_range range = {.from = 7 * MINUTE + 40 * S, .to = 7 * MINUTE + 41 * S};
    tape_invalidate(tape, "A", range);
    live_changes_publish(lane.changes, names, 1, range);
    for (int i = 0; i < LIVE_CHANGES_KEPT; i++)
        live_changes_publish(lane.changes, others, 1, range);
    inbox_drain(&inbox);
    ticks->symbol.to = range.to;
    live_symbols_refresh(lane.symbols);
    publish_symbols();
    check_served("candles.snapshot");
    check_candle(7, 7 * MINUTE, 77, false);
}

Test(feed_live, are_a_new_snapshot_when_more_buckets_change_than_an_update_has)
{
    subscribe("}");
    for (int64_t minute = 8; minute < 8 + PICTURE_UPDATE_MOST + 1; minute++)
        trade(minute * MINUTE, minute);
    change(8 * MINUTE, (8 + PICTURE_UPDATE_MOST) * MINUTE + 1);
    now.wall_us = 100 * MINUTE;
    cr_assert(hear() == STATUS_WAIT);
    serve();
    cr_assert(hear() == STATUS_WAIT);
    pass(20000);
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 8 + PICTURE_UPDATE_MOST + 1);
    change(0, 100 * MINUTE);
    pass(20000);
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 8 + PICTURE_UPDATE_MOST + 1);
}

Test(feed_live, keep_in_later_snapshots_what_updates_have_added)
{
    subscribe(",'limit':3}");
    for (int64_t minute = 8; minute < 12; minute++)
        trade(minute * MINUTE, minute);
    change(8 * MINUTE, 11 * MINUTE + 1);
    check_served("candles.update");
    cr_assert_geq(candles_heard()->count, 4);
    pass(20000);
    change(TIME_MIN, TIME_MAX + 1);
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 7);
}

Test(feed_live, say_nothing_of_ticks_without_a_trade)
{
    subscribe("}");
    fake_tape_add(ticks, 7 * MINUTE + 31 * S, 5);
    change(7 * MINUTE + 31 * S, 7 * MINUTE + 31 * S + 1);
    check_silent();
    pass(20000);
    commit(7 * MINUTE + 32 * S, 6);
    check_served("candles.update");
}

Test(feed_live, of_a_symbol_whose_list_was_late_hear_what_they_missed)
{
    static const char *const names[] = {"A"};
    trade(7 * MINUTE + 31 * S, 42);
    struct time_range news = {.from = 7 * MINUTE + 31 * S, .to = 7 * MINUTE + 31 * S + 1};
    struct time_range listed = {.from = 7 * MINUTE + 10 * S + 1, .to = news.to};
    live_changes_publish(lane.changes, names, 1, news); /* before there is a subscription */
    ask("{'op':'candles.subscribe','req':1,'id':7,'symbol':'A','interval':'10s','live':true}");
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 8, "to the end that the list knows");
    pass(S);
    check_silent();
    live_changes_publish_listed(lane.changes, "A", listed);
    inbox_drain(&inbox);
    check_served("candles.update");
    check_candle(1, 7 * MINUTE + 30 * S, 42, false);
    pass(20000);
    size_t loads = fake.load_count;
    live_changes_publish_listed(lane.changes, "A", listed); /* it knows */
    inbox_drain(&inbox);
    check_silent();
    cr_assert_eq(fake.load_count, loads);
}

/* The list says that it has none, until it has been read again after the commit. */
Test(feed_live, of_a_symbol_that_never_had_a_trade_begin_with_its_first_one)
{
    ticks->count = 0;
    fake_tape_add(ticks, 7 * MINUTE, 1);
    ticks->symbol.lacks = TICK_FIELD_BIT(TICK_LAST);
    (void)live_symbols_refresh(lane.symbols);
    publish_symbols();
    ask("{'op':'candles.subscribe','id':7,'symbol':'A','interval':'1s','live':true}");
    check_heard("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 0);
    check_silent();
    cr_assert_eq(fake.load_count, 0, "nothing is looked for");
    pass(S);
    commit(7 * MINUTE + 31 * S, 42);
    check_served("candles.snapshot");
    cr_assert_eq(candles_heard()->count, 1);
    check_candle(0, 7 * MINUTE + 31 * S, 42, false);
}

Test(feed_live, that_could_not_be_loaded_are_tried_again)
{
    subscribe("}");
    commit(7 * MINUTE + 31 * S, 42);
    cr_assert(hear() == STATUS_WAIT);
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    check_silent();
    pass(S / 2);
    check_silent();
    pass(S / 2 + 1000);
    check_served("candles.update");
    check_candle(0, 7 * MINUTE, 42, false);
    pass(20000);
    commit(7 * MINUTE + 32 * S, 43);
    cr_assert(hear() == STATUS_WAIT);
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    check_silent();
    pass(20000);
    change(TIME_MIN, TIME_MAX + 1); /* the database is back: at once */
    check_served("candles.snapshot");
    check_candle(7, 7 * MINUTE, 43, false);
}

Test(feed_live, have_a_bound_on_a_connection)
{
    char request[256];
    for (int i = 0; i < FEED_SUBSCRIPTIONS_MAX; i++) {
        snprintf(request, sizeof request,
                 "{'op':'candles.subscribe','id':%d,'symbol':'A','interval':'1m','live':true}", i);
        ask(request);
    }
    check_served("candles.snapshot");
    for (int i = 1; i < FEED_SUBSCRIPTIONS_MAX; i++)
        check_heard("candles.snapshot");
    check_refused("{'op':'candles.subscribe','id':99,'symbol':'A','interval':'1m','live':true}",
                  "limit");
}

Test(feed_live, speak_in_turn_with_a_replay_that_always_has_something)
{
    subscribe("}");
    ask("{'op':'replay.open','id':1,'symbols':['A'],'from':0,'to':600000000,'speed':100000,"
        "'lead_ms':5000,'fps':240,'state':'playing'}");
    check_heard("replay.opened");
    cr_assert(hear() == STATUS_WAIT);
    serve_start();
    check_heard("replay.snapshot");
    commit(7 * MINUTE + 31 * S, 42);
    (void)hear();
    serve();
    int others = 0;
    while (hear() == STATUS_OK && strcmp(text("ev"), "candles.update") != 0)
        others++;
    cr_assert_not_null(heard);
    cr_assert_leq(others, 1);
}

#define CROWD 1000

/* Whoever is woken is asked, as the sockets of a lane are. */
static size_t hear_crowd(struct feed *const *crowd, const char *ev)
{
    size_t count = 0;
    for (size_t i = 0; i < CROWD; i++) {
        buffer_clear(&out);
        while (feed_send(crowd[i], now, &out) == STATUS_OK) {
            count += memmem(out.bytes, out.count, ev, strlen(ev)) != NULL;
            buffer_clear(&out);
        }
    }
    return count;
}

Test(feed_live, of_a_thousand_subscribers_cost_one_load_a_change)
{
    static struct feed *crowd[CROWD];
    const char *request = "{\"op\":\"candles.subscribe\",\"id\":1,\"symbol\":\"A\","
                          "\"interval\":\"1m\",\"live\":true}";
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = feed_create(&lane, &feed_peer, now);
        feed_receive(crowd[i], (const uint8_t *)request, strlen(request), now);
    }
    cr_assert_eq(hear_crowd(crowd, "candles.snapshot"), 0);
    size_t snapshots = 0;
    while (fake_source_load(&fake) != NULL) {
        serve();
        snapshots += hear_crowd(crowd, "candles.snapshot");
    }
    cr_assert_eq(snapshots, CROWD);
    for (int64_t i = 1; i <= 3; i++) {
        pass(20000);
        size_t loads = fake.load_count;
        commit(7 * MINUTE + 31 * S + i, i);
        cr_assert_eq(hear_crowd(crowd, "candles.update"), 0);
        serve();
        cr_assert_eq(hear_crowd(crowd, "candles.update"), CROWD);
        cr_assert_eq(fake.load_count, loads + 1);
    }
    for (size_t i = 0; i < CROWD; i++)
        feed_destroy(&crowd[i]);
}
