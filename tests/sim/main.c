/*
 * The simulator: the real tape, replay, feed and wire code with a fake source, a fake clock and
 * fake sockets, all out of one seed.
 *
 *   sim                    1 000 seeds from 1
 *   sim --seeds N          that many
 *   sim --seed S           one run, the same every time
 */
#include "base/log.h"
#include "tape/tape.h"
#include "viewer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEWERS_MAX 3
#define TURNS 600
#define CALM_TURNS_MAX 200000
#define WIDE_BUDGET_BYTES (1 << 19) /* less does not keep in mind where it has looked in vain */

static uint64_t seed_now;

_Noreturn void sim_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "sim: seed %llu: ", (unsigned long long)seed_now);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nsim: to see it again: sim --seed %llu\n", (unsigned long long)seed_now);
    va_end(arguments);
    exit(1);
}

struct sim {
    struct dice dice;
    struct world world;
    struct tape *tape;
    struct live_symbols *symbols;
    struct inbox inbox;
    struct wheel wheel;
    struct feed_lane lane;
    int64_t now_us;
    int64_t turn_us; /* when the turn began */
    size_t viewer_count;
    struct viewer viewers[VIEWERS_MAX];
};

static void nobody_sleeps(void *owner)
{
    (void)owner; /* the loop drains the inbox every turn */
}

static void sim_init(struct sim *sim, uint64_t seed)
{
    memset(sim, 0, sizeof *sim);
    sim->dice.state = seed;
    world_init(&sim->world, &sim->dice);
    size_t budget_bytes = (size_t)1 << dice_between(&sim->dice, 12, 22);
    sim->world.wide = budget_bytes >= WIDE_BUDGET_BYTES;
    sim->tape = tape_create(&sim->world.source, budget_bytes);
    sim->symbols = live_symbols_create(&sim->world.source);
    world_answer_list(&sim->world);
    struct symbol_list *list;
    while ((list = live_symbols_pin(sim->symbols)) == NULL)
        continue;
    symbol_list_unpin(&list);
    inbox_init(&sim->inbox, nobody_sleeps, NULL);
    sim->now_us = dice_between(&sim->dice, 0, 1000000000);
    wheel_init(&sim->wheel, sim->now_us);
    sim->lane.tape = sim->tape;
    sim->lane.symbols = sim->symbols;
    sim->lane.source = &sim->world.source;
    sim->lane.inbox = &sim->inbox;
    sim->lane.wheel = &sim->wheel;
    sim->lane.server = "tapedeck/sim";
    sim->lane.engine = "postgresql";
    sim->lane.engine_version = "0";
    sim->lane.replays_max = FEED_REPLAYS_MAX;
    feed_lane_init(&sim->lane);
    sim->viewer_count = (size_t)dice_between(&sim->dice, 1, VIEWERS_MAX);
    for (size_t i = 0; i < sim->viewer_count; i++) {
        viewer_init(&sim->viewers[i], &sim->world, &sim->dice);
        viewer_connect(&sim->viewers[i], &sim->lane, sim->now_us);
    }
}

static void sim_deinit(struct sim *sim)
{
    for (size_t i = 0; i < sim->viewer_count; i++)
        viewer_deinit(&sim->viewers[i]);
    live_symbols_stop(sim->symbols);
    world_end(&sim->world);
    inbox_drain(&sim->inbox);
    live_symbols_destroy(&sim->symbols);
    struct tape_statistics statistics;
    tape_statistics(sim->tape, &statistics);
    tape_destroy(&sim->tape);
    feed_lane_deinit(&sim->lane);
    inbox_deinit(&sim->inbox);
    world_deinit(&sim->world);
}

static void time_passes(struct sim *sim)
{
    int64_t most_us = dice_once_in(&sim->dice, 60) ? 3000000 : 20000;
    sim->now_us += dice_between(&sim->dice, 0, most_us);
    sim->turn_us = sim->now_us;
    wheel_run(&sim->wheel, sim->now_us);
    world_step(&sim->world);
    inbox_drain(&sim->inbox);
}

