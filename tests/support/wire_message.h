/*
 * Readers of the server's messages, for tests.
 *
 * They are an oracle, so they share no code with the server: only libc, jansson and msgpack-c.
 * Messages of both encodings become the same jansson trees, so one test serves both. Pure; any
 * thread.
 */
#ifndef TAPEDECK_TESTS_SUPPORT_WIRE_MESSAGE_H
#define TAPEDECK_TESTS_SUPPORT_WIRE_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One whole message as a tree, a new reference; NULL when it is not well-formed: wrong UTF-8, a key
 * twice, bytes after the end, extension types, numbers beyond int64_t. The bytes of a msgpack bin
 * become {"bin": a string of exactly these bytes}, which is no UTF-8 in general. */
json_t *wire_message_read(const void *bytes, size_t count, bool is_msgpack);
/* A tree as a message; `free` it. NULL when it cannot be written. */
char *wire_message_write(const json_t *tree, bool is_msgpack, size_t *count);

/* A column of `rows` rows, whatever its encoding, nulls as INT64_MIN. Decimals come as mantissas at
 * exp 8, times as microseconds. False when the column is not as the protocol says. */
bool wire_column_decimals(const json_t *column, size_t rows, int64_t *values);
bool wire_column_times(const json_t *column, size_t rows, int64_t *values);
/* A decimal that stands alone, [mantissa, exp] or null, at exp 8. */
bool wire_decimal(const json_t *decimal, int64_t *value);
/* A copy in which the bin of every column is spelled as JSON has it, an array of raw numbers with
 * null for null: then the trees of a message in both encodings are equal (json_equal). */
json_t *wire_columns_spelled(const json_t *message);

#endif
