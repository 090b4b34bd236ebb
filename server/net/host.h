/*
 * Which Host headers are answered. A web page from anywhere can make its own name point to
 * 127.0.0.1 (DNS rebinding); for the browser it then has the same origin as this server, and only
 * the Host header, which still says that name, gives it away. Pure, any thread.
 *
 * An address cannot be made to point elsewhere, so addresses are always welcome, and so are
 * localhost and names under it, which browsers never ask a name server for.
 */
#ifndef TAPEDECK_NET_HOST_H
#define TAPEDECK_NET_HOST_H

#include "net/refusal.h"

#include <stdbool.h>
#include <stddef.h>

/* Names of this server: "desk.example", ".example" (all names under it), or "*". */
struct hosts {
    bool is_checked; /* false: every Host is welcome */
    const char *const *names;
    size_t count;
};

extern const struct refusal host_refusal;

/* `host` is a Host header, with or without a port. NULL: absent, and so from no browser. */
bool host_is_welcome(const char *host, const struct hosts *hosts);

#endif
