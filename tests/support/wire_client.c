#include "support/wire_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS 5000
#define RESPONSE_BYTES_MAX 16384
#define CONTROL_BYTES_MAX 125 /* RFC 6455, section 5.5 */
#define NO_CLOSE_CODE 1005    /* section 7.1.5 */

/* ---- Bytes and time ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void bytes_append(struct wire_bytes *bytes, const void *more, size_t count)
{
    if (bytes->count + count > bytes->capacity) {
        bytes->capacity = 2 * (bytes->count + count);
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
    }
    if (count > 0)
        memcpy(bytes->bytes + bytes->count, more, count);
    bytes->count += count;
}

static void bytes_drop_first(struct wire_bytes *bytes, size_t count)
{
    bytes->count -= count;
    if (bytes->count > 0)
        memmove(bytes->bytes, bytes->bytes + count, bytes->count);
}

/* Waits until the socket can be read or written; false at the deadline. */
static bool await_socket(const struct wire_client *client, short events, int64_t until_ms)
{
    for (;;) {
        int64_t left_ms = until_ms - now_ms();
        struct pollfd polled = {.fd = client->socket, .events = events};
        int ready = poll(&polled, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

/* Appends what is there to `input`: 1, 0 at the end of the stream, −1 at the deadline. */
static int read_more(struct wire_client *client, int64_t until_ms)
{
    uint8_t block[65536];
    if (!await_socket(client, POLLIN, until_ms))
        return -1;
    ssize_t got = recv(client->socket, block, sizeof block, 0);
    if (got <= 0)
        return 0;
    bytes_append(&client->input, block, (size_t)got);
    return 1;
}

bool wire_client_send_raw(struct wire_client *client, const void *bytes, size_t count)
{
    int64_t until_ms = now_ms() + client->deadline_ms;
    const uint8_t *at = bytes;
    while (count > 0) {
        if (!await_socket(client, POLLOUT, until_ms))
            return false;
        ssize_t sent = send(client->socket, at, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent > 0) {
            at += sent;
            count -= (size_t)sent;
        }
    }
    return true;
}

/* ---- The handshake ---- */

static bool connect_socket(struct wire_client *client, const struct wire_client_options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    const char *host = options->host != NULL ? options->host : "127.0.0.1";
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return false;
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0)
        return false;
    /* Before connect, because the window that is offered then never shrinks. */
    int bytes = options->receive_buffer_bytes;
    if (bytes > 0)
        (void)setsockopt(client->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return connect(client->socket, (const struct sockaddr *)&address, sizeof address) == 0;
}

#define RIGHT_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define KEY_MAGIC "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static void append_header(struct wire_bytes *request, const char *name, const char *value)
{
    char line[1024];
    if (value == NULL)
        return;
    int count = snprintf(line, sizeof line, "%s: %s\r\n", name, value);
    bytes_append(request, line, (size_t)count);
}

static bool send_handshake(struct wire_client *client, const struct wire_client_options *options)
{
    struct wire_bytes request = {.count = 0};
    char line[1024];
    int count = snprintf(line, sizeof line, "GET %s HTTP/1.1\r\n",
                         options->path != NULL ? options->path : "/ws");
    bytes_append(&request, line, (size_t)count);
    (void)snprintf(line, sizeof line, "%s:%d", options->host != NULL ? options->host : "127.0.0.1",
                   options->port);
    append_header(&request, "Host", line);
    append_header(&request, "Connection", "Upgrade");
    append_header(&request, "Upgrade", "websocket");
    append_header(&request, "Sec-WebSocket-Version",
                  options->version != NULL ? options->version : "13");
    append_header(&request, "Sec-WebSocket-Key", options->key != NULL ? options->key : RIGHT_KEY);
    append_header(&request, "Sec-WebSocket-Protocol", options->subprotocol);
    append_header(&request, "Origin", options->origin);
    if (options->headers != NULL)
        bytes_append(&request, options->headers, strlen(options->headers));
    bytes_append(&request, "\r\n", 2);
    bool sent = wire_client_send_raw(client, request.bytes, request.count);
    free(request.bytes);
    return sent;
}

/* The value of a header of a response's head, up to the room there is; false when absent. */
static bool find_header(const char *head, const char *name, char *value, size_t value_bytes)
{
    size_t name_bytes = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
            continue;
        const char *from = line + name_bytes + 1;
        from += strspn(from, " \t");
        size_t count = strcspn(from, "\r");
        if (count >= value_bytes)
            return false;
        memcpy(value, from, count);
        value[count] = '\0';
        return true;
    }
    return false;
}

static bool is_accepted(const char *head, const char *key)
{
    char text[256];
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char expected[4 * (SHA_DIGEST_LENGTH + 2) / 3 + 1];
    int count = snprintf(text, sizeof text, "%s%s", key, KEY_MAGIC);
    SHA1((const unsigned char *)text, (size_t)count, digest);
    EVP_EncodeBlock(expected, digest, sizeof digest);
    return find_header(head, "Sec-WebSocket-Accept", text, sizeof text) &&
           strcmp(text, (const char *)expected) == 0;
}

/* The head of the response, NUL-terminated, taken from the input; `free` it. NULL: none came. */
static char *read_response_head(struct wire_client *client)
{
    int64_t until_ms = now_ms() + client->deadline_ms;
    while (client->input.count <= RESPONSE_BYTES_MAX) {
        const char *end = client->input.count < 4
                              ? NULL
                              : memmem(client->input.bytes, client->input.count, "\r\n\r\n", 4);
        if (end != NULL) {
            size_t count = (size_t)(end - (const char *)client->input.bytes) + 4;
            char *head = strndup((const char *)client->input.bytes, count);
            bytes_drop_first(&client->input, count);
            return head;
        }
        if (read_more(client, until_ms) <= 0)
            return NULL;
    }
    return NULL;
}

/* Whether the server switched protocols, and did so rightly. */
static bool shake_hands(struct wire_client *client, const struct wire_client_options *options,
                        int *http_status)
{
    if (!connect_socket(client, options) || !send_handshake(client, options))
        return false;
    char *head = read_response_head(client);
    if (head == NULL)
        return false;
    if (sscanf(head, "HTTP/1.1 %3d", http_status) != 1)
        *http_status = 0;
    bool is_right =
        *http_status == 101 && is_accepted(head, options->key != NULL ? options->key : RIGHT_KEY);
    (void)find_header(head, "Sec-WebSocket-Protocol", client->subprotocol,
                      sizeof client->subprotocol);
    client->is_msgpack = strcmp(client->subprotocol, WIRE_SUBPROTOCOL_MSGPACK) == 0;
    free(head);
    return is_right;
}

struct wire_client *wire_client_open(const struct wire_client_options *options, int *http_status)
{
    struct wire_client *client = calloc(1, sizeof *client);
    client->socket = -1;
    client->deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_MS;
    client->keeps_pings = options->keeps_pings;
    client->mask = 0x9e3779b9;
    *http_status = 0;
    if (!shake_hands(client, options, http_status))
        wire_client_close(&client);
    return client;
}

void wire_client_close(struct wire_client **client)
{
    if (*client == NULL)
        return;
    if ((*client)->socket >= 0)
        close((*client)->socket);
    free((*client)->input.bytes);
    free((*client)->message.bytes);
    free(*client);
    *client = NULL;
}

/* ---- Sending ---- */

#define FIN 0x80
#define MASKED 0x80

/* The length of a frame, in its shortest form (section 5.2). */
static void append_length(struct wire_bytes *frame, bool masked, size_t count)
{
    uint8_t head[9];
    size_t extended = count < 126 ? 0 : count < 65536 ? 2 : 8;
    head[0] = (uint8_t)(extended == 0 ? count : extended == 2 ? 126 : 127);
    if (masked)
        head[0] |= MASKED;
    for (size_t i = 0; i < extended; i++)
        head[1 + i] = (uint8_t)(count >> (8 * (extended - 1 - i)));
    bytes_append(frame, head, 1 + extended);
}

bool wire_client_send_frame(struct wire_client *client, uint8_t first, bool masked,
                            const void *bytes, size_t count)
{
    struct wire_bytes frame = {.count = 0};
    bytes_append(&frame, &first, 1);
    append_length(&frame, masked, count);
    uint8_t mask[4] = {0};
    if (masked) {
        client->mask = client->mask * 1664525 + 1013904223;
        memcpy(mask, &client->mask, sizeof mask);
        bytes_append(&frame, mask, sizeof mask);
    }
    size_t payload_at = frame.count;
    bytes_append(&frame, bytes, count);
    for (size_t i = 0; i < count; i++)
        frame.bytes[payload_at + i] ^= mask[i % 4];
    bool sent = wire_client_send_raw(client, frame.bytes, frame.count);
    free(frame.bytes);
    return sent;
}

bool wire_client_send(struct wire_client *client, enum wire_opcode opcode, const void *bytes,
                      size_t count)
{
    return wire_client_send_frame(client, (uint8_t)(FIN | opcode), true, bytes, count);
}

bool wire_client_send_pieces(struct wire_client *client, enum wire_opcode opcode, const void *bytes,
                             size_t count, size_t piece_bytes)
{
    const uint8_t *at = bytes;
    bool is_first = true;
    for (;;) {
        size_t piece = count < piece_bytes ? count : piece_bytes;
        uint8_t first = (uint8_t)(is_first ? opcode : WIRE_CONTINUATION);
        if (piece == count)
            first |= FIN;
        if (!wire_client_send_frame(client, first, true, at, piece))
            return false;
        if (piece == count)
            return true;
        at += piece;
        count -= piece;
        is_first = false;
    }
}

bool wire_client_send_close(struct wire_client *client, uint16_t code, const char *reason)
{
    uint8_t payload[CONTROL_BYTES_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t count = strnlen(reason, sizeof payload - 2);
    memcpy(payload + 2, reason, count);
    return wire_client_send(client, WIRE_CLOSE, payload, 2 + count);
}

bool wire_client_send_tree(struct wire_client *client, json_t *tree)
{
    size_t count = 0;
    char *bytes = wire_message_write(tree, client->is_msgpack, &count);
    json_decref(tree);
    bool sent =
        bytes != NULL &&
        wire_client_send(client, client->is_msgpack ? WIRE_BINARY : WIRE_TEXT, bytes, count);
    free(bytes);
    return sent;
}

bool wire_client_request(struct wire_client *client, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int count = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (count < 0)
        return false;
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\'')
            *at = '"';
    }
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    return tree != NULL && wire_client_send_tree(client, tree);
}

/* ---- Receiving ---- */

struct frame {
    uint8_t first;
    const uint8_t *payload;
    size_t count;
    size_t frame_bytes; /* with its head */
};

static enum wire_received broken(struct wire_client *client, const char *what)
{
    client->broken = what;
    return WIRE_BROKEN;
}

/* The frame at the beginning of the input; false when it is not all there yet. */
static bool parse_frame(const struct wire_client *client, struct frame *frame)
{
    const uint8_t *bytes = client->input.bytes;
    if (client->input.count < 2)
        return false;
    uint64_t count = bytes[1] & 0x7f;
    size_t extended = count < 126 ? 0 : count == 126 ? 2 : 8;
    if (client->input.count < 2 + extended)
        return false;
    if (extended > 0)
        count = 0;
    for (size_t i = 0; i < extended; i++)
        count = count << 8 | bytes[2 + i];
    if (client->input.count - 2 - extended < count)
        return false;
    *frame = (struct frame){.first = bytes[0],
                            .payload = bytes + 2 + extended,
                            .count = count,
                            .frame_bytes = 2 + extended + count};
    return true;
}

static const char *frame_fault(const struct wire_client *client, const struct frame *frame)
{
    int opcode = frame->first & 0x0f;
    if ((client->input.bytes[1] & MASKED) != 0)
        return "a server's frame is masked";
    if ((frame->first & 0x70) != 0)
        return "a reserved bit is set";
    if (opcode >= WIRE_CLOSE && ((frame->first & FIN) == 0 || frame->count > CONTROL_BYTES_MAX))
        return "a control frame is fragmented or too long";
    if ((opcode > WIRE_BINARY && opcode < WIRE_CLOSE) || opcode > WIRE_PONG)
        return "an unknown opcode";
    if (opcode == WIRE_CONTINUATION && client->message_opcode == 0)
        return "a continuation of nothing";
    if ((opcode == WIRE_TEXT || opcode == WIRE_BINARY) && client->message_opcode != 0)
        return "a new message inside another";
    if (opcode == WIRE_CLOSE && frame->count == 1)
        return "a close frame with half a code";
    return NULL;
}

static void note_close(struct wire_client *client, const struct frame *frame)
{
    client->close_code = NO_CLOSE_CODE;
    client->close_reason[0] = '\0';
    if (frame->count < 2)
        return;
    client->close_code = (uint16_t)(frame->payload[0] << 8 | frame->payload[1]);
    memcpy(client->close_reason, frame->payload + 2, frame->count - 2);
    client->close_reason[frame->count - 2] = '\0';
}

/* Appends a piece to the message; whether it is whole. */
static bool collect(struct wire_client *client, const struct frame *frame)
{
    int opcode = frame->first & 0x0f;
    if (opcode != WIRE_CONTINUATION) {
        client->message_opcode = opcode;
        client->message.count = 0;
    }
    bytes_append(&client->message, frame->payload, frame->count);
    return (frame->first & FIN) != 0;
}

/* Uses one frame: WIRE_MESSAGE when it completes one, WIRE_LATE when more is needed. */
static enum wire_received use_frame(struct wire_client *client, const struct frame *frame)
{
    switch (frame->first & 0x0f) {
    case WIRE_CLOSE:
        note_close(client, frame);
        return WIRE_CLOSED;
    case WIRE_PING:
        client->ping_count++;
        if (!client->keeps_pings)
            (void)wire_client_send(client, WIRE_PONG, frame->payload, frame->count);
        return WIRE_LATE;
    case WIRE_PONG:
        client->pong_count++;
        return WIRE_LATE;
    default:
        break;
    }
    if (!collect(client, frame))
        return WIRE_LATE;
    int expected = client->is_msgpack ? WIRE_BINARY : WIRE_TEXT;
    bool is_right = client->message_opcode == expected;
    client->message_opcode = 0;
    return is_right ? WIRE_MESSAGE : broken(client, "text where binary is due, or binary for text");
}

enum wire_received wire_client_receive(struct wire_client *client, int deadline_ms,
                                       const uint8_t **bytes, size_t *count)
{
    int64_t until_ms = now_ms() + deadline_ms;
    for (;;) {
        struct frame frame;
        while (!parse_frame(client, &frame)) {
            int more = read_more(client, until_ms);
            if (more <= 0)
                return more == 0 ? WIRE_ENDED : WIRE_LATE;
        }
        const char *fault = frame_fault(client, &frame);
        if (fault != NULL)
            return broken(client, fault);
        enum wire_received received = use_frame(client, &frame);
        bytes_drop_first(&client->input, frame.frame_bytes);
        if (received == WIRE_LATE)
            continue;
        *bytes = client->message.bytes;
        *count = client->message.count;
        return received;
    }
}

json_t *wire_client_receive_tree(struct wire_client *client, int deadline_ms)
{
    const uint8_t *bytes = NULL;
    size_t count = 0;
    if (wire_client_receive(client, deadline_ms, &bytes, &count) != WIRE_MESSAGE)
        return NULL;
    return wire_message_read(bytes, count, client->is_msgpack);
}

json_t *wire_client_await(struct wire_client *client, const char *ev, int deadline_ms)
{
    int64_t until_ms = now_ms() + deadline_ms;
    for (;;) {
        int64_t left_ms = until_ms - now_ms();
        json_t *tree = wire_client_receive_tree(client, left_ms > 0 ? (int)left_ms : 0);
        const char *name = json_string_value(json_object_get(tree, "ev"));
        if (tree == NULL || (name != NULL && strcmp(name, ev) == 0))
            return tree;
        json_decref(tree);
    }
}

uint16_t wire_client_await_close(struct wire_client *client, int deadline_ms)
{
    int64_t until_ms = now_ms() + deadline_ms;
    enum wire_received received = WIRE_MESSAGE;
    while (received == WIRE_MESSAGE) {
        const uint8_t *bytes = NULL;
        size_t count = 0;
        int64_t left_ms = until_ms - now_ms();
        received = wire_client_receive(client, left_ms > 0 ? (int)left_ms : 0, &bytes, &count);
    }
    return client->close_code;
}
