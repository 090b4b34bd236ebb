#include "tape_fixture.h"

#include "tape/track.h"

TestSuite(tape_loads, .init = tape_set_up, .fini = tape_tear_down);

/* A tick a second in [from, to). */
static void add_ticks(int64_t from, int64_t to)
{
    for (int64_t time = from; time < to; time += S)
        fake_tape_add(ticks, time, time / S);
}

/* A tick at the start of each of so many grains. */
static void add_grains(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        fake_tape_add(ticks, i * GRAIN, i);
}

static size_t loads_under_way(void)
{
    size_t count = 0;
    for (struct list *node = fake.loads.next; node != &fake.loads; node = node->next)
        count += !atomic_load(&CONTAINER_OF(node, struct tick_load, node)->cancelled);
    return count;
}

static void check_load(int64_t from, int64_t to, bool backward, int64_t first_us)
{
    const struct tick_load *load = fake_source_load(&fake);
    cr_assert(load != NULL);
    cr_assert(load->range.from == from, "from %" PRId64, load->range.from);
    cr_assert(load->range.to == to, "to %" PRId64, load->range.to);
    cr_assert(load->backward == backward && load->first_us == first_us);
    cr_assert(load->grain_us == GRAIN);
}

/* ---- the first stretches ------------------------------------------------------------------ */

Test(tape_loads, begin_where_somebody_waits_and_bring_a_little_first)
{
    add_ticks(0, GRAIN);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 10 * S) == STATUS_WAIT);
    check_load(10 * S, 32 * S, false, GRAIN / TAPE_FIRST_PARTS);
    cr_assert(fake_source_load(&fake)->urgency == SOURCE_URGENT);
    static const int64_t ends[] = {11 * S, 12 * S, 16 * S, 24 * S, 32 * S};
    int64_t from = 10 * S;
    for (size_t i = 0; i < 5; i++) {
        fake_source_step(&fake);
        inbox_drain(&inbox);
        cr_assert(pin(&asker, from) == STATUS_OK);
        cr_assert(asker.stretch.range.from == from && asker.stretch.range.to == ends[i]);
        cr_assert(asker.stretch.block->rows == (size_t)((ends[i] - from) / S));
        from = ends[i];
        tape_unpin(&asker.stretch);
    }
    cr_assert(pin(&asker, 32 * S) == STATUS_WAIT);
    check_load(32 * S, GRAIN, false, GRAIN / TAPE_FIRST_PARTS); /* who goes on wants the rest */
    tape_stop_waiting(tape, &asker.waiter);
}

Test(tape_loads, begin_where_somebody_waits_who_goes_backward)
{
    add_ticks(0, GRAIN);
    struct asker asker;
    asker_init_back(&asker);
    cr_assert(pin(&asker, 53 * S) == STATUS_WAIT);
    check_load(32 * S, 54 * S, true, GRAIN / TAPE_FIRST_PARTS);
    static const int64_t starts[] = {53 * S, 52 * S, 48 * S, 40 * S, 32 * S};
    int64_t to = 54 * S;
    for (size_t i = 0; i < 5; i++) {
        fake_source_step(&fake);
        inbox_drain(&inbox);
        cr_assert(pin(&asker, to - 1) == STATUS_OK);
        cr_assert(asker.stretch.range.from == starts[i] && asker.stretch.range.to == to);
        cr_assert(asker.stretch.block->rows == (size_t)((to - starts[i]) / S));
        to = starts[i];
        tape_unpin(&asker.stretch);
    }
    cr_assert(pin(&asker, 32 * S - 1) == STATUS_WAIT);
    check_load(0, 32 * S, true, GRAIN / TAPE_FIRST_PARTS);
    tape_stop_waiting(tape, &asker.waiter);
}

