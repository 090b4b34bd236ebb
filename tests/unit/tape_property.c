/*
 * Anything that viewers, the source and writers may do to one track, at random, against a plain
 * list of ticks: what is pinned is what the list has there, segments stay sorted and disjoint, the
 * budget is the sum of what is kept, and who waits waits for something that is under way.
 */
#include "tape_fixture.h"

#include "random.h"
#include "tape/track.h"

TestSuite(tape_property, .init = tape_set_up, .fini = tape_tear_down);

#define ASKERS 6
#define ROUNDS 4000
#define SEEDS 30
#define TICKS 400
#define GRAINS 200 /* before and after the epoch */

struct viewer {
    struct asker asker;
    bool holds;
    uint64_t changes; /* of the track, as of its pin */
    int64_t instant;
};

static struct viewer viewers[ASKERS];
static struct random dice;

/* ---- the world ---- */

/* Runs of ticks, some of one instant, with voids of any length between them. */
static void scatter_ticks(void)
{
    int64_t time = -GRAINS * GRAIN;
    for (int64_t i = 0; i < TICKS; i++) {
        fake_tape_add(ticks, time, i);
        static const int64_t gaps[] = {0, 0, 1, S, 10 * S, GRAIN, 20 * GRAIN};
        time += gaps[random_below(&dice, random_one_in(&dice, 20) ? 7 : 6)];
    }
    cr_assert(time < GRAINS * 10 * GRAIN);
}

static int64_t random_instant(void)
{
    if (random_one_in(&dice, 100))
        return random_one_in(&dice, 2) ? TIME_MIN : TIME_MAX - 1;
    if (random_one_in(&dice, 3))
        return ticks->ticks[random_below(&dice, TICKS)].time;
    return random_between(&dice, -(GRAINS + 10) * GRAIN, 2 * GRAINS * GRAIN);
}

static size_t ticks_before(int64_t instant)
{
    size_t count = 0;
    while (count < ticks->count && ticks->ticks[count].time < instant)
        count++;
    return count;
}

/* ---- what must hold ---- */

static void check_content(struct time_range range, const struct block *block)
{
    size_t first = ticks_before(range.from);
    size_t rows = ticks_before(range.to) - first;
    cr_assert(range.from < range.to);
    cr_assert((block != NULL ? block->rows : 0) == rows, "%zu rows from %" PRId64, rows,
              range.from);
    for (size_t row = 0; row < rows; row++) {
        struct tick tick = block_tick(block, row);
        cr_assert(tick.time == ticks->ticks[first + row].time);
        cr_assert(tick.fields[TICK_BID] == ticks->ticks[first + row].fields[TICK_BID]);
    }
}

static void check_segments(void)
{
    struct tape_counts sum = {.bytes = 0};
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct segment *segment = track->segments[i];
        cr_assert(segment->range.from < segment->range.to);
        cr_assert(i == 0 || track->segments[i - 1]->range.to <= segment->range.from);
        if (segment->fetch != NULL)
            continue;
        check_content(segment->range, segment->block);
        sum.bytes += sizeof *segment + (segment->block != NULL ? segment->block->bytes : 0);
        sum.blocks += segment->block != NULL;
        sum.empties += segment->block == NULL;
    }
    struct tape_counts counts = statistics().counts;
    cr_assert(counts.bytes == sum.bytes && track->counts.bytes == sum.bytes);
    cr_assert(counts.blocks == sum.blocks && counts.empties == sum.empties);
}

static size_t loads_under_way(void)
{
    size_t count = 0;
    for (struct list *node = fake.loads.next; node != &fake.loads; node = node->next)
        count++;
    return count;
}

static void check_waiters(void)
{
    cr_assert(statistics().loading == loads_under_way());
    for (size_t i = 0; i < ASKERS; i++) {
        const struct tape_waiter *waiter = &viewers[i].asker.waiter;
        if (list_is_empty(&waiter->node))
            continue;
        const struct segment *segment = track_segment_at(track, waiter->instant);
        cr_assert(segment != NULL && segment->fetch != NULL, "it waits for nothing");
    }
}

/* ---- what may happen ---- */

static void let_go(struct viewer *viewer)
{
    if (viewer->holds)
        tape_unpin(&viewer->asker.stretch);
    viewer->holds = false;
}

static void stop(struct viewer *viewer)
{
    tape_stop_waiting(tape, &viewer->asker.waiter);
    viewer->asker.told = 0;
}

/* What it says of how it goes on from where it asks: a window, all there is, or nothing. */
static void choose_reach(struct tape_waiter *waiter)
{
    static const int64_t reaches[] = {
        0, 1, S / 3, GRAIN / 2, GRAIN, 3 * GRAIN, TIME_MAX - TIME_MIN};
    waiter->reach_us = reaches[random_below(&dice, 7)];
    if (random_one_in(&dice, 2))
        waiter->reach_us = random_between(&dice, 1, 2 * GRAIN);
    waiter->looks_back = random_one_in(&dice, 2);
}

