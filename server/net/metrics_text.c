#include "net/metrics_text.h"

#include "base/assert.h"
#include "wire/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 32
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for what is not UTF-8 */

static const char *const type_names[] = {
    [METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_HISTOGRAM] = "histogram"};

void metrics_text_init(struct metrics_text *text, struct buffer *out)
{
    *text = (struct metrics_text){.out = out};
}

/* ---- names ---- */

static bool is_name(const char *name, bool may_have_colons)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t bytes = strlen(name);
    size_t leading = strspn(name, letters);
    if (leading == 0 && !(may_have_colons && name[0] == ':'))
        return false;
    char rest[sizeof letters + 11];
    (void)snprintf(rest, sizeof rest, "%s0123456789%s", letters, may_have_colons ? ":" : "");
    return strspn(name, rest) == bytes;
}

static bool ends_with(const char *name, const char *end)
{
    size_t bytes = strlen(name);
    size_t end_bytes = strlen(end);
    return bytes > end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

/* Which no family of another type may end in: its series would look like those of a histogram. */
static bool is_reserved(const char *name)
{
    return ends_with(name, "_bucket") || ends_with(name, "_count") || ends_with(name, "_sum");
}

/* ---- pieces ---- */

/* `specials` become \ and what `instead` has in their place. */
static void append_escaped(struct buffer *out, const char *text, size_t bytes, const char *specials,
                           const char *instead)
{
    size_t from = 0;
    for (size_t i = 0; i < bytes; i++) {
        const char *special = text[i] != '\0' ? strchr(specials, text[i]) : NULL;
        if (special == NULL)
            continue;
        buffer_append(out, text + from, i - from);
        buffer_append_u8(out, '\\');
        buffer_append_u8(out, (uint8_t)instead[special - specials]);
        from = i + 1;
    }
    buffer_append(out, text + from, bytes - from);
}

static void append_value(struct buffer *out, const char *value)
{
    size_t left = strlen(value);
    while (left > 0) {
        size_t valid = utf8_valid_bytes(value, left);
        append_escaped(out, value, valid, "\\\"\n", "\\\"n");
        if (valid < left) {
            buffer_append_text(out, REPLACEMENT);
            valid++;
        }
        value += valid;
        left -= valid;
    }
}

/* `le` NULL: none. */
static void append_labels(struct buffer *out, const struct metrics_label *labels, const char *le)
{
    const char *before = "{";
    for (; labels != NULL && labels->name != NULL; labels++) {
        ASSERT(is_name(labels->name, false));
        ASSERT(strcmp(labels->name, "le") != 0);
        buffer_append_text(out, before);
        buffer_append_text(out, labels->name);
        buffer_append_text(out, "=\"");
        append_value(out, labels->value);
        buffer_append_u8(out, '"');
        before = ",";
    }
    if (le != NULL) {
        buffer_append_format(out, "%sle=\"%s\"", before, le);
        before = ",";
    }
    if (before[0] == ',')
        buffer_append_u8(out, '}');
}

static const char *write_number(double value, char text[NUMBER_BYTES])
{
    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value > 0 ? "+Inf" : "-Inf";
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static void append_sample(struct metrics_text *text, const char *suffix,
                          const struct metrics_label *labels, const char *le, const char *value)
{
    ASSERT(text->family != NULL);
    buffer_append_text(text->out, text->family);
    buffer_append_text(text->out, suffix);
    append_labels(text->out, labels, le);
    buffer_append_u8(text->out, ' ');
    buffer_append_text(text->out, value);
    buffer_append_u8(text->out, '\n');
}

static void append_count(struct metrics_text *text, const char *suffix,
                         const struct metrics_label *labels, const char *le, uint64_t value)
{
    char number[NUMBER_BYTES];
    (void)snprintf(number, sizeof number, "%" PRIu64, value);
    append_sample(text, suffix, labels, le, number);
}

/* ---- families and samples ---- */

void metrics_text_family(struct metrics_text *text, enum metrics_type type, const char *name,
                         const char *help)
{
    ASSERT(is_name(name, true));
    ASSERT((type == METRICS_COUNTER) == ends_with(name, "_total"));
    ASSERT(!is_reserved(name));
    text->family = name;
    text->type = type;
    buffer_append_text(text->out, "# HELP ");
    buffer_append_text(text->out, name);
    buffer_append_u8(text->out, ' ');
    append_escaped(text->out, help, strlen(help), "\\\n", "\\n");
    buffer_append_format(text->out, "\n# TYPE %s %s\n", name, type_names[type]);
}

void metrics_text_count(struct metrics_text *text, const struct metrics_label *labels,
                        uint64_t value)
{
    ASSERT(text->type != METRICS_HISTOGRAM);
    append_count(text, "", labels, NULL, value);
}

void metrics_text_number(struct metrics_text *text, const struct metrics_label *labels,
                         double value)
{
    char number[NUMBER_BYTES];
    ASSERT(text->type != METRICS_HISTOGRAM);
    append_sample(text, "", labels, NULL, write_number(value, number));
}

void metrics_text_histogram(struct metrics_text *text, const struct metrics_label *labels,
                            const struct metrics_buckets *buckets)
{
    char number[NUMBER_BYTES];
    uint64_t count = 0;
    ASSERT(text->type == METRICS_HISTOGRAM);
    ASSERT(buckets->bound_count >= 1);
    for (size_t i = 0; i < buckets->bound_count; i++) {
        ASSERT(i == 0 || buckets->bounds[i] > buckets->bounds[i - 1]);
        count += buckets->counts[i];
        append_count(text, "_bucket", labels, write_number(buckets->bounds[i], number), count);
    }
    count += buckets->counts[buckets->bound_count];
    append_count(text, "_bucket", labels, "+Inf", count);
    append_sample(text, "_sum", labels, NULL, write_number(buckets->sum, number));
    append_count(text, "_count", labels, NULL, count);
}

void metrics_text_gauge(struct metrics_text *text, const char *name, const char *help, double value)
{
    metrics_text_family(text, METRICS_GAUGE, name, help);
    metrics_text_number(text, NULL, value);
}

void metrics_text_counter(struct metrics_text *text, const char *name, const char *help,
                          uint64_t value)
{
    metrics_text_family(text, METRICS_COUNTER, name, help);
    metrics_text_count(text, NULL, value);
}