/* Whoever jumps about would wait behind the rest of all the grains that he has left. */
Test(tape_loads, for_somebody_who_has_jumped_are_short_and_never_leave_the_grain)
{
    static const struct {
        int64_t instant;
        int64_t to;
    } jumps[] = {{0, 16 * S},      {7 * S, 16 * S},        {8 * S, 16 * S},   {8 * S + 1, 32 * S},
                 {40 * S, 48 * S}, {GRAIN - 9 * S, GRAIN}, {GRAIN - 1, GRAIN}};
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        struct asker asker;
        asker_init(&asker);
        cr_assert(pin(&asker, jumps[i].instant) == STATUS_WAIT);
        check_load(time_floor(jumps[i].instant, GRAIN / TAPE_FIRST_PARTS), jumps[i].to, false,
                   GRAIN / TAPE_FIRST_PARTS);
        tape_stop_waiting(tape, &asker.waiter);
        fake_source_end(&fake, STATUS_END);
    }
}

/* ---- for somebody of whom more is known ---------------------------------------------------- */

/* Who asks where, and the load that this begins. */
struct ask {
    int64_t instant;
    int64_t reach_us;
    bool backward;
    struct time_range range;
    int64_t first_us;
};

static void check_ask(const struct ask *ask, bool looks_back)
{
    struct asker asker;
    asker_init(&asker);
    asker.waiter.reach_us = ask->reach_us;
    asker.waiter.backward = ask->backward;
    asker.waiter.looks_back = looks_back;
    cr_assert(pin(&asker, ask->instant) == STATUS_WAIT);
    check_load(ask->range.from, ask->range.to, ask->backward, ask->first_us);
    tape_stop_waiting(tape, &asker.waiter);
    fake_source_end(&fake, STATUS_END);
}

/* One load brings the window, in first stretches that are short enough for it. */
Test(tape_loads, of_a_window_bring_it_and_no_more)
{
    static const struct ask asks[] = {
        {10 * S, 40 * S, false, {10 * S, 50 * S}, S},
        {50 * S - 1, 40 * S, true, {10 * S, 50 * S}, S},
        {62 * S, 3 * S, false, {62 * S, 65 * S}, S / 2}, /* beyond a grain's end */
        {10 * S + 1, 2 * S - 1, false, {10 * S + 1, 12 * S}, S / 4},
        {12 * S - 2, 2 * S - 1, true, {10 * S, 12 * S - 1}, S / 4},
        {10 * S, 1, false, {10 * S, 10 * S + 1}, S / 4},
        {10 * S, GRAIN, false, {10 * S, 10 * S + GRAIN}, S},
        {10 * S, GRAIN + 1, false, {10 * S, 32 * S}, S}, /* more than a grain: as any jump */
        {10 * S, 0, false, {10 * S, 32 * S}, S},
    };
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++)
        check_ask(&asks[i], false);
}

Test(tape_loads, of_a_window_bring_every_tick_once)
{
    add_ticks(0, 4 * GRAIN);
    struct time_range window = {.from = 3 * S + 1, .to = GRAIN - S / 3};
    for (int backward = 0; backward <= 1; backward++) {
        struct asker asker;
        asker_init(&asker);
        asker.waiter.backward = backward;
        size_t before = fake.load_count;
        size_t rows = 0;
        int64_t at = backward ? window.to - 1 : window.from;
        while (backward ? at >= window.from : at < window.to) {
            asker.waiter.reach_us = backward ? at + 1 - window.from : window.to - at;
            pin_surely(&asker, at);
            if (asker.stretch.block != NULL)
                rows += block_find(asker.stretch.block, window.to) -
                        block_find(asker.stretch.block, window.from);
            at = backward ? asker.stretch.range.from - 1 : asker.stretch.range.to;
            tape_unpin(&asker.stretch);
        }
        cr_assert(rows == 60, "%zu rows", rows);
        cr_assert(fake.load_count == before + 1, "one load");
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    }
}

