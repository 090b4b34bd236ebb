#include "bench/tls_client.h"

#include "base/assert.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

static_assert(TLS_RECORD_BYTES >= SSL3_RT_MAX_PLAIN_LENGTH, "a record fits");

/* ---- what went wrong ---- */

static const char *last_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    return reason != NULL ? reason : errno != 0 ? strerror(errno) : "no reason is known";
}

/* Whether another file of authorities would help. */
static bool lacks_issuer(long verified)
{
    return verified == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           verified == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           verified == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static enum status failed(const SSL *session, struct error *error)
{
    long verified = SSL_get_verify_result(session);
    if (verified == X509_V_OK)
        return error_set(error, STATUS_UNAVAILABLE, "TLS: %s", last_reason());
    return error_set(error, STATUS_UNAVAILABLE, "the server's certificate is not trusted (%s)%s",
                     X509_verify_cert_error_string(verified),
                     lacks_issuer(verified) ? ": --ca-file FILE names who signed it" : "");
}

/* OpenSSL's queue of errors must be empty before a call, or SSL_get_error tells of an older one. */
static void begin_call(void)
{
    ERR_clear_error();
    errno = 0;
}

/* ---- whom to trust ---- */

static enum status trust_whom(SSL_CTX *trust, const char *ca_file, struct error *error)
{
    begin_call();
    if (ca_file == NULL && SSL_CTX_set_default_verify_paths(trust) == 1)
        return STATUS_OK;
    if (ca_file != NULL && SSL_CTX_load_verify_file(trust, ca_file) == 1)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "cannot take certificates from %s: %s",
                     ca_file != NULL ? ca_file : "this machine", last_reason());
}

enum status tls_trust_create(const char *ca_file, struct ssl_ctx_st **trust, struct error *error)
{
    static const unsigned char protocols[] = "\x08http/1.1";
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (made == NULL)
        return error_set(error, STATUS_INTERNAL, "TLS: %s", last_reason());
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    /* What waits to be sent lies in a buffer that may grow, and so move. */
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    enum status status = trust_whom(made, ca_file, error);
    if (status == STATUS_OK &&
        (SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) != 1 ||
         SSL_CTX_set_alpn_protos(made, protocols, sizeof protocols - 1) != 0))
        status = error_set(error, STATUS_INTERNAL, "TLS: %s", last_reason());
    if (status == STATUS_OK)
        *trust = made;
    else
        SSL_CTX_free(made);
    return status;
}

void tls_trust_destroy(struct ssl_ctx_st **trust)
{
    SSL_CTX_free(*trust);
    *trust = NULL;
}

/* ---- a session ---- */

/* An address is looked for among a certificate's addresses, and is no name to be told to a server.
 */
static bool expect_host(SSL *session, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1)
        return true;
    return SSL_set1_host(session, host) == 1 && SSL_set_tlsext_host_name(session, host) == 1;
}

enum status tls_session_create(struct ssl_ctx_st *trust, int fd, const char *host,
                               struct ssl_st **session, struct error *error)
{
    begin_call();
    SSL *made = SSL_new(trust);
    if (made == NULL || !expect_host(made, host) || SSL_set_fd(made, fd) != 1) {
        SSL_free(made);
        return error_set(error, STATUS_INTERNAL, "TLS: %s", last_reason());
    }
    SSL_set_connect_state(made);
    *session = made;
    return STATUS_OK;
}

void tls_session_destroy(struct ssl_st **session)
{
    SSL_free(*session);
    *session = NULL;
}

enum status tls_session_shake(struct ssl_st *session, bool *wants_write, struct error *error)
{
    begin_call();
    int done = SSL_do_handshake(session);
    if (done == 1)
        return STATUS_OK;
    int why = SSL_get_error(session, done);
    *wants_write = why == SSL_ERROR_WANT_WRITE;
    if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ)
        return STATUS_WAIT;
    if (why == SSL_ERROR_ZERO_RETURN || (why == SSL_ERROR_SYSCALL && errno == 0))
        return error_set(error, STATUS_UNAVAILABLE,
                         "the server hung up in the middle of the TLS handshake: does it speak "
                         "TLS?");
    return failed(session, error);
}

enum status tls_session_send(struct ssl_st *session, const void *bytes, size_t count, size_t *sent,
                             struct error *error)
{
    ASSERT(count > 0);
    begin_call();
    int done = SSL_write_ex(session, bytes, count, sent);
    if (done == 1)
        return STATUS_OK;
    int why = SSL_get_error(session, done);
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? STATUS_WAIT
                                                                     : failed(session, error);
}

/* One record at most. */
static enum status receive_some(SSL *session, char *bytes, size_t room, size_t *got,
                                struct error *error)
{
    begin_call();
    int done = SSL_read_ex(session, bytes, room, got);
    if (done == 1)
        return STATUS_OK;
    int why = SSL_get_error(session, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return STATUS_WAIT;
    if (why == SSL_ERROR_ZERO_RETURN)
        return error_set(error, STATUS_END, "the server hung up");
    return failed(session, error);
}

enum status tls_session_receive(struct ssl_st *session, void *bytes, size_t room, size_t *got,
                                struct error *error)
{
    ASSERT(room >= TLS_RECORD_BYTES);
    size_t count = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && room - count >= TLS_RECORD_BYTES) {
        size_t more = 0;
        status = receive_some(session, (char *)bytes + count, room - count, &more, error);
        count += more;
    }
    /* Who hangs up is heard again: first what was received before is handed over. */
    if (count == 0 || (status != STATUS_OK && status != STATUS_WAIT && status != STATUS_END))
        return status;
    ASSERT(SSL_pending(session) == 0);
    *got = count;
    return STATUS_OK;
}
