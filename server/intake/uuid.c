#include "intake/uuid.h"

#include <string.h>

#define TEXT_BYTES 36
#define NUMBER_DIGITS_MAX 39 /* 2^128 − 1 */

__extension__ typedef unsigned __int128 uint128;

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool is_dash_place(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

bool uuid_from_text(const char *text, size_t length, uint8_t uuid[UUID_BYTES])
{
    if (length != TEXT_BYTES)
        return false;
    uint8_t bytes[UUID_BYTES] = {0};
    size_t digits = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_dash_place(i)) {
            if (text[i] != '-')
                return false;
            continue;
        }
        int value = hex_value(text[i]);
        if (value < 0)
            return false;
        bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | value);
        digits++;
    }
    memcpy(uuid, bytes, UUID_BYTES);
    return true;
}

static void store_be(uint128 value, uint8_t uuid[UUID_BYTES])
{
    uint64_t halves[2] = {__builtin_bswap64((uint64_t)(value >> 64)),
                          __builtin_bswap64((uint64_t)value)};
    memcpy(uuid, halves, UUID_BYTES);
}

bool uuid_from_number(const char *text, size_t length, uint8_t uuid[UUID_BYTES])
{
    if (length == 0 || length > NUMBER_DIGITS_MAX || (text[0] == '0' && length > 1))
        return false;
    const uint128 max = ~(uint128)0;
    uint128 value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        unsigned digit = (unsigned)(text[i] - '0');
        if (i + 1 == NUMBER_DIGITS_MAX && value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    store_be(value, uuid);
    return true;
}
