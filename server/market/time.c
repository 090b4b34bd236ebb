#include "market/time.h"

#include <stdbool.h>

#define DAYS_PER_ERA 146097  /* 400 years */
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01, where Hinnant's eras begin */
#define OFFSET_MINUTES_MAX (18 * 60)

struct date {
    int year;
    int month;
    int day;
};

int64_t time_days_from_date(int year, int month, int day)
{
    /* A year begins in March: the leap day is its last. */
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

/* The reverse, Hinnant's civil_from_days. */
static struct date date_from_days(int64_t days)
{
    int64_t z = days + DAYS_TO_EPOCH;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = z - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) /
        365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = month_from_march + (month_from_march < 10 ? 3 : -9);
    int64_t year = year_of_era + era * 400 + (month <= 2);
    return (struct date){.year = (int)year, .month = (int)month, .day = (int)day};
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* What is left of a text. */
struct cursor {
    const char *at;
    const char *end;
};

static bool peek_digit(const struct cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

static bool take_char(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

/* Exactly `count` digits, of a number in [least, most]. */
static bool take_number(struct cursor *cursor, int count, int least, int most, int *number)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!peek_digit(cursor))
            return false;
        value = value * 10 + (*cursor->at++ - '0');
    }
    *number = value;
    return value >= least && value <= most;
}

/* 2024-08-08 */
static bool take_date(struct cursor *cursor, int64_t *days)
{
    int year, month, day;
    if (!take_number(cursor, 4, 1, 9999, &year) || !take_char(cursor, '-'))
        return false;
    if (!take_number(cursor, 2, 1, 12, &month) || !take_char(cursor, '-'))
        return false;
    if (!take_number(cursor, 2, 1, days_in_month(year, month), &day))
        return false;
    *days = time_days_from_date(year, month, day);
    return true;
}

/* .088169: microseconds; further digits are read and dropped. */
static bool take_fraction(struct cursor *cursor, int64_t *fraction_us)
{
    if (!peek_digit(cursor))
        return false;
    int64_t unit_us = TIME_SECOND_US / 10;
    int64_t sum_us = 0;
    for (; peek_digit(cursor); cursor->at++, unit_us /= 10)
        sum_us += (*cursor->at - '0') * unit_us;
    *fraction_us = sum_us;
    return true;
}

/* 23:54:15.088169 */
static bool take_clock(struct cursor *cursor, int64_t *clock_us)
{
    int hour, minute, second;
    if (!take_number(cursor, 2, 0, 23, &hour) || !take_char(cursor, ':'))
        return false;
    if (!take_number(cursor, 2, 0, 59, &minute) || !take_char(cursor, ':'))
        return false;
    if (!take_number(cursor, 2, 0, 60, &second))
        return false;
    int64_t fraction_us = 0;
    if (take_char(cursor, '.') && !take_fraction(cursor, &fraction_us))
        return false;
    *clock_us =
        hour * TIME_HOUR_US + minute * TIME_MINUTE_US + second * TIME_SECOND_US + fraction_us;
    return true;
}

/* Z, +02:00, +0200 or +02. */
static bool take_zone(struct cursor *cursor, int64_t *offset_us)
{
    *offset_us = 0;
    if (take_char(cursor, 'Z') || take_char(cursor, 'z'))
        return true;
    bool west = take_char(cursor, '-');
    if (!west && !take_char(cursor, '+'))
        return false;
    int hours;
    int minutes = 0;
    if (!take_number(cursor, 2, 0, 23, &hours))
        return false;
    bool colon = take_char(cursor, ':');
    if ((colon || peek_digit(cursor)) && !take_number(cursor, 2, 0, 59, &minutes))
        return false;
    minutes += hours * 60;
    *offset_us = (west ? -minutes : minutes) * TIME_MINUTE_US;
    return minutes <= OFFSET_MINUTES_MAX;
}

static bool take_time(struct cursor *cursor, int64_t *time)
{
    int64_t days;
    int64_t clock_us = 0;
    int64_t offset_us = 0;
    if (!take_date(cursor, &days))
        return false;
    if (cursor->at < cursor->end) {
        if (!take_char(cursor, 'T') && !take_char(cursor, ' ') && !take_char(cursor, 't'))
            return false;
        if (!take_clock(cursor, &clock_us))
            return false;
        if (cursor->at < cursor->end && !take_zone(cursor, &offset_us))
            return false;
    }
    *time = days * TIME_DAY_US + clock_us - offset_us;
    return cursor->at == cursor->end;
}

enum status time_parse(const char *text, size_t length, int64_t *time)
{
    struct cursor cursor = {.at = text, .end = length > 0 ? text + length : text};
    int64_t value;
    if (!take_time(&cursor, &value) || value < TIME_MIN || value > TIME_MAX)
        return STATUS_INVALID;
    *time = value;
    return STATUS_OK;
}

static char *put_number(char *at, int count, int64_t number, char after)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[count] = after;
    return at + count + 1;
}

struct time_text time_format(int64_t time)
{
    if (time < TIME_MIN)
        time = TIME_MIN;
    if (time > TIME_MAX)
        time = TIME_MAX;
    int64_t clock_us = time % TIME_DAY_US;
    if (clock_us < 0)
        clock_us += TIME_DAY_US;
    struct date date = date_from_days((time - clock_us) / TIME_DAY_US);
    struct time_text text;
    char *at = text.text;
    at = put_number(at, 4, date.year, '-');
    at = put_number(at, 2, date.month, '-');
    at = put_number(at, 2, date.day, 'T');
    at = put_number(at, 2, clock_us / TIME_HOUR_US, ':');
    at = put_number(at, 2, clock_us / TIME_MINUTE_US % 60, ':');
    at = put_number(at, 2, clock_us / TIME_SECOND_US % 60, '.');
    at = put_number(at, 6, clock_us % TIME_SECOND_US, 'Z');
    *at = '\0';
    return text;
}
