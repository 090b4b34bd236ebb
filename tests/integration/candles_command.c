/*
 * tapedeck candles verify | refresh, through the real binary: on real files, on candles that were
 * falsified, and after an import that was killed between writing and refreshing.
 */
#include "deck.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct deck deck;
static char output[65536];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(candles_command, .init = start, .fini = stop, .timeout = 400);

static void assert_says(const char *text)
{
    cr_assert_not_null(strstr(output, text), "it does not say \"%s\": %s", text, output);
}

static void execute(const char *sql)
{
    PGconn *connection = deck_connect(&deck);
    PGresult *result = PQexec(connection, sql);
    cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK ||
                  PQresultStatus(result) == PGRES_TUPLES_OK,
              "%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

/* A statement on the table under candle_1m: `%s` is its name. */
static void execute_on_minutes(const char *format)
{
    char rows[256] = "tapedeck.candle_1m_stored";
    if (strcmp(deck.engine, "timescaledb") == 0) {
        PGconn *connection = deck_connect(&deck);
        PGresult *result =
            PQexec(connection, "select format('%I.%I', materialization_hypertable_schema,"
                               " materialization_hypertable_name) from"
                               " timescaledb_information.continuous_aggregates"
                               " where view_name = 'candle_1m'");
        cr_assert_eq(PQntuples(result), 1);
        (void)snprintf(rows, sizeof rows, "%s", PQgetvalue(result, 0, 0));
        PQclear(result);
        PQfinish(connection);
    }
    char sql[1024];
    const char *hole = strstr(format, "%s");
    (void)snprintf(sql, sizeof sql, "%.*s%s%s", (int)(hole - format), format, rows, hole + 2);
    execute(sql);
}

static void import_file(const char *name, const char *symbol)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s", deck_shared_file(name));
    int status = symbol != NULL
                     ? DECK_RUN(&deck, output, "import", path, "--keep", "--symbol", symbol)
                     : DECK_RUN(&deck, output, "import", path, "--keep");
    cr_assert_eq(status, 0, "%s", output);
}

Test(candles_command, the_candles_of_real_files_are_those_of_their_ticks)
{
    deck_serve(&deck, NULL); /* which keeps the cluster */
    import_file("binance-usdm-btcusdt-20240808.csv.gz", NULL);
    import_file("binance-usdm-ethusdt-20240808.csv.gz", NULL);
    import_file("histdata-eurusd-20200101.csv", "EURUSD");
    import_file("truefx-usdjpy-20130101.csv", "USDJPY");
    import_file("tardis-bitmex-trades-xbtusd.csv", NULL);
    import_file("tardis-huobi-quotes-btcusd.csv", NULL);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);
    assert_says("are those of their ticks");
    cr_assert_gt(deck_number(&deck, "select count(*) from candle_1m"), 100);
    /* Stored, not computed by the view while it was asked. */
    cr_assert_eq(deck_number(&deck, "select count(*) from candle_1m c join tapedeck.aggregates_list"
                                    "() a on a.view = 'candle_1m' where c.bucket >= a.watermark"),
                 0);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--json", "--interval", "15m"), 0);
    assert_says("{\"kind\":\"summary\",\"differences\":0,\"compared\":");
}

Test(candles_command, falsehoods_are_listed_and_refreshed_away)
{
    deck_serve(&deck, NULL);
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--from", "2024-08-08", "--to",
                          "2024-08-08T03:00:00Z", "--every", "10s", "--keep", "--symbols",
                          "SIM:A,SIM:B"),
                 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);

    execute_on_minutes("update %s set open = 7, volume = null where symbol = 'SIM:A'"
                       " and bucket = '2024-08-08 01:02Z'");
    execute_on_minutes("delete from %s where symbol = 'SIM:B' and bucket = '2024-08-08 01:03Z'");
    execute_on_minutes("insert into %s (bucket, symbol, open, high, low, close, volume, trades)"
                       " values ('2024-08-08 01:04Z', 'nobody', 1, 1, 1, 1, 1, 1)");
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--interval", "1m"), 1);
    assert_says("2024-08-08T01:02:00Z  1m   SIM:A  open: stored 7, recomputed ");
    assert_says("2024-08-08T01:02:00Z  1m   SIM:A  volume: stored null, recomputed ");
    assert_says("2024-08-08T01:03:00Z  1m   SIM:B  missing");
    assert_says("2024-08-08T01:04:00Z  1m   nobody  superfluous");
    assert_says("4 differences");
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--json", "--interval", "1m",
                          "--symbol", "SIM:B"),
                 1);
    assert_says("{\"kind\":\"missing\",\"bucket\":\"2024-08-08T01:03:00Z\",\"interval\":\"1m\","
                "\"symbol\":\"SIM:B\"}\n");
    assert_says("\"differences\":1,");
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--interval", "1m", "--from",
                          "2024-08-08T02:00:00Z"),
                 0, "the falsehoods are before it");

    /* What is queued is said, and not compared. */
    execute("insert into tapedeck.pending_refresh (range_from, range_to, reason) values"
            " ('2024-08-08 01:00Z', '2024-08-08 02:00Z', 'test'); select"
            " pg_sleep(0)");
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--interval", "1m"), 0, "%s", output);
    assert_says("not verified: from 2024-08-08T01:00:00.000000Z to 2024-08-08T02:00:00.000000Z, "
                "which is queued for refresh");
    execute("delete from tapedeck.pending_refresh");

    cr_assert_eq(DECK_RUN(&deck, output, "candles", "refresh", "--from", "2024-08-08T01:00:00Z",
                          "--to", "2024-08-08T02:00:00Z"),
                 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);
    /* The server may just be storing the rest of the day, for candle_1d. */
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.pending_refresh"
                                    " where reason <> 'tail'"),
                 0);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--symbol", "nobody"), 2);
    assert_says("there is no symbol \"nobody\"");
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify", "--interval", "7m"), 2);
}

