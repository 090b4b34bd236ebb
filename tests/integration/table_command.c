/*
 * tapedeck table …, through the real binary: what is printed, as a table and as JSON; what is
 * refused, and with which exit status.
 */
#include "deck.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct deck deck;
static char output[65536];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    deck_serve(&deck, NULL); /* which keeps the cluster */
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(table_command, .init = start, .fini = stop, .timeout = 300);

static bool is_timescaledb(void)
{
    return strcmp(deck.engine, "timescaledb") == 0;
}

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

/* Every line of the output is a JSON object, and so many of them have this value at this key. */
static void assert_json(const char *key, const char *value, int count)
{
    static char copy[sizeof output];
    (void)snprintf(copy, sizeof copy, "%s", output);
    PGconn *connection = deck_connect(&deck);
    int found = 0;
    char *rest = copy;
    for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        PGresult *result = PQexecParams(connection, "select $1::jsonb ->> $2", 2, NULL,
                                        (const char *const[]){line, key}, NULL, NULL, 0);
        cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", line,
                     PQerrorMessage(connection));
        found += strcmp(PQgetvalue(result, 0, 0), value) == 0;
        PQclear(result);
    }
    PQfinish(connection);
    cr_assert_eq(found, count, "%s = %s: %d in %s", key, value, found, output);
}

/* Four days of rows, an hour apart, in a table divided by days as the engine does it. */
static void make_log(void)
{
    execute(is_timescaledb()
                ? "create schema \"My Schema\"; create table \"My Schema\".\"Log\" (at timestamptz"
                  " not null, px numeric, sym text, seq bigint); select"
                  " tapedeck.table_hypertable('\"My Schema\".\"Log\"', 'at', 86400000000, false)"
                : "create schema \"My Schema\"; create table \"My Schema\".\"Log\" (at timestamptz"
                  " not null, px numeric, sym text, seq bigint) partition by range (at);"
                  "create table public.log_1 partition of \"My Schema\".\"Log\" for values from"
                  " ('2024-01-01 00:00Z') to ('2024-01-02 00:00Z'); create table public.log_2 "
                  "partition of"
                  " \"My Schema\".\"Log\" for values from ('2024-01-02 00:00Z') to ('2024-01-03"
                  " 00:00Z'); create table public.log_3 partition of \"My Schema\".\"Log\" for "
                  "values from"
                  " ('2024-01-03 00:00Z') to ('2024-01-04 00:00Z'); create table public.log_4 "
                  "partition of"
                  " \"My Schema\".\"Log\" for values from ('2024-01-04 00:00Z') to ('2024-01-05"
                  " 00:00Z')");
    execute("insert into \"My Schema\".\"Log\" select timestamptz '2024-01-01 00:00Z' + i / 2 *"
            " interval '1 hour', 100.5 + i, 'S' || i % 2, i from generate_series(0, 191) i");
}

#define LOG "\"My Schema\".\"Log\""

Test(table_command, chunks_and_info_are_tables_or_json)
{
    make_log();
    cr_assert_eq(DECK_RUN(&deck, output, "table", "chunks", LOG), 0, "%s", output);
    assert_says("rows (about)");
    assert_says("2024-01-03T00:00:00Z  2024-01-04T00:00:00Z            48");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "chunks", LOG, "--json", "--from",
                          "2024-01-02T12:00:00Z", "--to", "2024-01-03T00:00:01Z"),
                 0, "%s", output);
    assert_json("row_estimate", "48", 2);
    assert_json("range_start", "2024-01-02T00:00:00Z", 1);
    assert_json("compressed", "false", 2);

    cr_assert_eq(DECK_RUN(&deck, output, "table", "info", LOG), 0, "%s", output);
    assert_says(is_timescaledb() ? "kind          hypertable\n"
                                 : "kind          partitioned table\n");
    assert_says("rows (about)  192\n");
    assert_says("chunks        4\n");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "info", "--json"), 0, "%s", output);
    assert_json("table_name", LOG, 1);
    assert_json("table_name", "public.tick_data", 1);
    cr_assert_eq(DECK_RUN(&deck, output, "table", "info"), 0, "%s", output);
    assert_says("retention 90 days");
}

