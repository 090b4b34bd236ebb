/*
 * Which PostgreSQL of this machine runs the cluster.
 *
 * Any thread. Owns nothing. Never installs anything: says what to install.
 */
#include "store/cluster_inner.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANDIDATES_MAX 32
#define PATH_VARIABLE_BYTES 8192

struct candidates {
    struct cluster_binaries of[CANDIDATES_MAX];
    size_t count;
};

static bool has_file(const char *folder, const char *name, int access_mode)
{
    struct path path;
    struct error error;
    return path_join(folder, name, &path, &error) == STATUS_OK &&
           access(path.text, access_mode) == 0;
}

/* "postgres (PostgreSQL) 15.20 (Debian …)" → 15; 0 when it says something else. */
static int ask_major(const char *folder)
{
    struct path program;
    struct error error;
    int ends[2];
    if (path_join(folder, "postgres", &program, &error) != STATUS_OK || pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    const char *const argv[] = {program.text, "--version", NULL};
    pid_t pid = process_spawn(argv, ends[1], 0);
    close(ends[1]);
    char text[128];
    ssize_t count = pid > 0 ? read(ends[0], text, sizeof text - 1) : 0;
    close(ends[0]);
    if (pid <= 0 || process_wait(pid) != 0 || count <= 0)
        return 0;
    text[count] = '\0';
    const char *number = strstr(text, ") ");
    return number != NULL ? (int)strtol(number + 2, NULL, 10) : 0;
}

/* The loader lies in pkglibdir: beside bin/ on Debian and PGDG, a level deeper in images. */
static bool has_timescaledb(const char *folder)
{
    return has_file(folder, "../lib/timescaledb.so", R_OK) ||
           has_file(folder, "../lib/postgresql/timescaledb.so", R_OK);
}

static bool resolve(const char *path, struct path *resolved)
{
    char *text = realpath(path, NULL);
    int length = text == NULL ? -1 : snprintf(resolved->text, CLUSTER_PATH_BYTES, "%s", text);
    free(text);
    return length >= 0 && length < CLUSTER_PATH_BYTES;
}

static void add_candidate(struct candidates *candidates, const char *folder)
{
    struct path program;
    if (candidates->count == CANDIDATES_MAX || !has_file(folder, "initdb", X_OK) ||
        !has_file(folder, "postgres", X_OK) ||
        path_join(folder, "postgres", &program, NULL) != STATUS_OK)
        return;
    struct cluster_binaries *binaries = &candidates->of[candidates->count];
    if (!resolve(folder, &binaries->folder) || !resolve(program.text, &binaries->postgres))
        return;
    binaries->major = ask_major(folder);
    binaries->has_timescaledb = has_timescaledb(folder);
    if (binaries->major > 0)
        candidates->count++;
}

static void add_matches(struct candidates *candidates, const char *pattern)
{
    glob_t matches;
    if (glob(pattern, 0, NULL, &matches) == 0) {
        for (size_t i = 0; i < matches.gl_pathc; i++)
            add_candidate(candidates, matches.gl_pathv[i]);
        globfree(&matches);
    }
}

static void add_path_variable(struct candidates *candidates)
{
    char text[PATH_VARIABLE_BYTES];
    const char *variable = getenv("PATH");
    if (variable == NULL || strlen(variable) >= sizeof text)
        return;
    (void)snprintf(text, sizeof text, "%s", variable);
    char *rest = NULL;
    for (char *folder = strtok_r(text, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest)) {
        if (*folder == '/')
            add_candidate(candidates, folder);
    }
}

static void collect(const char *postgres_bin, struct candidates *candidates)
{
    candidates->count = 0;
    if (postgres_bin == NULL)
        postgres_bin = getenv("TAPEDECK_PG_BIN");
    if (postgres_bin != NULL && *postgres_bin != '\0') {
        add_candidate(candidates, postgres_bin);
        return;
    }
    add_matches(candidates, "/usr/lib/postgresql/*/bin");
    add_matches(candidates, "/usr/pgsql-*/bin");
    add_path_variable(candidates);
}

static bool is_better(const struct cluster_binaries *one, const struct cluster_binaries *other)
{
    if (other == NULL)
        return true;
    if (one->has_timescaledb != other->has_timescaledb)
        return one->has_timescaledb;
    return one->major > other->major;
}

static enum status none_fits(const struct candidates *candidates, const char *postgres_bin,
                             int major, struct error *error)
{
    if (postgres_bin == NULL)
        postgres_bin = getenv("TAPEDECK_PG_BIN");
    if (candidates->count == 0 && postgres_bin != NULL && *postgres_bin != '\0')
        return error_set(error, STATUS_NOT_FOUND,
                         "no initdb and postgres that run in %s (TAPEDECK_PG_BIN)", postgres_bin);
    if (candidates->count == 0)
        return error_set(
            error, STATUS_NOT_FOUND,
            "PostgreSQL is not installed: `apt install postgresql`, or name the folder "
            "of initdb and postgres in TAPEDECK_PG_BIN");
    int found = candidates->of[candidates->count - 1].major;
    if (major == 0)
        return error_set(error, STATUS_CONFLICT,
                         "PostgreSQL %d is too old, tapedeck needs %d or newer", found,
                         CLUSTER_POSTGRES_MAJOR_MIN);
    return error_set(error, STATUS_CONFLICT,
                     "this home's data was made by PostgreSQL %d, but %d is what is installed: "
                     "`apt install postgresql-%d`, or bring the data over with pg_upgrade",
                     major, found, major);
}

enum status binaries_find(const char *postgres_bin, int major, struct cluster_binaries *binaries,
                          struct error *error)
{
    struct candidates candidates;
    collect(postgres_bin, &candidates);
    const struct cluster_binaries *best = NULL;
    for (size_t i = 0; i < candidates.count; i++) {
        const struct cluster_binaries *one = &candidates.of[i];
        bool fits = major > 0 ? one->major == major : one->major >= CLUSTER_POSTGRES_MAJOR_MIN;
        if (fits && is_better(one, best))
            best = one;
    }
    if (best == NULL)
        return none_fits(&candidates, postgres_bin, major, error);
    *binaries = *best;
    return STATUS_OK;
}
