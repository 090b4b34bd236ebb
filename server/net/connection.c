#include "net/connection.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "feed/feed.h"
#include "net/http_auth.h"
#include "net/server_inner.h"
#include "wire/codes.h"

#include <inttypes.h>
#include <libwebsockets.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CLOSE_UNEXPECTED 1011 /* our fault: the client may come back */

/* What is read from a socket at once; each connection has a buffer of this size, and holds as much
 * again while it is throttled. Requests are short. */
#define READ_BYTES 1024
/* One turn of the lane gives back what was stashed, the next one reads the socket. */
#define READING_TURNS 2
/* What one connection may say in a turn of the lane, and the rest of the message that passes it. */
#define TURN_BYTES ((size_t)16 << 10)
/* Most bytes of one send(2). What a write leaves over is copied by libwebsockets. */
#define SEND_BYTES_MAX ((size_t)4 << 20)

static struct connection *connection_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

void connection_accept(struct lane *lane, int fd, const struct address *address)
{
    struct lws *wsi = lws_adopt_socket_vhost(lane->vhost, fd);
    if (wsi == NULL) { /* libwebsockets has closed it */
        admission_leave(&lane->server->admission, address);
        return;
    }
    struct connection *connection = MEM_NEW(struct connection);
    connection->lane = lane;
    connection->wsi = wsi;
    connection->address = *address;
    connection->heard_at_us = clock_monotonic_us();
    buffer_init(&connection->message, WIRE_MESSAGE_BYTES_MAX);
    http_exchange_init(&connection->http, &lane->http, wsi, address);
    unsent_part_init(&connection->unsent);
    counter_add(&lane->figures.connections, 1);
    list_append(&lane->connections, &connection->node);
    list_init(&connection->awake);
    lws_set_opaque_user_data(wsi, connection);
}

/* Whatever way a socket ends, this is libwebsockets' last word about it. */
static void connection_destroy(struct connection *connection)
{
    connection_drop(connection);
    buffer_deinit(&connection->message);
    unsent_set(&connection->lane->unsent, &connection->unsent, 0);
    list_remove(&connection->node);
    counter_subtract(&connection->lane->figures.connections, 1);
    admission_leave(&connection->lane->server->admission, &connection->address);
    lane_left(connection->lane);
    mem_free(connection);
}

void connection_drop_feed(struct connection *connection)
{
    if (connection->feed == NULL)
        return;
    feed_destroy(&connection->feed);
    list_remove(&connection->awake);
    counter_subtract(&connection->lane->figures.clients, 1);
}

void connection_drop(struct connection *connection)
{
    connection_drop_feed(connection);
    http_exchange_deinit(&connection->http);
}

