/*
 * A server of its own inside the test's process: one lane, real sockets, and a source in memory
 * with a thread of its own. There is one at a time. Its heap can be weighed, which a process
 * beside the test could not be to the byte.
 */
#ifndef TAPEDECK_TESTS_NET_LAB_H
#define TAPEDECK_TESTS_NET_LAB_H

#include "net/server.h"
#include "support/wire_client.h"

#define LAB_SYMBOL "LAB:A"
#define LAB_TICKS 360000 /* one every 10 ms from time 0 */
#define LAB_TICK_US 10000
#define LAB_END ((int64_t)LAB_TICKS * LAB_TICK_US)
#define LAB_DEADLINE_MS 20000

struct lab {
    struct server_options options; /* may be changed between lab_init and lab_start */
    struct feed_lane shared;
    struct server *server;
    uint16_t port;
};

void lab_init(struct lab *lab);
void lab_start(struct lab *lab);
void lab_deinit(struct lab *lab);

/* What its source does with loads from now on. */
enum lab_source_mood {
    LAB_ANSWERS,
    LAB_HOLDS, /* they wait until it is in another mood */
    LAB_FAILS, /* they are answered with STATUS_UNAVAILABLE */
};
void lab_source_be(enum lab_source_mood mood);
/* The price (bid, last and volume are the same) of its tick at this time. */
int64_t lab_price(int64_t time);

/* A client that has taken its welcome. */
struct wire_client *lab_connect(const struct lab *lab, const char *subprotocol);
/* The same with the smallest buffers in the kernel, on both sides: over the loopback device these
 * grow to megabytes, and a message always fits into them whole. */
struct wire_client *lab_connect_narrowly(const struct lab *lab, const char *subprotocol);
/* The server's side of a connection that this socket is the other end of gets its smallest buffer.
 */
void lab_narrow(int socket);
/* The next message with this `ev`; ends the test when it does not come. */
json_t *lab_await(struct wire_client *client, const char *ev);
/* What the server answers to these raw bytes until it hangs up; NUL-terminated. */
void lab_exchange(const struct lab *lab, const char *request, char *response, size_t bytes);
/* Waits until the figures are so; false when they never are. */
bool lab_until(struct lab *lab, bool (*are_so)(const struct server_figures *figures));
/* Waits until the server has taken no message and sent none for a while. */
void lab_settle(struct lab *lab);

/* Memory in use by this process, without the blocks of the tape. */
size_t lab_heap_bytes(void);

#endif
