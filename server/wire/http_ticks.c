#include "wire/http_ticks.h"

#include "market/time.h"

#include <string.h>

static const char *const names[TICK_FIELDS] = {"bid", "ask", "last", "volume"};

enum status http_ticks_format_read(const char *text, enum http_ticks_format *format)
{
    if (strcmp(text, "ndjson") == 0)
        *format = HTTP_TICKS_NDJSON;
    else if (strcmp(text, "csv") == 0)
        *format = HTTP_TICKS_CSV;
    else
        return STATUS_INVALID;
    return STATUS_OK;
}

const char *http_ticks_content_type(enum http_ticks_format format)
{
    return format == HTTP_TICKS_CSV ? "text/csv; charset=utf-8; header=present"
                                    : "application/x-ndjson";
}

void http_ticks_write_head(struct buffer *out, enum http_ticks_format format)
{
    if (format != HTTP_TICKS_CSV)
        return;
    buffer_append_text(out, "time");
    for (size_t i = 0; i < TICK_FIELDS; i++) {
        buffer_append_u8(out, ',');
        buffer_append_text(out, names[i]);
    }
    buffer_append_u8(out, '\n');
}

static void write_csv(struct buffer *out, const struct tick *tick)
{
    buffer_append_text(out, time_format(tick->time).text);
    for (size_t i = 0; i < TICK_FIELDS; i++) {
        buffer_append_u8(out, ',');
        if (tick->fields[i] != DECIMAL_NULL)
            buffer_append_text(out, decimal_format(tick->fields[i], DECIMAL_EXP_MAX).text);
    }
    buffer_append_u8(out, '\n');
}

/* By hand: nothing in it needs an escape, and there are many of them. */
static void write_json(struct buffer *out, const struct tick *tick)
{
    buffer_append_text(out, "{\"time\":\"");
    buffer_append_text(out, time_format(tick->time).text);
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < TICK_FIELDS; i++) {
        buffer_append_text(out, ",\"");
        buffer_append_text(out, names[i]);
        buffer_append_text(out, "\":");
        buffer_append_text(out, decimal_format(tick->fields[i], DECIMAL_EXP_MAX).text);
    }
    buffer_append_text(out, "}\n");
}

void http_ticks_write(struct buffer *out, enum http_ticks_format format, const struct tick *tick)
{
    if (format == HTTP_TICKS_CSV)
        write_csv(out, tick);
    else
        write_json(out, tick);
}
