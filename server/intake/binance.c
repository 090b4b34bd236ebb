/*
 * Binance's public archive (data.binance.vision): `trades` and `aggTrades`, of spot and of both
 * futures markets. Futures files have a header since 2022, spot files none; spot times are
 * microseconds since 2025, all others milliseconds.
 *
 *   trades     id, price, qty, quote_qty|base_qty, time, is_buyer_maker [, is_best_match]
 *   aggTrades  agg_trade_id, price, quantity, first_trade_id, last_trade_id, transact_time,
 *              is_buyer_maker [, is_best_match]
 *
 * Without a header both may have seven fields; the sixth tells: true or false in trades, a time in
 * aggTrades.
 */
#include "intake/format.h"

#include <string.h>

static const struct column_name trade_columns[] = {
    {"id", ROLE_VENUE_TRADE_ID}, {"price", ROLE_LAST},          {"qty", ROLE_VOLUME},
    {"time", ROLE_TIME},         {"is_buyer_maker", ROLE_NONE}, {"quote_qty", ROLE_NONE},
    {"base_qty", ROLE_NONE},     {"is_best_match", ROLE_NONE},
};
#define TRADE_COLUMNS (sizeof trade_columns / sizeof trade_columns[0])
#define TRADE_COLUMNS_REQUIRED 5 /* the first of them */

static const struct column_name aggregate_columns[] = {
    {"agg_trade_id", ROLE_VENUE_TRADE_ID},
    {"price", ROLE_LAST},
    {"quantity", ROLE_VOLUME},
    {"transact_time", ROLE_TIME},
    {"is_buyer_maker", ROLE_NONE},
    {"first_trade_id", ROLE_NONE},
    {"last_trade_id", ROLE_NONE},
    {"is_best_match", ROLE_NONE},
};
#define AGGREGATE_COLUMNS (sizeof aggregate_columns / sizeof aggregate_columns[0])
#define AGGREGATE_COLUMNS_REQUIRED 5

#define REQUIRED (ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_LAST) | ROLE_BIT(ROLE_VOLUME))

static bool is_boolean(const struct csv_field *field)
{
    return csv_field_is(field, "true") || csv_field_is(field, "false") ||
           csv_field_is(field, "True") || csv_field_is(field, "False");
}

static bool is_time(const struct csv_field *field)
{
    int64_t time;
    return STAMP_MS_OR_US.parse(field->text, field->bytes, &time) == STATUS_OK;
}

static bool is_whole_number(const struct csv_field *field)
{
    for (size_t i = 0; i < field->bytes; i++)
        if ((field->text[i] < '0' || field->text[i] > '9') && !(i == 0 && field->text[i] == '-'))
            return false;
    return field->bytes > 0;
}

static bool has_header(const struct csv *line, const struct column_name *columns,
                       size_t column_count, size_t required_count, struct layout *layout)
{
    *layout = layout_empty(&STAMP_MS_OR_US);
    layout->required = REQUIRED;
    struct header_match match = layout_from_header(line, columns, column_count, layout);
    unsigned required = (1U << required_count) - 1;
    return (match.found & required) == required && match.twice == NULL;
}

/* The layout of files without a header: id, price and quantity come first in both kinds. */
static void lay_out_bare(const struct csv *line, int time_at, struct layout *layout)
{
    *layout = layout_empty(&STAMP_MS_OR_US);
    layout->required = REQUIRED;
    layout->fields_min = line->count;
    layout->fields_max = line->count;
    layout->at[ROLE_VENUE_TRADE_ID] = 0;
    layout->at[ROLE_LAST] = 1;
    layout->at[ROLE_VOLUME] = 2;
    layout->at[ROLE_TIME] = time_at;
}

static enum status lay_out_trades(const struct csv *line, bool is_first, struct layout *layout,
                                  struct error *error)
{
    (void)error;
    if (is_first && has_header(line, trade_columns, TRADE_COLUMNS, TRADE_COLUMNS_REQUIRED, layout))
        return STATUS_OK;
    if (line->count < 6 || line->count > 7 || !is_whole_number(&line->fields[0]) ||
        !is_time(&line->fields[4]) || !is_boolean(&line->fields[5]))
        return STATUS_NOT_FOUND;
    lay_out_bare(line, 4, layout);
    return STATUS_OK;
}

static enum status lay_out_aggregates(const struct csv *line, bool is_first, struct layout *layout,
                                      struct error *error)
{
    (void)error;
    if (is_first &&
        has_header(line, aggregate_columns, AGGREGATE_COLUMNS, AGGREGATE_COLUMNS_REQUIRED, layout))
        return STATUS_OK;
    if (line->count < 7 || line->count > 8 || !is_whole_number(&line->fields[0]) ||
        !is_whole_number(&line->fields[3]) || !is_whole_number(&line->fields[4]) ||
        !is_time(&line->fields[5]) || !is_boolean(&line->fields[6]))
        return STATUS_NOT_FOUND;
    lay_out_bare(line, 5, layout);
    return STATUS_OK;
}

static bool symbol_before(const char *name, const char *kind, const char **symbol, size_t *bytes)
{
    const char *after = strstr(name, kind);
    if (after == NULL || after == name)
        return false;
    *symbol = name;
    *bytes = (size_t)(after - name);
    return true;
}

/* BTCUSDT-trades-2024-08-08.csv */
static bool symbol_in_trades_name(const char *name, const char **symbol, size_t *bytes)
{
    return symbol_before(name, "-trades-", symbol, bytes);
}

/* BTCUSDT-aggTrades-2024-08.csv */
static bool symbol_in_aggregates_name(const char *name, const char **symbol, size_t *bytes)
{
    return symbol_before(name, "-aggTrades-", symbol, bytes);
}

const struct format FORMAT_BINANCE_TRADES = {
    .id = INTAKE_BINANCE_TRADES,
    .name = "binance-trades",
    .example = "5266583935,61800.30,0.006,370.8018,1723161255088,false",
    .source = "binance",
    .last_from = INTAKE_LAST_FROM_NONE,
    .lay_out = lay_out_trades,
    .symbol_in_name = symbol_in_trades_name,
};

const struct format FORMAT_BINANCE_AGGTRADES = {
    .id = INTAKE_BINANCE_AGGTRADES,
    .name = "binance-aggtrades",
    .example = "2345678901,61800.3,0.006,5266583935,5266583936,1723161255088,false",
    .source = "binance",
    .last_from = INTAKE_LAST_FROM_NONE,
    .lay_out = lay_out_aggregates,
    .symbol_in_name = symbol_in_aggregates_name,
};
