#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    error->status = status;
    return status;
}

enum status error_prefix(struct error *error, const char *format, ...)
{
    struct error cause = *error;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length + 2 >= sizeof error->text)
        return error->status; /* no room for the cause */
    memcpy(error->text + length, ": ", 2);
    size_t used = (size_t)length + 2;
    size_t room = sizeof error->text - used - 1;
    size_t count = strnlen(cause.text, room);
    memcpy(error->text + used, cause.text, count);
    error->text[used + count] = '\0';
    return error->status;
}

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_WAIT:
        return "wait";
    case STATUS_END:
        return "end";
    case STATUS_BAD_MESSAGE:
        return "bad_message";
    case STATUS_INVALID:
        return "invalid";
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
        return "internal";
    }
    return "unknown";
}
