#include "template.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGE_SECONDS_MAX 3600
#define DAY_SECONDS 86400
/* When the daily jobs begin. In a copy of what was made before that, they would begin at once. */
#define NIGHT_SECONDS (3 * 3600)

static void must_run(const char *const *argv)
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s failed", argv[0]);
}

/* Whether a file that matches has come or changed since; packages keep older times of writing. */
static bool any_is_newer(const char *pattern, time_t made)
{
    glob_t matches;
    bool newer = false;
    if (glob(pattern, 0, NULL, &matches) == 0) {
        for (size_t i = 0; i < matches.gl_pathc; i++) {
            struct stat now;
            newer = newer || (stat(matches.gl_pathv[i], &now) == 0 && now.st_ctime >= made);
        }
    }
    globfree(&matches);
    return newer;
}

static bool is_same_day(time_t made, time_t now)
{
    return made / DAY_SECONDS == now / DAY_SECONDS &&
           (made - NIGHT_SECONDS) / DAY_SECONDS == (now - NIGHT_SECONDS) / DAY_SECONDS;
}

static bool is_current(const char *folder)
{
    struct stat status;
    if (stat(folder, &status) != 0)
        return false;
    time_t made = status.st_ctime; /* when it got its name, which is when it was complete */
    time_t now = time(NULL);
    return now - made < AGE_SECONDS_MAX && is_same_day(made, now) &&
           !any_is_newer(TAPEDECK_TEMPLATE_MAKER, made) &&
           !any_is_newer("/usr/lib/postgresql/*/bin/postgres", made) &&
           !any_is_newer("/usr/lib/postgresql/*/lib/timescaledb*.so", made);
}

static int lock_templates(int how)
{
    cr_assert(mkdir(TAPEDECK_TEMPLATES, 0755) == 0 || errno == EEXIST, "%s: %s", TAPEDECK_TEMPLATES,
              strerror(errno));
    int fd = open(TAPEDECK_TEMPLATES "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0);
    cr_assert_eq(flock(fd, how), 0);
    return fd;
}

void template_copy(const char *engine, const char *home)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s/%s", TAPEDECK_TEMPLATES, engine);
    int lock = lock_templates(LOCK_SH); /* nobody makes another while this one is copied */
    if (!is_current(folder)) {
        (void)close(lock);
        lock = lock_templates(LOCK_EX);
        if (!is_current(folder))
            must_run((const char *const[]){TAPEDECK_TEMPLATE_MAKER, engine, folder, NULL});
    }
    cr_assert(mkdir(home, 0755) == 0 || errno == EEXIST, "%s: %s", home, strerror(errno));
    char from[PATH_MAX + 16];
    (void)snprintf(from, sizeof from, "%s/postgres", folder);
    must_run((const char *const[]){"/bin/cp", "-a", "--reflink=auto", from, home, NULL});
    (void)close(lock);
}