static void trouble(struct sim *sim, struct viewer *viewer)
{
    if (dice_once_in(&sim->dice, 50))
        viewer->writable = !viewer->writable;
    if (dice_once_in(&sim->dice, 300)) {
        viewer_disconnect(viewer);
        viewer_connect(viewer, &sim->lane, sim->now_us);
    }
    if (dice_once_in(&sim->dice, 100)) {
        const char *symbol;
        struct time_range range = world_change(&sim->world, &symbol);
        tape_invalidate(sim->tape, dice_once_in(&sim->dice, 2) ? symbol : NULL, range);
    }
    if (dice_once_in(&sim->dice, sim->world.outage ? 20 : 300))
        sim->world.outage = !sim->world.outage;
}

static void check(struct sim *sim)
{
    bool is_idle = !world_is_busy(&sim->world) && list_is_empty(&sim->inbox.letters);
    for (size_t i = 0; i < sim->viewer_count; i++)
        viewer_check(&sim->viewers[i], is_idle, sim->turn_us);
}

static void play_wild(struct sim *sim)
{
    for (int turn = 0; turn < TURNS; turn++) {
        time_passes(sim);
        for (size_t i = 0; i < sim->viewer_count; i++) {
            struct viewer *viewer = &sim->viewers[i];
            trouble(sim, viewer);
            if (dice_once_in(&sim->dice, 6))
                viewer_act(viewer, sim->now_us);
            viewer_arrive(viewer, sim->now_us);
            viewer_read(viewer, &sim->now_us, (int)dice_between(&sim->dice, 1, 20));
        }
        check(sim);
    }
}

/* Everything works again: every replay must come to its end. */
static void play_calm(struct sim *sim)
{
    sim->world.calm = true;
    sim->world.outage = false;
    for (size_t i = 0; i < sim->viewer_count; i++)
        sim->viewers[i].writable = true;
    size_t ended = 0;
    for (int turn = 0; turn < CALM_TURNS_MAX && ended < sim->viewer_count; turn++) {
        time_passes(sim);
        ended = 0;
        for (size_t i = 0; i < sim->viewer_count; i++) {
            struct viewer *viewer = &sim->viewers[i];
            ended += viewer_finish(viewer, sim->now_us);
            viewer_arrive(viewer, sim->now_us);
            viewer_read(viewer, &sim->now_us, 1000);
        }
        check(sim);
    }
    if (ended < sim->viewer_count)
        sim_fail("%zu of %zu viewers never came to the end", sim->viewer_count - ended,
                 sim->viewer_count);
}

static void run_seed(uint64_t seed, uint64_t *frames, uint64_t *ticks)
{
    static struct sim sim;
    seed_now = seed;
    sim_init(&sim, seed);
    play_wild(&sim);
    play_calm(&sim);
    for (size_t i = 0; i < sim.viewer_count * VIEWER_WATCHES; i++) {
        const struct watch *watch = &sim.viewers[i / VIEWER_WATCHES].watches[i % VIEWER_WATCHES];
        *frames += watch->frames;
        *ticks += watch->rows;
    }
    sim_deinit(&sim);
}

int main(int argc, char **argv)
{
    uint64_t first = 1;
    uint64_t count = 1000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seeds") == 0) {
            count = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            first = strtoull(argv[i + 1], NULL, 10);
            count = 1;
        } else {
            fprintf(stderr, "usage: sim [--seeds N | --seed S]\n");
            return 2;
        }
    }
    uint64_t frames = 0;
    uint64_t ticks = 0;
    for (uint64_t seed = first; seed < first + count; seed++)
        run_seed(seed, &frames, &ticks);
    printf("sim: %llu seeds from %llu: %llu frames, %llu ticks, every one as the oracle has it\n",
           (unsigned long long)count, (unsigned long long)first, (unsigned long long)frames,
           (unsigned long long)ticks);
    return 0;
}
