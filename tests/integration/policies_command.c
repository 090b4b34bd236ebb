/*
 * tapedeck policies apply, through the real binary: the plan, what is changed and what is not.
 */
#include "policies_command_support.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

POLICIES_COMMAND_SUITE(policies_command);

Test(policies_command, a_fresh_database_is_as_the_defaults_declare)
{
    deck_deinit(&deck);
    deck_init_empty(&deck, deck_engine());
    deck_serve(&deck, NULL);
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "apply"), 0, "%s", output);
    assert_says("nothing to change: the policies are as declared");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "apply", "--json", "--dry-run"), 0);
    cr_assert_str_eq(output,
                     "{\"kind\":\"summary\",\"changes\":0,\"refusals\":0,\"applied\":false}\n");
}

Test(policies_command, changes_are_shown_and_made_once_and_not_by_a_dry_run)
{
    deck_serve(&deck, NULL);
    int64_t before = fingerprint();
    declare("  tick_data: {drop_after: 80d, drop_every: 12h}\n"
            "  candle_1m: {end_offset: 2m, refresh_every: 90s}\n"
            "  database: {sample_at: \"04:30\"}\n");
    cr_assert_eq(apply("--dry-run", NULL), 3, "%s", output);
    assert_says("~ tick_data drop_after 90 days → 80 days: no chunk becomes due for dropping\n");
    assert_says("~ tick_data drop_every 1 day → 12 hours\n");
    assert_says("~ candle_1m end_offset 1 minute → 2 minutes\n");
    assert_says("~ candle_1m refresh_every 1 minute → 1 minute 30 seconds\n");
    assert_says("~ database sample_at 03:00 UTC → 04:30 UTC\n");
    cr_assert_eq(fingerprint(), before, "a dry run changed something");

    cr_assert_eq(apply(NULL, NULL), 2, "%s", output);
    assert_says("~ tick_data drop_after 90 days → 80 days");
    assert_says("say --yes");
    cr_assert_eq(fingerprint(), before);

    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("5 changes made: the policies are as declared");
    int64_t after = fingerprint();
    cr_assert_neq(after, before);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where kind ="
                                    " 'retention' and config ->> 'drop_after' = '80 days' and"
                                    " schedule_interval_s = 43200"),
                 1);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where kind ="
                                    " 'sample' and to_char(next_run_at at time zone 'UTC',"
                                    " 'HH24:MI') = '04:30' and next_run_at > now()"),
                 1);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where kind ="
                                    " 'refresh' and target = 'candle_1m' and (config ->>"
                                    " 'end_offset')::interval = '2 minutes' and"
                                    " schedule_interval_s = 90"),
                 1);
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("nothing to change");
    cr_assert_eq(fingerprint(), after);

    /* And back: what is not declared has its default. */
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "apply", "--yes"), 0, "%s", output);
    assert_says("~ tick_data drop_after 80 days → 90 days (default): what was dropped does not");
    cr_assert_eq(DECK_RUN(&deck, output, "policies", "apply"), 0, "%s", output);
    assert_says("nothing to change");
}

Test(policies_command, a_refresh_keeps_its_order_and_its_batches)
{
    if (!has_timescaledb())
        return; /* always oldest first there */
    static const char well[] =
        "select count(*) from tapedeck.policies_list() where kind = 'refresh' and config ->>"
        " 'refresh_newest_first' = 'false' and (config ->> 'buckets_per_batch')::int >= 720";
    deck_serve(&deck, NULL);
    must_apply("  candle_1m: {start_offset: 20d}\n  candle_1h: {refresh_every: 2h}\n");
    cr_assert_eq(deck_number(&deck, well), 4);
    /* Somebody made it anew, as the engine's documentation says; somebody took one away. */
    execute("select public.remove_continuous_aggregate_policy('public.candle_1m');"
            " select public.add_continuous_aggregate_policy('public.candle_1m', interval '20 days',"
            " interval '1 minute', interval '1 minute');"
            " select public.remove_continuous_aggregate_policy('public.candle_5m')");
    cr_assert_eq(deck_number(&deck, well), 2);
    cr_assert_eq(apply("--dry-run", NULL), 3, "%s", output);
    assert_says(
        "~ candle_1m refresh_order newest first → oldest first: newest first, the watermark");
    assert_says("+ candle_5m start_offset none → 60 days (default)\n");
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    cr_assert_eq(deck_number(&deck, well), 4);
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("nothing to change");
}

