#include "auth/jwt_check.h"

#include "auth/key_list.h"
#include "auth/secret_file.h"
#include "base/mem.h"
#include "market/time.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAC_BYTES 32
#define MAC_CODED_BYTES 43 /* in base64url, without padding */

/* ---- keys ---- */

void jwt_keys_init(struct jwt_keys *keys)
{
    *keys = (struct jwt_keys){.audience = NULL};
    buffer_init(&keys->secret, SECRET_FILE_BYTES_MAX);
    buffer_init(&keys->public_key, SECRET_FILE_BYTES_MAX);
}

void jwt_keys_deinit(struct jwt_keys *keys)
{
    secret_wipe(&keys->secret);
    buffer_deinit(&keys->public_key);
    mem_free(keys->audience);
    mem_free(keys->issuer);
}

bool jwt_keys_are_there(const struct jwt_keys *keys)
{
    return keys->secret.count > 0 || keys->public_key.count > 0;
}

enum status jwt_keys_set_secret(struct jwt_keys *keys, const void *secret, size_t bytes,
                                struct error *error)
{
    const char *text = secret;
    if (bytes > 0 && text[bytes - 1] == '\n')
        bytes--;
    if (bytes > 0 && text[bytes - 1] == '\r')
        bytes--;
    if (bytes < JWT_SECRET_BYTES_MIN)
        return error_set(error, STATUS_INVALID, "a secret must have at least %d bytes",
                         JWT_SECRET_BYTES_MIN);
    buffer_append(&keys->secret, secret, bytes);
    (void)SHA256(keys->secret.bytes, keys->secret.count, keys->secret_digest);
    return STATUS_OK;
}

enum status jwt_keys_set_public(struct jwt_keys *keys, const void *pem, size_t bytes,
                                struct error *error)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)bytes);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    bool is_rsa = key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_RSA;
    int bits = is_rsa ? EVP_PKEY_bits(key) : 0;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error(); /* libwebsockets would take what is left for its own */
    if (!is_rsa)
        return error_set(error, STATUS_INVALID,
                         "expected an RSA public key in PEM (BEGIN PUBLIC KEY)");
    if (bits < JWT_RSA_BITS_MIN)
        return error_set(error, STATUS_INVALID, "the RSA key has %d bits; %d is the least", bits,
                         JWT_RSA_BITS_MIN);
    buffer_append(&keys->public_key, pem, bytes);
    (void)SHA256(keys->public_key.bytes, keys->public_key.count, keys->public_digest);
    return STATUS_OK;
}

bool jwt_keys_hold(const struct jwt_keys *keys, const uint8_t proof[IDENTITY_PROOF_BYTES])
{
    if (keys->secret.count > 0 && memcmp(proof, keys->secret_digest, IDENTITY_PROOF_BYTES) == 0)
        return true;
    return keys->public_key.count > 0 &&
           memcmp(proof, keys->public_digest, IDENTITY_PROOF_BYTES) == 0;
}

/* ---- shape and signature ---- */

static enum status refuse(struct error *error, const char *sentence)
{
    return error_set(error, STATUS_UNAUTHORIZED, "%s", sentence);
}

/* Three segments of base64url, none of them of a length that no bytes have. Only the last may be
 * empty: `is_signed` says whether it is not. */
static bool has_shape(const char *token, bool *is_signed)
{
    static const char coded[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (unsigned segment = 0;; segment++) {
        size_t bytes = strspn(token, coded);
        if ((bytes == 0 && segment < 2) || bytes % 4 == 1 || segment == 3)
            return false;
        token += bytes;
        *is_signed = bytes > 0;
        if (*token == '\0')
            return segment == 2;
        if (*token++ != '.')
            return false;
    }
}

enum algorithm { HS256, RS256, OTHER, UNSIGNED, UNREADABLE };

/* What the header says it is, before anything is verified: it only chooses the key. */
static enum algorithm algorithm_of(const char *token)
{
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, NULL, 0) != 0)
        return UNREADABLE;
    const char *name = jwt_get_header(jwt, "alg");
    enum algorithm algorithm = OTHER;
    if (name == NULL)
        algorithm = UNREADABLE;
    else if (strcmp(name, "HS256") == 0)
        algorithm = HS256;
    else if (strcmp(name, "RS256") == 0)
        algorithm = RS256;
    else if (strcasecmp(name, "none") == 0)
        algorithm = UNSIGNED;
    /* Extensions that must be understood: there are none that we do. */
    char *critical = jwt_get_headers_json(jwt, "crit");
    if (critical != NULL)
        algorithm = OTHER;
    free(critical);
    jwt_free(jwt);
    return algorithm;
}

