#include "wire/candles.h"

#include "base/mem.h"
#include "market/interval.h"

#include <string.h>

#define EXACT_IN_DOUBLE_MOST (INT64_C(1) << 53)
#define COLUMNS 8

/* ---- what a replay asks for ---- */

#define INTERVAL_EXPECTED "an interval from \"1s\" to \"366d\", such as \"5m\""
/* A playhead that is set down in a week would have to wait for all ticks of that week; and better
 * no answer than one without what was asked for. */
#define VWAP_EXPECTED                                                                              \
    "without `vwap` in its items: replay.history and candles.subscribe tell average prices"
#define INTERVALS_EXPECTED "an array of at most 8 {interval, history?}"

static enum status refuse(const struct request *request, struct error *error, const char *expected)
{
    return request_refuse(request, "candles", STATUS_INVALID, error, "%s", expected);
}

static enum status read_interval(const struct request *request, const struct value *item,
                                 struct replay_interval *interval, struct error *error)
{
    if (item->kind != VALUE_MAP)
        return refuse(request, error, INTERVALS_EXPECTED);
    const struct value *text = value_of(item, "interval");
    if (text == NULL || text->kind != VALUE_TEXT || text->count > REPLAY_INTERVAL_TEXT_MAX ||
        interval_parse(text->as.text, text->count, &interval->interval_us, NULL) != STATUS_OK)
        return refuse(request, error, "in each item as `interval` " INTERVAL_EXPECTED);
    memcpy(interval->text, text->as.text, text->count);
    const struct value *vwap = value_of(item, "vwap");
    if (vwap != NULL && (vwap->kind != VALUE_BOOL || vwap->as.boolean))
        return refuse(request, error, VWAP_EXPECTED);
    const struct value *history = value_of(item, "history");
    if (history == NULL)
        return STATUS_OK;
    if (history->kind != VALUE_INTEGER || history->as.integer < 0)
        return refuse(request, error, "in each item as `history` an integer from 0 to 5000");
    if (history->as.integer > REPLAY_HISTORY_MAX)
        return error_set(error, STATUS_LIMIT, "history is %lld; at most %d candles of an interval",
                         (long long)history->as.integer, REPLAY_HISTORY_MAX);
    interval->history = (size_t)history->as.integer;
    return STATUS_OK;
}

static bool is_there(const struct replay_intervals *intervals, int64_t interval_us)
{
    for (size_t i = 0; i < intervals->count; i++) {
        if (intervals->items[i].interval_us == interval_us)
            return true;
    }
    return false;
}

enum status replay_intervals_read(const struct request *request, bool *has_intervals,
                                  struct replay_intervals *intervals, struct error *error)
{
    const struct value *candles = value_of(request->map, "candles");
    if (candles == NULL)
        return STATUS_OK;
    if (candles->kind != VALUE_ARRAY)
        return refuse(request, error, INTERVALS_EXPECTED);
    if (candles->count > REPLAY_INTERVALS_MAX)
        return error_set(error, STATUS_LIMIT, "candles: %zu intervals; at most %d in a replay",
                         (size_t)candles->count, REPLAY_INTERVALS_MAX);
    struct replay_intervals read = {.count = 0};
    for (size_t i = 0; i < candles->count; i++) {
        struct replay_interval item = {.history = 0};
        enum status status = read_interval(request, &candles->as.items[i], &item, error);
        if (status != STATUS_OK)
            return status;
        if (is_there(&read, item.interval_us))
            return refuse(request, error, "each interval once");
        read.items[read.count++] = item;
    }
    *has_intervals = true;
    *intervals = read;
    return STATUS_OK;
}

enum status replay_intervals_check(const struct replay_intervals *intervals, size_t symbol_count,
                                   struct error *error)
{
    size_t series = symbol_count * intervals->count;
    if (series > REPLAY_SERIES_MAX)
        return error_set(error, STATUS_LIMIT,
                         "candles: %zu symbols × %zu intervals; at most %d together", symbol_count,
                         intervals->count, REPLAY_SERIES_MAX);
    size_t rows = 0;
    for (size_t i = 0; i < intervals->count; i++)
        rows += symbol_count * intervals->items[i].history;
    if (rows > REPLAY_HISTORY_ROWS_MAX)
        return error_set(error, STATUS_LIMIT,
                         "candles: a history of %zu rows for %zu symbols; at most %d together",
                         rows, symbol_count, REPLAY_HISTORY_ROWS_MAX);
    return STATUS_OK;
}

/* ---- what one question is about ---- */

