/*
 * What a person at a terminal sees of a command: steps, warnings, errors, progress, a question;
 * and numbers in a form that people read. Steps go to stdout, everything else to stderr.
 *
 * On a terminal progress is one line that is redrawn, elsewhere a plain line every few seconds.
 * Marks and bars are drawn with UTF-8 where the locale has it. Main thread.
 */
#ifndef TAPEDECK_APP_TERMINAL_H
#define TAPEDECK_APP_TERMINAL_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* "✓ …": something is done. Flushed at once, so that whoever reads a pipe knows too. */
void terminal_step(const char *format, ...) PRINTF_LIKE(1, 2);
void terminal_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void terminal_error(const char *format, ...) PRINTF_LIKE(1, 2);

/* Whether somebody sits at the terminal who can answer. */
bool terminal_can_ask(void);
/* Asks "… [y/N] " and waits for the answer. Where nobody can be asked: false. */
bool terminal_confirm(const char *format, ...) PRINTF_LIKE(1, 2);

/* ---- progress ---- */

#define TERMINAL_REDRAW_US INT64_C(100000)
#define TERMINAL_PLAIN_LINE_US INT64_C(5000000)
#define TERMINAL_LABEL_BYTES 64

struct terminal_progress {
    char label[TERMINAL_LABEL_BYTES];
    const char *unit; /* "rows", "bytes" (written as MiB), "%" (no rate) */
    int64_t total;    /* 0: unknown */
    int64_t done;
    int64_t began_us; /* monotonic */
    int64_t drawn_us;
    bool redraws;  /* a terminal; else a pipe or a file */
    bool is_drawn; /* something was written */
};

/* `unit` is borrowed until the end. */
void terminal_progress_begin(struct terminal_progress *progress, const char *label, int64_t total,
                             const char *unit);
/* Cheap when nothing is to be drawn: call it as often as you like. */
void terminal_progress_set(struct terminal_progress *progress, int64_t done);
/* Takes the line away; on a pipe, one last line if there were lines. */
void terminal_progress_end(struct terminal_progress *progress);

/* The line itself, at most `width` columns. Pure. */
void terminal_progress_line(const struct terminal_progress *progress, int64_t now_us, size_t width,
                            bool utf8, struct buffer *line);

/* ---- numbers for people ---- */

struct terminal_text {
    char text[40];
};

struct terminal_text terminal_count(int64_t count);          /* 345 600 */
struct terminal_text terminal_short_count(double count);     /* 1.2 M */
struct terminal_text terminal_bytes(int64_t bytes);          /* 12.3 MiB */
struct terminal_text terminal_duration(int64_t duration_us); /* 2m 10s, 1.5s, 20ms */

/* Whether a locale's name, as in LC_ALL, means UTF-8. */
bool terminal_locale_is_utf8(const char *locale);

#endif
