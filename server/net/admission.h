/*
 * How many connections there may be: in all, and from one address.
 *
 * One for all lanes, behind a lock that is held for a few instructions per connection. Memory: one
 * small entry for each address that is connected now. Any thread.
 */
#ifndef TAPEDECK_NET_ADMISSION_H
#define TAPEDECK_NET_ADMISSION_H

#include "base/address.h"
#include "base/list.h"

#include <pthread.h>
#include <stddef.h>

enum admission_verdict { ADMITTED, REFUSED_TOTAL, REFUSED_ADDRESS };

#define ADMISSION_BUCKETS 1024

struct admission {
    pthread_mutex_t lock;
    size_t total_max;
    size_t address_max; /* 0: no cap */
    size_t total;
    struct list buckets[ADMISSION_BUCKETS];
};

void admission_init(struct admission *admission, size_t total_max, size_t address_max);
/* Everybody must have left. */
void admission_deinit(struct admission *admission);
/* ADMITTED must be followed by one `admission_leave` of the same address. */
enum admission_verdict admission_enter(struct admission *admission, const struct address *address);
void admission_leave(struct admission *admission, const struct address *address);
size_t admission_total(struct admission *admission);

#endif
