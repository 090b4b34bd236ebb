/*
 * A figure that one thread writes and any thread reads. One writer: so adding is a load and a
 * store, without the locked instruction that several writers would need. Readers may see the
 * counters of one object at slightly different moments.
 */
#ifndef TAPEDECK_BASE_COUNTER_H
#define TAPEDECK_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
    _Atomic uint64_t value;
};

static inline uint64_t counter_read(const struct counter *figure)
{
    return atomic_load_explicit(&figure->value, memory_order_relaxed);
}

/* The owner's thread. */
static inline void counter_add(struct counter *figure, uint64_t more)
{
    atomic_store_explicit(&figure->value, counter_read(figure) + more, memory_order_relaxed);
}

/* Of a figure that also falls. The owner's thread. */
static inline void counter_subtract(struct counter *figure, uint64_t less)
{
    atomic_store_explicit(&figure->value, counter_read(figure) - less, memory_order_relaxed);
}

#endif
