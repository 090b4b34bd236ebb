/*
 * Reading binary COPY data row by row.
 *
 * Owner's thread. Never allocates, never reads outside of what it was given.
 */
#include "store/copy_stream.h"

#include "base/assert.h"
#include "store/copy_fields.h"

#include <assert.h>
#include <string.h>

#define SIGNATURE_BYTES 11
#define HEAD_BYTES (SIGNATURE_BYTES + 4 + 4)
#define CRITICAL_FLAGS 0xffff0000U
#define TRAILER UINT16_MAX

static_assert(HEAD_BYTES <= COPY_ROW_BYTES_MAX, "the header goes through the carry buffer too");

static const uint8_t signature[SIGNATURE_BYTES] = {'P',  'G',  'C',  'O',  'P', 'Y',
                                                   '\n', 0xff, '\r', '\n', 0};

/* Never leaves more than COPY_ROW_BYTES_MAX bytes undecided. */
static inline enum status take_row(struct copy_item *item, const struct copy_stream *stream,
                                   void *row, struct error *error)
{
    if (copy_left(item) < 2)
        return STATUS_WAIT;
    uint16_t columns = copy_u16(item->at);
    if (columns == TRAILER) {
        item->at += 2;
        return STATUS_END;
    }
    if (columns != stream->columns)
        return copy_bad(error, "number of columns is", (int16_t)columns);
    item->at += 2;
    return stream->take(item, row, error);
}

static enum status take_head(struct copy_item *item, struct copy_stream *stream,
                             struct error *error)
{
    if (copy_left(item) < HEAD_BYTES)
        return STATUS_WAIT;
    if (memcmp(item->at, signature, SIGNATURE_BYTES) != 0)
        return error_set(error, STATUS_BAD_MESSAGE, "COPY data: not in binary format");
    uint32_t flags = copy_u32(item->at + SIGNATURE_BYTES);
    if ((flags & CRITICAL_FLAGS) != 0)
        return copy_bad(error, "unknown flags", flags);
    stream->extension_left = copy_u32(item->at + SIGNATURE_BYTES + 4);
    item->at += HEAD_BYTES;
    stream->phase = COPY_EXTENSION;
    return STATUS_OK;
}

static enum status take_item(struct copy_stream *stream, struct copy_item *item, void *row,
                             struct error *error)
{
    return stream->phase == COPY_HEAD ? take_head(item, stream, error)
                                      : take_row(item, stream, row, error);
}

/* The carry holds the start of an item: adds from the chunk until the item is whole. */
static enum status take_carried(struct copy_stream *stream, void *row, struct error *error)
{
    size_t before = stream->carried;
    size_t room = sizeof stream->carry - before;
    size_t given = (size_t)(stream->end - stream->at);
    size_t added = given < room ? given : room;
    if (added > 0)
        memcpy(stream->carry + before, stream->at, added);
    struct copy_item item = {.at = stream->carry, .end = stream->carry + before + added};
    enum status status = take_item(stream, &item, row, error);
    if (status == STATUS_WAIT) {
        ASSERT(added == given); /* a full carry is always decided */
        stream->carried = before + added;
        stream->at = stream->end;
        return STATUS_WAIT;
    }
    if (status == STATUS_BAD_MESSAGE)
        return status;
    size_t used = (size_t)(item.at - stream->carry);
    ASSERT(used > before); /* else it would have been whole before */
    stream->at += used - before;
    stream->carried = 0;
    return status;
}

static enum status take_given(struct copy_stream *stream, void *row, struct error *error)
{
    struct copy_item item = {.at = stream->at, .end = stream->end};
    enum status status = take_item(stream, &item, row, error);
    if (status == STATUS_WAIT) {
        size_t left = (size_t)(stream->end - stream->at);
        ASSERT(left < sizeof stream->carry);
        if (left > 0)
            memcpy(stream->carry, stream->at, left);
        stream->carried = left;
        stream->at = stream->end;
        return STATUS_WAIT;
    }
    if (status != STATUS_BAD_MESSAGE)
        stream->at = item.at;
    return status;
}

static enum status skip_extension(struct copy_stream *stream)
{
    size_t given = (size_t)(stream->end - stream->at);
    size_t skipped = given < stream->extension_left ? given : stream->extension_left;
    stream->at = skipped > 0 ? stream->at + skipped : stream->at;
    stream->extension_left -= (uint32_t)skipped;
    if (stream->extension_left > 0)
        return STATUS_WAIT;
    stream->phase = COPY_ROWS;
    return STATUS_OK;
}

void copy_stream_init(struct copy_stream *stream, uint16_t columns, copy_take_fn *take)
{
    ASSERT(columns < TRAILER);
    stream->take = take;
    stream->columns = columns;
    stream->phase = COPY_HEAD;
    stream->extension_left = 0;
    stream->carried = 0;
    stream->at = stream->end = stream->carry;
}

void copy_stream_give(struct copy_stream *stream, const void *bytes, size_t count)
{
    ASSERT(stream->at == stream->end);
    stream->at = bytes;
    stream->end = count > 0 ? stream->at + count : stream->at;
}

static enum status take_next(struct copy_stream *stream, void *row, struct error *error)
{
    return stream->carried > 0 ? take_carried(stream, row, error) : take_given(stream, row, error);
}

static enum status take_beginning(struct copy_stream *stream, void *row, struct error *error)
{
    enum status status = STATUS_OK;
    while (stream->phase < COPY_ROWS && status == STATUS_OK)
        status =
            stream->phase == COPY_HEAD ? take_next(stream, row, error) : skip_extension(stream);
    return status;
}

static enum status check_end(const struct copy_stream *stream, struct error *error)
{
    if (stream->at == stream->end)
        return STATUS_END;
    return error_set(error, STATUS_BAD_MESSAGE, "COPY data: bytes after the end");
}

enum status copy_stream_next(struct copy_stream *stream, void *row, struct error *error)
{
    enum status status = take_beginning(stream, row, error);
    if (status != STATUS_OK)
        return status;
    if (stream->phase == COPY_ENDED)
        return check_end(stream, error);
    if (stream->at == stream->end)
        return STATUS_WAIT; /* after nearly every row: libpq's chunks hold one each */
    status = take_next(stream, row, error);
    if (status != STATUS_END)
        return status;
    stream->phase = COPY_ENDED;
    return check_end(stream, error);
}
