#include "wire/decoder_inner.h"

#include "base/assert.h"
#include "base/mem.h"
#include "wire/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static_assert(sizeof(struct decoder) <= WIRE_DECODER_BYTES, "what the header promises");

struct decoder *decoder_create(void)
{
    struct decoder *decoder =
        mem_alloc(sizeof *decoder); /* pages that no message needs stay away */
    decoder->value_count = 0;
    decoder->text_bytes = 0;
    return decoder;
}

void decoder_destroy(struct decoder **decoder)
{
    mem_free(*decoder);
    *decoder = NULL;
}

struct value *decoder_take_values(struct decoder *decoder, size_t count)
{
    ASSERT(count <= DECODER_VALUES_MAX - decoder->value_count);
    struct value *values = decoder->values + decoder->value_count;
    decoder->value_count += count;
    return values;
}

const char *decoder_take_text(struct decoder *decoder, const void *bytes, size_t count)
{
    ASSERT(count < sizeof decoder->texts - decoder->text_bytes);
    char *text = decoder->texts + decoder->text_bytes;
    if (count > 0)
        memcpy(text, bytes, count);
    text[count] = '\0';
    decoder->text_bytes += count + 1;
    return text;
}

enum status decoder_refuse(struct decoder *decoder, uint16_t close_code, const char *format, ...)
{
    char sentence[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    decoder->close_code = close_code;
    return error_set(decoder->error, STATUS_BAD_MESSAGE, "%s", sentence);
}

enum status decoder_read_text(struct decoder *decoder, const void *bytes, size_t count,
                              struct value *value)
{
    if (utf8_valid_bytes(bytes, count) < count)
        return decoder_refuse(decoder, CLOSE_NOT_UTF8, "a text of the message is not UTF-8");
    if (count > 0 && memchr(bytes, '\0', count) != NULL)
        return decoder_refuse(decoder, CLOSE_PROTOCOL,
                              "a text of the message holds the character U+0000");
    *value = (struct value){.kind = VALUE_TEXT, .count = count};
    value->as.text = decoder_take_text(decoder, bytes, count);
    return STATUS_OK;
}

#define TWO_TO_63 9223372036854775808.0

enum status decoder_read_float(struct decoder *decoder, double number, struct value *value)
{
    if (!isfinite(number))
        return decoder_refuse(decoder, CLOSE_PROTOCOL,
                              "a number of the message is not finite; numbers are finite");
    if (number >= -TWO_TO_63 && number < TWO_TO_63 && (double)(int64_t)number == number)
        *value = (struct value){.kind = VALUE_INTEGER, .as.integer = (int64_t)number};
    else
        *value = (struct value){.kind = VALUE_FLOAT, .as.number = number};
    return STATUS_OK;
}

static enum status decode(struct decoder *decoder, enum wire_encoding encoding,
                          const uint8_t *bytes, size_t count, struct value *root)
{
    if (count > WIRE_MESSAGE_BYTES_MAX)
        return decoder_refuse(decoder, CLOSE_TOO_BIG,
                              "the message has %zu bytes; it may have up to %d", count,
                              WIRE_MESSAGE_BYTES_MAX);
    if (count == 0)
        return decoder_refuse(decoder, CLOSE_PROTOCOL, "the message is empty; it must be one map");
    enum status status = encoding == WIRE_JSON ? decode_json(decoder, bytes, count, root)
                                               : decode_msgpack(decoder, bytes, count, root);
    if (status == STATUS_OK && root->kind != VALUE_MAP)
        return decoder_refuse(decoder, CLOSE_PROTOCOL, "the message is %s; it must be one map",
                              value_kind_name(root));
    return status;
}

enum status decoder_decode(struct decoder *decoder, enum wire_encoding encoding,
                           const uint8_t *bytes, size_t count, const struct value **root,
                           uint16_t *close_code, struct error *error)
{
    decoder->value_count = 0;
    decoder->text_bytes = 0;
    decoder->error = error;
    struct value *message = decoder_take_values(decoder, 1);
    enum status status = decode(decoder, encoding, bytes, count, message);
    decoder->error = NULL;
    if (status != STATUS_OK) {
        *close_code = decoder->close_code;
        return status;
    }
    *root = message;
    return STATUS_OK;
}

const struct value *value_of(const struct value *map, const char *key)
{
    ASSERT(map->kind == VALUE_MAP);
    size_t key_bytes = strlen(key);
    for (size_t i = 0; i < map->count; i++) {
        const struct value *pair = map->as.items + 2 * i;
        if (pair[0].count == key_bytes && memcmp(pair[0].as.text, key, key_bytes) == 0)
            return pair[1].kind == VALUE_NIL ? NULL : &pair[1];
    }
    return NULL;
}

const char *value_kind_name(const struct value *value)
{
    switch (value->kind) {
    case VALUE_NIL:
        return "nil";
    case VALUE_BOOL:
        return "a bool";
    case VALUE_INTEGER:
        return "an integer";
    case VALUE_FLOAT:
        return "a float";
    case VALUE_TEXT:
        return "a text";
    case VALUE_BYTES:
        return "bytes";
    case VALUE_ARRAY:
        return "an array";
    case VALUE_MAP:
        return "a map";
    }
    return "nothing";
}
