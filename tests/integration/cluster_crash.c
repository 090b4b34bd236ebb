/*
 * The embedded cluster when somebody is killed, a start was interrupted, or the disk is full.
 */
#include "cluster_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(cluster_crash, .timeout = 240);

static void make_kept(const char *url)
{
    struct connection *connection = open_database(url);
    execute(connection, "create table kept (n int); insert into kept values (7)");
    connection_close(&connection);
}

/* Tries until the database answers again. */
static void must_come_back(const char *url, int seconds)
{
    struct error error = {0};
    for (int waited_ms = 0; waited_ms < seconds * 1000; waited_ms += 50) {
        struct connection *connection = connection_open(url, "test", &error);
        if (connection != NULL) {
            cr_assert_eq(ask_number(connection, "select n from kept"), 7);
            connection_close(&connection);
            return;
        }
        (void)poll(NULL, 0, 50);
    }
    cr_assert_fail("%s", error.text);
}

static void must_start_again(const struct home *home)
{
    struct cluster *cluster = start_server(home);
    must_come_back(cluster_url(cluster), 1);
    cluster_close(&cluster);
}

/* Minutes of work that never looks whether the postmaster is alive. */
static struct connection *start_long_query(const char *url)
{
    struct connection *busy = open_database(url);
    cr_assert_eq(PQsendQuery(connection_raw(busy),
                             "select count(*) from generate_series(1, 100000000000) a"),
                 1);
    (void)PQflush(connection_raw(busy));
    (void)poll(NULL, 0, 100);
    return busy;
}

/* The process that holds <home>/postgres/keeper. */
static pid_t keeper_of(const struct home *home)
{
    int fd = open(home_file(home, "postgres/keeper"), O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    cr_assert_eq(fcntl(fd, F_GETLK, &lock), 0);
    (void)close(fd);
    return lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

Test(cluster_crash, a_killed_postgres_is_started_again)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = start_server(&home);
    make_kept(cluster_url(cluster));
    for (int i = 0; i < 2; i++) {
        pid_t postmaster = postmaster_of(&home);
        cr_assert_eq(kill(postmaster, SIGKILL), 0);
        cr_assert(ends_within(postmaster, 10));
        must_come_back(cluster_url(cluster), 30);
        cr_assert_neq(postmaster_of(&home), postmaster);
    }
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(cluster_crash, a_killed_postgres_with_a_busy_session_is_started_again)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = start_server(&home);
    make_kept(cluster_url(cluster));
    struct connection *busy = start_long_query(cluster_url(cluster));
    pid_t postmaster = postmaster_of(&home);
    cr_assert_eq(kill(postmaster, SIGKILL), 0);
    must_come_back(cluster_url(cluster), 20);
    connection_close(&busy);
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(cluster_crash, a_killed_server_takes_postgres_with_it)
{
    struct home home;
    home_init(&home);
    pid_t server = server_spawn(&home);
    pid_t postmaster = postmaster_of(&home);
    cr_assert_gt(postmaster, 0);
    kill_hard(server);
    cr_assert(ends_within(postmaster, 30));
    cr_assert_eq(postmaster_of(&home), 0, "it was a clean shutdown");
    struct cluster *cluster = start_server(&home);
    make_kept(cluster_url(cluster));
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(cluster_crash, a_killed_server_can_be_started_again_at_once)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    make_kept(cluster_url(cluster));
    cluster_close(&cluster);
    for (int i = 0; i < 5; i++) {
        kill_hard(server_spawn(&home));
        (void)poll(NULL, 0, i * 15);
        must_start_again(&home);
    }
    home_deinit(&home);
}

Test(cluster_crash, a_killed_server_leaves_postgres_to_those_who_use_it)
{
    struct home home;
    home_init(&home);
    pid_t server = server_spawn(&home);
    struct cluster *import = attach(&home);
    make_kept(cluster_url(import));
    pid_t postmaster = postmaster_of(&home);
    kill_hard(server);
    cr_assert_not(ends_within(postmaster, 1));
    must_come_back(cluster_url(import), 1);
    cluster_close(&import);
    cr_assert_not(is_alive(postmaster));
    home_deinit(&home);
}

Test(cluster_crash, a_killed_keeper_is_replaced_and_postgres_with_it)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = start_server(&home);
    make_kept(cluster_url(cluster));
    pid_t keeper = keeper_of(&home);
    pid_t postmaster = postmaster_of(&home);
    cr_assert_eq(kill(keeper, SIGKILL), 0);
    cr_assert(ends_within(postmaster, 30), "the kernel tells postgres");
    must_come_back(cluster_url(cluster), 30);
    cr_assert_neq(keeper_of(&home), 0);
    cr_assert_neq(keeper_of(&home), keeper);
    cluster_close(&cluster);
    cr_assert_eq(keeper_of(&home), 0);
    home_deinit(&home);
}

Test(cluster_crash, everybody_killed_at_once_leaves_a_home_that_starts)
{
    struct home home;
    home_init(&home);
    pid_t server = server_spawn(&home);
    struct cluster *import = attach(&home);
    make_kept(cluster_url(import));
    struct connection *busy = start_long_query(cluster_url(import));
    pid_t keeper = keeper_of(&home);
    pid_t postmaster = postmaster_of(&home);
    cr_assert_eq(kill(server, SIGKILL), 0);
    cr_assert_eq(kill(postmaster, SIGKILL), 0);
    cr_assert_eq(kill(keeper, SIGKILL), 0);
    (void)waitpid(server, NULL, 0);
    connection_close(&busy);
    cluster_close(&import);
    cr_assert_gt(postmaster_of(&home), 0, "postmaster.pid is left over");
    must_start_again(&home);
    home_deinit(&home);
}

/* ---- postmaster.pid ---- */

static void rewrite_pid(const struct home *home, pid_t pid)
{
    /* As postgres left it, but for the number. */
    char text[4096];
    FILE *file = fopen(home_file(home, "stale.pid"), "re");
    cr_assert_not_null(file);
    size_t count = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[count] = '\0';
    file = fopen(home_file(home, "postgres/data/postmaster.pid"), "we");
    cr_assert_not_null(file);
    (void)fprintf(file, "%ld%s", (long)pid, strchr(text, '\n'));
    (void)fclose(file);
    struct stat data;
    cr_assert_eq(stat(home_file(home, "postgres/data"), &data), 0);
    if (geteuid() == 0)
        cr_assert_eq(
            chown(home_file(home, "postgres/data/postmaster.pid"), data.st_uid, data.st_gid), 0);
}

/* Somebody of the cluster's own user, who has nothing to do with it. */
static pid_t spawn_stranger(const struct home *home)
{
    struct stat data;
    cr_assert_eq(stat(home_file(home, "postgres/data"), &data), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && setuid(data.st_uid) != 0)
            _exit(1);
        (void)alarm(120);
        for (;;)
            (void)pause();
    }
    return pid;
}

