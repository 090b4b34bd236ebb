#include "deck.h"

#include "homes.h"
#include "template.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
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

#define START_SECONDS 120
#define ARGUMENTS_MAX 32

/* Criterion's runner loses 48 bytes now and then, when a test's process ends while others run: only
 * the processes of tests are looked at for leaks. */
int __lsan_is_turned_off(void);
static bool is_test_process;

int __lsan_is_turned_off(void)
{
    return !is_test_process;
}

const char *deck_engine(void)
{
    const char *engine = getenv("TAPEDECK_TEST_ENGINE");
    return engine != NULL ? engine : "postgresql";
}

bool deck_engine_is_here(const char *engine)
{
    if (strcmp(engine, "postgresql") == 0)
        return true;
    /* Beside the newest server, the one that the embedded cluster takes. */
    int found = system("ls /usr/share/postgresql/*/extension/timescaledb.control >/dev/null 2>&1");
    if (found != 0)
        fprintf(stderr,
                "[SKIP] the timescaledb suite: the TimescaleDB extension is not installed\n");
    return found == 0;
}

void deck_init_empty(struct deck *deck, const char *engine)
{
    is_test_process = true;
    memset(deck, 0, sizeof *deck);
    cr_assert(homes_make(deck->home, sizeof deck->home), "%s", deck->home);
    deck->engine = engine;
    (void)snprintf(deck->url, sizeof deck->url,
                   "host=%s/postgres/socket user=tapedeck dbname=tapedeck", deck->home);
}

void deck_init(struct deck *deck, const char *engine)
{
    deck_init_empty(deck, engine);
    template_copy(engine, deck->home);
}

static void become(const struct deck *deck, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX + 2] = {TAPEDECK_BINARY};
    size_t count = 1;
    for (; arguments[count - 1] != NULL; count++) {
        if (count > ARGUMENTS_MAX)
            _exit(126);
        all[count] = arguments[count - 1];
    }
    setenv("TAPEDECK_HOME", deck->home, 1);
    setenv("USE_TIMESCALEDB", strcmp(deck->engine, "timescaledb") == 0 ? "true" : "false", 1);
    unsetenv("TIMESCALE_DATABASE_URL");
    /* Criterion does not tear down a test that was skipped: the server ends with its process. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    execv(TAPEDECK_BINARY, (char *const *)(uintptr_t)all);
    _exit(127);
}

/* Reads until `until` (or the end) has come; false when the time is over. */
static bool read_until(int fd, const char *until, char *text, size_t bytes)
{
    size_t used = 0;
    time_t end = time(NULL) + START_SECONDS;
    text[0] = '\0';
    while (time(NULL) < end) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 1000) <= 0)
            continue;
        char scrap[4096];
        size_t room = bytes - 1 - used;
        ssize_t count = read(fd, room > 0 ? text + used : scrap, room > 0 ? room : sizeof scrap);
        if (count <= 0)
            return until == NULL;
        used += room > 0 ? (size_t)count : 0;
        text[used] = '\0';
        if (until != NULL && strstr(text, until) != NULL)
            return true;
    }
    return false;
}

void deck_serve(struct deck *deck, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX + 1] = {"serve", "--port", "0"};
    size_t count = 3;
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++)
        all[count++] = arguments[i];
    all[count] = NULL;
    int out[2];
    cr_assert_eq(pipe(out), 0);
    deck->server = fork();
    cr_assert_geq(deck->server, 0);
    if (deck->server == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        become(deck, all);
    }
    close(out[1]);
    char text[8192];
    bool up = read_until(out[0], "/\n", text, sizeof text);
    const char *url = strstr(text, "://127.0.0.1:"); /* http, or https */
    cr_assert(up && url != NULL, "tapedeck serve did not come up: %s", text);
    deck->port = (uint16_t)strtoul(url + strlen("://127.0.0.1:"), NULL, 10);
    /* The pipe stays open, so that the server can go on writing to it. */
    fcntl(out[0], F_SETFD, FD_CLOEXEC);
}

static int end_server(struct deck *deck, int signal_number)
{
    if (deck->server <= 0)
        return 0;
    kill(deck->server, signal_number);
    int status = 0;
    cr_assert_eq(waitpid(deck->server, &status, 0), deck->server);
    deck->server = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int deck_stop(struct deck *deck)
{
    return end_server(deck, SIGTERM);
}

void deck_kill(struct deck *deck)
{
    (void)end_server(deck, SIGKILL);
}

void deck_deinit(struct deck *deck)
{
    (void)end_server(deck, SIGTERM);
    /* The last user of the cluster stops it; wait for that before its files go. */
    for (int i = 0; i < 600 && deck_postmaster(deck) > 0; i++)
        usleep(100000);
    char command[256];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", deck->home);
    cr_assert_eq(system(command), 0);
}

int deck_run(const struct deck *deck, char *output, size_t bytes, const char *const *arguments)
{
    int out[2];
    cr_assert_eq(pipe(out), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        close(out[0]);
        close(out[1]);
        become(deck, arguments);
    }
    close(out[1]);
    bool ended = read_until(out[0], NULL, output, bytes);
    close(out[0]);
    if (!ended)
        kill(child, SIGKILL);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(ended, "tapedeck %s did not end: %s", arguments[0], output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t deck_spawn(const struct deck *deck, const char *const *arguments)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        become(deck, arguments);
    return child;
}

PGconn *deck_connect(const struct deck *deck)
{
    PGconn *connection = PQconnectdb(deck->url);
    cr_assert_eq(PQstatus(connection), CONNECTION_OK, "%s", PQerrorMessage(connection));
    return connection;
}

int64_t deck_number(const struct deck *deck, const char *sql)
{
    PGconn *connection = deck_connect(deck);
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    cr_assert_eq(PQntuples(result), 1);
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(connection);
    return number;
}

const char *deck_shared_file(const char *name)
{
    static char path[512];
    const char *folder = getenv("TAPEDECK_SHARED_DATA");
    if (folder == NULL)
        folder = TAPEDECK_SOURCE_DIR "/../shared/data";
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, R_OK) != 0)
        cr_skip_test("real market data is not here: %s", path);
    return path;
}

static pid_t first_pid(const char *command)
{
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    int pid = 0;
    if (fscanf(pipe, "%d", &pid) != 1)
        pid = 0;
    pclose(pipe);
    return pid;
}

pid_t deck_postmaster(const struct deck *deck)
{
    char command[256];
    (void)snprintf(command, sizeof command, "head -n 1 %s/postgres/data/postmaster.pid 2>/dev/null",
                   deck->home);
    return first_pid(command);
}

pid_t deck_keeper(const struct deck *deck)
{
    char command[256]; /* the fourth word of its stat is the parent; ps need not be installed */
    (void)snprintf(command, sizeof command, "cut -d ' ' -f 4 /proc/%d/stat",
                   (int)deck_postmaster(deck));
    return first_pid(command);
}
