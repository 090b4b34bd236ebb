/*
 * Joining the cluster of a home, and leaving it: the side of the processes that use it.
 *
 *   place → lock `users` (shared) → is there a keeper? else fork one → ready? → database
 *
 * The caller's thread; in a server one thread more, which starts a new keeper when the old one was
 * killed. Owns the locks and that thread. Never touches the data folder: that is the keeper's.
 */
#include "store/cluster.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/cluster_inner.h"
#include "store/connection.h"
#include "store/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_FIRST_MS 10
#define LOOK_LAST_MS 250
#define STILL_WAITING_US INT64_C(10000000)
/* A keeper that stops needs this long at most. */
#define LEAVING_US_MAX ((CLUSTER_STOP_SECONDS_MAX + 30) * INT64_C(1000000))
#define RELAUNCH_PAUSE_MS_MAX 30000

struct cluster {
    struct cluster_options options;
    struct keeper_plan plan;
    bool is_server;
    int home_fd;  /* <home>/lock, servers only */
    int users_fd; /* <home>/postgres/users */
    pid_t child;  /* the keeper, when we forked it; 0 */
    int report_fd;
    int stop_fd; /* eventfd: the watch ends */
    bool watched;
    pthread_t watch;
    char url[CLUSTER_PATH_BYTES + 64];
    struct path data;
};

/* ---- keepers ---- */

static void collect_child(struct cluster *cluster, bool waits)
{
    if (cluster->child == 0)
        return;
    pid_t got;
    do
        got = waitpid(cluster->child, NULL, waits ? 0 : WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got != 0)
        cluster->child = 0;
}

static void close_report(struct cluster *cluster)
{
    if (cluster->report_fd >= 0)
        close(cluster->report_fd);
    cluster->report_fd = -1;
}

/* What our keeper has to say, if anything. */
static enum status read_report(struct cluster *cluster, struct error *error)
{
    struct keeper_report report;
    ssize_t count;
    do
        count = read(cluster->report_fd, &report, sizeof report);
    while (count < 0 && errno == EINTR);
    close_report(cluster);
    collect_child(cluster, true); /* it ends after a report */
    if (count != sizeof report || report.kind == KEEPER_BUSY)
        return STATUS_OK; /* killed, or too slow: look again */
    *error = report.error;
    return report.error.status;
}

static enum status launch(struct cluster *cluster, struct error *error)
{
    struct keeper_plan *plan = &cluster->plan;
    enum status status = binaries_find(cluster->options.postgres_bin, place_major(&plan->place),
                                       &plan->binaries, error);
    if (status == STATUS_OK)
        status = conf_write(&cluster->options, &plan->binaries, plan->conf, error);
    if (status != STATUS_OK)
        return status;
    collect_child(cluster, true);
    return keeper_launch(plan, &cluster->child, &cluster->report_fd, error);
}

/* ---- getting ready ---- */

static bool answers(const struct cluster *cluster)
{
    char url[sizeof cluster->url + 64];
    (void)snprintf(url, sizeof url,
                   "host=%s port=" CLUSTER_PORT " user=" CLUSTER_NAME
                   " dbname=postgres connect_timeout=5",
                   cluster->plan.place.socket.text);
    return PQping(url) == PQPING_OK;
}

/* True when the report, or the end of the watch, came before the time was up. */
static bool wait_report(struct cluster *cluster, int wait_ms, bool *stopped)
{
    struct pollfd polled[2] = {
        {.fd = cluster->report_fd, .events = POLLIN},
        {.fd = cluster->stop_fd, .events = POLLIN},
    };
    int ready = poll(polled, 2, wait_ms);
    *stopped = ready > 0 && polled[1].revents != 0;
    return ready > 0 && polled[0].revents != 0;
}

static enum status look_once(struct cluster *cluster, int wait_ms, struct error *error)
{
    if (cluster->report_fd < 0 && place_find_keeper(&cluster->plan.place) == 0) {
        enum status status = launch(cluster, error);
        if (status != STATUS_OK)
            return status;
    }
    if (answers(cluster)) {
        close_report(cluster);
        return STATUS_OK;
    }
    bool stopped;
    if (wait_report(cluster, wait_ms, &stopped)) {
        enum status status = read_report(cluster, error);
        if (status != STATUS_OK)
            return status;
    }
    return stopped ? STATUS_END : STATUS_WAIT;
}

