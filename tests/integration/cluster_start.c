/*
 * The embedded cluster: made, joined, left, and refused with a sentence that helps.
 */
#include "cluster_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(cluster_start, .timeout = 180);

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    (void)fputs(text, file);
    (void)fclose(file);
}

static uid_t owner_of(const char *path)
{
    struct stat now;
    cr_assert_eq(lstat(path, &now), 0, "%s: %s", path, strerror(errno));
    return now.st_uid;
}

static mode_t mode_of(const char *path)
{
    struct stat now;
    cr_assert_eq(stat(path, &now), 0, "%s: %s", path, strerror(errno));
    return now.st_mode & 0777;
}

static int64_t size_of(const char *path)
{
    struct stat now;
    return stat(path, &now) == 0 ? (int64_t)now.st_size : -1;
}

Test(cluster_start, a_fresh_home_becomes_a_private_cluster_with_a_database)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = start_server(&home);
    struct connection *connection = open_database(cluster_url(cluster));

    cr_assert_str_eq(ask_text(connection, "select current_database()"), "tapedeck");
    cr_assert_str_eq(ask_text(connection, "show listen_addresses"), "");
    cr_assert_str_eq(ask_text(connection, "show data_checksums"), "on");
    cr_assert_str_eq(ask_text(connection, "show server_encoding"), "UTF8");
    cr_assert_str_eq(ask_text(connection, "show jit"), "off");
    cr_assert_str_eq(ask_text(connection, "show synchronous_commit"), "on");
    cr_assert_str_eq(ask_text(connection, "show fsync"), "on");
    cr_assert_str_eq(ask_text(connection, "show max_locks_per_transaction"), "1024");
    cr_assert_str_eq(ask_text(connection, "select datcollate from pg_database"
                                          " where datname = 'tapedeck'"),
                     "C.UTF-8");
    cr_assert_str_eq(cluster_data_path(cluster), home_file(&home, "postgres/data"));
    cr_assert_eq(mode_of(home_file(&home, "postgres")), 0700);
    cr_assert_eq(mode_of(home_file(&home, "postgres/socket")), 0700);
    cr_assert_neq(owner_of(home_file(&home, "postgres/data")), 0, "postgres never runs as root");

    connection_close(&connection);
    pid_t postmaster = postmaster_of(&home);
    cluster_close(&cluster);
    cr_assert_not(is_alive(postmaster));
    cr_assert_eq(postmaster_of(&home), 0, "a clean shutdown takes postmaster.pid away");
    home_deinit(&home);
}

Test(cluster_start, timescaledb_is_preloaded_where_it_is_installed)
{
    if (!have_timescaledb())
        return;
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    struct connection *connection = open_database(cluster_url(cluster));
    cr_assert_str_eq(ask_text(connection, "show shared_preload_libraries"), "timescaledb");
    cr_assert_str_eq(ask_text(connection, "show timescaledb.telemetry_level"), "off");
    connection_close(&connection);
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(cluster_start, what_was_written_is_there_at_the_next_start)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    struct connection *connection = open_database(cluster_url(cluster));
    execute(connection, "create table kept (n int); insert into kept values (7)");
    connection_close(&connection);
    cluster_close(&cluster);

    cluster = start_server(&home);
    connection = open_database(cluster_url(cluster));
    cr_assert_eq(ask_number(connection, "select n from kept"), 7);
    connection_close(&connection);
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(cluster_start, a_second_server_is_told_the_pid_of_the_first)
{
    struct home home;
    home_init(&home);
    struct cluster *first = start_server(&home);
    struct cluster_options options = {.home = home.path};
    struct cluster *second;
    struct error error = {0};
    MUST_FAIL(cluster_start(&options, &second, &error), STATUS_CONFLICT);
    char pid[32];
    (void)snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
    MUST_SAY(pid);
    cluster_close(&first);
    second = start_server(&home);
    cluster_close(&second);
    home_deinit(&home);
}

Test(cluster_start, the_last_to_leave_stops_postgres)
{
    struct home home;
    home_init(&home);
    struct cluster *server = start_server(&home);
    struct cluster *import = attach(&home);
    pid_t postmaster = postmaster_of(&home);
    cluster_close(&server);
    cr_assert(is_alive(postmaster), "an import still uses it");
    struct connection *connection = open_database(cluster_url(import));
    connection_close(&connection);

    server = start_server(&home);
    cr_assert_eq(postmaster_of(&home), postmaster, "it joined what was running");
    cluster_close(&import);
    cr_assert(is_alive(postmaster), "the server still uses it");
    cluster_close(&server);
    cr_assert_not(is_alive(postmaster));
    home_deinit(&home);
}

static void play_attach_once(const struct home *home, void (*ready)(void))
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error;
    if (cluster_attach(&options, &cluster, &error) != STATUS_OK) {
        (void)fprintf(stderr, "attach: %s\n", error.text);
        _exit(1);
    }
    ready();
    struct connection *connection = connection_open(cluster_url(cluster), "test", &error);
    bool works = connection != NULL &&
                 connection_execute(connection, "select pg_sleep(0.2)", &error) == STATUS_OK;
    connection_close(&connection);
    cluster_close(&cluster);
    _exit(works ? 0 : 1);
}

