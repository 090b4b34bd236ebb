/*
 * Several threads pin, read ahead and invalidate on one tape, whose source serves from threads of
 * its own: every pin that is asked for comes, with the ticks that belong there, and nothing is left
 * at the end. Meant for the thread sanitizer.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "tape/tape.h"

#include <semaphore.h>
#include <string.h>

#define VIEWERS 3
#define WORKERS 2
#define SYMBOLS 2
#define ROUNDS 3000
#define GRAIN TIME_SECOND_US
#define GRAINS 200
#define BUDGET_BYTES 20000

struct source_threads {
    struct source source;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list loads;
    bool stopping;
    pthread_t threads[WORKERS];
};

static struct source_threads base;
static struct tape *tape;
static struct symbol symbols[SYMBOLS];

/* ---- the source: one tick at the middle of every grain but each third ---- */

static void load_ticks(struct source *source, struct tick_load *load)
{
    (void)source;
    pthread_mutex_lock(&base.lock);
    list_append(&base.loads, &load->node);
    pthread_cond_signal(&base.work);
    pthread_mutex_unlock(&base.lock);
}

static void urge_ticks(struct source *source, struct tick_load *load)
{
    (void)source;
    pthread_mutex_lock(&base.lock);
    if (!list_is_empty(&load->node)) {
        list_remove(&load->node);
        list_prepend(&base.loads, &load->node);
    }
    pthread_mutex_unlock(&base.lock);
}

static void cancel_ticks(struct source *source, struct tick_load *load)
{
    (void)source;
    atomic_store(&load->cancelled, true);
}

static const struct source_ops ops = {
    .load_ticks = load_ticks, .urge_ticks = urge_ticks, .cancel_ticks = cancel_ticks};

static bool has_tick(int64_t grain)
{
    return grain % 3 != 0;
}

/* One tick in the middle of two out of three grains. */
static struct block *build(struct block_builder *builder, struct time_range range)
{
    for (int64_t grain = time_floor(range.from, GRAIN); grain < range.to; grain += GRAIN) {
        struct tick tick = {.time = grain + GRAIN / 2, .fields = {grain, 1, 2, 3}};
        if (!has_tick(grain / GRAIN) || tick.time < range.from || tick.time >= range.to)
            continue;
        enum status status = block_builder_add(builder, &tick);
        ASSERT(status == STATUS_OK);
    }
    return builder->rows > 0 ? block_builder_seal(builder, range) : NULL;
}

/* The next stretch of what is left, which shrinks. */
static struct time_range take_stretch(const struct tick_load *load, struct time_range *left)
{
    struct time_range range = *left;
    if (load->backward) {
        int64_t from = time_floor(range.to - 1, load->grain_us);
        range.from = from > range.from ? from : range.from;
        left->to = range.from;
    } else {
        int64_t to = time_floor(range.from, load->grain_us) + load->grain_us;
        range.to = to < range.to ? to : range.to;
        left->from = range.to;
    }
    return range;
}

static void serve(struct tick_load *load)
{
    struct block_builder builder;
    block_builder_init(&builder);
    struct time_range left = load->range;
    while (left.from < left.to && !atomic_load(&load->cancelled)) {
        struct time_range range = take_stretch(load, &left);
        load->publish(load, range, build(&builder, range));
    }
    block_builder_deinit(&builder);
    /* Now and then one fails. */
    bool fails = load->range.from / GRAIN % 17 == 5;
    struct error error = {.status = STATUS_OK};
    load->done(load,
               left.from < left.to ? STATUS_END
               : fails             ? STATUS_INTERNAL
                                   : STATUS_OK,
               &error);
}

static void *serve_all(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&base.lock);
        while (list_is_empty(&base.loads) && !base.stopping)
            pthread_cond_wait(&base.work, &base.lock);
        struct list *node = list_take_first(&base.loads);
        pthread_mutex_unlock(&base.lock);
        if (node == NULL)
            return NULL;
        serve(CONTAINER_OF(node, struct tick_load, node));
    }
}

/* ---- viewers ---- */

struct viewer {
    pthread_t thread;
    uint64_t dice;
    struct inbox inbox;
    sem_t wakes;
    struct tape_waiter waiter;
};

static void wake(void *owner)
{
    sem_post(owner);
}

static void told(struct letter *letter)
{
    (void)letter;
}

static int64_t roll(struct viewer *viewer, int64_t count)
{
    viewer->dice = viewer->dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (int64_t)((viewer->dice >> 33) % (uint64_t)count);
}

