#include "replay/cursor.h"

#include "base/mem.h"
#include "fake_source.h"

#include <criterion/criterion.h>

#define S TIME_SECOND_US
#define GRAIN (64 * S)

static struct fake_source fake;
static struct fake_tape *ticks;
static struct tape *tape;
static struct inbox inbox;
static struct cursor cursor;
static struct error error;
static size_t told;

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

static void deliver(struct letter *letter)
{
    cr_assert(letter == &cursor.waiter.letter);
    told++;
}

static void set_up(void)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", GRAIN);
    tape = tape_create(&fake.source, 1 << 24);
    inbox_init(&inbox, nobody_sleeps, NULL);
    cursor_init(&cursor, tape, &ticks->symbol, &inbox, deliver);
}

static void tear_down(void)
{
    cursor_deinit(&cursor);
    fake_source_deinit(&fake);
    tape_destroy(&tape);
    inbox_drain(&inbox);
    inbox_deinit(&inbox);
    cr_assert(mem_block_bytes() == 0);
}

TestSuite(replay_cursor, .init = set_up, .fini = tear_down);

/* Covers with all the data it takes. */
static void cover(int64_t until)
{
    enum status status;
    while ((status = cursor_cover(&cursor, until, &error)) == STATUS_WAIT) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
    cr_assert(status == STATUS_OK);
}

static void check_next(int64_t want)
{
    int64_t time;
    cr_assert(cursor_next(&cursor, &time));
    cr_assert(time == want);
}

static size_t rows_before(int64_t edge)
{
    struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
    size_t rows = 0;
    for (size_t i = cursor_pieces(&cursor, edge, pieces); i-- > 0;)
        rows += pieces[i].rows;
    return rows;
}

Test(replay_cursor, finds_what_follows_its_position)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i * S, i);
    cursor_seek(&cursor, 1, 100 * S);
    cover(250 * S);
    cr_assert(cursor.covered >= 250 * S);
    check_next(100 * S);
    cr_assert(rows_before(100 * S) == 0);
    cr_assert(rows_before(100 * S + 1) == 1);
    cr_assert(rows_before(200 * S) == 100);
    cursor_advance(&cursor, 150 * S);
    check_next(150 * S);
    cr_assert(rows_before(200 * S) == 50);
    cursor_advance(&cursor, 150 * S + 1);
    check_next(151 * S);
}

Test(replay_cursor, tells_when_it_is_worth_covering_again)
{
    fake_tape_add(ticks, 0, 1);
    cursor_seek(&cursor, 1, 0);
    cr_assert(cursor_cover(&cursor, S, &error) == STATUS_WAIT);
    fake_source_run(&fake);
    cr_assert(told == 0);
    inbox_drain(&inbox);
    cr_assert(told == 1);
    cr_assert(cursor_cover(&cursor, S, &error) == STATUS_OK);
}

Test(replay_cursor, hears_nothing_of_a_place_it_has_left)
{
    cursor_seek(&cursor, 1, 0);
    cr_assert(cursor_cover(&cursor, S, &error) == STATUS_WAIT);
    fake_source_end(&fake, STATUS_INTERNAL);
    cursor_seek(&cursor, 1, 10 * GRAIN);
    inbox_drain(&inbox);
    cr_assert(told == 0);
    cr_assert(cursor_cover(&cursor, 10 * GRAIN + 1, &error) == STATUS_WAIT, "no failure of before");
}

Test(replay_cursor, pins_no_stretches_without_ticks)
{
    fake_tape_add(ticks, 0, 1);
    fake_tape_add(ticks, 100 * GRAIN, 2);
    cursor_seek(&cursor, 1, 0);
    cover(100 * GRAIN + 1);
    cr_assert(cursor.stretch_count == 2);
    cursor_advance(&cursor, 1);
    cr_assert(cursor.stretch_count == 1);
    check_next(100 * GRAIN);
}

