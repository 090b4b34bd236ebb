/*
 * What the tests of store/ share that need a real PostgreSQL: a home of their own, a process that
 * plays the server, questions to the database.
 *
 * Everything fails the test by itself. `home_init` gives up aloud (the test passes) when there is
 * no PostgreSQL on this machine.
 */
#ifndef TAPEDECK_TESTS_CLUSTER_FIXTURE_H
#define TAPEDECK_TESTS_CLUSTER_FIXTURE_H

#include "base/status.h"
#include "store/cluster.h"
#include "store/connection.h"
#include "store/migrate.h"

#include <criterion/criterion.h>
#include <sys/types.h>

struct home {
    char folder[256];
    char path[512]; /* in it */
};

void home_init(struct home *home);
/* As above, at `below` a fresh folder: "a b/c". */
void home_init_below(struct home *home, const char *below);
/* Ends what still runs in it, and removes it. */
void home_deinit(struct home *home);
/* "home/name" in a static buffer of the caller's thread; four live at a time. */
const char *home_file(const struct home *home, const char *name);

/* Whether TimescaleDB is installed; says so when it is not. */
bool have_timescaledb(void);
/* Says why a test is not run. */
void skip_aloud(const char *why);

/* The first number in the file; 0: none. */
pid_t read_pid(const char *path);
pid_t postmaster_of(const struct home *home);
bool is_alive(pid_t pid);
/* Whether it ends within the time; polls. */
bool ends_within(pid_t pid, int seconds);

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct error *must_error = &error;                                                         \
        enum status must_status = (call);                                                          \
        cr_assert_eq(must_status, STATUS_OK, "%s: %s: %s", #call, status_name(must_status),        \
                     must_error->text);                                                            \
    } while (0)

#define MUST_FAIL(call, wanted)                                                                    \
    do {                                                                                           \
        enum status must_status = (call);                                                          \
        cr_assert_eq(must_status, (wanted), "%s: %s", #call, status_name(must_status));            \
    } while (0)

#define MUST_SAY(words)                                                                            \
    cr_assert(strstr(error.text, (words)) != NULL, "\"%s\" does not say \"%s\"", error.text,       \
              (words))

struct cluster *start_server(const struct home *home);
struct cluster *attach(const struct home *home);

/* A process that runs `play` on the home. `ready` closes a pipe that server_spawn waits for. */
typedef void server_play_fn(const struct home *home, void (*ready)(void));
pid_t process_play(const struct home *home, server_play_fn *play);
/* One that starts the cluster and sleeps until it is killed. */
pid_t server_spawn(const struct home *home);
void kill_hard(pid_t pid);

/* ---- the database ---- */

struct connection *open_database(const char *url);
void execute(struct connection *connection, const char *sql);
int64_t ask_number(struct connection *connection, const char *sql);
/* Borrowed until the next call. */
const char *ask_text(struct connection *connection, const char *sql);

/* A home with a migrated database. */
struct database {
    struct home home;
    struct cluster *cluster;
    struct connection *connection;
    enum engine_kind engine;
};

/* A copy of one that was made before. False, and said aloud, when the engine is not to be had. */
bool database_init(struct database *database, enum engine_kind engine);
/* The same, made from nothing: where that is what is tested. */
bool database_init_new(struct database *database, enum engine_kind engine);
void database_deinit(struct database *database);
/* TimescaleDB's own jobs end, and none begins any more, those of policies that are yet to be made
 * included: what a first run stores or drops would fall between any two lines of a test. On plain
 * PostgreSQL nothing runs unless somebody calls it. */
void jobs_stop(struct database *database);

/* NAME(engine) as two tests: suite.on_timescaledb_NAME and suite.on_postgresql_NAME. */
#define ON_BOTH_ENGINES(suite, name)                                                               \
    static void name(struct database *database);                                                   \
    static void run_##name(enum engine_kind engine)                                                \
    {                                                                                              \
        struct database database;                                                                  \
        if (!database_init(&database, engine))                                                     \
            return;                                                                                \
        name(&database);                                                                           \
        database_deinit(&database);                                                                \
    }                                                                                              \
    Test(suite, on_timescaledb_##name, .timeout = 240)                                             \
    {                                                                                              \
        run_##name(ENGINE_TIMESCALEDB);                                                            \
    }                                                                                              \
    Test(suite, on_postgresql_##name, .timeout = 240)                                              \
    {                                                                                              \
        run_##name(ENGINE_POSTGRESQL);                                                             \
    }                                                                                              \
    static void name(struct database *database)

#endif
