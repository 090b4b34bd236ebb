/*
 * Bytes, read and written.
 *
 * `struct reader` is a bounds-checked cursor over somebody else's bytes: a read past the end
 * returns zeros and sets `failed`, so a decoder checks once at the end of a message.
 * `struct buffer` is a growable output with a limit; an append past the limit sets `failed` and
 * writes nothing. One owner thread each.
 */
#ifndef TAPEDECK_BASE_BYTES_H
#define TAPEDECK_BASE_BYTES_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct reader reader_of(const void *bytes, size_t count);
size_t reader_left(const struct reader *reader);
/* The next `count` bytes, or NULL (and failed). Borrowed from the source. */
const uint8_t *reader_take(struct reader *reader, size_t count);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16_be(struct reader *reader);
uint32_t reader_u32_be(struct reader *reader);
uint64_t reader_u64_be(struct reader *reader);

struct buffer {
    uint8_t *bytes;
    size_t count;    /* used */
    size_t capacity; /* allocated */
    size_t limit;    /* most it may ever hold */
    bool failed;     /* an append did not fit */
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_deinit(struct buffer *buffer);
/* Empties it and clears `failed`; keeps the memory. */
void buffer_clear(struct buffer *buffer);
/* Room for `count` bytes at the end, already counted as used; NULL (and failed) over the limit. */
uint8_t *buffer_extend(struct buffer *buffer, size_t count);
void buffer_append(struct buffer *buffer, const void *bytes, size_t count);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_u8(struct buffer *buffer, uint8_t value);
void buffer_append_u16_be(struct buffer *buffer, uint16_t value);
void buffer_append_u32_be(struct buffer *buffer, uint32_t value);
void buffer_append_u64_be(struct buffer *buffer, uint64_t value);
void buffer_append_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* A NUL after the used bytes (not counted), so that they can be read as text. */
const char *buffer_text(struct buffer *buffer);

#endif
