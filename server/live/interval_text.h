/*
 * Intervals as PostgreSQL prints them, and where a job's settings hold them. Pure; any thread.
 */
#ifndef TAPEDECK_LIVE_INTERVAL_TEXT_H
#define TAPEDECK_LIVE_INTERVAL_TEXT_H

#include <stddef.h>

/* "1 day 02:00:00", "00:05:00", "2 mons", "1 hour", also as people write them ("90 minutes"), in
 * seconds; a month has 30 days, a year 365. NaN: it is none. */
double interval_text_s(const char *text, size_t bytes);

/* The interval under `key` in a job's config, as jsonb prints it ({"end_offset": "00:01:00"}), in
 * seconds; 0 when there is none, or another kind of value. */
double interval_text_of(const char *config, const char *key);

#endif
