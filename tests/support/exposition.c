#include "support/exposition.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the reader is. */
struct text {
    const char *at;
    const char *line; /* the beginning of this one */
    unsigned line_number;
    struct exposition *exposition;
    bool has_type; /* the newest family has its TYPE line */
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct text *text, const char *format, ...)
{
    char *problem = text->exposition->problem;
    size_t room = sizeof text->exposition->problem;
    int used = snprintf(problem, room, "line %u, \"%.*s\": ", text->line_number,
                        (int)strcspn(text->line, "\n"), text->line);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && (size_t)used < room)
        (void)vsnprintf(problem + used, room - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

static bool take(struct text *text, const char *expected)
{
    size_t bytes = strlen(expected);
    if (strncmp(text->at, expected, bytes) != 0)
        return false;
    text->at += bytes;
    return true;
}

/* ---- pieces ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Metric names may have colons, names of labels not. */
static bool read_name(struct text *text, bool is_metric, char name[EXPOSITION_NAME_BYTES])
{
    size_t bytes = 0;
    for (;; bytes++) {
        char c = text->at[bytes];
        bool fits = is_letter(c) || (is_metric && c == ':') || (bytes > 0 && c >= '0' && c <= '9');
        if (!fits)
            break;
    }
    if (bytes == 0 || bytes >= EXPOSITION_NAME_BYTES)
        return refuse(text, "a name is missing, or too long");
    memcpy(name, text->at, bytes);
    name[bytes] = '\0';
    text->at += bytes;
    return true;
}

/* Continuation bytes that must follow; −1: this begins no character. Overlong forms and surrogates
 * are for unit tests of the decoder, not for this. */
static int followers(unsigned char c)
{
    if (c < 0x80)
        return 0;
    if (c >= 0xc2 && c <= 0xdf)
        return 1;
    if (c >= 0xe0 && c <= 0xef)
        return 2;
    return c >= 0xf0 && c <= 0xf4 ? 3 : -1;
}

static bool is_utf8(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        int more = followers(*at++);
        if (more < 0)
            return false;
        for (; more > 0; more--, at++) {
            if ((*at & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

/* Up to `end`; an escape is \\, \n, and where there are quotes \". */
static bool read_escaped(struct text *text, char end, char value[EXPOSITION_VALUE_BYTES])
{
    size_t bytes = 0;
    while (*text->at != end) {
        char c = *text->at++;
        if (c == '\0' || c == '\n')
            return refuse(text, "a text has no end");
        if (c == '\\') {
            c = *text->at++;
            bool is_escape = c == '\\' || c == 'n' || (end == '"' && c == '"');
            if (!is_escape)
                return refuse(text, "\\%c is no escape", c);
            c = c == 'n' ? '\n' : c;
        }
        if (bytes == EXPOSITION_VALUE_BYTES - 1)
            return refuse(text, "a text is too long");
        value[bytes++] = c;
    }
    value[bytes] = '\0';
    return is_utf8(value) || refuse(text, "a text is not UTF-8");
}

static bool is_decimal(const char *text, size_t bytes)
{
    return bytes > 0 && strspn(text, "0123456789+-.eE") == bytes;
}

static bool read_value(struct text *text, double *value)
{
    size_t bytes = strcspn(text->at, "\n");
    bool is_special = (bytes == 3 && strncmp(text->at, "NaN", 3) == 0) ||
                      (bytes == 4 && strncmp(text->at, "+Inf", 4) == 0) ||
                      (bytes == 4 && strncmp(text->at, "-Inf", 4) == 0);
    if (!is_special && !is_decimal(text->at, bytes))
        return refuse(text, "this is no value");
    char *end;
    *value = strtod(text->at, &end);
    if (end != text->at + bytes)
        return refuse(text, "this is no value");
    text->at = end;
    return true;
}

/* ---- families ---- */

static struct exposition_family *newest(struct text *text)
{
    struct exposition *exposition = text->exposition;
    return exposition->family_count > 0 ? &exposition->families[exposition->family_count - 1]
                                        : NULL;
}

static bool ends_with(const char *name, const char *end)
{
    size_t bytes = strlen(name);
    size_t end_bytes = strlen(end);
    return bytes > end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

static bool read_help(struct text *text)
{
    struct exposition *exposition = text->exposition;
    struct exposition_family family = {.type = ""};
    if (newest(text) != NULL && !text->has_type)
        return refuse(text, "the family before has no TYPE");
    if (!read_name(text, true, family.name))
        return false;
    if (exposition_family(exposition, family.name) != NULL)
        return refuse(text, "%s is told twice", family.name);
    if (!take(text, " ") || !read_escaped(text, '\n', family.help))
        return exposition->problem[0] == '\0' ? refuse(text, "HELP says nothing") : false;
    if (family.help[0] == '\0')
        return refuse(text, "HELP says nothing");
    size_t bytes = (exposition->family_count + 1) * sizeof family;
    exposition->families = realloc(exposition->families, bytes);
    exposition->families[exposition->family_count++] = family;
    text->has_type = false;
    return true;
}

static bool read_type(struct text *text)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct exposition_family *family = newest(text);
    char name[EXPOSITION_NAME_BYTES];
    if (!read_name(text, true, name))
        return false;
    if (family == NULL || text->has_type || strcmp(family->name, name) != 0)
        return refuse(text, "TYPE does not follow the HELP of %s", name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t bytes = strlen(types[i]);
        if (strncmp(text->at, " ", 1) == 0 && strncmp(text->at + 1, types[i], bytes) == 0 &&
            text->at[1 + bytes] == '\n') {
            text->at += 1 + bytes;
            (void)snprintf(family->type, sizeof family->type, "%s", types[i]);
            text->has_type = true;
        }
    }
    if (!text->has_type)
        return refuse(text, "this is no type that is known here");
    if ((strcmp(family->type, "counter") == 0) != ends_with(name, "_total"))
        return refuse(text, "counters, and only they, end in _total");
    return true;
}

/* ---- samples ---- */

static bool read_labels(struct text *text, struct exposition_sample *sample)
{
    if (!take(text, "{"))
        return true;
    do {
        if (sample->label_count == EXPOSITION_LABELS_MAX)
            return refuse(text, "too many labels");
        struct exposition_label *label = &sample->labels[sample->label_count];
        if (!read_name(text, false, label->name))
            return false;
        if (exposition_label(sample, label->name) != NULL)
            return refuse(text, "the label %s is there twice", label->name);
        if (!take(text, "=\""))
            return refuse(text, "a label has no value");
        if (!read_escaped(text, '"', label->value))
            return false;
        text->at++;
        sample->label_count++;
    } while (take(text, ","));
    return take(text, "}") || refuse(text, "the labels have no end");
}

static bool belongs(const struct exposition_family *family, const struct exposition_sample *sample)
{
    size_t bytes = strlen(family->name);
    if (strcmp(family->type, "histogram") != 0)
        return strcmp(sample->name, family->name) == 0;
    if (strncmp(sample->name, family->name, bytes) != 0)
        return false;
    const char *suffix = sample->name + bytes;
    bool is_bucket = strcmp(suffix, "_bucket") == 0;
    return is_bucket == (exposition_label(sample, "le") != NULL) &&
           (is_bucket || strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0);
}

static bool check_sample(struct text *text, const struct exposition_sample *sample)
{
    const struct exposition_family *family = newest(text);
    if (family == NULL || !text->has_type || !belongs(family, sample))
        return refuse(text, "%s is not of the family before it", sample->name);
    if (exposition_same(text->exposition, sample) != NULL)
        return refuse(text, "this sample is there twice");
    bool is_count = strcmp(family->type, "gauge") != 0;
    if (is_count && !(sample->value >= 0 && isfinite(sample->value)))
        return refuse(text, "a count is no finite number from 0 on");
    return true;
}

static bool read_sample(struct text *text)
{
    struct exposition *exposition = text->exposition;
    struct exposition_sample sample = {.label_count = 0};
    if (!read_name(text, true, sample.name) || !read_labels(text, &sample))
        return false;
    if (!take(text, " "))
        return refuse(text, "a sample has no value");
    if (!read_value(text, &sample.value) || !check_sample(text, &sample))
        return false;
    sample.family = exposition->family_count - 1;
    size_t bytes = (exposition->sample_count + 1) * sizeof sample;
    exposition->samples = realloc(exposition->samples, bytes);
    exposition->samples[exposition->sample_count++] = sample;
    return true;
}

static bool read_line(struct text *text)
{
    bool is_read;
    if (take(text, "# HELP "))
        is_read = read_help(text);
    else if (take(text, "# TYPE "))
        is_read = read_type(text);
    else
        is_read = read_sample(text);
    if (!is_read)
        return false;
    return take(text, "\n") || refuse(text, "something follows");
}

/* ---- histograms ---- */

/* Whether two samples of a histogram are of one series: the same labels but for `le`. */
static bool are_of_one(const struct exposition_sample *one, const struct exposition_sample *other)
{
    size_t count = one->label_count - (exposition_label(one, "le") != NULL);
    if (count != other->label_count - (exposition_label(other, "le") != NULL))
        return false;
    for (size_t i = 0; i < one->label_count; i++) {
        const struct exposition_label *label = &one->labels[i];
        const char *value = exposition_label(other, label->name);
        if (strcmp(label->name, "le") != 0 && (value == NULL || strcmp(value, label->value) != 0))
            return false;
    }
    return true;
}

static double bound_of(const struct exposition_sample *bucket)
{
    return strtod(exposition_label(bucket, "le"), NULL);
}

/* From the first bucket of a series: the others in order, then _sum, then _count. */
static bool check_series(struct text *text, size_t first)
{
    const struct exposition *exposition = text->exposition;
    const struct exposition_sample *samples = exposition->samples;
    size_t i = first;
    for (; i + 1 < exposition->sample_count && are_of_one(&samples[first], &samples[i + 1]) &&
           exposition_label(&samples[i + 1], "le") != NULL;
         i++) {
        if (bound_of(&samples[i + 1]) <= bound_of(&samples[i]))
            return refuse(text, "%s: its bounds do not ascend", samples[i].name);
        if (samples[i + 1].value < samples[i].value)
            return refuse(text, "%s: its buckets are not cumulative", samples[i].name);
    }
    if (!isinf(bound_of(&samples[i])))
        return refuse(text, "%s: it has no bucket for +Inf", samples[i].name);
    if (i + 2 >= exposition->sample_count || !ends_with(samples[i + 1].name, "_sum") ||
        !ends_with(samples[i + 2].name, "_count") || !are_of_one(&samples[i], &samples[i + 1]) ||
        !are_of_one(&samples[i], &samples[i + 2]))
        return refuse(text, "%s: _sum and _count do not follow", samples[i].name);
    return samples[i + 2].value == samples[i].value ||
           refuse(text, "%s: _count is not what +Inf has", samples[i].name);
}

static bool is_bucket(const struct exposition_sample *sample)
{
    return exposition_label(sample, "le") != NULL;
}

static bool check_histograms(struct text *text)
{
    const struct exposition *exposition = text->exposition;
    for (size_t i = 0; i < exposition->sample_count; i++) {
        const struct exposition_sample *sample = &exposition->samples[i];
        bool is_first = is_bucket(sample) &&
                        (i == 0 || !is_bucket(sample - 1) || !are_of_one(sample, sample - 1) ||
                         sample->family != (sample - 1)->family);
        bool is_lone = strcmp(exposition->families[sample->family].type, "histogram") == 0 &&
                       !is_bucket(sample) && (i == 0 || (sample - 1)->family != sample->family);
        if (is_lone)
            return refuse(text, "%s: it has no buckets", sample->name);
        if (is_first && !check_series(text, i))
            return false;
    }
    return true;
}

bool exposition_read(struct exposition *exposition, const char *text)
{
    *exposition = (struct exposition){.families = NULL};
    struct text reading = {.at = text, .line = text, .exposition = exposition};
    while (*reading.at != '\0') {
        reading.line = reading.at;
        reading.line_number++;
        if (!read_line(&reading))
            return false;
    }
    reading.line = "";
    if (exposition->family_count == 0 || !reading.has_type)
        return refuse(&reading, "there is no family, or the last one has no TYPE");
    return check_histograms(&reading);
}

void exposition_deinit(struct exposition *exposition)
{
    free(exposition->families);
    free(exposition->samples);
    *exposition = (struct exposition){.families = NULL};
}

/* ---- what it says ---- */

const struct exposition_family *exposition_family(const struct exposition *exposition,
                                                  const char *name)
{
    for (size_t i = 0; i < exposition->family_count; i++) {
        if (strcmp(exposition->families[i].name, name) == 0)
            return &exposition->families[i];
    }
    return NULL;
}

const char *exposition_label(const struct exposition_sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->label_count; i++) {
        if (strcmp(sample->labels[i].name, name) == 0)
            return sample->labels[i].value;
    }
    return NULL;
}

double exposition_sum(const struct exposition *exposition, const char *name, const char *label,
                      const char *value)
{
    double sum = NAN;
    for (size_t i = 0; i < exposition->sample_count; i++) {
        const struct exposition_sample *sample = &exposition->samples[i];
        const char *has = label != NULL ? exposition_label(sample, label) : NULL;
        bool is_meant = strcmp(sample->name, name) == 0 &&
                        (label == NULL || (has != NULL && strcmp(has, value) == 0));
        if (is_meant)
            sum = isnan(sum) ? sample->value : sum + sample->value;
    }
    return sum;
}

const struct exposition_sample *exposition_same(const struct exposition *other,
                                                const struct exposition_sample *sample)
{
    for (size_t i = 0; i < other->sample_count; i++) {
        const struct exposition_sample *mine = &other->samples[i];
        if (strcmp(mine->name, sample->name) != 0 || mine->label_count != sample->label_count)
            continue;
        const char *is = exposition_label(mine, "le");
        const char *should = exposition_label(sample, "le");
        bool has_bound = is != NULL && should != NULL;
        if (are_of_one(mine, sample) && (!has_bound || strcmp(is, should) == 0))
            return mine;
    }
    return NULL;
}