Test(replay_cursor, stops_where_it_has_enough_for_a_frame)
{
    for (int64_t i = 0; i < 2 * CURSOR_ROWS_ENOUGH; i++)
        fake_tape_add(ticks, i * S / 100, i);
    cursor_seek(&cursor, 1, 0);
    cover(TIME_MAX);
    cr_assert(cursor.covered < 2 * CURSOR_ROWS_ENOUGH * S / 100);
    cr_assert(rows_before(cursor.covered) >= CURSOR_ROWS_ENOUGH);
    cursor_advance(&cursor, cursor.covered);
    cover(cursor.position + S);
    check_next(cursor.position);
}

Test(replay_cursor, holds_a_bounded_number_of_stretches)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    cursor_seek(&cursor, 1, 0);
    cover(TIME_MAX);
    cr_assert(cursor.stretch_count == CURSOR_STRETCHES_MAX);
    cr_assert(rows_before(TIME_MAX) == CURSOR_STRETCHES_MAX);
}

/* Pinned blocks used to be played though the ticks in them had changed. */
Test(replay_cursor, looks_again_when_ticks_have_changed)
{
    fake_tape_add(ticks, 0, 1);
    cursor_seek(&cursor, 1, 0);
    cover(GRAIN);
    cr_assert(rows_before(GRAIN) == 1);
    fake_tape_add(ticks, S, 2);
    cover(GRAIN);
    cr_assert(rows_before(GRAIN) == 1, "nobody has told");
    tape_invalidate(tape, "A", (struct time_range){S, S + 1});
    cover(GRAIN);
    cr_assert(rows_before(GRAIN) == 2);
}

Test(replay_cursor, moves_on_from_its_position_when_ticks_have_changed)
{
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * S, i);
    cursor_seek(&cursor, 1, 0);
    cover(GRAIN);
    cursor_advance(&cursor, 5 * S);
    tape_invalidate(tape, NULL, (struct time_range){0, GRAIN});
    cover(GRAIN);
    cr_assert(cursor.position == 5 * S);
    check_next(5 * S);
}

/* ---- backward ----------------------------------------------------------------------------- */

/* Market time on the axis of backward play. */
static int64_t back(int64_t instant)
{
    return axis_edge(-1, instant);
}

static void check_next_back(int64_t want)
{
    int64_t tick;
    cr_assert(cursor_next(&cursor, &tick));
    cr_assert(axis_tick(-1, tick) == want);
}

static void seek_back(int64_t from, int64_t until)
{
    cursor_seek(&cursor, -1, back(from));
    cover(back(until));
    cr_assert(cursor.covered >= back(until));
}

Test(replay_cursor, finds_what_lies_before_its_position_when_it_goes_backward)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i * S, i);
    seek_back(250 * S, 100 * S);
    check_next_back(249 * S);
    cr_assert(rows_before(back(250 * S)) == 0);
    cr_assert(rows_before(back(249 * S + 1)) == 0);
    cr_assert(rows_before(back(249 * S)) == 1);
    cr_assert(rows_before(back(150 * S)) == 100);
    cursor_advance(&cursor, back(200 * S));
    check_next_back(199 * S);
    cr_assert(rows_before(back(150 * S)) == 50);
    cursor_advance(&cursor, back(200 * S - 1));
    check_next_back(199 * S);
    cursor_advance(&cursor, back(199 * S));
    check_next_back(198 * S);
}

/* An edge exactly on a tick: forward the tick is at or after it, backward it is taken back. */
Test(replay_cursor, has_a_tick_at_its_edge_on_the_later_side_in_both_directions)
{
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * S, i);
    cursor_seek(&cursor, 1, 5 * S);
    cover(9 * S);
    check_next(5 * S);
    cr_assert(rows_before(7 * S) == 2, "5 and 6");
    seek_back(5 * S, 0);
    check_next_back(4 * S);
    cr_assert(rows_before(back(3 * S)) == 2, "4 and 3");
    seek_back(5 * S + 1, 0);
    check_next_back(5 * S);
}

