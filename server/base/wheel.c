#include "base/wheel.h"

#include "base/assert.h"

static int64_t slot_after(int64_t at_us)
{
    /* The last slot that has a time; INT64_MAX means never. */
    if (at_us > INT64_MAX - WHEEL_SLOT_US)
        return INT64_MAX / WHEEL_SLOT_US;
    return at_us / WHEEL_SLOT_US + (at_us % WHEEL_SLOT_US > 0);
}

static struct list *slot_of(struct wheel *wheel, int64_t tick)
{
    return &wheel->slots[(uint64_t)tick % WHEEL_SLOTS];
}

void wheel_init(struct wheel *wheel, int64_t now_us)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
    wheel->tick = now_us / WHEEL_SLOT_US;
    wheel->armed_count = 0;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer, int64_t now_us))
{
    list_init(&timer->node);
    timer->at_us = 0;
    timer->armed = false;
    timer->fire = fire;
}

void wheel_arm(struct wheel *wheel, struct timer *timer, int64_t at_us)
{
    wheel_cancel(wheel, timer);
    int64_t tick = slot_after(at_us);
    if (tick <= wheel->tick)
        tick = wheel->tick + 1; /* the past fires at the next turn */
    timer->at_us = tick * WHEEL_SLOT_US;
    list_append(slot_of(wheel, tick), &timer->node);
    timer->armed = true;
    wheel->armed_count++;
}

void wheel_cancel(struct wheel *wheel, struct timer *timer)
{
    list_remove(&timer->node);
    if (!timer->armed)
        return;
    ASSERT(wheel->armed_count > 0);
    timer->armed = false;
    wheel->armed_count--;
}

static void collect_due(struct wheel *wheel, struct list *slot, int64_t now_us, struct list *due)
{
    for (struct list *node = slot->next, *next; node != slot; node = next) {
        next = node->next;
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        if (timer->at_us > now_us)
            continue; /* a later revolution */
        wheel_cancel(wheel, timer);
        list_append(due, node);
    }
}

size_t wheel_run(struct wheel *wheel, int64_t now_us)
{
    struct list due;
    list_init(&due);
    int64_t last = now_us / WHEEL_SLOT_US;
    int64_t first = wheel->tick + 1;
    if (last - first >= WHEEL_SLOTS)
        first = last - WHEEL_SLOTS + 1; /* every slot once is enough */
    for (int64_t tick = first; tick <= last && wheel->armed_count > 0; tick++)
        collect_due(wheel, slot_of(wheel, tick), now_us, &due);
    if (last > wheel->tick)
        wheel->tick = last;

    /* Collected first, run after: a timer armed by another waits for the next turn. Taken one at a
     * time, because an earlier one may cancel or re-arm a later one. */
    size_t fired = 0;
    struct list *node;
    while ((node = list_take_first(&due)) != NULL) {
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        timer->fire(timer, now_us);
        fired++;
    }
    return fired;
}

int64_t wheel_next_us(const struct wheel *wheel)
{
    if (wheel->armed_count == 0)
        return INT64_MAX;
    for (int64_t tick = wheel->tick + 1; tick <= wheel->tick + WHEEL_SLOTS; tick++) {
        const struct list *slot = &wheel->slots[(uint64_t)tick % WHEEL_SLOTS];
        for (const struct list *node = slot->next; node != slot; node = node->next) {
            if (CONTAINER_OF(node, const struct timer, node)->at_us <= tick * WHEEL_SLOT_US)
                return tick * WHEEL_SLOT_US;
        }
    }
    return (wheel->tick + WHEEL_SLOTS) * WHEEL_SLOT_US;
}
