/*
 * Numbers as text, fast and always the same: no locale, no printf per value. Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_NUMBER_H
#define TAPEDECK_WIRE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Room that any number of ours needs; nothing writes a NUL. */
#define NUMBER_BYTES_MAX 32

/* Both write to `out` and return how many bytes. */
size_t number_write_integer(char *out, int64_t value);
/* The shortest text that reads back as the same double; always with a "." or an "e", so that it
 * reads back as a float. `value` is finite. */
size_t number_write_float(char *out, double value);

#endif