static void hang_up(struct connection *connection)
{
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

/* Who wakes while others are asked, for the second time perhaps, has to wait for poll(). */
static void wake(void *owner)
{
    struct connection *connection = owner;
    struct lane *lane = connection->lane;
    if (lane->asks_awake || connection->stuck_bytes > 0)
        (void)lws_callback_on_writable(connection->wsi);
    else if (list_is_empty(&connection->awake))
        list_append(&lane->awake, &connection->awake);
}

/*
 * Nearly always the socket takes what is said, so poll() need not look at thousands of others just
 * to confirm it: libwebsockets is told that it is writable, as by an event loop of our own. If it
 * is not, libwebsockets keeps what did not go out, and the connection is stuck until poll() says
 * so.
 */
void connection_ask_awake(struct lane *lane)
{
    struct list *first;
    lane->asks_awake = true;
    while ((first = list_take_first(&lane->awake)) != NULL) {
        struct lws *wsi = CONTAINER_OF(first, struct connection, awake)->wsi;
        struct lws_pollfd writable = {
            .fd = lws_get_socket_fd(wsi), .events = POLLIN | POLLOUT, .revents = POLLOUT};
        (void)lws_service_fd(lane->context, &writable); /* the connection may be gone now */
    }
    lane->asks_awake = false;
}

/* ---- the upgrade ---- */

struct header_texts {
    char path[HANDSHAKE_NAME_BYTES];
    char host[HANDSHAKE_NAME_BYTES];
    char upgrade[HANDSHAKE_LIST_BYTES];
    char connection[HANDSHAKE_LIST_BYTES];
    char version[8];
    char key[32];
    char origin[HANDSHAKE_NAME_BYTES];
    char protocols[HANDSHAKE_LIST_BYTES];
};

/* The header's text, NULL when it is absent. One that does not fit is "?": present and wrong. */
static const char *header(struct lws *wsi, enum lws_token_indexes token, char *text, size_t bytes)
{
    if (lws_hdr_total_length(wsi, token) <= 0)
        return NULL;
    if (lws_hdr_copy(wsi, text, (int)bytes, token) < 0)
        memcpy(text, "?", 2);
    return text;
}

static struct handshake handshake_of(struct lws *wsi, struct header_texts *texts)
{
#define HEADER(token, field) header(wsi, token, texts->field, sizeof texts->field)
    return (struct handshake){
        .is_get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0,
        .path = HEADER(WSI_TOKEN_GET_URI, path),
        .host = HEADER(WSI_TOKEN_HOST, host),
        .upgrade = HEADER(WSI_TOKEN_UPGRADE, upgrade),
        .connection = HEADER(WSI_TOKEN_CONNECTION, connection),
        .version = HEADER(WSI_TOKEN_VERSION, version),
        .key = HEADER(WSI_TOKEN_KEY, key),
        .origin = HEADER(WSI_TOKEN_ORIGIN, origin),
        .protocols = HEADER(WSI_TOKEN_PROTOCOL, protocols),
    };
#undef HEADER
}

/*
 * The callback's `in` must not be touched: after a keep-alive request and an Upgrade that is not
 * "websocket", libwebsockets has freed the headers it points into. The length then reads 0.
 */
static int confirm_upgrade(struct connection *connection, struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) <= 0)
        return -1;
    struct header_texts texts;
    struct handshake asked = handshake_of(wsi, &texts);
    const struct server *server = connection->lane->server;
    const struct refusal *refusal =
        handshake_check(&asked, &server->site.hosts, &server->origins, &connection->encoding);
    if (refusal != NULL)
        return http_refuse(&connection->http, refusal);
    struct error error = {.text = ""};
    if (http_prove(&connection->http, &connection->identity, &error) != STATUS_OK)
        return http_refuse_unproven(&connection->http, &error);
    return 0;
}

/* Before those who are here have to go, nobody new is taken. */
static void turn_away(struct connection *connection)
{
    counter_add(&connection->lane->figures.overloaded, 1);
    feed_close(connection->feed, CLOSE_OVERLOADED,
               "the server holds too much that clients have not taken: try again later");
}

static int established(struct connection *connection, struct lws *wsi)
{
    /* What was checked and what libwebsockets chose must be one thing. */
    ASSERT(lws_get_protocol(wsi)->id == (unsigned)connection->encoding);
    struct now now = lane_now();
    connection->heard_at_us = now.monotonic_us;
    const struct feed_peer peer = {
        .encoding = connection->encoding,
        .wake = wake,
        .owner = connection,
        .address = connection->address,
        .identity = connection->identity.role > ROLE_NONE ? &connection->identity : NULL,
    };
    connection->feed = feed_create(&connection->lane->feed_lane, &peer, now);
    counter_add(&connection->lane->figures.clients, 1);
    if (connection->lane->is_stopping)
        connection_say_goodbye(connection);
    else if (unsent_is_crowded(&connection->lane->unsent))
        turn_away(connection);
    (void)lws_callback_on_writable(wsi);
    return 0;
}

/* ---- from the client ---- */

/*
 * While a message is stuck nothing is read. It would be taken on for a client that takes nothing;
 * and libwebsockets (4.1.6 and 4.3) must not read the end of what a client sends then: it wants to
 * flush before it closes, and asks the same descriptor again and again, for good, without polling.
 */
static bool wants_input(const struct connection *connection)
{
    return connection->stuck_bytes == 0 && feed_wants_input(connection->feed);
}

