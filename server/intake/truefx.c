/*
 * TrueFX quotes: as TrueFX publishes them (pair, time, bid, ask, no header), and as they are often
 * passed on, for one pair, with the header timestamp,bid,ask. Times are UTC.
 */
#include "intake/format.h"

static const struct column_name columns[] = {
    {"timestamp", ROLE_TIME},
    {"bid", ROLE_BID},
    {"ask", ROLE_ASK},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static enum status lay_out(const struct csv *line, bool is_first, struct layout *layout,
                           struct error *error)
{
    (void)error;
    *layout = layout_empty(&STAMP_RFC3339);
    layout->required = ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_BID) | ROLE_BIT(ROLE_ASK);
    if (is_first && line->count == COLUMNS &&
        layout_from_header(line, columns, COLUMNS, layout).found == (1U << COLUMNS) - 1)
        return STATUS_OK;

    int64_t time;
    const struct csv_field *stamp = &line->fields[1];
    if (line->count != 4 || STAMP_TRUEFX.parse(stamp->text, stamp->bytes, &time) != STATUS_OK)
        return STATUS_NOT_FOUND;
    *layout = layout_empty(&STAMP_TRUEFX);
    layout->required =
        ROLE_BIT(ROLE_SYMBOL) | ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_BID) | ROLE_BIT(ROLE_ASK);
    layout->fields_min = 4;
    layout->fields_max = 4;
    layout->at[ROLE_SYMBOL] = 0;
    layout->at[ROLE_TIME] = 1;
    layout->at[ROLE_BID] = 2;
    layout->at[ROLE_ASK] = 3;
    return STATUS_OK;
}

const struct format FORMAT_TRUEFX = {
    .id = INTAKE_TRUEFX,
    .name = "truefx",
    .example = "EUR/USD,20130101 22:00:00.295,1.3195,1.3201",
    .source = "truefx",
    .last_from = INTAKE_LAST_FROM_MID,
    .lay_out = lay_out,
};
