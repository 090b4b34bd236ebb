/*
 * The keeper: a process that keeps one postgres running for as long as anybody uses it.
 *
 *   keeper ──► postgres   died: started again, after a pause that doubles from 0.5 s to 30 s
 *      └─────► waiter     ended: nobody holds `users` any more → stop postgres, end
 *
 * The waiter blocks on an exclusive lock of `users` through the same open file as the keeper, so
 * that, once granted, the lock lasts until the keeper has ended: whoever comes meanwhile waits, and
 * starts a keeper of its own. SIGTERM stops too: the last one to leave sends it, and waits. When
 * the keeper is killed, the kernel kills the waiter and sends postgres a SIGINT (fast shutdown).
 *
 * A fork without exec of a process that may have had many threads: no allocation, only system calls
 * and the stack. Single-threaded. Runs as the cluster's owner. Never talks to the database.
 */
#include "store/cluster_inner.h"

#include "base/clock.h"
#include "market/time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_FD 3
#define PAUSE_FIRST_US INT64_C(500000)
#define PAUSE_LAST_US INT64_C(30000000)
/* A postgres that ran so long was well: the next pause is the first again. */
#define WELL_US INT64_C(60000000)
#define LOOK_US INT64_C(60000000) /* at the size of the log */
/* A first start that finds the orphans of a killed postgres waits for them. */
#define ORPHANS_US_MAX INT64_C(30000000)
#define QUIT_SECONDS 10

struct keeper {
    const struct keeper_plan *plan;
    int log_fd;
    off_t log_from; /* where this postgres's own words begin */
    pid_t waiter;
    pid_t postgres; /* 0: not running */
    int64_t launched_us;
    int64_t started_us;
    int64_t pause_us;
    int64_t next_us; /* when to start postgres again */
    bool stopping;
};

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* As base/log does it, which asks the C library for the time of day, and that takes a lock that a
 * thread we were forked from may have held. */
PRINTF_LIKE(2, 3) static void tell(const char *level, const char *format, ...)
{
    char text[256];
    char line[384];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int length = snprintf(line, sizeof line, "ts=%s level=%s event=cluster.postgres %s\n",
                          time_format(clock_wall_us()).text, level, text);
    (void)!write(STDERR_FILENO, line, (size_t)length);
}

/* ---- becoming the keeper ---- */

/* False when nobody listens any more: then the cluster has been running. */
static bool report(enum keeper_report_kind kind, const struct error *error)
{
    struct keeper_report message;
    memset(&message, 0, sizeof message);
    message.kind = kind;
    if (error != NULL)
        message.error = *error;
    return write(REPORT_FD, &message, sizeof message) == sizeof message;
}

static void detach_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    sigaddset(&waited, SIGTERM);
    (void)sigprocmask(SIG_SETMASK, &waited, NULL);
}

/* Every descriptor of the process we come from is closed: its locks must end with it. */
static bool detach_files(int report_fd)
{
    int empty = open("/dev/null", O_RDWR);
    if (empty < 0 || dup2(empty, STDIN_FILENO) < 0 || dup2(empty, STDOUT_FILENO) < 0)
        return false;
    if (report_fd != REPORT_FD && dup2(report_fd, REPORT_FD) < 0)
        return false;
    closefrom(REPORT_FD + 1);
    return fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) == 0;
}