static enum status wait_ready(struct cluster *cluster, struct error *error)
{
    int64_t begun_us = clock_monotonic_us();
    int64_t told_us = begun_us;
    int wait_ms = LOOK_FIRST_MS;
    for (;;) {
        enum status status = look_once(cluster, wait_ms, error);
        if (status != STATUS_WAIT)
            return status;
        int64_t now_us = clock_monotonic_us();
        if (now_us - begun_us > CLUSTER_READY_SECONDS_MAX * INT64_C(1000000))
            return error_set(error, STATUS_UNAVAILABLE,
                             "PostgreSQL did not get ready within %d s: see %s/postgres.log",
                             CLUSTER_READY_SECONDS_MAX, cluster->plan.place.folder.text);
        if (now_us - told_us > STILL_WAITING_US) {
            log_info("cluster.wait", "seconds=%lld", (long long)((now_us - begun_us) / 1000000));
            told_us = now_us;
        }
        wait_ms = wait_ms * 2 < LOOK_LAST_MS ? wait_ms * 2 : LOOK_LAST_MS;
    }
}

static enum status create_database(struct connection *connection, struct error *error)
{
    PGresult *result;
    enum status status = connection_query_row(
        connection, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = '" CLUSTER_NAME "'", 0,
        NULL, &result, error);
    if (status == STATUS_OK)
        PQclear(result);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = connection_execute(connection, "CREATE DATABASE " CLUSTER_NAME " TEMPLATE template0",
                                error);
    /* Somebody else was quicker. */
    const char *sqlstate = connection_sqlstate(connection);
    if (strcmp(sqlstate, "42P04") == 0 || strcmp(sqlstate, "23505") == 0)
        return STATUS_OK;
    return status;
}

static enum status ensure_database(struct cluster *cluster, struct error *error)
{
    char url[sizeof cluster->url + 64];
    (void)snprintf(url, sizeof url,
                   "host=%s port=" CLUSTER_PORT " user=" CLUSTER_NAME " dbname=postgres",
                   cluster->plan.place.socket.text);
    struct connection *connection = connection_open(url, "cluster", error);
    if (connection == NULL)
        return error->status;
    enum status status = create_database(connection, error);
    connection_close(&connection);
    return status;
}

/* ---- the watch ---- */

static int open_keeper(const struct cluster_place *place)
{
    pid_t keeper = place_find_keeper(place);
    int fd = keeper > 0 ? (int)syscall(SYS_pidfd_open, keeper, 0) : -1;
    if (fd >= 0 && place_find_keeper(place) != keeper) {
        close(fd); /* it ended, and its number may be somebody else's */
        fd = -1;
    }
    return fd;
}

/* Sleeps; false when the watch shall end. */
static bool watch_pause(struct cluster *cluster, int keeper_fd, int wait_ms)
{
    struct pollfd polled[2] = {
        {.fd = cluster->stop_fd, .events = POLLIN},
        {.fd = keeper_fd, .events = POLLIN},
    };
    int ready;
    do
        ready = poll(polled, 2, wait_ms);
    while (ready < 0 && errno == EINTR);
    return polled[0].revents == 0;
}

/* Until there is a ready cluster again; false when the watch shall end. */
static bool relaunch(struct cluster *cluster)
{
    int pause_ms = 500;
    for (;;) {
        struct error error;
        enum status status = wait_ready(cluster, &error);
        if (status == STATUS_OK || status == STATUS_END)
            return status == STATUS_OK;
        log_error("cluster.restart", "pause_ms=%d error=%s", pause_ms, LOG_QUOTE(error.text));
        if (!watch_pause(cluster, -1, pause_ms))
            return false;
        pause_ms = pause_ms * 2 < RELAUNCH_PAUSE_MS_MAX ? pause_ms * 2 : RELAUNCH_PAUSE_MS_MAX;
    }
}

static void *watch_main(void *argument)
{
    struct cluster *cluster = argument;
    bool goes_on = true;
    while (goes_on) {
        int keeper_fd = open_keeper(&cluster->plan.place);
        if (keeper_fd >= 0) {
            goes_on = watch_pause(cluster, keeper_fd, -1);
            close(keeper_fd);
        }
        if (!goes_on)
            break;
        log_warn("cluster.keeper", "state=gone");
        goes_on = relaunch(cluster);
    }
    return NULL;
}

static enum status start_watch(struct cluster *cluster, struct error *error)
{
    cluster->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cluster->stop_fd < 0 || thread_start(&cluster->watch, watch_main, cluster) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot watch the database: %s",
                         strerror(errno));
    cluster->watched = true;
    return STATUS_OK;
}

static void stop_watch(struct cluster *cluster)
{
    if (!cluster->watched)
        return;
    uint64_t one = 1;
    ssize_t written = write(cluster->stop_fd, &one, sizeof one);
    ASSERT(written == sizeof one);
    (void)pthread_join(cluster->watch, NULL);
    cluster->watched = false;
}

/* ---- joining ---- */

