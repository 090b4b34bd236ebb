/*
 * Structured logs in logfmt, one event a line on stderr:
 *
 *   ts=2026-01-02T03:04:05.678Z level=info event=replay.open peer=127.0.0.1:4242 symbols=2
 *
 * Object first ("replay.open", "store.connect"), nothing per tick: counters carry rates. A line is
 * one write(2), so lines of several threads never mix. Values with blanks or quotes go through
 * `log_quote`. Any thread.
 */
#ifndef TAPEDECK_BASE_LOG_H
#define TAPEDECK_BASE_LOG_H

#include "base/status.h"

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_LINE_BYTES_MAX 2048 /* a longer line is cut */

void log_set_level(enum log_level level);
bool log_level_parse(const char *name, enum log_level *level);

void log_write(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

/* One value in double quotes with logfmt escapes; control characters become blanks. */
struct log_quoted {
    char text[ERROR_TEXT_BYTES + 64];
};
struct log_quoted log_quote(const char *value);
#define LOG_QUOTE(value) (log_quote(value).text)

#endif
