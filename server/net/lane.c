#include "net/lane.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/connection.h"
#include "net/server_inner.h"
#include "net/tls.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HTTP_TIMEOUT_S 10         /* to send a request, or to take a piece of an answer */
#define HTTP_IDLE_S 30            /* kept alive between requests */
#define HEADER_BYTES 8192         /* a request's line and headers together */
#define HEADERS_IN_WORK 1024      /* requests being read at once; the next ones wait */
#define SERVICE_BYTES (32 * 1024) /* read buffer of the lane, and piece of a file */

/* Timers fire in steps of this: with 2 000 replays, half as many polls over 2 000 sockets as steps
 * of 1 ms need, for a slack that no frame notices (they are sent ahead of time). */
#define LANE_TURN_US 2000

/* Names in brackets can never be a WebSocket subprotocol that a client asks for. */
#define LANE_PROTOCOL "(lane)"
#define ACCEPTOR_PROTOCOL "(acceptor)"

struct lane *lane_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

struct now lane_now(void)
{
    return (struct now){.monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us()};
}

/* The inbox's wake: any thread, the one thing of libwebsockets that other threads may call. */
static void lane_wake(void *owner)
{
    const struct lane *lane = owner;
    lws_cancel_service(lane->context);
}

/* Reads away the expiry, so that the descriptor is quiet; the turn itself runs after the poll. */
static void timer_expired(struct lane *lane)
{
    uint64_t expiries;
    ssize_t got = read(lane->timer_fd, &expiries, sizeof expiries);
    (void)got; /* EAGAIN: it was set anew in the meantime */
    lane_is_busy(lane);
    lane->timer_at_us = INT64_MAX;
}

static void lane_awoken(struct lane *lane)
{
    lane_is_busy(lane);
    counter_add(&lane->figures.wakeups, 1);
    (void)inbox_drain(&lane->inbox);
}

static int lane_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t bytes)
{
    (void)user;
    (void)in;
    (void)bytes;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        timer_expired(lane_of(wsi));
    else if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED)
        lane_awoken(lane_of(wsi));
    return 0; /* anything else would close the wake pipe for good */
}

static int acceptor_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                             void *in, size_t bytes)
{
    (void)user;
    (void)in;
    (void)bytes;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        acceptor_accept(&lane_of(wsi)->acceptor);
    else if (reason == LWS_CALLBACK_RAW_CLOSE_FILE)
        acceptor_closed(&lane_of(wsi)->acceptor);
    return 0;
}

static void arm_timer(struct lane *lane)
{
    int64_t next_us = wheel_next_us(&lane->wheel);
    if (next_us != INT64_MAX)
        next_us = (next_us + LANE_TURN_US - 1) / LANE_TURN_US * LANE_TURN_US;
    if (next_us == lane->timer_at_us)
        return;
    struct itimerspec at = {{0, 0}, {0, 0}}; /* zero: never */
    if (next_us != INT64_MAX) {
        at.it_value.tv_sec = next_us / 1000000;
        at.it_value.tv_nsec = next_us % 1000000 * 1000;
    }
    int result = timerfd_settime(lane->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    ASSERT(result == 0);
    lane->timer_at_us = next_us;
}

static void pulse_fire(struct timer *timer, int64_t now_us)
{
    struct lane *lane = CONTAINER_OF(timer, struct lane, pulse);
    for (struct list *node = lane->connections.next; node != &lane->connections; node = node->next)
        connection_keep_alive(CONTAINER_OF(node, struct connection, node), now_us);
    wheel_arm(&lane->wheel, timer, now_us + CONNECTION_PULSE_US);
}

static void deadline_fire(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    CONTAINER_OF(timer, struct lane, deadline)->is_done = true;
}

static void begin_stop(struct lane *lane)
{
    lane->is_stopping = true;
    acceptor_stop(&lane->acceptor);
    for (struct list *node = lane->connections.next; node != &lane->connections; node = node->next)
        connection_say_goodbye(CONTAINER_OF(node, struct connection, node));
    wheel_arm(&lane->wheel, &lane->deadline, atomic_load(&lane->stop_at_us));
}

static void drop_all(struct lane *lane)
{
    for (struct list *node = lane->connections.next; node != &lane->connections; node = node->next)
        connection_drop(CONTAINER_OF(node, struct connection, node));
}

static void nap_if_spinning(struct lane *lane, int64_t now_us)
{
    bool was_quick = now_us - lane->turned_at_us < LANE_QUICK_US;
    lane->turned_at_us = now_us;
    lane->vain_turns = was_quick ? lane->vain_turns + 1 : 0;
    if (lane->vain_turns <= LANE_VAIN_TURNS)
        return;
    const struct timespec nap = {.tv_nsec = LANE_NAP_US * 1000};
    (void)nanosleep(&nap, NULL);
    lane->turned_at_us = clock_monotonic_us();
}

static void renew(struct lane *lane)
{
    tls_unpin(&lane->tls);
    lane->tls = server_pin_tls(lane->server);
    for (struct list *node = lane->connections.next; node != &lane->connections; node = node->next)
        connection_renew(CONTAINER_OF(node, struct connection, node));
}

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    while (!lane->is_done) {
        if (lws_service(lane->context, 0) < 0)
            break;
        counter_add(&lane->figures.turns, 1);
        int64_t now_us = clock_monotonic_us();
        nap_if_spinning(lane, now_us);
        (void)wheel_run(&lane->wheel, now_us);
        if (atomic_exchange(&lane->renew_asked, false))
            renew(lane);
        if (!lane->is_stopping && atomic_load(&lane->stop_asked))
            begin_stop(lane);
        connection_ask_awake(lane);
        if (lane->is_stopping && list_is_empty(&lane->connections))
            break;
        arm_timer(lane);
    }
    drop_all(lane);
    return NULL;
}

