/*
 * The network side of tapedeck: lanes, their listening sockets, and everything about HTTP and
 * WebSocket. Knows libwebsockets; nothing outside net/ does.
 *
 * All functions from one thread, the one that started it; `server_figures` from any.
 */
#ifndef TAPEDECK_NET_SERVER_H
#define TAPEDECK_NET_SERVER_H

#include "base/status.h"
#include "feed/feed.h"
#include "net/figures.h"
#include "net/http.h"

#include <stddef.h>
#include <stdint.h>

#define SERVER_LANES_MAX 256

struct tls;

struct server_options {
    const char *host; /* a name or an address: "127.0.0.1", "::" */
    uint16_t port;    /* 0: any free one, see server_port */
    unsigned lane_count;
    const char *web_root;               /* folder of the built web app; NULL: none */
    size_t connections_max;             /* in all; lowered to what file descriptors allow */
    size_t connections_per_address_max; /* 0: no cap */
    const char *const *allowed_origins; /* "https://desk.example" or "*" */
    size_t allowed_origin_count;
    size_t unsent_bytes_max; /* held for clients that do not take their messages, by all lanes */
    bool checks_host;        /* answer only to localhost, addresses, and these names: net/host.h */
    const char *const *allowed_hosts;
    size_t allowed_host_count;
    int64_t http_requests_per_second; /* from one address; 0: no bound */
    int64_t http_requests_burst;
    http_checks_fn *checks; /* for /readyz; NULL: it is always ready. On the lanes' threads */
    void *checks_owner;
    http_metrics_fn *metrics; /* for /metrics, beside the server's own; NULL: none. The same */
    void *metrics_owner;
    struct tls *tls; /* NULL: in clear. Pinned */
};

struct server;

/*
 * Binds, listens and starts the lanes. Each lane gets a copy of `shared` with its own inbox and
 * wheel; what `shared` points to must outlive server_destroy. `options` and its texts are copied.
 */
enum status server_start(const struct server_options *options, const struct feed_lane *shared,
                         struct server **server, struct error *error) MUST_CHECK;

uint16_t server_port(const struct server *server);
unsigned server_lanes(const struct server *server);
/* Of one lane; the counters of a moment may be a message apart. */
struct server_figures server_lane_figures(const struct server *server, unsigned index);
struct server_figures server_figures(const struct server *server);

/*
 * The gate's keys have changed, and so may have the certificate (NULL: it has not; a server in
 * clear stays so). Every lane takes it over at its next turn; connections stay, but for those whose
 * proof counts no more.
 */
void server_renew(struct server *server, struct tls *tls);

/*
 * Stops accepting, closes every feed with 1001 and lets it flush; ends the lanes' threads when all
 * have left, or after `grace_us`. No feed is alive afterwards, but answers to their requests may
 * still arrive in the lanes' inboxes. Again: nothing.
 */
void server_stop(struct server *server, int64_t grace_us);

/* Stops (without grace, if that was not done), delivers what is left in the inboxes on this thread
 * and frees everything. The source must have answered every request by now. */
void server_destroy(struct server **server);

#endif
