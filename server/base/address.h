/*
 * From where a peer comes, as far as it counts for limits: an IPv4 address as itself, an IPv6
 * address as its /64 (one host owns that many). Pure, any thread.
 */
#ifndef TAPEDECK_BASE_ADDRESS_H
#define TAPEDECK_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr_storage;

/* IPv4 addresses as ::ffff:a.b.c.d; all zero: none. */
struct address {
    uint8_t bytes[16];
};

struct address address_of(const struct sockaddr_storage *peer);
bool address_equals(const struct address *a, const struct address *b);
/* Its place in a hash table of `count` places. */
size_t address_place(const struct address *address, size_t count);

#define ADDRESS_TEXT_BYTES 56
struct address_text {
    char text[ADDRESS_TEXT_BYTES];
};
/* "192.0.2.7", "2001:db8:1:2::/64". */
struct address_text address_format(const struct address *address);

#endif
