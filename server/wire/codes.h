/*
 * The one table from status to the protocol's error codes and HTTP's, and the close codes.
 */
#ifndef TAPEDECK_WIRE_CODES_H
#define TAPEDECK_WIRE_CODES_H

#include "base/status.h"

#include <stddef.h>

/* "bad_argument", "not_found", …: one of the codes in section 1 of README.md. */
const char *wire_error_code(enum status status);
/* All of them, for those who count. */
#define WIRE_ERROR_CODES 10
extern const char *const wire_error_codes[WIRE_ERROR_CODES];
/* The place of a code among them; what is none of them counts as "internal". */
size_t wire_error_index(const char *code);

/* 400, 404, …: what an answer over HTTP says beside that code. */
unsigned wire_http_status(enum status status);

enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001, /* shutting down: reconnect with back-off */
    CLOSE_PROTOCOL = 1002,   /* broken framing or encoding: do not reconnect */
    CLOSE_NOT_UTF8 = 1007,
    CLOSE_TOO_BIG = 1009,      /* do not reconnect */
    CLOSE_OVERLOADED = 1013,   /* reconnect with back-off */
    CLOSE_UNAUTHORIZED = 4401, /* the token has expired */
};

#endif
