#include "auth/key_list.h"
#include "auth/secret_file.h"
#include "auth/verifier.h"
#include "market/time.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define S INT64_C(1000000)
#define NOW (1700000000 * S)
/* sha256("a"), sha256("b") */
#define DIGEST_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
#define DIGEST_B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"

static struct error error;
static struct key_list list;

static void forget(void)
{
    key_list_deinit(&list);
}

TestSuite(keys, .fini = forget);

static enum status parse(const char *text)
{
    key_list_deinit(&list);
    return key_list_parse(text, strlen(text), &list, &error);
}

Test(keys, are_read_line_by_line)
{
    cr_assert(parse("# a comment\n\n"
                    "desk-1 viewer " DIGEST_A "\n"
                    "  importer\twriter  " DIGEST_B
                    " 2027-01-01T00:00:00Z # of the night\r\n") == STATUS_OK,
              "%s", error.text);
    cr_assert_eq(list.count, 2);
    cr_assert_str_eq(list.entries[0].name, "desk-1");
    cr_assert_eq(list.entries[0].role, ROLE_VIEWER);
    cr_assert_eq(list.entries[0].expires_us, IDENTITY_NEVER);
    cr_assert_eq(list.entries[1].role, ROLE_WRITER);
    cr_assert_eq(list.entries[1].expires_us, 1798761600 * S);
    uint8_t digest[IDENTITY_PROOF_BYTES];
    key_digest("b", 1, digest);
    cr_assert_eq(key_list_find(&list, digest), &list.entries[1]);
    key_digest("c", 1, digest);
    cr_assert_null(key_list_find(&list, digest));
    cr_assert(parse("") == STATUS_OK);
    cr_assert_eq(list.count, 0);
}

Test(keys, that_are_wrong_in_any_way_are_refused_with_their_line)
{
    static const char *const table[] = {
        "desk viewer",
        "desk viewer " DIGEST_A " 2027-01-01 more",
        "desk viewer " DIGEST_A " tomorrow",
        "desk root " DIGEST_A,
        "desk none " DIGEST_A,
        "desk viewer cafe",
        "desk viewer " DIGEST_A "0",
        "desk viewer xx978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "de/sk viewer " DIGEST_A,
        "d\xc3\xa9sk viewer " DIGEST_A,
        "ok viewer " DIGEST_B, /* twice: the first line has it */
        "other viewer " DIGEST_A " 2027-01-01\nother viewer " DIGEST_B,
        "a23456789012345678901234567890123456789012345678901234567890123456 viewer " DIGEST_A,
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "ok viewer " DIGEST_B "\n%s\n", table[i]);
        cr_assert(parse(text) == STATUS_INVALID || error.status == STATUS_CONFLICT, "%s", table[i]);
        cr_assert_not_null(strstr(error.text, "line "), "%s: %s", table[i], error.text);
        cr_assert_eq(list.count, 0);
    }
    cr_assert(key_list_parse("a\0b viewer x", 12, &list, &error) == STATUS_INVALID);
}

Test(keys, are_not_more_than_so_many)
{
    static char text[(KEY_LIST_MAX + 1) * 96];
    size_t used = 0;
    for (unsigned i = 0; i <= KEY_LIST_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "k%u viewer %064x\n", i, i);
    cr_assert(parse(text) == STATUS_LIMIT);
    *strrchr(text, 'k') = '\0';
    cr_assert(parse(text) == STATUS_OK, "%s", error.text);
    cr_assert_eq(list.count, KEY_LIST_MAX);
}

Test(keys, are_added_once_by_name_and_by_key)
{
    struct key_entry entry = {.name = "a", .role = ROLE_OPERATOR, .expires_us = 1800000000 * S};
    key_digest("a", 1, entry.digest);
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_OK);
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_CONFLICT, "the name");
    memcpy(entry.name, "b", 2);
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_CONFLICT, "the key");
    key_digest("b", 1, entry.digest);
    entry.expires_us = IDENTITY_NEVER;
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_OK);
    memcpy(entry.name, "no/name", 8);
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_INVALID);
    cr_assert_eq(list.count, 2);
}

