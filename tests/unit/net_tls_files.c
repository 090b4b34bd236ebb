/*
 * Certificates and their keys as files, made here: what is taken, and what is refused with a
 * sentence that says why.
 */
#include "net/tls.h"

#include "support/tls_tunnel.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error error;
static char folder[] = "/tmp/tapedeck-tls-XXXXXX";
static char certificate_file[64];
static char key_file[64];

static struct tls *certificate(enum tls_key_kind kind, const char *common_name)
{
    struct tls *tls = NULL;
    cr_assert(tls_certificate_make(certificate_file, key_file, kind, common_name, 30));
    cr_assert(tls_load(certificate_file, key_file, &tls, &error) == STATUS_OK, "%s", error.text);
    return tls;
}

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(certificate_file, sizeof certificate_file, "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
}

static void remove_folder(void)
{
    (void)unlink(certificate_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
}

TestSuite(tls_files, .init = make_folder, .fini = remove_folder, .timeout = 60);

static void check_refused(const char *says)
{
    struct tls *tls = NULL;
    cr_assert(tls_load(certificate_file, key_file, &tls, &error) != STATUS_OK, "%s", says);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
    cr_assert_null(tls);
}

static void copy_file(const char *from, const char *to)
{
    char command[256];
    (void)snprintf(command, sizeof command, "cp %s %s", from, to);
    cr_assert_eq(system(command), 0);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

Test(tls_files, that_are_wrong_are_refused_with_what_is_wrong)
{
    char other[80];
    (void)snprintf(other, sizeof other, "%s.old", certificate_file);
    check_refused("cannot open");
    struct tls *tls = certificate(TLS_KEY_EC, "files.example");
    cr_assert_not_null(strstr(tls_describe(tls), "files.example"), "%s", tls_describe(tls));
    tls_unpin(&tls);
    copy_file(certificate_file, other);
    tls = certificate(TLS_KEY_EC, "other.example");
    tls_unpin(&tls);
    cr_assert_eq(rename(other, certificate_file), 0);
    check_refused("does not fit");
    cr_assert(tls_certificate_make(certificate_file, key_file, TLS_KEY_RSA, "old.example", -1));
    check_refused("has expired");
    cr_assert(tls_certificate_make(certificate_file, key_file, TLS_KEY_EC, "a.example", 1));
    cr_assert_eq(chmod(key_file, 0644), 0);
    check_refused("others can read");
    cr_assert_eq(chmod(key_file, 0600), 0);
    write_text(key_file, "nonsense");
    check_refused("no private key");
    write_text(certificate_file, "");
    check_refused("no certificate");
}

Test(tls_files, may_hold_a_chain_but_nothing_broken)
{
    char chain[80];
    char command[512];
    struct tls *tls = certificate(TLS_KEY_EC, "chain.example");
    tls_unpin(&tls);
    (void)snprintf(chain, sizeof chain, "%s.chain", certificate_file);
    (void)snprintf(command, sizeof command, "cat %s %s > %s && mv %s %s", certificate_file,
                   certificate_file, chain, chain, certificate_file);
    cr_assert_eq(system(command), 0);
    cr_assert(tls_load(certificate_file, key_file, &tls, &error) == STATUS_OK, "%s", error.text);
    tls_unpin(&tls);
    FILE *file = fopen(certificate_file, "a");
    (void)fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
    (void)fclose(file);
    check_refused("is broken");
}
