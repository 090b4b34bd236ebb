/*
 * The keeper's work in the cluster's folder: initdb, our settings, what a dead postgres left, the
 * log.
 *
 * In the keeper, a fork of a process that may have had many threads: no allocation, only system
 * calls and the stack. Owns nothing. Never removes a folder that may hold data.
 */
#include "store/cluster_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOG_NAME "postgres.log"
#define TAIL_BYTES 4096
/* How long a postgres that nobody keeps any more gets to end by itself, is asked to, and is told
 * to. It was asked already when its keeper died. */
#define GONE_PATIENCE_MS 5000
#define GONE_FAST_MS (CLUSTER_STOP_SECONDS_MAX * 1000)
#define GONE_QUIT_MS 10000
#define GONE_LOOK_MS 50

static enum status fail(const char *what, struct error *error)
{
    int reason = errno;
    enum status status = reason == ENOENT ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE;
    return error_set(error, status, "PostgreSQL's folder: %s: %s", what, strerror(reason));
}

/* ---- files ---- */

static bool write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t count = write(fd, text, left);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        text += count;
        left -= (size_t)count;
    }
    return fsync(fd) == 0;
}

static bool sync_folder(const char *name)
{
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

static enum status append_file(const char *name, int flags, const char *text, struct error *error)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return fail(name, error);
    enum status status = write_all(fd, text) ? STATUS_OK : fail(name, error);
    close(fd);
    return status;
}

/* Whole, or as it was: never half. */
static enum status write_conf(const char *text, struct error *error)
{
    (void)unlink("data/tapedeck.conf.new"); /* of an interrupted start */
    enum status status = append_file("data/tapedeck.conf.new", O_TRUNC, text, error);
    if (status != STATUS_OK)
        return status;
    if (rename("data/tapedeck.conf.new", "data/tapedeck.conf") != 0 || !sync_folder("data"))
        return fail("tapedeck.conf", error);
    return STATUS_OK;
}

/* ---- initdb ---- */

static enum status remove_tree(const char *name, int log_fd, struct error *error)
{
    struct stat now;
    if (lstat(name, &now) != 0)
        return errno == ENOENT ? STATUS_OK : fail(name, error);
    const char *const argv[] = {"/bin/rm", "-rf", "--", name, NULL};
    pid_t pid = process_spawn(argv, log_fd, 0);
    if (pid < 0 || process_wait(pid) != 0 || lstat(name, &now) == 0)
        return error_set(error, STATUS_UNAVAILABLE,
                         "PostgreSQL's folder: cannot remove the unfinished %s", name);
    return STATUS_OK;
}

static enum status run_initdb(const struct keeper_plan *plan, struct error *error)
{
    struct path program;
    enum status status = path_join(plan->binaries.folder.text, "initdb", &program, error);
    if (status != STATUS_OK)
        return status;
    const char *const argv[] = {
        program.text,         "--pgdata=data.new",  "--username=" CLUSTER_NAME, "--encoding=UTF8",
        "--locale=C.UTF-8",   "--auth-local=trust", /* the socket's folder is private */
        "--auth-host=reject", "--data-checksums",   "--no-instructions",        NULL};
    /* In memory: its last words may be that the disk is full. */
    int output_fd = memfd_create("initdb", MFD_CLOEXEC);
    pid_t pid = output_fd >= 0 ? process_spawn(argv, output_fd, SIGKILL) : -1;
    if (pid > 0 && process_wait(pid) == 0) {
        close(output_fd);
        return STATUS_OK;
    }
    (void)error_set(error, STATUS_UNAVAILABLE, "initdb cannot make the database in %s",
                    plan->place.folder.text);
    if (output_fd >= 0) {
        data_tell_log(output_fd, 0, error);
        close(output_fd);
    }
    return error->status;
}

/* Under another name until it is complete, so that what is called data always is. */
static enum status make_cluster(const struct keeper_plan *plan, int log_fd, struct error *error)
{
    enum status status = remove_tree("data.new", log_fd, error);
    if (status == STATUS_OK)
        status = run_initdb(plan, error);
    if (status == STATUS_OK)
        status =
            append_file("data.new/postgresql.conf", O_APPEND, "\ninclude 'tapedeck.conf'\n", error);
    if (status == STATUS_OK)
        status = append_file("data.new/tapedeck.conf", O_TRUNC, plan->conf, error);
    if (status == STATUS_OK && (rename("data.new", "data") != 0 || !sync_folder(".")))
        status = fail("data", error);
    struct error ignored;
    if (status != STATUS_OK)
        (void)!remove_tree("data.new", log_fd, &ignored);
    return status;
}

enum status data_prepare(const struct keeper_plan *plan, int log_fd, struct error *error)
{
    (void)rmdir("data"); /* only when it is empty: a mount point, or somebody's good will */
    struct stat now;
    if (lstat("data", &now) != 0)
        return errno == ENOENT ? make_cluster(plan, log_fd, error) : fail("data", error);
    if (stat("data/PG_VERSION", &now) != 0)
        return error_set(error, STATUS_CONFLICT,
                         "%s/data is not a PostgreSQL data folder: move it away",
                         plan->place.folder.text);
    return write_conf(plan->conf, error);
}

/* ---- a postgres that went, or is going ---- */

