/*
 * Data in: the real files, the ledger, rejects, retention, accidents; through the real binary.
 */
#include "deck.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct deck deck;
static char output[32768];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    deck_serve(&deck, NULL); /* a server runs meanwhile, and the cluster stays up */
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(import, .init = start, .fini = stop, .timeout = 400);

static void assert_says(const char *text)
{
    cr_assert_not_null(strstr(output, text), "it does not say \"%s\": %s", text, output);
}

static const char *write_file(const char *name, const char *text)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", deck.home, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    return path;
}

static int64_t ticks_of(const char *symbol)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "select count(*) from tick_data where symbol = '%s'", symbol);
    return deck_number(&deck, sql);
}

Test(import, every_real_file_brings_exactly_its_rows)
{
    static const struct {
        const char *file;
        const char *named; /* --symbol, where the file names none */
        const char *symbol;
        int64_t rows;
    } files[] = {
        {"binance-usdm-btcusdt-20240808.csv.gz", NULL, "BTCUSDT", 87402},
        {"binance-usdm-ethusdt-20240808.csv.gz", NULL, "ETHUSDT", 68068},
        {"histdata-eurusd-20200101.csv", "EURUSD", "EURUSD", 9500},
        {"truefx-usdjpy-20130101.csv", "USDJPY", "USDJPY", 1000},
        {"tardis-bitmex-trades-xbtusd.csv", NULL, "XBTUSD", 10},
        {"tardis-huobi-quotes-btcusd.csv", NULL, "BTC-USD", 10},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = deck_shared_file(files[i].file);
        int status = files[i].named != NULL ? DECK_RUN(&deck, output, "import", path, "--keep",
                                                       "--symbol", files[i].named)
                                            : DECK_RUN(&deck, output, "import", path, "--keep");
        cr_assert_eq(status, 0, "%s", output);
        cr_assert_eq(ticks_of(files[i].symbol), files[i].rows, "%s", files[i].file);
    }
    /* FX quotes get a last price, the middle; HistData's clock is five hours behind UTC. */
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data where symbol = 'EURUSD' and "
                                    "last_price = (bid_price + ask_price) / 2"),
                 9500);
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data where symbol = 'EURUSD' and "
                                    "time = '2020-01-01 22:00:00.065+00'"),
                 1);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.pending_refresh"), 0);
}

Test(import, what_a_file_never_has_is_known_of_its_symbol)
{
    const char *path = deck_shared_file("histdata-eurusd-20200101.csv");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep", "--symbol", "EURUSD",
                          "--last-from", "none"),
                 0, "%s", output);
    path = deck_shared_file("tardis-bitmex-trades-xbtusd.csv");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.symbols_list(null, null) where"
                                    " (symbol, has_bid, has_ask, has_last) in"
                                    " (('EURUSD', true, true, false),"
                                    " ('XBTUSD', false, false, true))"),
                 2);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.symbols_list('', null) s,"
                                    " tapedeck.last_values(array[s.symbol], s.last_time +"
                                    " interval '1 microsecond') v where (v.bid_price is null) ="
                                    " s.has_bid or (v.ask_price is null) = s.has_ask or"
                                    " (v.last_price is null) = s.has_last"),
                 0);
}

Test(import, candles_of_the_real_ticks_equal_a_recomputation)
{
    const char *path = deck_shared_file("binance-usdm-btcusdt-20240808.csv.gz");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    static const struct {
        const char *view;
        const char *width;
    } views[] = {{"candle_1m", "1 minute"},
                 {"candle_5m", "5 minutes"},
                 {"candle_15m", "15 minutes"},
                 {"candle_1h", "1 hour"},
                 {"candle_1d", "1 day"}};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char sql[2048];
        (void)snprintf(
            sql, sizeof sql,
            "with slow as (select date_bin('%s', time, '2000-01-03 00:00+00') as bucket, symbol, "
            "(array_agg(last_price order by time, seq))[1] as open, max(last_price) as high, "
            "min(last_price) as low, (array_agg(last_price order by time desc, seq desc))[1] as "
            "close, "
            "sum(volume) as volume, count(*) as trades from tick_data where last_price is not null "
            "group by 1, 2), "
            "fast as (select bucket, symbol, open, high, low, close, volume, trades from %s) "
            "select (select count(*) from (table slow except table fast) a) + "
            "(select count(*) from (table fast except table slow) b) + "
            "case when exists (table slow) then 0 else 1000 end",
            views[i].width, views[i].view);
        cr_assert_eq(deck_number(&deck, sql), 0, "%s differs from its ticks", views[i].view);
    }
}

Test(import, the_same_content_twice_is_refused_and_can_be_taken_back)
{
    const char *path = deck_shared_file("truefx-usdjpy-20130101.csv");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep", "--symbol", "A"), 0, "%s",
                 output);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep", "--symbol", "A"), 1);
    assert_says("--again");
    cr_assert_eq(ticks_of("A"), 1000);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep", "--symbol", "A", "--again"), 0,
                 "%s", output);
    cr_assert_eq(ticks_of("A"), 2000);
    cr_assert_eq(DECK_RUN(&deck, output, "import", "list"), 0, "%s", output);
    assert_says("truefx-usdjpy-20130101.csv");
    cr_assert_eq(DECK_RUN(&deck, output, "import", "undo", "2"), 0, "%s", output);
    cr_assert_eq(ticks_of("A"), 1000);
    cr_assert_eq(DECK_RUN(&deck, output, "import", "undo", "2"), 1, "undone twice: %s", output);
    cr_assert_eq(ticks_of("A"), 1000);
    cr_assert_eq(DECK_RUN(&deck, output, "import", "undo", "99"), 1);
}

