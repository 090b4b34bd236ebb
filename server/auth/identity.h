/*
 * Who somebody has proven to be. A plain value; any thread.
 */
#ifndef TAPEDECK_AUTH_IDENTITY_H
#define TAPEDECK_AUTH_IDENTITY_H

#include "auth/role.h"

#include <stdint.h>

#define TOKEN_BYTES_MAX 4096 /* of what proves it; a longer one is not looked at */
#define IDENTITY_NAME_BYTES_MAX 64
#define IDENTITY_NEVER INT64_MAX
#define IDENTITY_PROOF_BYTES 32

struct identity {
    enum role role;
    int64_t expires_us; /* wall clock, µs since the Unix epoch; IDENTITY_NEVER */
    /* A key's name or a token's subject, for the log: printable, may be empty. */
    char name[IDENTITY_NAME_BYTES_MAX + 1];
    /* What it rests on, SHA-256: the key, or what verified the token. When the server knows that
     * no more, the identity is void. No secret, and nothing that opens anything. */
    uint8_t proof[IDENTITY_PROOF_BYTES];
};

#endif
