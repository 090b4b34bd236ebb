/*
 * A table of messages, each spelled in JSON by hand: that the server writes exactly that, the same
 * in msgpack, and what the golden file of the table holds.
 */
#ifndef TAPEDECK_TESTS_WIRE_MESSAGE_TABLE_H
#define TAPEDECK_TESTS_WIRE_MESSAGE_TABLE_H

#include "wire_fixture.h"
#include "wire_golden.h"

struct message {
    const char *name;
    void (*write)(struct writer *writer);
    const char *json; /* with ' for " */
};

static inline const struct buffer *written(const struct message *message,
                                           enum wire_encoding encoding)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, encoding);
    message->write(&writer);
    cr_assert_eq(writer.depth, 0, "%s", message->name);
    cr_assert_not(out->failed, "%s", message->name);
    return out;
}

static inline void check_spelled(const struct message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct buffer *out = written(&messages[i], WIRE_JSON);
        char *expected = json_of(messages[i].json);
        cr_assert_eq(out->count, strlen(expected), "%s: %.*s", messages[i].name, (int)out->count,
                     (const char *)out->bytes);
        cr_assert_eq(memcmp(out->bytes, expected, out->count), 0, "%s: %.*s", messages[i].name,
                     (int)out->count, (const char *)out->bytes);
        free(expected);
    }
}

static inline void check_same_tree(const struct message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_t *spelled = tree_written(written(&messages[i], WIRE_JSON), WIRE_JSON);
        json_t *packed = tree_written(written(&messages[i], WIRE_MSGPACK), WIRE_MSGPACK);
        cr_assert_not_null(spelled, "%s", messages[i].name);
        cr_assert_not_null(packed, "%s", messages[i].name);
        json_t *unpacked = wire_columns_spelled(packed);
        cr_assert(json_equal(spelled, unpacked), "%s", messages[i].name);
        json_decref(spelled);
        json_decref(packed);
        json_decref(unpacked);
    }
}

static inline void check_golden(const char *file, const struct message *messages, size_t count)
{
    struct buffer content;
    buffer_init(&content, GOLDEN_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(&content, "%s\n {\"name\":\"%s\",\n  \"msgpack_hex\":\"",
                             i == 0 ? "[" : ",", messages[i].name);
        const struct buffer *out = written(&messages[i], WIRE_MSGPACK);
        golden_append_hex(&content, out->bytes, out->count);
        out = written(&messages[i], WIRE_JSON);
        buffer_append_text(&content, "\",\n  \"json\":");
        buffer_append(&content, out->bytes, out->count);
        buffer_append_text(&content, "}");
    }
    buffer_append_text(&content, "\n]\n");
    golden_check(file, &content);
    buffer_deinit(&content);
}

#endif
