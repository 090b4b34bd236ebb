/*
 * tapedeck storage and tapedeck policies, through the real binary, beside a server that runs what
 * they ask for.
 */
#include "deck.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct deck deck;
static char output[65536];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    deck_serve(&deck, NULL);
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(operations_command, .init = start, .fini = stop, .timeout = 400);

static void assert_says(const char *text)
{
    cr_assert_not_null(strstr(output, text), "it does not say \"%s\": %s", text, output);
}

static bool has_extension(void)
{
    return strcmp(deck.engine, "timescaledb") == 0;
}

static int64_t job_of(const char *kind)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "select min(job_id) from tapedeck.policies_list() where kind = '%s'", kind);
    return deck_number(&deck, sql);
}

Test(operations_command, storage_is_told_to_people_and_as_json)
{
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--from", "2024-08-08", "--to",
                          "2024-08-08T01:00:00Z", "--every", "1s", "--keep"),
                 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "storage"), 0, "%s", output);
    assert_says("database  ");
    assert_says(" free of ");
    assert_says("growth    not known yet");
    assert_says("tick_data ");
    assert_says("  3 600  ");
    assert_says("tapedeck.symbols ");
    cr_assert_eq(strstr(output, "overdue") != NULL, has_extension());

    cr_assert_eq(DECK_RUN(&deck, output, "storage", "--json"), 0, "%s", output);
    assert_says("{\"database_size_bytes\":");
    assert_says("{\"table_name\":\"tick_data\",\"row_count\":3600,\"exact\":true,");
    assert_says("\"growth_bytes_per_day\":null,\"days_until_full\":null}");
    cr_assert_eq(strstr(output, "\"compression\":{\"tick_data\"") != NULL, has_extension());

    cr_assert_eq(DECK_RUN(&deck, output, "storage", "history"), 0, "%s", output);
    assert_says("there are no samples yet");
    cr_assert_eq(DECK_RUN(&deck, output, "storage", "sample"), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "storage", "sample"), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "storage", "history"), 0, "%s", output);
    assert_says("largest table");
    cr_assert_eq(DECK_RUN(&deck, output, "storage", "history", "--json", "--limit", "1"), 0);
    assert_says("{\"samples\":[{\"sampled_at\":");
    cr_assert_null(strstr(strstr(output, "sampled_at") + 1, "sampled_at"), "one: %s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "storage", "history", "--limit", "91"), 2);
}

/* Asked by the command, done by the server or the extension. */
static void await_run(int64_t job_id, int64_t runs_before)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "select total_runs from tapedeck.policies_list() where job_id = %lld"
                   " and last_status <> 'running' union all select -1 order by 1 desc limit 1",
                   (long long)job_id);
    for (int waited_ms = 0; waited_ms < 30000; waited_ms += 20) {
        if (deck_number(&deck, sql) > runs_before)
            return;
        (void)usleep(20000);
    }
    cr_assert_fail("job %lld has not run", (long long)job_id);
}

Test(operations_command, a_policy_that_is_run_by_command_runs_at_once)
{
    char job[24];
    char sql[256];
    int64_t job_id = job_of("sample");
    (void)snprintf(job, sizeof job, "%lld", (long long)job_id);
    for (int64_t runs = 0; runs < 3; runs++) {
        int64_t asked = deck_number(&deck, "select tapedeck.time_us(clock_timestamp())");
        cr_assert_eq(DECK_RUN(&deck, output, "policies", "run", job), 0, "%s", output);
        int64_t done = deck_number(&deck, "select tapedeck.time_us(clock_timestamp())");
        await_run(job_id, runs);
        (void)snprintf(sql, sizeof sql,
                       "select tapedeck.time_us(last_run_at) from tapedeck.policies_list()"
                       " where job_id = %lld",
                       (long long)job_id);
        int64_t began = deck_number(&deck, sql);
        cr_assert_geq(began, asked);
        cr_assert_leq(began, done + 2000000, "%lld µs after it was asked",
                      (long long)(began - done));
    }
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.storage_samples"), 1,
                 "one a night, however often it runs");
}

Test(operations_command, policies_are_listed_paused_resumed_and_checked)
{
    char job[24];
    (void)snprintf(job, sizeof job, "%lld", (long long)job_of("retention"));
    cr_assert_eq(DECK_RUN(&deck, output, "policies"), 0, "%s", output);
    assert_says("retention");
    assert_says("candle_1m");
    assert_says("stored until");
    assert_says("T03:00:00Z, in ");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "list", "--json"), 0, "%s", output);
    assert_says(
        "\"kind\":\"retention\",\"target\":\"tick_data\",\"config\":{\"drop_after\":\"90 d");
    assert_says("\"aggregates\":[{\"view\":\"candle_1m\",");

    cr_assert_eq(DECK_RUN(&deck, output, "policies", "pause", job), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "policies"), 0, "%s", output);
    assert_says("paused");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "run", job), 1);
    assert_says("is paused");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "resume", job), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "run", "424242"), 1);
    assert_says("there is no policy 424242");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "run", "all"), 2);
    assert_says("is no number of a job");

    cr_assert_eq(DECK_RUN(&deck, output, "policies", "check"), 0, "%s", output);
    PGconn *connection = deck_connect(&deck);
    PQclear(
        PQexec(connection,
               has_extension()
                   ? "select alter_job(job_id, config => config || '{\"drop_after\":\"2 days\"}')"
                     " from timescaledb_information.jobs where proc_name = 'policy_retention'"
                   : "update tapedeck.jobs set config = '{\"drop_after\": \"1 day\"}'"
                     " where kind = 'retention'"));
    PQfinish(connection);
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "check"), 1, "%s", output);
    assert_says("start_offset");
    cr_assert_eq(DECK_RUN(&deck, output, "policies"), 0, "%s", output);
    assert_says("has findings");
    cr_assert_eq(DECK_RUN(&deck, output, "storage"), 1, "everything else refuses the database");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "pause", job), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "check"), 0, "paused, it does no harm");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "resume", job), 1);
    assert_says("cannot be resumed");
    cr_assert_eq(DECK_RUN(&deck, output, "storage"), 0, "%s", output);
}
