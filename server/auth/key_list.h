/*
 * API keys: a text file with a line for each, which never holds a key itself.
 *
 *   # comments and empty lines mean nothing; key_text keeps them
 *   desk-1    viewer    9f86d081884c7d65…  (SHA-256 of the key, 64 hex digits)
 *   importer  writer    60303ae22b998861…  2027-01-01T00:00:00Z  (when it expires)
 *
 * A key is "tdk_" and 256 random bits in base64url; nobody can guess one, so a plain hash is as
 * good as a slow one. Pure, apart from the randomness of a new key. A list is constant once it is
 * read: any thread.
 */
#ifndef TAPEDECK_AUTH_KEY_LIST_H
#define TAPEDECK_AUTH_KEY_LIST_H

#include "auth/identity.h"
#include "base/bytes.h"

#define KEY_PREFIX "tdk_"
#define KEY_BYTES 47 /* the prefix and 43 of base64url */
#define KEY_LIST_MAX 1024

/* A line of the file. */
struct key_entry {
    char name[IDENTITY_NAME_BYTES_MAX + 1]; /* letters, digits and ._@- */
    enum role role;
    int64_t expires_us; /* IDENTITY_NEVER: it does not */
    uint8_t digest[IDENTITY_PROOF_BYTES];
};

struct key_list {
    struct key_entry *entries;
    size_t count;
};

/* STATUS_INVALID or STATUS_LIMIT with the number of the wrong line; then there is nothing to
 * deinit. */
enum status key_list_parse(const void *text, size_t bytes, struct key_list *list,
                           struct error *error) MUST_CHECK;
void key_list_deinit(struct key_list *list);

/* STATUS_CONFLICT when there is such a name, STATUS_LIMIT when the list is full, STATUS_INVALID
 * when it is no name. */
enum status key_list_add(struct key_list *list, const struct key_entry *entry,
                         struct error *error) MUST_CHECK;

/* Whose key this is, expired or not; NULL: nobody's. How long it takes tells nothing about keys. */
const struct key_entry *key_list_find(const struct key_list *list,
                                      const uint8_t digest[IDENTITY_PROOF_BYTES]);
void key_digest(const char *key, size_t bytes, uint8_t digest[IDENTITY_PROOF_BYTES]);

/* A new one, NUL-terminated. STATUS_UNAVAILABLE when the system gives no randomness. */
enum status key_make(char key[KEY_BYTES + 1], struct error *error) MUST_CHECK;

#endif
