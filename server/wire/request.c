#include "wire/request.h"

#include "market/column.h"
#include "market/time.h"
#include "wire/number.h"
#include "wire/utf8.h"
#include "wire/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A value in a sentence: itself when it is short, else its beginning or its kind. */
struct described {
    char text[96];
};

#define QUOTED_BYTES_MAX 48

static struct described describe_text(const struct value *value)
{
    struct described described;
    bool cut = value->count > QUOTED_BYTES_MAX;
    size_t shown = cut ? utf8_valid_bytes(value->as.text, QUOTED_BYTES_MAX) : value->count;
    (void)snprintf(described.text, sizeof described.text, "\"%.*s%s\"", (int)shown, value->as.text,
                   cut ? "…" : "");
    return described;
}

static struct described describe(const struct value *value)
{
    struct described described;
    size_t used;
    switch (value->kind) {
    case VALUE_TEXT:
        return describe_text(value);
    case VALUE_INTEGER:
        used = number_write_integer(described.text, value->as.integer);
        described.text[used] = '\0';
        return described;
    case VALUE_FLOAT:
        used = number_write_float(described.text, value->as.number);
        described.text[used] = '\0';
        return described;
    case VALUE_BOOL:
        (void)snprintf(described.text, sizeof described.text, "%s",
                       value->as.boolean ? "true" : "false");
        return described;
    case VALUE_NIL:
    case VALUE_BYTES:
    case VALUE_ARRAY:
    case VALUE_MAP:
        break;
    }
    (void)snprintf(described.text, sizeof described.text, "%s", value_kind_name(value));
    return described;
}

enum status request_refuse(const struct request *request, const char *key, enum status status,
                           struct error *error, const char *expected, ...)
{
    char right[256];
    va_list arguments;
    va_start(arguments, expected);
    (void)vsnprintf(right, sizeof right, expected, arguments);
    va_end(arguments);
    const struct value *value = value_of(request->map, key);
    if (value == NULL)
        return error_set(error, status, "%s is missing; it must be %s", key, right);
    return error_set(error, status, "%s is %s; it must be %s", key, describe(value).text, right);
}

bool request_has(const struct request *request, const char *key)
{
    return value_of(request->map, key) != NULL;
}

enum status request_need(const struct request *request, const char *key, const char *expected,
                         struct error *error)
{
    if (request_has(request, key))
        return STATUS_OK;
    return request_refuse(request, key, STATUS_INVALID, error, "%s", expected);
}

#define UNSIGNED_EXPECTED "an unsigned integer up to 9007199254740991 (2^53-1)"

static bool is_unsigned(const struct value *value)
{
    return value->kind == VALUE_INTEGER && value->as.integer >= 0 &&
           value->as.integer <= WIRE_REQ_MAX;
}

enum status request_read(const struct value *map, struct request *request, struct error *error)
{
    *request = (struct request){.map = map};
    const struct value *req = value_of(map, "req");
    if (req != NULL && is_unsigned(req)) {
        request->has_req = true;
        request->req = req->as.integer;
    }
    const struct value *op = value_of(map, "op");
    if (op == NULL || op->kind != VALUE_TEXT)
        return request_refuse(request, "op", STATUS_BAD_MESSAGE, error,
                              "a text, the name of the request");
    request->op = op->as.text;
    if (req != NULL && !request->has_req)
        return request_refuse(request, "req", STATUS_INVALID, error, UNSIGNED_EXPECTED);
    return STATUS_OK;
}

enum status request_id(const struct request *request, uint64_t *id, struct error *error)
{
    const struct value *value = value_of(request->map, "id");
    if (value == NULL || !is_unsigned(value))
        return request_refuse(request, "id", STATUS_INVALID, error, UNSIGNED_EXPECTED);
    *id = (uint64_t)value->as.integer;
    return STATUS_OK;
}

