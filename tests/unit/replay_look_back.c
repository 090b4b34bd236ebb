#include "replay/look_back.h"

#include "replay_fixture.h"

static struct track *track;
static struct last_values values;
static size_t rows_left;

static void set_up(void)
{
    replay_set_up();
    track = tape_track_hold(tape, &ticks->symbol);
    rows_left = LOOK_BACK_ROWS_MAX;
}

static void tear_down(void)
{
    tape_track_let_go(tape, &track);
    replay_tear_down();
}

TestSuite(replay_look_back, .init = set_up, .fini = tear_down);

/* A tick with one field, or with all three of a picture. */
static void add(int64_t time, enum tick_field field, int64_t value)
{
    fake_tape_add(ticks, time, 0);
    struct tick *added = &ticks->ticks[ticks->count - 1];
    for (int i = 0; i < TICK_FIELDS; i++)
        added->fields[i] = DECIMAL_NULL;
    added->fields[field] = value;
}

static void add_whole(int64_t time, int64_t value)
{
    add(time, TICK_BID, value);
    ticks->ticks[ticks->count - 1].fields[TICK_ASK] = value + 1;
    ticks->ticks[ticks->count - 1].fields[TICK_LAST] = value + 2;
}

/* The tape knows everything in a range. */
static void know(int64_t from, int64_t to)
{
    while (from < to) {
        tape_read_ahead(tape, track, (struct time_range){from, to}, false);
        fake_source_run(&fake);
        from += GRAIN;
    }
}

static bool look_before(int64_t at)
{
    return look_back(tape, track, at, &rows_left, &values);
}

static void check(int64_t time, int64_t bid, int64_t ask, int64_t last)
{
    cr_assert(values.time == time, "%" PRId64, values.time);
    cr_assert(values.fields[TICK_BID] == bid, "bid %" PRId64, values.fields[TICK_BID]);
    cr_assert(values.fields[TICK_ASK] == ask, "ask %" PRId64, values.fields[TICK_ASK]);
    cr_assert(values.fields[TICK_LAST] == last, "last %" PRId64, values.fields[TICK_LAST]);
}

Test(replay_look_back, finds_the_newest_values_in_one_block)
{
    add_whole(S, 10);
    add(2 * S, TICK_BID, 20);
    add(3 * S, TICK_LAST, 30);
    know(0, GRAIN);
    cr_assert(look_before(10 * S));
    check(3 * S, 20, 11, 30);
    cr_assert(rows_left == LOOK_BACK_ROWS_MAX - 3);
}

Test(replay_look_back, sees_nothing_at_or_after_its_instant)
{
    add_whole(S, 10);
    add_whole(2 * S, 20);
    know(0, GRAIN);
    cr_assert(look_before(2 * S));
    check(S, 10, 11, 12);
    cr_assert(look_before(2 * S + 1));
    check(2 * S, 20, 21, 22);
}

Test(replay_look_back, takes_the_last_of_one_instant)
{
    add_whole(S, 10);
    add_whole(S, 20);
    add(S, TICK_ASK, 30);
    know(0, GRAIN);
    cr_assert(look_before(S + 1));
    check(S, 20, 30, 22);
}

Test(replay_look_back, finds_values_across_blocks_and_emptiness)
{
    add(S, TICK_BID, 10);
    add(GRAIN, TICK_ASK, 20);
    add(500 * GRAIN, TICK_LAST, 30);
    know(0, 501 * GRAIN);
    cr_assert(look_before(501 * GRAIN));
    check(500 * GRAIN, 10, 20, 30);
}

Test(replay_look_back, does_not_know_what_lies_in_a_gap)
{
    add_whole(S, 10);
    add(3 * GRAIN, TICK_BID, 20);
    know(0, GRAIN);
    know(2 * GRAIN, 4 * GRAIN);
    cr_assert(!look_before(4 * GRAIN), "the gap may hold an ask");
    know(GRAIN, 2 * GRAIN);
    cr_assert(look_before(4 * GRAIN));
    check(3 * GRAIN, 20, 11, 12);
}

Test(replay_look_back, does_not_wait_for_what_is_being_loaded)
{
    add_whole(S, 10);
    tape_read_ahead(tape, track, (struct time_range){0, GRAIN}, false);
    cr_assert(!look_before(2 * S));
    cr_assert(fake.load_count == 1, "and asks for nothing");
    fake_source_run(&fake);
    cr_assert(look_before(2 * S));
}

