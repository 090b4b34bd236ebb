#include "bench/channel.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- frame headers ---- */

static struct channel_head head;
static struct error error;

#define READ(...)                                                                                  \
    channel_head_read((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}),      \
                      &head, &error)

Test(channel_head, all_three_lengths_are_read)
{
    cr_assert_eq(READ(0x82, 125), STATUS_OK);
    cr_assert_eq(head.payload_bytes, 125);
    cr_assert_eq(head.head_bytes, 2);
    cr_assert_eq(READ(0x82, 126, 0xf0, 0x01), STATUS_OK);
    cr_assert_eq(head.payload_bytes, 0xf001);
    cr_assert_eq(head.head_bytes, 4);
    cr_assert_eq(READ(0x82, 127, 0, 0, 0, 0, 0, 1, 0, 2), STATUS_OK);
    cr_assert_eq(head.payload_bytes, 0x10002);
    cr_assert_eq(head.head_bytes, 10);
}

Test(channel_head, a_header_that_is_cut_waits_for_its_rest)
{
    const uint8_t whole[] = {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 2};
    for (size_t count = 0; count < sizeof whole; count++)
        cr_assert_eq(channel_head_read(whole, count, &head, &error), STATUS_WAIT);
    cr_assert_eq(READ(0x82, 126, 0), STATUS_WAIT);
}

Test(channel_head, what_rfc_6455_forbids_is_refused)
{
    cr_assert_eq(READ(0xc2, 1), STATUS_BAD_MESSAGE, "reserved bits");
    cr_assert_eq(READ(0x82, 0x81), STATUS_BAD_MESSAGE, "a masked frame");
    cr_assert_eq(READ(0x83, 1), STATUS_BAD_MESSAGE, "opcode 3");
    cr_assert_eq(READ(0x8b, 1), STATUS_BAD_MESSAGE, "opcode 11");
    cr_assert_eq(READ(0x89, 126, 0, 126), STATUS_BAD_MESSAGE, "a long ping");
    cr_assert_eq(READ(0x82, 126, 0, 125), STATUS_BAD_MESSAGE, "a length spelled too long");
    cr_assert_eq(READ(0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff), STATUS_BAD_MESSAGE);
}

