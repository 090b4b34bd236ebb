#include "wire/codes.h"

#include <string.h>

const char *const wire_error_codes[WIRE_ERROR_CODES] = {
    "bad_message", "unknown_op", "bad_argument", "unauthorized", "forbidden",
    "not_found",   "conflict",   "limit",        "unavailable",  "internal"};

size_t wire_error_index(const char *code)
{
    size_t index = 0;
    while (index < WIRE_ERROR_CODES - 1 && strcmp(code, wire_error_codes[index]) != 0)
        index++;
    return index;
}

const char *wire_error_code(enum status status)
{
    switch (status) {
    case STATUS_BAD_MESSAGE:
        return "bad_message";
    case STATUS_INVALID:
        return "bad_argument";
    case STATUS_NOT_FOUND:
        return "not_found";
    case STATUS_CONFLICT:
        return "conflict";
    case STATUS_LIMIT:
        return "limit";
    case STATUS_UNAUTHORIZED:
        return "unauthorized";
    case STATUS_FORBIDDEN:
        return "forbidden";
    case STATUS_UNAVAILABLE:
        return "unavailable";
    case STATUS_INTERNAL:
    case STATUS_OK: /* these three are no errors: whoever sends one as such is at fault */
    case STATUS_WAIT:
    case STATUS_END:
        return "internal";
    }
    return "internal";
}

unsigned wire_http_status(enum status status)
{
    switch (status) {
    case STATUS_BAD_MESSAGE:
    case STATUS_INVALID:
    case STATUS_LIMIT:
        return 400;
    case STATUS_UNAUTHORIZED:
        return 401;
    case STATUS_FORBIDDEN:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_CONFLICT:
        return 409;
    case STATUS_UNAVAILABLE:
        return 503;
    case STATUS_INTERNAL:
    case STATUS_OK:
    case STATUS_WAIT:
    case STATUS_END:
        return 500;
    }
    return 500;
}
