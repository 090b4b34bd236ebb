/*
 * A channel over TLS, on one end of a pair of sockets whose other end is OpenSSL's server in the
 * same thread: what a real server over the loopback device hardly ever does is done here, to the
 * byte.
 */
#include "bench/channel.h"
#include "bench/tls_client.h"
#include "support/tls_tunnel.h"

#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURNS_MAX 100000
#define MESSAGE_BYTES 60000
#define MESSAGES 12 /* more than the sockets hold, less than a channel puts by */
#define REQUEST_BYTES_MAX 2048

static char folder[] = "/tmp/tapedeck-tls-XXXXXX";
static char certificate_file[64];
static char key_file[64];
static struct error error;
static struct channel_address address = {
    .host = "desk.example:443", .path = "/ws", .token = "tdk_x"};
static struct channel channel;
static struct channel_scratch scratch;
static SSL_CTX *server_context;
static SSL *server;
static int server_fd;
static size_t message_bytes;
static bool is_right;

static void open_pair(void)
{
    int pair[2];
    int narrow = 4096;
    (void)signal(SIGPIPE, SIG_IGN); /* as bench/tls_client wants it */
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(certificate_file, sizeof certificate_file, "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    cr_assert(tls_certificate_make(certificate_file, key_file, TLS_KEY_EC, "desk.example", 30));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &narrow, sizeof narrow);
    server_context = SSL_CTX_new(TLS_server_method());
    cr_assert_eq(SSL_CTX_use_certificate_file(server_context, certificate_file, SSL_FILETYPE_PEM),
                 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey_file(server_context, key_file, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_mode(server_context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    server = SSL_new(server_context);
    server_fd = pair[1];
    cr_assert_eq(SSL_set_fd(server, server_fd), 1);
    SSL_set_accept_state(server);
    channel = (struct channel){.state = CHANNEL_SECURING, .fd = pair[0], .address = &address};
    buffer_init(&channel.out, CHANNEL_OUT_BYTES_MAX);
    channel_scratch_init(&scratch);
}

static void close_pair(void)
{
    channel_close(&channel);
    channel_scratch_deinit(&scratch);
    tls_trust_destroy(&address.trust);
    SSL_free(server);
    SSL_CTX_free(server_context);
    close(server_fd);
    (void)unlink(certificate_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
}

TestSuite(tls_client, .init = open_pair, .fini = close_pair, .timeout = 60);

static void trust(const char *ca_file, const char *host)
{
    cr_assert_eq(tls_trust_create(ca_file, &address.trust, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(tls_session_create(address.trust, channel.fd, host, &channel.tls, &error),
                 STATUS_OK, "%s", error.text);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static enum status on_message(void *owner, const uint8_t *bytes, size_t count, int64_t now_us,
                              struct error *problem)
{
    (void)owner, (void)now_us, (void)problem;
    message_bytes = count;
    is_right = true;
    for (size_t i = 0; i < count && is_right; i++)
        is_right = bytes[i] == byte_at(i);
    return STATUS_OK;
}

static enum status client_turn(void)
{
    enum status status = STATUS_OK;
    if (channel.state == CHANNEL_SECURING || channel_wants_write(&channel))
        status = channel_write(&channel, &error);
    return status == STATUS_OK ? channel_read(&channel, &scratch, on_message, NULL, &error)
                               : status;
}

/* Both sides go on until the request has come; what ended it on the client's side. */
static enum status shake_hands(char request[REQUEST_BYTES_MAX])
{
    int used = 0;
    for (int i = 0; i < TURNS_MAX; i++) {
        enum status status = client_turn();
        if (status != STATUS_OK)
            return status;
        int got = SSL_read(server, request + used, REQUEST_BYTES_MAX - 1 - used);
        used += got > 0 ? got : 0;
        request[used] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            return STATUS_OK;
    }
    cr_assert_fail("no end of the handshake");
    return STATUS_INTERNAL;
}

static void open_channel(void)
{
    char request[REQUEST_BYTES_MAX] = "";
    trust(certificate_file, "desk.example");
    cr_assert_eq(shake_hands(request), STATUS_OK, "%s", error.text);
    cr_assert_not_null(strstr(request, "\r\nAuthorization: Bearer tdk_x\r\n"), "%s", request);
    cr_assert_eq(channel.state, CHANNEL_SHAKING);
    channel.state = CHANNEL_OPEN; /* what WebSocket says then is tested without TLS */
}

Test(tls_client, says_the_token_to_whom_it_trusts)
{
    open_channel();
}

Test(tls_client, says_nothing_to_who_has_another_name_or_is_not_trusted)
{
    static const struct {
        bool is_trusted;
        const char *host;
        const char *says;
    } table[] = {
        {true, "other.example", "mismatch"},
        {true, "127.0.0.2", "mismatch"},
        {false, "desk.example", "--ca-file"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char request[REQUEST_BYTES_MAX] = "";
        if (i > 0) {
            close_pair();
            strcpy(folder, "/tmp/tapedeck-tls-XXXXXX");
            open_pair();
        }
        trust(table[i].is_trusted ? certificate_file : NULL, table[i].host);
        cr_assert_eq(shake_hands(request), STATUS_UNAVAILABLE, "%zu", i);
        cr_assert_not_null(strstr(error.text, table[i].says), "%s", error.text);
        cr_assert_str_eq(request, "");
    }
}

Test(tls_client, who_speaks_no_tls_or_hangs_up_is_no_server)
{
    trust(certificate_file, "desk.example");
    cr_assert_gt(send(server_fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 0);
    cr_assert_eq(client_turn(), STATUS_UNAVAILABLE);
    cr_assert_not_null(strstr(error.text, "TLS"), "%s", error.text);
    close_pair();
    strcpy(folder, "/tmp/tapedeck-tls-XXXXXX");
    open_pair();
    trust(certificate_file, "desk.example");
    cr_assert_eq(shutdown(server_fd, SHUT_RDWR), 0);
    enum status status = STATUS_OK;
    for (int i = 0; i < 3 && status == STATUS_OK; i++)
        status = channel_read(&channel, &scratch, on_message, NULL, &error);
    cr_assert_eq(status, STATUS_UNAVAILABLE);
}

/* Of many records, each in pieces; the last bytes must not wait where only OpenSSL sees them. */
Test(tls_client, a_long_message_comes_whole_through_narrow_sockets)
{
    static uint8_t frame[10 + 5 * MESSAGE_BYTES] = {0x82, 127};
    open_channel();
    for (size_t i = 0; i < 8; i++)
        frame[2 + i] = (uint8_t)((uint64_t)(sizeof frame - 10) >> (56 - 8 * i));
    for (size_t i = 0; i < sizeof frame - 10; i++)
        frame[10 + i] = byte_at(i);
    size_t sent = 0;
    for (int i = 0; i < TURNS_MAX && message_bytes == 0; i++) {
        size_t more = 0;
        if (sent < sizeof frame &&
            SSL_write_ex(server, frame + sent, sizeof frame - sent, &more) == 1)
            sent += more;
        cr_assert_eq(client_turn(), STATUS_OK, "%s", error.text);
    }
    cr_assert_eq(message_bytes, sizeof frame - 10);
    cr_assert(is_right);
    SSL_shutdown(server);
    cr_assert_eq(client_turn(), STATUS_END, "and a goodbye is heard");
}

/* What waits grows, and so moves, between two tries to send it. */
Test(tls_client, what_is_sent_faster_than_it_is_taken_comes_whole)
{
    static uint8_t taken[MESSAGES * (MESSAGE_BYTES + 8)];
    static uint8_t payload[MESSAGE_BYTES];
    size_t used = 0;
    open_channel();
    for (size_t i = 0; i < MESSAGES; i++) {
        memset(payload, (int)('a' + i), sizeof payload);
        cr_assert_eq(channel_send(&channel, CHANNEL_BINARY, payload, sizeof payload, &error),
                     STATUS_OK, "%s", error.text);
    }
    cr_assert(channel_wants_write(&channel), "the sockets took all: this test tests nothing");
    for (int i = 0; i < TURNS_MAX && used < sizeof taken; i++) {
        size_t more = 0;
        if (SSL_read_ex(server, taken + used, sizeof taken - used, &more) == 1)
            used += more;
        cr_assert_eq(client_turn(), STATUS_OK, "%s", error.text);
    }
    cr_assert_eq(used, sizeof taken);
    for (size_t i = 0; i < MESSAGES; i++) {
        const uint8_t *message = taken + i * (MESSAGE_BYTES + 8);
        cr_assert_eq(message[0], 0x82);
        memset(payload, (int)('a' + i), sizeof payload);
        cr_assert_eq(memcmp(message + 8, payload, sizeof payload), 0, "message %zu", i);
    }
    cr_assert_not(channel_wants_write(&channel));
}
