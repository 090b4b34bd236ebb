#include "bench/channel.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/tls_client.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SCRATCH_BYTES ((size_t)1 << 20)
#define RESPONSE_BYTES_MAX 8192
#define CONTROL_BYTES_MAX 125 /* RFC 6455, section 5.5 */
#define SUBPROTOCOL "tapedeck.v1.msgpack"

/* ---- address ---- */

static enum status refuse_url(const char *url, struct error *error)
{
    return error_set(error, STATUS_INVALID,
                     "%s is no address: expected ws://HOST:PORT/ws, or wss:// for TLS", url);
}

struct scheme {
    const char *text;
    const char *port; /* when the address names none */
};
static const struct scheme in_clear = {"ws://", "80"};
static const struct scheme over_tls = {"wss://", "443"};

static const struct scheme *scheme_of(const char *url)
{
    if (strncmp(url, in_clear.text, strlen(in_clear.text)) == 0)
        return &in_clear;
    return strncmp(url, over_tls.text, strlen(over_tls.text)) == 0 ? &over_tls : NULL;
}

/* "ws://[::1]:8080/ws" → "::1", "8080", "/ws" */
static bool split_url(const char *url, const struct scheme *scheme, char *host, char *port,
                      char *path)
{
    const char *at = url + strlen(scheme->text);
    bool is_bracketed = at[0] == '[';
    at += is_bracketed;
    size_t host_bytes = strcspn(at, is_bracketed ? "]" : ":/");
    if (host_bytes == 0 || host_bytes >= CHANNEL_HOST_BYTES)
        return false;
    (void)snprintf(host, CHANNEL_HOST_BYTES, "%.*s", (int)host_bytes, at);
    at += host_bytes;
    if (is_bracketed && *at++ != ']')
        return false;
    (void)snprintf(port, 8, "%s", scheme->port);
    if (*at == ':') {
        size_t port_bytes = strspn(at + 1, "0123456789");
        if (port_bytes == 0 || port_bytes > 5)
            return false;
        (void)snprintf(port, 8, "%.*s", (int)port_bytes, at + 1);
        at += 1 + port_bytes;
    }
    if ((*at != '\0' && *at != '/') || strlen(at) >= CHANNEL_HOST_BYTES)
        return false;
    (void)snprintf(path, CHANNEL_HOST_BYTES, "%s", *at == '\0' ? "/ws" : at);
    return true;
}