enum status request_integer(const struct request *request, const char *key, int64_t least,
                            int64_t most, int64_t *value, struct error *error)
{
    const struct value *found = value_of(request->map, key);
    if (found == NULL)
        return STATUS_OK;
    if (found->kind != VALUE_INTEGER || found->as.integer < least || found->as.integer > most)
        return request_refuse(request, key, STATUS_INVALID, error, "an integer from %lld to %lld",
                              (long long)least, (long long)most);
    *value = found->as.integer;
    return STATUS_OK;
}

enum status request_bool(const struct request *request, const char *key, bool *value,
                         struct error *error)
{
    const struct value *found = value_of(request->map, key);
    if (found == NULL)
        return STATUS_OK;
    if (found->kind != VALUE_BOOL)
        return request_refuse(request, key, STATUS_INVALID, error, "true or false");
    *value = found->as.boolean;
    return STATUS_OK;
}

enum status request_text(const struct request *request, const char *key, size_t most,
                         const char **text, struct error *error)
{
    const struct value *found = value_of(request->map, key);
    if (found == NULL)
        return STATUS_OK;
    if (found->kind != VALUE_TEXT || found->count < 1 || found->count > most)
        return request_refuse(request, key, STATUS_INVALID, error, "a text of 1 to %zu bytes",
                              most);
    *text = found->as.text;
    return STATUS_OK;
}

static enum status time_of(const struct value *value, int64_t *time)
{
    int64_t read;
    if (value->kind == VALUE_INTEGER)
        read = value->as.integer;
    else if (value->kind != VALUE_TEXT ||
             time_parse(value->as.text, value->count, &read) != STATUS_OK)
        return STATUS_INVALID;
    if (read < TIME_MIN || read > TIME_MAX)
        return STATUS_INVALID;
    *time = read;
    return STATUS_OK;
}

enum status request_time(const struct request *request, const char *key, int64_t *time,
                         struct error *error)
{
    const struct value *found = value_of(request->map, key);
    if (found == NULL)
        return STATUS_OK;
    if (time_of(found, time) != STATUS_OK)
        return request_refuse(request, key, STATUS_INVALID, error, REQUEST_TIME_EXPECTED);
    return STATUS_OK;
}

/* "paused" or "playing" */
static struct described list_choices(const char *const *choices, size_t count)
{
    struct described list = {.text = ""};
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list.text; i++) {
        const char *glue = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        int more =
            snprintf(list.text + used, sizeof list.text - used, "%s\"%s\"", glue, choices[i]);
        used += more > 0 ? (size_t)more : 0;
    }
    return list;
}

enum status request_choice(const struct request *request, const char *key,
                           const char *const *choices, size_t count, size_t *choice,
                           struct error *error)
{
    const struct value *found = value_of(request->map, key);
    if (found == NULL)
        return STATUS_OK;
    for (size_t i = 0; found->kind == VALUE_TEXT && i < count; i++) {
        if (strcmp(found->as.text, choices[i]) == 0) {
            *choice = i;
            return STATUS_OK;
        }
    }
    return request_refuse(request, key, STATUS_INVALID, error, "%s",
                          list_choices(choices, count).text);
}

/* The bit of an encoding's name; 0 for one that we do not know. */
static unsigned encoding_bit(const char *name)
{
    for (int i = 0; i < COLUMN_ENCODINGS; i++) {
        if (strcmp(name, wire_column_name((enum column_encoding)i)) == 0)
            return COLUMN_ENCODING_BIT(i);
    }
    return 0;
}

enum status request_encodings(const struct request *request, unsigned *encodings,
                              struct error *error)
{
    const struct value *found = value_of(request->map, "encodings");
    if (found == NULL)
        return STATUS_OK;
    unsigned bits = COLUMN_ENCODING_BIT(COLUMN_I64);
    bool right = found->kind == VALUE_ARRAY;
    for (size_t i = 0; right && i < found->count; i++) {
        right = found->as.items[i].kind == VALUE_TEXT;
        if (right)
            bits |= encoding_bit(found->as.items[i].as.text);
    }
    if (!right)
        return request_refuse(request, "encodings", STATUS_INVALID, error,
                              "an array of names of column encodings, such as \"u32\"");
    *encodings = bits;
    return STATUS_OK;
}
