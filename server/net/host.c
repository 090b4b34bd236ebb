#include "net/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES_MAX 253 /* of a name, RFC 1035 */

const struct refusal host_refusal = {
    403, "forbidden",
    "this server is not known under the name in the Host header: list it in allowed_hosts, or use "
    "localhost or an address",
    NULL};

/* The name or address without its port and a name's final dot. False: there is none. */
static bool bare_name(const char *host, char *name, size_t bytes)
{
    bool is_bracketed = host[0] == '[';
    size_t count = is_bracketed ? strcspn(++host, "]") : strcspn(host, ":");
    const char *rest = host + count + (is_bracketed && host[count] == ']' ? 1 : 0);
    if (rest[0] != '\0' && (rest[0] != ':' || rest[1 + strspn(rest + 1, "0123456789")] != '\0'))
        return false;
    if (count > 0 && !is_bracketed && host[count - 1] == '.')
        count--;
    if (count == 0 || count >= bytes)
        return false;
    memcpy(name, host, count);
    name[count] = '\0';
    return true;
}

static bool is_address(const char *name)
{
    struct in_addr v4;
    struct in6_addr v6;
    return inet_pton(AF_INET, name, &v4) == 1 || inet_pton(AF_INET6, name, &v6) == 1;
}

/* `suffix` begins with a dot: any name under it, and the bare one. */
static bool is_under(const char *name, const char *suffix)
{
    size_t bytes = strlen(name);
    size_t suffix_bytes = strlen(suffix);
    if (strcasecmp(name, suffix + 1) == 0)
        return true;
    return bytes > suffix_bytes && strcasecmp(name + bytes - suffix_bytes, suffix) == 0;
}

static bool is_listed(const char *name, const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const char *listed = hosts->names[i];
        if (strcmp(listed, "*") == 0 || strcasecmp(name, listed) == 0 ||
            (listed[0] == '.' && is_under(name, listed)))
            return true;
    }
    return false;
}

bool host_is_welcome(const char *host, const struct hosts *hosts)
{
    char name[NAME_BYTES_MAX + 1];
    if (!hosts->is_checked || host == NULL)
        return true;
    if (!bare_name(host, name, sizeof name))
        return false;
    return is_address(name) || is_under(name, ".localhost") || is_listed(name, hosts);
}
