#include "tape_fixture.h"

#include "tape/track.h"

/* How the tape adapts: to the density of a symbol, and to a budget that pins exceed. */

TestSuite(tape_density, .init = tape_set_up, .fini = tape_tear_down);

static const struct time_range one_grain = {0, GRAIN};

static void learn(size_t times, struct time_range range, size_t rows)
{
    for (size_t i = 0; i < times; i++)
        track_learn(track, range, rows);
}

/* ---- grains ------------------------------------------------------------------------------- */

Test(tape_density, doubles_the_grain_after_32_lean_blocks)
{
    for (int64_t i = 0; i < 33; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    tape_read_ahead(tape, track, (struct time_range){0, 31 * GRAIN}, false);
    fake_source_run(&fake);
    cr_assert(statistics().counts.blocks == 31);
    cr_assert(track_grain_us(track) == GRAIN);
    tape_read_ahead(tape, track, (struct time_range){31 * GRAIN, 32 * GRAIN}, false);
    fake_source_run(&fake);
    cr_assert(track_grain_us(track) == 2 * GRAIN);
    cr_assert(track_now().grain_us == 2 * GRAIN);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 40 * GRAIN) == STATUS_WAIT);
    cr_assert(fake_source_load(&fake)->grain_us == 2 * GRAIN, "of what is loaded from now on");
    tape_stop_waiting(tape, &asker.waiter);
}

Test(tape_density, believes_nothing_that_is_not_32_times_in_a_row)
{
    size_t enough = TAPE_GRAIN_ROWS / 4;
    learn(31, one_grain, enough - 1);
    learn(1, one_grain, enough);
    learn(31, one_grain, enough - 1);
    cr_assert(track_grain_us(track) == GRAIN);
    learn(1, one_grain, enough - 1);
    cr_assert(track_grain_us(track) == 2 * GRAIN);
    learn(31, (struct time_range){0, 2 * GRAIN}, 1);
    cr_assert(track_grain_us(track) == 2 * GRAIN, "counted anew");
}

Test(tape_density, halves_the_grain_after_4_fat_blocks)
{
    size_t most = 2 * TAPE_GRAIN_ROWS;
    learn(3, one_grain, most + 1);
    learn(1, one_grain, most);
    learn(3, one_grain, most + 1);
    cr_assert(track_grain_us(track) == GRAIN);
    learn(1, one_grain, most + 1);
    cr_assert(track_grain_us(track) == GRAIN / 2);
}

Test(tape_density, learns_nothing_from_a_part_of_a_grain_unless_the_block_is_full)
{
    learn(100, (struct time_range){0, GRAIN / 2}, 1);
    learn(100, (struct time_range){0, GRAIN / 2}, BLOCK_ROWS_MAX - 1);
    cr_assert(track_grain_us(track) == GRAIN);
    learn(4, (struct time_range){0, GRAIN / 2}, BLOCK_ROWS_MAX);
    cr_assert(track_grain_us(track) == GRAIN / 2);
}

Test(tape_density, keeps_grains_between_a_second_and_a_year)
{
    for (int i = 0; i < 40; i++) {
        int64_t grain_us = track_grain_us(track);
        learn(4, (struct time_range){0, grain_us}, BLOCK_ROWS_MAX);
    }
    cr_assert(track_grain_us(track) == TAPE_GRAIN_US_LEAST);
    for (int i = 0; i < 40; i++) {
        int64_t grain_us = track_grain_us(track);
        learn(100, (struct time_range){0, grain_us}, 1);
    }
    cr_assert(track_grain_us(track) == TAPE_GRAIN_US_MOST);
    visit(0);
    visit_back(0);
}

/* ---- tight -------------------------------------------------------------------------------- */

#define PINS 16
#define SMALL_BUDGET 3000