Test(cluster_start, several_at_once_on_a_fresh_home_share_one_cluster)
{
    enum { COUNT = 4 };
    struct home home;
    home_init(&home);
    pid_t pids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (int turn = 0; turn < 3; turn++) {
                pid_t pid = process_play(&home, play_attach_once);
                int status = 1;
                if (waitpid(pid, &status, 0) != pid || status != 0)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        int status = 1;
        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_assert_eq(status, 0);
    }
    cr_assert_eq(postmaster_of(&home), 0, "the last one has stopped it");
    home_deinit(&home);
}

Test(cluster_start, a_long_home_gets_a_short_socket_that_every_process_finds)
{
    struct home home;
    home_init_below(&home, "a-folder-with-a-very-long-name-indeed-so-that-the-path-of-a-socket-in-"
                           "it-would-not-fit/home");
    struct cluster *server = start_server(&home);
    struct cluster *import = attach(&home);
    cr_assert_str_eq(cluster_url(server), cluster_url(import));
    char target[512];
    ssize_t count = readlink(home_file(&home, "postgres/socket"), target, sizeof target - 1);
    cr_assert_gt(count, 0);
    target[count] = '\0';
    cr_assert_eq(mode_of(target), 0700);
    struct connection *connection = open_database(cluster_url(import));
    connection_close(&connection);
    cluster_close(&import);
    cluster_close(&server);
    (void)rmdir(target);
    home_deinit(&home);
}

Test(cluster_start, a_home_with_odd_characters_works)
{
    struct home home;
    home_init_below(&home, "it's, a \"höme\" $x");
    struct cluster *cluster = start_server(&home);
    struct connection *connection = open_database(cluster_url(cluster));
    connection_close(&connection);
    cluster_close(&cluster);
    char target[512];
    ssize_t count = readlink(home_file(&home, "postgres/socket"), target, sizeof target - 1);
    cr_assert_gt(count, 0);
    target[count] = '\0';
    (void)rmdir(target);
    home_deinit(&home);
}

Test(cluster_start, a_socket_folder_of_a_stranger_is_refused)
{
    if (geteuid() != 0) {
        skip_aloud("only root can make a folder of another user");
        return;
    }
    struct home home;
    home_init_below(&home, "a, b");
    struct cluster *cluster = start_server(&home);
    cluster_close(&cluster);
    char target[512];
    ssize_t count = readlink(home_file(&home, "postgres/socket"), target, sizeof target - 1);
    cr_assert_gt(count, 0);
    target[count] = '\0';
    cr_assert_eq(chown(target, 65534, 65534), 0);
    struct cluster_options options = {.home = home.path};
    struct error error = {0};
    MUST_FAIL(cluster_start(&options, &cluster, &error), STATUS_FORBIDDEN);
    MUST_SAY("is not a folder of user");
    (void)rmdir(target);
    home_deinit(&home);
}

/* ---- PostgreSQL itself ---- */

Test(cluster_start, without_postgresql_it_says_what_to_install)
{
    struct home home;
    home_init(&home);
    struct cluster_options options = {.home = home.path, .postgres_bin = "/nowhere/bin"};
    struct cluster *cluster;
    struct error error = {0};
    MUST_FAIL(cluster_attach(&options, &cluster, &error), STATUS_NOT_FOUND);
    MUST_SAY("/nowhere/bin");
    MUST_SAY("TAPEDECK_PG_BIN");
    cr_assert_eq(setenv("TAPEDECK_PG_BIN", "/nowhere/else", 1), 0);
    options.postgres_bin = NULL;
    MUST_FAIL(cluster_attach(&options, &cluster, &error), STATUS_NOT_FOUND);
    MUST_SAY("/nowhere/else");
    home_deinit(&home);
}

Test(cluster_start, data_of_another_major_version_is_refused_with_both_numbers)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    cluster_close(&cluster);
    write_file(home_file(&home, "postgres/data/PG_VERSION"), "14\n");
    struct cluster_options options = {.home = home.path};
    struct error error = {0};
    MUST_FAIL(cluster_attach(&options, &cluster, &error), STATUS_CONFLICT);
    MUST_SAY("made by PostgreSQL 14");
    MUST_SAY("apt install postgresql-14");
    home_deinit(&home);
}

Test(cluster_start, a_data_folder_that_is_none_is_refused_and_left_alone)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    cluster_close(&cluster);
    cr_assert_eq(unlink(home_file(&home, "postgres/data/PG_VERSION")), 0);
    struct cluster_options options = {.home = home.path};
    struct error error = {0};
    MUST_FAIL(cluster_attach(&options, &cluster, &error), STATUS_CONFLICT);
    MUST_SAY("is not a PostgreSQL data folder");
    cr_assert_geq(size_of(home_file(&home, "postgres/data/postgresql.conf")), 1);
    home_deinit(&home);
}

/* ---- settings and log ---- */

