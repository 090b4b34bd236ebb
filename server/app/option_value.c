#include "app/option_value.h"

#include "market/time.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CLOSEST_BYTES_MAX 64 /* longer names are nobody's typing mistakes */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit byte_units[] = {
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", INT64_C(1000000000000)},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
};

static const struct unit duration_units[] = {
    {"us", 1},           {"ms", 1000},       {"s", TIME_SECOND_US}, {"m", TIME_MINUTE_US},
    {"h", TIME_HOUR_US}, {"d", TIME_DAY_US},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum status value_parse_bool(const char *text, bool *value, struct error *error)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *value = strcasecmp(text, yes[i]) == 0;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID, "expected true or false");
}

/* Reads digits (grouped by blanks or underscores) and moves on. False: none, or too many. */
static bool read_digits(const char **text, int64_t *value)
{
    const char *at = *text;
    if (!isdigit((unsigned char)*at))
        return false;
    int64_t number = 0;
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            return false;
        if ((at[1] == '_' || at[1] == ' ') && isdigit((unsigned char)at[2]))
            at++;
    }
    *text = at;
    *value = number;
    return true;
}

enum status value_parse_integer(const char *text, int64_t min, int64_t max, int64_t *value,
                                struct error *error)
{
    const char *at = text + (text[0] == '-');
    int64_t number;
    if (read_digits(&at, &number) && *at == '\0') {
        number = text[0] == '-' ? -number : number;
        if (number >= min && number <= max) {
            *value = number;
            return STATUS_OK;
        }
    }
    if (max == INT64_MAX)
        return error_set(error, STATUS_INVALID, "expected a whole number, %" PRId64 " or larger",
                         min);
    return error_set(error, STATUS_INVALID, "expected a whole number from %" PRId64 " to %" PRId64,
                     min, max);
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name,
                                    size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) == bytes && strncasecmp(units[i].name, name, bytes) == 0)
            return &units[i];
    }
    return NULL;
}

/* Adds one "number unit" to `sum` and moves on. */
static bool add_part(const char **text, const struct unit *units, size_t count, int64_t *sum)
{
    int64_t number;
    if (!read_digits(text, &number))
        return false;
    *text += strspn(*text, " ");
    size_t bytes = 0;
    while (isalpha((unsigned char)(*text)[bytes]))
        bytes++;
    const struct unit *unit = find_unit(units, count, *text, bytes);
    *text += bytes;
    return unit != NULL && !__builtin_mul_overflow(number, unit->factor, &number) &&
           !__builtin_add_overflow(*sum, number, sum);
}

static enum status check_bytes(int64_t bytes, int64_t min, int64_t max, int64_t *out,
                               struct error *error)
{
    if (bytes < min || bytes > max)
        return error_set(error, STATUS_INVALID, "expected a size from %s to %s",
                         value_format_bytes(min).text, value_format_bytes(max).text);
    *out = bytes;
    return STATUS_OK;
}

enum status value_parse_bytes(const char *text, int64_t min, int64_t max, int64_t *bytes,
                              struct error *error)
{
    int64_t number;
    const char *at = text;
    if (read_digits(&at, &number) && *at == '\0')
        return check_bytes(number, min, max, bytes, error);
    int64_t sum = 0;
    at = text;
    if (add_part(&at, byte_units, COUNT_OF(byte_units), &sum) && *at == '\0')
        return check_bytes(sum, min, max, bytes, error);
    return error_set(error, STATUS_INVALID,
                     "expected a size such as 512MiB (units: B KiB MiB GiB TiB kB MB GB TB)");
}

enum status value_parse_duration(const char *text, int64_t min, int64_t max, int64_t *duration_us,
                                 struct error *error)
{
    int64_t sum = 0;
    const char *at = text;
    bool is_good = *at != '\0';
    while (is_good && *at != '\0') {
        is_good = add_part(&at, duration_units, COUNT_OF(duration_units), &sum);
        at += strspn(at, " ");
    }
    if (strcmp(text, "0") == 0)
        is_good = true;
    if (!is_good)
        return error_set(error, STATUS_INVALID,
                         "expected a duration such as 30s or 1h30m (units: us ms s m h d)");
    if (sum < min || sum > max)
        return error_set(error, STATUS_INVALID, "expected a duration from %s to %s",
                         value_format_duration(min).text, value_format_duration(max).text);
    *duration_us = sum;
    return STATUS_OK;
}