/* A page of ticks after the other used to be a question to the database each. */
Test(tape_loads, of_windows_that_follow_each_other_bring_the_rest_of_the_grain)
{
    for (int backward = 0; backward <= 1; backward++) {
        for (int is_empty = 1; is_empty >= 0; is_empty--) {
            if (!is_empty && ticks->count == 0)
                add_ticks(0, GRAIN);
            struct asker asker;
            asker_init(&asker);
            asker.waiter.backward = backward;
            asker.waiter.reach_us = S;
            size_t before = fake.load_count;
            for (int64_t page = 20; page < 40; page++) {
                pin_surely(&asker, backward ? (60 - page) * S - 1 : page * S);
                tape_unpin(&asker.stretch);
            }
            cr_assert(fake.load_count == before + 2, "%zu loads", fake.load_count - before);
            tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
        }
    }
}

Test(tape_loads, for_somebody_who_looks_back_begin_a_little_earlier)
{
    static const struct ask asks[] = {
        {10 * S, 0, false, {10 * S - S / 16, 32 * S}, S},
        {10 * S + S / 2, 0, false, {10 * S, 32 * S}, S}, /* it does anyway */
        {10 * S, 2 * S, false, {10 * S - S / 16, 12 * S}, S / 2},
        {53 * S, 0, true, {32 * S, 54 * S}, S}, /* who goes back gets there anyway */
    };
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++)
        check_ask(&asks[i], true);
    struct asker asker;
    asker_init(&asker);
    asker.waiter.looks_back = true;
    cr_assert(pin(&asker, TIME_MIN) == STATUS_WAIT);
    cr_assert(fake_source_load(&fake)->range.from == TIME_MIN, "there is nothing earlier");
    tape_stop_waiting(tape, &asker.waiter);
}

/* ---- reading ahead ------------------------------------------------------------------------- */

/* Rounding to grains is no reason to load anything. */
Test(tape_loads, do_not_read_ahead_beyond_what_is_wanted)
{
    add_ticks(0, GRAIN);
    struct time_range window = {.from = 10 * S, .to = 20 * S};
    struct asker asker;
    asker_init(&asker);
    asker.waiter.reach_us = window.to - window.from;
    cr_assert(pin(&asker, window.from) == STATUS_WAIT);
    tape_read_ahead(tape, track, window, false);
    tape_read_ahead(tape, track, window, true);
    cr_assert(fake.load_count == 1, "it is on its way");
    fake_source_run(&fake);
    tape_read_ahead(tape, track, window, false);
    cr_assert(fake.load_count == 1, "it is there");
    window.to++;
    tape_read_ahead(tape, track, window, false);
    cr_assert(fake.load_count == 2, "a microsecond is not");
    check_load(20 * S, GRAIN, false, 0);
    tape_stop_waiting(tape, &asker.waiter);
}

Test(tape_loads, that_read_ahead_bring_whole_grains)
{
    add_ticks(0, 4 * GRAIN);
    for (int backward = 0; backward <= 1; backward++) {
        tape_read_ahead(tape, track, (struct time_range){GRAIN / 2, 3 * GRAIN}, backward);
        check_load(0, 3 * GRAIN, backward, 0);
        cr_assert(fake_source_load(&fake)->urgency == SOURCE_PREFETCH);
        fake_source_run(&fake);
        cr_assert(statistics().counts.blocks == 3);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    }
}

Test(tape_loads, fill_the_rest_of_a_grain_from_either_side)
{
    add_ticks(0, GRAIN);
    visit(40 * S);
    struct asker asker;
    asker_init_back(&asker);
    cr_assert(pin(&asker, 40 * S - 1) == STATUS_WAIT);
    check_load(0, 40 * S, true, GRAIN / TAPE_FIRST_PARTS);
    tape_stop_waiting(tape, &asker.waiter);
    fake_source_run(&fake);
    tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    visit_back(40 * S);
    asker_init(&asker);
    cr_assert(pin(&asker, 44 * S) == STATUS_WAIT);
    check_load(44 * S, GRAIN, false, GRAIN / TAPE_FIRST_PARTS);
    tape_stop_waiting(tape, &asker.waiter);
}

