#include "wire/http_udf.h"

#include "market/interval.h"
#include "market/time.h"
#include "wire/writer.h"

#include <stdio.h>
#include <string.h>

#define RESOLUTION_BYTES_MAX 12
#define EXP_UNKNOWN 2 /* decimals of an axis nothing is known of */

static const char *const second_resolutions[] = {"1S", "5S", "15S", "30S"};
static const char *const minute_resolutions[] = {"1",  "3",   "5",   "15",  "30",
                                                 "60", "120", "240", "360", "720"};
static const char *const day_resolutions[] = {"1D", "1W"};
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum status http_udf_resolution_read(const char *text, int64_t *interval_us)
{
    char interval[RESOLUTION_BYTES_MAX + 2];
    size_t bytes = strlen(text);
    if (bytes < 1 || bytes > RESOLUTION_BYTES_MAX)
        return STATUS_INVALID;
    char unit = text[bytes - 1];
    size_t digits = unit == 'S' || unit == 'D' || unit == 'W' ? bytes - 1 : bytes;
    char ours = unit == 'S' ? 's' : unit == 'D' ? 'd' : unit == 'W' ? 'w' : 'm';
    if (digits < bytes || (unit >= '0' && unit <= '9')) {
        int written = snprintf(interval, sizeof interval, "%.*s%c", (int)(digits > 0 ? digits : 1),
                               digits > 0 ? text : "1", ours);
        return interval_parse(interval, (size_t)written, interval_us, NULL);
    }
    return STATUS_INVALID;
}

static void write_texts(struct writer *writer, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        writer_text(writer, texts[i]);
}

static void write_resolutions(struct writer *writer)
{
    writer_key(writer, "supported_resolutions");
    writer_array(writer, COUNT_OF(second_resolutions) + COUNT_OF(minute_resolutions) +
                             COUNT_OF(day_resolutions));
    write_texts(writer, second_resolutions, COUNT_OF(second_resolutions));
    write_texts(writer, minute_resolutions, COUNT_OF(minute_resolutions));
    write_texts(writer, day_resolutions, COUNT_OF(day_resolutions));
    writer_end(writer);
}

static void write_flag(struct writer *writer, const char *key, bool value)
{
    writer_key(writer, key);
    writer_bool(writer, value);
}

static void write_text(struct writer *writer, const char *key, const char *value)
{
    writer_key(writer, key);
    writer_text(writer, value);
}

static void write_number(struct writer *writer, const char *key, int64_t value)
{
    writer_key(writer, key);
    writer_integer(writer, value);
}

void http_udf_config_write(struct buffer *out)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, 6);
    write_resolutions(&writer);
    write_flag(&writer, "supports_search", true);
    write_flag(&writer, "supports_time", true);
    write_flag(&writer, "supports_group_request", false);
    write_flag(&writer, "supports_marks", false);
    write_flag(&writer, "supports_timescale_marks", false);
    writer_end(&writer);
}

/* ---- symbols ---- */

/* VENUE:NAME in its two parts; a name without a venue is all NAME. */
struct parts {
    char venue[SYMBOL_BYTES_MAX + 1];
    const char *name;
};

static struct parts parts_of(const struct symbol *symbol)
{
    struct parts parts = {.name = symbol->name};
    const char *colon = strchr(symbol->name, ':');
    if (colon == NULL || colon == symbol->name || colon[1] == '\0')
        return parts;
    memcpy(parts.venue, symbol->name, (size_t)(colon - symbol->name));
    parts.name = colon + 1;
    return parts;
}

static int price_exp(const struct candle *candles, size_t count)
{
    int exp = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t prices[] = {candles[i].open, candles[i].high, candles[i].low,
                                  candles[i].close};
        int mine = decimal_smallest_exp(prices, COUNT_OF(prices));
        exp = mine > exp ? mine : exp;
    }
    return count > 0 ? exp : EXP_UNKNOWN;
}

static int volume_exp(const struct candle *candles, size_t count)
{
    int exp = 0;
    for (size_t i = 0; i < count; i++) {
        int mine = candles[i].has_volume ? candle_volume_smallest_exp(candles[i].volume) : 0;
        exp = mine > exp ? mine : exp;
    }
    return exp;
}

static void write_names(struct writer *writer, const struct symbol *symbol)
{
    struct parts parts = parts_of(symbol);
    write_text(writer, "name", parts.name);
    write_text(writer, "ticker", symbol->name);
    write_text(writer, "description", symbol->name);
    write_text(writer, "type", "");
    write_text(writer, "exchange", parts.venue);
    write_text(writer, "listed_exchange", parts.venue);
}

