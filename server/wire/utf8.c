#include "wire/utf8.h"

/* One row of Unicode's table 3-7, "well-formed byte sequences", of more than one byte. The second
 * byte's bounds keep out overlong forms, surrogates and what is past U+10FFFF. */
struct utf8_form {
    unsigned char first_least, first_most;
    unsigned char second_least, second_most;
    size_t bytes;
};

static const struct utf8_form forms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static const struct utf8_form *form_of(unsigned char first)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (first >= forms[i].first_least && first <= forms[i].first_most)
            return &forms[i];
    }
    return NULL;
}

/* Bytes of the character at `text`, of which `left` ≥ 1 are there; 0: not well-formed. */
static size_t character_bytes(const unsigned char *text, size_t left)
{
    if (text[0] < 0x80)
        return 1;
    const struct utf8_form *form = form_of(text[0]);
    if (form == NULL || left < form->bytes)
        return 0;
    if (text[1] < form->second_least || text[1] > form->second_most)
        return 0;
    for (size_t i = 2; i < form->bytes; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return form->bytes;
}

size_t utf8_valid_bytes(const char *text, size_t count)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    while (at < count) {
        size_t taken = character_bytes(bytes + at, count - at);
        if (taken == 0)
            break;
        at += taken;
    }
    return at;
}
