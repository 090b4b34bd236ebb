#include "live/interval_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX 64 /* the longest interval that PostgreSQL prints is shorter */

static const struct {
    const char *name; /* of one; of several, an s follows */
    double seconds;
} units[] = {
    {"year", 365 * 86400.0}, {"mon", 30 * 86400.0},
    {"month", 30 * 86400.0}, {"week", 7 * 86400.0},
    {"day", 86400},          {"hour", 3600},
    {"minute", 60},          {"min", 60},
    {"second", 1},           {"sec", 1},
};

static double unit_seconds(const char *name)
{
    size_t bytes = strlen(name);
    if (bytes > 1 && name[bytes - 1] == 's')
        bytes--;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == bytes && memcmp(units[i].name, name, bytes) == 0)
            return units[i].seconds;
    }
    return NAN;
}

/* [-]HH:MM:SS[.ffffff], hours without a bound */
static bool read_clock(const char *word, double *seconds)
{
    bool is_negative = word[0] == '-';
    unsigned hours;
    unsigned minutes;
    double rest;
    int read = 0;
    if (sscanf(word + is_negative, "%9u:%2u:%lf%n", &hours, &minutes, &rest, &read) != 3 ||
        word[is_negative + read] != '\0')
        return false;
    *seconds = hours * 3600.0 + minutes * 60.0 + rest;
    if (is_negative)
        *seconds = -*seconds;
    return true;
}

double interval_text_s(const char *text, size_t bytes)
{
    char copy[TEXT_BYTES_MAX + 1];
    if (bytes == 0 || bytes > TEXT_BYTES_MAX)
        return NAN;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    double sum = 0;
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        double part;
        int read = 0;
        if (read_clock(word, &part)) {
            sum += part;
            continue;
        }
        const char *unit = strtok_r(NULL, " ", &rest);
        if (unit == NULL || sscanf(word, "%lf%n", &part, &read) != 1 || word[read] != '\0')
            return NAN;
        sum += part * unit_seconds(unit);
    }
    return sum;
}

double interval_text_of(const char *config, const char *key)
{
    char start[TEXT_BYTES_MAX];
    (void)snprintf(start, sizeof start, "\"%s\": \"", key);
    const char *found = config != NULL ? strstr(config, start) : NULL;
    if (found == NULL)
        return 0;
    const char *text = found + strlen(start);
    double seconds = interval_text_s(text, strcspn(text, "\""));
    return isnan(seconds) ? 0 : seconds;
}
