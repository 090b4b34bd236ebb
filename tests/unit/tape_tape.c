#include "tape_fixture.h"

#include <string.h>

TestSuite(tape, .init = tape_set_up, .fini = tape_tear_down);

Test(tape, waits_for_what_it_does_not_know_and_then_has_it_for_everybody)
{
    fake_tape_add(ticks, 10 * S, 1);
    struct asker one;
    asker_init(&one);
    cr_assert(pin(&one, 5 * S) == STATUS_WAIT);
    fake_source_run(&fake);
    cr_assert(one.told == 0, "only the owner's thread is told");
    inbox_drain(&inbox);
    cr_assert(one.told == 1);
    cr_assert(pin(&one, 5 * S) == STATUS_OK);
    cr_assert(one.stretch.range.from == 5 * S && one.stretch.range.to == 10 * S);
    cr_assert(one.stretch.block == NULL);
    struct asker two;
    asker_init(&two);
    cr_assert(pin(&two, 16 * S - 1) == STATUS_OK);
    cr_assert(pin(&one, 10 * S) == STATUS_OK);
    cr_assert(one.stretch.block->rows == 1);
    cr_assert(fake.load_count == 1);
    tape_unpin(&one.stretch);
    tape_unpin(&two.stretch);
}

Test(tape, loads_once_for_two_who_wait_for_the_same_instant)
{
    fake_tape_add(ticks, 10 * S, 1);
    struct asker askers[2];
    for (int i = 0; i < 2; i++) {
        asker_init(&askers[i]);
        cr_assert(pin(&askers[i], 10 * S) == STATUS_WAIT);
    }
    cr_assert(fake.load_count == 1);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    for (int i = 0; i < 2; i++) {
        cr_assert(askers[i].told == 1);
        cr_assert(pin(&askers[i], 10 * S) == STATUS_OK);
        tape_unpin(&askers[i].stretch);
    }
}

Test(tape, tells_a_failure_once_and_then_tries_again)
{
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    fake_source_end(&fake, STATUS_UNAVAILABLE);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_UNAVAILABLE);
    cr_assert(strlen(asker.error.text) > 0);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    cr_assert(fake.load_count == 2);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_OK);
    cr_assert(asker.stretch.block == NULL);
}

Test(tape, takes_an_early_end_for_no_failure)
{
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    fake_source_end(&fake, STATUS_END);
    inbox_drain(&inbox);
    cr_assert(asker.told == 1);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    tape_stop_waiting(tape, &asker.waiter);
}

Test(tape, forgets_a_load_that_fails_while_nobody_waits)
{
    tape_read_ahead(tape, track, (struct time_range){0, GRAIN}, false);
    fake_source_end(&fake, STATUS_INTERNAL);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT, "not the failure that nobody waited for");
    tape_stop_waiting(tape, &asker.waiter);
}

Test(tape, does_not_deliver_to_who_has_stopped_waiting)
{
    fake_tape_add(ticks, 0, 1);
    struct asker before;
    struct asker after;
    asker_init(&before);
    asker_init(&after);
    cr_assert(pin(&before, 0) == STATUS_WAIT);
    cr_assert(pin(&after, 0) == STATUS_WAIT);
    tape_stop_waiting(tape, &before.waiter);
    fake_source_run(&fake);
    tape_stop_waiting(tape, &after.waiter); /* its letter is in the inbox */
    cr_assert(inbox_drain(&inbox) == 0);
    cr_assert(before.told == 0);
    cr_assert(after.told == 0);
}

Test(tape, asks_for_no_time_that_there_is_not)
{
    /* The fake source asserts it; grains of 12 days do not end where time does. */
    tape_track_let_go(tape, &track);
    ticks->symbol.to = S << 20;
    track = tape_track_hold(tape, &ticks->symbol);
    visit(TIME_MIN);
    visit(TIME_MAX - 1);
    tape_read_ahead(tape, track, (struct time_range){TIME_MAX - 1, TIME_MAX}, false);
    tape_read_ahead(tape, track, (struct time_range){TIME_MIN, TIME_MIN + 1}, false);
    tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    tape_read_ahead(tape, track, (struct time_range){TIME_MIN, TIME_MIN + 1}, false);
    tape_read_ahead(tape, track, (struct time_range){TIME_MAX - 1, TIME_MAX}, false);
}

/* The end of what is known from `from` on, walking. */
static int64_t walk(int64_t from, int64_t to)
{
    struct asker asker;
    asker_init(&asker);
    while (from < to) {
        enum status status = pin(&asker, from);
        cr_assert(status == STATUS_OK || status == STATUS_WAIT);
        if (status == STATUS_OK) {
            from = asker.stretch.range.to;
            bool has_ticks = asker.stretch.block != NULL;
            tape_unpin(&asker.stretch);
            if (has_ticks)
                break;
            continue;
        }
        fake_source_step(&fake);
        inbox_drain(&inbox);
    }
    return from;
}

Test(tape, finds_ticks_behind_decades_of_nothing_in_a_few_dozen_loads)
{
    int64_t late = 54 * 365 * TIME_DAY_US;
    fake_tape_add(ticks, late, 1);
    cr_assert(walk(0, late + 1) > late);
    cr_assert(fake.load_count < 50, "%zu loads", fake.load_count);
    cr_assert(statistics().counts.blocks == 1);
}

Test(tape, ends_a_long_load_soon_after_the_first_ticks_it_meets)
{
    for (int64_t i = 0; i < 2000; i++)
        fake_tape_add(ticks, 10000 * GRAIN + i * GRAIN, i);
    walk(0, 20000 * GRAIN);
    fake_source_run(&fake);
    cr_assert(statistics().counts.blocks <= TAPE_LOAD_GRAINS + 2, "%zu blocks",
              statistics().counts.blocks);
}

