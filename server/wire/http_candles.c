#include "wire/http_candles.h"

#include "market/time.h"
#include "wire/writer.h"

static void write_prices(struct writer *writer, const struct candle *candle)
{
    static const char *const names[] = {"open", "high", "low", "close"};
    const int64_t prices[] = {candle->open, candle->high, candle->low, candle->close};
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
        writer_key(writer, names[i]);
        writer_digits(writer, decimal_format(prices[i], DECIMAL_EXP_MAX).text);
    }
}

/* `vwap` NULL: it was not asked for. */
static void write_candle(struct writer *writer, const struct candle *candle,
                         const struct vwap *vwap, bool is_final)
{
    writer_map(writer, 8 + (vwap != NULL));
    writer_key(writer, "time");
    writer_text(writer, time_format(candle->time).text);
    write_prices(writer, candle);
    writer_key(writer, "volume");
    if (candle->has_volume)
        writer_digits(writer, candle_volume_format(candle->volume).text);
    else
        writer_nil(writer);
    writer_key(writer, "trades");
    writer_integer(writer, candle->trades);
    writer_key(writer, "final");
    writer_bool(writer, is_final);
    if (vwap != NULL) {
        writer_key(writer, "vwap");
        writer_digits(writer, vwap_format(vwap).text); /* null is null */
    }
    writer_end(writer);
}

void http_candles_write(struct buffer *out, const struct http_candles *answer)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, 3);
    writer_key(&writer, "symbol");
    writer_text(&writer, answer->symbol);
    writer_key(&writer, "interval");
    writer_text(&writer, answer->interval);
    writer_key(&writer, "candles");
    const struct candle_rows *rows = &answer->rows;
    writer_array(&writer, rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        const struct candle *candle = &rows->candles[i];
        const struct vwap *vwap = rows->vwaps != NULL ? &rows->vwaps[i] : NULL;
        bool is_final = candle->time + answer->interval_us <= answer->final_by;
        write_candle(&writer, candle, vwap, is_final);
    }
    writer_end(&writer);
    writer_end(&writer);
    buffer_append_u8(out, '\n');
}
