/*
 * The files of sql/, embedded in the binary by sql/embed.cmake. Constant; any thread.
 */
#ifndef TAPEDECK_STORE_SQL_FILES_H
#define TAPEDECK_STORE_SQL_FILES_H

#include <stddef.h>

struct sql_file {
    const char *path; /* below sql/, as in "migrations/common/0001_bookkeeping.up.sql" */
    const char *text; /* ends with a NUL that `length` does not count */
    size_t length;
};

/* Sorted by path. */
extern const struct sql_file sql_files[];
extern const size_t sql_file_count;

#endif
