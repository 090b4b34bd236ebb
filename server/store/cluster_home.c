/*
 * Where things lie: the home folder, the cluster's folder in it, the socket's folder, the locks.
 *
 * Any thread; `place_prepare` of several processes wait for each other. Owns nothing but the lock
 * descriptors it returns. Never touches a folder that belongs to somebody else.
 */
#include "store/cluster_inner.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ELSEWHERE "/var/lib/tapedeck"
#define SOCKET_NAME "/.s.PGSQL." CLUSTER_PORT
#define SOCKET_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)
/* What neither libpq's host= nor unix_socket_directories takes as syntax. */
#define SOCKET_PATH_SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+"

static enum status fail(const char *what, const char *path, struct error *error)
{
    int reason = errno;
    enum status status =
        reason == EACCES || reason == EPERM ? STATUS_FORBIDDEN : STATUS_UNAVAILABLE;
    return error_set(error, status, "%s %s: %s", what, path, strerror(reason));
}

enum status path_join(const char *folder, const char *name, struct path *path, struct error *error)
{
    int count = snprintf(path->text, sizeof path->text, "%s/%s", folder, name);
    if (count < 0 || (size_t)count >= sizeof path->text)
        return error_set(error, STATUS_LIMIT, "path too long: %.200s…", folder);
    return STATUS_OK;
}

static enum status resolve(const char *name, struct path *path, struct error *error)
{
    char *resolved = realpath(name, NULL);
    if (resolved == NULL)
        return fail("cannot find", name, error);
    int count = snprintf(path->text, sizeof path->text, "%s", resolved);
    free(resolved);
    if (count < 0 || (size_t)count >= sizeof path->text)
        return error_set(error, STATUS_LIMIT, "path too long: %.200s…", name);
    return STATUS_OK;
}

/* ---- home ---- */

static enum status make_folders(const char *name, struct error *error)
{
    struct path path;
    int count = snprintf(path.text, sizeof path.text, "%s", name);
    if (count <= 0 || (size_t)count >= sizeof path.text)
        return error_set(error, STATUS_INVALID, "home must be a path of 1 to %d bytes",
                         CLUSTER_PATH_BYTES - 1);
    for (char *slash = strchr(path.text + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path.text, 0755) != 0 && errno != EEXIST)
            return fail("cannot make", path.text, error);
        *slash = '/';
    }
    if (mkdir(path.text, 0755) != 0 && errno != EEXIST)
        return fail("cannot make", path.text, error);
    return STATUS_OK;
}

/* ---- the cluster's folder ---- */

static enum status make_private(const char *path, const struct cluster_owner *owner,
                                struct error *error)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail("cannot make", path, error);
    struct stat now;
    if (lstat(path, &now) != 0)
        return fail("cannot read", path, error);
    /* Ours from a moment ago, or left by an interrupted start. */
    if (S_ISDIR(now.st_mode) && owner->is_other && now.st_uid == 0) {
        if (lchown(path, owner->uid, owner->gid) != 0)
            return fail("cannot give away", path, error);
        now.st_uid = owner->uid;
    }
    if (!S_ISDIR(now.st_mode) || now.st_uid != owner->uid)
        return error_set(error, STATUS_FORBIDDEN, "%s is not a folder of user %u", path,
                         (unsigned)owner->uid);
    if ((now.st_mode & 077) != 0 && chmod(path, 0700) != 0)
        return fail("cannot make private", path, error);
    return STATUS_OK;
}

/* Lets others pass through (not list) a home of ours: what is in it has its own permissions. */
static bool open_passage(const char *home)
{
    struct stat now;
    if (stat(home, &now) != 0 || now.st_uid != geteuid() || (now.st_mode & S_IXOTH) != 0)
        return false;
    log_info("cluster.passage", "home=%s", LOG_QUOTE(home));
    return chmod(home, (now.st_mode & 07777) | S_IXOTH) == 0;
}

/* A home in a private folder of root cannot be reached by the owner: the cluster lives elsewhere.
 */
