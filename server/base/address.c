#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct address address_of(const struct sockaddr_storage *peer)
{
    struct address address = {{0}};
    if (peer->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof in6);
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        memcpy(address.bytes, &in6.sin6_addr, is_mapped ? 16 : 8);
    } else if (peer->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        address.bytes[10] = 0xff;
        address.bytes[11] = 0xff;
        memcpy(address.bytes + 12, &in.sin_addr, 4);
    }
    return address;
}

bool address_equals(const struct address *a, const struct address *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

size_t address_place(const struct address *address, size_t count)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < sizeof address->bytes; i++)
        hash = (hash ^ address->bytes[i]) * UINT64_C(1099511628211);
    return (hash ^ hash >> 32) % count;
}

struct address_text address_format(const struct address *address)
{
    struct address_text text = {"?"};
    char number[INET6_ADDRSTRLEN];
    struct in6_addr in6;
    memcpy(&in6, address->bytes, sizeof in6);
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(&in6);
    const void *bytes = is_v4 ? address->bytes + 12 : address->bytes;
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, number, sizeof number) != NULL)
        (void)snprintf(text.text, sizeof text.text, "%s%s", number, is_v4 ? "" : "/64");
    return text;
}