/* More pins than the budget allows. */
static void pin_beyond_budget(struct asker *askers)
{
    tape_tear_down();
    tape_set_up_with(SMALL_BUDGET);
    for (int64_t i = 0; i < 10000; i++)
        fake_tape_add(ticks, i * S, i);
    for (int64_t i = 0; i < PINS; i++) {
        asker_init(&askers[i]);
        pin_surely(&askers[i], i * GRAIN);
    }
}

static void unpin_all(struct asker *askers)
{
    for (size_t i = 0; i < PINS; i++)
        tape_unpin(&askers[i].stretch);
}

Test(tape_density, reads_nothing_ahead_and_little_at_once_while_pins_exceed_the_budget)
{
    struct asker askers[PINS];
    pin_beyond_budget(askers);
    cr_assert(tape_is_tight(tape));
    cr_assert(statistics().counts.bytes > SMALL_BUDGET);
    size_t before = fake.load_count;
    tape_read_ahead(tape, track, (struct time_range){50 * GRAIN, 60 * GRAIN}, false);
    tape_read_ahead(tape, track, (struct time_range){50 * GRAIN, 60 * GRAIN}, true);
    cr_assert(fake.load_count == before);
    struct asker late;
    asker_init(&late);
    cr_assert(pin(&late, 50 * GRAIN) == STATUS_WAIT, "who waits is served");
    cr_assert(fake_source_load(&fake)->grain_us == GRAIN / TAPE_TIGHT_PARTS);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    for (int64_t at = 50 * GRAIN; at < 51 * GRAIN; at = late.stretch.range.to) {
        pin_surely(&late, at);
        cr_assert(late.stretch.range.to - late.stretch.range.from <= GRAIN / TAPE_TIGHT_PARTS);
        tape_unpin(&late.stretch);
    }
    unpin_all(askers);
}

Test(tape_density, is_at_ease_again_when_the_pins_are_given_back)
{
    struct asker askers[PINS];
    pin_beyond_budget(askers);
    unpin_all(askers);
    visit(80 * GRAIN);
    cr_assert(!tape_is_tight(tape));
    cr_assert(statistics().counts.bytes <= SMALL_BUDGET);
    size_t before = fake.load_count;
    tape_read_ahead(tape, track, (struct time_range){50 * GRAIN, 51 * GRAIN}, false);
    cr_assert(fake.load_count == before + 1);
    cr_assert(fake_source_load(&fake)->grain_us == GRAIN);
}

