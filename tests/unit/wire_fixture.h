/*
 * What the tests of wire/ share: decoding from a literal, and writing into a tree. Criterion runs
 * every test in a process of its own, so the one decoder and the one buffer are nobody else's.
 */
#ifndef TAPEDECK_TESTS_WIRE_FIXTURE_H
#define TAPEDECK_TESTS_WIRE_FIXTURE_H

#include "support/wire_message.h"
#include "wire/request.h"
#include "wire/value.h"
#include "wire/writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

/* ---- Decoding ---- */

struct outcome {
    enum status status;
    const struct value *root; /* NULL unless STATUS_OK */
    uint16_t close_code;      /* 0 unless refused */
    struct error error;
};

static inline struct outcome decode(enum wire_encoding encoding, const void *bytes, size_t count)
{
    static struct decoder *decoder;
    if (decoder == NULL)
        decoder = decoder_create();
    struct outcome outcome = {.close_code = 0};
    outcome.status = decoder_decode(decoder, encoding, bytes, count, &outcome.root,
                                    &outcome.close_code, &outcome.error);
    return outcome;
}

/* JSON with ' for ", which a C literal spells without backslashes; `free` it. */
static inline char *json_of(const char *text)
{
    char *json = strdup(text);
    for (char *at = json; *at != '\0'; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return json;
}

static inline struct outcome decode_json_text(const char *text)
{
    char *json = json_of(text);
    struct outcome outcome = decode(WIRE_JSON, json, strlen(json));
    free(json);
    return outcome;
}

/* "82 a1 61 01": two digits a byte, blanks between them; returns the count. */
static inline size_t bytes_of_hex(const char *hex, uint8_t *bytes)
{
    size_t count = 0;
    for (const char *at = hex; *at != '\0';) {
        if (*at == ' ') {
            at++;
            continue;
        }
        char pair[3] = {at[0], at[1], '\0'};
        bytes[count++] = (uint8_t)strtoul(pair, NULL, 16);
        at += 2;
    }
    return count;
}

static inline struct outcome decode_hex(const char *hex)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    struct outcome outcome = decode(WIRE_MSGPACK, bytes, bytes_of_hex(hex, bytes));
    free(bytes);
    return outcome;
}

/* A tree, sent in this encoding; takes the reference. */
static inline struct outcome decode_tree(enum wire_encoding encoding, json_t *tree)
{
    size_t count = 0;
    char *bytes = wire_message_write(tree, encoding == WIRE_MSGPACK, &count);
    cr_assert_not_null(bytes);
    struct outcome outcome = decode(encoding, bytes, count);
    free(bytes);
    json_decref(tree);
    return outcome;
}

/* The request in `text` (JSON with '), sent in this encoding. It must be well-formed. */
static inline struct request request_from(enum wire_encoding encoding, const char *text)
{
    char *json = json_of(text);
    json_t *tree = json_loads(json, 0, NULL);
    cr_assert_not_null(tree, "%s", text);
    free(json);
    struct outcome outcome = decode_tree(encoding, tree);
    cr_assert_eq(outcome.status, STATUS_OK, "%s: %s", text, outcome.error.text);
    struct request request;
    cr_assert_eq(request_read(outcome.root, &request, NULL), STATUS_OK, "%s", text);
    return request;
}

/* Whether a decoded value is what the tree says, in kind, order and value. */
static inline bool value_is(const struct value *value, const json_t *tree)
{
    const char *key;
    json_t *item;
    size_t at = 0;
    switch (value->kind) {
    case VALUE_NIL:
        return json_is_null(tree);
    case VALUE_BOOL:
        return json_is_boolean(tree) && value->as.boolean == json_is_true(tree);
    case VALUE_INTEGER:
        return json_is_integer(tree) && value->as.integer == json_integer_value(tree);
    case VALUE_FLOAT:
        return json_is_real(tree) && value->as.number == json_real_value(tree);
    case VALUE_TEXT:
        return json_is_string(tree) && value->count == json_string_length(tree) &&
               strcmp(value->as.text, json_string_value(tree)) == 0;
    case VALUE_BYTES:
        return false; /* JSON has none */
    case VALUE_ARRAY:
        if (!json_is_array(tree) || value->count != json_array_size(tree))
            return false;
        json_array_foreach(tree, at, item)
        {
            if (!value_is(&value->as.items[at], item))
                return false;
        }
        return true;
    case VALUE_MAP:
        if (!json_is_object(tree) || value->count != json_object_size(tree))
            return false;
        json_object_foreach((json_t *)(uintptr_t)tree, key, item)
        {
            const struct value *pair = &value->as.items[2 * at++];
            if (strcmp(pair[0].as.text, key) != 0 || !value_is(&pair[1], item))
                return false;
        }
        return true;
    }
    return false;
}

/* ---- Writing ---- */

#define WRITTEN_BYTES_MAX (1 << 20)

/* A writer over the one buffer, which is emptied. */
static inline struct writer writer_on(struct buffer **out, enum wire_encoding encoding)
{
    static struct buffer buffer;
    if (buffer.limit == 0)
        buffer_init(&buffer, WRITTEN_BYTES_MAX);
    buffer_clear(&buffer);
    *out = &buffer;
    struct writer writer;
    writer_init(&writer, &buffer, encoding);
    return writer;
}

/* What was written, as the oracle reads it. */
static inline json_t *tree_written(const struct buffer *out, enum wire_encoding encoding)
{
    return wire_message_read(out->bytes, out->count, encoding == WIRE_MSGPACK);
}

#endif