static enum status look_up(const char *port, struct channel_address *address, struct error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(address->name, port, &hints, &found);
    if (failed != 0 || found == NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", address->name, gai_strerror(failed));
    memcpy(&address->address, found->ai_addr, found->ai_addrlen);
    address->address_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    address->port = (uint16_t)strtoul(port, NULL, 10);
    (void)snprintf(address->host, sizeof address->host,
                   strchr(address->name, ':') ? "[%s]:%s" : "%s:%s", address->name, port);
    return STATUS_OK;
}

enum status channel_address_find(const struct channel_target *target,
                                 struct channel_address *address, struct error *error)
{
    char port[8];
    const struct scheme *scheme = scheme_of(target->url);
    *address = (struct channel_address){.token = target->token};
    if (scheme == NULL || !split_url(target->url, scheme, address->name, port, address->path))
        return refuse_url(target->url, error);
    if (target->ca_file != NULL && scheme != &over_tls)
        return error_set(error, STATUS_INVALID, "--ca-file goes with a wss:// address, not with %s",
                         target->url);
    enum status status = look_up(port, address, error);
    if (status == STATUS_OK && scheme == &over_tls)
        status = tls_trust_create(target->ca_file, &address->trust, error);
    return status;
}

void channel_address_forget(struct channel_address *address)
{
    tls_trust_destroy(&address->trust);
    *address = (struct channel_address){.port = 0};
}

/* ---- frame headers ---- */

static bool is_known(unsigned opcode)
{
    return opcode == CHANNEL_TEXT || opcode == CHANNEL_BINARY ||
           (opcode >= CHANNEL_CLOSE && opcode <= CHANNEL_PONG);
}

static enum status check_first(uint8_t first, uint8_t second, struct error *error)
{
    unsigned opcode = first & 0x0f;
    if ((first & 0x70) != 0)
        return error_set(error, STATUS_BAD_MESSAGE, "a frame has reserved bits");
    if ((first & 0x80) == 0 || opcode == 0)
        return error_set(error, STATUS_BAD_MESSAGE, "a message comes in pieces");
    if (!is_known(opcode))
        return error_set(error, STATUS_BAD_MESSAGE, "a frame has opcode %u", opcode);
    if ((second & 0x80) != 0)
        return error_set(error, STATUS_BAD_MESSAGE, "the server masks its frames");
    if (opcode >= CHANNEL_CLOSE && (second & 0x7f) > CONTROL_BYTES_MAX)
        return error_set(error, STATUS_BAD_MESSAGE, "a control frame is too long");
    return STATUS_OK;
}

enum status channel_head_read(const uint8_t *bytes, size_t count, struct channel_head *head,
                              struct error *error)
{
    if (count < 2)
        return STATUS_WAIT;
    enum status status = check_first(bytes[0], bytes[1], error);
    if (status != STATUS_OK)
        return status;
    uint64_t payload = bytes[1] & 0x7f;
    size_t more = payload == 126 ? 2 : payload == 127 ? 8 : 0;
    if (count < 2 + more)
        return STATUS_WAIT;
    uint64_t least = more == 2 ? 126 : 65536;
    for (size_t i = 0; i < more; i++)
        payload = (i == 0 ? 0 : payload << 8) | bytes[2 + i];
    if (more > 0 && payload < least)
        return error_set(error, STATUS_BAD_MESSAGE, "a frame's length is spelled too long");
    if (payload > CHANNEL_MESSAGE_BYTES_MAX)
        return error_set(error, STATUS_BAD_MESSAGE, "a message has %" PRIu64 " bytes", payload);
    *head = (struct channel_head){.opcode = (enum channel_opcode)(bytes[0] & 0x0f),
                                  .head_bytes = 2 + more,
                                  .payload_bytes = (size_t)payload};
    return STATUS_OK;
}

/* ---- scratch ---- */

void channel_scratch_init(struct channel_scratch *scratch)
{
    *scratch = (struct channel_scratch){mem_alloc(SCRATCH_BYTES), SCRATCH_BYTES};
}

void channel_scratch_deinit(struct channel_scratch *scratch)
{
    mem_free(scratch->bytes);
    *scratch = (struct channel_scratch){NULL, 0};
}

/* ---- connecting ---- */

static enum status failed_call(const char *what, struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "%s: %s", what, strerror(errno));
}

static void make_key(struct channel *channel, uint64_t seed)
{
    uint8_t nonce[16];
    for (size_t i = 0; i < sizeof nonce; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        nonce[i] = (uint8_t)(seed >> 56);
    }
    EVP_EncodeBlock((unsigned char *)channel->key, nonce, sizeof nonce);
}

enum status channel_connect(struct channel *channel, const struct channel_address *address,
                            uint64_t seed, struct error *error)
{
    int on = 1;
    *channel = (struct channel){.state = CHANNEL_CONNECTING, .address = address};
    make_key(channel, seed);
    channel->fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (channel->fd < 0) {
        channel->state = CHANNEL_CLOSED;
        return failed_call("cannot make a socket", error);
    }
    buffer_init(&channel->out, CHANNEL_OUT_BYTES_MAX);
    (void)setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(channel->fd, (const struct sockaddr *)&address->address, address->address_bytes) !=
            0 &&
        errno != EINPROGRESS) {
        enum status status = failed_call("cannot connect", error);
        channel_close(channel);
        return status;
    }
    return STATUS_OK;
}