#define HEADER "time,symbol,bid_price,ask_price,last_price,volume\n"

Test(import, a_bad_row_is_written_down_with_its_line_and_reason)
{
    const char *path = write_file("bad.csv", HEADER "2026-10-01T00:00:00Z,B,1,2,,\n"
                                                    "2026-10-01T00:00:01Z,B,1,x,,\n"
                                                    "2026-10-01T00:00:02Z,B,1,2,,\n"
                                                    "2026-10-01T00:00:03Z,B,1.123456789,2,,\n");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path), 1);
    assert_says("--max-errors");
    cr_assert_eq(ticks_of("B"), 0, "an import with bad rows was not atomic");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--max-errors", "1"), 1);
    cr_assert_eq(ticks_of("B"), 0);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--max-errors", "2"), 0, "%s", output);
    cr_assert_eq(ticks_of("B"), 2);
    char command[640];
    (void)snprintf(command, sizeof command,
                   "grep -q '^3,.*B,1,x' '%s.rejects.csv' && grep -q '^5,.*1.123456789' "
                   "'%s.rejects.csv' && test $(wc -l < '%s.rejects.csv') = 3",
                   path, path, path);
    cr_assert_eq(system(command), 0, "the rejects file does not hold the two rows");
}

Test(import, ticks_of_the_future_are_refused)
{
    const char *path = write_file("future.csv", HEADER "2999-01-01T00:00:00Z,F,1,2,,\n");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path), 1);
    assert_says("future");
    cr_assert_eq(ticks_of("F"), 0);
}

Test(import, ticks_that_retention_would_delete_are_refused_unless_kept)
{
    const char *path = write_file("old.csv", HEADER "2020-01-01T00:00:00Z,O,1,2,1.5,1\n");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path), 1);
    assert_says("--keep");
    cr_assert_eq(ticks_of("O"), 0);
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--symbols", "OG", "--from", "2020-01-01",
                          "--to", "2020-01-02", "--every", "1h"),
                 1);
    assert_says("--keep");
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    assert_says("retention");
    cr_assert_eq(ticks_of("O"), 1);
    cr_assert_eq(deck_number(&deck, "select count(*) from tapedeck.policies_list() where kind = "
                                    "'retention' and target = 'tick_data' and not enabled"),
                 1, "the policy is not listed as disabled");
    /* Once it is off there is nothing to refuse. */
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--again"), 0, "%s", output);
}

Test(import, an_unknown_format_or_a_missing_symbol_says_what_would_be_right)
{
    cr_assert_eq(DECK_RUN(&deck, output, "import", write_file("odd.csv", "a;b;c\n1;2;3\n")), 1);
    assert_says("tardis-trades");
    cr_assert_eq(
        DECK_RUN(&deck, output, "import", deck_shared_file("truefx-usdjpy-20130101.csv"), "--keep"),
        1);
    assert_says("--symbol");
    cr_assert_eq(DECK_RUN(&deck, output, "import", "/nowhere/at/all.csv"), 1);
    assert_says("/nowhere/at/all.csv");
}

/* 260 000 rows, a bad one near the end. */
static const char *write_large(void)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/large.csv", deck.home);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(HEADER, file);
    for (int i = 0; i < 260000; i++) {
        fprintf(file, "2026-10-01T%02d:%02d:%02d.%03dZ,L,1,2,1.5,3\n", i / 36000, i / 600 % 60,
                i / 10 % 60, i % 10 * 100);
        if (i == 255000)
            fputs("2026-10-01T00:00:00Z,L,,,,\n", file);
    }
    cr_assert_eq(fclose(file), 0);
    return path;
}

Test(import, in_parts_keeps_what_was_committed_and_goes_on_from_there)
{
    const char *path = write_large();
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--partial"), 1, "%s", output);
    cr_assert_eq(ticks_of("L"), 250000);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--partial", "--max-errors", "1"), 0, "%s",
                 output);
    cr_assert_eq(ticks_of("L"), 260000);
}

Test(import, that_is_killed_leaves_nothing_behind)
{
    const char *path = write_large();
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        setenv("TAPEDECK_HOME", deck.home, 1);
        setenv("USE_TIMESCALEDB", strcmp(deck.engine, "timescaledb") == 0 ? "true" : "false", 1);
        execl(TAPEDECK_BINARY, TAPEDECK_BINARY, "import", path, "--max-errors", "1", (char *)NULL);
        _exit(127);
    }
    /* Once its COPY runs, and before it ends. */
    for (int i = 0; i < 2000; i++) {
        if (deck_number(&deck, "select count(*) from pg_stat_activity where query ilike "
                               "'copy%tick_data%' and pid <> pg_backend_pid()") > 0)
            break;
        usleep(5000);
    }
    kill(child, SIGKILL);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status), "the import ended before it could be killed");
    cr_assert_eq(ticks_of("L"), 0);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--max-errors", "1"), 0, "%s", output);
    cr_assert_eq(ticks_of("L"), 260000);
}

Test(import, generated_ticks_are_the_same_for_the_same_seed)
{
    cr_assert_eq(DECK_RUN(&deck, output, "generate"), 0, "%s", output);
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data"), 345600);
    cr_assert_eq(DECK_RUN(&deck, output, "generate"), 1, "generated twice: %s", output);
    assert_says("--again");
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--if-empty"), 0, "%s", output);
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data"), 345600);
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--again"), 0, "%s", output);
    cr_assert_eq(deck_number(&deck, "select count(*) from (select from tick_data group by time, "
                                    "symbol, bid_price, ask_price, last_price, volume "
                                    "having count(*) = 2) twice"),
                 345600, "the second run was not the same as the first");
}
