#include "net/acceptor.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/connection.h"
#include "net/server_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Unsent bytes the kernel holds before it calls the socket full. Its buffer may grow to megabytes,
 * and everything in it is older than the client's next seek. */
#define UNSENT_BYTES_MAX (128 * 1024)

#define REFUSAL_HEAD                                                                               \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"     \
    "Cache-Control: no-store\r\nConnection: close\r\n"

static void set_option(int fd, int level, int option, int value)
{
    /* An option that a kernel lacks costs speed, nothing else. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static int open_socket(const struct addrinfo *address, bool shares)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (shares)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (address->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage local;
    socklen_t bytes = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &bytes) != 0)
        return 0;
    in_port_t port;
    if (local.ss_family == AF_INET6)
        port = ((const struct sockaddr_in6 *)(const void *)&local)->sin6_port;
    else
        port = ((const struct sockaddr_in *)(const void *)&local)->sin_port;
    return ntohs(port);
}

static enum status bind_error(const char *host, uint16_t port, struct error *error)
{
    int reason = errno;
    if (reason == EADDRINUSE)
        return error_set(error, STATUS_CONFLICT,
                         "port %u of %s is taken: is another server running? Choose another port",
                         port, host);
    if (reason == EACCES)
        return error_set(error, STATUS_FORBIDDEN,
                         "port %u may not be used by this user: choose one from 1024 on", port);
    return error_set(error, STATUS_UNAVAILABLE, "cannot listen at %s, port %u: %s", host, port,
                     strerror(reason));
}

static enum status listen_at(const struct addrinfo *address, bool is_first, int *listen_fd)
{
    if (is_first) {
        /* Without SO_REUSEPORT this fails when anybody listens there. */
        int probe = open_socket(address, false);
        if (probe < 0)
            return STATUS_UNAVAILABLE;
        (void)close(probe);
    }
    int fd = open_socket(address, true);
    if (fd < 0)
        return STATUS_UNAVAILABLE;
    if (listen(fd, ACCEPTOR_BACKLOG) != 0) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
        return STATUS_UNAVAILABLE;
    }
    *listen_fd = fd;
    return STATUS_OK;
}

enum status acceptor_listen(const char *host, uint16_t *port, bool is_first, int *listen_fd,
                            struct error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", *port);
    int result = getaddrinfo(host, service, &hints, &addresses);
    if (result != 0)
        return error_set(error, STATUS_INVALID, "host %s is no address of this machine: %s", host,
                         gai_strerror(result));
    enum status status = STATUS_UNAVAILABLE;
    for (struct addrinfo *at = addresses; at != NULL && status != STATUS_OK; at = at->ai_next)
        status = listen_at(at, is_first, listen_fd);
    if (status == STATUS_OK)
        *port = port_of(*listen_fd);
    else
        status = bind_error(host, *port, error);
    freeaddrinfo(addresses);
    return status;
}