enum status value_parse_time(const char *text, int64_t *time, struct error *error)
{
    if (time_parse(text, strlen(text), time) == STATUS_OK)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "expected a time such as 2024-08-08 or 2024-08-08T14:30:00Z");
}

struct value_text value_format_bytes(int64_t bytes)
{
    static const char *const names[] = {"", "KiB", "MiB", "GiB", "TiB"};
    struct value_text out;
    size_t unit = 0;
    while (unit + 1 < COUNT_OF(names) && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(out.text, sizeof out.text, "%" PRId64 "%s", bytes, names[unit]);
    return out;
}

struct value_text value_format_duration(int64_t duration_us)
{
    struct value_text out = {"0"};
    size_t used = 0;
    for (size_t i = COUNT_OF(duration_units); i-- > 0 && duration_us > 0;) {
        int64_t count = duration_us / duration_units[i].factor;
        duration_us %= duration_units[i].factor;
        if (count > 0)
            used += (size_t)snprintf(out.text + used, sizeof out.text - used, "%" PRId64 "%s",
                                     count, duration_units[i].name);
    }
    return out;
}

/* ---- secrets ---- */

/* Where the password of scheme://user:password@host begins and ends. */
static bool find_url_password(const char *text, const char **begin, const char **end)
{
    const char *authority = strstr(text, "://");
    if (authority == NULL)
        return false;
    authority += 3;
    const char *at = authority + strcspn(authority, "/?#");
    while (at > authority && *at != '@')
        at--; /* the last one: a password may hold an @ that nobody escaped */
    const char *colon = memchr(authority, ':', (size_t)(at - authority));
    if (*at != '@' || colon == NULL)
        return false;
    *begin = colon + 1;
    *end = at;
    return true;
}

/* Where the value of the next password=… begins and ends: a parameter of a URL or of a connection
 * string, in quotes or not. */
static bool find_parameter(const char *text, const char **begin, const char **end)
{
    const char *found = strcasestr(text, "password");
    while (found != NULL) {
        const char *value = found + strlen("password");
        value += strspn(value, " ");
        if (*value == '=') {
            value += 1 + strspn(value + 1, " ");
            *begin = value;
            if (*value == '\'')
                *end = value + 1 + strcspn(value + 1, "'") + (strchr(value + 1, '\'') != NULL);
            else
                *end = value + strcspn(value, " &#");
            return true;
        }
        found = strcasestr(found + 1, "password");
    }
    return false;
}

void value_append_masked(struct buffer *out, const char *text)
{
    const char *begin;
    const char *end;
    if (find_url_password(text, &begin, &end)) {
        buffer_append(out, text, (size_t)(begin - text));
        buffer_append_text(out, "***");
        text = end;
    }
    while (find_parameter(text, &begin, &end)) {
        buffer_append(out, text, (size_t)(begin - text));
        buffer_append_text(out, "***");
        text = end;
    }
    buffer_append_text(out, text);
}

/* ---- did you mean ---- */

/* - and _ are the same, as are upper and lower case. */
static char plain(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, drop, replace or swap with their neighbour (optimal string alignment). Both
 * texts are at most CLOSEST_BYTES_MAX long. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][CLOSEST_BYTES_MAX + 1];
    size_t columns = strlen(b);
    for (size_t j = 0; j <= columns; j++)
        rows[0][j] = j;
    size_t i = 0;
    for (; a[i] != '\0'; i++) {
        const size_t *before = rows[(i + 2) % 3];
        const size_t *above = rows[i % 3];
        size_t *row = rows[(i + 1) % 3];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            bool same = plain(a[i]) == plain(b[j]);
            row[j + 1] = least(least(row[j], above[j + 1]) + 1, above[j] + !same);
            bool swapped =
                i > 0 && j > 0 && plain(a[i]) == plain(b[j - 1]) && plain(a[i - 1]) == plain(b[j]);
            if (swapped)
                row[j + 1] = least(row[j + 1], before[j - 1] + 1);
        }
    }
    return rows[i % 3][columns];
}

const char *value_closest(const char *text, const char *const *names, size_t count)
{
    size_t bytes = strlen(text);
    if (bytes > CLOSEST_BYTES_MAX)
        return NULL;
    size_t nearest = bytes < 6 ? 3 : bytes / 3 + 1; /* first distance that is too far */
    const char *closest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_bytes = strlen(names[i]);
        if (name_bytes > CLOSEST_BYTES_MAX)
            continue;
        size_t far = distance(text, names[i]);
        if (far < nearest && far < name_bytes) {
            nearest = far;
            closest = names[i];
        }
    }
    return closest;
}
