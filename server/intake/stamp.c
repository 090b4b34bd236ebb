#include "intake/stamp.h"

#include "market/time.h"

#include <stdbool.h>
#include <string.h>

#define DIGITS_MAX 18
#define MS_MIN INT64_C(100000000000) /* the same instant as STAMP_US_MIN */
#define HISTDATA_ZONE_US (5 * TIME_HOUR_US)

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* [-]digits, at most DIGITS_MAX of them. */
static enum status integer_parse(const char *text, size_t length, int64_t *value)
{
    bool negative = length > 0 && text[0] == '-';
    size_t first = negative ? 1 : 0;
    if (length == first || length - first > DIGITS_MAX)
        return STATUS_INVALID;
    int64_t sum = 0;
    for (size_t i = first; i < length; i++) {
        if (!is_digit(text[i]))
            return STATUS_INVALID;
        sum = sum * 10 + (text[i] - '0');
    }
    *value = negative ? -sum : sum;
    return STATUS_OK;
}

static enum status parse_us(const char *text, size_t length, int64_t *time)
{
    int64_t value;
    if (integer_parse(text, length, &value) != STATUS_OK || value < STAMP_US_MIN)
        return STATUS_INVALID;
    *time = value;
    return STATUS_OK;
}

static enum status parse_ms_or_us(const char *text, size_t length, int64_t *time)
{
    int64_t value;
    if (integer_parse(text, length, &value) != STATUS_OK || value < MS_MIN)
        return STATUS_INVALID;
    *time = value < STAMP_US_MIN ? value * 1000 : value;
    return STATUS_OK;
}

static bool is_integer(const char *text, size_t length)
{
    int64_t value;
    return integer_parse(text, length, &value) == STATUS_OK;
}

static enum status parse_rfc3339_or_us(const char *text, size_t length, int64_t *time)
{
    return is_integer(text, length) ? parse_us(text, length, time) : time_parse(text, length, time);
}

static bool has_shape(const char *text, size_t length, const char *shape)
{
    if (length < strlen(shape))
        return false;
    for (size_t i = 0; shape[i] != '\0'; i++)
        if (shape[i] == '0' ? !is_digit(text[i]) : text[i] != shape[i])
            return false;
    return true;
}

/* Puts "YYYYMMDD" of `text` as "YYYY-MM-DDT" into `room`, for time_parse. */
static void put_date(const char *text, char *room)
{
    memcpy(room, text, 4);
    room[4] = '-';
    memcpy(room + 5, text + 4, 2);
    room[7] = '-';
    memcpy(room + 8, text + 6, 2);
    room[10] = 'T';
}

static bool is_fraction(const char *text, size_t length)
{
    if (length < 2 || length > 10 || text[0] != '.')
        return length == 0;
    for (size_t i = 1; i < length; i++)
        if (!is_digit(text[i]))
            return false;
    return true;
}

static enum status parse_truefx(const char *text, size_t length, int64_t *time)
{
    if (!has_shape(text, length, "00000000 00:00:00") || !is_fraction(text + 17, length - 17))
        return STATUS_INVALID;
    char room[32];
    put_date(text, room);
    memcpy(room + 11, text + 9, length - 9);
    return time_parse(room, length + 2, time);
}

static enum status parse_histdata(const char *text, size_t length, int64_t *time)
{
    if (!has_shape(text, length, "00000000 000000000") || length != 18)
        return STATUS_INVALID;
    char room[23] = "YYYY-MM-DDTHH:MM:SS.mmm";
    put_date(text, room);
    memcpy(room + 11, text + 9, 2);
    memcpy(room + 14, text + 11, 2);
    memcpy(room + 17, text + 13, 2);
    memcpy(room + 20, text + 15, 3);
    int64_t local;
    if (time_parse(room, sizeof room, &local) != STATUS_OK)
        return STATUS_INVALID;
    *time = local + HISTDATA_ZONE_US;
    return STATUS_OK;
}

const struct stamp STAMP_RFC3339 = {time_parse, "an RFC 3339 time"};
const struct stamp STAMP_RFC3339_OR_US = {parse_rfc3339_or_us,
                                          "an RFC 3339 time or an integer of microseconds"};
const struct stamp STAMP_US = {parse_us, "an integer of microseconds"};
const struct stamp STAMP_MS_OR_US = {parse_ms_or_us, "an integer of milli- or microseconds"};
const struct stamp STAMP_TRUEFX = {parse_truefx, "a time like 20130101 22:00:00.295"};
const struct stamp STAMP_HISTDATA = {parse_histdata, "a time like 20200101 170000065"};