Test(policies_command, never_removes_a_policy_and_a_length_makes_it_again)
{
    deck_serve(&deck, NULL);
    must_apply("  tick_data: {drop_after: never, compress_after: never}\n");
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where kind in"
                                    " ('retention', 'compression')"),
                 0);
    declare("  tick_data: {drop_after: 100d, compress_after: 40d}\n");
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("+ tick_data drop_after never → 100 days: no chunk becomes due for dropping\n");
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where kind ="
                                    " 'retention' and enabled and config ->> 'drop_after' ="
                                    " '100 days'"),
                 1);
    if (has_timescaledb())
        assert_says("+ tick_data compress_after never → 40 days: no chunk becomes due");
    else
        assert_says("! compress_after of tick_data (");
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("nothing to change");
}

Test(policies_command, what_the_engine_cannot_do_is_said_and_left_out)
{
    deck_serve(&deck, NULL);
    int64_t before = fingerprint();
    declare("  tick_data: {chunk: 2d, compress_after: 20d}\n"
            "  candle_5m: {start_offset: 30d}\n"
            "  candle_1h: {drop_after: 900d}\n");
    int status = apply("--yes", NULL);
    cr_assert_eq(status, 0, "%s", output);
    if (has_timescaledb()) {
        assert_says("~ tick_data chunk 1 day → 2 days: only for chunks to come; those that are "
                    "there stay as they are\n");
        assert_says("+ candle_1h drop_after never → 900 days: older candles are dropped");
        assert_says_nothing_of("!");
        cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where"
                                        " target = 'candle_1h' and kind = 'retention'"),
                     1);
        return;
    }
    assert_says("! chunk of tick_data (");
    assert_says("declared.yaml line 2) has no effect here: on plain PostgreSQL a partition is one");
    assert_says("line 2) has no effect here: plain PostgreSQL does not compress");
    assert_says("line 3) has no effect here: plain PostgreSQL stores these candles together");
    assert_says("line 4) has no effect here: plain PostgreSQL keeps all candles");
    assert_says("nothing to change");
    cr_assert_eq(fingerprint(), before);
}

Test(policies_command, what_policies_check_finds_after_the_change_undoes_it)
{
    deck_serve(&deck, NULL);
    execute(has_timescaledb()
                ? "alter materialized view public.candle_5m set (timescaledb.materialized_only)"
                : "insert into tapedeck.jobs (kind, target, config, schedule_interval, next_run_at)"
                  " values ('refresh', 'candle_1m', '{\"start_offset\": \"89 days\"}', '1 day',"
                  " 'infinity')");
    int64_t before = fingerprint();
    declare("  tick_data: {drop_after: 80d}\n");
    cr_assert_eq(apply("--yes", NULL), 1, "%s", output);
    assert_says(has_timescaledb() ? "public.candle_5m hides candles" : "has no end before now");
    assert_says("~ tick_data drop_after 90 days → 80 days");
    assert_says("nothing was changed");
    cr_assert_eq(fingerprint(), before);

    /* The routine itself does not commit it either. */
    PGconn *connection = deck_connect(&deck);
    PGresult *result =
        PQexec(connection,
               "select * from tapedeck.policies_apply('[{\"target\": \"tick_data\", \"setting\":"
               " \"drop_after\", \"value\": \"80 days\", \"source\": \"test\"}]')");
    cr_assert_eq(PQresultStatus(result), PGRES_FATAL_ERROR);
    cr_assert_str_eq(PQresultErrorField(result, PG_DIAG_SQLSTATE), "TD012");
    PQclear(result);
    PQfinish(connection);
    cr_assert_eq(fingerprint(), before);
}

Test(policies_command, a_hole_in_the_candles_is_mended_by_applying)
{
    deck_serve(&deck, NULL);
    execute(
        has_timescaledb()
            ? "select public.alter_job(j.job_id, config => j.config || '{\"start_offset\": null,"
              " \"end_offset\": null}') from timescaledb_information.jobs j where"
              " j.hypertable_name = 'candle_1m'"
            : "update tapedeck.jobs set config = '{}' where kind = 'refresh'");
    cr_assert_gt(deck_number(&deck, "select count(*) from tapedeck.policies_check()"), 0);
    declare("  candle_1m: {}\n");
    cr_assert_eq(DECK_RUN(&deck, output, "import", "list"), 1, "others refuse it: %s", output);
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("~ candle_1m end_offset open → 1 minute (default)\n");
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_check()"), 0);
    if (has_timescaledb())
        return; /* which lets nobody write what it cannot read */
    execute("update tapedeck.jobs set config = config || '{\"start_offset\": \"1O minutes\"}'"
            " where kind = 'refresh'");
    cr_assert_eq(DECK_RUN(&deck, output, "import", "list"), 1, "others refuse it: %s", output);
    assert_says("is no length of time");
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("~ candle_1m start_offset 1O minutes → 10 minutes (default)\n");
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_check()"), 0);
}

