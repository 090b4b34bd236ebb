#include "app/terminal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MAX 120
#define BAR_COLUMNS 24
#define LINE_BYTES_MAX 1024

#define ERASE_LINE "\r\x1b[K"

/* ---- what the terminal can do ---- */

bool terminal_locale_is_utf8(const char *locale)
{
    const char *dot = strchr(locale, '.');
    return dot != NULL && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
}

/* As setlocale would choose: the first that is set and not empty. */
static bool speaks_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return terminal_locale_is_utf8(value);
    }
    return false;
}

static bool has_colours(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) != 0 && getenv("NO_COLOR") == NULL &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static size_t columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_DEFAULT;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

/* ---- lines ---- */

static void print_line(FILE *file, const char *colour, const char *mark, const char *format,
                       va_list arguments)
{
    bool coloured = has_colours(fileno(file));
    (void)fprintf(file, "%s%s%s ", coloured ? colour : "", mark, coloured ? "\x1b[0m" : "");
    (void)vfprintf(file, format, arguments);
    (void)fputc('\n', file);
    (void)fflush(file);
}

void terminal_step(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(stdout, "\x1b[32m", speaks_utf8() ? "✓" : "*", format, arguments);
    va_end(arguments);
}

void terminal_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(stderr, "\x1b[33m", "warning:", format, arguments);
    va_end(arguments);
}

void terminal_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(stderr, "\x1b[31m", "error:", format, arguments);
    va_end(arguments);
}

bool terminal_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool terminal_confirm(const char *format, ...)
{
    if (!terminal_can_ask())
        return false;
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputs(" [y/N] ", stderr);
    (void)fflush(stderr);
    char answer[16];
    if (fgets(answer, sizeof answer, stdin) == NULL)
        return false;
    return strncasecmp(answer, "y\n", 2) == 0 || strncasecmp(answer, "yes\n", 4) == 0;
}

/* ---- numbers for people ---- */

struct terminal_text terminal_count(int64_t count)
{
    struct terminal_text out;
    char digits[24];
    uint64_t absolute = count < 0 ? (uint64_t) - (count + 1) + 1 : (uint64_t)count;
    int length = snprintf(digits, sizeof digits, "%" PRIu64, absolute);
    size_t at = 0;
    if (count < 0)
        out.text[at++] = '-';
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out.text[at++] = ' ';
        out.text[at++] = digits[i];
    }
    out.text[at] = '\0';
    return out;
}

/* Three significant digits at most: 9.99, 99.9, 999. */
static struct terminal_text scaled(double value, double step, const char *const *units,
                                   size_t unit_count)
{
    struct terminal_text out;
    size_t unit = 0;
    while (unit + 1 < unit_count && value >= step - 0.5) {
        value /= step;
        unit++;
    }
    const char *blank = units[unit][0] != '\0' ? " " : "";
    (void)snprintf(out.text, sizeof out.text, "%.*f%s%s", unit > 0 && value < 99.95 ? 1 : 0, value,
                   blank, units[unit]);
    return out;
}

struct terminal_text terminal_short_count(double count)
{
    static const char *const units[] = {"", "k", "M", "G"};
    return scaled(count, 1000, units, sizeof units / sizeof units[0]);
}

struct terminal_text terminal_bytes(int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    return scaled((double)bytes, 1024, units, sizeof units / sizeof units[0]);
}

struct terminal_text terminal_duration(int64_t duration_us)
{
    struct terminal_text out;
    int64_t seconds = duration_us / 1000000;
    if (duration_us < 1000)
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 "us", duration_us);
    else if (duration_us < 1000000)
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 "ms", duration_us / 1000);
    else if (seconds < 10 && duration_us % 1000000 >= 100000)
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 ".%" PRId64 "s", seconds,
                       duration_us % 1000000 / 100000);
    else if (seconds < 60)
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 "s", seconds);
    else if (seconds < 3600)
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 "m %02" PRId64 "s", seconds / 60,
                       seconds % 60);
    else if (seconds < 86400)
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 "h %02" PRId64 "m", seconds / 3600,
                       seconds % 3600 / 60);
    else
        (void)snprintf(out.text, sizeof out.text, "%" PRId64 "d %02" PRId64 "h", seconds / 86400,
                       seconds % 86400 / 3600);
    return out;
}

/* ---- progress ---- */

static bool is_bytes(const struct terminal_progress *progress)
{
    return strcmp(progress->unit, "bytes") == 0;
}

static bool is_percent(const struct terminal_progress *progress)
{
    return strcmp(progress->unit, "%") == 0;
}

static struct terminal_text amount(const struct terminal_progress *progress, int64_t value)
{
    return is_bytes(progress) ? terminal_bytes(value) : terminal_count(value);
}

