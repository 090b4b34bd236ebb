#include "auth/verifier.h"

#include "auth/secret_file.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct verifier {
    atomic_uint references;
    struct key_list keys;
    struct jwt_keys jwt;
};

static bool is_named(const char *text)
{
    return text != NULL && text[0] != '\0';
}

bool verifier_is_wanted(const struct verifier_sources *sources)
{
    return is_named(sources->keys_file) || is_named(sources->jwt_secret_file) ||
           is_named(sources->jwt_public_key_file);
}

static enum status load_keys(const char *path, struct key_list *keys, struct error *error)
{
    struct buffer text;
    if (!is_named(path))
        return STATUS_OK;
    enum status status = secret_file_read(path, SECRET_FILE_PUBLIC, &text, error);
    if (status != STATUS_OK)
        return status;
    status = key_list_parse(text.bytes, text.count, keys, error);
    secret_wipe(&text);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, "%s", path);
}

typedef enum status set_fn(struct jwt_keys *keys, const void *bytes, size_t count,
                           struct error *error);

static enum status load_jwt(const char *path, enum secret_kind kind, set_fn *set,
                            struct jwt_keys *jwt, struct error *error)
{
    struct buffer content;
    if (!is_named(path))
        return STATUS_OK;
    enum status status = secret_file_read(path, kind, &content, error);
    if (status != STATUS_OK)
        return status;
    status = set(jwt, content.bytes, content.count, error);
    secret_wipe(&content);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, "%s", path);
}

static enum status load_all(const struct verifier_sources *sources, struct key_list *keys,
                            struct jwt_keys *jwt, struct error *error)
{
    enum status status = load_keys(sources->keys_file, keys, error);
    if (status == STATUS_OK)
        status =
            load_jwt(sources->jwt_secret_file, SECRET_FILE_SECRET, jwt_keys_set_secret, jwt, error);
    if (status == STATUS_OK)
        status = load_jwt(sources->jwt_public_key_file, SECRET_FILE_PUBLIC, jwt_keys_set_public,
                          jwt, error);
    return status;
}

enum status verifier_load(const struct verifier_sources *sources, struct verifier **verifier,
                          struct error *error)
{
    struct key_list keys = {NULL, 0};
    struct jwt_keys jwt;
    jwt_keys_init(&jwt);
    enum status status = load_all(sources, &keys, &jwt, error);
    if (status != STATUS_OK) {
        key_list_deinit(&keys);
        jwt_keys_deinit(&jwt);
        return status;
    }
    if (is_named(sources->jwt_audience))
        jwt.audience = mem_copy_text(sources->jwt_audience);
    if (is_named(sources->jwt_issuer))
        jwt.issuer = mem_copy_text(sources->jwt_issuer);
    *verifier = verifier_create(&keys, &jwt);
    return STATUS_OK;
}

struct verifier *verifier_create(struct key_list *keys, struct jwt_keys *jwt)
{
    struct verifier *verifier = MEM_NEW(struct verifier);
    atomic_init(&verifier->references, 1);
    verifier->keys = *keys;
    verifier->jwt = *jwt;
    *keys = (struct key_list){NULL, 0};
    jwt_keys_init(jwt);
    return verifier;
}

void verifier_pin(struct verifier *verifier)
{
    atomic_fetch_add(&verifier->references, 1);
}

void verifier_unpin(struct verifier **verifier)
{
    struct verifier *gone = *verifier;
    *verifier = NULL;
    if (gone == NULL || atomic_fetch_sub(&gone->references, 1) > 1)
        return;
    key_list_deinit(&gone->keys);
    jwt_keys_deinit(&gone->jwt);
    mem_free(gone);
}

size_t verifier_key_count(const struct verifier *verifier)
{
    return verifier->keys.count;
}

static enum status take_entry(const struct key_entry *entry, int64_t now_us,
                              struct identity *identity, struct error *error)
{
    if (entry == NULL)
        return error_set(error, STATUS_UNAUTHORIZED, "this server does not know this key");
    if (entry->expires_us <= now_us)
        return error_set(error, STATUS_UNAUTHORIZED, "this key has expired");
    *identity = (struct identity){.role = entry->role, .expires_us = entry->expires_us};
    static_assert(sizeof identity->name == sizeof entry->name, "one length of names");
    memcpy(identity->name, entry->name, sizeof identity->name);
    memcpy(identity->proof, entry->digest, sizeof identity->proof);
    return STATUS_OK;
}

enum status verifier_check(const struct verifier *verifier, const char *token, int64_t now_us,
                           struct identity *identity, struct error *error)
{
    uint8_t digest[IDENTITY_PROOF_BYTES];
    if (strncmp(token, KEY_PREFIX, sizeof KEY_PREFIX - 1) == 0) {
        size_t bytes = strnlen(token, TOKEN_BYTES_MAX);
        key_digest(token, bytes, digest);
        return take_entry(key_list_find(&verifier->keys, digest), now_us, identity, error);
    }
    return jwt_check(&verifier->jwt, token, now_us, identity, error);
}

enum status verifier_renew(const struct verifier *verifier, int64_t now_us,
                           struct identity *identity, struct error *error)
{
    if (jwt_keys_hold(&verifier->jwt, identity->proof))
        return STATUS_OK; /* its times are its own */
    const struct key_entry *entry = key_list_find(&verifier->keys, identity->proof);
    if (entry == NULL)
        return error_set(error, STATUS_UNAUTHORIZED,
                         "what you proved who you are with has been revoked");
    return take_entry(entry, now_us, identity, error);
}
