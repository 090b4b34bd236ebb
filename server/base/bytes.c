#include "base/bytes.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_FIRST_BYTES 256

struct reader reader_of(const void *bytes, size_t count)
{
    const uint8_t *first = bytes;
    return (struct reader){.at = first, .end = count > 0 ? first + count : first, .failed = false};
}

size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

const uint8_t *reader_take(struct reader *reader, size_t count)
{
    if (reader->failed || count > reader_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *taken = reader->at;
    if (count > 0)
        reader->at += count;
    return taken;
}

static uint64_t read_be(struct reader *reader, size_t count)
{
    const uint8_t *bytes = reader_take(reader, count);
    if (bytes == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)read_be(reader, 1);
}

uint16_t reader_u16_be(struct reader *reader)
{
    return (uint16_t)read_be(reader, 2);
}

uint32_t reader_u32_be(struct reader *reader)
{
    return (uint32_t)read_be(reader, 4);
}

uint64_t reader_u64_be(struct reader *reader)
{
    return read_be(reader, 8);
}

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_deinit(struct buffer *buffer)
{
    mem_free(buffer->bytes);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->count = 0;
    buffer->failed = false;
}

static void buffer_grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : BUFFER_FIRST_BYTES;
    while (capacity < needed)
        capacity *= 2;
    buffer->bytes = mem_resize(buffer->bytes, capacity);
    buffer->capacity = capacity;
}

uint8_t *buffer_extend(struct buffer *buffer, size_t count)
{
    ASSERT(buffer->count <= buffer->limit);
    if (buffer->failed || count > buffer->limit - buffer->count) {
        buffer->failed = true;
        return NULL;
    }
    if (buffer->count + count > buffer->capacity || buffer->bytes == NULL)
        buffer_grow(buffer, buffer->count + count);
    uint8_t *room = buffer->bytes + buffer->count;
    buffer->count += count;
    return room;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t count)
{
    uint8_t *room = buffer_extend(buffer, count);
    if (room != NULL && count > 0)
        memcpy(room, bytes, count);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_u8(struct buffer *buffer, uint8_t value)
{
    buffer_append(buffer, &value, 1);
}

static void append_be(struct buffer *buffer, uint64_t value, size_t count)
{
    uint8_t *room = buffer_extend(buffer, count);
    if (room == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        room[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
}

void buffer_append_u16_be(struct buffer *buffer, uint16_t value)
{
    append_be(buffer, value, 2);
}

void buffer_append_u32_be(struct buffer *buffer, uint32_t value)
{
    append_be(buffer, value, 4);
}

void buffer_append_u64_be(struct buffer *buffer, uint64_t value)
{
    append_be(buffer, value, 8);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    char small[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    if ((size_t)length < sizeof small) {
        buffer_append(buffer, small, (size_t)length);
        return;
    }
    char *large = mem_alloc((size_t)length + 1);
    va_start(arguments, format);
    (void)vsnprintf(large, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer_append(buffer, large, (size_t)length);
    mem_free(large);
}

const char *buffer_text(struct buffer *buffer)
{
    if (buffer->count + 1 > buffer->capacity)
        buffer_grow(buffer, buffer->count + 1);
    buffer->bytes[buffer->count] = '\0';
    return (const char *)buffer->bytes;
}
