/*
 * Makes JSON Web Tokens, right ones and wrong ones, and the keys for them: the other end of
 * server/auth, with which it shares no code. Keys live only in memory. One thread each.
 */
#ifndef TAPEDECK_TESTS_SUPPORT_TOKEN_MAKER_H
#define TAPEDECK_TESTS_SUPPORT_TOKEN_MAKER_H

#include <stddef.h>

#define TOKEN_HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define TOKEN_RS256 "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"
#define TOKEN_NONE "{\"alg\":\"none\"}"

typedef struct evp_pkey_st token_rsa;

/* All texts are to be freed. ' in claims stands for ". */

/* header.claims. with nothing after the last dot. */
char *token_unsigned(const char *header, const char *claims);
/* The MAC of HMAC-SHA256, whatever the header says. */
char *token_with_mac(const char *header, const char *claims, const void *secret, size_t bytes);
/* A signature of RSASSA-PKCS1-v1_5 with SHA-256, whatever the header says. */
char *token_with_signature(const char *header, const char *claims, token_rsa *key);

token_rsa *token_rsa_make(unsigned bits);
void token_rsa_free(token_rsa *key);
char *token_rsa_public_pem(token_rsa *key);
char *token_rsa_private_pem(token_rsa *key);

#endif
