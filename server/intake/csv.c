#include "intake/csv.h"

#include "base/assert.h"

#include <string.h>

static enum status too_many(struct error *error)
{
    return error_set(error, STATUS_INVALID, "more than %d fields", CSV_FIELDS_MAX);
}

static enum status split_plain(struct csv *csv, const char *text, const char *end,
                               struct error *error)
{
    size_t count = 0;
    for (;;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma != NULL ? comma : end;
        if (count == CSV_FIELDS_MAX)
            return too_many(error);
        csv->fields[count++] = (struct csv_field){.text = text, .bytes = (size_t)(stop - text)};
        if (comma == NULL)
            break;
        text = comma + 1;
    }
    csv->count = count;
    return STATUS_OK;
}

/* Copies the quoted field that begins at **text (on its quote) to **room. */
static enum status take_quoted(const char **text, const char *end, char **room, struct error *error)
{
    const char *at = *text + 1;
    for (;; at++) {
        if (at == end)
            return error_set(error, STATUS_INVALID, "a quoted field is not closed on its line");
        if (*at == '"' && (at + 1 == end || at[1] != '"'))
            break;
        if (*at == '"')
            at++;
        *(*room)++ = *at;
    }
    *text = at + 1;
    if (*text < end && **text != ',')
        return error_set(error, STATUS_INVALID, "text follows a closing quote");
    return STATUS_OK;
}

static enum status take_bare(const char **text, const char *end, struct csv_field *field,
                             struct error *error)
{
    const char *comma = memchr(*text, ',', (size_t)(end - *text));
    const char *stop = comma != NULL ? comma : end;
    *field = (struct csv_field){.text = *text, .bytes = (size_t)(stop - *text)};
    if (memchr(*text, '"', field->bytes) != NULL)
        return error_set(error, STATUS_INVALID, "a quote inside an unquoted field");
    *text = stop;
    return STATUS_OK;
}

static enum status take_field(const char **text, const char *end, char **room,
                              struct csv_field *field, struct error *error)
{
    if (*text == end || **text != '"')
        return take_bare(text, end, field, error);
    char *first = *room;
    enum status status = take_quoted(text, end, room, error);
    *field = (struct csv_field){.text = first, .bytes = (size_t)(*room - first)};
    return status;
}

static enum status split_quoted(struct csv *csv, const char *text, const char *end,
                                struct error *error)
{
    char *room = csv->unquoted; /* the fields together are never longer than the line */
    for (size_t count = 0;; text++) {
        if (count == CSV_FIELDS_MAX)
            return too_many(error);
        enum status status = take_field(&text, end, &room, &csv->fields[count], error);
        if (status != STATUS_OK)
            return status;
        csv->count = ++count;
        if (text == end)
            return STATUS_OK;
        ASSERT(*text == ',');
    }
}

enum status csv_split(struct csv *csv, const char *text, size_t bytes, struct error *error)
{
    ASSERT(bytes <= FILE_LINE_BYTES_MAX);
    csv->count = 0;
    if (memchr(text, '"', bytes) == NULL)
        return split_plain(csv, text, text + bytes, error);
    return split_quoted(csv, text, text + bytes, error);
}

bool csv_field_is(const struct csv_field *field, const char *text)
{
    return strlen(text) == field->bytes && memcmp(field->text, text, field->bytes) == 0;
}