void channel_close(struct channel *channel)
{
    if (channel->state == CHANNEL_CLOSED)
        return;
    tls_session_destroy(&channel->tls);
    close(channel->fd);
    buffer_deinit(&channel->out);
    mem_free(channel->tail);
    channel->tail = NULL;
    channel->tail_bytes = channel->tail_capacity = 0;
    channel->state = CHANNEL_CLOSED;
}

static void ask_to_upgrade(struct channel *channel)
{
    const struct channel_address *address = channel->address;
    buffer_append_format(&channel->out,
                         "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: " SUBPROTOCOL "\r\n",
                         address->path, address->host, channel->key);
    if (address->token != NULL)
        buffer_append_format(&channel->out, "Authorization: Bearer %s\r\n", address->token);
    buffer_append_text(&channel->out, "\r\n");
    channel->state = CHANNEL_SHAKING;
}

/* ---- writing ---- */

/* STATUS_WAIT: the kernel takes no more. */
static enum status send_some(struct channel *channel, size_t *sent, struct error *error)
{
    const uint8_t *bytes = channel->out.bytes + channel->out_sent;
    size_t count = channel->out.count - channel->out_sent;
    if (channel->tls != NULL)
        return tls_session_send(channel->tls, bytes, count, sent, error);
    for (;;) {
        ssize_t taken = send(channel->fd, bytes, count, MSG_NOSIGNAL);
        if (taken >= 0) {
            *sent = (size_t)taken;
            return STATUS_OK;
        }
        if (errno != EINTR)
            return errno == EAGAIN ? STATUS_WAIT : failed_call("cannot send", error);
    }
}

static enum status flush(struct channel *channel, struct error *error)
{
    struct buffer *out = &channel->out;
    if (out->failed)
        return error_set(error, STATUS_LIMIT, "the server takes no requests any more");
    while (channel->out_sent < out->count) {
        size_t sent = 0;
        enum status status = send_some(channel, &sent, error);
        if (status != STATUS_OK)
            return status == STATUS_WAIT ? STATUS_OK : status;
        channel->out_sent += sent;
    }
    buffer_clear(out);
    channel->out_sent = 0;
    return STATUS_OK;
}

/* Goes on with the handshake of TLS, and then with that of WebSocket. */
static enum status secure(struct channel *channel, struct error *error)
{
    enum status status = tls_session_shake(channel->tls, &channel->securing_by_writes, error);
    if (status != STATUS_OK)
        return status == STATUS_WAIT ? STATUS_OK : status;
    ask_to_upgrade(channel);
    return flush(channel, error);
}

static enum status connected(struct channel *channel, struct error *error)
{
    const struct channel_address *address = channel->address;
    int failed = 0;
    socklen_t bytes = sizeof failed;
    if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &failed, &bytes) != 0)
        failed = errno;
    if (failed != 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot connect to %s: %s", address->host,
                         strerror(failed));
    if (address->trust == NULL) {
        ask_to_upgrade(channel);
        return STATUS_OK;
    }
    channel->state = CHANNEL_SECURING;
    return tls_session_create(address->trust, channel->fd, address->name, &channel->tls, error);
}

enum status channel_write(struct channel *channel, struct error *error)
{
    enum status status = STATUS_OK;
    if (channel->state == CHANNEL_CONNECTING)
        status = connected(channel, error);
    if (status != STATUS_OK)
        return status;
    return channel->state == CHANNEL_SECURING ? secure(channel, error) : flush(channel, error);
}

bool channel_wants_write(const struct channel *channel)
{
    if (channel->state == CHANNEL_SECURING)
        return channel->securing_by_writes;
    return channel->state == CHANNEL_CONNECTING ||
           (channel->state != CHANNEL_CLOSED && channel->out_sent < channel->out.count);
}

/* A client's frames are masked; the mask 0 is as good as any where nobody is to be fooled, and
 * costs nothing. */
