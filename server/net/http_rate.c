#include "net/http_rate.h"

#include "base/mem.h"

#include <string.h>

void http_rate_init(struct http_rate *rate, int64_t per_second, int64_t burst)
{
    *rate = (struct http_rate){.per_second = per_second, .burst = burst};
    pthread_mutex_init(&rate->lock, NULL);
    if (per_second > 0)
        rate->sets = mem_alloc_zeroed(HTTP_RATE_SETS * sizeof *rate->sets);
}

void http_rate_deinit(struct http_rate *rate)
{
    pthread_mutex_destroy(&rate->lock);
    mem_free(rate->sets);
    rate->sets = NULL;
}

/* Its own, or else the one that was asked for least lately. */
static struct http_rate_entry *find(struct http_rate_entry *set, const struct address *address)
{
    struct http_rate_entry *oldest = set;
    for (size_t i = 0; i < HTTP_RATE_WAYS; i++) {
        if (set[i].allowance.burst == 0)
            return &set[i];
        if (memcmp(&set[i].address, address, sizeof *address) == 0)
            return &set[i];
        if (set[i].allowance.at_us < oldest->allowance.at_us)
            oldest = &set[i];
    }
    return oldest;
}

int64_t http_rate_wait_us(struct http_rate *rate, const struct address *address, int64_t now_us)
{
    if (rate->sets == NULL)
        return 0;
    pthread_mutex_lock(&rate->lock);
    struct http_rate_entry *entry =
        find(rate->sets[address_place(address, HTTP_RATE_SETS)], address);
    bool is_new =
        entry->allowance.burst == 0 || memcmp(&entry->address, address, sizeof *address) != 0;
    if (is_new) {
        entry->address = *address;
        allowance_init(&entry->allowance, rate->per_second, rate->burst, now_us);
    }
    int64_t wait_us = allowance_wait_us(&entry->allowance, 1, now_us);
    if (wait_us == 0)
        (void)allowance_take(&entry->allowance, 1, now_us);
    pthread_mutex_unlock(&rate->lock);
    return wait_us;
}
