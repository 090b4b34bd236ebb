/*
 * The simulator: the real tape, replay, feed and wire code with a fake source, a fake clock and
 * fake sockets, all out of one seed.
 *
 *   sim                    1 000 seeds from 1
 *   sim --seeds N          that many
 *   sim --from S           from that one on
 *   sim --seed S           one run, the same every time
 *   sim --seed S --trace   with every request and message
 *   sim --jobs N           in so many processes; by default as many as there are cores
 */
#include "base/log.h"
#include "tally.h"
#include "tape/tape.h"
#include "viewer.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 16
#define SERVERS_MAX 2
#define SEEDS_ENOUGH 1000
#define VIEWERS_MAX 3
#define TURNS 600
#define CALM_TURNS_MAX 200000
#define WIDE_BUDGET_BYTES (1 << 19) /* less does not keep in mind where it has looked in vain */

static uint64_t *seed_now; /* shared with the process that started this one: it may crash */
static bool is_traced;
uint64_t tallies[TALLIES];

_Noreturn void sim_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fflush(stdout);
    fprintf(stderr, "sim: seed %llu: ", (unsigned long long)*seed_now);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

void sim_trace(const char *format, ...)
{
    if (!is_traced)
        return;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

bool sim_is_traced(void)
{
    return is_traced;
}

struct sim {
    struct dice dice;
    struct world world;
    size_t server_count;
    struct server servers[SERVERS_MAX];
    int64_t now_us;
    int64_t turn_us; /* when the turn began */
    size_t viewer_count;
    struct viewer viewers[VIEWERS_MAX];
    int64_t changes_in; /* ticks come once in so many turns of a viewer; 0: never */
};

static void connect(struct sim *sim, struct viewer *viewer)
{
    int64_t index = dice_between(&sim->dice, 0, (int64_t)sim->server_count - 1);
    viewer_connect(viewer, &sim->servers[index], sim->now_us);
}

static void sim_init(struct sim *sim, uint64_t seed)
{
    memset(sim, 0, sizeof *sim);
    sim->dice.state = seed;
    world_init(&sim->world, &sim->dice);
    size_t budget_bytes = (size_t)1 << dice_between(&sim->dice, sim->world.is_bulky ? 20 : 12, 22);
    sim->world.wide = budget_bytes >= WIDE_BUDGET_BYTES;
    sim->now_us = dice_between(&sim->dice, 0, 1000000000);
    sim->server_count = (size_t)dice_between(&sim->dice, 1, SERVERS_MAX);
    sim_trace("%zu symbols, %zu ticks of the first, %zu servers with %zu bytes each%s",
              sim->world.tape_count, sim->world.tapes[0].count, sim->server_count, budget_bytes,
              sim->world.is_bulky ? ", bulky" : "");
    for (size_t i = 0; i < sim->server_count; i++)
        server_start(&sim->servers[i], &sim->world, budget_bytes, sim->now_us);
    sim->viewer_count = sim->world.is_bulky ? 1 : (size_t)dice_between(&sim->dice, 1, VIEWERS_MAX);
    static const int64_t changes_in[] = {0, 40, 200};
    sim->changes_in = changes_in[dice_between(&sim->dice, 0, 2)];
    for (size_t i = 0; i < sim->viewer_count; i++) {
        viewer_init(&sim->viewers[i], i, &sim->world, &sim->dice);
        connect(sim, &sim->viewers[i]);
    }
}

static void sim_deinit(struct sim *sim)
{
    for (size_t i = 0; i < sim->viewer_count; i++)
        viewer_deinit(&sim->viewers[i]);
    for (size_t i = 0; i < sim->server_count; i++)
        server_stop(&sim->servers[i]);
    world_deinit(&sim->world);
}

static void time_passes(struct sim *sim)
{
    int64_t most_us = dice_once_in(&sim->dice, 60) ? 3000000 : 20000;
    sim->now_us += dice_between(&sim->dice, 0, most_us);
    sim->turn_us = sim->now_us;
    for (size_t i = 0; i < sim->server_count; i++)
        server_turn(&sim->servers[i], sim->now_us);
}

/* Ticks that somebody else writes: every server hears of it. */
static void change_data(struct sim *sim)
{
    const char *symbol;
    struct time_range range = world_change(&sim->world, &symbol);
    tally(TALLY_CHANGES);
    sim_trace("%lld new ticks of %s in [%lld, %lld)", (long long)sim->now_us, symbol,
              (long long)range.from, (long long)range.to);
    if (dice_once_in(&sim->dice, 2))
        symbol = NULL; /* or of any symbol */
    for (size_t i = 0; i < sim->server_count; i++)
        tape_invalidate(sim->servers[i].tape, symbol, range);
}

/* Ticks are said to have changed that have not: an update of something that is not sent. */
static void worry(struct sim *sim, const struct server *server)
{
    const struct world *world = &sim->world;
    int64_t index = dice_between(&sim->dice, 0, (int64_t)world->tape_count - 1);
    struct time_range range = {.from = dice_between(&sim->dice, world->from, world->to - 1)};
    range.to = dice_between(&sim->dice, range.from + 1, world->to);
    if (dice_once_in(&sim->dice, 3)) /* or only the candles, of every symbol */
        tape_invalidate_candles(server->tape, range);
    else
        tape_invalidate(server->tape, world->tapes[index].symbol.name, range);
    tally(TALLY_WORRIES);
}

static void trouble(struct sim *sim, struct viewer *viewer)
{
    struct depot *depot = &viewer->server->depot;
    if (dice_once_in(&sim->dice, viewer->changes_mind))
        viewer->writable = !viewer->writable;
    if (dice_once_in(&sim->dice, 150)) {
        viewer_disconnect(viewer);
        connect(sim, viewer);
    }
    if (sim->changes_in > 0 && dice_once_in(&sim->dice, sim->changes_in))
        change_data(sim);
    if (dice_once_in(&sim->dice, 50))
        worry(sim, viewer->server);
    if (dice_once_in(&sim->dice, depot->outage ? 20 : 300))
        depot->outage = !depot->outage;
}

static void check(struct sim *sim)
{
    for (size_t i = 0; i < sim->viewer_count; i++)
        viewer_check(&sim->viewers[i], sim->turn_us);
}

static void play_wild(struct sim *sim)
{
    for (int turn = 0; turn < TURNS; turn++) {
        time_passes(sim);
        for (size_t i = 0; i < sim->viewer_count; i++) {
            struct viewer *viewer = &sim->viewers[i];
            trouble(sim, viewer);
            if (dice_once_in(&sim->dice, viewer->habit == HABIT_ANYTHING ? 6 : 3))
                user_act(viewer, sim->now_us);
            viewer_arrive(viewer, sim->now_us);
            viewer_read(viewer, &sim->now_us, (int)dice_between(&sim->dice, 1, 20));
        }
        check(sim);
    }
}

/* Everything works again: every replay must come to its end. */
static void play_calm(struct sim *sim)
{
    sim_trace("%lld all is calm", (long long)sim->now_us);
    sim->world.calm = true;
    for (size_t i = 0; i < sim->server_count; i++)
        sim->servers[i].depot.outage = false;
    for (size_t i = 0; i < sim->viewer_count; i++)
        sim->viewers[i].writable = true;
    size_t ended = 0;
    for (int turn = 0; turn < CALM_TURNS_MAX && ended < sim->viewer_count; turn++) {
        time_passes(sim);
        ended = 0;
        for (size_t i = 0; i < sim->viewer_count; i++) {
            struct viewer *viewer = &sim->viewers[i];
            ended += user_finish(viewer, sim->now_us);
            viewer_arrive(viewer, sim->now_us);
            viewer_read(viewer, &sim->now_us, 1000);
        }
        check(sim);
    }
    if (ended < sim->viewer_count)
        sim_fail("%zu of %zu viewers never came to the end", sim->viewer_count - ended,
                 sim->viewer_count);
}

static void run_seed(uint64_t seed)
{
    static struct sim sim;
    *seed_now = seed;
    sim_init(&sim, seed);
    play_wild(&sim);
    play_calm(&sim);
    sim_deinit(&sim);
}

/* ---- many seeds -------------------------------------------------------------------------- */

struct seeds {
    uint64_t first;
    uint64_t count;
    uint64_t jobs;
};

/* Every `jobs`-th seed, in a process of its own; what it met goes into the pipe. */
static pid_t start_job(const struct seeds *seeds, uint64_t job, int out)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    seed_now += job;
    for (uint64_t i = job; i < seeds->count; i += seeds->jobs)
        run_seed(seeds->first + i);
    ssize_t written = write(out, tallies, sizeof tallies);
    exit(written == sizeof tallies ? 0 : 1);
}

