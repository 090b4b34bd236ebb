#include "cluster_fixture.h"

#include "homes.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 20

/* Criterion's runner loses 48 bytes now and then, when a test's process ends while others run: only
 * the processes of tests are looked at for leaks. */
int __lsan_is_turned_off(void);
static bool is_test_process;

int __lsan_is_turned_off(void)
{
    return !is_test_process;
}

/* ---- homes ---- */

static bool installed(const char *pattern)
{
    glob_t matches;
    bool found = glob(pattern, 0, NULL, &matches) == 0 && matches.gl_pathc > 0;
    globfree(&matches);
    return found;
}

void skip_aloud(const char *why)
{
    (void)fprintf(stderr, "[SKIP] %s\n", why);
}

bool have_timescaledb(void)
{
    if (installed("/usr/lib/postgresql/*/lib/timescaledb.so"))
        return true;
    skip_aloud("TimescaleDB is not installed");
    return false;
}

void home_init_below(struct home *home, const char *below)
{
    is_test_process = true;
    if (!installed("/usr/lib/postgresql/*/bin/initdb"))
        cr_skip_test("PostgreSQL is not installed");
    cr_assert(homes_make(home->folder, sizeof home->folder), "%s", home->folder);
    (void)snprintf(home->path, sizeof home->path, "%s/%s", home->folder, below);
}

void home_init(struct home *home)
{
    home_init_below(home, "home");
}

const char *home_file(const struct home *home, const char *name)
{
    static _Thread_local char paths[4][1024];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", home->path, name);
    return path;
}

static void remove_tree(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(1);
    }
    (void)waitpid(pid, NULL, 0);
}

void home_deinit(struct home *home)
{
    pid_t postmaster = postmaster_of(home);
    if (postmaster > 0 && is_alive(postmaster))
        (void)ends_within(postmaster, 60);
    char link[PATH_MAX];
    ssize_t count = readlink(home_file(home, "postgres"), link, sizeof link - 1);
    if (count > 0) {
        link[count] = '\0';
        remove_tree(link);
    }
    remove_tree(home->folder);
}

/* ---- processes ---- */

pid_t read_pid(const char *path)
{
    FILE *file = fopen(path, "re");
    long pid = 0;
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    (void)fclose(file);
    return (pid_t)pid;
}

pid_t postmaster_of(const struct home *home)
{
    return read_pid(home_file(home, "postgres/data/postmaster.pid"));
}

/* A zombie has ended. */
bool is_alive(pid_t pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t count = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[count] = '\0';
    const char *state = strrchr(text, ')');
    return state != NULL && state[1] != '\0' && state[2] != 'Z' && state[2] != 'X';
}

bool ends_within(pid_t pid, int seconds)
{
    for (int waited_ms = 0; waited_ms < seconds * 1000; waited_ms += LOOK_MS) {
        if (!is_alive(pid))
            return true;
        (void)poll(NULL, 0, LOOK_MS);
    }
    return !is_alive(pid);
}

void kill_hard(pid_t pid)
{
    cr_assert_eq(kill(pid, SIGKILL), 0);
    (void)waitpid(pid, NULL, 0);
}

static int ready_fd = -1;

static void tell_ready(void)
{
    if (ready_fd < 0)
        return;
    (void)!write(ready_fd, "r", 1);
    (void)close(ready_fd);
    ready_fd = -1;
}

pid_t process_play(const struct home *home, server_play_fn *play)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no test leaves it behind */
        (void)close(ends[0]);
        ready_fd = ends[1];
        play(home, tell_ready);
        _exit(0);
    }
    (void)close(ends[1]);
    char byte;
    ssize_t count = read(ends[0], &byte, 1);
    (void)close(ends[0]);
    cr_assert_eq(count, 1, "the process did not get ready");
    return pid;
}

static void play_server(const struct home *home, void (*ready)(void))
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error;
    if (cluster_start(&options, &cluster, &error) != STATUS_OK) {
        (void)fprintf(stderr, "server: %s\n", error.text);
        return;
    }
    ready();
    for (;;)
        (void)pause();
}

pid_t server_spawn(const struct home *home)
{
    return process_play(home, play_server);
}

struct cluster *start_server(const struct home *home)
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster = NULL;
    struct error error = {0};
    MUST(cluster_start(&options, &cluster, &error));
    return cluster;
}

struct cluster *attach(const struct home *home)
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster = NULL;
    struct error error = {0};
    MUST(cluster_attach(&options, &cluster, &error));
    return cluster;
}

/* ---- the database ---- */

struct connection *open_database(const char *url)
{
    struct error error = {0};
    struct connection *connection = connection_open(url, "test", &error);
    cr_assert_not_null(connection, "%s", error.text);
    return connection;
}

void execute(struct connection *connection, const char *sql)
{
    struct error error = {0};
    MUST(connection_execute(connection, sql, &error));
}

const char *ask_text(struct connection *connection, const char *sql)
{
    static char text[4096];
    struct error error = {0};
    PGresult *row;
    MUST(connection_query_row(connection, sql, 0, NULL, &row, &error));
    const char *value = result_text(row, 0, 0);
    (void)snprintf(text, sizeof text, "%s", value != NULL ? value : "(null)");
    PQclear(row);
    return text;
}

int64_t ask_number(struct connection *connection, const char *sql)
{
    const char *text = ask_text(connection, sql);
    char *end;
    long long value = strtoll(text, &end, 10);
    cr_assert(*text != '\0' && *end == '\0', "%s: %s", sql, text);
    return value;
}

static bool database_start(struct database *database, enum engine_kind engine, bool is_new)
{
    if (engine == ENGINE_TIMESCALEDB && !have_timescaledb())
        return false;
    *database = (struct database){.engine = engine};
    struct error error = {0};
    home_init(&database->home);
    if (!is_new)
        template_copy(engine_name(engine), database->home.path);
    database->cluster = attach(&database->home);
    struct migrate_options options = {.url = cluster_url(database->cluster),
                                      .plain = engine == ENGINE_POSTGRESQL};
    struct migrate_outcome outcome;
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_eq(outcome.engine.kind, engine);
    cr_assert_eq(outcome.change_count > 0, is_new);
    database->connection = open_database(cluster_url(database->cluster));
    return true;
}

bool database_init(struct database *database, enum engine_kind engine)
{
    return database_start(database, engine, false);
}

bool database_init_new(struct database *database, enum engine_kind engine)
{
    return database_start(database, engine, true);
}

void database_deinit(struct database *database)
{
    connection_close(&database->connection);
    cluster_close(&database->cluster);
    home_deinit(&database->home);
}

void jobs_stop(struct database *database)
{
    if (database->engine != ENGINE_TIMESCALEDB)
        return;
    cr_assert_str_eq(
        ask_text(database->connection, "select _timescaledb_functions.stop_background_workers()"),
        "t");
    /* The running ones are told to end by that, but not waited for. Names end with "[1000]". */
#define JOBS "pg_catalog.pg_stat_activity where backend_type ~ '\\[[0-9]+\\]$'"
    execute(database->connection, "select pg_catalog.pg_terminate_backend(j.pid, 60000) from"
                                  " (select pid from " JOBS " offset 0) j");
    cr_assert_eq(ask_number(database->connection, "select count(*) from " JOBS), 0,
                 "a job does not end");
}