/* ---- what others have ---- */

Test(policies_command, policies_of_other_tables_stay_as_they_are)
{
    deck_serve(&deck, NULL);
    execute(has_timescaledb()
                ? "create table public.theirs (time timestamptz not null, n int);"
                  " select public.create_hypertable('public.theirs', 'time');"
                  " select public.add_retention_policy('public.theirs', interval '2 hours');"
                  " create schema other; create table other.tick_data (time timestamptz not null);"
                  " select public.create_hypertable('other.tick_data', 'time');"
                  " select public.add_retention_policy('other.tick_data', interval '3 hours')"
                : "insert into tapedeck.jobs (kind, target, config, schedule_interval, next_run_at,"
                  " enabled) values ('retention', 'theirs', '{\"drop_after\": \"2 hours\"}',"
                  " '1 day', 'infinity', false)");
    static const char theirs[] =
        "select coalesce(hashtextextended(string_agg(concat_ws(' ', l.job_id, l.config, "
        "l.schedule_interval_s, l.enabled), ','), 0), 0) from"
        " tapedeck.policies_list() l where l.config ->> 'drop_after' in ('2 hours', '02:00:00',"
        " '03:00:00')";
    int64_t before = deck_number(&deck, theirs);
    cr_assert_neq(before, 0);
    must_apply("  tick_data: {drop_after: 80d}\n");
    must_apply("  tick_data: {drop_after: never}\n");
    cr_assert_eq(deck_number(&deck, theirs), before);
}

Test(policies_command, paused_policies_stay_paused_and_the_plan_says_so)
{
    static const char pause[] = "select tapedeck.retention_disable()";
    static const char paused[] = "select count(*) from tapedeck.policies_list() where kind ="
                                 " 'retention' and not enabled";
    deck_serve(&deck, NULL);
    execute(pause);
    cr_assert_eq(apply("--dry-run", NULL), 2, "there is no such file");
    declare("  tick_data: {drop_after: 90d}\n");
    cr_assert_eq(apply("--dry-run", NULL), 0, "%s", output);
    assert_says("! the retention policy 100");
    assert_says(" of tick_data is paused: it does nothing until it is resumed\n");
    declare("  tick_data: {drop_after: 80d}\n");
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("is paused, and stays paused\n");
    cr_assert_eq(deck_number(&deck, paused), 1);
    /* Refused, although it would harm nothing before it is resumed. */
    declare("  tick_data: {drop_after: 26h}\n");
    cr_assert_eq(apply("--yes", NULL), 1, "%s", output);
    cr_assert_eq(deck_number(&deck, paused), 1);
}

/* ---- what follows from a change ---- */

Test(policies_command, the_plan_tells_which_chunks_become_due)
{
    char from[16];
    char to[16];
    day_ago(80, from, sizeof from);
    day_ago(78, to, sizeof to);
    deck_serve(&deck, NULL);
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--from", from, "--to", to, "--every", "1m"),
                 0, "%s", output);
    declare("  tick_data: {drop_after: 70d}\n");
    cr_assert_eq(apply("--dry-run", NULL), 3, "%s", output);
    assert_says("~ tick_data drop_after 90 days → 70 days: 2 chunks (");
    assert_says(") become due for dropping at the next run (20");
    cr_assert_eq(apply("--yes", "--json"), 0, "%s", output);
    assert_says("{\"kind\":\"change\",\"target\":\"tick_data\",\"setting\":\"drop_after\","
                "\"job_id\":100");
    assert_says(",\"was\":\"90 days\",\"becomes\":\"70 days\",\"source\":\"");
    assert_says("declared.yaml line 2\",\"detail\":\"2 chunks (");
    assert_says("{\"kind\":\"summary\",\"changes\":1,\"refusals\":0,\"applied\":true}\n");
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data"), 2 * 1440);
    declare("  tick_data: {drop_after: 40h, compress_after: never}\n");
    cr_assert_eq(apply("--yes", "--json"), 1, "%s", output);
    assert_says("{\"kind\":\"refusal\",\"target\":\"tick_data\",\"setting\":\"drop_after\"");
    assert_says("{\"kind\":\"summary\",\"changes\":0,\"refusals\":1,\"applied\":false}\n");
}

/* ---- whoever else is there ---- */

