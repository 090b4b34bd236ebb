#include "tape_fixture.h"

#include "base/mem.h"

#include <string.h>

#define BUDGET ((size_t)1 << 20)

struct fake_source fake;
struct fake_tape *ticks;
struct tape *tape;
struct track *track;
struct inbox inbox;

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

void tape_set_up_with(size_t budget_bytes)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", GRAIN);
    tape = tape_create(&fake.source, budget_bytes);
    track = tape_track_hold(tape, &ticks->symbol);
    inbox_init(&inbox, nobody_sleeps, NULL);
}

void tape_set_up(void)
{
    tape_set_up_with(BUDGET);
}

void tape_tear_down(void)
{
    fake_source_deinit(&fake);
    if (track != NULL)
        tape_track_let_go(tape, &track);
    tape_destroy(&tape);
    inbox_drain(&inbox);
    inbox_deinit(&inbox);
    cr_assert(mem_block_bytes() == 0, "a block was never released");
}

static void told(struct letter *letter)
{
    struct tape_waiter *waiter = CONTAINER_OF(letter, struct tape_waiter, letter);
    CONTAINER_OF(waiter, struct asker, waiter)->told++;
}

void asker_init(struct asker *asker)
{
    memset(asker, 0, sizeof *asker);
    tape_waiter_init(&asker->waiter, &inbox, told);
}

void asker_init_back(struct asker *asker)
{
    asker_init(asker);
    asker->waiter.backward = true;
}

enum status pin(struct asker *asker, int64_t instant)
{
    return tape_pin(tape, track, instant, &asker->waiter, &asker->stretch, &asker->error);
}

void pin_surely(struct asker *asker, int64_t instant)
{
    enum status status;
    while ((status = pin(asker, instant)) == STATUS_WAIT) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
    cr_assert(status == STATUS_OK);
    cr_assert(asker->stretch.range.from <= instant && instant < asker->stretch.range.to);
}

void visit(int64_t instant)
{
    struct asker asker;
    asker_init(&asker);
    pin_surely(&asker, instant);
    tape_unpin(&asker.stretch);
}

void visit_back(int64_t instant)
{
    struct asker asker;
    asker_init_back(&asker);
    pin_surely(&asker, instant);
    tape_unpin(&asker.stretch);
}

struct tape_statistics statistics(void)
{
    struct tape_statistics now;
    tape_statistics(tape, &now);
    return now;
}

struct track_statistics track_now(void)
{
    struct track_statistics all[FAKE_SYMBOLS_MAX];
    size_t count = tape_track_statistics(tape, all, FAKE_SYMBOLS_MAX);
    size_t i = 0;
    while (i < count && strcmp(all[i].symbol, "A") != 0)
        i++;
    cr_assert(i < count, "there is no such track");
    return all[i];
}
