/*
 * Instants and spans as people say them: "2 min ago", "in 3 h". Pure; any thread.
 */
#ifndef TAPEDECK_APP_WHEN_H
#define TAPEDECK_APP_WHEN_H

#include <stdint.h>

struct when_text {
    char text[64];
};

/* "250 ms", "12 s", "3 min", "5 h", "40 d": the largest unit of which there are at least two, or
 * exactly one; or the smallest. */
struct when_text when_span(int64_t span_us);
/* "2 min ago", "in 3 h", "now" within a second. */
struct when_text when_relative(int64_t time, int64_t now);
/* "2026-11-20T16:19:31Z, 2 min ago". */
struct when_text when_format(int64_t time, int64_t now);

#endif
