/*
 * JSON Web Tokens: which of them are good, and what they say. HS256 with a secret, RS256 with a
 * public key; each key verifies its own algorithm and no other, so that nobody can sign with the
 * text of the public key. `role` and `exp` are required, `nbf` is honoured, `aud` and `iss` are
 * checked when the server has been told what they must be.
 *
 * libjwt (1.10) verifies and decodes. It compares MACs with strcmp and writes a byte beyond an
 * empty segment; so the shape of a token and its MAC are checked here first. Pure; keys are
 * constant once they are set: any thread.
 */
#ifndef TAPEDECK_AUTH_JWT_CHECK_H
#define TAPEDECK_AUTH_JWT_CHECK_H

#include "auth/identity.h"
#include "base/bytes.h"

#include <stdbool.h>

#define JWT_SECRET_BYTES_MIN 32 /* as long as the MAC: a shorter one can be tried out */
#define JWT_RSA_BITS_MIN 2048

/* Clocks of those who make tokens may be ahead of ours by so much. */
#define JWT_SKEW_US (10 * INT64_C(1000000))

struct jwt_keys {
    struct buffer secret;     /* of HS256; empty: none */
    struct buffer public_key; /* of RS256, PEM; empty: none */
    uint8_t secret_digest[IDENTITY_PROOF_BYTES];
    uint8_t public_digest[IDENTITY_PROOF_BYTES];
    char *audience; /* one that `aud` must name; NULL: not checked */
    char *issuer;   /* what `iss` must be; NULL: not checked */
};

void jwt_keys_init(struct jwt_keys *keys);
void jwt_keys_deinit(struct jwt_keys *keys);
bool jwt_keys_are_there(const struct jwt_keys *keys);
/* Copies. A line feed at the end is not part of a secret. STATUS_INVALID: too short; no RSA key in
 * PEM; a private key. */
enum status jwt_keys_set_secret(struct jwt_keys *keys, const void *secret, size_t bytes,
                                struct error *error) MUST_CHECK;
enum status jwt_keys_set_public(struct jwt_keys *keys, const void *pem, size_t bytes,
                                struct error *error) MUST_CHECK;

/* STATUS_UNAUTHORIZED with a sentence that says what is wrong with the token, and never what it or
 * a key holds. `identity` is untouched then. */
enum status jwt_check(const struct jwt_keys *keys, const char *token, int64_t now_us,
                      struct identity *identity, struct error *error) MUST_CHECK;
/* Whether the key that this identity's token was verified with is still one of ours. */
bool jwt_keys_hold(const struct jwt_keys *keys, const uint8_t proof[IDENTITY_PROOF_BYTES]);

#endif
