/*
 * Who the cluster runs as: us, or the user postgres when we are root.
 *
 * Any thread. Owns nothing. Never changes the user of the calling process, except in
 * `owner_become`, which is for a fork.
 */
#include "store/cluster_inner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWD_BYTES 4096

static void take_account(struct cluster_owner *owner, const struct passwd *account)
{
    owner->uid = account->pw_uid;
    owner->gid = account->pw_gid;
    (void)snprintf(owner->name, sizeof owner->name, "%s", account->pw_name);
    owner->group_count = CLUSTER_GROUPS_MAX;
    if (getgrouplist(account->pw_name, account->pw_gid, owner->groups, &owner->group_count) < 0)
        owner->group_count = CLUSTER_GROUPS_MAX; /* the first of very many */
}

static enum status other_by_name(const char *name, struct cluster_owner *owner, struct error *error)
{
    struct passwd account;
    struct passwd *found = NULL;
    char text[PASSWD_BYTES];
    if (getpwnam_r(name, &account, text, sizeof text, &found) != 0 || found == NULL)
        return error_set(error, STATUS_NOT_FOUND,
                         "PostgreSQL refuses to run as root, and there is no user %s to run it: "
                         "run tapedeck as an ordinary user, or `useradd --system %s`",
                         name, name);
    take_account(owner, found);
    return STATUS_OK;
}

static enum status other_by_uid(const struct stat *folder, struct cluster_owner *owner)
{
    struct passwd account;
    struct passwd *found = NULL;
    char text[PASSWD_BYTES];
    if (getpwuid_r(folder->st_uid, &account, text, sizeof text, &found) == 0 && found != NULL) {
        take_account(owner, found);
        return STATUS_OK;
    }
    owner->uid = folder->st_uid;
    owner->gid = folder->st_gid;
    (void)snprintf(owner->name, sizeof owner->name, "%u", (unsigned)folder->st_uid);
    return STATUS_OK;
}

enum status owner_choose(const char *folder, struct cluster_owner *owner, struct error *error)
{
    *owner = (struct cluster_owner){.uid = geteuid(), .gid = getegid()};
    struct stat now;
    bool exists = stat(folder, &now) == 0;
    if (owner->uid != 0) {
        if (exists && now.st_uid != owner->uid)
            return error_set(error, STATUS_FORBIDDEN,
                             "%s belongs to another user (%u): run as that one or as root", folder,
                             (unsigned)now.st_uid);
        return STATUS_OK;
    }
    owner->is_other = true;
    if (exists && now.st_uid != 0)
        return other_by_uid(&now, owner);
    return other_by_name("postgres", owner, error);
}

bool owner_become(const struct cluster_owner *owner)
{
    if (!owner->is_other)
        return true;
    return setgroups((size_t)owner->group_count, owner->groups) == 0 && setgid(owner->gid) == 0 &&
           setuid(owner->uid) == 0;
}

bool owner_can_enter(const struct cluster_owner *owner, const char *folder)
{
    if (!owner->is_other)
        return access(folder, X_OK) == 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(owner_become(owner) && chdir(folder) == 0 ? 0 : 1);
    return pid > 0 && process_wait(pid) == 0;
}