enum status candles_interval_read(const struct request *request, struct replay_interval *interval,
                                  struct error *error)
{
    const struct value *text = value_of(request->map, "interval");
    struct replay_interval read = {.history = 0};
    if (text == NULL || text->kind != VALUE_TEXT || text->count > REPLAY_INTERVAL_TEXT_MAX ||
        interval_parse(text->as.text, text->count, &read.interval_us, NULL) != STATUS_OK)
        return request_refuse(request, "interval", STATUS_INVALID, error, INTERVAL_EXPECTED);
    memcpy(read.text, text->as.text, text->count);
    *interval = read;
    return STATUS_OK;
}

enum status candles_count_read(const struct request *request, const char *key, size_t *count,
                               struct error *error)
{
    int64_t read = (int64_t)*count;
    enum status status = request_integer(request, key, 1, WIRE_REQ_MAX, &read, NULL);
    if (status != STATUS_OK)
        return request_refuse(request, key, status, error, "an integer from 1 to %d",
                              CANDLES_ROWS_MAX);
    if (read > CANDLES_ROWS_MAX)
        return error_set(error, STATUS_LIMIT, "%s is %lld; at most %d candles in an answer", key,
                         (long long)read, CANDLES_ROWS_MAX);
    *count = (size_t)read;
    return STATUS_OK;
}

/* ---- columns ---- */

/* One column after the other is made here. */
struct sealing {
    size_t rows;
    unsigned encodings;
    int64_t *values;
    void *payload;
};

static void write_decimals(struct writer *writer, const char *key, const struct sealing *sealing)
{
    struct column column =
        column_seal_decimals(sealing->values, sealing->rows, sealing->encodings, sealing->payload);
    writer_key(writer, key);
    writer_column(writer, &column);
}

static void write_integers(struct writer *writer, const char *key, const struct sealing *sealing)
{
    struct column column =
        column_seal_times(sealing->values, sealing->rows, sealing->encodings, sealing->payload);
    writer_key(writer, key);
    writer_column(writer, &column);
}

static bool fits(candle_volume volume)
{
    return volume >= -INT64_MAX && volume <= INT64_MAX;
}

static void write_volume_texts(struct writer *writer, const struct candle *candles, size_t count)
{
    writer_array(writer, 2);
    writer_text(writer, "text");
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        if (candles[i].has_volume)
            writer_text(writer, candle_volume_format(candles[i].volume).text);
        else
            writer_nil(writer);
    }
    writer_end(writer);
    writer_end(writer);
}

/* The smallest exp at which all volumes are exact; false when one does not fit 64 bits even so. */
static bool choose_volume_exp(const struct candle *candles, size_t count, int *exp)
{
    *exp = 0;
    for (size_t i = 0; i < count; i++) {
        int mine = candles[i].has_volume ? candle_volume_smallest_exp(candles[i].volume) : 0;
        *exp = mine > *exp ? mine : *exp;
    }
    for (size_t i = 0; i < count; i++) {
        if (candles[i].has_volume && !fits(candle_volume_at(candles[i].volume, *exp)))
            return false;
    }
    return true;
}

static void write_volumes(struct writer *writer, const struct candle *candles,
                          const struct sealing *sealing)
{
    bool all_fit = true;
    int exp;
    for (size_t i = 0; i < sealing->rows; i++)
        all_fit = all_fit && (!candles[i].has_volume || fits(candles[i].volume));
    if (all_fit) {
        for (size_t i = 0; i < sealing->rows; i++)
            sealing->values[i] = candles[i].has_volume ? (int64_t)candles[i].volume : DECIMAL_NULL;
        write_decimals(writer, "volume", sealing);
        return;
    }
    writer_key(writer, "volume");
    if (!choose_volume_exp(candles, sealing->rows, &exp)) {
        write_volume_texts(writer, candles, sealing->rows);
        return;
    }
    for (size_t i = 0; i < sealing->rows; i++)
        sealing->values[i] = candles[i].has_volume
                                 ? (int64_t)candle_volume_at(candles[i].volume, exp)
                                 : DECIMAL_NULL;
    struct column column = {.encoding = COLUMN_I64,
                            .exp = (uint8_t)exp,
                            .rows = sealing->rows,
                            .payload = sealing->values};
    writer_column(writer, &column);
}

static int64_t price_of(const struct candle *candle, size_t price)
{
    const int64_t prices[] = {candle->open, candle->high, candle->low, candle->close};
    return prices[price];
}

