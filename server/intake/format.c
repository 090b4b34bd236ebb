#include "intake/format.h"

#include "base/assert.h"

#include <string.h>

static const struct format *const formats[] = {
    &FORMAT_TAPEDECK,      &FORMAT_TRUEFX,         &FORMAT_HISTDATA,          &FORMAT_TARDIS_TRADES,
    &FORMAT_TARDIS_QUOTES, &FORMAT_BINANCE_TRADES, &FORMAT_BINANCE_AGGTRADES,
};
#define FORMATS (sizeof formats / sizeof formats[0])

const struct format *format_of(enum intake_format id)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i]->id == id)
            return formats[i];
    return NULL;
}

const char *format_list(void)
{
    return "tapedeck, truefx, histdata, tardis-trades, tardis-quotes, binance-trades, "
           "binance-aggtrades";
}

const char *intake_format_name(enum intake_format id)
{
    const struct format *format = format_of(id);
    return format != NULL ? format->name : "detect";
}

enum status intake_format_parse(const char *name, enum intake_format *id, struct error *error)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i]->name, name) == 0) {
            *id = formats[i]->id;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID, "no format is named \"%.40s\": there are %s", name,
                     format_list());
}

enum status intake_last_from_parse(const char *name, enum intake_last_from *last_from,
                                   struct error *error)
{
    static const struct {
        const char *name;
        enum intake_last_from value;
    } known[] = {{"none", INTAKE_LAST_FROM_NONE},
                 {"mid", INTAKE_LAST_FROM_MID},
                 {"bid", INTAKE_LAST_FROM_BID},
                 {"ask", INTAKE_LAST_FROM_ASK}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) == 0) {
            *last_from = known[i].value;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID,
                     "a last price is taken from none, mid, bid or ask, not from \"%.40s\"", name);
}

enum status format_recognise(const struct format *named, const struct csv *line, bool is_first,
                             const struct format **format, struct layout *layout,
                             struct error *error)
{
    const struct format *found = NULL;
    for (size_t i = 0; i < FORMATS; i++) {
        if (named != NULL && formats[i] != named)
            continue;
        struct layout candidate;
        enum status status = formats[i]->lay_out(line, is_first, &candidate, error);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status != STATUS_OK)
            return status;
        if (found != NULL)
            return error_set(error, STATUS_INVALID,
                             "this may be %s or %s: give --format with one of them", found->name,
                             formats[i]->name);
        found = formats[i];
        *layout = candidate;
    }
    if (found == NULL)
        return STATUS_NOT_FOUND;
    *format = found;
    return STATUS_OK;
}

struct layout layout_empty(const struct stamp *stamp)
{
    struct layout layout = {.stamp = stamp, .zero_volume_ok = true};
    for (size_t i = 0; i < ROLES; i++)
        layout.at[i] = NO_COLUMN;
    return layout;
}

static size_t name_index(const struct csv_field *field, const struct column_name *names,
                         size_t name_count)
{
    size_t i = 0;
    while (i < name_count && !csv_field_is(field, names[i].name))
        i++;
    return i;
}

struct header_match layout_from_header(const struct csv *header, const struct column_name *names,
                                       size_t name_count, struct layout *layout)
{
    ASSERT(name_count <= 32);
    struct header_match match = {0};
    for (size_t i = 0; i < header->count; i++) {
        const struct csv_field *field = &header->fields[i];
        size_t name = name_index(field, names, name_count);
        if (name == name_count) {
            match.unknown = match.unknown != NULL ? match.unknown : field;
            continue;
        }
        if ((match.found & 1U << name) != 0)
            match.twice = match.twice != NULL ? match.twice : field;
        match.found |= 1U << name;
        if (names[name].role != ROLE_NONE)
            layout->at[names[name].role] = (int)i;
    }
    layout->has_header = true;
    layout->fields_min = header->count;
    layout->fields_max = header->count;
    return match;
}