Test(candles_command, candles_that_outlived_their_ticks_are_neither_verified_nor_refreshed)
{
    deck_serve(&deck, NULL);
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--from", "2024-08-07", "--to",
                          "2024-08-08T03:00:00Z", "--every", "1m", "--keep", "--symbols", "SIM:A"),
                 0, "%s", output);
    static const char minutes[] = "select count(*) from candle_1m where bucket < '2024-08-08Z'";
    int64_t before = deck_number(&deck, minutes);
    cr_assert_gt(before, 100);
    execute(strcmp(deck.engine, "timescaledb") == 0
                ? "select public.drop_chunks('public.tick_data', '2024-08-08Z'::timestamptz)"
                : "select tapedeck.job_retention(jsonb_build_object('drop_after',"
                  " now() - '2024-08-08Z'::timestamptz))");
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data where time < '2024-08-08Z'"),
                 0);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);
    assert_says("not verified: from 2024-08-07T00:00:00.000000Z to 2024-08-08T00:00:00.000000Z, "
                "where the ticks were dropped");
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "refresh", "--from", "2024-08-07"), 0, "%s",
                 output);
    assert_says("from 2024-08-07T00:00:00Z to 2024-08-08T00:00:00Z the ticks were dropped");
    cr_assert_eq(deck_number(&deck, minutes), before);
    cr_assert_eq(deck_number(&deck, "select count(*) from candle_1h where bucket < '2024-08-08Z'"),
                 24);
}

/* ---- the accident ---- */

static void await(const char *sql, int64_t wanted)
{
    for (int i = 0; i < 1200; i++) {
        if (deck_number(&deck, sql) == wanted)
            return;
        usleep(50000);
    }
    cr_assert_fail("never %lld: %s", (long long)wanted, sql);
}

Test(candles_command, an_import_that_is_killed_before_it_refreshes_is_healed_by_the_next_start)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s",
                   deck_shared_file("binance-usdm-btcusdt-20240808.csv.gz"));
    deck_serve(&deck, NULL);
    cr_assert_eq(deck_stop(&deck), 0);

    /* Somebody keeps the cluster, and healers from their work. */
    cr_assert_eq(DECK_RUN(&deck, output, "migrate", "status"), 0, "%s", output);
    pid_t importer = deck_spawn(&deck, (const char *const[]){"import", path, "--keep", NULL});
    PGconn *guard = NULL;
    for (int i = 0; i < 600 && (guard == NULL || PQstatus(guard) != CONNECTION_OK); i++) {
        PQfinish(guard);
        guard = PQconnectdb(deck.url);
        usleep(20000);
    }
    cr_assert_eq(PQstatus(guard), CONNECTION_OK);
    PQclear(PQexec(guard, "select pg_advisory_lock(1413742597, 0)"));
    await("select count(*) from tapedeck.pending_refresh", 1);
    await("select count(*) from pg_locks where locktype = 'advisory' and classid = 1413742597"
          " and not granted",
          1);
    cr_assert_eq(kill(importer, SIGKILL), 0);
    int status;
    cr_assert_eq(waitpid(importer, &status, 0), importer);
    cr_assert(WIFSIGNALED(status));
    PQfinish(guard);

    deck_serve(&deck, NULL);
    cr_assert_gt(deck_number(&deck, "select count(*) from tick_data"), 0);
    await("select count(*) from tapedeck.pending_refresh", 0);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);
    assert_says("are those of their ticks");
    cr_assert_eq(deck_number(&deck, "select count(*) from candle_1m c join tapedeck.aggregates_list"
                                    "() a on a.view = 'candle_1m' where c.bucket >= a.watermark"),
                 0);
}
