/*
 * One accepted socket: an HTTP client first, and after the upgrade a WebSocket that carries one
 * client's feed.
 *
 *    accepted ──► HTTP requests ──► closed
 *        └──► upgraded: feed ──► feed says END: close frame ──► closed
 *
 * Messages are collected from their fragments and handed to the feed; the feed is asked for a few
 * when it wakes, and as often as the socket can take more. It owns the feed and at most one
 * unfinished message; it never queues messages. What a stalled client costs is what the kernel
 * holds, the rest of one message inside libwebsockets (60 KiB, unless one instant or the answer to
 * one question is longer), unread answers, and a message of its own that is not complete. Lane's
 * thread.
 */
#ifndef TAPEDECK_NET_CONNECTION_H
#define TAPEDECK_NET_CONNECTION_H

#include "auth/identity.h"
#include "base/bytes.h"
#include "base/list.h"
#include "net/admission.h"
#include "net/http.h"
#include "net/unsent.h"
#include "wire/encoding.h"

#include <stdbool.h>
#include <stdint.h>

struct feed;
struct lane;
struct lws;
struct lws_protocols;

#define CONNECTION_PING_US (10 * INT64_C(1000000))
#define CONNECTION_SILENCE_US (20 * INT64_C(1000000)) /* then it is hung up */
#define CONNECTION_PULSE_US INT64_C(1000000)          /* how often the two are looked at */

struct connection {
    struct list node;  /* in lane->connections */
    struct list awake; /* in lane->awake: its feed has something to say */
    struct lane *lane;
    struct lws *wsi;
    struct address address;

    struct http_exchange http; /* before the upgrade */

    struct identity identity; /* what the upgrade request proved; its role may be ROLE_NONE */
    struct feed *feed;        /* NULL before the upgrade and after the goodbye */
    enum wire_encoding encoding;
    struct buffer message;  /* fragments of a message that is not complete yet */
    bool is_deaf;           /* the feed is closing: what still arrives is thrown away */
    bool is_throttled;      /* not reading: too much is unread, or it asks too fast */
    unsigned reading_turns; /* to pass before the next message to the client */
    bool owes_ping;
    size_t stuck_bytes; /* of the last message, when it did not go out whole: how much of it is left
                           is not known */
    struct unsent_part unsent; /* that and unread answers; or of an answer over HTTP */
    int64_t heard_at_us;       /* when the client last said anything, monotonic */
    int64_t pinged_at_us;
};

/* Takes over an accepted socket, which was admitted under `address`; on failure it is closed. */
void connection_accept(struct lane *lane, int fd, const struct address *address);

/* At the end of a turn: asks the feeds that have woken since the last time what they say. */
void connection_ask_awake(struct lane *lane);
/* Once a pulse: pings who has been silent, hangs up on who has been silent for too long. */
void connection_keep_alive(struct connection *connection, int64_t now_us);
/* The gate's keys have changed. */
void connection_renew(struct connection *connection);
/* The server stops: says goodbye with 1001; HTTP connections without work end at once. */
void connection_say_goodbye(struct connection *connection);
/* Nobody is left to say goodbye to: ends the feed. libwebsockets closes the socket later. */
void connection_drop_feed(struct connection *connection);
/* The same, and for an answer over HTTP that is under way. */
void connection_drop(struct connection *connection);

/* The two protocols of a client's socket, JSON first (the default), for the lane's table. */
#define CONNECTION_PROTOCOLS 2
void connection_protocols(struct lws_protocols *protocols);

#endif
