/*
 * template_maker ENGINE FOLDER: leaves FOLDER/postgres, a stopped cluster with a migrated database
 * of that engine, for template.h to copy. What was FOLDER before is gone.
 */
#include "homes.h"
#include "store/cluster.h"
#include "store/connection.h"
#include "store/migrate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The scheduler must not start before there is a policy: what ran here has not run in the copies.
 */
static enum status stop_jobs(const char *url, struct error *error)
{
    struct connection *connection = connection_open(url, "template", error);
    if (connection == NULL)
        return error->status;
    enum status status =
        connection_execute(connection, "create extension timescaledb schema public", error);
    if (status == STATUS_OK)
        status = connection_execute(
            connection, "select _timescaledb_functions.stop_background_workers()", error);
    connection_close(&connection);
    return status;
}

static enum status fill(const char *engine, const char *url, struct error *error)
{
    bool is_plain = strcmp(engine, "postgresql") == 0;
    enum status status = is_plain ? STATUS_OK : stop_jobs(url, error);
    if (status != STATUS_OK)
        return status;
    struct migrate_options options = {.url = url, .plain = is_plain};
    struct migrate_outcome outcome;
    return migrate_up(&options, &outcome, error);
}

static bool run(const char *const *argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* Copies are thrown away, and need not outlive a power failure. */
static bool leave_unsynced(const char *home)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/postgres/data/postgresql.auto.conf", home);
    FILE *file = fopen(path, "ae");
    if (file == NULL)
        return false;
    bool written = fputs("fsync = off\n", file) >= 0;
    return fclose(file) == 0 && written;
}

/* Under its own name only when it is complete. */
static bool leave(const char *home, const char *folder)
{
    char from[256];
    char made[4096];
    (void)snprintf(from, sizeof from, "%s/postgres", home);
    (void)snprintf(made, sizeof made, "%s.new", folder);
    return leave_unsynced(home) &&
           run((const char *const[]){"/bin/rm", "-rf", "--", folder, made, NULL}) &&
           mkdir(made, 0755) == 0 &&
           run((const char *const[]){"/bin/cp", "-a", from, made, NULL}) &&
           rename(made, folder) == 0;
}

static int make(const char *engine, const char *home, const char *folder)
{
    struct error error = {.text = ""};
    struct cluster_options options = {.home = home};
    struct cluster *cluster = NULL;
    enum status status = cluster_attach(&options, &cluster, &error);
    if (status == STATUS_OK)
        status = fill(engine, cluster_url(cluster), &error);
    cluster_close(&cluster);
    if (status != STATUS_OK)
        fprintf(stderr, "template_maker: error: %s\n", error.text);
    else if (!leave(home, folder))
        fprintf(stderr, "template_maker: error: cannot write %s\n", folder);
    else
        return 0;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: template_maker timescaledb|postgresql FOLDER\n");
        return 2;
    }
    char home[128];
    if (!homes_make(home, sizeof home))
        return 1;
    int status = make(argv[1], home, argv[2]);
    bool removed = run((const char *const[]){"/bin/rm", "-rf", "--", home, NULL});
    return removed ? status : 1;
}
