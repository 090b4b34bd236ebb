/*
 * libFuzzer target: any bytes as a token; and, as header and claims of one that is signed with the
 * right secret (the first line, the others), so that what lies behind the signature is reached.
 */
#include "auth/jwt_check.h"
#include "base/assert.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define NOW_US INT64_C(1700000000000000)
#define PART_BYTES_MAX 1400
#define TOKEN_ROOM (2 * 2 * PART_BYTES_MAX + 128)

static const char secret[] = "0123456789abcdef0123456789abcdef";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void append_coded(char *token, const uint8_t *bytes, size_t count)
{
    char *at = token + strlen(token);
    int coded = EVP_EncodeBlock((unsigned char *)at, bytes, (int)count);
    while (coded > 0 && at[coded - 1] == '=')
        at[--coded] = '\0';
    for (char *c = at; *c != '\0'; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
}

static void check(const struct jwt_keys *keys, const char *token, bool may_be_good)
{
    struct identity identity = {.role = ROLE_NONE};
    struct error error = {.text = ""};
    enum status status = jwt_check(keys, token, NOW_US, &identity, &error);
    ASSERT(status == STATUS_OK || status == STATUS_UNAUTHORIZED);
    ASSERT(status == STATUS_OK || identity.role == ROLE_NONE);
    ASSERT(status == STATUS_OK || error.text[0] != '\0');
    ASSERT(status != STATUS_OK || may_be_good);
    if (status != STATUS_OK)
        return;
    ASSERT(identity.role >= ROLE_VIEWER);
    ASSERT(identity.role <= ROLE_OPERATOR);
    ASSERT(identity.expires_us > NOW_US);
    ASSERT(strlen(identity.name) <= IDENTITY_NAME_BYTES_MAX);
}

static void check_raw(const struct jwt_keys *keys, const uint8_t *bytes, size_t count)
{
    char token[TOKEN_BYTES_MAX + 64];
    size_t taken = count < sizeof token ? count : sizeof token - 1;
    if (taken > 0)
        memcpy(token, bytes, taken);
    token[taken] = '\0';
    check(keys, token, false);
}

static void check_signed(const struct jwt_keys *keys, const uint8_t *bytes, size_t count)
{
    char token[TOKEN_ROOM] = "";
    unsigned char mac[32];
    const uint8_t *end = count > 0 ? memchr(bytes, '\n', count) : NULL;
    size_t header = end != NULL ? (size_t)(end - bytes) : 0;
    if (end == NULL || header > PART_BYTES_MAX || count - header - 1 > PART_BYTES_MAX)
        return;
    append_coded(token, bytes, header);
    strcat(token, ".");
    append_coded(token, end + 1, count - header - 1);
    HMAC(EVP_sha256(), secret, sizeof secret - 1, (const unsigned char *)token, strlen(token), mac,
         NULL);
    strcat(token, ".");
    append_coded(token, mac, sizeof mac);
    check(keys, token, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct jwt_keys keys;
    struct error error;
    jwt_keys_init(&keys);
    enum status status = jwt_keys_set_secret(&keys, secret, sizeof secret - 1, &error);
    ASSERT(status == STATUS_OK);
    check_raw(&keys, bytes, count);
    check_signed(&keys, bytes, count);
    jwt_keys_deinit(&keys);
    return 0;
}
