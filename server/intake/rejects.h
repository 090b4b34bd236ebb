/*
 * The rejects file: every row that was not taken, as CSV `line,reason,row`, so that it can be
 * repaired and imported on its own.
 *
 * Nothing is created before the first reject; a file that an earlier import left is then replaced.
 * Rejecting silently would be losing data, so whatever goes wrong in writing ends the import. One
 * owner thread.
 */
#ifndef TAPEDECK_INTAKE_REJECTS_H
#define TAPEDECK_INTAKE_REJECTS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct rejects;

/* Writes to `path`, or, if it is NULL, beside the input: INPUT.rejects.csv. Both are copied. */
struct rejects *rejects_create(const char *input_path, const char *path);

/* `row` may hold any bytes; NULs become U+FFFD. STATUS_UNAVAILABLE when writing fails,
 * STATUS_CONFLICT when the rejects file is the input itself. */
enum status rejects_add(struct rejects *rejects, int64_t line, const char *reason, const char *row,
                        size_t row_bytes, struct error *error) MUST_CHECK;

/* The file's name, whether or not it was needed. */
const char *rejects_path(const struct rejects *rejects);
int64_t rejects_count(const struct rejects *rejects);

/* Flushes to disk; the last chance to learn that something was not written. */
enum status rejects_finish(struct rejects *rejects, struct error *error) MUST_CHECK;
/* Without rejects_finish what was not written yet may be lost. */
void rejects_destroy(struct rejects **rejects);

#endif