Test(replay_cursor, gives_the_blocks_in_the_order_they_are_met)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i * S, i);
    tape_read_ahead(tape, cursor.track, (struct time_range){0, 300 * S}, false); /* whole grains */
    fake_source_run(&fake);
    struct cursor_piece pieces[CURSOR_STRETCHES_MAX];
    seek_back(200 * S, 100 * S);
    cr_assert(cursor_pieces(&cursor, back(100 * S), pieces) == 3);
    cr_assert(block_time(pieces[0].block, pieces[0].row) == 192 * S && pieces[0].rows == 8);
    cr_assert(block_time(pieces[1].block, pieces[1].row) == 128 * S && pieces[1].rows == 64);
    cr_assert(block_time(pieces[2].block, pieces[2].row) == 100 * S && pieces[2].rows == 28);
    cursor_seek(&cursor, 1, 100 * S);
    cover(200 * S);
    cr_assert(cursor_pieces(&cursor, 200 * S, pieces) == 3);
    cr_assert(block_time(pieces[0].block, pieces[0].row) == 100 * S && pieces[0].rows == 28);
    cr_assert(block_time(pieces[2].block, pieces[2].row) == 192 * S && pieces[2].rows == 8);
}

Test(replay_cursor, ends_a_block_where_its_next_tick_lies_in_both_directions)
{
    fake_tape_add(ticks, 100 * S, 1);
    tape_read_ahead(tape, cursor.track, (struct time_range){0, 300 * S}, false);
    fake_source_run(&fake);
    cursor_seek(&cursor, 1, 0);
    cover(200 * S);
    cr_assert(cursor_block_end(&cursor) == 2 * GRAIN);
    cursor_advance(&cursor, 100 * S + 1);
    cr_assert(cursor_block_end(&cursor) == cursor.covered);
    seek_back(200 * S, 10 * S);
    cr_assert(cursor_block_end(&cursor) == back(GRAIN));
    cursor_advance(&cursor, back(100 * S));
    cr_assert(cursor_block_end(&cursor) == cursor.covered);
}

/* The first tick at or after an instant of the axis, by looking at each. */
static bool slow_next_from(int64_t from, int64_t *tick)
{
    bool found = false;
    for (size_t i = 0; i < ticks->count; i++) {
        int64_t mine = axis_tick(cursor.direction, ticks->ticks[i].time);
        if (mine >= from && mine < cursor.covered && (!found || mine < *tick)) {
            *tick = mine;
            found = true;
        }
    }
    return found;
}

Test(replay_cursor, finds_the_next_tick_from_any_instant_in_both_directions)
{
    for (int64_t i = 0; i < 40; i++)
        fake_tape_add(ticks, i * i / 3 * S, i); /* some of one instant, some in one block */
    for (int direction = -1; direction <= 1; direction += 2) {
        int64_t begin = axis_edge(direction, direction > 0 ? 3 * S : 500 * S);
        int64_t end = axis_edge(direction, direction > 0 ? 500 * S : 3 * S);
        cursor_seek(&cursor, direction, begin);
        cover(end);
        for (int64_t from = begin; from < cursor.covered; from += S / 4) {
            int64_t found = 0;
            int64_t want = 0;
            bool is_there = slow_next_from(from, &want);
            cr_assert(cursor_next_from(&cursor, from, &found) == is_there);
            cr_assert(found == want);
            if (from != cursor.position && from % (40 * S) == 0)
                cursor_advance(&cursor, from);
        }
    }
}