static void append_bar(struct buffer *line, int64_t percent, bool utf8)
{
    int64_t full = percent * BAR_COLUMNS / 100;
    buffer_append_text(line, utf8 ? " " : " [");
    for (int64_t i = 0; i < BAR_COLUMNS; i++)
        buffer_append_text(line, i < full ? (utf8 ? "█" : "#") : (utf8 ? "░" : "."));
    buffer_append_text(line, utf8 ? " " : "] ");
    buffer_append_format(line, "%3" PRId64 "%%", percent);
}

static void append_amount(const struct terminal_progress *progress, struct buffer *line)
{
    const char *unit = is_bytes(progress) ? "" : progress->unit;
    buffer_append_format(line, "  %s", amount(progress, progress->done).text);
    if (progress->total > 0)
        buffer_append_format(line, " of %s", amount(progress, progress->total).text);
    buffer_append_format(line, "%s%s", unit[0] != '\0' ? " " : "", unit);
}

static void append_rate(const struct terminal_progress *progress, int64_t now_us,
                        struct buffer *line)
{
    double seconds = (double)(now_us - progress->began_us) / 1e6;
    if (seconds < 0.5 || progress->done == 0)
        return; /* too early to say */
    double rate = (double)progress->done / seconds;
    if (is_bytes(progress))
        buffer_append_format(line, "  %s/s", terminal_bytes((int64_t)rate).text);
    else if (!is_percent(progress))
        buffer_append_format(line, "  %s %s/s", terminal_short_count(rate).text, progress->unit);
    if (progress->total > progress->done) {
        double left = (double)(progress->total - progress->done) / rate;
        buffer_append_format(line, "  %s left", terminal_duration((int64_t)left * 1000000).text);
    }
}

/* Columns a text takes, one for each character. */
static size_t columns_of(const struct buffer *line)
{
    size_t count = 0;
    for (size_t i = 0; i < line->count; i++)
        count += (line->bytes[i] & 0xC0) != 0x80;
    return count;
}

/* Drops `part` again if the line has become too wide with it. */
static void keep_if_narrow(struct buffer *line, size_t before, size_t width)
{
    if (columns_of(line) > width)
        line->count = before;
}

void terminal_progress_line(const struct terminal_progress *progress, int64_t now_us, size_t width,
                            bool utf8, struct buffer *line)
{
    buffer_append_text(line, progress->label);
    size_t before = line->count;
    if (progress->total > 0) {
        int64_t done = progress->done < progress->total ? progress->done : progress->total;
        int64_t percent = (int64_t)((double)done * 100 / (double)progress->total);
        append_bar(line, percent, utf8);
        keep_if_narrow(line, before, width);
    }
    if (!is_percent(progress)) {
        before = line->count;
        append_amount(progress, line);
        keep_if_narrow(line, before, width);
    }
    before = line->count;
    append_rate(progress, now_us, line);
    keep_if_narrow(line, before, width);
}

static void draw(struct terminal_progress *progress, int64_t now_us)
{
    bool redraws = progress->redraws;
    struct buffer line;
    buffer_init(&line, LINE_BYTES_MAX);
    /* The last column stays free: writing into it wraps on some terminals. */
    terminal_progress_line(progress, now_us, redraws ? columns(STDERR_FILENO) - 1 : WIDTH_MAX,
                           speaks_utf8(), &line);
    (void)fprintf(stderr, "%s%s%s", redraws ? ERASE_LINE : "", buffer_text(&line),
                  redraws ? "" : "\n");
    (void)fflush(stderr);
    buffer_deinit(&line);
    progress->drawn_us = now_us;
    progress->is_drawn = true;
}

void terminal_progress_begin(struct terminal_progress *progress, const char *label, int64_t total,
                             const char *unit)
{
    int64_t now_us = clock_monotonic_us();
    *progress = (struct terminal_progress){
        .unit = unit, .total = total, .began_us = now_us, .drawn_us = now_us};
    (void)snprintf(progress->label, sizeof progress->label, "%s", label);
}

void terminal_progress_set(struct terminal_progress *progress, int64_t done)
{
    progress->done = done;
    int64_t now_us = clock_monotonic_us();
    int64_t pause_us = progress->redraws ? TERMINAL_REDRAW_US : TERMINAL_PLAIN_LINE_US;
    if (now_us - progress->drawn_us >= pause_us)
        draw(progress, now_us);
}

void terminal_progress_end(struct terminal_progress *progress)
{
    if (!progress->is_drawn)
        return;
    if (progress->redraws)
        (void)fputs(ERASE_LINE, stderr);
    else
        draw(progress, clock_monotonic_us());
    (void)fflush(stderr);
    progress->is_drawn = false;
}