static void look(const struct tape_stretch *stretch, int64_t instant)
{
    ASSERT(stretch->range.from <= instant);
    ASSERT(instant < stretch->range.to);
    struct time_range range = stretch->range;
    size_t rows = 0;
    for (int64_t grain = time_floor(range.from, GRAIN); grain < range.to; grain += GRAIN) {
        int64_t time = grain + GRAIN / 2;
        if (!has_tick(grain / GRAIN) || time < range.from || time >= range.to)
            continue;
        ASSERT(stretch->block != NULL && rows < stretch->block->rows);
        ASSERT(block_tick(stretch->block, rows++).fields[TICK_BID] == grain);
    }
    ASSERT(rows == (stretch->block != NULL ? stretch->block->rows : 0));
}

/* Waits for its pin as a lane does; gives up now and then, as who closes does. */
static void pin(struct viewer *viewer, struct track *track, int64_t instant)
{
    for (;;) {
        struct tape_stretch stretch;
        struct error error;
        enum status status = tape_pin(tape, track, instant, &viewer->waiter, &stretch, &error);
        if (status == STATUS_OK) {
            look(&stretch, instant);
            tape_unpin(&stretch);
            return;
        }
        if (roll(viewer, 20) == 0) {
            tape_stop_waiting(tape, &viewer->waiter);
            return;
        }
        if (status == STATUS_WAIT)
            sem_wait(&viewer->wakes);
        inbox_drain(&viewer->inbox);
    }
}

static void *view(void *argument)
{
    struct viewer *viewer = argument;
    for (int round = 0; round < ROUNDS; round++) {
        struct track *track = tape_track_hold(tape, &symbols[roll(viewer, SYMBOLS)]);
        int64_t from = roll(viewer, GRAINS) * GRAIN;
        struct time_range range = {.from = from, .to = from + roll(viewer, 40) * GRAIN + 1};
        viewer->waiter.backward = roll(viewer, 2) == 0;
        pin(viewer, track, from + roll(viewer, GRAIN));
        tape_read_ahead(tape, track, range, viewer->waiter.backward);
        if (roll(viewer, 10) == 0)
            tape_invalidate(tape, roll(viewer, 2) == 0 ? NULL : "A", range);
        tape_stop_waiting(tape, &viewer->waiter);
        tape_track_let_go(tape, &track);
        struct tape_statistics now;
        tape_statistics(tape, &now);
    }
    return NULL;
}

static void viewer_start(struct viewer *viewer, uint64_t seed)
{
    viewer->dice = seed;
    sem_init(&viewer->wakes, 0, 0);
    inbox_init(&viewer->inbox, wake, &viewer->wakes);
    tape_waiter_init(&viewer->waiter, &viewer->inbox, told);
    viewer->waiter.takes_outdated = roll(viewer, 2) == 0;
    int failed = pthread_create(&viewer->thread, NULL, view, viewer);
    ASSERT(failed == 0);
}

static void viewer_join(struct viewer *viewer)
{
    pthread_join(viewer->thread, NULL);
    inbox_drain(&viewer->inbox);
    inbox_deinit(&viewer->inbox);
    sem_destroy(&viewer->wakes);
}

static void source_start(void)
{
    base.source.ops = &ops;
    pthread_mutex_init(&base.lock, NULL);
    pthread_cond_init(&base.work, NULL);
    list_init(&base.loads);
    for (int i = 0; i < WORKERS; i++) {
        int failed = pthread_create(&base.threads[i], NULL, serve_all, NULL);
        ASSERT(failed == 0);
    }
}

static void source_join(void)
{
    pthread_mutex_lock(&base.lock);
    base.stopping = true;
    pthread_cond_broadcast(&base.work);
    pthread_mutex_unlock(&base.lock);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(base.threads[i], NULL);
}

int main(void)
{
    for (int i = 0; i < SYMBOLS; i++) {
        symbols[i].name[0] = (char)('A' + i);
        symbols[i].to = GRAIN;
        symbols[i].ticks = TAPE_GRAIN_ROWS;
    }
    source_start();
    tape = tape_create(&base.source, BUDGET_BYTES);
    static struct viewer viewers[VIEWERS];
    for (int i = 0; i < VIEWERS; i++)
        viewer_start(&viewers[i], (uint64_t)i + 1);
    for (int i = 0; i < VIEWERS; i++)
        viewer_join(&viewers[i]);
    source_join();
    tape_destroy(&tape);
    ASSERT(mem_block_bytes() == 0);
    return 0;
}
