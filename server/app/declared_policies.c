#include "app/declared_policies.h"

#include "app/option_value.h"
#include "base/assert.h"
#include "market/time.h"
#include "wire/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY TIME_DAY_US
#define HOUR TIME_HOUR_US
#define MINUTE TIME_MINUTE_US
#define AGES (36500 * DAY)
#define MONTH (30 * DAY)

#define DEFAULT_WORD "default"
#define NEVER_WORD "never"

/* clang-format off: a row is a setting */
#define CANDLES(name, start, end, every, width)                                                    \
    {name,                                                                                         \
     "start_offset",                                                                               \
     DECLARED_LENGTH,                                                                              \
     "60d",                                                                                        \
     start,                                                                                        \
     MINUTE,                                                                                       \
     AGES,                                                                                         \
     "how far back a refresh looks for ticks that came late"},                                     \
        {name,                                                                                     \
         "end_offset",                                                                             \
         DECLARED_LENGTH,                                                                          \
         width,                                                                                    \
         end,                                                                                      \
         0,                                                                                        \
         AGES,                                                                                     \
         "how far from now it stops; the forming candle stays out"},                               \
        {name,  "refresh_every",     DECLARED_LENGTH, width,                                       \
         every, 10 * TIME_SECOND_US, MONTH,           "from one refresh to the next"},             \
    {                                                                                              \
        name, "drop_after", DECLARED_LENGTH_OR_NEVER, NEVER_WORD, NULL, DAY, AGES,                 \
            "candles older than this are dropped; they must outlive their ticks"                   \
    }

static const struct declared_setting table[] = {
    {"tick_data", "chunk", DECLARED_LENGTH, "1d", "1d", HOUR, MONTH, "width of the chunks to come"},
    {"tick_data", "compress_after", DECLARED_LENGTH_OR_NEVER, "30d", NEVER_WORD, HOUR, AGES,
     "chunks older than this are compressed"},
    {"tick_data", "compress_every", DECLARED_LENGTH, "12h", NULL, MINUTE, MONTH,
     "from one look for such chunks to the next"},
    {"tick_data", "drop_after", DECLARED_LENGTH_OR_NEVER, "90d", "90d", HOUR, AGES,
     "chunks older than this are dropped"},
    {"tick_data", "drop_every", DECLARED_LENGTH, "1d", "1d", MINUTE, MONTH,
     "from one look for such chunks to the next"},
    CANDLES("candle_1m", "10m", "1m", "1m", "1m"),
    CANDLES("candle_5m", NULL, NULL, NULL, "5m"),
    CANDLES("candle_15m", NULL, NULL, NULL, "15m"),
    CANDLES("candle_1h", NULL, NULL, NULL, "1h"),
    CANDLES("candle_1d", NULL, NULL, NULL, "1d"),
    {"database", "sample_at", DECLARED_TIME_OF_DAY, "03:00", "03:00", 0, DAY - MINUTE,
     "when the size of the database is measured, UTC"},
};
/* clang-format on */

#define TABLE_COUNT (sizeof table / sizeof table[0])
static_assert(TABLE_COUNT <= DECLARED_SETTINGS_MAX, "more settings than values");

const struct declared_setting *declared_settings(size_t *count)
{
    *count = TABLE_COUNT;
    return table;
}

const struct declared_setting *declared_setting_find(const char *target, const char *key)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(table[i].target, target) == 0 && strcmp(table[i].key, key) == 0)
            return &table[i];
    }
    return NULL;
}

/* ---- values ---- */

static enum status read_time_of_day(const char *text, int64_t *us, struct error *error)
{
    unsigned hours;
    unsigned minutes;
    int used = 0;
    if (sscanf(text, "%2u:%2u%n", &hours, &minutes, &used) == 2 && text[used] == '\0' &&
        used == 5 && strspn(text, "0123456789:") == 5 && hours < 24 && minutes < 60) {
        *us = hours * HOUR + minutes * MINUTE;
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "expected a time of day such as \"03:00\", UTC");
}

static enum status read_length(const struct declared_setting *setting, const char *text,
                               int64_t *us, struct error *error)
{
    struct error why;
    if (value_parse_duration(text, setting->min_us, setting->max_us, us, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s%s", why.text,
                     setting->type == DECLARED_LENGTH_OR_NEVER ? ", or never" : "");
}

enum status declared_value_read(const struct declared_setting *setting, const char *text,
                                struct declared_value *value, struct error *error)
{
    struct declared_value read = {.is_given = strcmp(text, DEFAULT_WORD) != 0};
    read.is_never = setting->type == DECLARED_LENGTH_OR_NEVER && strcmp(text, NEVER_WORD) == 0;
    enum status status = STATUS_OK;
    if (read.is_given && !read.is_never)
        status = setting->type == DECLARED_TIME_OF_DAY
                     ? read_time_of_day(text, &read.us, error)
                     : read_length(setting, text, &read.us, error);
    if (status == STATUS_OK)
        *value = read;
    return status;
}

bool declared_policies_are_given(const struct declared_policies *policies)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (policies->of[i].is_given)
            return true;
    }
    return false;
}

