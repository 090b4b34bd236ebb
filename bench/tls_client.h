/*
 * TLS under a channel: OpenSSL over a socket that is connected and does not block. Whom to trust is
 * shared by all channels to one server; a session is one channel's, and does not own the socket.
 *
 * The server's certificate must be signed by who is trusted, and be of the host that was asked for.
 * OpenSSL writes without MSG_NOSIGNAL: the process must ignore SIGPIPE. One thread.
 */
#ifndef TAPEDECK_BENCH_TLS_CLIENT_H
#define TAPEDECK_BENCH_TLS_CLIENT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct ssl_st;     /* OpenSSL's SSL */

/* `ca_file`: certificates in PEM; NULL: those that this machine trusts. */
enum status tls_trust_create(const char *ca_file, struct ssl_ctx_st **trust,
                             struct error *error) MUST_CHECK;
void tls_trust_destroy(struct ssl_ctx_st **trust);

/* `host`: the name or the address that the certificate must be of. */
enum status tls_session_create(struct ssl_ctx_st *trust, int fd, const char *host,
                               struct ssl_st **session, struct error *error) MUST_CHECK;
void tls_session_destroy(struct ssl_st **session);

/* Goes on with the handshake. STATUS_WAIT: until the socket is readable, or writable where
 * `wants_write` says so. */
enum status tls_session_shake(struct ssl_st *session, bool *wants_write,
                              struct error *error) MUST_CHECK;
/* STATUS_WAIT: until the socket is writable; ask again with at least as many bytes. */
enum status tls_session_send(struct ssl_st *session, const void *bytes, size_t count, size_t *sent,
                             struct error *error) MUST_CHECK;
/* As much as there is and as fits; there must be room for TLS_RECORD_BYTES. Nothing is left where
 * only OpenSSL sees it. STATUS_WAIT: there is nothing; STATUS_END: the server hung up. */
#define TLS_RECORD_BYTES ((size_t)16384)
enum status tls_session_receive(struct ssl_st *session, void *bytes, size_t room, size_t *got,
                                struct error *error) MUST_CHECK;

#endif
