#include "intake/file.h"

#include "base/assert.h"
#include "base/mem.h"
#include "intake/unpack.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#define STORAGE_BYTES ((size_t)256 * 1024)

_Static_assert(STORAGE_BYTES >= 2 * (FILE_LINE_BYTES_MAX + 2), "a whole line always fits");

struct file {
    struct unpack *unpack;
    EVP_MD_CTX *digest;
    uint8_t sha256[FILE_SHA256_BYTES];
    bool ended; /* all content is in storage, and `sha256` is final */

    char *storage;
    size_t at;
    size_t end;
    int64_t line_number;
    char shown[FILE_LINE_SHOWN_BYTES]; /* the beginning of a line that is too long */
};

static enum status digest_begin(struct file *file, struct error *error)
{
    if (EVP_DigestInit_ex(file->digest, EVP_sha256(), NULL) != 1)
        return error_set(error, STATUS_INTERNAL, "libcrypto offers no SHA-256");
    return STATUS_OK;
}

static enum status digest_end(struct file *file, struct error *error)
{
    if (EVP_DigestFinal_ex(file->digest, file->sha256, NULL) != 1)
        return error_set(error, STATUS_INTERNAL, "libcrypto does not finish a SHA-256");
    file->ended = true;
    return STATUS_OK;
}

/* Reads behind `end` until `wanted` bytes lie from `at` on, or the content ends. */
static enum status fill(struct file *file, size_t wanted, struct error *error)
{
    memmove(file->storage, file->storage + file->at, file->end - file->at);
    file->end -= file->at;
    file->at = 0;
    ASSERT(wanted < STORAGE_BYTES);
    while (file->end < wanted && !file->ended) {
        size_t count;
        enum status status = unpack_read(file->unpack, file->storage + file->end,
                                         STORAGE_BYTES - file->end, &count, error);
        if (status == STATUS_END)
            return digest_end(file, error);
        if (status != STATUS_OK)
            return status;
        if (EVP_DigestUpdate(file->digest, file->storage + file->end, count) != 1)
            return error_set(error, STATUS_INTERNAL, "libcrypto does not take bytes");
        file->end += count;
    }
    return STATUS_OK;
}

static enum status begin(struct file *file, struct error *error)
{
    file->at = 0;
    file->end = 0;
    file->line_number = 0;
    file->ended = false;
    enum status status = digest_begin(file, error);
    if (status == STATUS_OK)
        status = fill(file, 3, error);
    if (status == STATUS_OK && file->end >= 3 && memcmp(file->storage, "\xef\xbb\xbf", 3) == 0)
        file->at = 3;
    return status;
}

/* Takes `unpack`, also when it fails. */
static enum status file_create(struct unpack *unpack, struct file **file, struct error *error)
{
    struct file *created = MEM_NEW(struct file);
    created->unpack = unpack;
    created->storage = mem_alloc(STORAGE_BYTES);
    created->digest = EVP_MD_CTX_new();
    enum status status = created->digest == NULL
                             ? error_set(error, STATUS_INTERNAL, "libcrypto does not start")
                             : begin(created, error);
    if (status != STATUS_OK) {
        file_destroy(&created);
        return status;
    }
    *file = created;
    return STATUS_OK;
}

enum status file_open(const char *path, struct file **file, struct error *error)
{
    struct unpack *unpack;
    enum status status = unpack_open(path, &unpack, error);
    return status == STATUS_OK ? file_create(unpack, file, error) : status;
}

enum status file_open_memory(const void *bytes, size_t count, struct file **file,
                             struct error *error)
{
    struct unpack *unpack;
    enum status status = unpack_open_memory(bytes, count, &unpack, error);
    return status == STATUS_OK ? file_create(unpack, file, error) : status;
}

void file_destroy(struct file **file)
{
    struct file *closed = *file;
    *file = NULL;
    if (closed == NULL)
        return;
    EVP_MD_CTX_free(closed->digest);
    unpack_destroy(&closed->unpack);
    mem_free(closed->storage);
    mem_free(closed);
}

enum status file_rewind(struct file *file, struct error *error)
{
    enum status status = unpack_rewind(file->unpack, error);
    return status == STATUS_OK ? begin(file, error) : status;
}

/* Hands out `bytes` bytes of storage as a line, which `skipped` bytes of line end follow. */
static void line_take(struct file *file, size_t bytes, size_t skipped, struct line *line)
{
    const char *text = file->storage + file->at;
    file->at += bytes + skipped;
    if (bytes > 0 && text[bytes - 1] == '\r')
        bytes--;
    *line = (struct line){.text = text, .bytes = bytes, .number = ++file->line_number};
    if (bytes > FILE_LINE_BYTES_MAX) {
        line->fault = LINE_TOO_LONG;
        line->bytes = FILE_LINE_SHOWN_BYTES;
    } else if (memchr(text, 0, bytes) != NULL) {
        line->fault = LINE_HAS_NUL;
    }
}

/* Passes over a line that does not fit, to behind its end; its beginning is kept. */
static enum status line_skip(struct file *file, struct line *line, struct error *error)
{
    memcpy(file->shown, file->storage + file->at, sizeof file->shown);
    *line = (struct line){.text = file->shown,
                          .bytes = sizeof file->shown,
                          .number = ++file->line_number,
                          .fault = LINE_TOO_LONG};
    for (;;) {
        char *end = memchr(file->storage + file->at, '\n', file->end - file->at);
        if (end != NULL) {
            file->at = (size_t)(end - file->storage) + 1;
            return STATUS_OK;
        }
        file->at = file->end;
        if (file->ended)
            return STATUS_OK;
        enum status status = fill(file, 1, error);
        if (status != STATUS_OK)
            return status;
    }
}

enum status file_next_line(struct file *file, struct line *line, struct error *error)
{
    for (;;) {
        size_t left = file->end - file->at;
        char *end = memchr(file->storage + file->at, '\n', left);
        if (end != NULL) {
            line_take(file, (size_t)(end - file->storage) - file->at, 1, line);
            return STATUS_OK;
        }
        if (left > FILE_LINE_BYTES_MAX + 1) /* with a carriage return */
            return line_skip(file, line, error);
        if (file->ended && left == 0)
            return STATUS_END;
        if (file->ended) {
            line_take(file, left, 0, line);
            return STATUS_OK;
        }
        enum status status = fill(file, left + 1, error);
        if (status != STATUS_OK)
            return status;
    }
}

struct file_progress file_progress(const struct file *file)
{
    return (struct file_progress){.read_bytes = unpack_read_bytes(file->unpack),
                                  .total_bytes = unpack_total_bytes(file->unpack)};
}

enum status file_sha256(const struct file *file, uint8_t sha256[FILE_SHA256_BYTES],
                        struct error *error)
{
    if (!file->ended || file->at < file->end)
        return error_set(error, STATUS_CONFLICT, "the file was not read to its end");
    memcpy(sha256, file->sha256, FILE_SHA256_BYTES);
    return STATUS_OK;
}