static enum status place_elsewhere(struct cluster_place *place, const char *link,
                                   struct error *error)
{
    char target[] = ELSEWHERE "/cluster-XXXXXX";
    if ((mkdir(ELSEWHERE, 0711) != 0 && errno != EEXIST) || mkdtemp(target) == NULL)
        return fail("cannot make", target, error);
    enum status status = make_private(target, &place->owner, error);
    if (status == STATUS_OK && !owner_can_enter(&place->owner, target))
        status = error_set(error, STATUS_FORBIDDEN,
                           "PostgreSQL runs as user %s, who can reach neither %s nor " ELSEWHERE
                           ": choose a home that is open to everybody, with --home",
                           place->owner.name, place->home.text);
    if (status == STATUS_OK && (rmdir(link) != 0 || symlink(target, link) != 0))
        status = fail("cannot replace", link, error);
    if (status != STATUS_OK) {
        (void)rmdir(target);
        return status;
    }
    log_warn("cluster.elsewhere", "home=%s user=%s cluster=%s", LOG_QUOTE(place->home.text),
             place->owner.name, target);
    return STATUS_OK;
}

static enum status reach_folder(struct cluster_place *place, const char *folder,
                                struct error *error)
{
    if (owner_can_enter(&place->owner, folder))
        return STATUS_OK;
    if (open_passage(place->home.text) && owner_can_enter(&place->owner, folder))
        return STATUS_OK;
    struct path data;
    enum status status = path_join(folder, "data", &data, error);
    if (status != STATUS_OK)
        return status;
    if (access(data.text, F_OK) == 0)
        return error_set(error, STATUS_FORBIDDEN,
                         "user %s cannot reach %s any more: give everybody passage (chmod o+x) "
                         "through the folders above it",
                         place->owner.name, data.text);
    return place_elsewhere(place, folder, error);
}

static enum status prepare_folder(struct cluster_place *place, struct error *error)
{
    struct path folder;
    enum status status = path_join(place->home.text, "postgres", &folder, error);
    if (status == STATUS_OK)
        status = owner_choose(folder.text, &place->owner, error);
    if (status != STATUS_OK)
        return status;
    struct stat now;
    if (lstat(folder.text, &now) == 0 && S_ISLNK(now.st_mode))
        return resolve(folder.text, &place->folder, error); /* placed elsewhere before */
    status = make_private(folder.text, &place->owner, error);
    if (status == STATUS_OK)
        status = reach_folder(place, folder.text, error);
    return status == STATUS_OK ? resolve(folder.text, &place->folder, error) : status;
}

/* ---- the socket's folder ---- */

static bool holds_socket(const char *folder)
{
    return strlen(folder) + sizeof SOCKET_NAME <= SOCKET_PATH_BYTES &&
           strspn(folder, SOCKET_PATH_SAFE) == strlen(folder);
}

static uint64_t hash_of(const char *text) /* FNV-1a: a name, not a secret */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* Whether the link leads to this cluster's own folder (not to that of a home it was copied from),
 * and the folder is still there (a reboot empties /run and /tmp). */
static bool follow_link(const char *link, const char *name, struct path *target)
{
    ssize_t count = readlink(link, target->text, sizeof target->text - 1);
    if (count < 0)
        return false;
    target->text[count] = '\0';
    const char *last = strrchr(target->text, '/');
    struct stat now;
    return last != NULL && strcmp(last + 1, name) == 0 && lstat(target->text, &now) == 0;
}

/* Everybody who uses the cluster must find the same folder: the link says which. */
static enum status link_short_socket(struct cluster_place *place, const char *link,
                                     struct error *error)
{
    char name[sizeof "tapedeck-" + 16];
    (void)snprintf(name, sizeof name, "tapedeck-%016llx",
                   (unsigned long long)hash_of(place->folder.text));
    if (!follow_link(link, name, &place->socket)) {
        enum status status =
            path_join(geteuid() == 0 ? "/run" : "/tmp", name, &place->socket, error);
        if (status != STATUS_OK)
            return status;
        if (unlink(link) != 0 && errno != ENOENT)
            (void)rmdir(link);
        if (symlink(place->socket.text, link) != 0)
            return fail("cannot make", link, error);
    }
    return make_private(place->socket.text, &place->owner, error);
}

