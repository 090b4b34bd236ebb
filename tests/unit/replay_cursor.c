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