static enum status detach(struct keeper *keeper, int report_fd, struct error *error)
{
    const struct cluster_place *place = &keeper->plan->place;
    if (!detach_files(report_fd))
        return error_set(error, STATUS_UNAVAILABLE, "keeper: files: %s", strerror(errno));
    detach_signals();
    (void)setsid(); /* a terminal's Ctrl-C is for the server */
    (void)prctl(PR_SET_NAME, "tapedeck-keeper");
    /* Orphans of a killed postmaster come to us, not to a process 1 that may not collect them. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)umask(077);
    if (!owner_become(&place->owner))
        return error_set(error, STATUS_FORBIDDEN, "cannot become user %s: %s", place->owner.name,
                         strerror(errno));
    if (chdir(place->folder.text) != 0)
        return error_set(error, STATUS_FORBIDDEN, "cannot enter %s: %s", place->folder.text,
                         strerror(errno));
    keeper->log_fd = data_open_log();
    if (keeper->log_fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot open %s/postgres.log: %s",
                         place->folder.text, strerror(errno));
    if (!keeper->plan->logs_to_stderr)
        (void)dup2(keeper->log_fd, STDERR_FILENO);
    return STATUS_OK;
}

/* Of the process, not of the open file: not shared with children, and it tells our pid. */
static bool lock_keeper(void)
{
    int fd = open("keeper", O_RDWR | O_CLOEXEC);
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0;
}

/* ---- the waiter ---- */

static _Noreturn void wait_for_nobody(int users_fd, pid_t keeper)
{
    (void)prctl(PR_SET_NAME, "tapedeck-waiter");
    close(REPORT_FD);
    int got = -1;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == keeper) {
        do
            got = flock(users_fd, LOCK_EX);
        while (got != 0 && errno == EINTR);
    }
    _exit(got == 0 ? 0 : 1);
}

static enum status start_waiter(struct keeper *keeper, struct error *error)
{
    pid_t self = getpid();
    int users_fd = open("users", O_RDWR | O_CLOEXEC);
    if (users_fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "keeper: users: %s", strerror(errno));
    keeper->waiter = fork();
    if (keeper->waiter == 0)
        wait_for_nobody(users_fd, self);
    if (keeper->waiter < 0)
        return error_set(error, STATUS_UNAVAILABLE, "keeper: fork: %s", strerror(errno));
    return STATUS_OK;
}

/* ---- postgres ---- */

static void start_postgres(struct keeper *keeper)
{
    struct path program;
    struct error error;
    const struct keeper_plan *plan = keeper->plan;
    if (path_join(plan->binaries.folder.text, "postgres", &program, &error) != STATUS_OK)
        return;
    struct path data;
    if (path_join(plan->place.folder.text, "data", &data, &error) != STATUS_OK)
        return;
    /* What makes it ours is here, where no file can change it. */
    const char *const argv[] = {
        program.text, "-D", data.text,           "-k", plan->place.socket.text,        "-p",
        CLUSTER_PORT, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", NULL};
    data_bound_log(keeper->log_fd);
    keeper->log_from = data_log_end(keeper->log_fd);
    keeper->started_us = clock_monotonic_us();
    pid_t pid = process_spawn(argv, keeper->log_fd, SIGINT);
    keeper->postgres = pid > 0 ? pid : 0;
    keeper->next_us = keeper->started_us + keeper->pause_us;
    tell("info", "state=started pid=%ld major=%d", (long)pid, plan->binaries.major);
}

/* True when the keeper shall end: postgres did not start, and somebody waits for the news. */
static bool postgres_ended(struct keeper *keeper, int status)
{
    int64_t now_us = clock_monotonic_us();
    keeper->postgres = 0;
    data_end_orphans(keeper->plan);
    if (keeper->stopping)
        return false;
    if (now_us - keeper->launched_us < ORPHANS_US_MAX &&
        data_log_says_wait(keeper->log_fd, keeper->log_from)) {
        keeper->next_us = now_us + PAUSE_FIRST_US;
        return false;
    }
    struct error error;
    (void)error_set(&error, STATUS_UNAVAILABLE, "PostgreSQL does not start (%s/postgres.log)",
                    keeper->plan->place.folder.text);
    data_tell_log(keeper->log_fd, keeper->log_from, &error);
    if (report(KEEPER_FAILED, &error))
        return true;
    if (now_us - keeper->started_us > WELL_US)
        keeper->pause_us = PAUSE_FIRST_US;
    tell("error", "state=died signal=%d exit=%d pause_ms=%lld",
         WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
         (long long)(keeper->pause_us / 1000));
    keeper->next_us = now_us + keeper->pause_us;
    keeper->pause_us = least(2 * keeper->pause_us, PAUSE_LAST_US);
    return false;
}

/* ---- waiting ---- */

/* Until a child ended, SIGTERM came, or the time is up. */
static void nap(struct keeper *keeper, int64_t us_max)
{
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    sigaddset(&waited, SIGTERM);
    int64_t us = us_max > 0 ? us_max : 0;
    const struct timespec limit = {.tv_sec = us / 1000000, .tv_nsec = (us % 1000000) * 1000};
    if (sigtimedwait(&waited, NULL, &limit) == SIGTERM)
        keeper->stopping = true;
}

/* True when the keeper shall end. */
static bool collect_children(struct keeper *keeper)
{
    int status;
    pid_t pid;
    bool ends = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == keeper->postgres)
            ends = postgres_ended(keeper, status);
        if (pid == keeper->waiter)
            keeper->stopping = true;
    }
    return ends;
}

