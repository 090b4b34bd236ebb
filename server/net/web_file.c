#include "net/web_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *ending;
    const char *type;
} content_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
};

bool web_path_is_safe(const char *path, size_t bytes)
{
    if (bytes == 0 || bytes > WEB_PATH_BYTES_MAX || path[0] != '/')
        return false;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return false;
        bool starts_part = i > 0 && path[i - 1] == '/';
        if (starts_part && (c == '.' || c == '/'))
            return false;
    }
    return true;
}

const char *web_content_type(const char *path)
{
    size_t bytes = strlen(path);
    for (size_t i = 0; i < sizeof content_types / sizeof content_types[0]; i++) {
        size_t ending_bytes = strlen(content_types[i].ending);
        if (bytes > ending_bytes &&
            strcasecmp(path + bytes - ending_bytes, content_types[i].ending) == 0)
            return content_types[i].type;
    }
    return "application/octet-stream";
}

const char *web_cache_control(const char *path)
{
    return strncmp(path, "/assets/", 8) == 0 ? "public, max-age=31536000, immutable" : "no-cache";
}

static bool is_shortage(int reason)
{
    return reason == EMFILE || reason == ENFILE || reason == ENOMEM || reason == EIO;
}

static enum status open_regular(const char *path, int *fd, struct stat *stats)
{
    /* Not blocking: somebody may have put a FIFO there. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0)
        return is_shortage(errno) ? STATUS_UNAVAILABLE : STATUS_NOT_FOUND;
    if (fstat(opened, stats) != 0 || !S_ISREG(stats->st_mode)) {
        (void)close(opened);
        return STATUS_NOT_FOUND;
    }
    *fd = opened;
    return STATUS_OK;
}

static void name_version(struct web_file *file, const struct stat *stats)
{
    (void)snprintf(file->etag, sizeof file->etag, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
                   (uint64_t)stats->st_mtim.tv_sec, (uint64_t)stats->st_mtim.tv_nsec,
                   (uint64_t)stats->st_size);
}

enum status web_file_open(const char *root, const char *path, size_t bytes, struct web_file *file)
{
    if (!web_path_is_safe(path, bytes))
        return STATUS_NOT_FOUND;
    char name[WEB_PATH_BYTES_MAX + sizeof "index.html"];
    char full[WEB_FILE_PATH_BYTES];
    (void)snprintf(name, sizeof name, "%.*s%s", (int)bytes, path, bytes == 1 ? "index.html" : "");
    int length = snprintf(full, sizeof full, "%s%s", root, name);
    if (length < 0 || (size_t)length >= sizeof full)
        return STATUS_NOT_FOUND;
    struct stat stats;
    int fd;
    enum status status = open_regular(full, &fd, &stats);
    if (status != STATUS_OK)
        return status;
    *file = (struct web_file){.fd = fd,
                              .bytes = (uint64_t)stats.st_size,
                              .content_type = web_content_type(name),
                              .cache_control = web_cache_control(name)};
    name_version(file, &stats);
    return STATUS_OK;
}

bool web_etag_matches(const char *if_none_match, const char *etag)
{
    const char *at = if_none_match;
    size_t etag_bytes = strlen(etag);
    while (*(at += strspn(at, " \t,")) != '\0') {
        size_t bytes = strcspn(at, " \t,");
        const char *tag = at;
        at += bytes;
        if (bytes > 2 && strncmp(tag, "W/", 2) == 0) {
            tag += 2;
            bytes -= 2;
        }
        if ((bytes == 1 && tag[0] == '*') || (bytes == etag_bytes && memcmp(tag, etag, bytes) == 0))
            return true;
    }
    return false;
}
