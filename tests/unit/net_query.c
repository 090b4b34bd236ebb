#include "net/query.h"

#include "market/time.h"

#include <criterion/criterion.h>
#include <string.h>

static struct query query;
static struct error error;

static enum status add(const char *parameter)
{
    return query_add(&query, parameter, strlen(parameter), &error);
}

static void start(void)
{
    query_init(&query);
    error = (struct error){.text = ""};
}

TestSuite(net_query, .init = start);

static void assert_says(const char *text)
{
    cr_assert(strstr(error.text, text) != NULL, "it does not say \"%s\": %s", text, error.text);
}

Test(net_query, parameters_are_texts_by_name)
{
    cr_assert(add("symbol=A=B&\xE2\x82\xAC") == STATUS_OK);
    cr_assert(add("") == STATUS_OK);
    cr_assert(add("flag") == STATUS_OK);
    cr_assert(add("empty=") == STATUS_OK);
    cr_assert_str_eq(query_text(&query, "symbol"), "A=B&\xE2\x82\xAC");
    cr_assert_str_eq(query_text(&query, "flag"), "");
    cr_assert_str_eq(query_text(&query, "empty"), "");
    cr_assert_null(query_text(&query, "symb"));
}

Test(net_query, what_is_no_parameter_is_refused_with_the_reason)
{
    cr_assert(add("limit=1") == STATUS_OK);
    cr_assert(add("limit=1") == STATUS_INVALID);
    assert_says("limit is there twice");
    cr_assert(add("=1") == STATUS_INVALID);
    assert_says("name=value");
    cr_assert(add("a=\xC3") == STATUS_INVALID);
    assert_says("UTF-8");
    cr_assert(add("a=\n") == STATUS_INVALID);
    cr_assert(query_add(&query, "a=b\0c", 5, &error) == STATUS_INVALID);
    assert_says("control");
    cr_assert_eq(query.count, 1);
}

Test(net_query, parameters_are_bounded_in_number_and_bytes)
{
    char text[QUERY_BYTES_MAX + 2];
    memset(text, 'x', sizeof text);
    text[1] = '=';
    cr_assert(query_add(&query, text, sizeof text, &error) == STATUS_LIMIT);
    cr_assert(query_add(&query, text, QUERY_BYTES_MAX, &error) == STATUS_OK);
    assert_says("2048");
    query_init(&query);
    for (int i = 0; i < QUERY_PARAMETERS_MAX; i++) {
        char parameter[] = {(char)('a' + i), '\0'};
        cr_assert(add(parameter) == STATUS_OK);
    }
    cr_assert(add("z=1") == STATUS_LIMIT);
    assert_says("16");
}

Test(net_query, a_misspelt_name_is_told_the_right_ones)
{
    static const char *const names[] = {"symbol", "limit", NULL};
    cr_assert(add("limit=1") == STATUS_OK);
    cr_assert(query_check_names(&query, names, &error) == STATUS_OK);
    cr_assert(add("limt=1") == STATUS_OK);
    cr_assert(query_check_names(&query, names, &error) == STATUS_INVALID);
    assert_says("no parameter limt here; there are: symbol, limit");
}

Test(net_query, integers_and_counts_have_bounds)
{
    static const struct {
        const char *text;
        enum status as_integer;
        enum status as_count;
    } table[] = {
        {"n=5", STATUS_OK, STATUS_OK},
        {"n=-5", STATUS_OK, STATUS_INVALID},
        {"n=0", STATUS_OK, STATUS_INVALID},
        {"n=10", STATUS_OK, STATUS_OK},
        {"n=11", STATUS_INVALID, STATUS_LIMIT},
        {"n=999999999999999999", STATUS_INVALID, STATUS_LIMIT},
        {"n=99999999999999999999999", STATUS_INVALID, STATUS_INVALID},
        {"n=", STATUS_INVALID, STATUS_INVALID},
        {"n=-", STATUS_INVALID, STATUS_INVALID},
        {"n=5x", STATUS_INVALID, STATUS_INVALID},
        {"n= 5", STATUS_INVALID, STATUS_INVALID},
        {"n=+5", STATUS_INVALID, STATUS_INVALID},
        {"n=0x5", STATUS_INVALID, STATUS_INVALID},
        {"n=5.0", STATUS_INVALID, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t integer = 77;
        size_t count = 77;
        query_init(&query);
        cr_assert(add(table[i].text) == STATUS_OK);
        cr_assert(query_integer(&query, "n", -10, 10, &integer, &error) == table[i].as_integer,
                  "%s", table[i].text);
        cr_assert((integer == 77) == (table[i].as_integer != STATUS_OK), "%s", table[i].text);
        cr_assert(query_count(&query, "n", 10, "things", &count, &error) == table[i].as_count, "%s",
                  table[i].text);
        cr_assert((count == 77) == (table[i].as_count != STATUS_OK), "%s", table[i].text);
    }
    assert_says("an integer from 1 to 10");
}

Test(net_query, a_flag_is_true_or_false_and_nothing_else)
{
    static const struct {
        const char *text;
        enum status status;
        bool value;
    } table[] = {
        {"f=true", STATUS_OK, true},        {"f=false", STATUS_OK, false},
        {"f=1", STATUS_INVALID, false},     {"f=TRUE", STATUS_INVALID, false},
        {"f=", STATUS_INVALID, false},      {"f", STATUS_INVALID, false},
        {"f=true ", STATUS_INVALID, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool value = !table[i].value;
        query_init(&query);
        cr_assert(add(table[i].text) == STATUS_OK);
        cr_assert(query_bool(&query, "f", &value, &error) == table[i].status, "%s", table[i].text);
        cr_assert((value == table[i].value) == (table[i].status == STATUS_OK), "%s", table[i].text);
    }
    assert_says("true or false");
}

Test(net_query, what_is_absent_leaves_the_default)
{
    bool flag = true;
    cr_assert(query_bool(&query, "n", &flag, &error) == STATUS_OK && flag);
    int64_t integer = 7;
    size_t count = 8;
    int64_t time = 9;
    cr_assert(query_integer(&query, "n", 0, 1, &integer, &error) == STATUS_OK);
    cr_assert(query_count(&query, "n", 1, "things", &count, &error) == STATUS_OK);
    cr_assert(query_time(&query, "n", &time, &error) == STATUS_OK);
    cr_assert(integer == 7 && count == 8 && time == 9);
    (void)query_refuse(&query, "n", "a number", &error);
    assert_says("n is missing; it must be a number");
}

Test(net_query, times_are_texts_or_microseconds)
{
    int64_t time = 0;
    cr_assert(add("a=1970-01-01T00:00:01Z") == STATUS_OK);
    cr_assert(add("b=-5") == STATUS_OK);
    cr_assert(add("c=yesterday") == STATUS_OK);
    cr_assert(add("d=999999999999999999") == STATUS_OK);
    cr_assert(query_time(&query, "a", &time, &error) == STATUS_OK && time == TIME_SECOND_US);
    cr_assert(query_time(&query, "b", &time, &error) == STATUS_OK && time == -5);
    cr_assert(query_time(&query, "c", &time, &error) == STATUS_INVALID && time == -5);
    assert_says("c is \"yesterday\"; it must be RFC 3339");
    cr_assert(query_time(&query, "d", &time, &error) == STATUS_INVALID && time == -5);
}