enum status channel_send(struct channel *channel, enum channel_opcode opcode, const void *bytes,
                         size_t count, struct error *error)
{
    ASSERT(channel->state == CHANNEL_OPEN);
    ASSERT(count <= UINT16_MAX);
    struct buffer *out = &channel->out;
    buffer_append_u8(out, (uint8_t)(0x80 | (unsigned)opcode));
    buffer_append_u8(out, (uint8_t)(0x80 | (count < 126 ? count : 126)));
    if (count >= 126)
        buffer_append_u16_be(out, (uint16_t)count);
    buffer_append_u32_be(out, 0);
    buffer_append(out, bytes, count);
    return flush(channel, error);
}

/* ---- the server's answer to the handshake ---- */

static bool has_line(const char *head, const char *name, const char *value)
{
    size_t name_bytes = strlen(name);
    size_t value_bytes = strlen(value);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
            continue;
        const char *found = line + name_bytes + 1;
        found += strspn(found, " \t");
        return strncmp(found, value, value_bytes) == 0 && found[value_bytes] == '\r';
    }
    return false;
}

static enum status check_response(const struct channel *channel, const char *head,
                                  struct error *error)
{
    char text[64];
    unsigned char digest[SHA_DIGEST_LENGTH];
    char expected[4 * (SHA_DIGEST_LENGTH + 2) / 3 + 1];
    int count = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", channel->key);
    SHA1((const unsigned char *)text, (size_t)count, digest);
    EVP_EncodeBlock((unsigned char *)expected, digest, sizeof digest);
    if (strncmp(head, "HTTP/1.1 401", 12) == 0)
        return error_set(error, STATUS_UNAUTHORIZED,
                         "unauthenticated: the server refused the handshake (%.*s): --token-file "
                         "FILE names a file with a token of this server's, neither expired nor "
                         "revoked",
                         (int)strcspn(head, "\r\n"), head);
    if (strncmp(head, "HTTP/1.1 101", 12) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "the server refused: %.*s",
                         (int)strcspn(head, "\r\n"), head);
    if (!has_line(head, "Sec-WebSocket-Accept", expected))
        return error_set(error, STATUS_BAD_MESSAGE, "the server's Sec-WebSocket-Accept is wrong");
    if (!has_line(head, "Sec-WebSocket-Protocol", SUBPROTOCOL))
        return error_set(error, STATUS_BAD_MESSAGE, "the server did not choose " SUBPROTOCOL);
    return STATUS_OK;
}

/* Takes the head of the response off the input. */
static enum status take_response(struct channel *channel, const uint8_t *bytes, size_t count,
                                 size_t *used, struct error *error)
{
    char head[RESPONSE_BYTES_MAX + 1];
    const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
    size_t head_bytes = end != NULL ? (size_t)(end - bytes) + 4 : count;
    if (head_bytes > RESPONSE_BYTES_MAX)
        return error_set(error, STATUS_BAD_MESSAGE, "the server's response has no end");
    if (end == NULL)
        return STATUS_WAIT;
    memcpy(head, bytes, head_bytes);
    head[head_bytes] = '\0';
    enum status status = check_response(channel, head, error);
    if (status != STATUS_OK)
        return status;
    channel->state = CHANNEL_OPEN;
    *used = head_bytes;
    return STATUS_OK;
}

/* ---- reading ---- */

static enum status told_goodbye(const uint8_t *bytes, size_t count, struct error *error)
{
    unsigned code = count >= 2 ? (unsigned)bytes[0] << 8 | bytes[1] : 1005;
    return error_set(error, STATUS_END, "the server closed: %u %.*s", code,
                     count > 2 ? (int)(count - 2) : 0, count > 2 ? (const char *)bytes + 2 : "");
}

struct reading {
    struct channel *channel;
    channel_message_fn *message;
    void *owner;
    int64_t now_us;
};