Test(replay_look_back, knows_nothing_of_an_empty_tape)
{
    cr_assert(!look_before(S));
    cr_assert(fake.load_count == 0);
    cr_assert(look_before(TIME_MIN), "before all of time there is nothing");
    check(INT64_MIN, DECIMAL_NULL, DECIMAL_NULL, DECIMAL_NULL);
}

/* As the query does: from 24 hours back, that instant included. */
Test(replay_look_back, reaches_exactly_a_day_back)
{
    add_whole(S, 10);
    know(0, 2 * TIME_DAY_US);
    cr_assert(look_before(TIME_DAY_US + S));
    check(S, 10, 11, 12);
    cr_assert(look_before(TIME_DAY_US + S + 1));
    check(INT64_MIN, DECIMAL_NULL, DECIMAL_NULL, DECIMAL_NULL);
}

Test(replay_look_back, gives_up_a_missing_field_only_when_the_whole_day_is_known)
{
    int64_t at = TIME_DAY_US + 4 * GRAIN;
    add(at - S, TICK_BID, 10);
    know(at - 10 * GRAIN, at);
    cr_assert(!look_before(at), "an ask may lie further back");
    know(5 * GRAIN, at);
    cr_assert(!look_before(at), "all but the first minute of the day");
    know(4 * GRAIN, 5 * GRAIN);
    cr_assert(look_before(at));
    check(at - S, 10, DECIMAL_NULL, DECIMAL_NULL);
}

/* Quotes of a currency have no last price: that is known of the symbol. */
Test(replay_look_back, does_not_look_for_what_the_symbol_never_has)
{
    tape_track_let_go(tape, &track);
    ticks->symbol.lacks = TICK_FIELD_BIT(TICK_LAST);
    track = tape_track_hold(tape, &ticks->symbol);
    add(10 * S, TICK_BID, 10);
    ticks->ticks[0].fields[TICK_ASK] = 11;
    know(0, GRAIN);
    cr_assert(look_before(20 * S));
    check(10 * S, 10, 11, DECIMAL_NULL);
    tape_invalidate(tape, "A", (struct time_range){TIME_MAX - 1, TIME_MAX});
    cr_assert(!look_before(20 * S), "until ticks change: the list of symbols may be old");
}

Test(replay_look_back, needs_no_more_than_holds_all_values)
{
    add_whole(10 * GRAIN, 10);
    know(10 * GRAIN, 11 * GRAIN);
    cr_assert(look_before(11 * GRAIN), "nobody has to know what lies before");
    check(10 * GRAIN, 10, 11, 12);
}

Test(replay_look_back, looks_through_a_bounded_number_of_rows)
{
    add_whole(0, 10);
    for (int64_t i = 1; i < 100; i++)
        add(i * S / 2, TICK_BID, i);
    know(0, GRAIN);
    rows_left = 99;
    cr_assert(!look_before(GRAIN));
    rows_left = 100;
    cr_assert(look_before(GRAIN));
    check(99 * S / 2, 99, 11, 12);
    cr_assert(rows_left == 0);
    cr_assert(!look_before(GRAIN), "one picture of all symbols has one bound");
}

Test(replay_look_back, gives_back_what_it_pins)
{
    add_whole(S, 10);
    know(0, 2 * GRAIN);
    cr_assert(look_before(2 * GRAIN));
    rows_left = 0;
    cr_assert(!look_before(2 * GRAIN));
    tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    struct tape_statistics now;
    tape_statistics(tape, &now);
    cr_assert(now.counts.blocks == 0 && now.counts.hits == 0, "and does not count as a viewer");
}

/* ---- the picture of a replay -------------------------------------------------------------- */

Test(replay_look_back, spares_a_seek_within_what_is_known_the_question)
{
    add_whole(S, 10);
    know(0, GRAIN);
    options.at = 2 * S;
    start();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT, "at once");
    cr_assert(output.last[0].time == S && output.last[0].fields[TICK_LAST] == 12);
    cr_assert(fake.request_count == 0);
    cr_assert(replay_seek(replay, S, now_us, &failure) == STATUS_OK);
    check_silence();
    cr_assert(fake.request_count == 1, "what lies before it is not known");
}

Test(replay_look_back, asks_for_all_symbols_where_one_is_not_known)
{
    add_symbol("B");
    add_whole(S, 10);
    know(0, GRAIN);
    options.at = 2 * S;
    start();
    check_silence();
    cr_assert(fake.request_count == 1);
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(output.last[0].time == INT64_MIN, "as the source answers, not half and half");
}

