/*
 * tardis.dev downloadable CSV: `trades` and `quotes`. The header names the columns; columns that
 * we do not use are passed over, as tardis adds some now and then. `timestamp` (the exchange's) is
 * the tick's time, not `local_timestamp` (of arrival). A `liquidations` file has the header of a
 * `trades` file and cannot be told from it.
 */
#include "intake/format.h"

static const struct column_name trade_columns[] = {
    {"exchange", ROLE_SOURCE},      {"symbol", ROLE_SYMBOL},     {"timestamp", ROLE_TIME},
    {"local_timestamp", ROLE_NONE}, {"id", ROLE_VENUE_TRADE_ID}, {"side", ROLE_NONE},
    {"price", ROLE_LAST},           {"amount", ROLE_VOLUME},
};
#define TRADE_COLUMNS (sizeof trade_columns / sizeof trade_columns[0])

static const struct column_name quote_columns[] = {
    {"exchange", ROLE_SOURCE},      {"symbol", ROLE_SYMBOL},   {"timestamp", ROLE_TIME},
    {"local_timestamp", ROLE_NONE}, {"ask_amount", ROLE_NONE}, {"ask_price", ROLE_ASK},
    {"bid_price", ROLE_BID},        {"bid_amount", ROLE_NONE},
};
#define QUOTE_COLUMNS (sizeof quote_columns / sizeof quote_columns[0])

static enum status lay_out(const struct csv *line, bool is_first, const struct column_name *columns,
                           size_t column_count, struct layout *layout)
{
    if (!is_first)
        return STATUS_NOT_FOUND;
    *layout = layout_empty(&STAMP_US);
    struct header_match match = layout_from_header(line, columns, column_count, layout);
    bool is_ours = match.found == (1U << column_count) - 1 && match.twice == NULL;
    return is_ours ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status lay_out_trades(const struct csv *line, bool is_first, struct layout *layout,
                                  struct error *error)
{
    (void)error;
    enum status status = lay_out(line, is_first, trade_columns, TRADE_COLUMNS, layout);
    layout->required =
        ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_SYMBOL) | ROLE_BIT(ROLE_LAST) | ROLE_BIT(ROLE_VOLUME);
    return status;
}

/* A side of the book may be empty, and is then an empty field. */
static enum status lay_out_quotes(const struct csv *line, bool is_first, struct layout *layout,
                                  struct error *error)
{
    (void)error;
    enum status status = lay_out(line, is_first, quote_columns, QUOTE_COLUMNS, layout);
    layout->required = ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_SYMBOL);
    return status;
}

const struct format FORMAT_TARDIS_TRADES = {
    .id = INTAKE_TARDIS_TRADES,
    .name = "tardis-trades",
    .example = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
    .source = "tardis",
    .last_from = INTAKE_LAST_FROM_NONE,
    .lay_out = lay_out_trades,
};

const struct format FORMAT_TARDIS_QUOTES = {
    .id = INTAKE_TARDIS_QUOTES,
    .name = "tardis-quotes",
    .example =
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount",
    .source = "tardis",
    .last_from = INTAKE_LAST_FROM_NONE,
    .lay_out = lay_out_quotes,
};