Test(tape, keeps_adjoining_emptiness_in_one_piece_whatever_comes_first)
{
    visit(0);
    visit(32 * S);
    visit(16 * S);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 16 * S) == STATUS_OK);
    cr_assert(asker.stretch.range.from == 0);
    cr_assert(asker.stretch.range.to == 48 * S);
}

Test(tape, cuts_a_load_that_somebody_would_wait_long_for)
{
    for (int64_t i = 0; i < 16; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    tape_read_ahead(tape, track, (struct time_range){0, 16 * GRAIN}, false);
    struct asker near;
    struct asker far;
    asker_init(&near);
    asker_init(&far);
    cr_assert(pin(&far, 10 * GRAIN) == STATUS_WAIT);
    cr_assert(fake.load_count == 2, "an urgent one of its own");
    cr_assert(pin(&near, GRAIN) == STATUS_WAIT);
    cr_assert(fake.load_count == 2, "the running one is nearly there");
    cr_assert(fake.urge_count == 1);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&near, GRAIN) == STATUS_OK && near.stretch.block->rows == 1);
    cr_assert(pin(&far, 10 * GRAIN) == STATUS_OK && far.stretch.block->rows == 1);
    cr_assert(far.stretch.range.from == 10 * GRAIN);
    tape_unpin(&near.stretch);
    tape_unpin(&far.stretch);
}

Test(tape, reads_ahead_without_loading_anything_twice)
{
    visit(3 * GRAIN);
    size_t before = fake.load_count;
    tape_read_ahead(tape, track, (struct time_range){0, 8 * GRAIN}, false);
    cr_assert(fake.load_count == before + 2, "around what is there");
    tape_read_ahead(tape, track, (struct time_range){0, 8 * GRAIN}, false);
    cr_assert(fake.load_count == before + 2);
}

Test(tape, has_a_bounded_number_of_prefetches_under_way)
{
    for (int64_t i = 0; i < 100; i++)
        tape_read_ahead(tape, track, (struct time_range){100 * i * GRAIN, (100 * i + 1) * GRAIN},
                        false);
    cr_assert(fake.load_count == TAPE_PREFETCHES_MAX);
    fake_source_run(&fake);
    tape_read_ahead(tape, track, (struct time_range){-2 * GRAIN, -GRAIN}, false);
    cr_assert(fake.load_count == TAPE_PREFETCHES_MAX + 1, "they do end");
}

Test(tape, asks_again_for_what_was_invalidated_and_for_nothing_else)
{
    fake_tape_add(ticks, 0, 1);
    fake_tape_add(ticks, GRAIN, 2);
    visit(0);
    visit(GRAIN);
    uint64_t changes = track_changes(track);
    tape_invalidate(tape, "B", (struct time_range){0, 2 * GRAIN});
    cr_assert(track_changes(track) == changes, "another symbol");
    tape_invalidate(tape, "A", (struct time_range){GRAIN, GRAIN + 1});
    cr_assert(track_changes(track) == changes + 1);
    size_t before = fake.load_count;
    visit(0);
    cr_assert(fake.load_count == before);
    visit(GRAIN);
    cr_assert(fake.load_count == before + 1);
}

Test(tape, does_not_use_what_a_load_brings_after_it_was_invalidated)
{
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    tape_invalidate(tape, NULL, (struct time_range){0, 1});
    cr_assert(atomic_load(&fake_source_load(&fake)->cancelled), "it need not be read on");
    fake_tape_add(ticks, 0, 1);
    inbox_drain(&inbox);
    cr_assert(asker.told == 1, "asked to try again");
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    cr_assert(fake.load_count == 2);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_OK);
    cr_assert(asker.stretch.block != NULL);
    tape_unpin(&asker.stretch);
}

Test(tape, lets_a_pinned_block_live_when_its_range_is_invalidated)
{
    fake_tape_add(ticks, 0, 7);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_OK);
    tape_invalidate(tape, NULL, (struct time_range){0, 1});
    cr_assert(block_tick(asker.stretch.block, 0).fields[TICK_BID] == 7 * DECIMAL_ONE);
    cr_assert(statistics().counts.blocks == 0);
    tape_unpin(&asker.stretch);
}

Test(tape, keeps_within_its_budget_and_evicts_what_was_used_least)
{
    tape_tear_down();
    tape_set_up_with(4096);
    for (int64_t i = 0; i < 64; i++)
        fake_tape_add(ticks, i * GRAIN, i);
    visit(0);
    visit(0); /* by a second viewer: protected */
    for (int64_t i = 1; i < 64; i++)
        visit(i * GRAIN);
    struct tape_statistics now = statistics();
    cr_assert(now.counts.bytes <= now.budget_bytes, "%zu bytes", now.counts.bytes);
    cr_assert(now.counts.evictions > 0);
    size_t before = fake.load_count;
    visit(0);
    cr_assert(fake.load_count == before, "a scan has not pushed it out");
    visit(GRAIN);
    cr_assert(fake.load_count == before + 1);
}

Test(tape, does_not_evict_what_was_published_for_a_waiter_before_it_has_looked)
{
    tape_tear_down();
    tape_set_up_with(1);
    fake_tape_add(ticks, 0, 1);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_OK);
    cr_assert(asker.stretch.block->rows == 1);
    tape_unpin(&asker.stretch);
}

Test(tape, gives_up_a_track_that_nobody_needs)
{
    visit(0);
    tape_track_let_go(tape, &track);
    tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    ticks->symbol.to = 2 * GRAIN;
    track = tape_track_hold(tape, &ticks->symbol);
    cr_assert(track_grain_us(track) == 2 * GRAIN, "a new one, of the density known now");
}