/* Bytes, or their end; what TLS has read already cannot be seen here. */
static bool has_input(const struct connection *connection)
{
    char next;
    return lws_is_ssl(connection->wsi) ||
           recv(lws_get_socket_fd(connection->wsi), &next, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static void throttle(struct connection *connection)
{
    bool reads = wants_input(connection);
    if (reads != connection->is_throttled)
        return;
    connection->is_throttled = !reads;
    (void)lws_rx_flow_control(connection->wsi, reads ? 1 : 0);
    /* Otherwise a client that is sent one long message after the other would not be heard. */
    connection->reading_turns = reads && has_input(connection) ? READING_TURNS : 0;
}

static void log_overload(struct lane *lane)
{
    unsigned swallowed;
    if (log_limit_pass(&lane->server->overloaded_log, clock_monotonic_us(), &swallowed))
        log_warn("net.overload", "unsent_bytes=%" PRIu64 " lane_max=%zu swallowed=%u",
                 counter_read(&lane->unsent.bytes), lane->unsent.bytes_max, swallowed);
}

/* A close frame would have to wait behind what the client does not take: it is just hung up. */
static void relieve(struct lane *lane)
{
    struct unsent_part *part;
    while ((part = unsent_excess(&lane->unsent)) != NULL) {
        log_overload(lane);
        unsent_set(&lane->unsent, part, 0);
        counter_add(&lane->figures.overloaded, 1);
        hang_up(CONTAINER_OF(part, struct connection, unsent));
    }
}

/* After what is held has changed. */
static void account(struct connection *connection)
{
    struct lane *lane = connection->lane;
    unsent_set(&lane->unsent, &connection->unsent,
               connection->stuck_bytes + feed_unread_bytes(connection->feed));
    throttle(connection);
    relieve(lane);
}

static void deliver(struct connection *connection, const uint8_t *bytes, size_t count)
{
    counter_add(&connection->lane->figures.messages_in, 1);
    counter_add(&connection->lane->figures.bytes_in, count);
    feed_receive(connection->feed, bytes, count, lane_now());
}

static void refuse(struct connection *connection, uint16_t close_code, const char *sentence)
{
    connection->is_deaf = true;
    buffer_deinit(&connection->message);
    feed_refuse(connection->feed, close_code, sentence);
}

static void refuse_oversized(struct connection *connection)
{
    char sentence[64];
    (void)snprintf(sentence, sizeof sentence, "the message is longer than %d bytes",
                   WIRE_MESSAGE_BYTES_MAX);
    refuse(connection, CLOSE_TOO_BIG, sentence);
}

/* Text where binary was agreed, or the reverse. */
static void refuse_wrong_kind(struct connection *connection, bool is_binary)
{
    refuse(connection, CLOSE_PROTOCOL,
           is_binary ? "the message is binary; this subprotocol has text messages"
                     : "the message is text; this subprotocol has binary messages");
}

static void collect(struct connection *connection, const uint8_t *bytes, size_t count,
                    bool is_final)
{
    struct buffer *message = &connection->message;
    if (message->count + count > WIRE_MESSAGE_BYTES_MAX) {
        refuse_oversized(connection);
        return;
    }
    if (is_final && message->count == 0) { /* the usual case: one piece, no copy */
        deliver(connection, bytes, count);
        return;
    }
    buffer_append(message, bytes, count);
    if (!is_final)
        return;
    deliver(connection, message->bytes, message->count);
    buffer_deinit(message); /* long ones are rare; idle connections hold nothing */
}

static int receive(struct connection *connection, struct lws *wsi, const void *bytes, size_t count)
{
    connection->heard_at_us = clock_monotonic_us();
    if (connection->is_deaf || connection->feed == NULL)
        return 0;
    bool is_binary = lws_frame_is_binary(wsi) != 0;
    if (lws_is_first_fragment(wsi) && is_binary != (connection->encoding == WIRE_MSGPACK)) {
        refuse_wrong_kind(connection, is_binary);
        return 0;
    }
    collect(connection, bytes, count, lws_is_final_fragment(wsi) != 0);
    account(connection);
    return 0;
}

/* ---- to the client ---- */

static int write_ping(struct connection *connection)
{
    /* Not empty: libwebsockets does not tell about a pong without a payload. */
    unsigned char ping[LWS_PRE + 4];
    memcpy(ping + LWS_PRE, "deck", 4);
    connection->owes_ping = false;
    (void)lws_callback_on_writable(connection->wsi);
    return lws_write(connection->wsi, ping + LWS_PRE, 4, LWS_WRITE_PING) < 0 ? -1 : 0;
}

static int write_message(struct connection *connection, const struct buffer *out)
{
    enum lws_write_protocol kind =
        connection->encoding == WIRE_MSGPACK ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
    size_t bytes = out->count - LWS_PRE;
    counter_add(&connection->lane->figures.messages_out, 1);
    counter_add(&connection->lane->figures.bytes_out, bytes);
    if (lws_write(connection->wsi, out->bytes + LWS_PRE, bytes, kind) < 0)
        return -1;
    connection->stuck_bytes = lws_partial_buffered(connection->wsi) != 0 ? bytes : 0;
    return 0;
}

static int say_close(struct connection *connection, uint16_t code, const char *reason)
{
    size_t bytes = reason != NULL ? strnlen(reason, 123) : 0; /* of a control frame's 125 */
    unsigned char text[123];
    if (bytes > 0)
        memcpy(text, reason, bytes);
    lws_close_reason(connection->wsi, (enum lws_close_status)code, text, bytes);
    if (connection->stuck_bytes == 0)
        (void)lws_rx_flow_control(connection->wsi, 1); /* the client's own close must be heard */
    connection_drop_feed(connection);
    return -1;
}

static int end_feed(struct connection *connection, enum status status)
{
    if (status != STATUS_END) {
        log_error("net.send", "status=%s", status_name(status));
        return say_close(connection, CLOSE_UNEXPECTED, "internal error");
    }
    const char *reason = NULL;
    uint16_t code = feed_close_code(connection->feed, &reason);
    return say_close(connection, code, reason);
}

static void give_back(struct buffer *out)
{
    if (out->capacity > LANE_OUT_BYTES_KEPT)
        buffer_deinit(out);
}

/* Whether it may say more in this turn is told by `goes_on`. */
static int say_next(struct connection *connection, struct now now, bool *goes_on)
{
    struct buffer *out = &connection->lane->out;
    buffer_clear(out);
    (void)buffer_extend(out, LWS_PRE);
    enum status status = feed_send(connection->feed, now, out);
    *goes_on = status == STATUS_OK;
    if (status == STATUS_OK)
        return write_message(connection, out);
    return status == STATUS_WAIT ? 0 : end_feed(connection, status);
}

/*
 * A few short messages or a long one; then it is others' turn. That there is nothing more to say is
 * found out here, too, rather than in another round of poll(): most have one message at a time.
 */
static int say(struct connection *connection, struct now now)
{
    const struct counter *said = &connection->lane->figures.bytes_out;
    uint64_t enough = counter_read(said) + TURN_BYTES;
    bool goes_on = true;
    int result = 0;
    while (result == 0 && goes_on && connection->stuck_bytes == 0 && counter_read(said) < enough)
        result = say_next(connection, now, &goes_on);
    if (result == 0 && goes_on)
        (void)lws_callback_on_writable(connection->wsi);
    if (connection->feed != NULL)
        account(connection);
    give_back(&connection->lane->out);
    return result;
}

static int writeable(struct connection *connection)
{
    if (connection->feed == NULL)
        return 0;
    if (connection->owes_ping)
        return write_ping(connection);
    struct now now = lane_now();
    connection->stuck_bytes = 0; /* libwebsockets asks only when it has nothing left to send */
    if (connection->is_throttled && !connection->lane->asks_awake)
        connection->heard_at_us = now.monotonic_us; /* that the socket drains must do */
    account(connection);
    if (connection->reading_turns > 0) {
        connection->reading_turns--;
        (void)lws_callback_on_writable(connection->wsi);
        return 0;
    }
    return say(connection, now);
}

/* The end of what a client sends is no event for libwebsockets, since it may be half of a close;
 * but who waits for an answer, or is in the middle of a message, does not close half. */
static bool is_deserted(const struct connection *connection)
{
    struct pollfd ended = {.fd = lws_get_socket_fd(connection->wsi), .events = POLLRDHUP};
    bool is_owed =
        connection->feed != NULL ? connection->stuck_bytes > 0 : connection->http.work != NULL;
    return is_owed && poll(&ended, 1, 0) == 1;
}

void connection_keep_alive(struct connection *connection, int64_t now_us)
{
    if (is_deserted(connection))
        hang_up(connection);
    if (connection->feed == NULL)
        return; /* HTTP and closing sockets have libwebsockets' own timeouts */
    int64_t silent_us = now_us - connection->heard_at_us;
    if (silent_us >= CONNECTION_SILENCE_US) {
        hang_up(connection);
    } else if (silent_us >= CONNECTION_PING_US &&
               now_us - connection->pinged_at_us >= CONNECTION_PING_US) {
        connection->pinged_at_us = now_us;
        connection->owes_ping = true;
        (void)lws_callback_on_writable(connection->wsi);
    }
}

void connection_renew(struct connection *connection)
{
    if (connection->feed != NULL)
        feed_renew(connection->feed, lane_now());
}

void connection_say_goodbye(struct connection *connection)
{
    if (connection->feed != NULL) {
        feed_close(connection->feed, CLOSE_GOING_AWAY, "the server is shutting down");
        (void)lws_callback_on_writable(connection->wsi);
    } else if (!http_exchange_is_busy(&connection->http)) {
        hang_up(connection);
    }
}

/* ---- libwebsockets' side ---- */

/* What an answer over HTTP holds counts as what feeds hold. */
static int account_http(struct connection *connection, int result)
{
    if (result != 0)
        return result; /* it ends now, and with it all it holds */
    unsent_set(&connection->lane->unsent, &connection->unsent,
               http_exchange_held_bytes(&connection->http));
    relieve(connection->lane);
    return 0;
}

static int http_callback(struct connection *connection, struct lws *wsi,
                         enum lws_callback_reasons reason, const void *in, size_t bytes)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return confirm_upgrade(connection, wsi);
    case LWS_CALLBACK_HTTP:
        return account_http(connection, http_serve(&connection->http, in, bytes));
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return account_http(connection, http_continue(&connection->http));
    case LWS_CALLBACK_RAW_ADOPT: /* what libwebsockets makes of the method CONNECT */
        return -1;
    default:
        return 0;
    }
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t bytes)
{
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS)
        return lane_tls_made(lane_of(wsi), user);
    struct connection *connection = wsi != NULL ? connection_of(wsi) : NULL;
    if (connection == NULL)
        return 0; /* about the context, or a socket that is not adopted yet */
    lane_is_busy(connection->lane);
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return established(connection, wsi);
    case LWS_CALLBACK_RECEIVE:
        return receive(connection, wsi, in, bytes);
    case LWS_CALLBACK_RECEIVE_PONG:
        connection->heard_at_us = clock_monotonic_us();
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writeable(connection);
    case LWS_CALLBACK_CLOSED:
        connection_drop_feed(connection);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        connection_destroy(connection);
        return 0;
    default:
        return http_callback(connection, wsi, reason, in, bytes);
    }
}

void connection_protocols(struct lws_protocols *protocols)
{
    static const char *const names[CONNECTION_PROTOCOLS] = {HANDSHAKE_JSON, HANDSHAKE_MSGPACK};
    static const enum wire_encoding encodings[CONNECTION_PROTOCOLS] = {WIRE_JSON, WIRE_MSGPACK};
    for (size_t i = 0; i < CONNECTION_PROTOCOLS; i++) {
        protocols[i].name = names[i];
        protocols[i].callback = callback;
        protocols[i].rx_buffer_size = READ_BYTES;
        protocols[i].id = encodings[i];
        protocols[i].tx_packet_size = SEND_BYTES_MAX;
    }
}
