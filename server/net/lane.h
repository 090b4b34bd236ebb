/*
 * A lane: one thread, one libwebsockets context, its own listening socket, inbox and timing wheel.
 * A connection lives and dies on the lane that accepted it.
 *
 *    listening socket ──► accept ─┐                         other threads
 *    timerfd ──► wheel turn ──────┤  one poll() loop            │ inbox_post
 *    sockets ──► read, write ─────┤                             ▼
 *    eventfd ──► inbox drain ─────┘ ◄──── lws_cancel_service ── wake
 *                     │
 *                     ▼ what has woken: asked what it says, and written
 *
 * Other threads only post to the inbox and ask it to stop; everything else is the lane's own.
 */
#ifndef TAPEDECK_NET_LANE_H
#define TAPEDECK_NET_LANE_H

#include "base/bytes.h"
#include "base/counter.h"
#include "base/inbox.h"
#include "base/wheel.h"
#include "feed/feed.h"
#include "net/acceptor.h"
#include "net/figures.h"
#include "net/http.h"
#include "net/unsent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct lws;
struct lws_context;
struct lws_vhost;
struct server;
struct ssl_ctx_st;
struct tls;

/* One instant must fit in a message, however many ticks it has. */
#define LANE_OUT_BYTES_MAX ((size_t)64 << 20)
/* A send buffer that grew beyond this is given back after the write. */
#define LANE_OUT_BYTES_KEPT ((size_t)1 << 20)

/* Of the lane's own work; its acceptor, its feeds and `unsent` have theirs. */
struct lane_figures {
    struct counter connections; /* now, as `clients` */
    struct counter clients;     /* with a WebSocket */
    struct counter messages_in;
    struct counter bytes_in;
    struct counter messages_out;
    struct counter bytes_out;
    struct counter turns;
    struct counter wakeups;
    struct counter overloaded; /* hung up, or turned away, because of too many unsent bytes */
};

struct lane {
    struct server *server; /* shared, constant while lanes run */
    unsigned index;
    pthread_t thread;
    bool has_thread;

    struct lws_context *context;
    struct lws_vhost *vhost;
    struct acceptor acceptor;
    struct inbox inbox;
    struct wheel wheel; /* monotonic µs */
    int timer_fd;       /* wakes poll() for the wheel's next turn */
    int64_t timer_at_us;
    struct timer pulse;      /* once a second: pings and hang-ups */
    struct list connections; /* every socket, upgraded or not */
    struct list awake;       /* of these, those to be asked at the end of the turn */
    bool asks_awake;         /* is at it */
    struct buffer out;       /* the message that is being written, LWS_PRE bytes before it */
    struct feed_lane feed_lane;
    struct http_lane http;
    struct unsent unsent;
    struct lane_figures figures;

    struct tls *tls; /* that handshakes show; NULL: in clear */
    bool speaks_tls;

    atomic_bool renew_asked;
    atomic_bool stop_asked;
    atomic_llong stop_at_us; /* then whoever is still connected is dropped */
    bool is_stopping;
    bool is_done;
    struct timer deadline;

    int64_t turned_at_us;
    unsigned vain_turns; /* quick ones in a row, without a callback to us */
};

/* Makes everything but the thread; `listen_fd` becomes the lane's, also on failure. */
enum status lane_init(struct lane *lane, struct server *server, unsigned index, int listen_fd,
                      const struct feed_lane *shared, struct error *error) MUST_CHECK;
/* Any thread. */
struct server_figures lane_figures(const struct lane *lane);
enum status lane_start(struct lane *lane, struct error *error) MUST_CHECK;

/* Any thread: take over the server's certificate, and let everybody prove anew who they are. */
void lane_ask_to_renew(struct lane *lane);
/* Any thread: stop accepting, say goodbye to every client, end at the latest at `stop_at_us`. */
void lane_ask_to_stop(struct lane *lane, int64_t stop_at_us);
void lane_join(struct lane *lane);
/* After the join, and after everybody who posts to its inbox has stopped. */
void lane_deinit(struct lane *lane);

/* libwebsockets has made the vhost's SSL_CTX: 0, or −1 when it will not do. */
int lane_tls_made(struct lane *lane, struct ssl_ctx_st *context);

struct lane *lane_of(struct lws *wsi);

/* A connection has been destroyed. */
void lane_left(struct lane *lane);

/* A callback had work for us. libwebsockets makes poll() spin in some situations that a client can
 * bring about: a pipelined request that waits while an answer is stuck, the last millisecond
 * before a timeout. A lane that has turned LANE_VAIN_TURNS times, quickly and with no work, naps
 * for LANE_NAP_US after each further such turn. */
static inline void lane_is_busy(struct lane *lane)
{
    lane->vain_turns = 0;
}
#define LANE_VAIN_TURNS 64
#define LANE_QUICK_US 200
#define LANE_NAP_US 1000
struct now lane_now(void);

#endif