Test(cluster_start, a_half_written_conf_of_ours_is_written_anew)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    cluster_close(&cluster);
    write_file(home_file(&home, "postgres/data/tapedeck.conf"), "max_connections = '");
    write_file(home_file(&home, "postgres/data/tapedeck.conf.new"), "shared_buf");
    cluster = attach(&home);
    struct connection *connection = open_database(cluster_url(cluster));
    cr_assert_str_eq(ask_text(connection, "show max_connections"), "64");
    connection_close(&connection);
    cluster_close(&cluster);
    home_deinit(&home);
}

Test(cluster_start, a_postgres_that_does_not_start_is_quoted)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    cluster_close(&cluster);
    FILE *conf = fopen(home_file(&home, "postgres/data/postgresql.conf"), "ae");
    cr_assert_not_null(conf);
    (void)fputs("no_such_setting = 1\n", conf);
    (void)fclose(conf);
    struct cluster_options options = {.home = home.path};
    struct error error = {0};
    MUST_FAIL(cluster_attach(&options, &cluster, &error), STATUS_UNAVAILABLE);
    MUST_SAY("does not start");
    MUST_SAY("no_such_setting");
    MUST_FAIL(cluster_start(&options, &cluster, &error), STATUS_UNAVAILABLE);
    MUST_SAY("no_such_setting");
    home_deinit(&home);
}

Test(cluster_start, the_log_is_bounded)
{
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    cluster_close(&cluster);
    FILE *log = fopen(home_file(&home, "postgres/postgres.log"), "ae");
    cr_assert_not_null(log);
    for (int i = 0; i < 11 << 10; i++)
        (void)fprintf(log, "%01023d\n", i);
    (void)fclose(log);
    cluster = attach(&home);
    cluster_close(&cluster);
    cr_assert_geq(size_of(home_file(&home, "postgres/postgres.log.old")), 11 << 20);
    cr_assert_lt(size_of(home_file(&home, "postgres/postgres.log")), 1 << 20);
    home_deinit(&home);
}

/* ---- users ---- */

Test(cluster_start, a_home_that_the_owner_cannot_reach_gets_a_cluster_elsewhere)
{
    if (geteuid() != 0) {
        skip_aloud("only root runs the cluster as somebody else");
        return;
    }
    struct home home;
    home_init_below(&home, "closed/home");
    char *slash = strrchr(home.path, '/');
    *slash = '\0';
    cr_assert_eq(mkdir(home.path, 0700), 0);
    *slash = '/';
    struct cluster *cluster = start_server(&home);
    char target[512];
    ssize_t count = readlink(home_file(&home, "postgres"), target, sizeof target - 1);
    cr_assert_gt(count, 0, "a link leads there");
    target[count] = '\0';
    cr_assert(strncmp(target, "/var/lib/tapedeck/", 18) == 0, "%s", target);
    cr_assert_eq(mode_of(target), 0700);
    struct connection *connection = open_database(cluster_url(cluster));
    execute(connection, "create table kept (n int)");
    connection_close(&connection);
    cluster_close(&cluster);

    cluster = attach(&home);
    connection = open_database(cluster_url(cluster));
    execute(connection, "select from kept");
    connection_close(&connection);
    cluster_close(&cluster);
    home_deinit(&home);
}

static void become_nobody(void)
{
    struct passwd *nobody = getpwnam("nobody");
    if (nobody == NULL || setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0)
        _exit(2);
}

static void play_nobody(const struct home *home, void (*ready)(void))
{
    become_nobody();
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error = {0};
    enum status status = cluster_attach(&options, &cluster, &error);
    ready();
    (void)fprintf(stderr, "nobody: %s\n", error.text);
    _exit(status == STATUS_FORBIDDEN ? 0 : 1);
}

Test(cluster_start, a_home_of_another_user_is_refused)
{
    if (geteuid() != 0) {
        skip_aloud("only root can become another user");
        return;
    }
    struct home home;
    home_init(&home);
    struct cluster *cluster = attach(&home);
    pid_t pid = process_play(&home, play_nobody);
    int status = 1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cluster_close(&cluster);
    home_deinit(&home);
}

static void play_owner(const struct home *home, void (*ready)(void))
{
    become_nobody();
    play_attach_once(home, ready);
}

Test(cluster_start, root_runs_an_ordinary_users_cluster_as_that_user)
{
    if (geteuid() != 0) {
        skip_aloud("only root can become another user");
        return;
    }
    struct home home;
    home_init(&home);
    struct passwd *nobody = getpwnam("nobody");
    cr_assert_eq(mkdir(home.path, 0755), 0);
    cr_assert_eq(chown(home.path, nobody->pw_uid, nobody->pw_gid), 0);
    int status = 1;
    pid_t pid = process_play(&home, play_owner);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);

    struct cluster *cluster = attach(&home);
    struct connection *connection = open_database(cluster_url(cluster));
    connection_close(&connection);
    cr_assert_eq(owner_of(home_file(&home, "postgres/data")), nobody->pw_uid);
    cluster_close(&cluster);
    pid = process_play(&home, play_owner);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "the user can still use it");
    home_deinit(&home);
}