/* Waits for a keeper that is just stopping: until it has ended it holds the lock for itself. */
static enum status join_users(struct cluster *cluster, struct error *error)
{
    cluster->users_fd = place_open_lock(&cluster->plan.place, "users", error);
    if (cluster->users_fd < 0)
        return error->status;
    int64_t deadline = clock_monotonic_us() + LEAVING_US_MAX;
    while (flock(cluster->users_fd, LOCK_SH | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set(error, STATUS_UNAVAILABLE, "cannot lock %s/users: %s",
                             cluster->plan.place.folder.text, strerror(errno));
        if (clock_monotonic_us() > deadline)
            return error_set(error, STATUS_UNAVAILABLE,
                             "the PostgreSQL of %s is stopping, and does not come to an end",
                             cluster->plan.place.home.text);
        (void)poll(NULL, 0, LOOK_LAST_MS / 10);
    }
    return STATUS_OK;
}

static enum status join(struct cluster *cluster, struct error *error)
{
    struct cluster_place *place = &cluster->plan.place;
    enum status status = place_prepare(cluster->options.home, place, error);
    if (status == STATUS_OK)
        status = path_join(place->folder.text, "data", &cluster->data, error);
    if (status != STATUS_OK)
        return status;
    if (cluster->is_server && (cluster->home_fd = place_lock_home(place, error)) < 0)
        return error->status;
    (void)snprintf(cluster->url, sizeof cluster->url,
                   "host=%s port=" CLUSTER_PORT " user=" CLUSTER_NAME " dbname=" CLUSTER_NAME,
                   place->socket.text);
    status = join_users(cluster, error);
    if (status == STATUS_OK)
        status = wait_ready(cluster, error);
    if (status == STATUS_OK)
        status = ensure_database(cluster, error);
    if (status == STATUS_OK && cluster->is_server)
        status = start_watch(cluster, error);
    return status;
}

static enum status open_cluster(const struct cluster_options *options, bool is_server,
                                struct cluster **opened, struct error *error)
{
    struct cluster *cluster = MEM_NEW(struct cluster);
    cluster->options = *options;
    cluster->is_server = is_server;
    cluster->plan.logs_to_stderr = is_server;
    cluster->home_fd = cluster->users_fd = cluster->report_fd = cluster->stop_fd = -1;
    /* The watch may need it later. */
    char *bin = options->postgres_bin != NULL ? mem_copy_text(options->postgres_bin) : NULL;
    cluster->options.postgres_bin = bin;
    enum status status = join(cluster, error);
    cluster->options.home = NULL;
    if (status == STATUS_OK)
        *opened = cluster;
    else
        cluster_close(&cluster);
    return status;
}

enum status cluster_start(const struct cluster_options *options, struct cluster **cluster,
                          struct error *error)
{
    return open_cluster(options, true, cluster, error);
}

enum status cluster_attach(const struct cluster_options *options, struct cluster **cluster,
                           struct error *error)
{
    return open_cluster(options, false, cluster, error);
}

/* ---- leaving ---- */

/* The exclusive lock is ours: nobody else uses it, and whoever comes now waits for us. */
static void stop_keeper(struct cluster *cluster)
{
    int keeper_fd = open_keeper(&cluster->plan.place);
    if (keeper_fd < 0)
        return;
    (void)syscall(SYS_pidfd_send_signal, keeper_fd, SIGTERM, NULL, 0);
    struct pollfd polled = {.fd = keeper_fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&polled, 1, (int)(LEAVING_US_MAX / 1000));
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        log_error("cluster.keeper", "state=stuck home=%s",
                  LOG_QUOTE(cluster->plan.place.home.text));
    close(keeper_fd);
}

static void leave(struct cluster *cluster)
{
    /* Of several that leave at the same moment, the last one gets it. */
    if (flock(cluster->users_fd, LOCK_EX | LOCK_NB) == 0) {
        stop_keeper(cluster);
        collect_child(cluster, false);
    }
    close(cluster->users_fd);
}

void cluster_close(struct cluster **place)
{
    struct cluster *cluster = *place;
    *place = NULL;
    if (cluster == NULL)
        return;
    stop_watch(cluster);
    close_report(cluster);
    if (cluster->users_fd >= 0)
        leave(cluster);
    if (cluster->home_fd >= 0)
        close(cluster->home_fd);
    if (cluster->stop_fd >= 0)
        close(cluster->stop_fd);
    mem_free((void *)cluster->options.postgres_bin);
    mem_free(cluster);
}

const char *cluster_url(const struct cluster *cluster)
{
    return cluster->url;
}

const char *cluster_data_path(const struct cluster *cluster)
{
    return cluster->data.text;
}