/* Signals postgres and waits for it. */
static bool end_postgres(struct keeper *keeper, int number, int seconds)
{
    int64_t deadline = clock_monotonic_us() + seconds * INT64_C(1000000);
    if (keeper->postgres != 0)
        (void)kill(keeper->postgres, number);
    for (;;) {
        (void)collect_children(keeper);
        int64_t left_us = deadline - clock_monotonic_us();
        if (keeper->postgres == 0 || left_us <= 0)
            return keeper->postgres == 0;
        nap(keeper, left_us);
    }
}

static void stop_postgres(struct keeper *keeper)
{
    if (end_postgres(keeper, SIGINT, CLUSTER_STOP_SECONDS_MAX)) {
        tell("info", "state=stopped");
        return;
    }
    tell("warn", "state=stopping step=quit");
    if (!end_postgres(keeper, SIGQUIT, QUIT_SECONDS))
        (void)end_postgres(keeper, SIGKILL, QUIT_SECONDS);
}

static void keep(struct keeper *keeper)
{
    while (!collect_children(keeper)) {
        if (keeper->stopping) {
            stop_postgres(keeper);
            return;
        }
        int64_t now_us = clock_monotonic_us();
        if (keeper->postgres == 0 && now_us >= keeper->next_us)
            start_postgres(keeper);
        if (keeper->postgres != 0)
            data_bound_log(keeper->log_fd);
        nap(keeper, keeper->postgres != 0 ? LOOK_US : keeper->next_us - now_us);
    }
}

/* ---- from the fork to the end ---- */

static enum status prepare(struct keeper *keeper, struct error *error)
{
    enum status status = start_waiter(keeper, error);
    if (status == STATUS_OK)
        status = data_clear_postmaster(error);
    if (status == STATUS_OK)
        data_end_orphans(keeper->plan);
    if (status == STATUS_OK)
        status = data_prepare(keeper->plan, keeper->log_fd, error);
    return status;
}

static _Noreturn void keeper_main(const struct keeper_plan *plan, int report_fd)
{
    struct keeper keeper = {
        .plan = plan, .launched_us = clock_monotonic_us(), .pause_us = PAUSE_FIRST_US};
    struct error error;
    enum status status = detach(&keeper, report_fd, &error);
    if (status == STATUS_OK && !lock_keeper()) {
        (void)report(KEEPER_BUSY, NULL);
        _exit(0);
    }
    if (status == STATUS_OK)
        status = prepare(&keeper, &error);
    if (status != STATUS_OK) {
        (void)report(KEEPER_FAILED, &error);
        _exit(1);
    }
    keep(&keeper);
    _exit(0);
}

enum status keeper_launch(const struct keeper_plan *plan, pid_t *keeper, int *report_fd,
                          struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "keeper: pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        keeper_main(plan, ends[1]);
    int reason = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_set(error, STATUS_UNAVAILABLE, "keeper: fork: %s", strerror(reason));
    }
    *keeper = pid;
    *report_fd = ends[0];
    return STATUS_OK;
}
