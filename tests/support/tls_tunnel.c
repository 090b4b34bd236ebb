#include "support/tls_tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAY_S 86400
#define PIECE_BYTES 16384
#define CARRIED_MAX 32 /* connections of one tunnel */

/* ---- one connection to the server ---- */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static SSL *shake_hands(SSL_CTX *context, int fd, int version_max, const char *offered)
{
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* a session ticket alone is no data to wait for */
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    if (version_max != 0) {
        SSL_set_max_proto_version(ssl, version_max);
        SSL_set_min_proto_version(ssl, TLS1_VERSION);
        SSL_set_security_level(ssl, 0);
    }
    if (offered != NULL)
        SSL_set_alpn_protos(ssl, (const unsigned char *)offered, (unsigned)strlen(offered));
    if (SSL_connect(ssl) == 1)
        return ssl;
    ERR_clear_error();
    SSL_free(ssl);
    return NULL;
}

static struct tls_sight describe(SSL *ssl)
{
    struct tls_sight sight = {.is_done = true};
    const unsigned char *protocol;
    unsigned bytes = 0;
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, sight.common_name,
                              sizeof sight.common_name);
    X509_free(certificate);
    strncpy(sight.version, SSL_get_version(ssl), sizeof sight.version - 1);
    SSL_get0_alpn_selected(ssl, &protocol, &bytes);
    memcpy(sight.protocol, bytes > 0 ? (const char *)protocol : "",
           bytes < sizeof sight.protocol ? bytes : 0);
    return sight;
}

struct tls_sight tls_look(uint16_t server_port, int version_max, const char *offered)
{
    struct tls_sight sight = {.is_done = false};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int fd = connect_to(server_port);
    SSL *ssl = fd >= 0 ? shake_hands(context, fd, version_max, offered) : NULL;
    if (ssl != NULL) {
        sight = describe(ssl);
        SSL_shutdown(ssl);
        SSL_free(ssl);
    }
    if (fd >= 0)
        close(fd);
    SSL_CTX_free(context);
    return sight;
}

/* ---- the tunnel ---- */

struct carried {
    SSL_CTX *context;
    uint16_t server_port;
    int client;
    int stop;
    pthread_t thread;
};

struct tls_tunnel {
    SSL_CTX *context;
    uint16_t server_port;
    uint16_t port;
    int listener;
    int stop[2]; /* a pipe whose end tells all threads to end */
    pthread_t thread;
    struct carried carried[CARRIED_MAX];
    size_t count;
};

static bool send_all(int fd, const char *bytes, int count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, (size_t)count, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        count -= (int)sent;
    }
    return true;
}

/* Until either side ends, or the tunnel does. Blocking: a client that does not read stops the
 * reading from the server, too, which is what its own socket would do. */
static void carry(const struct carried *carried, SSL *ssl, int server)
{
    char piece[PIECE_BYTES];
    for (;;) {
        struct pollfd fds[3] = {{.fd = carried->client, .events = POLLIN},
                                {.fd = server, .events = POLLIN},
                                {.fd = carried->stop, .events = POLLIN}};
        if (SSL_pending(ssl) == 0 && poll(fds, 3, -1) < 0 && errno != EINTR)
            return;
        if (fds[2].revents != 0)
            return;
        if (SSL_pending(ssl) > 0 || fds[1].revents != 0) {
            int got = SSL_read(ssl, piece, sizeof piece);
            bool is_nothing = got <= 0 && SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ;
            if (!is_nothing && (got <= 0 || !send_all(carried->client, piece, got)))
                return;
        }
        if (fds[0].revents != 0) {
            ssize_t got = recv(carried->client, piece, sizeof piece, 0);
            if (got <= 0 || SSL_write(ssl, piece, (int)got) <= 0)
                return;
        }
    }
}

static void *carry_one(void *argument)
{
    struct carried *carried = argument;
    int server = connect_to(carried->server_port);
    SSL *ssl = server >= 0 ? shake_hands(carried->context, server, 0, NULL) : NULL;
    if (ssl != NULL) {
        carry(carried, ssl, server);
        SSL_shutdown(ssl);
        SSL_free(ssl);
    }
    ERR_clear_error();
    if (server >= 0)
        close(server);
    shutdown(carried->client, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *argument)
{
    struct tls_tunnel *tunnel = argument;
    while (tunnel->count < CARRIED_MAX) {
        struct pollfd fds[2] = {{.fd = tunnel->listener, .events = POLLIN},
                                {.fd = tunnel->stop[0], .events = POLLIN}};
        if ((poll(fds, 2, -1) < 0 && errno != EINTR) || fds[1].revents != 0)
            break;
        int fd = accept4(tunnel->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct carried *carried = &tunnel->carried[tunnel->count];
        *carried = (struct carried){.context = tunnel->context,
                                    .server_port = tunnel->server_port,
                                    .client = fd,
                                    .stop = tunnel->stop[0]};
        if (pthread_create(&carried->thread, NULL, carry_one, carried) != 0)
            abort();
        tunnel->count++;
    }
    return NULL;
}

struct tls_tunnel *tls_tunnel_open(uint16_t server_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    struct tls_tunnel *tunnel = calloc(1, sizeof *tunnel);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tunnel->server_port = server_port;
    tunnel->context = SSL_CTX_new(TLS_client_method());
    tunnel->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (pipe2(tunnel->stop, O_CLOEXEC) != 0 ||
        bind(tunnel->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(tunnel->listener, CARRIED_MAX) != 0 ||
        getsockname(tunnel->listener, (struct sockaddr *)&address, &bytes) != 0 ||
        pthread_create(&tunnel->thread, NULL, accept_all, tunnel) != 0)
        abort();
    tunnel->port = ntohs(address.sin_port);
    return tunnel;
}

uint16_t tls_tunnel_port(const struct tls_tunnel *tunnel)
{
    return tunnel->port;
}

void tls_tunnel_close(struct tls_tunnel **tunnel)
{
    struct tls_tunnel *gone = *tunnel;
    *tunnel = NULL;
    close(gone->stop[1]);
    pthread_join(gone->thread, NULL);
    for (size_t i = 0; i < gone->count; i++) {
        shutdown(gone->carried[i].client, SHUT_RDWR);
        pthread_join(gone->carried[i].thread, NULL);
        close(gone->carried[i].client);
    }
    close(gone->listener);
    close(gone->stop[0]);
    SSL_CTX_free(gone->context);
    free(gone);
}

/* ---- certificates ---- */

/* Of that name, and of this machine's own address. */
static void name_hosts(X509 *certificate, const char *common_name)
{
    char hosts[160];
    (void)snprintf(hosts, sizeof hosts, "DNS:%s,IP:127.0.0.1", common_name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, hosts);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(EVP_PKEY *key, const char *common_name, int days)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), days < 0 ? 2L * days * DAY_S : -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * DAY_S);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    name_hosts(certificate, common_name);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

static FILE *create(const char *path)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 ? fdopen(fd, "w") : NULL;
}

bool tls_certificate_make(const char *certificate_file, const char *key_file,
                          enum tls_key_kind kind, const char *common_name, int days)
{
    EVP_PKEY *key = kind == TLS_KEY_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, common_name, days);
    FILE *certificate_out = create(certificate_file);
    FILE *key_out = create(key_file);
    bool made = certificate_out != NULL && key_out != NULL &&
                PEM_write_X509(certificate_out, certificate) == 1 &&
                PEM_write_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL) == 1;
    made = certificate_out != NULL && fclose(certificate_out) == 0 && made;
    made = key_out != NULL && fclose(key_out) == 0 && made;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}