/* At a terminal, where `answer` is typed when the question comes; the exit status. */
static int apply_at_terminal(const char *answer)
{
    const char *plain = has_timescaledb() ? "--use-timescaledb" : "--no-use-timescaledb";
    int terminal;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    cr_assert_geq(child, 0);
    if (child == 0) {
        unsetenv("TIMESCALE_DATABASE_URL");
        execl(TAPEDECK_BINARY, "tapedeck", "policies", "apply", "--config", file, "--home",
              deck.home, plain, (char *)NULL);
        _exit(127);
    }
    size_t used = 0;
    bool is_answered = false;
    struct pollfd ready = {.fd = terminal, .events = POLLIN};
    while (used < sizeof output - 1 && poll(&ready, 1, 60000) > 0) {
        ssize_t count = read(terminal, output + used, sizeof output - 1 - used);
        if (count <= 0)
            break; /* it has ended */
        used += (size_t)count;
        output[used] = '\0';
        if (is_answered || strstr(output, "[y/N] ") == NULL)
            continue;
        cr_assert_eq(write(terminal, answer, strlen(answer)), (ssize_t)strlen(answer));
        is_answered = true;
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    close(terminal);
    cr_assert(is_answered, "it did not ask: %s", output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(policies_command, somebody_at_a_terminal_is_asked)
{
    deck_serve(&deck, NULL);
    int64_t before = fingerprint();
    declare("  tick_data: {drop_after: 80d}\n");
    cr_assert_eq(apply_at_terminal("n\n"), 1, "%s", output);
    assert_says("Make these changes? [y/N] ");
    assert_says("nothing was changed");
    cr_assert_eq(apply_at_terminal("\n"), 1, "%s", output);
    cr_assert_eq(fingerprint(), before);
    cr_assert_eq(apply_at_terminal("y\n"), 0, "%s", output);
    assert_says("1 change made");
    cr_assert_neq(fingerprint(), before);
}

static void await(const char *sql, int64_t wanted)
{
    for (int i = 0; i < 1200; i++) {
        if (deck_number(&deck, sql) == wanted)
            return;
        usleep(50000);
    }
    cr_assert_fail("never %lld: %s", (long long)wanted, sql);
}

Test(policies_command, what_was_not_shown_is_not_done)
{
    deck_serve(&deck, NULL);
    declare("  tick_data: {drop_after: 80d}\n");
    /* Somebody is quicker: between the plan and the change. */
    PGconn *other = deck_connect(&deck);
    PQclear(PQexec(other, "begin"));
    PQclear(PQexec(other, "select pg_advisory_xact_lock(1413742611, 0)"));
    pid_t child = deck_spawn(
        &deck, (const char *const[]){"policies", "apply", "--yes", "--config", file, NULL});
    await("select count(*) from pg_locks where locktype = 'advisory' and classid = 1413742611 and"
          " not granted",
          1);
    PQclear(PQexec(other, "select tapedeck.policies_put('[{\"target\": \"tick_data\", \"setting\":"
                          " \"drop_after\", \"value\": \"85 days\"}]', true)"));
    PQclear(PQexec(other, "commit"));
    PQfinish(other);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%d", status);
    cr_assert_eq(deck_number(&deck, "select extract(day from tapedeck.retention_horizon())::int"),
                 85);
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    assert_says("~ tick_data drop_after 85 days → 80 days");
}

/* ---- the server ---- */

/* What a server says on stderr while it starts with the declaration. */
static const char *say_at_start(void)
{
    char path[192];
    (void)snprintf(path, sizeof path, "%s/stderr", deck.home);
    int kept = dup(STDERR_FILENO);
    int said = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert(kept >= 0 && said >= 0);
    cr_assert_eq(dup2(said, STDERR_FILENO), STDERR_FILENO);
    deck_serve(&deck, (const char *const[]){"--config", file, NULL});
    cr_assert_eq(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(deck_stop(&deck), 0);
    ssize_t count = pread(said, output, sizeof output - 1, 0);
    cr_assert_geq(count, 0);
    output[count] = '\0';
    close(kept);
    close(said);
    return output;
}

Test(policies_command, a_server_says_at_its_start_that_others_are_declared)
{
    declare("  tick_data: {drop_after: 80d}\n  database: {sample_at: \"05:00\"}\n");
    cr_assert_not_null(strstr(say_at_start(), "event=policies.declared file="), "%s", output);
    assert_says(" differences=2 command=\"tapedeck policies apply --dry-run\"");
    cr_assert_eq(apply("--yes", NULL), 0, "%s", output);
    cr_assert_null(strstr(say_at_start(), "policies.declared"), "%s", output);
    /* Nothing is declared: nobody said what they should be. */
    declare("  tick_data: {}\n");
    cr_assert_null(strstr(say_at_start(), "policies.declared"), "%s", output);
}
