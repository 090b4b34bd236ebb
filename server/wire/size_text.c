#include "wire/size_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The table of PostgreSQL 15's dbsize.c: a unit serves up to ten thousand of it, and is rounded to
 * the nearest from one bit more. */
static const struct {
    const char *name;
    int64_t limit; /* of the doubled value, but for bytes */
    bool is_doubled;
    unsigned bits; /* of what it stands for */
} units[] = {
    {"bytes", 10 * 1024, false, 0},  {"kB", 20 * 1024 - 1, true, 10},
    {"MB", 20 * 1024 - 1, true, 20}, {"GB", 20 * 1024 - 1, true, 30},
    {"TB", 20 * 1024 - 1, true, 40}, {"PB", 20 * 1024 - 1, true, 50},
};
#define UNITS (sizeof units / sizeof *units)

static bool is_under(int64_t size, int64_t limit)
{
    return size < limit && size > -limit;
}

struct size_text size_format(int64_t bytes)
{
    struct size_text out;
    int64_t size = bytes;
    size_t unit = 0;
    while (unit + 1 < UNITS && !is_under(size, units[unit].limit)) {
        unsigned bits = units[unit + 1].bits - units[unit].bits - units[unit + 1].is_doubled +
                        units[unit].is_doubled;
        size /= INT64_C(1) << bits;
        unit++;
    }
    if (units[unit].is_doubled)
        size = (size + (size < 0 ? -1 : 1)) / 2;
    (void)snprintf(out.text, sizeof out.text, "%" PRId64 " %s", size, units[unit].name);
    return out;
}