static void add_tallies(int in)
{
    uint64_t more[TALLIES];
    if (read(in, more, sizeof more) != sizeof more)
        return;
    for (size_t i = 0; i < TALLIES; i++)
        tallies[i] += more[i];
}

/* True when every seed went well. What a job met fits into a pipe: nobody waits for a reader. */
static bool run_jobs(const struct seeds *seeds)
{
    static_assert(sizeof tallies <= PIPE_BUF, "written at once");
    pid_t children[JOBS_MAX];
    int pipes[JOBS_MAX][2];
    seed_now = mmap(NULL, sizeof *seed_now * JOBS_MAX, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seed_now == MAP_FAILED)
        return false;
    for (uint64_t i = 0; i < seeds->jobs; i++) {
        if (pipe(pipes[i]) != 0)
            return false;
        children[i] = start_job(seeds, i, pipes[i][1]);
        (void)close(pipes[i][1]);
    }
    bool is_well = true;
    for (uint64_t i = 0; i < seeds->jobs; i++) {
        int status = -1;
        (void)waitpid(children[i], &status, 0);
        if (status != 0)
            fprintf(stderr, "sim: to see it again: sim --seed %llu --trace\n",
                    (unsigned long long)seed_now[i]);
        is_well = is_well && status == 0;
        add_tallies(pipes[i][0]);
        (void)close(pipes[i][0]);
    }
    return is_well;
}

