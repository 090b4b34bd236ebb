/*
 * Several threads publish changes; two lanes come and go and read them. Whoever listens hears each
 * publisher in order and to its end, or is told that everything has changed. Meant for the thread
 * sanitizer.
 */
#include "base/assert.h"
#include "live/changes.h"

#define PUBLISHERS 3
#define LANES 2
#define CHANGES 20000
#define VISITS 20 /* a lane listens, leaves and listens again so often */

struct lane {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t posted;
    bool is_awake;
    struct inbox inbox;
    struct live_listener listener;
    int64_t heard[PUBLISHERS]; /* the newest of each */
};

static struct live_changes *changes;
static struct lane lanes[LANES];

static void wake(void *owner)
{
    struct lane *lane = owner;
    pthread_mutex_lock(&lane->lock);
    lane->is_awake = true;
    pthread_cond_signal(&lane->posted);
    pthread_mutex_unlock(&lane->lock);
}

static void deliver(struct letter *letter)
{
    struct live_listener *listener = CONTAINER_OF(letter, struct live_listener, letter);
    struct lane *lane = CONTAINER_OF(listener, struct lane, listener);
    struct live_change change;
    while (live_changes_next(changes, listener, &change)) {
        if (change.symbol[0] == '\0') { /* fell behind */
            for (size_t i = 0; i < PUBLISHERS; i++)
                lane->heard[i] = INT64_MIN;
            continue;
        }
        size_t publisher = (size_t)(change.symbol[0] - 'A');
        ASSERT(publisher < PUBLISHERS);
        ASSERT(change.range.from > lane->heard[publisher]);
        lane->heard[publisher] = change.range.from;
    }
}

static void *publish(void *argument)
{
    const char *const *name = argument;
    for (int64_t i = 1; i <= CHANGES; i++)
        live_changes_publish(changes, name, 1, (struct time_range){.from = i, .to = i + 1});
    return NULL;
}

static bool has_heard_all(const struct lane *lane)
{
    for (size_t i = 0; i < PUBLISHERS; i++) {
        if (lane->heard[i] != CHANGES && lane->heard[i] != INT64_MIN)
            return false;
    }
    return true;
}

static void wait_letter(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    while (!lane->is_awake)
        pthread_cond_wait(&lane->posted, &lane->lock);
    lane->is_awake = false;
    pthread_mutex_unlock(&lane->lock);
}

static void *come_and_go(void *argument)
{
    struct lane *lane = argument;
    for (int i = 0; i < VISITS; i++) {
        live_changes_listen(changes, &lane->listener, &lane->inbox, deliver);
        (void)inbox_drain(&lane->inbox);
        live_changes_leave(changes, &lane->listener);
    }
    live_changes_listen(changes, &lane->listener, &lane->inbox, deliver);
    return NULL;
}

static void *hear_to_the_end(void *argument)
{
    struct lane *lane = argument;
    while (!has_heard_all(lane)) {
        wait_letter(lane);
        (void)inbox_drain(&lane->inbox);
    }
    live_changes_leave(changes, &lane->listener);
    return NULL;
}

static void run_on_lanes(void *(*run)(void *lane))
{
    for (size_t i = 0; i < LANES; i++) {
        int failed = pthread_create(&lanes[i].thread, NULL, run, &lanes[i]);
        ASSERT(failed == 0);
    }
}

static void join_lanes(void)
{
    for (size_t i = 0; i < LANES; i++)
        (void)pthread_join(lanes[i].thread, NULL);
}

static void publish_during(void *(*run)(void *lane))
{
    static const char *const names[PUBLISHERS] = {"A", "B", "C"};
    pthread_t publishers[PUBLISHERS];
    run_on_lanes(run);
    for (size_t i = 0; i < PUBLISHERS; i++) {
        int failed = pthread_create(&publishers[i], NULL, publish, (void *)(uintptr_t)&names[i]);
        ASSERT(failed == 0);
    }
    for (size_t i = 0; i < PUBLISHERS; i++)
        (void)pthread_join(publishers[i], NULL);
    join_lanes();
}

int main(void)
{
    changes = live_changes_create();
    for (size_t i = 0; i < LANES; i++) {
        pthread_mutex_init(&lanes[i].lock, NULL);
        pthread_cond_init(&lanes[i].posted, NULL);
        inbox_init(&lanes[i].inbox, wake, &lanes[i]);
    }
    publish_during(come_and_go);
    for (size_t i = 0; i < LANES; i++) {
        live_changes_leave(changes, &lanes[i].listener);
        for (size_t k = 0; k < PUBLISHERS; k++)
            lanes[i].heard[k] = 0;
        live_changes_listen(changes, &lanes[i].listener, &lanes[i].inbox, deliver);
    }
    publish_during(hear_to_the_end);
    for (size_t i = 0; i < LANES; i++)
        inbox_deinit(&lanes[i].inbox);
    live_changes_destroy(&changes);
    return 0;
}
