/*
 * One value as a person writes it, in a flag, a variable or a file: text to number, and a sentence
 * that says what would be right. Pure, any thread.
 */
#ifndef TAPEDECK_APP_OPTION_VALUE_H
#define TAPEDECK_APP_OPTION_VALUE_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* All: STATUS_INVALID with a sentence that begins with "expected". */

/* true yes on 1, false no off 0, without case. */
enum status value_parse_bool(const char *text, bool *value, struct error *error) MUST_CHECK;
/* A whole number; blanks and underscores may group its digits ("10_000"). */
enum status value_parse_integer(const char *text, int64_t min, int64_t max, int64_t *value,
                                struct error *error) MUST_CHECK;
/* "512MiB", "4 GiB", "1000000", "64kB": K, M, G, T with iB count in 1 024s, with B in 1 000s. */
enum status value_parse_bytes(const char *text, int64_t min, int64_t max, int64_t *bytes,
                              struct error *error) MUST_CHECK;
/* "30s", "1h30m", "250ms", "7d", "0": microseconds. */
enum status value_parse_duration(const char *text, int64_t min, int64_t max, int64_t *duration_us,
                                 struct error *error) MUST_CHECK;
/* RFC 3339, or a date; market/time.h. */
enum status value_parse_time(const char *text, int64_t *time, struct error *error) MUST_CHECK;

/* So that they can be parsed again: "256MiB", "1h30m". */
struct value_text {
    char text[48];
};
struct value_text value_format_bytes(int64_t bytes);
struct value_text value_format_duration(int64_t duration_us);

/* Appends a text with its secrets masked: the password of a URL or of a connection string
 * ("postgresql://me:***@host/db", "user=me password=***"). */
void value_append_masked(struct buffer *out, const char *text);

/* The name in the list that `text` was probably meant to be; NULL if none is near. */
const char *value_closest(const char *text, const char *const *names, size_t count);

#endif
