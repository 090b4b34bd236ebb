#include "base/log_limit.h"

bool log_limit_pass(struct log_limit *limit, int64_t now_us, unsigned *swallowed)
{
    /* + 1: the zero of an untouched limit is no window. */
    long long window = now_us / LOG_LIMIT_WINDOW_US + 1;
    long long counted = atomic_load(&limit->window);
    if (counted != window && atomic_compare_exchange_strong(&limit->window, &counted, window))
        atomic_store(&limit->lines, 0);
    /* Two threads may race at a window's edge: then a line more or less, no harm. */
    if (atomic_fetch_add(&limit->lines, 1) >= LOG_LIMIT_LINES) {
        atomic_fetch_add(&limit->swallowed, 1);
        return false;
    }
    *swallowed = atomic_exchange(&limit->swallowed, 0);
    return true;
}