/* In constant time, which libjwt's own comparison is not. */
static bool has_right_mac(const struct buffer *secret, const char *token)
{
    unsigned char mac[MAC_BYTES];
    char coded[MAC_BYTES * 2];
    const char *signature = strrchr(token, '.') + 1;
    if (strlen(signature) != MAC_CODED_BYTES)
        return false;
    if (HMAC(EVP_sha256(), secret->bytes, (int)secret->count, (const unsigned char *)token,
             (size_t)(signature - 1 - token), mac, NULL) == NULL)
        return false;
    (void)EVP_EncodeBlock((unsigned char *)coded, mac, sizeof mac);
    for (char *c = coded; *c != '\0'; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    return CRYPTO_memcmp(coded, signature, MAC_CODED_BYTES) == 0;
}

static enum status choose_key(const struct jwt_keys *keys, const char *token,
                              const struct buffer **key, jwt_alg_t *algorithm, struct error *error)
{
    switch (algorithm_of(token)) {
    case UNREADABLE:
        return refuse(error, "this is no JSON Web Token: its header or its claims cannot be read");
    case UNSIGNED:
        return refuse(error, "the token is not signed (alg none)");
    case OTHER:
        return refuse(error, "the token is signed in a way that this server does not know: it "
                             "takes HS256 and RS256, without critical extensions");
    case HS256:
        *key = &keys->secret;
        *algorithm = JWT_ALG_HS256;
        break;
    case RS256:
        *key = &keys->public_key;
        *algorithm = JWT_ALG_RS256;
        break;
    }
    if ((*key)->count == 0)
        return refuse(error, *algorithm == JWT_ALG_HS256
                                 ? "the token is signed with HS256, and this server has no secret "
                                   "for that (jwt_secret_file)"
                                 : "the token is signed with RS256, and this server has no public "
                                   "key for that (jwt_public_key_file)");
    return STATUS_OK;
}

/* The claims of a token whose signature is right; NULL: it is not. */
static json_t *verified_claims(const char *token, const struct buffer *key, jwt_alg_t algorithm)
{
    jwt_t *jwt = NULL;
    if (algorithm == JWT_ALG_HS256 && !has_right_mac(key, token))
        return NULL;
    if (jwt_decode(&jwt, token, key->bytes, (int)key->count) != 0) {
        ERR_clear_error();
        return NULL;
    }
    char *text = jwt_get_alg(jwt) == algorithm ? jwt_get_grants_json(jwt, NULL) : NULL;
    json_t *claims = text != NULL ? json_loads(text, 0, NULL) : NULL;
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
    jwt_free(jwt);
    return claims;
}

/* ---- claims ---- */

/* A NumericDate: seconds since the epoch, perhaps with a fraction. */
static bool read_time(const json_t *claim, int64_t *time_us)
{
    if (!json_is_number(claim))
        return false;
    double seconds = json_number_value(claim);
    if (!(seconds >= 0 && seconds <= (double)(TIME_MAX / TIME_SECOND_US)))
        return false;
    *time_us = (int64_t)(seconds * (double)TIME_SECOND_US);
    return true;
}

static enum status check_times(const json_t *claims, int64_t now_us, int64_t *expires_us,
                               struct error *error)
{
    const json_t *begin = json_object_get(claims, "nbf");
    int64_t begins_us = INT64_MIN;
    int64_t ends_us;
    if (!read_time(json_object_get(claims, "exp"), &ends_us))
        return refuse(error, "the token has no claim exp that says when it expires, in seconds");
    if (begin != NULL && !read_time(begin, &begins_us))
        return refuse(error, "the token's claim nbf is no time in seconds");
    if (ends_us <= now_us)
        return refuse(error, "the token has expired");
    if (begins_us > now_us + JWT_SKEW_US)
        return refuse(error, "the token is not valid yet (nbf)");
    *expires_us = ends_us;
    return STATUS_OK;
}

static bool names_audience(const json_t *claim, const char *audience)
{
    if (json_is_string(claim))
        return strcmp(json_string_value(claim), audience) == 0;
    for (size_t i = 0; i < json_array_size(claim); i++) {
        const char *one = json_string_value(json_array_get(claim, i));
        if (one != NULL && strcmp(one, audience) == 0)
            return true;
    }
    return false;
}

static enum status check_parties(const struct jwt_keys *keys, const json_t *claims,
                                 struct error *error)
{
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    if (keys->issuer != NULL && (issuer == NULL || strcmp(issuer, keys->issuer) != 0))
        return refuse(error, "the token's issuer (iss) is not the one that this server trusts");
    if (keys->audience != NULL && !names_audience(json_object_get(claims, "aud"), keys->audience))
        return refuse(error, "the token is meant for somebody else (aud)");
    return STATUS_OK;
}

/* Printable ASCII stays, so that a log line is what it seems. */
static void copy_name(const char *subject, char name[IDENTITY_NAME_BYTES_MAX + 1])
{
    size_t bytes = 0;
    for (; subject != NULL && subject[bytes] != '\0' && bytes < IDENTITY_NAME_BYTES_MAX; bytes++)
        name[bytes] = (char)(subject[bytes] > ' ' && subject[bytes] < 0x7f ? subject[bytes] : '?');
    name[bytes] = '\0';
}

static enum status read_claims(const struct jwt_keys *keys, const json_t *claims, int64_t now_us,
                               struct identity *identity, struct error *error)
{
    const char *role = json_string_value(json_object_get(claims, "role"));
    if (!json_is_object(claims))
        return refuse(error, "the token's claims are no JSON object");
    enum status status = check_times(claims, now_us, &identity->expires_us, error);
    if (status == STATUS_OK)
        status = check_parties(keys, claims, error);
    if (status != STATUS_OK)
        return status;
    if (role == NULL)
        return refuse(error, "the token has no claim role: " ROLE_NAMES);
    if (!role_parse(role, &identity->role))
        return refuse(error, "the token's claim role is none of " ROLE_NAMES);
    copy_name(json_string_value(json_object_get(claims, "sub")), identity->name);
    return STATUS_OK;
}

enum status jwt_check(const struct jwt_keys *keys, const char *token, int64_t now_us,
                      struct identity *identity, struct error *error)
{
    const struct buffer *key = NULL;
    jwt_alg_t algorithm = JWT_ALG_NONE;
    bool is_signed = false;
    if (strlen(token) > TOKEN_BYTES_MAX || !has_shape(token, &is_signed))
        return refuse(error, "this is no token: neither a key that begins with " KEY_PREFIX
                             " nor a JSON Web Token");
    if (!is_signed)
        return refuse(error, "the token is not signed");
    enum status status = choose_key(keys, token, &key, &algorithm, error);
    if (status != STATUS_OK)
        return status;
    json_t *claims = verified_claims(token, key, algorithm);
    if (claims == NULL)
        return refuse(error, "the token's signature is wrong");
    struct identity found = {.role = ROLE_NONE};
    status = read_claims(keys, claims, now_us, &found, error);
    json_decref(claims);
    if (status != STATUS_OK)
        return status;
    memcpy(found.proof, algorithm == JWT_ALG_HS256 ? keys->secret_digest : keys->public_digest,
           sizeof found.proof);
    *identity = found;
    return STATUS_OK;
}
