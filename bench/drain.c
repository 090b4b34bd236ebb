/*
 * drain PORT FROM TO SYMBOL…: plays a range at "max" over a WebSocket in msgpack, throws the frames
 * away, and prints the ticks that `ended` counts and the seconds from the request to it:
 *
 *   {"ticks": 155470, "bytes": 2312345, "seconds": 0.071}
 *
 * Reads as fast as a socket can be read and understands only what it must: frame headers, and the
 * one short message that says `ended`. Whether the ticks are right is the tests' affair.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES (1 << 20)
#define STATE_BYTES_MAX 1024 /* a replay.state is shorter, a frame of interest longer */

static int fd;
static uint8_t input[INPUT_BYTES];
static size_t input_at;
static size_t input_end;
static uint64_t bytes_read;

static void die(const char *what)
{
    fprintf(stderr, "drain: %s\n", what);
    exit(1);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Makes at least `count` bytes available at input_at. */
static void need(size_t count)
{
    if (input_end - input_at >= count)
        return;
    memmove(input, input + input_at, input_end - input_at);
    input_end -= input_at;
    input_at = 0;
    while (input_end < count) {
        ssize_t got = read(fd, input + input_end, sizeof input - input_end);
        if (got <= 0)
            die("the server hung up");
        input_end += (size_t)got;
        bytes_read += (size_t)got;
    }
}

static void skip(uint64_t count)
{
    while (count > 0) {
        need(1);
        uint64_t here = input_end - input_at;
        uint64_t part = here < count ? here : count;
        input_at += part;
        count -= part;
    }
}

static void send_text(const char *text, size_t count)
{
    if (write(fd, text, count) != (ssize_t)count)
        die("cannot write");
}

static void open_socket(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char request[512];
    int count = snprintf(request, sizeof request,
                         "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGFwZWRlY2sgZHJhaW4uIQ==\r\n"
                         "Sec-WebSocket-Protocol: tapedeck.v1.msgpack\r\n\r\n",
                         port);
    send_text(request, (size_t)count);
    size_t seen = 0;
    for (const char *end = "\r\n\r\n"; end[seen] != '\0';) {
        need(1);
        seen = input[input_at] == (uint8_t)end[seen] ? seen + 1 : input[input_at] == '\r';
        input_at++;
    }
}

/* ---- msgpack, as much as a request needs ---- */

static void put_text(uint8_t *message, size_t *used, const char *text)
{
    size_t count = strlen(text);
    message[(*used)++] = 0xd9;
    message[(*used)++] = (uint8_t)count;
    memcpy(message + *used, text, count);
    *used += count;
}

static void send_message(const uint8_t *message, size_t count)
{
    uint8_t frame[8192] = {0x82, 0xfe, (uint8_t)(count >> 8), (uint8_t)count, 0, 0, 0, 0};
    memcpy(frame + 8, message, count); /* masked with zeros */
    send_text((const char *)frame, count + 8);
}

static void send_open(const char *from, const char *to, char **symbols, int symbol_count)
{
    uint8_t message[8000];
    size_t used = 0;
    message[used++] = 0x87;
    put_text(message, &used, "op"), put_text(message, &used, "replay.open");
    put_text(message, &used, "id"), message[used++] = 1;
    put_text(message, &used, "from"), put_text(message, &used, from);
    put_text(message, &used, "to"), put_text(message, &used, to);
    put_text(message, &used, "speed"), put_text(message, &used, "max");
    put_text(message, &used, "state"), put_text(message, &used, "playing");
    put_text(message, &used, "symbols");
    message[used++] = (uint8_t)(0x90 | symbol_count);
    for (int i = 0; i < symbol_count; i++)
        put_text(message, &used, symbols[i]);
    send_message(message, used);
}

/* ---- frames ---- */

static uint64_t read_header(void)
{
    need(2);
    uint64_t count = input[input_at + 1] & 0x7f;
    size_t more = count == 126 ? 2 : count == 127 ? 8 : 0;
    input_at += 2;
    need(more);
    for (size_t i = 0; more > 0 && i < more; i++)
        count = i == 0 ? input[input_at] : count << 8 | input[input_at + i];
    input_at += more;
    return count;
}

/* The integers of {"ticks":[…]} after the last text "ticks" of the message, summed. */
static uint64_t sum_totals(const uint8_t *at, const uint8_t *end)
{
    uint64_t sum = 0;
    unsigned items = *at++ & 0x0f;
    while (items-- > 0 && at < end) {
        uint8_t kind = *at++;
        size_t more = kind == 0xcc ? 1 : kind == 0xcd ? 2 : kind == 0xce ? 4 : kind == 0xcf ? 8 : 0;
        uint64_t value = more == 0 ? kind : 0;
        for (; more > 0; more--)
            value = value << 8 | *at++;
        sum += value;
    }
    return sum;
}

static bool is_ended(uint64_t count, uint64_t *ticks)
{
    need(count);
    const uint8_t *at = input + input_at;
    if (memmem(at, count, "error", 5) != NULL && memmem(at, count,
                                                        "\xa2"
                                                        "ev\xa5"
                                                        "error",
                                                        9) != NULL)
        die("the server answered with an error");
    if (memmem(at, count, "ended", 5) == NULL)
        return false;
    const uint8_t *totals = memmem(at, count, "ticks", 5);
    if (totals == NULL)
        die("`ended` has no totals");
    *ticks = sum_totals(totals + 5, at + count);
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 4 + 15) {
        fprintf(stderr, "usage: drain PORT FROM TO SYMBOL…\n");
        return 2;
    }
    open_socket((uint16_t)strtoul(argv[1], NULL, 10));
    double began = seconds_now();
    send_open(argv[2], argv[3], argv + 4, argc - 4);
    uint64_t ticks = 0;
    for (bool ended = false; !ended;) {
        uint64_t count = read_header();
        if (count < STATE_BYTES_MAX)
            ended = is_ended(count, &ticks);
        skip(count);
    }
    printf("{\"ticks\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.6f}\n", ticks,
           bytes_read, seconds_now() - began);
    return 0;
}