Test(replay_cursor, never_parts_the_ticks_of_an_instant)
{
    for (int64_t i = 0; i < 300; i++)
        fake_tape_add(ticks, i / 100 * S, i);
    fake.block_rows = 10;
    cursor_seek(&cursor, 1, 0);
    cover(3 * S);
    for (int64_t instant = 0; instant < 3; instant++) {
        cr_assert(rows_before(instant * S) == (size_t)instant * 100);
        cr_assert(rows_before(instant * S + 1) == (size_t)(instant + 1) * 100);
    }
    tape_invalidate(tape, NULL, (struct time_range){0, GRAIN});
    seek_back(3 * S, 0);
    for (int64_t instant = 2; instant >= 0; instant--) {
        cr_assert(rows_before(back(instant * S + 1)) == (size_t)(2 - instant) * 100);
        cr_assert(rows_before(back(instant * S)) == (size_t)(3 - instant) * 100);
    }
}

Test(replay_cursor, holds_no_more_backward_than_forward)
{
    for (int64_t i = 0; i < 100; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    cursor_seek(&cursor, -1, back(100 * GRAIN));
    cover(back(0));
    cr_assert(cursor.stretch_count == CURSOR_STRETCHES_MAX);
    cr_assert(cursor.covered < back(0), "and knows that it is not all");
    cursor_advance(&cursor, cursor.covered);
    cr_assert(cursor.stretch_count == 0);
    cover(back(0));
    check_next_back((99 - CURSOR_STRETCHES_MAX) * GRAIN);
}

Test(replay_cursor, moves_on_backward_from_its_position_when_ticks_have_changed)
{
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * S, i);
    seek_back(20 * S, 0);
    cursor_advance(&cursor, back(5 * S));
    tape_invalidate(tape, "B", (struct time_range){0, GRAIN});
    fake_tape_add(ticks, 10 * S, 10); /* behind it */
    ticks->ticks[4].time = 3 * S;
    cover(back(0));
    check_next_back(4 * S);
    tape_invalidate(tape, "A", (struct time_range){3 * S, 5 * S});
    cover(back(0));
    cr_assert(cursor.position == back(5 * S));
    check_next_back(3 * S);
    cr_assert(rows_before(back(0)) == 5);
}

Test(replay_cursor, turns_around_without_hearing_of_what_it_waited_for)
{
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    cursor_seek(&cursor, 1, 5 * GRAIN);
    cr_assert(cursor_cover(&cursor, 6 * GRAIN, &error) == STATUS_WAIT);
    cr_assert(!fake_source_load(&fake)->backward);
    cursor_seek(&cursor, -1, back(5 * GRAIN));
    cr_assert(atomic_load(&fake_source_load(&fake)->cancelled));
    cr_assert(cursor_cover(&cursor, back(4 * GRAIN), &error) == STATUS_WAIT);
    cr_assert(fake_source_load(&fake)->backward);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(told == 1);
    cover(back(4 * GRAIN));
    check_next_back(4 * GRAIN);
}

/* A window is one load, forward and backward. */
Test(replay_cursor, tells_the_tape_how_far_it_will_go_on)
{
    int64_t from = 100 * S;
    int64_t to = 110 * S;
    for (int direction = -1; direction <= 1; direction += 2) {
        cursor_seek(&cursor, direction, direction > 0 ? from : back(to));
        cursor_expect(&cursor, direction > 0 ? to : back(from));
        cr_assert(cursor_cover(&cursor, cursor.expected, &error) == STATUS_WAIT);
        cr_assert(cursor.waiter.reach_us == 10 * S);
        const struct tick_load *load = fake_source_load(&fake);
        cr_assert(load->range.from <= from && load->range.to >= to);
        cursor_seek(&cursor, direction, cursor.position);
        cr_assert(cursor_cover(&cursor, cursor.position + 1, &error) == STATUS_WAIT);
        cr_assert(cursor.waiter.reach_us == 0, "forgotten with the position");
        while (fake_source_load(&fake) != NULL)
            fake_source_end(&fake, STATUS_END);
    }
    cursor_seek(&cursor, 1, 0);
}
