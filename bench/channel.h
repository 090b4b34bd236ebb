/*
 * One WebSocket to the server, the client's side: connect, handshake, whole messages in, small
 * messages out. Non-blocking; the caller owns the epoll and says when to read and write.
 *
 *   CHANNEL_CONNECTING ──writable──▶ CHANNEL_SHAKING ──101──▶ CHANNEL_OPEN
 *                   └──wss──▶ CHANNEL_SECURING ──▲
 *
 * Bytes are received into a scratch buffer that all channels of a thread share; only the beginning
 * of a message whose rest is not here yet is kept per channel. tapedeck sends a message in one
 * frame, so a fragmented one is refused. One owner thread.
 */
#ifndef TAPEDECK_BENCH_CHANNEL_H
#define TAPEDECK_BENCH_CHANNEL_H

#include "base/bytes.h"
#include "base/status.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#define CHANNEL_MESSAGE_BYTES_MAX (64 << 20) /* of one instant with a million ticks */
#define CHANNEL_OUT_BYTES_MAX (1 << 20)

/* ---- where to, and as whom ---- */

struct channel_target {
    const char *url;     /* ws://HOST[:PORT][/PATH], or wss:// */
    const char *token;   /* visible ASCII, said in the handshake and nowhere else; NULL: none */
    const char *ca_file; /* who signs for a wss:// server; NULL: whom this machine trusts */
};

#define CHANNEL_HOST_BYTES 256
struct channel_address {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    uint16_t port;
    char name[CHANNEL_HOST_BYTES];      /* of the host alone */
    char host[CHANNEL_HOST_BYTES + 16]; /* with its port, as the Host header has it */
    char path[CHANNEL_HOST_BYTES];
    const char *token;        /* the target's */
    struct ssl_ctx_st *trust; /* NULL: in clear */
};
/* Looks the name up, which may block. The target's token is borrowed as long as the address is
 * used. Forget it in either case. */
enum status channel_address_find(const struct channel_target *target,
                                 struct channel_address *address, struct error *error) MUST_CHECK;
/* After its channels have been closed. */
void channel_address_forget(struct channel_address *address);

/* ---- frame headers ---- */

enum channel_opcode {
    CHANNEL_TEXT = 1,
    CHANNEL_BINARY = 2,
    CHANNEL_CLOSE = 8,
    CHANNEL_PING = 9,
    CHANNEL_PONG = 10,
};

struct channel_head {
    enum channel_opcode opcode;
    size_t head_bytes;
    size_t payload_bytes;
};
/* The header at the beginning of `bytes`. STATUS_WAIT: more bytes are needed. STATUS_BAD_MESSAGE:
 * RFC 6455 forbids it, or it is larger than CHANNEL_MESSAGE_BYTES_MAX, or a piece of a message. */
enum status channel_head_read(const uint8_t *bytes, size_t count, struct channel_head *head,
                              struct error *error) MUST_CHECK;

/* ---- the channel ---- */

struct channel_scratch {
    uint8_t *bytes;
    size_t capacity;
};
void channel_scratch_init(struct channel_scratch *scratch);
void channel_scratch_deinit(struct channel_scratch *scratch);

enum channel_state {
    CHANNEL_CLOSED,
    CHANNEL_CONNECTING,
    CHANNEL_SECURING, /* the handshake of TLS */
    CHANNEL_SHAKING,  /* that of WebSocket */
    CHANNEL_OPEN,
};

struct channel {
    enum channel_state state;
    int fd;
    const struct channel_address *address;
    struct ssl_st *tls;      /* NULL: in clear */
    bool securing_by_writes; /* what its handshake waits for */
    char key[25];            /* Sec-WebSocket-Key */
    uint8_t *tail;
    size_t tail_bytes;
    size_t tail_capacity;
    struct buffer out; /* not yet taken by the kernel */
    size_t out_sent;
    uint64_t received_bytes; /* under TLS what it held */
};

/* `seed` makes the key. The address is borrowed as long as the channel is not closed. */
enum status channel_connect(struct channel *channel, const struct channel_address *address,
                            uint64_t seed, struct error *error) MUST_CHECK;
void channel_close(struct channel *channel);
/* The socket is writable: goes on connecting, sends what waits. */
enum status channel_write(struct channel *channel, struct error *error) MUST_CHECK;
/* Whether channel_write has something to do. */
bool channel_wants_write(const struct channel *channel);
/* Sends a message, now or as soon as the kernel takes it. */
enum status channel_send(struct channel *channel, enum channel_opcode opcode, const void *bytes,
                         size_t count, struct error *error) MUST_CHECK;

/* Gets each whole binary message; borrowed for the call. What is not STATUS_OK ends the reading. */
typedef enum status channel_message_fn(void *owner, const uint8_t *bytes, size_t count,
                                       int64_t now_us, struct error *error);
/* The socket is readable: receives once and hands over what is whole. `now_us` of the messages is
 * the clock right after the receive. STATUS_END: the server closed; the sentence says how. */
enum status channel_read(struct channel *channel, struct channel_scratch *scratch,
                         channel_message_fn *message, void *owner, struct error *error) MUST_CHECK;

#endif