Test(table_command, buckets_and_ohlcv_are_tables_or_json)
{
    make_log();
    cr_assert_eq(DECK_RUN(&deck, output, "table", "buckets", LOG, "--bucket", "12h", "--time", "at",
                          "--value", "PX", "--percentiles", "50,99.9", "--limit", "2"),
                 0, "%s", output);
    assert_says("bucket                count");
    assert_says("p50    p99.9\n");
    assert_says("2024-01-04T12:00:00Z     24");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "buckets", LOG, "--bucket", "1d", "--time", "at",
                          "--value", "px", "--group-by", "sym", "--percentiles", "0,50", "--json",
                          "--to", "2024-01-03"),
                 0, "%s", output);
    assert_json("count", "24", 4);
    assert_json("group", "S1", 2);
    assert_json("p0", "100.5", 1);
    assert_json("p50", "124.5", 1);
    assert_json("p50", "123.5", 1);

    cr_assert_eq(DECK_RUN(&deck, output, "table", "ohlcv", LOG, "--bucket", "1d", "--time", "at",
                          "--price", "px", "--volume", "seq", "--order", "seq"),
                 0, "%s", output);
    assert_says("2024-01-01T00:00:00Z  -       100.5  147.5  100.5  147.5    1128      48\n");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "ohlcv", LOG, "--bucket", "1d", "--time", "at",
                          "--price", "px", "--symbol-column", "sym", "--symbol", "S1", "--json"),
                 0, "%s", output);
    assert_json("symbol", "S1", 4);
    assert_json("open", "101.5", 1);
    cr_assert_eq(DECK_RUN(&deck, output, "table", "ohlcv", LOG, "--bucket", "1d", "--time", "at",
                          "--price", "px", "--symbol-column", "sym", "--symbol", "S1' or true --",
                          "--json"),
                 0, "%s", output);
    cr_assert_str_eq(output, "");
}

Test(table_command, nothing_is_dropped_unless_somebody_says_yes)
{
    make_log();
    cr_assert_eq(DECK_RUN(&deck, output, "table", "drop-chunks", LOG, "--before", "2024-01-03"), 1);
    assert_says("2 chunks would go: about 96 rows");
    assert_says("nobody can be asked here, so nothing was dropped");
    cr_assert_eq(deck_number(&deck, "select count(*) from " LOG), 192);
    cr_assert_eq(DECK_RUN(&deck, output, "table", "drop-chunks", LOG, "--before",
                          "2024-01-03T12:00:00Z", "--yes"),
                 0, "%s", output);
    assert_says("2 chunks dropped: about 96 rows");
    cr_assert_eq(deck_number(&deck, "select count(*) from " LOG), 96);
    cr_assert_eq(
        DECK_RUN(&deck, output, "table", "drop-chunks", LOG, "--before", "2024-01-03", "--yes"), 0);
    assert_says("nothing to drop");
    cr_assert_eq(
        DECK_RUN(&deck, output, "table", "drop-chunks", LOG, "--before", "2999-01-01", "--yes"), 1);
    assert_says("is not in the past");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "drop-chunks", LOG, "--yes"), 2);
    assert_says("needs --before TIME");
    cr_assert_eq(deck_number(&deck, "select count(*) from " LOG), 96);
}

Test(table_command, ticks_are_dropped_and_their_candles_stay)
{
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--from", "2024-08-07", "--to", "2024-08-09",
                          "--every", "1m", "--keep"),
                 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);
    int64_t candles = deck_number(&deck, "select count(*) from candle_1m");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "drop-chunks", "tick_data", "--before",
                          "2024-08-08", "--yes"),
                 0, "%s", output);
    assert_says("1 chunk dropped: about 1 440 rows");
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data"), 1440);
    cr_assert_eq(deck_number(&deck, "select count(*) from candle_1m"), candles);
    cr_assert_eq(deck_number(&deck, "select ticks from tapedeck.symbols"), 1440);
}

