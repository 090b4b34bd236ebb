/*
 * with_database ENGINE COMMAND…: runs a command with TAPEDECK_TEST_URL leading to a migrated
 * database of that engine, in a cluster of its own that is gone afterwards.
 */
#include "store/cluster.h"
#include "store/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char **command)
{
    pid_t child = fork();
    if (child == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int with_cluster(const char *home, const char *engine, char **command)
{
    struct error error = {.text = ""};
    struct cluster_options options = {.home = home};
    struct cluster *cluster = NULL;
    if (cluster_attach(&options, &cluster, &error) != STATUS_OK) {
        fprintf(stderr, "with_database: %s\n", error.text);
        return 1;
    }
    struct migrate_options migrate = {.url = cluster_url(cluster),
                                      .plain = strcmp(engine, "postgresql") == 0};
    struct migrate_outcome outcome;
    int status = 1;
    if (migrate_up(&migrate, &outcome, &error) != STATUS_OK) {
        fprintf(stderr, "with_database: %s\n", error.text);
    } else if (strcmp(engine_name(outcome.engine.kind), engine) != 0) {
        fprintf(stderr, "[SKIP] the %s suite: that engine is not installed\n", engine);
        status = 0;
    } else {
        setenv("TAPEDECK_TEST_URL", cluster_url(cluster), 1);
        setenv("TAPEDECK_TEST_ENGINE", engine, 1);
        status = run(command);
    }
    cluster_close(&cluster);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: with_database timescaledb|postgresql COMMAND…\n");
        return 2;
    }
    char home[] = "/tmp/tapedeck-test-XXXXXX";
    if (mkdtemp(home) == NULL || chmod(home, 0755) != 0)
        return 1;
    int status = with_cluster(home, argv[1], argv + 2);
    char remove[64];
    (void)snprintf(remove, sizeof remove, "rm -rf '%s'", home);
    return system(remove) == 0 ? status : 1;
}
