/*
 * Reading announcements. The payload comes from the database, where anybody who may connect may
 * NOTIFY: nothing in it is trusted.
 */
#include "store/change.h"

#include "base/mem.h"
#include "market/symbol.h"

#include <jansson.h>
#include <string.h>

static const char *const kind_names[] = {"ticks",   "candles", "foreign", "written",
                                         "symbols", "policy",  "other",   "unknown"};

const char *change_kind_name(enum change_kind kind)
{
    return kind_names[kind];
}

struct change change_of_everything(enum change_kind kind)
{
    return (struct change){.kind = kind, .range = {.from = TIME_MIN, .to = TIME_MAX}};
}

static enum change_kind read_kind(const char *name)
{
    for (int kind = CHANGE_TICKS; kind <= CHANGE_POLICY; kind++)
        if (strcmp(name, kind_names[kind]) == 0)
            return (enum change_kind)kind;
    return CHANGE_OTHER;
}

/* Keeps all time when there is no proper range. */
static void read_range(const json_t *message, struct time_range *range)
{
    const json_t *from = json_object_get(message, "from");
    const json_t *to = json_object_get(message, "to");
    if (!json_is_integer(from) || !json_is_integer(to))
        return;
    struct time_range read = {.from = json_integer_value(from), .to = json_integer_value(to)};
    if (read.from < read.to && read.from >= TIME_MIN && read.to <= TIME_MAX)
        *range = read;
}

/* How many names there are; 0 (all symbols) when anything in the list is no name. */
static size_t read_symbols(const json_t *list, const char **symbols)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        symbols[i] = json_string_value(item);
        if (symbols[i] == NULL ||
            symbol_check(symbols[i], json_string_length(item), NULL) != STATUS_OK)
            return 0;
    }
    return count;
}

/* A job that is resumed may be overdue. */
static bool read_due(const json_t *message)
{
    const char *event = json_string_value(json_object_get(message, "event"));
    return event != NULL && (strcmp(event, "due") == 0 || strcmp(event, "resumed") == 0);
}

static void read_message(const json_t *message, changed_fn *changed, void *owner)
{
    struct change change = change_of_everything(CHANGE_UNKNOWN);
    const char *name = json_string_value(json_object_get(message, "kind"));
    const char **symbols = NULL;
    if (name != NULL) {
        const json_t *list = json_object_get(message, "symbols");
        symbols = mem_alloc((json_array_size(list) + 1) * sizeof *symbols);
        change.kind = read_kind(name);
        read_range(message, &change.range);
        change.symbol_count = read_symbols(list, symbols);
        change.symbols = change.symbol_count > 0 ? symbols : NULL;
        change.is_due = change.kind == CHANGE_POLICY && read_due(message);
    }
    changed(owner, &change);
    mem_free(symbols);
}

void change_read(const char *payload, changed_fn *changed, void *owner)
{
    json_error_t error;
    json_t *message = json_loads(payload, JSON_REJECT_DUPLICATES, &error);
    read_message(message, changed, owner); /* jansson reads NULL as nothing at all */
    json_decref(message);
}