static struct lws_context *context_create(struct lane *lane)
{
    /* The context copies what it needs; the names must stay. */
    struct lws_protocols protocols[CONNECTION_PROTOCOLS + 3];
    memset(protocols, 0, sizeof protocols);
    connection_protocols(protocols);
    protocols[CONNECTION_PROTOCOLS].name = LANE_PROTOCOL;
    protocols[CONNECTION_PROTOCOLS].callback = lane_callback;
    protocols[CONNECTION_PROTOCOLS + 1].name = ACCEPTOR_PROTOCOL;
    protocols[CONNECTION_PROTOCOLS + 1].callback = acceptor_callback;

    /* Pings are ours (connection_keep_alive): a zero hang-up switches libwebsockets' own off,
     * whose timers are a sorted list and make it spin for the last millisecond before each. */
    static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};

    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    /* Not LWS_SERVER_OPTION_VALIDATE_UTF8: it hangs up without the `error` that says why. The
     * decoder reads whole messages only, and checks them. */
    info.options =
        LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.alpn = "http/1.1";
    info.user = lane;
    info.vhost_name = "tapedeck";
    info.retry_and_idle_policy = &no_pings;
    info.timeout_secs = HTTP_TIMEOUT_S;
    info.keepalive_timeout = HTTP_IDLE_S;
    info.max_http_header_data2 = HEADER_BYTES;
    info.max_http_header_pool2 = HEADERS_IN_WORK;
    info.pt_serv_buf_size = SERVICE_BYTES;
    /* Without the files' names: lane_tls_made looks after certificates. */
    if (lane->tls != NULL)
        info.options |=
            LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    return lws_create_context(&info);
}