/* ---- emptiness, backward ------------------------------------------------------------------ */

Test(tape_loads, find_ticks_before_decades_of_nothing_in_a_few_dozen)
{
    fake_tape_add(ticks, 0, 1);
    int64_t at = 54 * 365 * TIME_DAY_US;
    struct asker asker;
    asker_init_back(&asker);
    for (bool found = false; !found;) {
        pin_surely(&asker, at);
        found = asker.stretch.block != NULL;
        at = asker.stretch.range.from - 1;
        tape_unpin(&asker.stretch);
    }
    cr_assert(at < 0);
    cr_assert(fake.load_count < 50, "%zu loads", fake.load_count);
    cr_assert(statistics().counts.blocks == 1);
}

Test(tape_loads, end_soon_after_the_last_ticks_they_meet_backward)
{
    add_grains(2000);
    int64_t at = 4000 * GRAIN;
    struct asker asker;
    asker_init_back(&asker);
    for (bool found = false; !found;) {
        enum status status = pin(&asker, at);
        if (status == STATUS_WAIT) {
            fake_source_step(&fake);
            inbox_drain(&inbox);
            continue;
        }
        cr_assert(status == STATUS_OK);
        found = asker.stretch.block != NULL;
        at = asker.stretch.range.from - 1;
        tape_unpin(&asker.stretch);
    }
    fake_source_run(&fake);
    cr_assert(statistics().counts.blocks <= TAPE_LOAD_GRAINS + 2, "%zu blocks",
              statistics().counts.blocks);
}

/* ---- reading ahead, backward -------------------------------------------------------------- */

Test(tape_loads, read_ahead_backward_around_what_is_there)
{
    add_grains(8);
    visit(3 * GRAIN);
    size_t before = fake.load_count;
    for (int i = 0; i < 2; i++) {
        tape_read_ahead(tape, track, (struct time_range){0, 8 * GRAIN}, true);
        cr_assert(fake.load_count == before + 2, "nothing twice");
    }
    check_load(3 * GRAIN + 16 * S, 8 * GRAIN, true, 0); /* what comes first */
    fake_source_run(&fake);
    for (int64_t i = 0; i < 8; i++)
        visit_back(i * GRAIN);
    cr_assert(fake.load_count == before + 2, "now it is all there");
}

Test(tape_loads, read_ahead_from_the_playhead_and_not_behind_it)
{
    visit(5 * GRAIN);
    size_t before = fake.load_count;
    tape_read_ahead(tape, track, (struct time_range){3 * GRAIN, 5 * GRAIN + S}, true);
    cr_assert(fake.load_count == before + 1);
    check_load(3 * GRAIN, 5 * GRAIN, true, 0);
    fake_source_run(&fake);
    visit(6 * GRAIN - S);
    tape_read_ahead(tape, track, (struct time_range){6 * GRAIN - S, 7 * GRAIN}, false);
    check_load(6 * GRAIN, 7 * GRAIN, false, 0);
}

Test(tape_loads, read_ahead_in_bounded_pieces_the_nearest_first)
{
    add_grains(400);
    tape_read_ahead(tape, track, (struct time_range){0, 400 * GRAIN}, true);
    cr_assert(fake.load_count == TAPE_PREFETCHES_MAX);
    check_load((400 - TAPE_LOAD_GRAINS) * GRAIN, 400 * GRAIN, true, 0);
    while (fake_source_load(&fake) != NULL)
        fake_source_end(&fake, STATUS_END);
    tape_read_ahead(tape, track, (struct time_range){0, 400 * GRAIN}, false);
    check_load(0, TAPE_LOAD_GRAINS * GRAIN, false, 0);
}

/* ---- cut short ---------------------------------------------------------------------------- */

