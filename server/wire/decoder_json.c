/*
 * A client's JSON: jansson reads it, and its tree is copied into ours. jansson's own tree lives
 * only during the call and is bounded by the message (16 KiB of "{}," make 1.3 MiB).
 */
#include "wire/decoder_inner.h"

#include "base/assert.h"
#include "wire/utf8.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* Looked at before jansson allocates and recurses. In broken JSON it may err; that is refused
 * anyway. */
static bool is_too_deep(const uint8_t *bytes, size_t count)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = bytes[i];
        if (byte == '"')
            in_text = !in_text;
        else if (in_text && byte == '\\')
            i++;
        else if (!in_text && (byte == '{' || byte == '['))
            depth++;
        else if (!in_text && (byte == '}' || byte == ']'))
            depth--;
        if (depth > WIRE_DEPTH_MAX)
            return true;
    }
    return false;
}

/* What jansson found wrong, in our words; its own where it can quote what it found. */
static const char *sentence_of(const json_error_t *broken)
{
    switch (json_error_code(broken)) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "bytes follow its end";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a text holds the character U+0000";
    case json_error_duplicate_key:
        return "a map has the same key twice";
    case json_error_numeric_overflow:
        return "a number is beyond the range of a double";
    default:
        return broken->text;
    }
}

#define LOAD_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)

static enum status load(struct decoder *decoder, const uint8_t *bytes, size_t count, json_t **tree)
{
    json_error_t broken;
    json_t *loaded = json_loadb((const char *)bytes, count, LOAD_FLAGS, &broken);
    /* An integer beyond 64 bits is a number like any other, and a float in msgpack too. The other
     * integers of such a message are read as doubles: exact up to 2^53. */
    if (loaded == NULL && json_error_code(&broken) == json_error_numeric_overflow)
        loaded =
            json_loadb((const char *)bytes, count, LOAD_FLAGS | JSON_DECODE_INT_AS_REAL, &broken);
    if (loaded == NULL)
        return decoder_refuse(decoder, CLOSE_PROTOCOL, "the message is no JSON: near byte %d %s",
                              broken.position, sentence_of(&broken));
    *tree = loaded;
    return STATUS_OK;
}

static enum status copy_value(struct decoder *decoder, json_t *json, struct value *value);

static enum status copy_array(struct decoder *decoder, json_t *json, struct value *value)
{
    size_t count = json_array_size(json);
    struct value *items = decoder_take_values(decoder, count);
    for (size_t i = 0; i < count; i++) {
        enum status status = copy_value(decoder, json_array_get(json, i), &items[i]);
        if (status != STATUS_OK)
            return status;
    }
    *value = (struct value){.kind = VALUE_ARRAY, .count = count, .as.items = items};
    return STATUS_OK;
}

static enum status copy_map(struct decoder *decoder, json_t *json, struct value *value)
{
    size_t count = json_object_size(json);
    struct value *pairs = decoder_take_values(decoder, 2 * count);
    struct value *pair = pairs;
    const char *key;
    json_t *item;
    json_object_foreach(json, key, item)
    {
        enum status status = decoder_read_text(decoder, key, strlen(key), &pair[0]);
        if (status == STATUS_OK)
            status = copy_value(decoder, item, &pair[1]);
        if (status != STATUS_OK)
            return status;
        pair += 2;
    }
    *value = (struct value){.kind = VALUE_MAP, .count = count, .as.items = pairs};
    return STATUS_OK;
}

static enum status copy_value(struct decoder *decoder, json_t *json, struct value *value)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return copy_map(decoder, json, value);
    case JSON_ARRAY:
        return copy_array(decoder, json, value);
    case JSON_STRING:
        return decoder_read_text(decoder, json_string_value(json), json_string_length(json), value);
    case JSON_REAL:
        return decoder_read_float(decoder, json_real_value(json), value);
    case JSON_INTEGER:
        *value = (struct value){.kind = VALUE_INTEGER, .as.integer = json_integer_value(json)};
        return STATUS_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        *value = (struct value){.kind = VALUE_BOOL, .as.boolean = json_is_true(json)};
        return STATUS_OK;
    case JSON_NULL:
        *value = (struct value){.kind = VALUE_NIL};
        return STATUS_OK;
    }
    ASSERT(false);
    return STATUS_INTERNAL;
}

enum status decode_json(struct decoder *decoder, const uint8_t *bytes, size_t count,
                        struct value *root)
{
    size_t valid = utf8_valid_bytes((const char *)bytes, count);
    if (valid < count)
        return decoder_refuse(decoder, CLOSE_NOT_UTF8, "the message is not UTF-8: byte %zu", valid);
    if (is_too_deep(bytes, count))
        return decoder_refuse(decoder, CLOSE_TOO_BIG,
                              "the message is deeper than %d maps and arrays", WIRE_DEPTH_MAX);
    json_t *tree = NULL;
    enum status status = load(decoder, bytes, count, &tree);
    if (status != STATUS_OK)
        return status;
    status = copy_value(decoder, tree, root);
    json_decref(tree);
    return status;
}
