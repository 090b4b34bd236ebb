/*
 * HistData.com "ASCII tick" quotes: time, bid, ask, volume, no header. The clock is New York
 * without daylight saving, UTC−5 all year. The volume is 0 in every file they publish, and a volume
 * of 0 beside a quote says nothing: it is read as null.
 */
#include "intake/format.h"

#include <string.h>

static enum status lay_out(const struct csv *line, bool is_first, struct layout *layout,
                           struct error *error)
{
    (void)is_first;
    (void)error;
    int64_t time;
    const struct csv_field *stamp = &line->fields[0];
    if (line->count != 4 || STAMP_HISTDATA.parse(stamp->text, stamp->bytes, &time) != STATUS_OK)
        return STATUS_NOT_FOUND;
    *layout = layout_empty(&STAMP_HISTDATA);
    layout->required = ROLE_BIT(ROLE_TIME) | ROLE_BIT(ROLE_BID) | ROLE_BIT(ROLE_ASK);
    layout->zero_volume_ok = false;
    layout->fields_min = 4;
    layout->fields_max = 4;
    layout->at[ROLE_TIME] = 0;
    layout->at[ROLE_BID] = 1;
    layout->at[ROLE_ASK] = 2;
    layout->at[ROLE_VOLUME] = 3;
    return STATUS_OK;
}

/* DAT_ASCII_EURUSD_T_202001.csv */
static bool symbol_in_name(const char *name, const char **symbol, size_t *bytes)
{
    static const char before[] = "DAT_ASCII_";
    if (strncmp(name, before, strlen(before)) != 0)
        return false;
    const char *first = name + strlen(before);
    const char *after = strstr(first, "_T_");
    if (after == NULL || after == first)
        return false;
    *symbol = first;
    *bytes = (size_t)(after - first);
    return true;
}

const struct format FORMAT_HISTDATA = {
    .id = INTAKE_HISTDATA,
    .name = "histdata",
    .example = "20200101 170000065,1.121200,1.121720,0",
    .source = "histdata",
    .last_from = INTAKE_LAST_FROM_MID,
    .lay_out = lay_out,
    .symbol_in_name = symbol_in_name,
};
