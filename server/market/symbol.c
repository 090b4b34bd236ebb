#include "market/symbol.h"

#include <stddef.h>

/* One character of UTF-8 as in Unicode's table 3-7, "well-formed byte sequences": the second byte's
 * bounds keep out overlong forms, surrogates and what is past U+10FFFF. */
struct utf8_form {
    unsigned char first_least, first_most;
    unsigned char second_least, second_most;
    size_t bytes;
};

static const struct utf8_form utf8_forms[] = {
    {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* Bytes of the character at `text`, of which `left` ≥ 1 are there; 0: not well-formed. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    const struct utf8_form *form = utf8_forms;
    const struct utf8_form *end = form + sizeof utf8_forms / sizeof *utf8_forms;
    while (form < end && (text[0] < form->first_least || text[0] > form->first_most))
        form++;
    if (form == end || left < form->bytes)
        return 0;
    if (form->bytes > 1 && (text[1] < form->second_least || text[1] > form->second_most))
        return 0;
    for (size_t i = 2; i < form->bytes; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return form->bytes;
}

/* U+0000 … U+001F, U+007F … U+009F. */
static bool is_control(const unsigned char *text)
{
    return text[0] < 0x20 || text[0] == 0x7F || (text[0] == 0xC2 && text[1] < 0xA0);
}

enum status symbol_check(const char *name, size_t length, struct error *error)
{
    if (length < 1 || length > SYMBOL_BYTES_MAX)
        return error_set(error, STATUS_INVALID, "a symbol is 1 to %d bytes long, not %zu",
                         SYMBOL_BYTES_MAX, length);
    const unsigned char *text = (const unsigned char *)name;
    for (size_t at = 0, bytes; at < length; at += bytes) {
        bytes = utf8_length(text + at, length - at);
        if (bytes == 0)
            return error_set(error, STATUS_INVALID, "a symbol is UTF-8; byte %zu is not", at + 1);
        if (is_control(text + at))
            return error_set(error, STATUS_INVALID,
                             "a symbol has no control characters; byte %zu is one", at + 1);
    }
    if (name[0] == ' ' || name[length - 1] == ' ')
        return error_set(error, STATUS_INVALID, "a symbol neither begins nor ends with a blank");
    return STATUS_OK;
}
