/*
 * libFuzzer target: any bytes as a file of API keys. What can be read is written and read again.
 */
#include "auth/key_list.h"
#include "auth/secret_file.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct key_list list;
    struct key_list again;
    struct buffer text;
    struct error error = {.text = ""};
    enum status status = key_list_parse(bytes, count, &list, &error);
    if (status != STATUS_OK) {
        ASSERT(strstr(error.text, "line ") != NULL);
        return 0;
    }
    ASSERT(list.count <= KEY_LIST_MAX);
    buffer_init(&text, SECRET_FILE_BYTES_MAX);
    key_list_write(&list, &text);
    status = key_list_parse(text.bytes, text.count, &again, &error);
    ASSERT(status == STATUS_OK);
    ASSERT(again.count == list.count);
    for (size_t i = 0; i < list.count; i++) {
        ASSERT(list.entries[i].role >= ROLE_VIEWER);
        ASSERT(strcmp(list.entries[i].name, again.entries[i].name) == 0);
        ASSERT(list.entries[i].expires_us == again.entries[i].expires_us);
        ASSERT(key_list_find(&again, list.entries[i].digest) == &again.entries[i]);
    }
    buffer_deinit(&text);
    key_list_deinit(&list);
    key_list_deinit(&again);
    return 0;
}