/* As a cursor does: what was pinned or given before a change is stale. */
static void ask_for(struct viewer *viewer, int64_t instant)
{
    if (viewer->changes != track_changes(track))
        stop(viewer);
    viewer->changes = track_changes(track);
    viewer->instant = instant;
    let_go(viewer);
    if (random_one_in(&dice, 2))
        choose_reach(&viewer->asker.waiter);
    enum status status = pin(&viewer->asker, instant);
    cr_assert(status == STATUS_OK || status == STATUS_WAIT || status == STATUS_UNAVAILABLE);
    viewer->holds = status == STATUS_OK;
    if (!viewer->holds)
        return;
    const struct tape_stretch *stretch = &viewer->asker.stretch;
    cr_assert(stretch->range.from <= instant && instant < stretch->range.to);
    check_content(stretch->range, stretch->block);
}

static void move(struct viewer *viewer)
{
    if (viewer->holds) { /* on, in its direction */
        struct time_range range = viewer->asker.stretch.range;
        int64_t next = viewer->asker.waiter.backward ? range.from - 1 : range.to;
        bool is_time = next >= TIME_MIN && next < TIME_MAX;
        ask_for(viewer, is_time ? next : random_instant());
    } else if (random_one_in(&dice, 3)) {
        ask_for(viewer, random_instant());
    } else {
        ask_for(viewer, viewer->instant);
    }
}

static void turn(struct viewer *viewer)
{
    let_go(viewer);
    stop(viewer);
    viewer->asker.waiter.backward = random_one_in(&dice, 2);
}

static void read_ahead(void)
{
    int64_t from = random_instant();
    int64_t length_us = random_between(&dice, 1, 40 * GRAIN);
    struct time_range range = {from, from < TIME_MAX - length_us ? from + length_us : TIME_MAX};
    tape_read_ahead(tape, track, range, random_one_in(&dice, 2));
    cr_assert(loads_under_way() < 1000);
}

/* Somebody would ask there, or changes his mind. */
static void hint(const struct viewer *viewer)
{
    int64_t instant = random_one_in(&dice, 2) ? viewer->instant : random_instant();
    if (random_one_in(&dice, 2))
        tape_ask(tape, track, instant, &viewer->asker.waiter);
    else
        tape_unask(tape, track, instant);
}

static void write_ticks(void)
{
    size_t first = random_below(&dice, TICKS);
    size_t end = first + random_below(&dice, TICKS - first < 20 ? TICKS - first : 20) + 1;
    if (end > TICKS)
        end = TICKS;
    for (size_t i = first; i < end; i++)
        ticks->ticks[i].fields[TICK_BID] += DECIMAL_ONE;
    struct time_range range = {ticks->ticks[first].time, ticks->ticks[end - 1].time + 1};
    tape_invalidate(tape, random_one_in(&dice, 2) ? "A" : NULL, range);
}

/* One load at random goes on, is done, or fails. */
static void serve(void)
{
    for (size_t skip = random_below(&dice, 3); skip > 0 && loads_under_way() > skip; skip--)
        list_append(&fake.loads, list_take_first(&fake.loads));
    if (fake_source_load(&fake) == NULL)
        return;
    if (random_one_in(&dice, 50))
        fake_source_end(&fake, random_one_in(&dice, 2) ? STATUS_END : STATUS_UNAVAILABLE);
    else
        fake_source_step(&fake);
}

/* The grain changes under loads that are under way. */
static void change_grain(void)
{
    struct time_range grain = {0, track_grain_us(track)};
    if (grain.to > GRAIN / 8 && random_one_in(&dice, 2))
        for (int i = 0; i < 4; i++)
            track_learn(track, grain, BLOCK_ROWS_MAX);
    else if (grain.to < 8 * GRAIN)
        for (int i = 0; i < 32; i++)
            track_learn(track, grain, 1);
}

static void round_at_random(void)
{
    struct viewer *viewer = &viewers[random_below(&dice, ASKERS)];
    size_t side = random_below(&dice, 100);
    if (side < 45)
        serve();
    else if (side < 75)
        move(viewer);
    else if (side < 80)
        ask_for(viewer, random_instant());
    else if (side < 85)
        read_ahead();
    else if (side < 89)
        turn(viewer);
    else if (side < 91)
        stop(viewer);
    else if (side < 93)
        write_ticks();
    else if (side < 94)
        change_grain();
    else if (side < 97)
        hint(viewer);
    else
        inbox_drain(&inbox);
}

static void run(uint64_t seed)
{
    static const size_t budgets[] = {1, 3000, 20000, (size_t)1 << 20};
    dice.state = seed;
    tape_tear_down();
    tape_set_up_with(budgets[seed % 4]);
    fake.block_rows = seed % 3 == 0 ? 5 : FAKE_TICKS_MAX;
    scatter_ticks();
    for (size_t i = 0; i < ASKERS; i++) {
        viewers[i] = (struct viewer){.instant = 0};
        asker_init(&viewers[i].asker);
        turn(&viewers[i]);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        round_at_random();
        check_segments();
        check_waiters();
    }
    for (size_t i = 0; i < ASKERS; i++) {
        let_go(&viewers[i]);
        stop(&viewers[i]);
    }
}

Test(tape_property, holds_what_the_source_has_whatever_is_done_to_it)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed);
    cr_assert(statistics().counts.misses > 100, "it was put to work");
}