static pid_t read_postmaster(void)
{
    int fd = open("data/postmaster.pid", O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    ssize_t count = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    return count > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static bool link_ends_with(pid_t pid, const char *link, const char *start, const char *end)
{
    char path[64];
    char target[CLUSTER_PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, link);
    ssize_t count = readlink(path, target, sizeof target - 1);
    if (count < 0)
        return false;
    target[count] = '\0';
    size_t length = strlen(start);
    return strncmp(target, start, length) == 0 && strcmp(target + length, end) == 0;
}

/* A live process with that number need not be the one that wrote it there: the working directory of
 * every process of a cluster is its data folder. */
static bool is_postgres_here(pid_t pid)
{
    char here[CLUSTER_PATH_BYTES];
    return getcwd(here, sizeof here) != NULL && link_ends_with(pid, "cwd", here, "/data");
}

/* What getdents64 fills in; glibc declares no such thing. */
struct folder_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

void data_end_orphans(const struct keeper_plan *plan)
{
    _Alignas(struct folder_entry) char bytes[TAIL_BYTES];
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long count;
    while (fd >= 0 && (count = syscall(SYS_getdents64, fd, bytes, sizeof bytes)) > 0) {
        for (long at = 0; at < count;) {
            const struct folder_entry *entry = (const void *)(bytes + at);
            pid_t pid = (pid_t)strtol(entry->name, NULL, 10);
            if (pid > 0 && is_postgres_here(pid) &&
                link_ends_with(pid, "exe", plan->binaries.postgres.text, ""))
                (void)kill(pid, SIGQUIT);
            at += entry->length;
        }
    }
    if (fd >= 0)
        close(fd);
}

static bool wait_gone(pid_t pid, int patience_ms)
{
    const struct timespec nap = {.tv_nsec = GONE_LOOK_MS * 1000000L};
    for (int waited_ms = 0; waited_ms < patience_ms; waited_ms += GONE_LOOK_MS) {
        if (kill(pid, 0) != 0 || !is_postgres_here(pid))
            return true;
        (void)nanosleep(&nap, NULL);
    }
    return false;
}

enum status data_clear_postmaster(struct error *error)
{
    pid_t pid = read_postmaster();
    if (pid <= 0)
        return STATUS_OK;
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return STATUS_OK; /* postgres itself removes it, and sees to what is left of the old one */
    if (!is_postgres_here(pid)) {
        /* The number is somebody else's now, and postgres would take that for a postmaster. It
         * still finds orphans of the old one by their shared memory. */
        if (unlink("data/postmaster.pid") != 0 && errno != ENOENT)
            return fail("postmaster.pid", error);
        return STATUS_OK;
    }
    if (wait_gone(pid, GONE_PATIENCE_MS))
        return STATUS_OK;
    (void)kill(pid, SIGINT);
    if (wait_gone(pid, GONE_FAST_MS))
        return STATUS_OK;
    (void)kill(pid, SIGQUIT);
    if (wait_gone(pid, GONE_QUIT_MS))
        return STATUS_OK;
    return error_set(error, STATUS_CONFLICT,
                     "an older PostgreSQL (pid %ld) does not let go of this home: stop it",
                     (long)pid);
}

/* ---- the log ---- */

int data_open_log(void)
{
    return open(LOG_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* As logrotate's copytruncate does: postgres has the file open and appends to it. */
void data_bound_log(int log_fd)
{
    struct stat now;
    if (fstat(log_fd, &now) != 0 || now.st_size <= CLUSTER_LOG_BYTES_MAX)
        return;
    int old_fd = open(LOG_NAME ".old", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    char bytes[TAIL_BYTES];
    off_t at = 0;
    ssize_t count;
    while (old_fd >= 0 && (count = pread(log_fd, bytes, sizeof bytes, at)) > 0 &&
           write(old_fd, bytes, (size_t)count) == count)
        at += count;
    if (old_fd >= 0)
        close(old_fd);
    (void)!ftruncate(log_fd, 0); /* even when there was no room for a copy */
}

off_t data_log_end(int log_fd)
{
    struct stat now;
    return fstat(log_fd, &now) == 0 ? now.st_size : 0;
}

static char *read_tail(int log_fd, off_t from, char text[TAIL_BYTES + 1])
{
    off_t end = data_log_end(log_fd);
    ssize_t count =
        pread(log_fd, text, TAIL_BYTES, end - from > TAIL_BYTES ? end - TAIL_BYTES : from);
    text[count > 0 ? count : 0] = '\0';
    return text;
}

static bool is_complaint(const char *line)
{
    return strstr(line, "FATAL:") != NULL || strstr(line, "PANIC:") != NULL ||
           strstr(line, "ERROR:") != NULL || strstr(line, "error:") != NULL;
}

/* The last complaint, or the last line. Of a wrong setting the line before it tells more. */
static const char *find_complaint(char *text)
{
    char *rest = NULL;
    const char *told = "";
    const char *before = "";
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (is_complaint(line) || !is_complaint(told))
            told = strstr(line, "contains errors") != NULL ? before : line;
        before = line;
    }
    return told;
}

void data_tell_log(int log_fd, off_t from, struct error *error)
{
    char text[TAIL_BYTES + 1];
    const char *told = find_complaint(read_tail(log_fd, from, text));
    struct error before = *error;
    (void)error_set(error, before.status, "%.240s: %s", before.text,
                    *told != '\0' ? told : "it said nothing");
}

bool data_log_says_wait(int log_fd, off_t from)
{
    char text[TAIL_BYTES + 1];
    const char *last = read_tail(log_fd, from, text);
    for (const char *at = last; (at = strstr(at, "FATAL:")) != NULL; at++)
        last = at;
    return strstr(last, "is still in use") != NULL || strstr(last, "lock file") != NULL;
}
