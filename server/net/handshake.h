/*
 * Who may have a WebSocket: the rules of an upgrade request, over texts that connection.c took out
 * of the request. Pure, any thread.
 *
 * libwebsockets takes any Origin, version 12 and a short key, and hangs up without an answer on
 * an unknown subprotocol; so every rule is checked here, before it sees the request.
 */
#ifndef TAPEDECK_NET_HANDSHAKE_H
#define TAPEDECK_NET_HANDSHAKE_H

#include "net/host.h"
#include "net/refusal.h"
#include "wire/encoding.h"

#include <stdbool.h>
#include <stddef.h>

#define HANDSHAKE_PATH "/ws"
#define HANDSHAKE_JSON "tapedeck.v1.json"
#define HANDSHAKE_MSGPACK "tapedeck.v1.msgpack"

/* The longest header values that are looked at; longer ones are refused. libwebsockets itself reads
 * the lists `connection` and `protocols` into 128 bytes. */
#define HANDSHAKE_LIST_BYTES 127
#define HANDSHAKE_NAME_BYTES 256

/* Texts of one request; NULL: the header is absent. */
struct handshake {
    bool is_get;
    const char *path;
    const char *host;
    const char *upgrade;
    const char *connection; /* a list */
    const char *version;
    const char *key;
    const char *origin;
    const char *protocols; /* a list, the client's favourite first */
};

/* Origins that may connect from elsewhere: "https://desk.example", or "*". */
struct origins {
    const char *const *names;
    size_t count;
};

/* NULL: welcome, and `encoding` is what the client and we will speak. Else why not; then `encoding`
 * is untouched. */
const struct refusal *handshake_check(const struct handshake *asked, const struct hosts *hosts,
                                      const struct origins *allowed, enum wire_encoding *encoding);

/* No Origin (not a browser), the origin of `host` itself, or one that is allowed. Default ports
 * may be left out on either side; names compare without case. */
bool handshake_origin_is_welcome(const char *origin, const char *host,
                                 const struct origins *allowed);

/* The first of ours in a comma-separated list; an absent or empty list means JSON. False when
 * nothing in it is ours, or when it is no list. */
bool handshake_choose_encoding(const char *protocols, enum wire_encoding *encoding);

#endif
