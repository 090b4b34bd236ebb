#include "market/symbol.h"

#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const symbols[] = {"A",
                                      "BTCUSDT",
                                      "BINANCE:BTCUSDT",
                                      "a b",
                                      "ES=F",
                                      "^GSPC",
                                      "BRK.B",
                                      "\"quoted\"",
                                      "a'b\\c%",
                                      "Zürich",
                                      "日本",
                                      "🚀",
                                      "\xC2\xA0" /* U+00A0, the first that is no control */,
                                      "\xED\x9F\xBF" /* U+D7FF */,
                                      "\xEE\x80\x80" /* U+E000 */,
                                      "\xF4\x8F\xBF\xBF" /* U+10FFFF */};

Test(symbol_check, accepts_names)
{
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        cr_assert(symbol_check(symbols[i], strlen(symbols[i]), NULL) == STATUS_OK, "%s",
                  symbols[i]);
}

static const struct {
    const char *name;
    size_t length;
} no_symbols[] = {
    {"", 0},
    {NULL, 0},
    {" ", 1},
    {" A", 2},
    {"A ", 2},
    {"A\0", 2},
    {"\0A", 2},
    {"A\nB", 3},
    {"A\tB", 3},
    {"A\x1F", 2},
    {"A\x7F", 2},
    {"\xC2\x80", 2}, /* U+0080 … */
    {"\xC2\x9F", 2}, /* … U+009F are controls */
    {"\x80", 1},     /* a continuation alone */
    {"A\xBF", 2},
    {"\xC3", 1}, /* cut */
    {"\xC3(", 2},
    {"\xE2\x82", 2},
    {"\xE2\x82(", 3},
    {"\xF0\x9F\x9A", 3},
    {"\xF0\x9F\x9A(", 4},
    {"\xF0(\x9A\x80", 4},
    {"\xC0\x80", 2}, /* overlong */
    {"\xC1\xBF", 2},
    {"\xE0\x9F\xBF", 3},
    {"\xF0\x8F\xBF\xBF", 4},
    {"\xED\xA0\x80", 3}, /* surrogates */
    {"\xED\xBF\xBF", 3},
    {"\xF4\x90\x80\x80", 4}, /* past U+10FFFF */
    {"\xF5\x80\x80\x80", 4},
    {"\xFE", 1},
    {"\xFF", 1},
    {"Z\xFCrich", 6}, /* Latin-1 */
};

Test(symbol_check, refuses_everything_else_with_a_sentence)
{
    for (size_t i = 0; i < sizeof no_symbols / sizeof *no_symbols; i++) {
        struct error error = {.status = STATUS_OK};
        cr_assert(symbol_check(no_symbols[i].name, no_symbols[i].length, &error) == STATUS_INVALID,
                  "entry %zu", i);
        cr_assert(error.status == STATUS_INVALID, "entry %zu", i);
        cr_assert(strlen(error.text) > 0, "entry %zu", i);
    }
}

Test(symbol_check, counts_bytes_up_to_the_bound)
{
    char name[SYMBOL_BYTES_MAX + 1];
    memset(name, 'x', sizeof name);
    cr_assert(symbol_check(name, SYMBOL_BYTES_MAX, NULL) == STATUS_OK);
    cr_assert(symbol_check(name, SYMBOL_BYTES_MAX + 1, NULL) == STATUS_INVALID);
    cr_assert(symbol_check(name, SIZE_MAX, NULL) == STATUS_INVALID);
}

static size_t encode(uint32_t c, char *text)
{
    if (c < 0x80) {
        text[0] = (char)c;
        return 1;
    }
    size_t bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
        text[i] = (char)(0x80 | (c & 0x3F));
    text[0] = (char)(first[bytes] | c);
    return bytes;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

Test(symbol_check, knows_every_character_of_unicode)
{
    for (uint32_t c = 0; c < 0x1FFFFF; c++) {
        char text[4];
        size_t bytes = encode(c, text);
        bool good = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF) && !is_control(c) && c != ' ';
        if ((symbol_check(text, bytes, NULL) == STATUS_OK) != good)
            cr_assert_fail("U+%04X", c);
    }
}

/* The slow oracle: decode with no checks, and see whether encoding gives the same bytes. */
static bool oracle_check(const char *text, size_t length)
{
    if (length == 0 || text[0] == ' ' || text[length - 1] == ' ')
        return false;
    for (size_t at = 0; at < length;) {
        unsigned char first = (unsigned char)text[at];
        size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        uint32_t c = bytes == 1 ? first : first & (0x7FU >> bytes);
        if (bytes > length - at)
            return false;
        for (size_t i = 1; i < bytes; i++)
            c = c << 6 | ((unsigned char)text[at + i] & 0x3F);
        char again[4];
        if (encode(c, again) != bytes || memcmp(again, text + at, bytes) != 0)
            return false;
        if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || is_control(c))
            return false;
        at += bytes;
    }
    return true;
}

Test(symbol_check, agrees_with_a_slow_oracle_on_random_bytes)
{
    static const unsigned char edges[] = {0x20, 0x41, 0x7E, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                          0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
                                          0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    struct random random = {.state = 1};
    size_t good = 0;
    for (size_t i = 0; i < 1000000; i++) {
        size_t length = 1 + random_below(&random, 6);
        char *text = malloc(length); /* so that the sanitizer sees the end */
        for (size_t at = 0; at < length; at++)
            text[at] = (char)edges[random_below(&random, sizeof edges)];
        bool expected = oracle_check(text, length);
        if ((symbol_check(text, length, NULL) == STATUS_OK) != expected)
            cr_assert_fail("run %zu", i);
        good += expected;
        free(text);
    }
    cr_assert(good > 10000, "the bytes should be characters often enough: %zu", good);
}
