#include "policies_command_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct deck deck;
char output[65536];
char file[192];

void policies_command_set_up(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    (void)snprintf(file, sizeof file, "%s/declared.yaml", deck.home);
}

void policies_command_tear_down(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

bool has_timescaledb(void)
{
    return strcmp(deck.engine, "timescaledb") == 0;
}

void assert_says(const char *text)
{
    cr_assert_not_null(strstr(output, text), "it does not say \"%s\": %s", text, output);
}

void assert_says_nothing_of(const char *text)
{
    cr_assert_null(strstr(output, text), "it says \"%s\": %s", text, output);
}

void execute(const char *sql)
{
    PGconn *connection = deck_connect(&deck);
    PGresult *result = PQexec(connection, sql);
    cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK ||
                  PQresultStatus(result) == PGRES_TUPLES_OK,
              "%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

void declare(const char *policies)
{
    FILE *stream = fopen(file, "w");
    cr_assert_not_null(stream);
    (void)fprintf(stream, "policies:\n%s", policies);
    (void)fclose(stream);
}

int apply(const char *first, const char *second)
{
    const char *words[] = {"policies", "apply", "--config", file, first, second, NULL};
    if (first == NULL)
        words[4] = NULL;
    return deck_run(&deck, output, sizeof output, words);
}

void must_apply(const char *policies)
{
    declare(policies);
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    cr_assert_eq(apply("--dry-run", NULL), 0, "%s", output);
    assert_says("nothing to change: the policies are as declared");
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_check()"), 0);
}

int64_t fingerprint(void)
{
    return deck_number(
        &deck,
        has_timescaledb()
            ? "select hashtextextended((select string_agg((to_jsonb(j) - 'next_start')::text,"
              " ',' order by j.job_id) from timescaledb_information.jobs j)"
              " || tapedeck.tick_chunk_width(), 0)"
            : "select hashtextextended(string_agg(concat_ws(' ', j.job_id, j.kind, j.target,"
              " j.config, j.schedule_interval, j.enabled), ',' order by j.job_id), 0)"
              " from tapedeck.jobs j");
}

void day_ago(int days, char *text, size_t bytes)
{
    time_t at = time(NULL) - (time_t)days * 86400;
    struct tm parts;
    (void)strftime(text, bytes, "%Y-%m-%d", gmtime_r(&at, &parts));
}
