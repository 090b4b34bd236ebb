/*
 * How many connections there may be: in all, and from one address.
 *
 * One for all lanes, behind a lock that is held for a few instructions per connection. An IPv4
 * address counts as itself, an IPv6 address as its /64 (one host owns that many). Memory: one
 * small entry for each address that is connected now. Any thread.
 */
#ifndef TAPEDECK_NET_ADMISSION_H
#define TAPEDECK_NET_ADMISSION_H

#include "base/list.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv4 addresses as ::ffff:a.b.c.d. */
struct address {
    uint8_t bytes[16];
};

struct address address_of(const struct sockaddr_storage *peer);
uint64_t address_hash(const struct address *address);

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