/* ---- as YAML ---- */

static void append_value(const struct declared_setting *setting, const struct declared_value *value,
                         struct buffer *out)
{
    bool is_same = setting->plain != NULL && strcmp(setting->plain, setting->standard) == 0;
    const char *quote = setting->type == DECLARED_TIME_OF_DAY ? "\"" : "";
    if (!value->is_given)
        buffer_append_format(out, "%s%s%s", quote, is_same ? setting->standard : DEFAULT_WORD,
                             quote);
    else if (value->is_never)
        buffer_append_text(out, NEVER_WORD);
    else if (setting->type == DECLARED_TIME_OF_DAY)
        buffer_append_format(out, "\"%02d:%02d\"", (int)(value->us / HOUR),
                             (int)(value->us / MINUTE % 60));
    else
        buffer_append_text(out, value_format_duration(value->us).text);
}

static void append_origin(const struct declared_setting *setting,
                          const struct declared_value *value, const char *file, struct buffer *out)
{
    if (value->is_given)
        buffer_append_format(out, "%s line %u", file, value->line);
    else if (setting->plain == NULL)
        buffer_append_format(out, "default: %s; nothing without TimescaleDB", setting->standard);
    else if (strcmp(setting->plain, setting->standard) != 0)
        buffer_append_format(out, "default: %s; %s without TimescaleDB", setting->standard,
                             setting->plain);
    else
        buffer_append_text(out, "default");
}

void declared_policies_print(const struct declared_policies *policies, const char *file,
                             size_t comment_column, struct buffer *out)
{
    const char *target = "";
    buffer_append_text(out, DECLARED_SECTION ":\n");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(table[i].target, target) != 0)
            buffer_append_format(out, "  %s:\n", table[i].target);
        target = table[i].target;
        size_t start = out->count;
        buffer_append_format(out, "    %s: ", table[i].key);
        append_value(&table[i], &policies->of[i], out);
        size_t used = out->count - start;
        buffer_append_format(out, "%*s# ",
                             used + 2 < comment_column ? (int)(comment_column - used) : 2, "");
        append_origin(&table[i], &policies->of[i], file, out);
        buffer_append_text(out, "\n");
    }
}

/* ---- as JSON ---- */

/* In PostgreSQL's words: "90 days 01:30:00.000000", "03:00 UTC". */
static void write_value(struct writer *writer, const struct declared_setting *setting,
                        const struct declared_value *value)
{
    char text[64];
    if (value->is_never) {
        writer_nil(writer);
        return;
    }
    int hours = (int)(value->us % DAY / HOUR);
    int minutes = (int)(value->us % HOUR / MINUTE);
    if (setting->type == DECLARED_TIME_OF_DAY)
        (void)snprintf(text, sizeof text, "%02d:%02d UTC", hours, minutes);
    else
        (void)snprintf(text, sizeof text, "%" PRId64 " days %02d:%02d:%02d.%06d", value->us / DAY,
                       hours, minutes, (int)(value->us % MINUTE / TIME_SECOND_US),
                       (int)(value->us % TIME_SECOND_US));
    writer_text(writer, text);
}

static void write_setting(struct writer *writer, const struct declared_setting *setting,
                          const struct declared_value *value, const char *file)
{
    char source[256] = DEFAULT_WORD;
    if (value->is_given)
        (void)snprintf(source, sizeof source, "%s line %u", file, value->line);
    writer_map(writer, 4);
    writer_key(writer, "target");
    writer_text(writer, setting->target);
    writer_key(writer, "setting");
    writer_text(writer, setting->key);
    writer_key(writer, "value");
    write_value(writer, setting, value);
    writer_key(writer, "source");
    writer_text(writer, source);
    writer_end(writer);
}

/* False: the engine has nothing of the kind, and nobody asked for it. */
static bool is_told(const struct declared_setting *setting, const struct declared_value *value,
                    bool is_plain)
{
    return value->is_given || !is_plain || setting->plain != NULL;
}

void declared_policies_json(const struct declared_policies *policies, const char *file,
                            bool is_plain, struct buffer *out)
{
    struct writer writer;
    size_t count = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        count += is_told(&table[i], &policies->of[i], is_plain);
    writer_init(&writer, out, WIRE_JSON);
    writer_array(&writer, count);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        struct declared_value value = policies->of[i];
        if (!is_told(&table[i], &value, is_plain))
            continue;
        if (!value.is_given) {
            enum status status = declared_value_read(
                &table[i], is_plain ? table[i].plain : table[i].standard, &value, NULL);
            ASSERT(status == STATUS_OK);
            value.is_given = false;
        }
        write_setting(&writer, &table[i], &value, file != NULL ? file : "");
    }
    writer_end(&writer);
}