static enum status adopt_timer(struct lane *lane, struct error *error)
{
    lane->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (lane->timer_fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot create a timer: %s", strerror(errno));
    /* The raw file closes its descriptor; ours stays for setting it. */
    lws_sock_file_fd_type file = {.filefd = dup(lane->timer_fd)};
    if (file.filefd < 0 || lws_adopt_descriptor_vhost(lane->vhost, LWS_ADOPT_RAW_FILE_DESC, file,
                                                      LANE_PROTOCOL, NULL) == NULL)
        return error_set(error, STATUS_UNAVAILABLE, "cannot watch a timer");
    return STATUS_OK;
}

static void init_fields(struct lane *lane, struct server *server, unsigned index,
                        const struct feed_lane *shared)
{
    *lane = (struct lane){.server = server, .index = index, .timer_fd = -1};
    lane->tls = server_pin_tls(server);
    lane->timer_at_us = INT64_MAX;
    lane->acceptor.reserve_fd = -1;
    list_init(&lane->connections);
    list_init(&lane->awake);
    buffer_init(&lane->out, LWS_PRE + LANE_OUT_BYTES_MAX);
    inbox_init(&lane->inbox, lane_wake, lane);
    wheel_init(&lane->wheel, clock_monotonic_us());
    timer_init(&lane->pulse, pulse_fire);
    timer_init(&lane->deadline, deadline_fire);
    lane->feed_lane = *shared;
    lane->feed_lane.inbox = &lane->inbox;
    lane->feed_lane.wheel = &lane->wheel;
    feed_lane_init(&lane->feed_lane);
    unsent_init(&lane->unsent, server->unsent_bytes_max);
    lane->http = (struct http_lane){.site = &server->site,
                                    .gate = shared->gate,
                                    .tape = shared->tape,
                                    .symbols = shared->symbols,
                                    .operations = shared->live_operations,
                                    .inquiries = &lane->feed_lane.inquiries,
                                    .decoder = lane->feed_lane.decoder,
                                    .inbox = &lane->inbox,
                                    .wheel = &lane->wheel,
                                    .failed_log = &server->http_failed_log,
                                    .unsent = &lane->unsent};
}

enum status lane_init(struct lane *lane, struct server *server, unsigned index, int listen_fd,
                      const struct feed_lane *shared, struct error *error)
{
    init_fields(lane, server, index, shared);
    lane->context = context_create(lane);
    if (lane->context == NULL) {
        (void)close(listen_fd);
        return error_set(error, STATUS_UNAVAILABLE, "cannot set up libwebsockets");
    }
    lane->vhost = lws_get_vhost_by_name(lane->context, "tapedeck");
    ASSERT(lane->vhost != NULL);
    if (lane->tls != NULL && !lane->speaks_tls) {
        (void)close(listen_fd); /* it would speak in clear */
        return error_set(error, STATUS_UNAVAILABLE, "libwebsockets was built without TLS");
    }
    enum status status = acceptor_init(&lane->acceptor, lane, listen_fd, error);
    if (status != STATUS_OK)
        return status;
    status = adopt_timer(lane, error);
    if (status != STATUS_OK)
        return status;
    wheel_arm(&lane->wheel, &lane->pulse, clock_monotonic_us() + CONNECTION_PULSE_US);
    arm_timer(lane);
    return STATUS_OK;
}

enum status lane_start(struct lane *lane, struct error *error)
{
    int result = pthread_create(&lane->thread, NULL, lane_run, lane);
    if (result != 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot start a thread: %s", strerror(result));
    lane->has_thread = true;
    char name[16];
    (void)snprintf(name, sizeof name, "lane-%u", lane->index);
    (void)pthread_setname_np(lane->thread, name);
    return STATUS_OK;
}

static void read_all(const struct counter *counters, size_t count, uint64_t *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = counter_read(&counters[i]);
}

static void add_figures_of_feeds(const struct feed_figures *feeds, struct server_figures *figures)
{
    figures->requests = counter_read(&feeds->requests);
    figures->requests_refused = counter_read(&feeds->requests_refused);
    figures->acks = counter_read(&feeds->acks);
    read_all(feeds->ops, FEED_OPS_MAX + 1, figures->ops);
    read_all(feeds->errors, WIRE_ERROR_CODES, figures->errors);
    read_all(feeds->open, FEED_KINDS_MAX, figures->open);
    figures->candle_updates = counter_read(&feeds->candle_updates);
    figures->frames = counter_read(&feeds->frames);
    figures->ticks = counter_read(&feeds->ticks);
    read_all(feeds->late, FEED_LATE_BUCKETS, figures->late);
    figures->late_us = counter_read(&feeds->late_us);
}

struct server_figures lane_figures(const struct lane *lane)
{
    const struct lane_figures *mine = &lane->figures;
    struct server_figures figures = {
        .connections = counter_read(&mine->connections),
        .clients = counter_read(&mine->clients),
        .unsent = counter_read(&lane->unsent.count),
        .unsent_bytes = counter_read(&lane->unsent.bytes),
        .works = counter_read(&lane->http.works),
        .accepted = counter_read(&lane->acceptor.accepted),
        .refused = counter_read(&lane->acceptor.refused),
        .messages_in = counter_read(&mine->messages_in),
        .bytes_in = counter_read(&mine->bytes_in),
        .messages_out = counter_read(&mine->messages_out),
        .bytes_out = counter_read(&mine->bytes_out),
        .turns = counter_read(&mine->turns),
        .wakeups = counter_read(&mine->wakeups),
        .overloaded = counter_read(&mine->overloaded),
    };
    add_figures_of_feeds(&lane->feed_lane.figures, &figures);
    read_all(lane->feed_lane.replay.states, REPLAY_STATES, figures.replays);
    read_all(lane->http.answers, HTTP_STATUSES, figures.answers);
    figures.hasty = counter_read(&lane->http.hasty);
    return figures;
}

void lane_left(struct lane *lane)
{
    /* The last one may leave inside lws_service, which then goes on to poll(). */
    if (lane->is_stopping && list_is_empty(&lane->connections))
        lws_cancel_service(lane->context);
}

int lane_tls_made(struct lane *lane, struct ssl_ctx_st *context)
{
    lane->speaks_tls = tls_serve(context, &lane->tls);
    return lane->speaks_tls ? 0 : -1;
}

void lane_ask_to_renew(struct lane *lane)
{
    atomic_store(&lane->renew_asked, true);
    lws_cancel_service(lane->context);
}

void lane_ask_to_stop(struct lane *lane, int64_t stop_at_us)
{
    atomic_store(&lane->stop_at_us, stop_at_us);
    atomic_store(&lane->stop_asked, true);
    lws_cancel_service(lane->context);
}

void lane_join(struct lane *lane)
{
    if (!lane->has_thread)
        return;
    (void)pthread_join(lane->thread, NULL);
    lane->has_thread = false;
}

void lane_deinit(struct lane *lane)
{
    ASSERT(!lane->has_thread);
    while (inbox_drain(&lane->inbox) > 0)
        ; /* an answer may bring another letter */
    acceptor_stop(&lane->acceptor);
    if (lane->context != NULL)
        lws_context_destroy(lane->context);
    ASSERT(list_is_empty(&lane->connections));
    if (lane->timer_fd >= 0)
        (void)close(lane->timer_fd);
    tls_unpin(&lane->tls);
    feed_lane_deinit(&lane->feed_lane);
    inbox_deinit(&lane->inbox);
    buffer_deinit(&lane->out);
}
