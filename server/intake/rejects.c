#include "intake/rejects.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rejects {
    char *input_path;
    char *path;
    FILE *file; /* NULL until the first reject */
    int64_t count;
};

struct rejects *rejects_create(const char *input_path, const char *path)
{
    static const char suffix[] = ".rejects.csv";
    struct rejects *rejects = MEM_NEW(struct rejects);
    rejects->input_path = mem_copy_text(input_path);
    if (path != NULL) {
        rejects->path = mem_copy_text(path);
        return rejects;
    }
    size_t bytes = strlen(input_path) + sizeof suffix;
    rejects->path = mem_alloc(bytes);
    (void)snprintf(rejects->path, bytes, "%s%s", input_path, suffix);
    return rejects;
}

static enum status write_error(const struct rejects *rejects, struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "the rejects file %s cannot be written: %s",
                     rejects->path, strerror(errno));
}

static bool is_input(const struct rejects *rejects, int file)
{
    struct stat ours;
    struct stat input;
    return fstat(file, &ours) == 0 && stat(rejects->input_path, &input) == 0 &&
           ours.st_dev == input.st_dev && ours.st_ino == input.st_ino;
}

/* Emptied only when it is known not to be the input under another name. */
static enum status rejects_open(struct rejects *rejects, struct error *error)
{
    int file = open(rejects->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (file < 0)
        return write_error(rejects, error);
    if (is_input(rejects, file)) {
        (void)close(file);
        return error_set(error, STATUS_CONFLICT, "the rejects file %s is the input itself",
                         rejects->path);
    }
    struct stat stat;
    bool regular = fstat(file, &stat) == 0 && S_ISREG(stat.st_mode);
    if ((regular && ftruncate(file, 0) != 0) || (rejects->file = fdopen(file, "w")) == NULL) {
        enum status status = write_error(rejects, error);
        (void)close(file);
        return status;
    }
    if (fputs("line,reason,row\n", rejects->file) == EOF)
        return write_error(rejects, error);
    return STATUS_OK;
}

static void put_quoted(FILE *file, const char *text, size_t bytes)
{
    (void)putc('"', file);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"')
            (void)putc('"', file);
        if (text[i] == '\0')
            (void)fputs("\xef\xbf\xbd", file);
        else
            (void)putc(text[i], file);
    }
    (void)putc('"', file);
}

enum status rejects_add(struct rejects *rejects, int64_t line, const char *reason, const char *row,
                        size_t row_bytes, struct error *error)
{
    if (rejects->file == NULL) {
        enum status status = rejects_open(rejects, error);
        if (status != STATUS_OK)
            return status;
    }
    (void)fprintf(rejects->file, "%" PRId64 ",", line);
    put_quoted(rejects->file, reason, strlen(reason));
    (void)putc(',', rejects->file);
    put_quoted(rejects->file, row, row_bytes);
    (void)putc('\n', rejects->file);
    if (ferror(rejects->file))
        return write_error(rejects, error);
    rejects->count++;
    return STATUS_OK;
}

const char *rejects_path(const struct rejects *rejects)
{
    return rejects->path;
}

int64_t rejects_count(const struct rejects *rejects)
{
    return rejects->count;
}

enum status rejects_finish(struct rejects *rejects, struct error *error)
{
    if (rejects->file == NULL)
        return STATUS_OK;
    if (fflush(rejects->file) != 0)
        return write_error(rejects, error);
    /* EINVAL: a terminal or a pipe has nothing to sync. */
    if (fsync(fileno(rejects->file)) != 0 && errno != EINVAL)
        return write_error(rejects, error);
    return STATUS_OK;
}

void rejects_destroy(struct rejects **rejects)
{
    struct rejects *closed = *rejects;
    *rejects = NULL;
    if (closed == NULL)
        return;
    if (closed->file != NULL)
        (void)fclose(closed->file);
    mem_free(closed->path);
    mem_free(closed->input_path);
    mem_free(closed);
}