/* Numbers where all of them fit, else texts. */
static void write_vwaps(struct writer *writer, const struct vwap *vwaps,
                        const struct sealing *sealing)
{
    bool all_fit = true;
    for (size_t i = 0; i < sealing->rows; i++) {
        sealing->values[i] = DECIMAL_NULL;
        all_fit = (!vwaps[i].is_there || vwap_fits(&vwaps[i], &sealing->values[i])) && all_fit;
    }
    if (all_fit) {
        write_decimals(writer, "vwap", sealing);
        return;
    }
    writer_key(writer, "vwap");
    writer_array(writer, 2);
    writer_text(writer, "text");
    writer_array(writer, sealing->rows);
    for (size_t i = 0; i < sealing->rows; i++) {
        if (vwaps[i].is_there)
            writer_text(writer, vwap_format(&vwaps[i]).text);
        else
            writer_nil(writer);
    }
    writer_end(writer);
    writer_end(writer);
}

void candles_write_columns(struct writer *writer, const struct candle_rows *rows,
                           int64_t interval_us, int64_t final_by, unsigned encodings)
{
    const struct candle *candles = rows->candles;
    size_t count = rows->count;
    static const char *const names[] = {"open", "high", "low", "close"};
    struct sealing sealing = {
        .rows = count,
        .encodings = encodings,
        .values = mem_alloc((count + 1) * sizeof(int64_t)),
        .payload = mem_alloc((count + 1) * sizeof(int64_t)),
    };
    writer_key(writer, "n");
    writer_integer(writer, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        sealing.values[i] = candles[i].time;
    write_integers(writer, "time", &sealing);
    for (size_t price = 0; price < 4; price++) {
        for (size_t i = 0; i < count; i++)
            sealing.values[i] = price_of(&candles[i], price);
        write_decimals(writer, names[price], &sealing);
    }
    write_volumes(writer, candles, &sealing);
    for (size_t i = 0; i < count; i++)
        sealing.values[i] = candles[i].trades;
    write_integers(writer, "trades", &sealing);
    for (size_t i = 0; i < count; i++)
        sealing.values[i] = candles[i].time + interval_us <= final_by;
    write_integers(writer, "final", &sealing);
    if (rows->vwaps != NULL)
        write_vwaps(writer, rows->vwaps, &sealing);
    mem_free(sealing.values);
    mem_free(sealing.payload);
}

/* ---- rows ---- */

static bool is_exact_in_double(candle_volume mantissa)
{
    return mantissa >= -EXACT_IN_DOUBLE_MOST && mantissa <= EXACT_IN_DOUBLE_MOST;
}

static void write_price(struct writer *writer, int64_t price, int exp)
{
    int64_t mantissa = price / decimal_power(DECIMAL_EXP_MAX - exp);
    if (is_exact_in_double(mantissa))
        writer_integer(writer, mantissa);
    else
        writer_text(writer, decimal_format(price, DECIMAL_EXP_MAX).text);
}

static void write_volume(struct writer *writer, const struct candle *candle)
{
    int exp = candle->has_volume ? candle_volume_smallest_exp(candle->volume) : 0;
    candle_volume mantissa = candle->has_volume ? candle_volume_at(candle->volume, exp) : 0;
    writer_integer(writer, exp);
    if (!candle->has_volume)
        writer_nil(writer);
    else if (is_exact_in_double(mantissa))
        writer_integer(writer, (int64_t)mantissa);
    else
        writer_text(writer, candle_volume_format(candle->volume).text);
}

void candle_write_row(struct writer *writer, const struct frame_candle *row, const char *interval)
{
    const struct candle *candle = &row->candle;
    writer_array(writer, row->is_none ? 3 : 12);
    writer_integer(writer, (int64_t)row->symbol);
    writer_text(writer, interval);
    if (row->is_none) {
        writer_nil(writer);
        writer_end(writer);
        return;
    }
    const int64_t prices[] = {candle->open, candle->high, candle->low, candle->close};
    int exp = decimal_smallest_exp(prices, 4);
    writer_integer(writer, candle->time);
    writer_integer(writer, exp);
    for (size_t i = 0; i < 4; i++)
        write_price(writer, prices[i], exp);
    write_volume(writer, candle);
    writer_integer(writer, candle->trades);
    writer_integer(writer, row->final ? 1 : 0);
    writer_end(writer);
}

size_t wire_candle_bytes(enum wire_encoding encoding)
{
    /* symbol, interval, time, two exps and a flag, four prices, volume, trades; in JSON with quotes
     * and commas. */
    size_t price_bytes = sizeof "\"-92233720368.54775807\"," - 1;
    size_t volume_bytes = CANDLE_VOLUME_TEXT_BYTES + 3;
    size_t integer_bytes = encoding == WIRE_JSON ? sizeof "-9223372036854775807," - 1 : 9;
    return 8 + (REPLAY_INTERVAL_TEXT_MAX + 3) + 2 * integer_bytes + 8 + 4 * price_bytes +
           volume_bytes;
}
