#include "auth/key_list.h"

#include "base/mem.h"
#include "market/time.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define FIELDS_MAX 4
#define FIELD_BYTES_MAX 96 /* a longer one is none of ours */
#define HEX_BYTES (IDENTITY_PROOF_BYTES * 2)
#define RANDOM_BYTES 32

static const char name_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._@-";

/* ---- one line ---- */

struct fields {
    char text[FIELDS_MAX][FIELD_BYTES_MAX + 1];
    size_t count;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* False: too many, or one that is too long. A NUL byte cannot be part of a right field either. */
static bool split(const char *line, size_t bytes, struct fields *fields)
{
    size_t at = 0;
    fields->count = 0;
    for (;;) {
        while (at < bytes && is_blank(line[at]))
            at++;
        if (at == bytes || line[at] == '#')
            return true;
        size_t start = at;
        while (at < bytes && !is_blank(line[at]))
            at++;
        if (fields->count == FIELDS_MAX || at - start > FIELD_BYTES_MAX)
            return false;
        char *field = fields->text[fields->count++];
        memcpy(field, line + start, at - start);
        field[at - start] = '\0';
        if (strlen(field) != at - start)
            return false;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool read_digest(const char *text, uint8_t digest[IDENTITY_PROOF_BYTES])
{
    if (strlen(text) != HEX_BYTES)
        return false;
    for (size_t i = 0; i < IDENTITY_PROOF_BYTES; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_name(const char *name)
{
    size_t bytes = strlen(name);
    return bytes >= 1 && bytes <= IDENTITY_NAME_BYTES_MAX && strspn(name, name_letters) == bytes;
}

static enum status refuse_name(struct error *error)
{
    return error_set(error, STATUS_INVALID,
                     "a name has 1 to %d letters, digits or . _ @ - and nothing else",
                     IDENTITY_NAME_BYTES_MAX);
}

static enum status read_entry(const struct fields *fields, struct key_entry *entry,
                              struct error *error)
{
    *entry = (struct key_entry){.expires_us = IDENTITY_NEVER};
    if (fields->count < 3)
        return error_set(error, STATUS_INVALID, "expected: NAME ROLE SHA-256-OF-THE-KEY [EXPIRES]");
    if (!is_name(fields->text[0]))
        return refuse_name(error);
    memcpy(entry->name, fields->text[0], strlen(fields->text[0]) + 1);
    if (!role_parse(fields->text[1], &entry->role))
        return error_set(error, STATUS_INVALID, "the second word must be a role: " ROLE_NAMES);
    if (!read_digest(fields->text[2], entry->digest))
        return error_set(error, STATUS_INVALID,
                         "the third word must be a SHA-256: %d hexadecimal digits", HEX_BYTES);
    const char *expires = fields->count > 3 ? fields->text[3] : NULL;
    if (expires != NULL && time_parse(expires, strlen(expires), &entry->expires_us) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "the fourth word must be a time, as 2027-01-01T00:00:00Z");
    return STATUS_OK;
}

/* ---- the list ---- */

static const struct key_entry *find_name(const struct key_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].name, name) == 0)
            return &list->entries[i];
    }
    return NULL;
}

enum status key_list_add(struct key_list *list, const struct key_entry *entry, struct error *error)
{
    if (!is_name(entry->name))
        return refuse_name(error);
    if (find_name(list, entry->name) != NULL)
        return error_set(error, STATUS_CONFLICT, "there is a key of the name %s already",
                         entry->name);
    if (key_list_find(list, entry->digest) != NULL)
        return error_set(error, STATUS_CONFLICT, "%s has the same key as another name",
                         entry->name);
    if (list->count == KEY_LIST_MAX)
        return error_set(error, STATUS_LIMIT, "there are more than %d keys", KEY_LIST_MAX);
    list->entries = mem_resize(list->entries, (list->count + 1) * sizeof *list->entries);
    list->entries[list->count++] = *entry;
    return STATUS_OK;
}

static enum status read_line(struct key_list *list, const char *line, size_t bytes,
                             struct error *error)
{
    struct fields fields;
    struct key_entry entry;
    if (!split(line, bytes, &fields))
        return error_set(error, STATUS_INVALID,
                         "expected: NAME ROLE SHA-256-OF-THE-KEY [EXPIRES], and nothing more");
    if (fields.count == 0)
        return STATUS_OK;
    enum status status = read_entry(&fields, &entry, error);
    return status == STATUS_OK ? key_list_add(list, &entry, error) : status;
}

enum status key_list_parse(const void *text, size_t bytes, struct key_list *list,
                           struct error *error)
{
    struct key_list read = {NULL, 0};
    const char *at = text;
    size_t left = bytes;
    for (unsigned number = 1; left > 0; number++) {
        const char *end = memchr(at, '\n', left);
        size_t line_bytes = end != NULL ? (size_t)(end - at) : left;
        if (read_line(&read, at, line_bytes, error) != STATUS_OK) {
            key_list_deinit(&read);
            return error_prefix(error, "line %u", number);
        }
        size_t taken = end != NULL ? line_bytes + 1 : line_bytes;
        at += taken;
        left -= taken;
    }
    *list = read;
    return STATUS_OK;
}

void key_list_deinit(struct key_list *list)
{
    mem_free(list->entries);
    *list = (struct key_list){NULL, 0};
}

/* ---- keys ---- */

const struct key_entry *key_list_find(const struct key_list *list,
                                      const uint8_t digest[IDENTITY_PROOF_BYTES])
{
    const struct key_entry *found = NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (CRYPTO_memcmp(list->entries[i].digest, digest, IDENTITY_PROOF_BYTES) == 0)
            found = &list->entries[i]; /* and on to the end: every search is as long */
    }
    return found;
}

void key_digest(const char *key, size_t bytes, uint8_t digest[IDENTITY_PROOF_BYTES])
{
    (void)SHA256((const unsigned char *)key, bytes, digest);
}

enum status key_make(char key[KEY_BYTES + 1], struct error *error)
{
    unsigned char random[RANDOM_BYTES];
    char coded[RANDOM_BYTES * 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return error_set(error, STATUS_UNAVAILABLE, "the system gives no randomness");
    int bytes = EVP_EncodeBlock((unsigned char *)coded, random, sizeof random);
    while (bytes > 0 && coded[bytes - 1] == '=')
        coded[--bytes] = '\0';
    for (char *c = coded; *c != '\0'; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    (void)snprintf(key, KEY_BYTES + 1, KEY_PREFIX "%.43s", coded);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(coded, sizeof coded);
    return STATUS_OK;
}
