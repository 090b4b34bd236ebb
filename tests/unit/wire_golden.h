/*
 * Golden vectors: files in tests/golden that the tests of every language read. A test here makes a
 * file's content anew and compares it byte for byte; with TAPEDECK_GOLDEN_WRITE=1 in the
 * environment it writes the file instead, whose diff is then to be read by a person.
 */
#ifndef TAPEDECK_TESTS_WIRE_GOLDEN_H
#define TAPEDECK_TESTS_WIRE_GOLDEN_H

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_BYTES_MAX (1 << 20)

static inline void golden_append_hex(struct buffer *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_append_format(out, "%02x", bytes[i]);
}

static inline void golden_write(const char *path, const struct buffer *content)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s cannot be written", path);
    cr_assert_eq(fwrite(content->bytes, 1, content->count, file), content->count);
    cr_assert_eq(fclose(file), 0);
}

static inline void golden_check(const char *name, const struct buffer *content)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/%s", TAPEDECK_SOURCE_DIR, name);
    cr_assert_not(content->failed);
    if (getenv("TAPEDECK_GOLDEN_WRITE") != NULL) {
        golden_write(path, content);
        return;
    }
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s is not there; run with TAPEDECK_GOLDEN_WRITE=1", path);
    char *there = malloc(GOLDEN_BYTES_MAX);
    size_t count = fread(there, 1, GOLDEN_BYTES_MAX, file);
    fclose(file);
    bool same = count == content->count && memcmp(there, content->bytes, count) == 0;
    free(there);
    cr_assert(same, "%s is not what the server writes now", path);
}

#endif