/* A load over 16 grains, and somebody far ahead of its front, in each pair of directions. */
Test(tape_loads, leave_what_is_far_ahead_to_one_of_its_own)
{
    add_grains(16);
    for (int pair = 0; pair < 4; pair++) {
        bool load_back = (pair & 1) != 0;
        bool asks_back = (pair & 2) != 0;
        struct asker far;
        asker_init(&far);
        far.waiter.backward = asks_back;
        size_t before = fake.load_count;
        tape_read_ahead(tape, track, (struct time_range){0, 16 * GRAIN}, load_back);
        int64_t instant = 8 * GRAIN;
        cr_assert(pin(&far, instant) == STATUS_WAIT);
        cr_assert(fake.load_count == before + 2, "pair %d", pair);
        const struct tick_load *load = fake_source_load(&fake);
        cr_assert(load->urgency == SOURCE_URGENT && load->backward == asks_back);
        cr_assert(load->range.from <= instant && instant < load->range.to);
        fake_source_run(&fake);
        inbox_drain(&inbox);
        cr_assert(pin(&far, instant) == STATUS_OK);
        cr_assert(far.stretch.block != NULL && far.stretch.block->rows == 1);
        tape_unpin(&far.stretch);
        for (int64_t i = 0; i < 16; i++)
            visit(i * GRAIN + 1);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    }
}

Test(tape_loads, are_urged_where_they_are_nearly_there)
{
    add_grains(16);
    for (int pair = 0; pair < 4; pair++) {
        bool load_back = (pair & 1) != 0;
        struct asker near;
        asker_init(&near);
        near.waiter.backward = (pair & 2) != 0;
        size_t loads = fake.load_count;
        size_t urges = fake.urge_count;
        tape_read_ahead(tape, track, (struct time_range){0, 16 * GRAIN}, load_back);
        int64_t instant = load_back ? 14 * GRAIN : 2 * GRAIN - 1;
        cr_assert(pin(&near, instant) == STATUS_WAIT);
        cr_assert(fake.load_count == loads + 1 && fake.urge_count == urges + 1, "pair %d", pair);
        fake_source_run(&fake);
        inbox_drain(&inbox);
        cr_assert(pin(&near, instant) == STATUS_OK);
        tape_unpin(&near.stretch);
        tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
    }
}

Test(tape_loads, are_cut_at_their_own_grain_though_that_of_the_track_has_changed)
{
    add_grains(32);
    for (int fat = 0; fat <= 1; fat++) {
        for (int pair = 0; pair < 4; pair++) {
            int64_t grain_us = track_grain_us(track);
            tape_read_ahead(tape, track, (struct time_range){0, 16 * grain_us}, (pair & 1) != 0);
            for (int i = 0; i < (fat ? 4 : 32); i++)
                track_learn(track, (struct time_range){0, grain_us}, fat ? BLOCK_ROWS_MAX : 1);
            cr_assert(track_grain_us(track) != grain_us);
            struct asker far;
            asker_init(&far);
            far.waiter.backward = (pair & 2) != 0;
            pin_surely(&far, 7 * grain_us + 1); /* the tape asserts where stretches end */
            tape_unpin(&far.stretch);
            fake_source_run(&fake);
            tape_invalidate(tape, NULL, (struct time_range){TIME_MIN, TIME_MAX});
        }
    }
}

/* A waiter used to be told by the very cut that it had asked for: it asked, and counted, twice, and
 * its load could not be abandoned until then. */
Test(tape_loads, that_are_cut_make_one_wait_of_it)
{
    add_grains(16);
    tape_read_ahead(tape, track, (struct time_range){0, 16 * GRAIN}, false);
    struct asker far;
    asker_init(&far);
    cr_assert(pin(&far, 8 * GRAIN) == STATUS_WAIT);
    cr_assert(inbox_drain(&inbox) == 0, "nothing has come yet");
    cr_assert(statistics().counts.misses == 1);
    tape_stop_waiting(tape, &far.waiter);
    cr_assert(atomic_load(&fake_source_load(&fake)->cancelled), "nobody waits for it any more");
    cr_assert(loads_under_way() == 1, "what is read ahead goes on");
}

/* ---- abandoned ---------------------------------------------------------------------------- */