Test(table_command, policies_are_set_or_refused_with_a_sentence)
{
    make_log();
    execute("create table public.plain (id int primary key, at timestamptz not null, px numeric)");
    int status = DECK_RUN(&deck, output, "table", "hypertable", "plain", "--time", "at");
    cr_assert_eq(status, 1);
    assert_says(is_timescaledb()
                    ? "error: table hypertable plain: public.plain_pkey of public.plain"
                      " is unique without at"
                    : "error: table hypertable plain: plain PostgreSQL has no "
                      "hypertables");
    if (is_timescaledb())
        assert_says(
            "alter table public.plain drop constraint plain_pkey, add primary key (id, at)");

    status = DECK_RUN(&deck, output, "table", "compression", LOG, "--after", "30d", "--segment-by",
                      "sym", "--order-by", "at desc, seq desc");
    cr_assert_eq(status, is_timescaledb() ? 0 : 1, "%s", output);
    assert_says(is_timescaledb() ? "are compressed 30 days after their end" : "has no compression");
    status = DECK_RUN(&deck, output, "table", "aggregate", "Daily; drop", "--from", LOG, "--bucket",
                      "1d", "--time", "at", "--group-by", "sym", "--select",
                      "avg(px), last(px) as close, count(*)", "--order", "seq", "--refresh", "30d");
    cr_assert_eq(status, is_timescaledb() ? 0 : 1, "%s", output);
    assert_says(is_timescaledb() ? "those of the last 30 days are stored"
                                 : "no continuous aggregates");
    if (is_timescaledb())
        cr_assert_eq(deck_number(&deck, "select sum(count) from public.\"Daily; drop\""), 192);

    status = DECK_RUN(&deck, output, "table", "retention", LOG, "--drop-after", "20d");
    cr_assert_eq(status, is_timescaledb() ? 1 : 0, "%s", output);
    assert_says(is_timescaledb() ? "would delete what it stored" : "are as old already");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "retention", LOG, "--off"), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "table", "retention", "tick_data", "--drop-after", "120d"),
                 0, "%s", output);
    cr_assert_eq(deck_number(&deck, "select extract(day from tapedeck.retention_horizon())"), 120);
}

Test(table_command, what_is_missing_or_wrong_is_said)
{
    execute("create table public.trades (at timestamptz, px numeric)");
    static const char *const incomplete[][8] = {
        {"table", "retention", "trades", NULL},
        {"table", "retention", "trades", "--off", "--drop-after", "3d", NULL},
        {"table", "compression", "trades", NULL},
        {"table", "hypertable", "trades", NULL},
        {"table", "buckets", "trades", "--bucket", "1m", NULL},
        {"table", "ohlcv", "trades", "--bucket", "1m", NULL},
        {"table", "aggregate", "trades", "--bucket", "1m", NULL},
        {"table", "chunks", NULL},
        {"table", "chunks", "trades", "more", NULL},
        {"table", "buckets", "trades", "--bucket", "367d", NULL},
        {"table", "ohlcv", "trades", "--limit", "0", NULL},
    };
    for (size_t i = 0; i < sizeof incomplete / sizeof *incomplete; i++) {
        int status = deck_run(&deck, output, sizeof output, incomplete[i]);
        cr_assert_eq(status, 2, "%zu: %d: %s", i, status, output);
        assert_says("error: ");
    }
    cr_assert_eq(DECK_RUN(&deck, output, "table", "info", "trade"), 1);
    assert_says("error: table info trade: there is no table trade; Is it one of these: "
                "public.trades?");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "info", "x\"; drop table trades; --"), 1);
    assert_says("there is no table x\"; drop table trades; --");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "buckets", "trades", "--bucket", "1m", "--time",
                          "at", "--value", "px\"; drop table trades; --"),
                 1);
    assert_says("public.trades has no column px\"; drop table trades; --; Its columns: at, px");
    cr_assert_eq(DECK_RUN(&deck, output, "table", "buckets", "trades", "--bucket", "1m", "--time",
                          "at", "--value", "px", "--percentiles", "50,}'"),
                 1);
    assert_says("\"}'\" is no number from 0 to 100");
    cr_assert_eq(deck_number(&deck, "select count(*) from public.trades"), 0);
}
