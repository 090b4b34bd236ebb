#include "bench/process.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LISTENERS_MAX 512 /* one for each lane */
#define TCP_LISTEN 0x0A   /* the column `st` of /proc/net/tcp */

struct listeners {
    uint64_t inodes[LISTENERS_MAX];
    size_t count;
};

static void note_listeners(const char *table, uint16_t port, struct listeners *listeners)
{
    char line[512];
    FILE *file = fopen(table, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL && listeners->count < LISTENERS_MAX) {
        unsigned local_port;
        unsigned state;
        uint64_t inode;
        if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %" SCNu64,
                   &local_port, &state, &inode) == 3 &&
            local_port == port && state == TCP_LISTEN)
            listeners->inodes[listeners->count++] = inode;
    }
    (void)fclose(file);
}

static bool is_listener(const char *link, const struct listeners *listeners)
{
    uint64_t inode;
    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
        return false;
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->inodes[i] == inode)
            return true;
    }
    return false;
}

static bool holds_listener(const char *pid, const struct listeners *listeners)
{
    char path[300];
    (void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    bool found = false;
    for (struct dirent *entry = readdir(folder); entry != NULL && !found; entry = readdir(folder)) {
        char link[64];
        ssize_t bytes = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        if (bytes <= 0)
            continue;
        link[bytes] = '\0';
        found = is_listener(link, listeners);
    }
    (void)closedir(folder);
    return found;
}

pid_t process_find(uint16_t port)
{
    struct listeners listeners = {.count = 0};
    note_listeners("/proc/net/tcp", port, &listeners);
    note_listeners("/proc/net/tcp6", port, &listeners);
    DIR *folder = listeners.count > 0 ? opendir("/proc") : NULL;
    if (folder == NULL)
        return 0;
    pid_t found = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && found == 0;
         entry = readdir(folder)) {
        if (isdigit((unsigned char)entry->d_name[0]) && holds_listener(entry->d_name, &listeners))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    (void)closedir(folder);
    return found;
}

int64_t process_cpu_us(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return -1;
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

int64_t process_rss_bytes(pid_t pid)
{
    char path[64];
    int64_t pages = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return -1;
    if (fscanf(file, "%*d %" SCNd64, &pages) != 1)
        pages = -1;
    (void)fclose(file);
    return pages >= 0 ? pages * (int64_t)sysconf(_SC_PAGESIZE) : -1;
}
