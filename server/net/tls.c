#include "net/tls.h"

#include "auth/secret_file.h"
#include "base/mem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTION_BYTES 256
#define CHAIN_MAX 16 /* certificates; who needs more has the wrong file */

struct tls {
    atomic_uint references;
    X509 *certificate;
    STACK_OF(X509) * chain; /* between it and a root, may be empty */
    EVP_PKEY *key;
    char description[DESCRIPTION_BYTES];
};

/* ---- files ---- */

/* A key that needs a passphrase is refused, not asked for at some terminal. */
static int no_passphrase(char *buffer, int size, int is_writing, void *owner)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)owner;
    return -1;
}

static BIO *open_pem(const char *path, enum secret_kind kind, struct buffer *content,
                     struct error *error)
{
    if (secret_file_read(path, kind, content, error) != STATUS_OK)
        return NULL;
    /* An empty buffer has no memory, which BIO_new_mem_buf takes for an error. */
    const void *bytes = content->count > 0 ? (const void *)content->bytes : "";
    BIO *bio = BIO_new_mem_buf(bytes, (int)content->count);
    if (bio == NULL) {
        secret_wipe(content);
        (void)error_set(error, STATUS_INTERNAL, "OpenSSL is out of memory");
    }
    return bio;
}

static enum status read_certificates(BIO *bio, struct tls *tls, const char *path,
                                     struct error *error)
{
    tls->certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    if (tls->certificate == NULL)
        return error_set(error, STATUS_INVALID, "%s holds no certificate in PEM", path);
    tls->chain = sk_X509_new_null();
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL;) {
        if (sk_X509_num(tls->chain) >= CHAIN_MAX || sk_X509_push(tls->chain, next) == 0) {
            X509_free(next);
            return error_set(error, STATUS_LIMIT, "%s holds more than %d certificates", path,
                             CHAIN_MAX);
        }
    }
    /* Whatever ended the loop must have been the end of the file. */
    unsigned long reason = ERR_peek_last_error();
    if (ERR_GET_LIB(reason) != ERR_LIB_PEM || ERR_GET_REASON(reason) != PEM_R_NO_START_LINE)
        return error_set(error, STATUS_INVALID, "certificate %d in %s is broken",
                         sk_X509_num(tls->chain) + 2, path);
    return STATUS_OK;
}

static enum status load_certificates(struct tls *tls, const char *path, struct error *error)
{
    struct buffer content;
    BIO *bio = open_pem(path, SECRET_FILE_PUBLIC, &content, error);
    if (bio == NULL)
        return error->status;
    enum status status = read_certificates(bio, tls, path, error);
    BIO_free(bio);
    secret_wipe(&content);
    return status;
}

static enum status load_key(struct tls *tls, const char *path, struct error *error)
{
    struct buffer content;
    BIO *bio = open_pem(path, SECRET_FILE_SECRET, &content, error);
    if (bio == NULL)
        return error->status;
    tls->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    secret_wipe(&content);
    if (tls->key == NULL)
        return error_set(error, STATUS_INVALID,
                         "%s holds no private key in PEM without a passphrase", path);
    return STATUS_OK;
}

/* ---- checks ---- */

static void describe(struct tls *tls)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    (void)X509_NAME_print_ex(bio, X509_get_subject_name(tls->certificate), 0, XN_FLAG_ONELINE);
    (void)BIO_puts(bio, ", until ");
    (void)ASN1_TIME_print(bio, X509_get0_notAfter(tls->certificate));
    long bytes = BIO_get_mem_data(bio, &text);
    if (bytes > DESCRIPTION_BYTES - 1)
        bytes = DESCRIPTION_BYTES - 1;
    memcpy(tls->description, text, (size_t)bytes);
    BIO_free(bio);
}

/* What a handshake would fail with is told here, by an SSL_CTX that nobody uses. */
static bool fits(struct tls *tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool does = context != NULL &&
                SSL_CTX_use_cert_and_key(context, tls->certificate, tls->key, tls->chain, 1) == 1;
    SSL_CTX_free(context);
    return does;
}

static enum status check(struct tls *tls, const char *certificate_file, const char *key_file,
                         struct error *error)
{
    if (!fits(tls))
        return error_set(error, STATUS_INVALID,
                         "the key in %s does not fit the certificate in %s, or is too weak",
                         key_file, certificate_file);
    if (X509_cmp_current_time(X509_get0_notAfter(tls->certificate)) < 0)
        return error_set(error, STATUS_INVALID, "the certificate in %s has expired",
                         certificate_file);
    return STATUS_OK;
}

enum status tls_load(const char *certificate_file, const char *key_file, struct tls **tls,
                     struct error *error)
{
    struct tls *made = MEM_NEW(struct tls);
    atomic_init(&made->references, 1);
    ERR_clear_error();
    enum status status = load_certificates(made, certificate_file, error);
    if (status == STATUS_OK)
        status = load_key(made, key_file, error);
    if (status == STATUS_OK)
        status = check(made, certificate_file, key_file, error);
    if (status == STATUS_OK) {
        describe(made);
        *tls = made;
    } else {
        tls_unpin(&made);
    }
    ERR_clear_error();
    return status;
}

void tls_pin(struct tls *tls)
{
    atomic_fetch_add(&tls->references, 1);
}

void tls_unpin(struct tls **tls)
{
    struct tls *gone = *tls;
    *tls = NULL;
    if (gone == NULL || atomic_fetch_sub(&gone->references, 1) > 1)
        return;
    X509_free(gone->certificate);
    sk_X509_pop_free(gone->chain, X509_free);
    EVP_PKEY_free(gone->key);
    mem_free(gone);
}

const char *tls_describe(const struct tls *tls)
{
    return tls->description;
}

/* Certificates of another kind of key that the SSL_CTX may have had would stay beside ours: that is
 * why they are given to each connection, and none to the SSL_CTX. */
static int give_certificate(SSL *connection, void *owner)
{
    struct tls *tls = *(struct tls **)owner;
    SSL_certs_clear(connection);
    return SSL_use_cert_and_key(connection, tls->certificate, tls->key, tls->chain, 1);
}

bool tls_serve(SSL_CTX *context, struct tls **current)
{
    SSL_CTX_set_cert_cb(context, give_certificate, current);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}