Test(tape_density, is_not_tight_with_more_than_the_budget_has_room_for_unless_it_is_pinned)
{
    tape_tear_down();
    tape_set_up_with(SMALL_BUDGET);
    for (int64_t i = 0; i < PINS; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    for (int64_t i = 0; i < PINS; i++)
        visit(i * GRAIN);
    cr_assert(statistics().counts.evictions > 0);
    cr_assert(!tape_is_tight(tape));
}

/* ---- looking without asking --------------------------------------------------------------- */

Test(tape_density, lets_who_peeks_see_what_is_there_and_asks_for_nothing)
{
    fake_tape_add(ticks, 0, 7);
    struct tape_stretch stretch;
    cr_assert(!tape_peek(tape, track, 0, &stretch));
    tape_read_ahead(tape, track, (struct time_range){0, 2 * GRAIN}, false);
    cr_assert(!tape_peek(tape, track, 0, &stretch), "it is only being loaded");
    fake_source_run(&fake);
    cr_assert(tape_peek(tape, track, 1, &stretch));
    cr_assert(stretch.range.from == 0 && stretch.range.to == GRAIN);
    tape_invalidate(tape, NULL, (struct time_range){0, 1});
    cr_assert(block_tick(stretch.block, 0).fields[TICK_BID] == 7 * DECIMAL_ONE, "it is pinned");
    tape_unpin(&stretch);
    cr_assert(tape_peek(tape, track, GRAIN, &stretch));
    cr_assert(stretch.block == NULL);
    tape_unpin(&stretch);
    cr_assert(!tape_peek(tape, track, 2 * GRAIN, &stretch));
    cr_assert(fake.load_count == 1);
    cr_assert(statistics().counts.hits == 0 && statistics().counts.misses == 0);
}

/* The same scan leaves what a second viewer has visited: tape_tape.c. */
Test(tape_density, does_not_keep_what_has_only_been_peeked_at)
{
    tape_tear_down();
    tape_set_up_with(4096);
    for (int64_t i = 0; i < 64; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    visit(0);
    for (int i = 0; i < 10; i++) {
        struct tape_stretch stretch;
        cr_assert(tape_peek(tape, track, 0, &stretch));
        tape_unpin(&stretch);
    }
    for (int64_t i = 1; i < 64; i++)
        visit(i * GRAIN);
    size_t before = fake.load_count;
    visit(0);
    cr_assert(fake.load_count == before + 1);
}

/* ---- statistics --------------------------------------------------------------------------- */

Test(tape_density, counts_each_track_by_itself_and_all_of_them_together)
{
    struct fake_tape *other = fake_source_symbol(&fake, "B", 2 * GRAIN);
    struct track *second = tape_track_hold(tape, &other->symbol);
    fake_tape_add(ticks, 0, 1);
    visit(0);
    visit(0);
    tape_read_ahead(tape, second, (struct time_range){0, 2 * GRAIN}, false);
    fake_source_run(&fake);
    struct track_statistics both[3];
    cr_assert(tape_track_statistics(tape, both, 3) == 2);
    struct track_statistics mine = track_now();
    struct track_statistics theirs = both[both[0].grain_us == GRAIN ? 1 : 0];
    cr_assert(mine.grain_us == GRAIN && theirs.grain_us == 2 * GRAIN);
    cr_assert(mine.counts.blocks == 1 && mine.counts.misses == 1 && mine.counts.hits == 1);
    cr_assert(mine.counts.urgent_loads == 1 && mine.counts.prefetch_loads == 0);
    cr_assert(theirs.counts.blocks == 0 && theirs.counts.empties == 1);
    cr_assert(theirs.counts.misses == 0 && theirs.counts.hits == 0);
    cr_assert(theirs.counts.urgent_loads == 0 && theirs.counts.prefetch_loads == 1);
    struct tape_counts all = statistics().counts;
    cr_assert(all.bytes == mine.counts.bytes + theirs.counts.bytes);
    cr_assert(all.blocks == 1 && all.empties == mine.counts.empties + 1);
    cr_assert(all.urgent_loads == 1 && all.prefetch_loads == 1);
    tape_track_let_go(tape, &second);
}

Test(tape_density, tells_how_many_tracks_there_are_also_where_it_has_no_room_for_them)
{
    struct fake_tape *other = fake_source_symbol(&fake, "B", GRAIN);
    struct track *second = tape_track_hold(tape, &other->symbol);
    struct track_statistics one[2] = {{.grain_us = 1}, {.grain_us = 1}};
    cr_assert(tape_track_statistics(tape, one, 0) == 2);
    cr_assert(one[0].grain_us == 1);
    cr_assert(tape_track_statistics(tape, one, 1) == 2);
    cr_assert(one[0].grain_us == GRAIN && one[1].grain_us == 1);
    tape_track_let_go(tape, &second);
    cr_assert(tape_track_statistics(tape, one, 2) == 1, "nobody needs the other");
}

Test(tape_density, counts_evictions_where_they_happen)
{
    tape_tear_down();
    tape_set_up_with(4096);
    for (int64_t i = 0; i < 64; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    for (int64_t i = 0; i < 64; i++)
        visit(i * GRAIN);
    struct tape_counts counts = track_now().counts;
    cr_assert(counts.evictions > 0 && counts.evictions == statistics().counts.evictions);
    cr_assert(counts.bytes == statistics().counts.bytes);
}