static enum status take_frame(const struct reading *reading, const struct channel_head *head,
                              const uint8_t *payload, struct error *error)
{
    switch (head->opcode) {
    case CHANNEL_BINARY:
        return reading->message(reading->owner, payload, head->payload_bytes, reading->now_us,
                                error);
    case CHANNEL_PING:
        return channel_send(reading->channel, CHANNEL_PONG, payload, head->payload_bytes, error);
    case CHANNEL_CLOSE:
        return told_goodbye(payload, head->payload_bytes, error);
    case CHANNEL_PONG:
        return STATUS_OK;
    case CHANNEL_TEXT:
        break;
    }
    return error_set(error, STATUS_BAD_MESSAGE, "a text message in a binary protocol");
}

/* Hands over what is whole. STATUS_WAIT: `wanted` bytes in all are needed for the next. */
static enum status take_all(const struct reading *reading, const uint8_t *bytes, size_t count,
                            size_t *used, size_t *wanted, struct error *error)
{
    enum status status = STATUS_OK;
    *used = 0;
    *wanted = 0;
    if (reading->channel->state == CHANNEL_SHAKING)
        status = take_response(reading->channel, bytes, count, used, error);
    while (status == STATUS_OK) {
        struct channel_head head;
        status = channel_head_read(bytes + *used, count - *used, &head, error);
        if (status != STATUS_OK)
            break;
        *wanted = head.head_bytes + head.payload_bytes;
        if (count - *used < *wanted)
            return STATUS_WAIT;
        status = take_frame(reading, &head, bytes + *used + head.head_bytes, error);
        *used += *wanted;
        *wanted = 0;
        /* An owner that is through with its channel may close it from within the call. */
        if (reading->channel->state == CHANNEL_CLOSED)
            break;
    }
    return status;
}

static void keep_tail(struct channel *channel, const uint8_t *bytes, size_t count)
{
    if (count > channel->tail_capacity) {
        channel->tail = mem_resize(channel->tail, count);
        channel->tail_capacity = count;
    }
    if (count > 0)
        memcpy(channel->tail, bytes, count);
    channel->tail_bytes = count;
}

/* Room for a message as large as `wanted`, and as much again. */
static void scratch_grow(struct channel_scratch *scratch, size_t wanted)
{
    if (scratch->capacity >= 2 * wanted)
        return;
    scratch->bytes = mem_resize(scratch->bytes, 2 * wanted);
    scratch->capacity = 2 * wanted;
}

static enum status receive(const struct channel *channel, struct channel_scratch *scratch,
                           size_t *count, struct error *error)
{
    size_t room = scratch->capacity - channel->tail_bytes;
    ASSERT(room > 0);
    if (channel->tls != NULL)
        return tls_session_receive(channel->tls, scratch->bytes + channel->tail_bytes, room, count,
                                   error);
    ssize_t got = recv(channel->fd, scratch->bytes + channel->tail_bytes, room, 0);
    if (got == 0)
        return error_set(error, STATUS_END, "the server hung up");
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? STATUS_WAIT
                                                 : failed_call("cannot receive", error);
    *count = (size_t)got;
    return STATUS_OK;
}

enum status channel_read(struct channel *channel, struct channel_scratch *scratch,
                         channel_message_fn *message, void *owner, struct error *error)
{
    size_t got = 0;
    size_t used = 0;
    size_t wanted = 0;
    if (channel->state == CHANNEL_SECURING)
        return secure(channel, error);
    enum status status = receive(channel, scratch, &got, error);
    if (status != STATUS_OK)
        return status == STATUS_WAIT ? STATUS_OK : status;
    struct reading reading = {channel, message, owner, clock_monotonic_us()};
    channel->received_bytes += got;
    if (channel->tail_bytes > 0)
        memcpy(scratch->bytes, channel->tail, channel->tail_bytes);
    got += channel->tail_bytes;
    status = take_all(&reading, scratch->bytes, got, &used, &wanted, error);
    if (channel->state == CHANNEL_CLOSED)
        return STATUS_OK;
    if (status != STATUS_WAIT)
        return status;
    keep_tail(channel, scratch->bytes + used, got - used);
    scratch_grow(scratch, wanted);
    return STATUS_OK;
}
