#include "base/status.h"

#include <criterion/criterion.h>
#include <string.h>

Test(error_set, tells_the_sentence_and_the_status)
{
    struct error error;
    cr_assert(error_set(&error, STATUS_LIMIT, "%d of %s", 3, "many") == STATUS_LIMIT);
    cr_assert(error.status == STATUS_LIMIT);
    cr_assert_str_eq(error.text, "3 of many");
}

Test(error_set, needs_nobody_to_listen)
{
    cr_assert(error_set(NULL, STATUS_INVALID, "%d", 3) == STATUS_INVALID);
}

Test(error_set, cuts_a_sentence_that_is_too_long)
{
    char sentence[2 * ERROR_TEXT_BYTES];
    memset(sentence, 'x', sizeof sentence - 1);
    sentence[sizeof sentence - 1] = '\0';
    struct error error;
    cr_assert(error_set(&error, STATUS_INVALID, "%s", sentence) == STATUS_INVALID);
    cr_assert(strlen(error.text) == ERROR_TEXT_BYTES - 1);
}

Test(error_prefix, puts_the_place_before_the_cause)
{
    struct error error;
    (void)error_set(&error, STATUS_NOT_FOUND, "no such file");
    cr_assert(error_prefix(&error, "line %d", 7) == STATUS_NOT_FOUND);
    cr_assert_str_eq(error.text, "line 7: no such file");
    cr_assert(error.status == STATUS_NOT_FOUND);
}

Test(error_prefix, cuts_the_cause_where_room_ends)
{
    struct error error;
    char filler[ERROR_TEXT_BYTES + 10];
    memset(filler, 'x', sizeof filler);
    for (int length = ERROR_TEXT_BYTES - 10; length < ERROR_TEXT_BYTES + 10; length++) {
        (void)error_set(&error, STATUS_INVALID, "0123456789");
        cr_assert(error_prefix(&error, "%.*s", length, filler) == STATUS_INVALID);
        cr_assert(strlen(error.text) < ERROR_TEXT_BYTES);
        cr_assert(error.text[0] == 'x');
    }
}

Test(status_name, is_a_word_of_its_own_for_every_status)
{
    for (int i = STATUS_OK; i <= STATUS_INTERNAL; i++) {
        cr_assert(strcmp(status_name((enum status)i), "unknown") != 0, "%d", i);
        for (int other = STATUS_OK; other < i; other++)
            cr_assert(strcmp(status_name((enum status)i), status_name((enum status)other)) != 0,
                      "%d %d", i, other);
    }
    cr_assert_str_eq(status_name((enum status)4711), "unknown");
}