static enum status prepare_socket(struct cluster_place *place, struct error *error)
{
    struct path folder;
    enum status status = path_join(place->folder.text, "socket", &folder, error);
    if (status != STATUS_OK)
        return status;
    if (!holds_socket(folder.text))
        return link_short_socket(place, folder.text, error);
    struct stat now;
    if (lstat(folder.text, &now) == 0 && S_ISLNK(now.st_mode))
        (void)unlink(folder.text);
    place->socket = folder;
    return make_private(folder.text, &place->owner, error);
}

static enum status make_lock(const struct cluster_place *place, const char *name,
                             struct error *error)
{
    struct path path;
    enum status status = path_join(place->folder.text, name, &path, error);
    if (status != STATUS_OK)
        return status;
    int fd = open(path.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? STATUS_OK : fail("cannot make", path.text, error);
    if (place->owner.is_other && fchown(fd, place->owner.uid, place->owner.gid) != 0) {
        status = fail("cannot give away", path.text, error);
        (void)unlink(path.text);
    }
    close(fd);
    return status;
}

static enum status prepare_locked(struct cluster_place *place, struct error *error)
{
    enum status status = prepare_folder(place, error);
    if (status == STATUS_OK)
        status = prepare_socket(place, error);
    if (status == STATUS_OK)
        status = make_lock(place, "users", error);
    if (status == STATUS_OK)
        status = make_lock(place, "keeper", error);
    return status;
}

enum status place_prepare(const char *home, struct cluster_place *place, struct error *error)
{
    enum status status = make_folders(home, error);
    if (status == STATUS_OK)
        status = resolve(home, &place->home, error);
    if (status != STATUS_OK)
        return status;
    int lock_fd = open(place->home.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_fd < 0 || flock(lock_fd, LOCK_EX) != 0)
        status = fail("cannot lock", place->home.text, error);
    else
        status = prepare_locked(place, error);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}

/* ---- locks ---- */

static void tell_holder(int fd, const char *home, struct error *error)
{
    char pid[16] = "";
    ssize_t count = pread(fd, pid, sizeof pid - 1, 0);
    if (count > 0)
        pid[strspn(pid, "0123456789")] = '\0';
    (void)error_set(error, STATUS_CONFLICT, "another tapedeck server (pid %s) runs the home %s",
                    count > 0 ? pid : "unknown", home);
}

int place_lock_home(const struct cluster_place *place, struct error *error)
{
    struct path path;
    if (path_join(place->home.text, "lock", &path, error) != STATUS_OK)
        return -1;
    int fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        (void)fail("cannot open", path.text, error);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        tell_holder(fd, place->home.text, error);
        close(fd);
        return -1;
    }
    /* The pid is for people; the lock is what counts. */
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        log_warn("cluster.lock", "path=%s error=%s", LOG_QUOTE(path.text),
                 LOG_QUOTE(strerror(errno)));
    return fd;
}

int place_open_lock(const struct cluster_place *place, const char *name, struct error *error)
{
    struct path path;
    if (path_join(place->folder.text, name, &path, error) != STATUS_OK)
        return -1;
    int fd = open(path.text, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        (void)fail("cannot open", path.text, error);
    return fd;
}

pid_t place_find_keeper(const struct cluster_place *place)
{
    struct error error;
    int fd = place_open_lock(place, "keeper", &error);
    if (fd < 0)
        return 0;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return held ? lock.l_pid : 0;
}

int place_major(const struct cluster_place *place)
{
    struct path path;
    struct error error;
    if (path_join(place->folder.text, "data/PG_VERSION", &path, &error) != STATUS_OK)
        return 0;
    int fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[16] = "";
    ssize_t count = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    return count > 0 ? (int)strtol(text, NULL, 10) : 0;
}