Test(cluster_crash, a_leftover_postmaster_pid_does_not_stand_in_the_way)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    make_kept(cluster_url(cluster));
    char command[2048];
    (void)snprintf(command, sizeof command, "cp '%s' '%s'",
                   home_file(&home, "postgres/data/postmaster.pid"), home_file(&home, "stale.pid"));
    cr_assert_eq(system(command), 0);
    cluster_close(&cluster);

    pid_t gone = spawn_stranger(&home);
    kill_hard(gone);
    rewrite_pid(&home, gone);
    must_start_again(&home);

    pid_t stranger = spawn_stranger(&home);
    rewrite_pid(&home, stranger);
    must_start_again(&home);
    cr_assert(is_alive(stranger), "a reused number is somebody else");
    kill_hard(stranger);

    rewrite_pid(&home, 1);
    must_start_again(&home);
    rewrite_pid(&home, getpid());
    must_start_again(&home);
    home_deinit(&home);
}

/* ---- interrupted starts ---- */

static void play_first_start(const struct home *home, void (*ready)(void))
{
    ready();
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error;
    if (cluster_start(&options, &cluster, &error) == STATUS_OK)
        cluster_close(&cluster);
}

Test(cluster_crash, a_first_start_may_be_interrupted_at_any_moment)
{
    struct home home;
    home_init(&home);
    for (int i = 0; i < 12; i++) {
        pid_t server = process_play(&home, play_first_start);
        (void)poll(NULL, 0, 20 + 60 * i);
        kill_hard(server);
        /* Now and then the keeper, too: initdb then dies in the middle. */
        pid_t keeper = i % 2 == 0 && access(home_file(&home, "postgres/keeper"), F_OK) == 0
                           ? keeper_of(&home)
                           : 0;
        if (keeper > 0)
            (void)kill(keeper, SIGKILL);
    }
    struct cluster *cluster = start_server(&home);
    make_kept(cluster_url(cluster));
    cluster_close(&cluster);
    cr_assert_neq(access(home_file(&home, "postgres/data.new"), F_OK), 0);
    home_deinit(&home);
}

Test(cluster_crash, an_unfinished_initdb_is_thrown_away)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    cluster_close(&cluster);
    cr_assert_eq(rename(home_file(&home, "postgres/data"), home_file(&home, "postgres/data.new")),
                 0);
    cr_assert_eq(unlink(home_file(&home, "postgres/data.new/global/pg_control")), 0);
    cluster = start_server(&home);
    make_kept(cluster_url(cluster));
    cluster_close(&cluster);
    cr_assert_neq(access(home_file(&home, "postgres/data.new"), F_OK), 0);
    home_deinit(&home);
}

Test(cluster_crash, a_full_disk_is_named_and_nothing_is_left_of_it)
{
    struct home home;
    home_init(&home);
    cr_assert_eq(mkdir(home.path, 0755), 0);
    if (mount("tapedeck", home.path, "tmpfs", 0, "size=24m") != 0) {
        skip_aloud("cannot mount a small disk here");
        home_deinit(&home);
        return;
    }
    cr_assert_eq(chmod(home.path, 0755), 0);
    struct cluster_options options = {.home = home.path};
    struct cluster *cluster;
    struct error error = {0};
    enum status status = cluster_attach(&options, &cluster, &error);
    bool is_left = access(home_file(&home, "postgres/data"), F_OK) == 0 ||
                   access(home_file(&home, "postgres/data.new"), F_OK) == 0;
    bool grew = mount("tapedeck", home.path, "tmpfs", MS_REMOUNT, "size=200m") == 0;
    enum status again = STATUS_INTERNAL;
    struct error second = {0};
    if (grew && (again = cluster_attach(&options, &cluster, &second)) == STATUS_OK)
        cluster_close(&cluster);
    (void)umount2(home.path, MNT_DETACH);
    cr_assert_eq(status, STATUS_UNAVAILABLE);
    MUST_SAY("No space left on device");
    cr_assert_not(is_left);
    cr_assert(grew);
    cr_assert_eq(again, STATUS_OK, "%s", second.text);
    home_deinit(&home);
}
