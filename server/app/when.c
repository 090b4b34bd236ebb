#include "app/when.h"

#include "market/time.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    int64_t us;
    const char *name;
} units[] = {
    {TIME_DAY_US, "d"},    {TIME_HOUR_US, "h"}, {TIME_MINUTE_US, "min"},
    {TIME_SECOND_US, "s"}, {1000, "ms"},
};

struct when_text when_span(int64_t span_us)
{
    size_t unit = 0;
    size_t last = sizeof units / sizeof *units - 1;
    while (unit < last && span_us < 2 * units[unit].us && span_us != units[unit].us)
        unit++;
    struct when_text out;
    (void)snprintf(out.text, sizeof out.text, "%" PRId64 " %s", span_us / units[unit].us,
                   units[unit].name);
    return out;
}

struct when_text when_relative(int64_t time, int64_t now)
{
    struct when_text out;
    if (time > now - TIME_SECOND_US && time < now + TIME_SECOND_US)
        (void)snprintf(out.text, sizeof out.text, "now");
    else if (time < now)
        (void)snprintf(out.text, sizeof out.text, "%.40s ago", when_span(now - time).text);
    else
        (void)snprintf(out.text, sizeof out.text, "in %.40s", when_span(time - now).text);
    return out;
}

struct when_text when_format(int64_t time, int64_t now)
{
    /* Whole seconds: what is before the fraction. */
    struct when_text out;
    (void)snprintf(out.text, sizeof out.text, "%.19sZ, %.40s", time_format(time).text,
                   when_relative(time, now).text);
    return out;
}
