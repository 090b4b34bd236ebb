/*
 * A certificate with its key, checked and immutable, and what a lane's SSL_CTX needs of us.
 *
 *   files ─► tls_load (main thread: everything that can be wrong is told here)
 *               └─► each lane's own pointer: who connects from now on sees the new one,
 *                                            who is connected notices nothing
 *
 * TLS 1.2 or newer. Pinned by reference: any thread.
 */
#ifndef TAPEDECK_NET_TLS_H
#define TAPEDECK_NET_TLS_H

#include "base/status.h"

#include <stdbool.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls;

/* The certificate's file holds its chain, too, the server's own first; both in PEM. Refused: a key
 * that others can read, one with a passphrase, one that does not fit. Pinned once. */
enum status tls_load(const char *certificate_file, const char *key_file, struct tls **tls,
                     struct error *error) MUST_CHECK;
void tls_pin(struct tls *tls);
void tls_unpin(struct tls **tls);

/* "CN=desk.example, until 2027-01-01T00:00:00Z": for the log. */
const char *tls_describe(const struct tls *tls);

/* Each handshake of this SSL_CTX from now on shows the certificate that `*current` then is. It is
 * read on the thread of the handshake, which must be the only one that writes it. */
bool tls_serve(struct ssl_ctx_st *context, struct tls **current);

#endif