/* Whether all there is to meet was met: so many seeds leave nothing out. */
static bool report(const struct seeds *seeds)
{
    static const char *const names[] = {
#define TALLY_TEXT(kind, text) [kind] = text,
        TALLY_KINDS(TALLY_TEXT)
#undef TALLY_TEXT
    };
    bool is_complete = true;
    for (size_t i = 0; i < TALLIES; i++) {
        printf("%12llu %s\n", (unsigned long long)tallies[i], names[i]);
        is_complete = is_complete && tallies[i] > 0;
    }
    printf("sim: %llu seeds from %llu: everything as the oracle has it\n",
           (unsigned long long)seeds->count, (unsigned long long)seeds->first);
    if (is_complete || seeds->count < SEEDS_ENOUGH)
        return true;
    fprintf(stderr, "sim: something above was never met: it is not tested any more\n");
    return false;
}

/* ---- command line ------------------------------------------------------------------------ */

static uint64_t clip_jobs(uint64_t jobs, uint64_t count)
{
    jobs = jobs > JOBS_MAX ? JOBS_MAX : jobs < 1 ? 1 : jobs;
    return jobs > count ? count : jobs;
}

static bool take_option(const char *name, const char *value, struct seeds *seeds)
{
    uint64_t number = strtoull(value, NULL, 10);
    if (strcmp(name, "--seeds") == 0) {
        seeds->count = number;
    } else if (strcmp(name, "--seed") == 0) {
        seeds->first = number;
        seeds->count = 1;
    } else if (strcmp(name, "--from") == 0) {
        seeds->first = number;
    } else if (strcmp(name, "--jobs") == 0) {
        seeds->jobs = number;
    } else {
        return false;
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N] [--from S] [--seed S] [--jobs N] [--trace]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct seeds seeds = {.first = 1, .count = SEEDS_ENOUGH};
    seeds.jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            is_traced = true;
            (void)setvbuf(stdout, NULL, _IOLBF, 0); /* whole, should it crash */
            continue;
        }
        if (i + 1 >= argc || !take_option(argv[i], argv[i + 1], &seeds))
            return usage();
        i++;
    }
    seeds.jobs = clip_jobs(seeds.jobs, seeds.count);
    return run_jobs(&seeds) && report(&seeds) ? 0 : 1;
}
