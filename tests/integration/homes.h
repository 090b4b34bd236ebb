/*
 * Where tests make their home folders: $TAPEDECK_TEST_FOLDER (./test: a folder in memory, where
 * there is room for one), else /tmp.
 */
#ifndef TAPEDECK_TESTS_INTEGRATION_HOMES_H
#define TAPEDECK_TESTS_INTEGRATION_HOMES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A new one, open to everybody, because the cluster may belong to another user; false: it cannot
 * be made. `path` is left with its name. */
static inline bool homes_make(char *path, size_t bytes)
{
    const char *folder = getenv("TAPEDECK_TEST_FOLDER");
    int count = snprintf(path, bytes, "%s/tapedeck-test-XXXXXX", folder != NULL ? folder : "/tmp");
    return count > 0 && (size_t)count < bytes && mkdtemp(path) != NULL && chmod(path, 0755) == 0;
}

#endif
