#include "intake/unpack.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define WINDOW_BYTES ((size_t)128 * 1024)
#define MAGIC_BYTES_MAX 6
#define GZIP_WINDOW_BITS (15 + 16) /* zlib.h, inflateInit2: 32 KiB window, gzip header required */

struct unpack {
    int file; /* −1: memory */
    const uint8_t *memory;
    size_t memory_count;
    uint8_t *storage; /* WINDOW_BYTES for the file's bytes; NULL: memory */

    const uint8_t *at; /* stored bytes that were not consumed yet */
    const uint8_t *end;
    uint64_t fetched_bytes; /* stored bytes up to `end` */
    uint64_t total_bytes;
    bool exhausted; /* nothing is stored beyond `end` */

    enum packing packing;
    bool inside; /* a gzip member or a zstd frame has begun and not ended */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

static enum status fetch_from_file(struct unpack *unpack, struct error *error)
{
    ssize_t count;
    do
        count = read(unpack->file, unpack->storage, WINDOW_BYTES);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return error_set(error, STATUS_UNAVAILABLE, "reading failed after %llu bytes: %s",
                         (unsigned long long)unpack->fetched_bytes, strerror(errno));
    unpack->at = unpack->storage;
    unpack->end = unpack->storage + count;
    unpack->fetched_bytes += (uint64_t)count;
    unpack->exhausted = count == 0;
    return STATUS_OK;
}

/* More stored bytes, when all were consumed; sets `exhausted` at the end. */
static enum status fetch(struct unpack *unpack, struct error *error)
{
    if (unpack->at < unpack->end || unpack->exhausted)
        return STATUS_OK;
    if (unpack->file >= 0)
        return fetch_from_file(unpack, error);
    unpack->exhausted = unpack->fetched_bytes == unpack->memory_count;
    if (!unpack->exhausted) {
        unpack->at = unpack->memory;
        unpack->end = unpack->memory + unpack->memory_count;
        unpack->fetched_bytes = unpack->memory_count;
    }
    return STATUS_OK;
}

static bool begins(const struct unpack *unpack, const char *magic, size_t magic_bytes)
{
    ASSERT(magic_bytes <= MAGIC_BYTES_MAX);
    return (size_t)(unpack->end - unpack->at) >= magic_bytes &&
           memcmp(unpack->at, magic, magic_bytes) == 0;
}

static bool begins_zstd(const struct unpack *unpack)
{
    if (begins(unpack, "\x28\xb5\x2f\xfd", 4))
        return true;
    /* A skippable frame (RFC 8878, 3.1.2) may come first. */
    return unpack->end - unpack->at >= 4 && (unpack->at[0] & 0xf0) == 0x50 &&
           memcmp(unpack->at + 1, "\x2a\x4d\x18", 3) == 0;
}

static const char *foreign_name(const struct unpack *unpack)
{
    if (begins(unpack, "PK\x03\x04", 4) || begins(unpack, "PK\x05\x06", 4))
        return "a zip archive: unzip it first";
    if (begins(unpack, "7z\xbc\xaf\x27\x1c", 6))
        return "a 7z archive: unpack it first";
    if (begins(unpack,
               "\xfd"
               "7zXZ",
               6))
        return "compressed with xz: unpack it first";
    if (begins(unpack, "BZh", 3) && unpack->end - unpack->at >= 6 && unpack->at[4] == 0x31 &&
        unpack->at[5] == 0x41)
        return "compressed with bzip2: unpack it first";
    if (begins(unpack, "\xff\xfe", 2) || begins(unpack, "\xfe\xff", 2))
        return "UTF-16 text: convert it to UTF-8 first";
    if (begins(unpack, "PAR1", 4))
        return "a Parquet file: export it as CSV first";
    return NULL;
}

static enum status decompressor_create(struct unpack *unpack, struct error *error)
{
    if (unpack->packing == PACKING_GZIP && inflateInit2(&unpack->gzip, GZIP_WINDOW_BITS) != Z_OK) {
        unpack->packing = PACKING_NONE;
        return error_set(error, STATUS_INTERNAL, "zlib does not start");
    }
    if (unpack->packing == PACKING_ZSTD) {
        unpack->zstd = ZSTD_createDStream();
        if (unpack->zstd == NULL)
            return error_set(error, STATUS_INTERNAL, "libzstd does not start");
    }
    return STATUS_OK;
}

static enum status detect(struct unpack *unpack, struct error *error)
{
    enum status status = fetch(unpack, error);
    if (status != STATUS_OK)
        return status;
    const char *foreign = foreign_name(unpack);
    if (foreign != NULL)
        return error_set(error, STATUS_INVALID, "this is %s", foreign);
    if (begins(unpack, "\x1f\x8b", 2))
        unpack->packing = PACKING_GZIP;
    else if (begins_zstd(unpack))
        unpack->packing = PACKING_ZSTD;
    return decompressor_create(unpack, error);
}

static enum status open_error(const char *path, struct error *error)
{
    enum status status = errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND
                         : errno == EACCES                   ? STATUS_FORBIDDEN
                                                             : STATUS_UNAVAILABLE;
    return error_set(error, status, "%s cannot be opened: %s", path, strerror(errno));
}

static enum status file_take(struct unpack *unpack, const char *path, struct error *error)
{
    /* O_NONBLOCK: a FIFO without a writer must be refused, not waited for. */
    unpack->file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat stat;
    if (unpack->file < 0 || fstat(unpack->file, &stat) != 0)
        return open_error(path, error);
    if (!S_ISREG(stat.st_mode))
        return error_set(error, STATUS_INVALID,
                         "%s is no regular file: an import reads its input twice", path);
    unpack->total_bytes = (uint64_t)stat.st_size;
    unpack->storage = mem_alloc(WINDOW_BYTES);
    (void)posix_fadvise(unpack->file, 0, 0, POSIX_FADV_SEQUENTIAL);
    return STATUS_OK;
}

enum status unpack_open(const char *path, struct unpack **unpack, struct error *error)
{
    struct unpack *opened = MEM_NEW(struct unpack);
    opened->file = -1;
    enum status status = file_take(opened, path, error);
    if (status == STATUS_OK)
        status = detect(opened, error);
    if (status != STATUS_OK) {
        unpack_destroy(&opened);
        return status;
    }
    *unpack = opened;
    return STATUS_OK;
}

enum status unpack_open_memory(const void *bytes, size_t count, struct unpack **unpack,
                               struct error *error)
{
    struct unpack *opened = MEM_NEW(struct unpack);
    opened->file = -1;
    opened->memory = bytes;
    opened->memory_count = count;
    opened->total_bytes = count;
    enum status status = detect(opened, error);
    if (status != STATUS_OK) {
        unpack_destroy(&opened);
        return status;
    }
    *unpack = opened;
    return STATUS_OK;
}

void unpack_destroy(struct unpack **unpack)
{
    struct unpack *closed = *unpack;
    *unpack = NULL;
    if (closed == NULL)
        return;
    if (closed->packing == PACKING_GZIP)
        (void)inflateEnd(&closed->gzip);
    ZSTD_freeDStream(closed->zstd);
    if (closed->file >= 0)
        (void)close(closed->file);
    mem_free(closed->storage);
    mem_free(closed);
}

static enum status damaged(const struct unpack *unpack, const char *why, struct error *error)
{
    return error_set(error, STATUS_BAD_MESSAGE, "the %s data is damaged near byte %llu: %s",
                     unpack->packing == PACKING_GZIP ? "gzip" : "zstd",
                     (unsigned long long)unpack_read_bytes(unpack), why);
}

static enum status cut_short(const struct unpack *unpack, struct error *error)
{
    return error_set(error, STATUS_BAD_MESSAGE,
                     "the %s data is cut short: it ends after %llu bytes within a %s",
                     unpack->packing == PACKING_GZIP ? "gzip" : "zstd",
                     (unsigned long long)unpack->fetched_bytes,
                     unpack->packing == PACKING_GZIP ? "member" : "frame");
}

static enum status read_plain(struct unpack *unpack, void *room, size_t room_bytes, size_t *count)
{
    size_t left = (size_t)(unpack->end - unpack->at);
    *count = left < room_bytes ? left : room_bytes;
    if (*count == 0)
        return STATUS_END;
    memcpy(room, unpack->at, *count);
    unpack->at += *count;
    return STATUS_OK;
}

/* Between members: zero bytes are padding (as gzip(1) takes them), anything else begins one. */
static void gzip_begin_member(struct unpack *unpack)
{
    while (unpack->at < unpack->end && *unpack->at == 0)
        unpack->at++;
    if (unpack->at == unpack->end)
        return;
    (void)inflateReset(&unpack->gzip);
    unpack->inside = true;
}

static enum status gzip_step(struct unpack *unpack, uint8_t *room, size_t room_bytes, size_t *count,
                             struct error *error)
{
    *count = 0;
    if (!unpack->inside)
        gzip_begin_member(unpack);
    if (!unpack->inside)
        return STATUS_OK;
    size_t left = (size_t)(unpack->end - unpack->at);
    unpack->gzip.next_in = (Bytef *)(uintptr_t)unpack->at;
    unpack->gzip.avail_in = (uInt)(left < WINDOW_BYTES ? left : WINDOW_BYTES);
    unpack->gzip.next_out = room;
    unpack->gzip.avail_out = (uInt)room_bytes;
    int result = inflate(&unpack->gzip, Z_NO_FLUSH);
    unpack->at = unpack->gzip.next_in;
    *count = room_bytes - unpack->gzip.avail_out;
    if (result == Z_STREAM_END)
        unpack->inside = false;
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return damaged(unpack, unpack->gzip.msg != NULL ? unpack->gzip.msg : "bad data", error);
    return STATUS_OK;
}

static enum status zstd_step(struct unpack *unpack, uint8_t *room, size_t room_bytes, size_t *count,
                             struct error *error)
{
    *count = 0;
    if (!unpack->inside && unpack->at == unpack->end)
        return STATUS_OK;
    ZSTD_inBuffer in = {.src = unpack->at, .size = (size_t)(unpack->end - unpack->at)};
    ZSTD_outBuffer out = {.dst = room, .size = room_bytes};
    size_t result = ZSTD_decompressStream(unpack->zstd, &out, &in);
    if (ZSTD_isError(result))
        return damaged(unpack, ZSTD_getErrorName(result), error);
    if (in.pos > 0)
        unpack->at += in.pos;
    unpack->inside = result != 0;
    *count = out.pos;
    return STATUS_OK;
}

enum status unpack_read(struct unpack *unpack, void *room, size_t room_bytes, size_t *count,
                        struct error *error)
{
    ASSERT(room_bytes > 0);
    ASSERT(room_bytes <= UINT32_MAX);
    for (;;) {
        enum status status = fetch(unpack, error);
        if (status != STATUS_OK)
            return status;
        if (unpack->packing == PACKING_NONE)
            return read_plain(unpack, room, room_bytes, count);
        size_t produced;
        status = unpack->packing == PACKING_GZIP
                     ? gzip_step(unpack, room, room_bytes, &produced, error)
                     : zstd_step(unpack, room, room_bytes, &produced, error);
        if (status != STATUS_OK)
            return status;
        *count = produced;
        if (produced > 0)
            return STATUS_OK;
        if (unpack->exhausted)
            return unpack->inside ? cut_short(unpack, error) : STATUS_END;
    }
}

enum status unpack_rewind(struct unpack *unpack, struct error *error)
{
    if (unpack->file >= 0 && lseek(unpack->file, 0, SEEK_SET) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "rewinding failed: %s", strerror(errno));
    unpack->at = NULL;
    unpack->end = NULL;
    unpack->fetched_bytes = 0;
    unpack->exhausted = false;
    unpack->inside = false;
    if (unpack->zstd != NULL)
        (void)ZSTD_DCtx_reset(unpack->zstd, ZSTD_reset_session_only);
    return STATUS_OK;
}

enum packing unpack_packing(const struct unpack *unpack)
{
    return unpack->packing;
}

uint64_t unpack_read_bytes(const struct unpack *unpack)
{
    return unpack->fetched_bytes - (uint64_t)(unpack->end - unpack->at);
}

uint64_t unpack_total_bytes(const struct unpack *unpack)
{
    return unpack->total_bytes;
}
