/*
 * A token's text in, who that is out. One immutable value: every key that the server knows at a
 * time. A reload makes a new one; whoever still holds the old one keeps it until it is unpinned.
 * Any thread.
 */
#ifndef TAPEDECK_AUTH_VERIFIER_H
#define TAPEDECK_AUTH_VERIFIER_H

#include "auth/identity.h"
#include "auth/jwt_check.h"
#include "auth/key_list.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Paths and texts; NULL or "": not used. */
struct verifier_sources {
    const char *keys_file;
    const char *jwt_secret_file;
    const char *jwt_public_key_file;
    const char *jwt_audience;
    const char *jwt_issuer;
};

struct verifier;

/* Whether anything is named that somebody could prove who they are with. */
bool verifier_is_wanted(const struct verifier_sources *sources);
/* Reads the files. The error names the file, and its line. Pinned once. */
enum status verifier_load(const struct verifier_sources *sources, struct verifier **verifier,
                          struct error *error) MUST_CHECK;
/* Out of what was read already, which it takes: for tests. Pinned once. */
struct verifier *verifier_create(struct key_list *keys, struct jwt_keys *jwt);
void verifier_pin(struct verifier *verifier);
void verifier_unpin(struct verifier **verifier);

size_t verifier_key_count(const struct verifier *verifier);

/* STATUS_UNAUTHORIZED with a sentence for whoever holds the token; then `identity` is untouched.
 * `now_us` is the wall clock. */
enum status verifier_check(const struct verifier *verifier, const char *token, int64_t now_us,
                           struct identity *identity, struct error *error) MUST_CHECK;
/* Brings an identity that was proven before up to date with these keys: of a key that is in the
 * file no more, or of a token whose key was changed, STATUS_UNAUTHORIZED. */
enum status verifier_renew(const struct verifier *verifier, int64_t now_us,
                           struct identity *identity, struct error *error) MUST_CHECK;

#endif