Test(tape_loads, are_cancelled_when_nobody_waits_for_them_any_more)
{
    struct asker asker;
    asker_init(&asker);
    for (int64_t i = 0; i < 50; i++)
        cr_assert(pin(&asker, i * 10 * GRAIN) == STATUS_WAIT);
    cr_assert(fake.load_count == 50);
    cr_assert(loads_under_way() == 1, "a storm of seeks leaves no queue");
    tape_stop_waiting(tape, &asker.waiter);
    cr_assert(loads_under_way() == 0);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    cr_assert(loads_under_way() == 1, "begun anew");
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(asker.told == 1);
    cr_assert(pin(&asker, 0) == STATUS_OK);
}

Test(tape_loads, go_on_while_somebody_else_waits)
{
    struct asker one;
    struct asker other;
    asker_init(&one);
    asker_init(&other);
    cr_assert(pin(&one, 0) == STATUS_WAIT);
    cr_assert(pin(&other, 16 * S - 1) == STATUS_WAIT);
    tape_stop_waiting(tape, &one.waiter);
    cr_assert(loads_under_way() == 1);
    cr_assert(pin(&other, 10 * GRAIN) == STATUS_WAIT, "it goes elsewhere");
    cr_assert(fake.load_count == 2 && loads_under_way() == 1);
    tape_stop_waiting(tape, &other.waiter);
    cr_assert(loads_under_way() == 0);
}

Test(tape_loads, go_on_when_they_have_brought_something)
{
    add_ticks(0, GRAIN);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    fake_source_step(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_OK);
    tape_unpin(&asker.stretch);
    cr_assert(pin(&asker, 16 * S - 1) == STATUS_WAIT);
    tape_stop_waiting(tape, &asker.waiter);
    cr_assert(loads_under_way() == 1);
    fake_source_run(&fake);
    cr_assert(pin(&asker, 16 * S - 1) == STATUS_OK && fake.load_count == 1);
    tape_unpin(&asker.stretch);
}

Test(tape_loads, go_on_when_they_were_begun_to_read_ahead)
{
    tape_read_ahead(tape, track, (struct time_range){0, GRAIN}, false);
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    cr_assert(fake.load_count == 1);
    tape_stop_waiting(tape, &asker.waiter);
    cr_assert(loads_under_way() == 1);
}

Test(tape_loads, bring_nothing_after_they_have_been_abandoned)
{
    struct asker asker;
    asker_init(&asker);
    cr_assert(pin(&asker, 0) == STATUS_WAIT);
    tape_stop_waiting(tape, &asker.waiter);
    struct tick_load *load = fake_source_load(&fake);
    load->publish(load, (struct time_range){0, GRAIN}, NULL); /* it was on its way */
    fake_source_run(&fake);
    cr_assert(statistics().counts.empties == 0);
    cr_assert(inbox_drain(&inbox) == 0);
}

/* ---- counts ------------------------------------------------------------------------------- */

Test(tape_loads, are_not_urged_by_asking_again_and_a_wait_is_one_miss)
{
    struct asker asker;
    asker_init(&asker);
    for (int i = 0; i < 10; i++)
        cr_assert(pin(&asker, 0) == STATUS_WAIT);
    cr_assert(fake.load_count == 1 && fake.urge_count == 0);
    cr_assert(statistics().counts.misses == 1);
    cr_assert(statistics().counts.urgent_loads == 1);
    fake_source_run(&fake);
    inbox_drain(&inbox);
    cr_assert(pin(&asker, 0) == STATUS_OK);
    cr_assert(statistics().counts.hits == 0, "it was a miss");
    cr_assert(pin(&asker, 0) == STATUS_OK);
    cr_assert(statistics().counts.hits == 1);
    cr_assert(pin(&asker, GRAIN) == STATUS_WAIT);
    cr_assert(statistics().counts.misses == 2, "a wait for something else is another");
    tape_stop_waiting(tape, &asker.waiter);
}
