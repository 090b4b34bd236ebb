/*
 * What a fallible call returns, and the sentence that explains a failure.
 *
 * Detail is set once, where the failure is detected (`error_set`), and logged or sent once, where
 * it is decided what to do. `wire/codes.h` holds the one table from status to protocol code.
 * Any thread; a `struct error` belongs to its caller.
 */
#ifndef TAPEDECK_BASE_STATUS_H
#define TAPEDECK_BASE_STATUS_H

#include <stddef.h>

enum status {
    STATUS_OK = 0,
    STATUS_WAIT,         /* not yet: no error, ask again when woken */
    STATUS_END,          /* nothing more will come: no error */
    STATUS_BAD_MESSAGE,  /* bytes that are no message */
    STATUS_INVALID,      /* a well-formed argument with a wrong value */
    STATUS_NOT_FOUND,    /* the named thing does not exist */
    STATUS_CONFLICT,     /* the state of things does not allow it */
    STATUS_LIMIT,        /* over a named bound */
    STATUS_UNAUTHORIZED, /* who are you? */
    STATUS_FORBIDDEN,    /* you may not */
    STATUS_UNAVAILABLE,  /* a peer (database, disk) is not there now; may come back */
    STATUS_INTERNAL,     /* our own fault */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

#define ERROR_TEXT_BYTES 512

/* A sentence for a person: what was wrong, and what would be right. */
struct error {
    enum status status;
    char text[ERROR_TEXT_BYTES];
};

/* Sets the sentence and returns `status`, so that a detection reads `return error_set(…)`.
 * `error` may be NULL: then only the status is told. Text beyond the buffer is cut. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Puts "prefix: " before a sentence already set. Returns error->status. */
enum status error_prefix(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* "ok", "wait", "invalid", …: for logs. Never NULL. */
const char *status_name(enum status status);

#endif
