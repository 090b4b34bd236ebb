/*
 * tapedeck's own CSV: a header names the columns, in any order, as tick_data names them. It is the
 * format to convert other feeds to, so a column that it does not know is an error, not a shrug.
 */
#include "intake/format.h"

static const struct column_name columns[] = {
    {"time", ROLE_TIME},
    {"symbol", ROLE_SYMBOL},
    {"bid_price", ROLE_BID},
    {"ask_price", ROLE_ASK},
    {"last_price", ROLE_LAST},
    {"volume", ROLE_VOLUME},
    {"source", ROLE_SOURCE},
    {"trade_id", ROLE_TRADE_ID},
    {"account_id", ROLE_ACCOUNT_ID},
    {"venue_trade_id", ROLE_VENUE_TRADE_ID},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static enum status name_fault(const char *fault, const struct csv_field *field, struct error *error)
{
    return error_set(error, STATUS_INVALID,
                     "column \"%.*s\" %s: the columns of a tapedeck file are time, symbol, "
                     "bid_price, ask_price, last_price, volume, source, trade_id, account_id and "
                     "venue_trade_id",
                     field->bytes < 60 ? (int)field->bytes : 60, field->text, fault);
}

static enum status lay_out(const struct csv *line, bool is_first, struct layout *layout,
                           struct error *error)
{
    if (!is_first)
        return STATUS_NOT_FOUND;
    *layout = layout_empty(&STAMP_RFC3339_OR_US);
    layout->required = ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_SYMBOL);
    struct header_match match = layout_from_header(line, columns, COLUMNS, layout);
    /* One of the names alone may be a column of another feed, and so may several without "time". */
    bool is_ours = __builtin_popcount(match.found) >= 2 &&
                   (layout->at[ROLE_TIME] != NO_COLUMN || match.unknown == NULL);
    if (!is_ours)
        return STATUS_NOT_FOUND;
    if (match.unknown != NULL)
        return name_fault("is unknown", match.unknown, error);
    if (match.twice != NULL)
        return name_fault("is there twice", match.twice, error);
    if (layout->at[ROLE_TIME] == NO_COLUMN || layout->at[ROLE_SYMBOL] == NO_COLUMN)
        return error_set(error, STATUS_INVALID, "the column \"%s\" is missing in the header",
                         layout->at[ROLE_TIME] == NO_COLUMN ? "time" : "symbol");
    return STATUS_OK;
}

const struct format FORMAT_TAPEDECK = {
    .id = INTAKE_TAPEDECK,
    .name = "tapedeck",
    .example = "time,symbol,bid_price,ask_price,last_price,volume",
    .last_from = INTAKE_LAST_FROM_NONE,
    .lay_out = lay_out,
};
