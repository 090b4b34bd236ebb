/*
 * Takes connections from one lane's listening socket and hands them to libwebsockets.
 *
 * libwebsockets' own listener spins when the process is out of file descriptors and cannot share
 * a port between contexts, so each lane has a SO_REUSEPORT socket of its own, adopted as a raw
 * file. Whoever comes over a cap gets HTTP 503. When descriptors run out, the reserve descriptor
 * is spent on telling one client so, and accepting pauses for a moment. Lane's thread.
 */
#ifndef TAPEDECK_NET_ACCEPTOR_H
#define TAPEDECK_NET_ACCEPTOR_H

#include "base/counter.h"
#include "base/status.h"
#include "base/wheel.h"

#include <stdbool.h>
#include <stdint.h>

struct lane;
struct lws;

#define ACCEPTOR_BACKLOG 1024
#define ACCEPTOR_TURN_MAX 64 /* connections taken in one turn */
#define ACCEPTOR_PAUSE_US 100000

struct acceptor {
    struct lane *lane;
    struct lws *wsi; /* the listening socket, as libwebsockets sees it; NULL: none */
    int reserve_fd;  /* −1: spent */
    struct timer resume;
    struct counter accepted;
    struct counter refused;
};

/*
 * A listening socket at `host` (a name or an address) and *port; 0 chooses a free port and stores
 * it. The first one (`is_first`) makes sure that nobody else listens there, because SO_REUSEPORT
 * would quietly share the port with another server.
 */
enum status acceptor_listen(const char *host, uint16_t *port, bool is_first, int *listen_fd,
                            struct error *error) MUST_CHECK;

/* `listen_fd` becomes the acceptor's, also on failure. */
enum status acceptor_init(struct acceptor *acceptor, struct lane *lane, int listen_fd,
                          struct error *error) MUST_CHECK;
/* Closes the listening socket. */
void acceptor_stop(struct acceptor *acceptor);

/* libwebsockets' callbacks of the listening socket's protocol. */
void acceptor_accept(struct acceptor *acceptor);
void acceptor_closed(struct acceptor *acceptor);

#endif
