#include "auth/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status check_owner(const char *path, const struct stat *file, enum secret_kind kind,
                               struct error *error)
{
    if (file->st_uid != 0 && file->st_uid != geteuid())
        return error_set(error, STATUS_FORBIDDEN,
                         "%s belongs to another user, who could change it: chown it to the user of "
                         "the server",
                         path);
    if ((file->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(error, STATUS_FORBIDDEN, "others can write %s: chmod 600 it", path);
    if (kind == SECRET_FILE_SECRET && (file->st_mode & S_IROTH) != 0)
        return error_set(error, STATUS_FORBIDDEN,
                         "others can read %s, which is a secret: chmod 600 it", path);
    return STATUS_OK;
}

static enum status check(const char *path, int fd, enum secret_kind kind, struct error *error)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot look at %s: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode))
        return error_set(error, STATUS_INVALID, "%s is no file", path);
    if ((uint64_t)file.st_size > SECRET_FILE_BYTES_MAX)
        return error_set(error, STATUS_LIMIT, "%s has more than %zu bytes", path,
                         SECRET_FILE_BYTES_MAX);
    return check_owner(path, &file, kind, error);
}

/* It may grow while it is read; the limit holds all the same. */
static enum status read_all(const char *path, int fd, struct buffer *content, struct error *error)
{
    buffer_init(content, SECRET_FILE_BYTES_MAX);
    for (;;) {
        char piece[4096];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got > 0)
            buffer_append(content, piece, (size_t)got);
        OPENSSL_cleanse(piece, sizeof piece);
        if (got == 0 && !content->failed)
            return STATUS_OK;
        if (got < 0 && errno == EINTR)
            continue;
        if (got > 0 && !content->failed)
            continue;
        int reason = errno;
        secret_wipe(content);
        if (got < 0)
            return error_set(error, STATUS_UNAVAILABLE, "cannot read %s: %s", path,
                             strerror(reason));
        return error_set(error, STATUS_LIMIT, "%s has more than %zu bytes", path,
                         SECRET_FILE_BYTES_MAX);
    }
}

enum status secret_file_read(const char *path, enum secret_kind kind, struct buffer *content,
                             struct error *error)
{
    /* Not to wait for the other end of a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FORBIDDEN,
                         "cannot open %s: %s", path, strerror(errno));
    enum status status = check(path, fd, kind, error);
    if (status == STATUS_OK)
        status = read_all(path, fd, content, error);
    (void)close(fd);
    return status;
}

void secret_wipe(struct buffer *content)
{
    if (content->bytes != NULL)
        OPENSSL_cleanse(content->bytes, content->capacity);
    buffer_deinit(content);
}