Test(keys, that_are_made_are_long_recognisable_and_never_the_same)
{
    char one[KEY_BYTES + 1];
    char other[KEY_BYTES + 1];
    cr_assert(key_make(one, &error) == STATUS_OK);
    cr_assert(key_make(other, &error) == STATUS_OK);
    cr_assert_eq(strlen(one), KEY_BYTES);
    cr_assert_eq(strncmp(one, "tdk_", 4), 0);
    cr_assert_eq(
        strspn(one + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    cr_assert_str_neq(one, other);
}

/* ---- the verifier ---- */

static struct verifier *verifier_of(const char *key, enum role role, int64_t expires_us)
{
    struct jwt_keys jwt;
    struct key_entry entry = {.name = "desk", .role = role, .expires_us = expires_us};
    jwt_keys_init(&jwt);
    key_digest(key, strlen(key), entry.digest);
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_OK);
    return verifier_create(&list, &jwt);
}

Test(keys, prove_who_holds_them)
{
    char key[KEY_BYTES + 1];
    cr_assert(key_make(key, &error) == STATUS_OK);
    struct verifier *verifier = verifier_of(key, ROLE_WRITER, NOW + S);
    struct identity identity = {.role = ROLE_NONE};
    cr_assert(verifier_check(verifier, key, NOW, &identity, &error) == STATUS_OK);
    cr_assert_eq(identity.role, ROLE_WRITER);
    cr_assert_str_eq(identity.name, "desk");
    cr_assert_eq(identity.expires_us, NOW + S);
    identity.role = ROLE_NONE;
    cr_assert(verifier_check(verifier, key, NOW + S, &identity, &error) == STATUS_UNAUTHORIZED);
    cr_assert_not_null(strstr(error.text, "expired"));
    char longer[KEY_BYTES + 8];
    (void)snprintf(longer, sizeof longer, "%sx", key);
    const char *wrong[] = {longer, "tdk_", "tdk_AAAA", "TDK_x", "", "desk"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert(verifier_check(verifier, wrong[i], NOW, &identity, &error) ==
                  STATUS_UNAUTHORIZED);
        cr_assert(wrong[i][0] == '\0' || strstr(error.text, wrong[i]) == NULL ||
                      strcmp(wrong[i], "tdk_") == 0,
                  "%s quotes the key", error.text);
    }
    key[KEY_BYTES - 1] = key[KEY_BYTES - 1] == 'A' ? 'B' : 'A';
    cr_assert(verifier_check(verifier, key, NOW, &identity, &error) == STATUS_UNAUTHORIZED);
    cr_assert_eq(identity.role, ROLE_NONE, "untouched");
    verifier_unpin(&verifier);
}

Test(keys, that_are_revoked_or_changed_count_no_more_for_who_is_in)
{
    struct identity identity;
    struct verifier *before = verifier_of("tdk_one", ROLE_OPERATOR, IDENTITY_NEVER);
    cr_assert(verifier_check(before, "tdk_one", NOW, &identity, &error) == STATUS_OK);
    struct verifier *lower = verifier_of("tdk_one", ROLE_VIEWER, NOW + S);
    cr_assert(verifier_renew(lower, NOW, &identity, &error) == STATUS_OK);
    cr_assert_eq(identity.role, ROLE_VIEWER);
    cr_assert_eq(identity.expires_us, NOW + S);
    cr_assert(verifier_renew(lower, NOW + S, &identity, &error) == STATUS_UNAUTHORIZED);
    struct verifier *other = verifier_of("tdk_two", ROLE_OPERATOR, IDENTITY_NEVER);
    cr_assert(verifier_renew(other, NOW, &identity, &error) == STATUS_UNAUTHORIZED);
    cr_assert_not_null(strstr(error.text, "revoked"));
    verifier_unpin(&before);
    verifier_unpin(&lower);
    verifier_unpin(&other);
}

/* ---- files ---- */

static char path[64];

static void write_file(const char *text, mode_t mode)
{
    (void)snprintf(path, sizeof path, "auth-keys-%d", (int)getpid());
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

static enum status read_file(enum secret_kind kind)
{
    struct buffer content;
    enum status status = secret_file_read(path, kind, &content, &error);
    if (status == STATUS_OK)
        secret_wipe(&content);
    (void)unlink(path);
    return status;
}

Test(secret_file, that_others_can_write_or_read_is_refused)
{
    static const struct {
        mode_t mode;
        enum secret_kind kind;
        enum status status;
    } table[] = {
        {0600, SECRET_FILE_SECRET, STATUS_OK},        {0640, SECRET_FILE_SECRET, STATUS_OK},
        {0644, SECRET_FILE_SECRET, STATUS_FORBIDDEN}, {0644, SECRET_FILE_PUBLIC, STATUS_OK},
        {0620, SECRET_FILE_PUBLIC, STATUS_FORBIDDEN}, {0602, SECRET_FILE_PUBLIC, STATUS_FORBIDDEN},
        {0666, SECRET_FILE_SECRET, STATUS_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        write_file("x", table[i].mode);
        cr_assert_eq(read_file(table[i].kind), table[i].status, "%o", (unsigned)table[i].mode);
    }
    write_file("x", 0600);
    if (geteuid() == 0 && chown(path, 12345, 12345) == 0)
        cr_assert(read_file(SECRET_FILE_PUBLIC) == STATUS_FORBIDDEN, "it is somebody else's");
    (void)unlink(path);
}

Test(secret_file, that_is_none_or_too_long_is_refused)
{
    write_file("", 0600);
    cr_assert(truncate(path, SECRET_FILE_BYTES_MAX + 1) == 0);
    cr_assert(read_file(SECRET_FILE_PUBLIC) == STATUS_LIMIT);
    cr_assert(read_file(SECRET_FILE_PUBLIC) == STATUS_NOT_FOUND);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert(read_file(SECRET_FILE_PUBLIC) == STATUS_INVALID, "and it does not wait for a writer");
}

Test(verifier, says_which_file_is_wrong_and_where)
{
    struct verifier *verifier = NULL;
    struct verifier_sources sources = {.keys_file = path};
    write_file("desk viewer " DIGEST_A "\nnonsense\n", 0600);
    cr_assert(verifier_load(&sources, &verifier, &error) == STATUS_INVALID);
    cr_assert_not_null(strstr(error.text, path));
    cr_assert_not_null(strstr(error.text, "line 2"));
    write_file("desk viewer " DIGEST_A "\n", 0600);
    cr_assert(verifier_load(&sources, &verifier, &error) == STATUS_OK, "%s", error.text);
    cr_assert_eq(verifier_key_count(verifier), 1);
    verifier_unpin(&verifier);
    sources = (struct verifier_sources){.jwt_secret_file = path, .keys_file = ""};
    cr_assert(verifier_is_wanted(&sources));
    cr_assert(verifier_load(&sources, &verifier, &error) == STATUS_OK,
              "the keys file is no bad secret for this test: %s", error.text);
    verifier_unpin(&verifier);
    sources = (struct verifier_sources){.jwt_public_key_file = path};
    cr_assert(verifier_load(&sources, &verifier, &error) == STATUS_INVALID);
    (void)unlink(path);
    cr_assert(verifier_load(&sources, &verifier, &error) == STATUS_NOT_FOUND);
    cr_assert_not(verifier_is_wanted(&(struct verifier_sources){.jwt_issuer = "x"}));
}
