#include "support/token_maker.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

/* Appends base64url without padding. */
static char *append_coded(char *text, const void *bytes, size_t count)
{
    size_t used = text != NULL ? strlen(text) : 0;
    text = realloc(text, used + count * 4 / 3 + 8);
    int coded = EVP_EncodeBlock((unsigned char *)text + used, bytes, (int)count);
    char *end = text + used + coded;
    while (end > text + used && end[-1] == '=')
        end--;
    *end = '\0';
    for (char *c = text + used; *c != '\0'; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    return text;
}

static char *append_dot(char *text)
{
    size_t used = strlen(text);
    text = realloc(text, used + 2);
    memcpy(text + used, ".", 2);
    return text;
}

static char *signed_part(const char *header, const char *claims)
{
    char *quoted = strdup(claims);
    for (char *c = quoted; *c != '\0'; c++)
        *c = (char)(*c == '\'' ? '"' : *c);
    char *text = append_dot(append_coded(NULL, header, strlen(header)));
    text = append_coded(text, quoted, strlen(quoted));
    free(quoted);
    return text;
}

char *token_unsigned(const char *header, const char *claims)
{
    return append_dot(signed_part(header, claims));
}

char *token_with_mac(const char *header, const char *claims, const void *secret, size_t bytes)
{
    unsigned char mac[32];
    char *text = signed_part(header, claims);
    HMAC(EVP_sha256(), secret, (int)bytes, (const unsigned char *)text, strlen(text), mac, NULL);
    return append_coded(append_dot(text), mac, sizeof mac);
}

char *token_with_signature(const char *header, const char *claims, token_rsa *key)
{
    unsigned char signature[1024];
    size_t bytes = sizeof signature;
    char *text = signed_part(header, claims);
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    EVP_DigestSignInit(signing, NULL, EVP_sha256(), NULL, key);
    EVP_DigestSign(signing, signature, &bytes, (const unsigned char *)text, strlen(text));
    EVP_MD_CTX_free(signing);
    return append_coded(append_dot(text), signature, bytes);
}

token_rsa *token_rsa_make(unsigned bits)
{
    return EVP_RSA_gen(bits);
}

void token_rsa_free(token_rsa *key)
{
    EVP_PKEY_free(key);
}

static char *take_text(BIO *bio)
{
    char *bytes;
    long count = BIO_get_mem_data(bio, &bytes);
    char *text = strndup(bytes, (size_t)count);
    BIO_free(bio);
    return text;
}

char *token_rsa_public_pem(token_rsa *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key);
    return take_text(bio);
}

char *token_rsa_private_pem(token_rsa *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return take_text(bio);
}