static void reserve(struct acceptor *acceptor)
{
    if (acceptor->reserve_fd < 0)
        acceptor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Says why and hangs up. What the client already sent is read away first: closing a socket with
 * unread bytes resets the connection and may take the answer with it. */
static void turn_away(int fd, const char *why)
{
    char body[192];
    char answer[512];
    char unread[4096];
    int body_bytes = snprintf(body, sizeof body,
                              "{\"error\":{\"code\":\"unavailable\",\"message\":\"%s\"}}\n", why);
    int bytes = snprintf(answer, sizeof answer, REFUSAL_HEAD "Content-Length: %d\r\n\r\n%s",
                         body_bytes, body);
    ssize_t sent = send(fd, answer, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* whoever does not get it sees the hang-up */
    (void)shutdown(fd, SHUT_WR);
    ssize_t got = recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)got;
    (void)close(fd);
}

static void refuse(struct acceptor *acceptor, int fd, enum admission_verdict verdict)
{
    bool is_total = verdict == REFUSED_TOTAL;
    turn_away(fd, is_total ? "the server has as many connections as it may (connections_max)"
                           : "this address has as many connections as it may "
                             "(connections_per_address_max)");
    counter_add(&acceptor->refused, 1);
    unsigned swallowed;
    if (log_limit_pass(&acceptor->lane->server->refused_log, clock_monotonic_us(), &swallowed))
        log_warn("net.refuse", "reason=%s swallowed=%u",
                 is_total ? "connections_max" : "connections_per_address_max", swallowed);
}

static void admit(struct acceptor *acceptor, int fd, const struct sockaddr_storage *peer)
{
    struct address address = address_of(peer);
    enum admission_verdict verdict = admission_enter(&acceptor->lane->server->admission, &address);
    if (verdict != ADMITTED) {
        refuse(acceptor, fd, verdict);
        return;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX);
    counter_add(&acceptor->accepted, 1);
    connection_accept(acceptor->lane, fd, &address);
}

/* Out of descriptors: one client is told with the reserve, then nobody is taken for a moment,
 * because poll() would report the others at once again. */
static void pause_accepting(struct acceptor *acceptor, int reason)
{
    if (acceptor->reserve_fd >= 0) {
        (void)close(acceptor->reserve_fd);
        acceptor->reserve_fd = -1;
        int fd = accept4(lws_get_socket_fd(acceptor->wsi), NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            turn_away(fd, "the server is out of file descriptors");
            counter_add(&acceptor->refused, 1);
        }
        reserve(acceptor);
    }
    (void)lws_rx_flow_control(acceptor->wsi, 0);
    wheel_arm(&acceptor->lane->wheel, &acceptor->resume, clock_monotonic_us() + ACCEPTOR_PAUSE_US);
    unsigned swallowed;
    if (log_limit_pass(&acceptor->lane->server->exhausted_log, clock_monotonic_us(), &swallowed))
        log_error("net.accept", "error=%s swallowed=%u help=%s", LOG_QUOTE(strerror(reason)),
                  swallowed, LOG_QUOTE("raise the limit of open files (ulimit -n)"));
}

static void resume_fire(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, resume);
    reserve(acceptor);
    if (acceptor->wsi != NULL)
        (void)lws_rx_flow_control(acceptor->wsi, 1);
}

void acceptor_accept(struct acceptor *acceptor)
{
    for (int taken = 0; taken < ACCEPTOR_TURN_MAX && acceptor->wsi != NULL; taken++) {
        struct sockaddr_storage peer;
        socklen_t bytes = sizeof peer;
        int fd = accept4(lws_get_socket_fd(acceptor->wsi), (struct sockaddr *)&peer, &bytes,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(acceptor, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(acceptor, errno);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* anything else is about that one client, who is gone already */
    }
}

void acceptor_closed(struct acceptor *acceptor)
{
    acceptor->wsi = NULL;
}

enum status acceptor_init(struct acceptor *acceptor, struct lane *lane, int listen_fd,
                          struct error *error)
{
    acceptor->lane = lane;
    timer_init(&acceptor->resume, resume_fire);
    acceptor->reserve_fd = -1;
    reserve(acceptor);
    lws_sock_file_fd_type file = {.filefd = listen_fd};
    acceptor->wsi =
        lws_adopt_descriptor_vhost(lane->vhost, LWS_ADOPT_RAW_FILE_DESC, file, "(acceptor)", NULL);
    if (acceptor->wsi != NULL)
        return STATUS_OK;
    (void)close(listen_fd);
    return error_set(error, STATUS_UNAVAILABLE, "cannot watch the listening socket");
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (acceptor->lane != NULL)
        wheel_cancel(&acceptor->lane->wheel, &acceptor->resume);
    if (acceptor->wsi != NULL)
        lws_set_timeout(acceptor->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
    if (acceptor->reserve_fd >= 0)
        (void)close(acceptor->reserve_fd);
    acceptor->reserve_fd = -1;
}
