#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int level_least = LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level)
{
    atomic_store(&level_least, (int)level);
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static size_t line_head(char *line, size_t bytes, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    int length = snprintf(line, bytes, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s event=%s ",
                          utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                          utc.tm_sec, now.tv_nsec / 1000000, level_names[level], event);
    return length < 0 ? 0 : (size_t)length < bytes ? (size_t)length : bytes - 1;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level < atomic_load(&level_least))
        return;
    char line[LOG_LINE_BYTES_MAX];
    size_t room = sizeof line - 1; /* the newline's place is kept */
    size_t used = line_head(line, room, level, event);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + used, room - used, format, arguments);
    va_end(arguments);
    if (length > 0)
        used += (size_t)length < room - used ? (size_t)length : room - used - 1;
    line[used++] = '\n';
    /* A log that cannot be written has nobody left to tell. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

struct log_quoted log_quote(const char *value)
{
    struct log_quoted quoted;
    size_t at = 0;
    quoted.text[at++] = '"';
    for (; *value != '\0' && at < sizeof quoted.text - 3; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == '"' || c == '\\')
            quoted.text[at++] = '\\';
        quoted.text[at++] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    quoted.text[at++] = '"';
    quoted.text[at] = '\0';
    return quoted;
}
