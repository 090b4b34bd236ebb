/*
 * One line of comma-separated values, cut into fields by RFC 4180, except that a quoted field ends
 * on its line: no field of a tick holds a line break, and one stray quote must not swallow the
 * rest of a file. Blanks belong to the value. One owner thread; allocates nothing.
 */
#ifndef TAPEDECK_INTAKE_CSV_H
#define TAPEDECK_INTAKE_CSV_H

#include "base/status.h"
#include "intake/file.h"

#include <stdbool.h>
#include <stddef.h>

#define CSV_FIELDS_MAX 64

struct csv_field {
    const char *text; /* not NUL-terminated */
    size_t bytes;
};

/* The fields borrow the line, or `unquoted` where a doubled quote had to be made single. */
struct csv {
    size_t count;
    struct csv_field fields[CSV_FIELDS_MAX];
    char unquoted[FILE_LINE_BYTES_MAX];
};

/* At most FILE_LINE_BYTES_MAX bytes. STATUS_INVALID with a reason: too many fields, a quote that is
 * open at the end or out of place. An empty line is one empty field. */
enum status csv_split(struct csv *csv, const char *text, size_t bytes,
                      struct error *error) MUST_CHECK;

bool csv_field_is(const struct csv_field *field, const char *text);

#endif
