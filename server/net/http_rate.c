#include "net/http_rate.h"

#include "base/mem.h"

void http_rate_init(struct http_rate *rate, int64_t per_second, int64_t burst)
{
    *rate = (struct http_rate){.per_second = per_second, .burst = burst};
    pthread_mutex_init(&rate->lock, NULL);
    if (per_second > 0)
        rate->allowances = MEM_NEW(struct address_allowances);
}

void http_rate_deinit(struct http_rate *rate)
{
    pthread_mutex_destroy(&rate->lock);
    mem_free(rate->allowances);
    rate->allowances = NULL;
}

int64_t http_rate_wait_us(struct http_rate *rate, const struct address *address, int64_t now_us)
{
    if (rate->allowances == NULL)
        return 0;
    pthread_mutex_lock(&rate->lock);
    struct allowance *allowance =
        address_allowances_enter(rate->allowances, address, rate->per_second, rate->burst, now_us);
    int64_t wait_us = allowance_wait_us(allowance, 1, now_us);
    if (wait_us == 0)
        (void)allowance_take(allowance, 1, now_us);
    pthread_mutex_unlock(&rate->lock);
    return wait_us;
}
