#include "net/query.h"

#include "market/time.h"
#include "wire/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_BYTES_MAX 64 /* of a client's text, in a sentence about it */
#define NAMES_BYTES 256

void query_init(struct query *query)
{
    query->count = 0;
    query->bytes = 0;
}

static bool is_text(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7F)
            return false;
    }
    return utf8_valid_bytes(bytes, count) == count;
}

static const char *copy(struct query *query, const char *bytes, size_t count)
{
    char *place = query->text + query->bytes;
    memcpy(place, bytes, count);
    place[count] = '\0';
    query->bytes += count + 1;
    return place;
}

static enum status check_room(const struct query *query, size_t bytes, struct error *error)
{
    if (query->count == QUERY_PARAMETERS_MAX)
        return error_set(error, STATUS_LIMIT, "more than %d parameters", QUERY_PARAMETERS_MAX);
    if (query->bytes + bytes > QUERY_BYTES_MAX)
        return error_set(error, STATUS_LIMIT, "the parameters have more than %d bytes",
                         QUERY_BYTES_MAX);
    return STATUS_OK;
}

enum status query_add(struct query *query, const char *parameter, size_t bytes, struct error *error)
{
    if (bytes == 0)
        return STATUS_OK;
    enum status status = check_room(query, bytes, error);
    if (status != STATUS_OK)
        return status;
    if (!is_text(parameter, bytes))
        return error_set(error, STATUS_INVALID,
                         "a parameter is not UTF-8 or has a control character in it");
    const char *sign = memchr(parameter, '=', bytes);
    size_t name_bytes = sign != NULL ? (size_t)(sign - parameter) : bytes;
    size_t value_bytes = sign != NULL ? bytes - name_bytes - 1 : 0;
    if (name_bytes == 0)
        return error_set(error, STATUS_INVALID, "a parameter has no name; it must be name=value");
    const char *name = copy(query, parameter, name_bytes);
    if (query_text(query, name) != NULL)
        return error_set(error, STATUS_INVALID, "the parameter %.*s is there twice",
                         QUOTED_BYTES_MAX, name);
    const char *value = copy(query, sign != NULL ? sign + 1 : "", value_bytes);
    query->parameters[query->count++] = (struct query_parameter){.name = name, .value = value};
    return STATUS_OK;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

enum status query_check_names(const struct query *query, const char *const *names,
                              struct error *error)
{
    for (size_t i = 0; i < query->count; i++) {
        if (is_one_of(query->parameters[i].name, names))
            continue;
        char known[NAMES_BYTES] = "";
        for (const char *const *name = names; *name != NULL; name++) {
            size_t used = strlen(known);
            (void)snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "", *name);
        }
        return error_set(error, STATUS_INVALID, "there is no parameter %.*s here; there are: %s",
                         QUOTED_BYTES_MAX, query->parameters[i].name,
                         known[0] != '\0' ? known : "none");
    }
    return STATUS_OK;
}

const char *query_text(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->parameters[i].name, name) == 0)
            return query->parameters[i].value;
    }
    return NULL;
}

enum status query_refuse(const struct query *query, const char *name, const char *expected,
                         struct error *error)
{
    const char *text = query_text(query, name);
    if (text == NULL)
        return error_set(error, STATUS_INVALID, "%s is missing; it must be %s", name, expected);
    bool is_long = strlen(text) > QUOTED_BYTES_MAX;
    return error_set(error, STATUS_INVALID, "%s is \"%.*s%s\"; it must be %s", name,
                     QUOTED_BYTES_MAX, text, is_long ? "…" : "", expected);
}

/* Decimal digits with or without a minus, and nothing else; false beyond 18 digits. */
static bool parse_integer(const char *text, int64_t *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t count = strlen(digits);
    if (count < 1 || count > 18 || strspn(digits, "0123456789") != count)
        return false;
    *value = strtoll(text, NULL, 10);
    return true;
}

enum status query_integer(const struct query *query, const char *name, int64_t least, int64_t most,
                          int64_t *value, struct error *error)
{
    const char *text = query_text(query, name);
    if (text == NULL)
        return STATUS_OK;
    int64_t read;
    if (parse_integer(text, &read) && read >= least && read <= most) {
        *value = read;
        return STATUS_OK;
    }
    char expected[96];
    (void)snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)least,
                   (long long)most);
    return query_refuse(query, name, expected, error);
}

enum status query_count(const struct query *query, const char *name, size_t most,
                        const char *things, size_t *count, struct error *error)
{
    const char *text = query_text(query, name);
    int64_t read;
    if (text == NULL)
        return STATUS_OK;
    if (!parse_integer(text, &read) || read < 1) {
        char expected[96];
        (void)snprintf(expected, sizeof expected, "an integer from 1 to %zu", most);
        return query_refuse(query, name, expected, error);
    }
    if ((uint64_t)read > most)
        return error_set(error, STATUS_LIMIT, "%s is %lld; at most %zu %s in an answer", name,
                         (long long)read, most, things);
    *count = (size_t)read;
    return STATUS_OK;
}

enum status query_bool(const struct query *query, const char *name, bool *value,
                       struct error *error)
{
    const char *text = query_text(query, name);
    if (text == NULL)
        return STATUS_OK;
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return query_refuse(query, name, "true or false", error);
    *value = is_true;
    return STATUS_OK;
}

enum status query_time(const struct query *query, const char *name, int64_t *time,
                       struct error *error)
{
    const char *text = query_text(query, name);
    int64_t read;
    if (text == NULL)
        return STATUS_OK;
    if ((parse_integer(text, &read) || time_parse(text, strlen(text), &read) == STATUS_OK) &&
        read >= TIME_MIN && read <= TIME_MAX) {
        *time = read;
        return STATUS_OK;
    }
    return query_refuse(query, name,
                        "RFC 3339 (2024-08-08T23:54:15Z; a + in it is written %2B) or "
                        "microseconds since 1970, in the years 1 to 9999",
                        error);
}
