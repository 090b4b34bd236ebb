#include "base/log.h"

#include "captured.h"
#include "random.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *value;
    const char *quoted;
} values[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"two words", "\"two words\""},
    {"say \"hi\"", "\"say \\\"hi\\\"\""},
    {"back\\slash", "\"back\\\\slash\""},
    {"line\nbreak\r\ttab", "\"line break  tab\""},
    {"\x01\x1F|", "\"  |\""},
    {"del\x7F|", "\"del |\""},
    {"Z\xC3\xBCrich", "\"Z\xC3\xBCrich\""},
};

Test(log_quote, escapes_quotes_and_blanks_out_control_characters)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cr_assert_str_eq(LOG_QUOTE(values[i].value), values[i].quoted);
}

/* A slow reader of quoted values: false when the quotes are not where they belong. */
static bool unquote(const char *quoted, char *value)
{
    size_t length = strlen(quoted);
    if (length < 2 || quoted[0] != '"' || quoted[length - 1] != '"')
        return false;
    for (size_t i = 1; i < length - 1; i++) {
        if (quoted[i] == '"')
            return false;
        if (quoted[i] == '\\' && ++i == length - 1)
            return false;
        *value++ = quoted[i];
    }
    *value = '\0';
    return true;
}

Test(log_quote, of_any_length_is_well_formed_and_begins_like_the_value)
{
    static const char alphabet[] = "ab \"\\\"\\=";
    struct random random = {.state = 1};
    for (size_t run = 0; run < 20000; run++) {
        char value[1200];
        size_t length = random_below(&random, sizeof value);
        bool hard = random_one_in(&random, 3);
        for (size_t i = 0; i < length; i++)
            value[i] = hard ? '"' : alphabet[random_below(&random, sizeof alphabet - 1)];
        value[length] = '\0';
        struct log_quoted quoted = log_quote(value);
        char again[sizeof quoted.text];
        cr_assert(memchr(quoted.text, '\0', sizeof quoted.text) != NULL, "run %zu", run);
        cr_assert(unquote(quoted.text, again), "run %zu: %s", run, quoted.text);
        cr_assert(strncmp(again, value, strlen(again)) == 0, "run %zu", run);
        /* Only what cannot fit is cut. */
        if (length < (sizeof quoted.text - 3) / 2)
            cr_assert(strlen(again) == length, "run %zu", run);
    }
}

static void write_two_lines(void)
{
    log_debug("replay.hidden", "id=%d", 1);
    log_info("replay.open", "id=%d symbols=%d", 7, 2);
    log_warn("store.slow", "ms=%d", 300);
}

Test(log_write, writes_one_line_an_event_from_info_on)
{
    struct captured captured = capture_stderr(write_two_lines);
    char *first_end = strchr(captured.text, '\n');
    cr_assert(first_end != NULL);
    cr_assert(strncmp(captured.text, "ts=20", 5) == 0, "%s", captured.text);
    cr_assert(captured.text[26] == 'Z', "milliseconds, UTC: %s", captured.text);
    *first_end = '\0';
    cr_assert_str_eq(captured.text + 27, " level=info event=replay.open id=7 symbols=2");
    char *second_end = strchr(first_end + 1, '\n');
    cr_assert(second_end != NULL);
    cr_assert(second_end[1] == '\0');
    *second_end = '\0';
    cr_assert_str_eq(first_end + 1 + 27, " level=warn event=store.slow ms=300");
}

static void write_at_each_level(void)
{
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        log_set_level((enum log_level)least);
        log_debug("a.d", "n=%d", least);
        log_info("a.i", "n=%d", least);
        log_warn("a.w", "n=%d", least);
        log_error("a.e", "n=%d", least);
    }
}

Test(log_write, leaves_out_what_is_below_the_level)
{
    struct captured captured = capture_stderr(write_at_each_level);
    static const char *const events[] = {
        "event=a.d n=", "event=a.i n=", "event=a.w n=", "event=a.e n="};
    for (int event = LOG_DEBUG; event <= LOG_ERROR; event++) {
        for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
            char line[64];
            (void)snprintf(line, sizeof line, "%s%d\n", events[event], least);
            cr_assert((strstr(captured.text, line) != NULL) == (event >= least), "%s", line);
        }
    }
}

static void write_lines_of_every_length(void)
{
    char filler[2 * LOG_LINE_BYTES_MAX];
    memset(filler, 'x', sizeof filler);
    for (int length = LOG_LINE_BYTES_MAX - 80; length < LOG_LINE_BYTES_MAX + 80; length += 40)
        log_info("long", "%.*s", length, filler);
}

Test(log_write, cuts_a_line_that_is_too_long_but_ends_it)
{
    struct captured captured = capture_stderr(write_lines_of_every_length);
    size_t lines = 0;
    for (char *line = captured.text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        cr_assert(end - line < LOG_LINE_BYTES_MAX, "%td", end - line);
        cr_assert(strncmp(line, "ts=", 3) == 0);
        lines++;
    }
    cr_assert(lines == 4, "%zu", lines);
    cr_assert(captured.text[captured.count - 1] == '\n');
}

Test(log_level_parse, knows_four_names_and_no_other)
{
    enum log_level level = LOG_ERROR;
    cr_assert(log_level_parse("debug", &level));
    cr_assert(level == LOG_DEBUG);
    cr_assert(log_level_parse("info", &level));
    cr_assert(level == LOG_INFO);
    cr_assert(log_level_parse("warn", &level));
    cr_assert(level == LOG_WARN);
    cr_assert(!log_level_parse("INFO", &level));
    cr_assert(!log_level_parse("", &level));
    cr_assert(level == LOG_WARN);
    cr_assert(log_level_parse("error", &level));
    cr_assert(level == LOG_ERROR);
}
