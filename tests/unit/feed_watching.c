#include "feed_watching.h"

#include <sched.h>
#include <time.h>

#define PATIENCE_US (20 * S)

void watching_set_up(void)
{
    static char tick_data[] = "tick_data";
    static char candle_1m[] = "candle_1m";
    is_watching = true;
    feed_set_up();
    meet();
    pthread_mutex_lock(&database.lock);
    (void)fake_operations_policy(&database, 1001, POLICY_COMPRESSION, tick_data);
    (void)fake_operations_policy(&database, 1002, POLICY_REFRESH, candle_1m);
    pthread_mutex_unlock(&database.lock);
    look();
}

int64_t real_us(void)
{
    struct timespec real;
    clock_gettime(CLOCK_MONOTONIC, &real);
    return (int64_t)real.tv_sec * S + real.tv_nsec / 1000;
}

static enum status hear_until(int64_t end_us)
{
    for (;;) {
        inbox_drain(&inbox);
        enum status status = hear();
        if (status != STATUS_WAIT || real_us() > end_us)
            return status;
        sched_yield();
    }
}

void await(const char *ev)
{
    enum status status = hear_until(real_us() + PATIENCE_US);
    cr_assert(status == STATUS_OK, "%s did not come: %s", ev, status_name(status));
    cr_assert_str_eq(text("ev"), ev, "%s: %s", text("ev"), text("message"));
}

void check_quiet(int64_t wait_us)
{
    enum status status = hear_until(real_us() + wait_us);
    cr_assert(status == STATUS_WAIT, "%s", text("ev"));
}

void look(void)
{
    uint64_t number = live_operations_look(lane.live_operations);
    for (;;) {
        struct policies_snapshot *snapshot = live_policies_pin(lane.live_operations);
        bool is_there = snapshot != NULL && snapshot->look >= number;
        policies_snapshot_unpin(&snapshot);
        if (is_there)
            return;
        sched_yield();
    }
}
