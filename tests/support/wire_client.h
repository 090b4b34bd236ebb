/*
 * A small blocking WebSocket client: the other end of the wire, for integration tests.
 *
 * It is an oracle, so it shares no code with the server: only libc, jansson, msgpack-c and
 * OpenSSL's SHA-1. It does whatever a test wants, wrong things too: odd handshakes, fragments, raw
 * bytes, silence. Failures are told by the return value; a test asserts on it. One thread each.
 */
#ifndef TAPEDECK_TESTS_SUPPORT_WIRE_CLIENT_H
#define TAPEDECK_TESTS_SUPPORT_WIRE_CLIENT_H

#include "support/wire_message.h"

#define WIRE_SUBPROTOCOL_JSON "tapedeck.v1.json"
#define WIRE_SUBPROTOCOL_MSGPACK "tapedeck.v1.msgpack"

enum wire_opcode {
    WIRE_CONTINUATION = 0,
    WIRE_TEXT = 1,
    WIRE_BINARY = 2,
    WIRE_CLOSE = 8,
    WIRE_PING = 9,
    WIRE_PONG = 10,
};

struct wire_client_options {
    uint16_t port;
    const char *host;         /* an IPv4 address; NULL: 127.0.0.1 */
    const char *path;         /* NULL: /ws */
    const char *subprotocol;  /* offered; NULL: none */
    const char *origin;       /* NULL: none */
    const char *version;      /* NULL: 13 */
    const char *key;          /* NULL: a right one */
    const char *headers;      /* further lines, each ending in \r\n; NULL: none */
    int receive_buffer_bytes; /* the kernel's, 0: its default; small for tests that stop reading */
    int deadline_ms;          /* of the handshake and of every send; 0: 5 000 */
    bool keeps_pings;         /* WebSocket pings are counted, but not answered */
};

struct wire_bytes {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
};

struct wire_client {
    int socket;
    int deadline_ms;
    bool is_msgpack; /* which subprotocol the server chose */
    bool keeps_pings;
    size_t ping_count; /* WebSocket pings and pongs that came */
    size_t pong_count;
    uint16_t close_code;       /* of the server's close frame; 1005: it had none; 0: none came */
    char close_reason[124];    /* NUL-terminated */
    char subprotocol[64];      /* "" when the server chose none */
    const char *broken;        /* what the server did wrong, for the message of an assertion */
    uint32_t mask;             /* of the next frame */
    struct wire_bytes input;   /* received, not yet used */
    struct wire_bytes message; /* the message so far */
    int message_opcode;        /* of the message whose pieces are coming; 0: none */
};

/* Connects and shakes hands. NULL when the server did not switch protocols (or did it wrongly):
 * `http_status` is what it answered, 0 when nothing came. */
struct wire_client *wire_client_open(const struct wire_client_options *options, int *http_status);
/* Drops the connection, without a close frame. */
void wire_client_close(struct wire_client **client);

/* All sends return false when the bytes could not be handed over before the deadline. */

/* One message in one frame, or a control frame. */
bool wire_client_send(struct wire_client *client, enum wire_opcode opcode, const void *bytes,
                      size_t count);
/* One message in frames of up to `piece_bytes` bytes. */
bool wire_client_send_pieces(struct wire_client *client, enum wire_opcode opcode, const void *bytes,
                             size_t count, size_t piece_bytes);
/* A frame with any first byte (FIN, RSV, opcode), masked or (wrongly) not. */
bool wire_client_send_frame(struct wire_client *client, uint8_t first, bool masked,
                            const void *bytes, size_t count);
/* Any bytes, right after what was sent. */
bool wire_client_send_raw(struct wire_client *client, const void *bytes, size_t count);
bool wire_client_send_close(struct wire_client *client, uint16_t code, const char *reason);
/* A tree in the connection's encoding; takes the reference. */
bool wire_client_send_tree(struct wire_client *client, json_t *tree);
/* A request as JSON text, in the connection's encoding; ' stands for ":
 * wire_client_request(client, "{'op':'ping','req':%d}", 7) */
bool wire_client_request(struct wire_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum wire_received {
    WIRE_MESSAGE, /* a whole message */
    WIRE_CLOSED,  /* the server's close frame: client->close_code */
    WIRE_ENDED,   /* the connection ended without one, or after it */
    WIRE_LATE,    /* nothing whole came before the deadline; what came is kept */
    WIRE_BROKEN,  /* the server broke the WebSocket protocol: client->broken */
};

/* The next message. Its bytes are borrowed until the next call. The socket is only read in here: a
 * client that is not asked to receive lets the server's bytes pile up. */
enum wire_received wire_client_receive(struct wire_client *client, int deadline_ms,
                                       const uint8_t **bytes, size_t *count);
/* The next message as a tree, a new reference; NULL for everything else. */
json_t *wire_client_receive_tree(struct wire_client *client, int deadline_ms);
/* The next message with this `ev`; others are passed over. The deadline is of the whole call. */
json_t *wire_client_await(struct wire_client *client, const char *ev, int deadline_ms);
/* Passes over messages until the close frame or the end; returns the close code, 0 when none came
 * before the deadline. */
uint16_t wire_client_await_close(struct wire_client *client, int deadline_ms);

#endif