/* A tick every second, each with all a picture shows, in the grain that play begins in. */
static void add_dense(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        add_whole(i * S, 100 * i);
}

static void seek_while_playing(int64_t to)
{
    cr_assert(replay_seek(replay, to, now_us, &failure) == STATUS_OK);
    check_silence();
}

Test(replay_look_back, finds_the_picture_in_the_ticks_that_play_begins_with)
{
    add_dense(GRAIN / S);
    options.at = 10 * S + 1;
    options.playing = true;
    start();
    check_silence();
    cr_assert(fake.load_count == 1 && fake.request_count == 0, "one question, not two");
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(output.last[0].time == 10 * S && output.last[0].fields[TICK_BID] == 1000);
    cr_assert(fake.request_count == 0);
}

/* Loads what a seek while playing leads to, and takes the picture. */
static void serve_seek(int64_t to)
{
    seek_while_playing(to);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    if (ask() == STATUS_WAIT) {
        serve();
        cr_assert(ask() == STATUS_OK);
    }
    cr_assert(output.saying == SAYING_SNAPSHOT, "says %d", output.saying);
}

Test(replay_look_back, asks_where_those_ticks_do_not_hold_it_and_soon_at_once)
{
    for (int64_t i = 0; i < 8 * GRAIN / S; i++)
        add(i * S, TICK_BID, i); /* and never an ask price */
    options.playing = true;
    start();
    serve_seek(10 * S);
    cr_assert(fake.request_count == 1, "for the ask price");
    add_whole(8 * GRAIN, 1);
    serve_seek(8 * GRAIN + 1);
    cr_assert(fake.request_count == 1, "this one held it: once is no pattern");
    serve_seek(2 * GRAIN + 10 * S);
    seek_while_playing(4 * GRAIN + 10 * S);
    cr_assert(fake.request_count == 2, "one after one that was found is no pattern either");
    while (ask() == STATUS_WAIT)
        serve();
    cr_assert(output.saying == SAYING_SNAPSHOT && fake.request_count == 3);
    seek_while_playing(6 * GRAIN + 10 * S);
    cr_assert(fake.request_count == 4, "no longer waits for the ticks");
}

Test(replay_look_back, asks_at_once_where_nothing_is_loaded)
{
    add_dense(GRAIN / S);
    options.at = 10 * S;
    start();
    check_silence();
    cr_assert(fake.load_count == 0 && fake.request_count == 1, "it is paused");
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    cr_assert(replay_seek(replay, 1000 * S, now_us, &failure) == STATUS_OK);
    while (ask() == STATUS_OK)
        continue;
    cr_assert(fake.request_count == 2, "it is at the end");
}

Test(replay_look_back, asks_at_once_where_it_would_take_many_loads)
{
    while (options.symbol_count < FAKE_SYMBOLS_MAX)
        add_symbol((char[]){(char)('A' + options.symbol_count), '\0'});
    for (size_t i = options.symbol_count; i <= 4; i++)
        options.symbols[options.symbol_count++] = &ticks->symbol;
    options.playing = true;
    options.at = 10 * S;
    start();
    check_silence();
    cr_assert(options.symbol_count == 5 && fake.request_count == 1);
}

/* Asking for the picture by itself would be a second wait for the same database. */
Test(replay_look_back, fails_with_the_load_of_those_ticks)
{
    add_dense(GRAIN / S);
    options.at = 10 * S + 1;
    options.playing = true;
    start();
    check_silence();
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_ERROR);
    cr_assert(output.error->status == STATUS_UNAVAILABLE);
    check_state(REPLAY_PAUSED, REASON_NONE);
    check_silence();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
    check_silence();
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT);
    cr_assert(output.last[0].time == 10 * S && fake.request_count == 0);
}

Test(replay_look_back, asks_for_the_newest_place_when_a_stale_answer_has_come)
{
    options.at = 10 * S;
    start();
    check_silence();
    seek_while_playing(20 * S);
    seek_while_playing(30 * S);
    cr_assert(fake.request_count == 1, "one at a time");
    size_t before = wakes;
    fake_source_answer(&fake, STATUS_OK);
    inbox_drain(&inbox);
    cr_assert(wakes == before + 1);
    check_silence();
    cr_assert(fake.request_count == 2);
    serve();
    cr_assert(ask() == STATUS_OK && output.saying == SAYING_SNAPSHOT && output.at == 30 * S);
}
