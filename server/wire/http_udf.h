/*
 * TradingView's Universal Data Feed, as its charting library asks for it: config, symbols, search,
 * history, time. Conventions that differ from ours: times are plain seconds, a resolution is
 * minutes without a unit ("240") or a count of S, D, W. Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_HTTP_UDF_H
#define TAPEDECK_WIRE_HTTP_UDF_H

#include "base/bytes.h"
#include "market/candle.h"
#include "market/symbol.h"

#include <stddef.h>

#define HTTP_UDF_RESOLUTION_EXPECTED                                                               \
    "minutes (\"1\", \"240\"), or a count of seconds, days or weeks (\"15S\", \"1D\", \"1W\")"

/* "1", "240", "15S", "D", "1D", "2W"; up to 366 days. STATUS_INVALID otherwise, without a sentence:
 * months have no fixed length. */
enum status http_udf_resolution_read(const char *text, int64_t *interval_us) MUST_CHECK;

void http_udf_config_write(struct buffer *out);
/* What a chart needs to know of a symbol; the steps of its price axis are learned from candles. */
void http_udf_symbol_write(struct buffer *out, const struct symbol *symbol,
                           const struct candle *candles, size_t count);
/* Candles oldest first. */
void http_udf_history_write(struct buffer *out, const struct candle *candles, size_t count);
/* None in the range; `older`: the newest before it, NULL when there is none. */
void http_udf_no_data_write(struct buffer *out, const struct candle *older);

/* Whether a symbol is found by what a user typed: anywhere in its name, without regard to the case
 * of ASCII letters (the library asks in capitals). */
bool http_udf_is_match(const struct symbol *symbol, const char *typed);
void http_udf_search_write(struct buffer *out, const struct symbol *const *symbols, size_t count);

#endif