Test(channel_head, pieces_and_giants_are_refused)
{
    cr_assert_eq(READ(0x02, 1), STATUS_BAD_MESSAGE, "a first piece");
    cr_assert_eq(READ(0x80, 1), STATUS_BAD_MESSAGE, "a last piece");
    cr_assert_eq(READ(0x82, 127, 0, 0, 0, 0, 4, 0, 0, 1), STATUS_BAD_MESSAGE, "64 MiB + 1");
    cr_assert_eq(READ(0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
                 STATUS_BAD_MESSAGE);
}

/* ---- addresses ---- */

static struct channel_address address;

static enum status find(const char *url)
{
    return channel_address_find(&(struct channel_target){.url = url}, &address, &error);
}

Test(channel_address, host_port_and_path_are_found)
{
    cr_assert_eq(find("ws://127.0.0.1:9000/ws"), STATUS_OK, "%s", error.text);
    cr_assert_eq(address.port, 9000);
    cr_assert_str_eq(address.host, "127.0.0.1:9000");
    cr_assert_str_eq(address.path, "/ws");
    cr_assert_eq(find("ws://[::1]:80"), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(address.host, "[::1]:80");
    cr_assert_str_eq(address.path, "/ws");
    cr_assert_eq(find("ws://127.0.0.1"), STATUS_OK, "%s", error.text);
    cr_assert_eq(address.port, 80);
    cr_assert_null(address.trust);
}

Test(channel_address, over_tls_has_a_port_and_a_trust_of_its_own)
{
    cr_assert_eq(find("wss://[::1]/ws"), STATUS_OK, "%s", error.text);
    cr_assert_eq(address.port, 443);
    cr_assert_str_eq(address.name, "::1");
    cr_assert_not_null(address.trust);
    channel_address_forget(&address);
    cr_assert_null(address.trust);
    struct channel_target target = {.url = "wss://127.0.0.1:1/ws", .ca_file = "/dev/null"};
    cr_assert_eq(channel_address_find(&target, &address, &error), STATUS_INVALID);
    cr_assert_not_null(strstr(error.text, "/dev/null"), "%s", error.text);
    channel_address_forget(&address);
    target.url = "ws://127.0.0.1:1/ws";
    cr_assert_eq(channel_address_find(&target, &address, &error), STATUS_INVALID);
    cr_assert_not_null(strstr(error.text, "wss://"), "%s", error.text);
}

Test(channel_address, what_is_no_address_is_refused)
{
    static const char *const wrong[] = {"",
                                        "127.0.0.1:9000",
                                        "http://127.0.0.1/",
                                        "https://127.0.0.1/",
                                        "wss:/127.0.0.1/",
                                        "wss://",
                                        "wss://:443/ws",
                                        "ws://",
                                        "ws://:80/",
                                        "ws://127.0.0.1:/",
                                        "ws://127.0.0.1:123456/",
                                        "ws://[::1/ws",
                                        "ws://127.0.0.1:80x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(find(wrong[i]), STATUS_INVALID, "%s", wrong[i]);
}

/* ---- a whole channel, on one end of a pair of sockets ---- */

#include <sys/socket.h>
#include <unistd.h>

static struct channel channel;
static struct channel_scratch scratch;
static int peer;
static size_t message_count;
static size_t message_bytes;

static enum status on_message(void *owner, const uint8_t *bytes, size_t count, int64_t now_us,
                              struct error *problem)
{
    (void)owner, (void)bytes, (void)now_us, (void)problem;
    message_count++;
    message_bytes = count;
    return STATUS_OK;
}

static void open_pair(void)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    channel = (struct channel){.state = CHANNEL_OPEN, .fd = pair[0]};
    buffer_init(&channel.out, CHANNEL_OUT_BYTES_MAX);
    channel_scratch_init(&scratch);
    peer = pair[1];
    message_count = 0;
}

static void close_pair(void)
{
    channel_close(&channel);
    channel_scratch_deinit(&scratch);
    close(peer);
}

static enum status feed(const void *bytes, size_t count)
{
    cr_assert_eq(send(peer, bytes, count, 0), (ssize_t)count);
    return channel_read(&channel, &scratch, on_message, NULL, &error);
}

TestSuite(channel, .init = open_pair, .fini = close_pair);

Test(channel, messages_come_whole_however_their_bytes_are_cut)
{
    uint8_t bytes[2 * (4 + 300)];
    for (size_t i = 0; i < 2; i++) {
        uint8_t *at = bytes + i * 304;
        memset(at, 0, 304);
        at[0] = 0x82, at[1] = 126, at[2] = 1, at[3] = 300 - 256;
    }
    for (size_t cut = 1; cut < sizeof bytes; cut++) {
        message_count = 0;
        cr_assert_eq(feed(bytes, cut), STATUS_OK);
        cr_assert_eq(message_count, cut / 304);
        cr_assert_eq(feed(bytes + cut, sizeof bytes - cut), STATUS_OK);
        cr_assert_eq(message_count, 2);
        cr_assert_eq(message_bytes, 300);
    }
}

Test(channel, a_ping_is_answered_with_its_own_bytes_masked)
{
    uint8_t answer[64];
    cr_assert_eq(feed("\x89\x02hi", 4), STATUS_OK);
    cr_assert_eq(recv(peer, answer, sizeof answer, 0), 8);
    cr_assert_arr_eq(answer, "\x8a\x82\0\0\0\0hi", 8);
    cr_assert_eq(message_count, 0);
}

Test(channel, a_close_and_a_hang_up_are_ends_that_say_why)
{
    cr_assert_eq(feed("\x88\x05\x03\xe9"
                      "bye",
                      7),
                 STATUS_END);
    cr_assert_not_null(strstr(error.text, "1001 bye"), "%s", error.text);
    shutdown(peer, SHUT_RDWR);
    cr_assert_eq(channel_read(&channel, &scratch, on_message, NULL, &error), STATUS_END);
}

Test(channel, a_text_message_is_refused)
{
    cr_assert_eq(feed("\x81\x02{}", 4), STATUS_BAD_MESSAGE);
}

static enum status shake(const char *response)
{
    channel.state = CHANNEL_SHAKING;
    strcpy(channel.key, "dGhlIHNhbXBsZSBub25jZQ==");
    return feed(response, strlen(response));
}

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" /* RFC 6455, 1.3 */
#define CHOSEN "Sec-WebSocket-Protocol: tapedeck.v1.msgpack\r\n"

Test(channel, a_right_handshake_opens_and_what_follows_it_is_read)
{
    cr_assert_eq(shake(SWITCHING ACCEPT CHOSEN "\r\n\x82\x01x"), STATUS_OK, "%s", error.text);
    cr_assert_eq(channel.state, CHANNEL_OPEN);
    cr_assert_eq(message_count, 1);
}

Test(channel, a_wrong_handshake_is_refused)
{
    cr_assert_eq(shake("HTTP/1.1 503 Service Unavailable\r\n\r\n"), STATUS_UNAVAILABLE);
    cr_assert_eq(shake("HTTP/1.1 401 Unauthorized\r\n\r\n"), STATUS_UNAUTHORIZED);
    cr_assert_not_null(strstr(error.text, "--token-file"), "%s", error.text);
    cr_assert_eq(shake(SWITCHING CHOSEN "\r\n"), STATUS_BAD_MESSAGE);
    cr_assert_eq(shake(SWITCHING "Sec-WebSocket-Accept: AAAA\r\n" CHOSEN "\r\n"),
                 STATUS_BAD_MESSAGE);
    cr_assert_eq(shake(SWITCHING ACCEPT "\r\n"), STATUS_BAD_MESSAGE);
    cr_assert_eq(shake(SWITCHING ACCEPT "Sec-WebSocket-Protocol: tapedeck.v1.json\r\n\r\n"),
                 STATUS_BAD_MESSAGE);
}