/* Days and weeks are asked for as such; the library would build them from minutes otherwise. */
static void write_multipliers(struct writer *writer)
{
    write_flag(writer, "has_intraday", true);
    writer_key(writer, "intraday_multipliers");
    writer_array(writer, COUNT_OF(minute_resolutions));
    write_texts(writer, minute_resolutions, COUNT_OF(minute_resolutions));
    writer_end(writer);
    write_flag(writer, "has_seconds", true);
    writer_key(writer, "seconds_multipliers");
    writer_array(writer, COUNT_OF(second_resolutions));
    for (size_t i = 0; i < COUNT_OF(second_resolutions); i++)
        writer_text_bytes(writer, second_resolutions[i], strlen(second_resolutions[i]) - 1);
    writer_end(writer);
    write_flag(writer, "has_daily", true);
    write_flag(writer, "has_weekly_and_monthly", true);
    writer_key(writer, "monthly_multipliers"); /* none: a month is no fixed length */
    writer_array(writer, 0);
    writer_end(writer);
}

void http_udf_symbol_write(struct buffer *out, const struct symbol *symbol,
                           const struct candle *candles, size_t count)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, 22);
    write_names(&writer, symbol);
    write_text(&writer, "session", "24x7");
    write_text(&writer, "timezone", "Etc/UTC");
    write_text(&writer, "format", "price");
    write_number(&writer, "minmov", 1);
    write_number(&writer, "minmove2", 0);
    write_number(&writer, "pricescale", decimal_power(price_exp(candles, count)));
    write_number(&writer, "volume_precision", volume_exp(candles, count));
    write_text(&writer, "data_status", "streaming");
    write_resolutions(&writer);
    write_multipliers(&writer);
    writer_end(&writer);
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool begins_with(const char *text, const char *start)
{
    for (; *start != '\0'; text++, start++) {
        if (lower(*text) != lower(*start))
            return false;
    }
    return true;
}

bool http_udf_is_match(const struct symbol *symbol, const char *typed)
{
    const char *at = symbol->name;
    do {
        if (begins_with(at, typed))
            return true;
    } while (*at++ != '\0');
    return false;
}

void http_udf_search_write(struct buffer *out, const struct symbol *const *symbols, size_t count)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        struct parts parts = parts_of(symbols[i]);
        writer_map(&writer, 6);
        write_text(&writer, "symbol", parts.name);
        write_text(&writer, "full_name", symbols[i]->name);
        write_text(&writer, "description", symbols[i]->name);
        write_text(&writer, "exchange", parts.venue);
        write_text(&writer, "ticker", symbols[i]->name);
        write_text(&writer, "type", "");
        writer_end(&writer);
    }
    writer_end(&writer);
}

/* ---- history ---- */

static void write_prices(struct writer *writer, const char *key, const struct candle *candles,
                         size_t count, size_t which)
{
    writer_key(writer, key);
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        const int64_t prices[] = {candles[i].open, candles[i].high, candles[i].low,
                                  candles[i].close};
        writer_digits(writer, decimal_format(prices[which], DECIMAL_EXP_MAX).text);
    }
    writer_end(writer);
}

/* The library knows no null volume: it would be no number at all. */
static void write_volumes(struct writer *writer, const struct candle *candles, size_t count)
{
    writer_key(writer, "v");
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++)
        writer_digits(writer,
                      candles[i].has_volume ? candle_volume_format(candles[i].volume).text : "0");
    writer_end(writer);
}

void http_udf_history_write(struct buffer *out, const struct candle *candles, size_t count)
{
    static const char *const keys[] = {"o", "h", "l", "c"};
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, 7);
    write_text(&writer, "s", "ok");
    writer_key(&writer, "t");
    writer_array(&writer, count);
    for (size_t i = 0; i < count; i++)
        writer_integer(&writer, candles[i].time / TIME_SECOND_US);
    writer_end(&writer);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        write_prices(&writer, keys[i], candles, count, i);
    write_volumes(&writer, candles, count);
    writer_end(&writer);
}

void http_udf_no_data_write(struct buffer *out, const struct candle *older)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, older != NULL ? 2 : 1);
    write_text(&writer, "s", "no_data");
    if (older != NULL)
        write_number(&writer, "nextTime", older->time / TIME_SECOND_US);
    writer_end(&writer);
}
