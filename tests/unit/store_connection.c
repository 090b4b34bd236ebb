#include "store/connection.h"

#include "store/backoff.h"

#include <criterion/criterion.h>
#include <string.h>

struct classified {
    char sqlstate[8];
    enum status status;
};

static const struct classified classified[] = {
    {"08006", STATUS_UNAVAILABLE}, {"08P01", STATUS_UNAVAILABLE}, {"53300", STATUS_UNAVAILABLE},
    {"40001", STATUS_UNAVAILABLE}, {"40P01", STATUS_UNAVAILABLE}, {"55P03", STATUS_UNAVAILABLE},
    {"57014", STATUS_UNAVAILABLE}, {"57P01", STATUS_UNAVAILABLE}, {"57P02", STATUS_UNAVAILABLE},
    {"57P03", STATUS_UNAVAILABLE}, {"TD001", STATUS_CONFLICT},    {"23505", STATUS_CONFLICT},
    {"23514", STATUS_INVALID},     {"22P02", STATUS_INVALID},     {"42P01", STATUS_CONFLICT},
    {"42883", STATUS_CONFLICT},    {"54000", STATUS_LIMIT},       {"55006", STATUS_CONFLICT},
    {"40002", STATUS_INTERNAL},    {"42601", STATUS_INTERNAL},    {"XX000", STATUS_INTERNAL},
    {"57000", STATUS_INTERNAL},    {"", STATUS_INTERNAL},
};

Test(store_connection, sqlstates_have_one_status_each)
{
    for (size_t i = 0; i < sizeof classified / sizeof *classified; i++)
        cr_expect(connection_classify(classified[i].sqlstate) == classified[i].status, "%s: %s",
                  classified[i].sqlstate, status_name(connection_classify(classified[i].sqlstate)));
}

Test(store_connection, a_url_that_can_be_read_is_accepted)
{
    struct error error;
    cr_expect(connection_url_check("postgresql://u@h:5432/d?sslmode=require", &error) == STATUS_OK);
    cr_expect(connection_url_check("postgres://h1,h2/d?target_session_attrs=any", &error) ==
              STATUS_OK);
    cr_expect(connection_url_check("host=/tmp port=1 dbname=d", &error) == STATUS_OK);
    cr_expect(connection_url_check("tapedeck", &error) == STATUS_OK);
    cr_expect(connection_url_check("", &error) == STATUS_OK);
}

Test(store_connection, a_url_that_cannot_be_read_is_refused_with_a_sentence)
{
    struct error error = {.text = ""};
    cr_expect(connection_url_check("postgresql://h/d?no_such_option=1", &error) == STATUS_INVALID);
    cr_expect(strstr(error.text, "no_such_option") != NULL, "%s", error.text);
    cr_expect(connection_url_check("mysql://h/d", &error) == STATUS_INVALID);
    cr_expect(connection_url_check("host=/tmp port", &error) == STATUS_INVALID);
    cr_expect(connection_open("postgresql://h/d?no_such_option=1", "test", &error) == NULL);
    cr_expect(error.status == STATUS_INVALID);
}

Test(store_connection, a_server_that_is_not_there_is_unavailable)
{
    struct error error;
    cr_assert(connection_open("host=/nonexistent user=x dbname=y", "test", &error) == NULL);
    cr_assert(error.status == STATUS_UNAVAILABLE);
    cr_assert(strchr(error.text, '\n') == NULL, "one line: %s", error.text);
}

Test(store_connection, waits_double_up_to_five_seconds_and_differ)
{
    uint64_t random = 1;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t first = backoff_us(1, &random);
        cr_assert(first >= 75000);
        cr_assert(first <= 125000);
        int64_t late = backoff_us(1000, &random);
        cr_assert(late >= 3750000);
        cr_assert(late <= 6250000);
        least = late < least ? late : least;
        most = late > most ? late : most;
    }
    cr_assert(most - least > 1000000);
    cr_assert(backoff_us(3, &random) >= 300000);
    cr_assert(backoff_us(3, &random) <= 500000);
}
