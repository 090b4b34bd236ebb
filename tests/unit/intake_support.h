/*
 * What the tests of intake/ share: compressed copies of a text, files that vanish, and the real
 * market data beside the project, which may be absent.
 */
#ifndef TAPEDECK_TESTS_INTAKE_SUPPORT_H
#define TAPEDECK_TESTS_INTAKE_SUPPORT_H

#include "base/mem.h"
#include "intake/intake.h"
#include "market/time.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

struct bytes {
    uint8_t *at;
    size_t count;
};

static inline void bytes_free(struct bytes *bytes)
{
    mem_free(bytes->at);
    *bytes = (struct bytes){0};
}

/* `first` with `second` behind it; frees both. */
static inline struct bytes bytes_join(struct bytes first, struct bytes second)
{
    struct bytes both = {mem_alloc(first.count + second.count + 1), first.count + second.count};
    memcpy(both.at, first.at, first.count);
    memcpy(both.at + first.count, second.at, second.count);
    bytes_free(&first);
    bytes_free(&second);
    return both;
}

static inline struct bytes bytes_plain(const char *text, size_t count)
{
    struct bytes copy = {mem_alloc(count + 1), count};
    memcpy(copy.at, text, count);
    return copy;
}

static inline struct bytes bytes_gzip(const char *text, size_t count)
{
    struct bytes packed = {mem_alloc(count + count / 1000 + 128), 0};
    z_stream stream = {0};
    cr_assert(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)text;
    stream.avail_in = (uInt)count;
    stream.next_out = packed.at;
    stream.avail_out = (uInt)(count + count / 1000 + 128);
    cr_assert(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.count = stream.total_out;
    (void)deflateEnd(&stream);
    return packed;
}

static inline struct bytes bytes_zstd(const char *text, size_t count)
{
    struct bytes packed = {mem_alloc(ZSTD_compressBound(count)), 0};
    packed.count = ZSTD_compress(packed.at, ZSTD_compressBound(count), text, count, 3);
    cr_assert(!ZSTD_isError(packed.count));
    return packed;
}

#define TEMPORARY_BYTES 256
struct temporary {
    char folder[TEMPORARY_BYTES];
    char path[TEMPORARY_BYTES + 64];
};

/* A new folder with a file `name` in it (no file when `text` is NULL). */
static inline struct temporary temporary_create(const char *name, const void *text, size_t count)
{
    struct temporary made;
    const char *root = getenv("TMPDIR");
    (void)snprintf(made.folder, sizeof made.folder, "%s/tapedeck-intake-XXXXXX",
                   root != NULL ? root : "/tmp");
    cr_assert(mkdtemp(made.folder) != NULL);
    (void)snprintf(made.path, sizeof made.path, "%s/%s", made.folder, name);
    if (text == NULL)
        return made;
    FILE *file = fopen(made.path, "w");
    cr_assert(file != NULL);
    cr_assert(fwrite(text, 1, count, file) == count);
    cr_assert(fclose(file) == 0);
    return made;
}

static inline void temporary_remove(const struct temporary *made)
{
    (void)unlink(made->path);
    (void)rmdir(made->folder);
}

/* The text of a whole file, NUL-terminated; the caller frees it. */
static inline char *file_text(const char *path)
{
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    char *text = mem_alloc(1 << 20);
    size_t count = fread(text, 1, (1 << 20) - 1, file);
    text[count] = '\0';
    (void)fclose(file);
    return text;
}

#ifndef TAPEDECK_SOURCE_DIR
#define TAPEDECK_SOURCE_DIR "."
#endif

/* Skips the test, visibly, when the real data is not there. */
static inline struct temporary shared_data(const char *name)
{
    const char *folder = getenv("TAPEDECK_SHARED_DATA");
    struct temporary found;
    (void)snprintf(found.folder, sizeof found.folder, "%s",
                   folder != NULL ? folder : TAPEDECK_SOURCE_DIR "/../shared/data");
    (void)snprintf(found.path, sizeof found.path, "%s/%s", found.folder, name);
    if (access(found.path, R_OK) != 0) {
        (void)fprintf(stderr, "skipped: no %s; TAPEDECK_SHARED_DATA names the folder\n",
                      found.path);
        cr_skip("no %s", found.path);
    }
    return found;
}

static inline struct intake_options any_format(void)
{
    return (struct intake_options){.latest = TIME_MAX};
}

/* An intake over a text; fails the test when it does not open. */
static inline struct intake *intake_over(const char *text, const char *name,
                                         const struct intake_options *options)
{
    struct intake *intake = NULL;
    struct error error = {0};
    enum status status = intake_open_memory(text, strlen(text), name, options, &intake, &error);
    cr_assert(status == STATUS_OK, "%s: %s", text, error.text);
    return intake;
}

#endif
