/*
 * libFuzzer target: any bytes as a file of API keys. What can be read gets a key more, and loses
 * it, and one of its own: nothing else is changed.
 */
#include "auth/key_text.h"
#include "auth/secret_file.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static struct key_list read(const struct buffer *text)
{
    struct key_list list;
    struct error error = {.text = ""};
    enum status status = key_list_parse(text->bytes, text->count, &list, &error);
    ASSERT(status == STATUS_OK);
    return list;
}

/* All of `list` but the entry at `without` (its count: all) must be there. */
static void check_same(const struct key_list *list, size_t without, const struct buffer *text)
{
    struct key_list again = read(text);
    for (size_t i = 0, j = 0; i < list->count; i++) {
        if (i == without)
            continue;
        ASSERT(strcmp(list->entries[i].name, again.entries[j].name) == 0);
        ASSERT(list->entries[i].role == again.entries[j].role);
        ASSERT(list->entries[i].expires_us == again.entries[j].expires_us);
        ASSERT(key_list_find(&again, list->entries[i].digest) == &again.entries[j]);
        j++;
    }
    key_list_deinit(&again);
}

static void add_and_remove(const uint8_t *bytes, size_t count, struct key_list *list)
{
    struct key_entry entry = {
        .name = "fuzz.added@here", .role = ROLE_OPERATOR, .expires_us = 1800000000000000};
    struct buffer more;
    struct buffer less;
    struct error error = {.text = ""};
    key_digest("fuzz", 4, entry.digest);
    if (key_list_add(list, &entry, &error) != STATUS_OK)
        return;
    buffer_init(&more, SECRET_FILE_BYTES_MAX * 2);
    buffer_init(&less, SECRET_FILE_BYTES_MAX * 2);
    key_text_add(bytes, count, &entry, &more);
    check_same(list, list->count, &more);
    ASSERT(count == 0 || memcmp(more.bytes, bytes, count) == 0);
    for (size_t i = 0; i < list->count; i++) {
        buffer_clear(&less);
        enum status status =
            key_text_remove(more.bytes, more.count, list->entries[i].name, &less, &error);
        ASSERT(status == STATUS_OK);
        check_same(list, i, &less);
    }
    ASSERT(less.count <= count + 256); /* the last one was the one that was added */
    ASSERT(count == 0 || memcmp(less.bytes, bytes, count) == 0);
    buffer_deinit(&more);
    buffer_deinit(&less);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct key_list list;
    struct error error = {.text = ""};
    enum status status = key_list_parse(bytes, count, &list, &error);
    if (status != STATUS_OK) {
        ASSERT(strstr(error.text, "line ") != NULL);
        return 0;
    }
    ASSERT(list.count <= KEY_LIST_MAX);
    for (size_t i = 0; i < list.count; i++)
        ASSERT(list.entries[i].role >= ROLE_VIEWER);
    add_and_remove(bytes, count, &list);
    key_list_deinit(&list);
    return 0;
}
