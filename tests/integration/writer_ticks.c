/*
 * The tick writer and the list of imports, on both engines.
 */
#include "cluster_fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/ledger.h"
#include "store/refresh.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_2024_08_08 INT64_C(1723075200000000)
#define ONE DECIMAL_ONE

static const struct time_range one_day = {.from = DAY_2024_08_08,
                                          .to = DAY_2024_08_08 + TIME_DAY_US};

static struct tick_writer_options import_of(struct time_range range)
{
    return (struct tick_writer_options){.range = range, .reason = "import", .is_import = true};
}

static struct tick_writer *begin(struct connection *connection,
                                 const struct tick_writer_options *options)
{
    struct error error = {0};
    struct tick_writer *writer = NULL;
    MUST(tick_writer_begin(connection, options, &writer, &error));
    return writer;
}

static void add(struct tick_writer *writer, const char *symbol, int64_t time, int64_t last)
{
    struct error error = {0};
    struct written_tick tick = {
        .symbol = symbol,
        .tick = {.time = time, .fields = {DECIMAL_NULL, DECIMAL_NULL, last, ONE / 2}},
    };
    MUST(tick_writer_add(writer, &tick, &error));
}

/* `count` trades of one symbol, a second apart. */
static struct tick_writer_outcome write_trades(struct connection *connection, const char *symbol,
                                               int64_t from, int count)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer_outcome outcome;
    struct tick_writer *writer = begin(connection, &options);
    for (int i = 0; i < count; i++)
        add(writer, symbol, from + i * TIME_SECOND_US, (100 + i) * ONE);
    MUST(tick_writer_finish(&writer, &outcome, &error));
    return outcome;
}

ON_BOTH_ENGINES(writer, every_field_arrives_as_it_was_given)
{
    static const uint8_t trade_id[16] = {0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3,
                                         0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00};
    static const uint8_t account_id[16] = {0xff};
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = begin(database->connection, &options);
    struct written_tick ticks[] = {
        {.symbol = "NYSE:ÄÖ\"\\{},",
         .source = "a \"feed\"",
         .trade_id = trade_id,
         .account_id = account_id,
         .tick = {DAY_2024_08_08 + 1, {INT64_MAX - INT64_C(54775807), 1, -ONE, 0}}},
        {.symbol = "X",
         .tick = {DAY_2024_08_08, {DECIMAL_NULL, DECIMAL_NULL, DECIMAL_NULL, DECIMAL_NULL}}},
        {.symbol = "X",
         .source = "",
         .tick = {one_day.to - 1, {1234567890123, 10000, 99990000, 123456}}},
    };
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
        MUST(tick_writer_add(writer, &ticks[i], &error));
    cr_assert_eq(tick_writer_rows(writer), 3);
    struct tick_writer_outcome outcome;
    MUST(tick_writer_finish(&writer, &outcome, &error));
    cr_assert_null(writer);
    cr_assert_eq(outcome.rows, 3);
    cr_assert_eq(outcome.range.from, DAY_2024_08_08);
    cr_assert_eq(outcome.range.to, one_day.to);
    cr_assert_eq(outcome.seq_from, 1);
    cr_assert_eq(outcome.seq_to, 3);
    cr_assert(outcome.seq_is_ours);
    cr_assert(connection_is_idle(database->connection));
    static const char *const rows[] = {
        "2024-08-08T00:00:00.000001 NYSE:ÄÖ\"\\{}, 92233720368.00000000 0.00000001 -1.00000000"
        " 0.00000000 a \"feed\" 123e4567-e89b-12d3-a456-426614174000"
        " ff000000-0000-0000-0000-000000000000 1",
        "2024-08-08T00:00:00.000000 X - - - - - - - 2",
        "2024-08-08T23:59:59.999999 X 12345.67890123 0.00010000 0.99990000 0.00123456  - - 3",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql,
                       "select concat_ws(' ', to_char(time at time zone 'UTC',"
                       " 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), symbol, coalesce(bid_price::text, '-'),"
                       " coalesce(ask_price::text, '-'), coalesce(last_price::text, '-'),"
                       " coalesce(volume::text, '-'), coalesce(source, '-'),"
                       " coalesce(trade_id::text, '-'), coalesce(account_id::text, '-'), seq)"
                       " from public.tick_data where seq = %zu",
                       i + 1);
        cr_assert_str_eq(ask_text(database->connection, sql), rows[i]);
    }
}

ON_BOTH_ENGINES(writer, the_order_of_rows_is_kept_at_equal_times)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = begin(database->connection, &options);
    enum { COUNT = 50000 };
    for (int i = 0; i < COUNT; i++)
        add(writer, i % 3 == 0 ? "A" : "B", DAY_2024_08_08 + i / 1000, i * ONE);
    struct tick_writer_outcome outcome;
    MUST(tick_writer_finish(&writer, &outcome, &error));
    cr_assert_eq(outcome.rows, COUNT);
    cr_assert_eq(ask_number(database->connection,
                            "select count(*) from (select last_price, lag(last_price) over"
                            " (order by time, seq) as before from public.tick_data) t"
                            " where before is null or last_price = before + 1"),
                 COUNT);
}

ON_BOTH_ENGINES(writer, the_books_are_kept_in_the_same_transaction)
{
    struct tick_writer_outcome outcome =
        write_trades(database->connection, "A", DAY_2024_08_08 + TIME_HOUR_US, 100);
    cr_assert_eq(outcome.rows, 100);
    (void)write_trades(database->connection, "A", DAY_2024_08_08, 10);
    (void)write_trades(database->connection, "B", DAY_2024_08_08, 1);
    cr_assert_str_eq(ask_text(database->connection,
                              "select string_agg(format('%s %s %s %s', symbol, ticks, exact,"
                              " last_time - first_time), ', ' order by symbol)"
                              " from tapedeck.symbols_list(null, null)"),
                     "A 110 t 01:01:39, B 1 t 00:00:00");
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.pending_list()"),
                 3);
    cr_assert_str_eq(
        ask_text(database->connection, "select distinct reason from tapedeck.pending_list()"),
        "import");
}

ON_BOTH_ENGINES(writer, a_tick_outside_the_range_is_refused_and_the_writer_goes_on)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = begin(database->connection, &options);
    add(writer, "A", one_day.from, ONE);
    struct written_tick tick = {.symbol = "A", .tick = {.time = one_day.to}};
    MUST_FAIL(tick_writer_add(writer, &tick, &error), STATUS_INVALID);
    MUST_SAY("2024-08-09T00:00:00");
    tick.tick.time = one_day.from - 1;
    MUST_FAIL(tick_writer_add(writer, &tick, &error), STATUS_INVALID);
    char *long_name = calloc(1, 2000);
    memset(long_name, 'x', 1999);
    tick = (struct written_tick){.symbol = long_name, .tick = {.time = one_day.from}};
    MUST_FAIL(tick_writer_add(writer, &tick, &error), STATUS_INVALID);
    free(long_name);
    add(writer, "A", one_day.to - 1, ONE);
    MUST(tick_writer_finish(&writer, NULL, &error));
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 2);
}

ON_BOTH_ENGINES(writer, what_the_database_refuses_undoes_all)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = begin(database->connection, &options);
    enum status status = STATUS_OK;
    add(writer, "A", one_day.from, ONE);
    for (int i = 0; i < 100000 && status == STATUS_OK; i++) {
        struct written_tick tick = {
            .symbol = i == 10 ? "not utf8: \xff" : "A",
            .tick = {one_day.from, {ONE, ONE, ONE, ONE}},
        };
        status = tick_writer_add(writer, &tick, &error);
    }
    if (status == STATUS_OK)
        status = tick_writer_finish(&writer, NULL, &error);
    else
        tick_writer_abort(&writer);
    cr_assert_eq(status, STATUS_INVALID, "%s", error.text);
    MUST_SAY("UTF8");
    cr_assert(connection_is_idle(database->connection));
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 0);
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.symbols"), 0);
    (void)write_trades(database->connection, "A", DAY_2024_08_08, 3);
}

ON_BOTH_ENGINES(writer, an_aborted_write_and_an_empty_one_leave_nothing)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = begin(database->connection, &options);
    for (int i = 0; i < 10000; i++)
        add(writer, "A", one_day.from + i, ONE);
    tick_writer_abort(&writer);
    cr_assert_null(writer);
    tick_writer_abort(&writer);
    cr_assert(connection_is_idle(database->connection));

    writer = begin(database->connection, &options);
    struct tick_writer_outcome outcome;
    MUST(tick_writer_finish(&writer, &outcome, &error));
    cr_assert_eq(outcome.rows, 0);
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 0);
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.pending_list()"),
                 0);
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.symbols"), 0);
}

static void play_writer(const struct home *home, void (*ready)(void))
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error;
    if (cluster_attach(&options, &cluster, &error) != STATUS_OK)
        _exit(1);
    struct connection *connection = open_database(cluster_url(cluster));
    struct tick_writer_options write = import_of(one_day);
    struct tick_writer *writer = begin(connection, &write);
    for (int i = 0; i < 100000; i++)
        add(writer, "A", one_day.from + i, ONE);
    ready();
    for (;;)
        (void)pause();
}

ON_BOTH_ENGINES(writer, a_killed_writer_leaves_nothing)
{
    pid_t pid = process_play(&database->home, play_writer);
    kill_hard(pid);
    for (int i = 0; i < 200; i++) {
        if (ask_number(database->connection, "select count(*) from pg_locks where relation ="
                                             " 'public.tick_data'::regclass and"
                                             " pid <> pg_backend_pid()") == 0)
            break;
        (void)poll(NULL, 0, 50);
    }
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 0);
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.pending_list()"),
                 0);
    struct tick_writer_outcome outcome = write_trades(database->connection, "A", one_day.from, 5);
    cr_assert(outcome.seq_is_ours);
    cr_assert_gt(outcome.seq_from, 1, "the sequence does not go back");
    cr_assert_eq(ask_number(database->connection, "select min(seq) from public.tick_data"),
                 outcome.seq_from);
    cr_assert_eq(ask_number(database->connection, "select max(seq) from public.tick_data"),
                 outcome.seq_to);
}

ON_BOTH_ENGINES(writer, thousands_of_symbols_are_counted_apart)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = begin(database->connection, &options);
    enum { SYMBOLS = 3000 };
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SYMBOLS; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "S:%d", i);
            add(writer, name, one_day.from + round * TIME_MINUTE_US, ONE);
        }
    }
    MUST(tick_writer_finish(&writer, NULL, &error));
    cr_assert_eq(ask_number(database->connection,
                            "select count(*) from tapedeck.symbols_list(null, null) where ticks = 3"
                            " and last_time - first_time = '2 minutes'"),
                 SYMBOLS);
}

/* ---- candles that outlived their ticks ---- */

static void drop_first_day(struct database *database)
{
    execute(database->connection,
            database->engine == ENGINE_TIMESCALEDB
                ? "select public.drop_chunks('public.tick_data', older_than => timestamptz"
                  " '2024-08-09 00:00Z')"
                : "drop table tapedeck.tick_data_20240808");
}

ON_BOTH_ENGINES(writer, candles_without_their_ticks_are_only_rebuilt_when_asked)
{
    struct error error = {0};
    (void)write_trades(database->connection, "A", DAY_2024_08_08, 100);
    MUST(refresh_heal(database->connection, NULL, NULL, NULL, &error));
    drop_first_day(database);
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *writer = NULL;
    MUST_FAIL(tick_writer_begin(database->connection, &options, &writer, &error), STATUS_CONFLICT);
    MUST_SAY("candles whose ticks were dropped");
    cr_assert_null(writer);
    cr_assert(connection_is_idle(database->connection));
    options.rebuild = true;
    writer = begin(database->connection, &options);
    add(writer, "B", DAY_2024_08_08, ONE);
    MUST(tick_writer_finish(&writer, NULL, &error));
    MUST(refresh_heal(database->connection, NULL, NULL, NULL, &error));
    cr_assert_eq(ask_number(database->connection,
                            "select count(*) from public.candle_1m where bucket < '2024-08-09Z'"),
                 1);
}

/* ---- imports ---- */

static struct tick_writer_outcome import_trades(struct connection *connection,
                                                struct ledger_record *record, const char *symbol,
                                                int64_t from, int count)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    options.record = ledger_record;
    options.record_owner = record;
    struct tick_writer *writer = begin(connection, &options);
    for (int i = 0; i < count; i++)
        add(writer, symbol, from + i * TIME_SECOND_US, (100 + i) * ONE);
    struct tick_writer_outcome outcome;
    MUST(tick_writer_finish(&writer, &outcome, &error));
    return outcome;
}

ON_BOTH_ENGINES(writer, an_import_is_found_listed_and_undone)
{
    struct error error = {0};
    struct ledger_record record = {.sha256 = {1, 2, 3},
                                   .file_name = "a \"file\".csv",
                                   .format = "csv",
                                   .options = "{\"keep\": true}",
                                   .rejected = 4};
    struct ledger_entry entry;
    MUST_FAIL(ledger_find(database->connection, record.sha256, &entry, &error), STATUS_NOT_FOUND);
    (void)write_trades(database->connection, "A", DAY_2024_08_08, 50);
    (void)import_trades(database->connection, &record, "A", DAY_2024_08_08, 30);
    (void)write_trades(database->connection, "A", DAY_2024_08_08, 20);
    cr_assert_gt(record.id, 0);

    MUST(ledger_find(database->connection, record.sha256, &entry, &error));
    cr_assert_eq(entry.id, record.id);
    cr_assert_eq(memcmp(entry.sha256, record.sha256, sizeof entry.sha256), 0);
    cr_assert_str_eq(entry.file_name, "a \"file\".csv");
    cr_assert_str_eq(entry.format, "csv");
    cr_assert_str_eq(entry.first_symbol, "A");
    cr_assert_eq(entry.symbol_count, 1);
    cr_assert_eq(entry.rows, 30);
    cr_assert_eq(entry.rejected, 4);
    cr_assert_eq(entry.range.from, DAY_2024_08_08);
    cr_assert_eq(entry.range.to, DAY_2024_08_08 + 29 * TIME_SECOND_US + 1);
    cr_assert_eq(entry.undone_at, INT64_MIN);
    cr_assert_lt(llabs(entry.imported_at - clock_wall_us()), 600 * TIME_SECOND_US);

    int64_t rows;
    MUST(ledger_undo(database->connection, record.id, &rows, &error));
    cr_assert_eq(rows, 30);
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 70);
    MUST_FAIL(ledger_find(database->connection, record.sha256, &entry, &error), STATUS_NOT_FOUND);
    MUST_FAIL(ledger_undo(database->connection, record.id, &rows, &error), STATUS_CONFLICT);
    MUST_SAY("undone already");
    MUST_FAIL(ledger_undo(database->connection, 4711, &rows, &error), STATUS_CONFLICT);
    MUST_SAY("no import 4711");

    struct ledger_entry *entries;
    size_t count;
    MUST(ledger_list(database->connection, &entries, &count, &error));
    cr_assert_eq(count, 1);
    cr_assert_neq(entries[0].undone_at, INT64_MIN);
    mem_free(entries);
    MUST(refresh_heal(database->connection, NULL, NULL, NULL, &error));
    cr_assert_eq(ask_number(database->connection, "select sum(trades) from public.candle_1m"), 70);
}

static enum status fail_record(struct connection *connection,
                               const struct tick_writer_outcome *outcome, void *owner,
                               struct error *error)
{
    (void)connection;
    (void)owner;
    cr_assert_eq(outcome->symbol_count, 2);
    cr_assert_str_eq(outcome->symbols[0].name, "A");
    cr_assert_str_eq(outcome->symbols[1].name, "B");
    cr_assert_eq(outcome->symbols[1].ticks, 2);
    return error_set(error, STATUS_LIMIT, "no room in the ledger");
}

ON_BOTH_ENGINES(writer, a_record_that_fails_undoes_the_ticks)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    options.record = fail_record;
    struct tick_writer *writer = begin(database->connection, &options);
    add(writer, "B", DAY_2024_08_08, ONE);
    add(writer, "A", DAY_2024_08_08, ONE);
    add(writer, "B", DAY_2024_08_08, ONE);
    MUST_FAIL(tick_writer_finish(&writer, NULL, &error), STATUS_LIMIT);
    MUST_SAY("no room in the ledger");
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 0);
}

ON_BOTH_ENGINES(writer, undo_never_deletes_the_ticks_of_others)
{
    struct error error = {0};
    struct ledger_record record = {.sha256 = {9}};
    struct tick_writer_options options = import_of(one_day);
    options.record = ledger_record;
    options.record_owner = &record;
    struct connection *stranger = open_database(cluster_url(database->cluster));
    static const char insert[] = "insert into public.tick_data (time, symbol, last_price) values"
                                 " ('2024-08-08 00:00:01Z', 'A', 7)";
    execute(stranger, "select tapedeck.chunks_prepare('2024-08-08Z', '2024-08-09Z')");
    execute(stranger, insert);
    struct tick_writer *writer = begin(database->connection, &options);
    add(writer, "A", DAY_2024_08_08, ONE);
    /* Only what reached the server has a place in the sequence. */
    for (int i = 0; i < 20000; i++)
        add(writer, "A", DAY_2024_08_08 + i * 1000, ONE);
    (void)poll(NULL, 0, 300);
    execute(stranger, insert);
    for (int i = 0; i < 20000; i++)
        add(writer, "A", DAY_2024_08_08 + i * 1000, ONE);
    struct tick_writer_outcome outcome;
    MUST(tick_writer_finish(&writer, &outcome, &error));
    cr_assert_not(outcome.seq_is_ours);
    execute(stranger, insert);
    int64_t rows;
    MUST_FAIL(ledger_undo(database->connection, record.id, &rows, &error), STATUS_CONFLICT);
    MUST_SAY("Nothing was deleted");
    cr_assert_eq(ask_number(stranger, "select count(*) from public.tick_data"), 40004);
    connection_close(&stranger);
}

/* ---- imports take turns ---- */

static void play_import(const struct home *home, void (*ready)(void))
{
    struct cluster_options options = {.home = home->path};
    struct cluster *cluster;
    struct error error;
    if (cluster_attach(&options, &cluster, &error) != STATUS_OK)
        _exit(1);
    struct connection *connection = open_database(cluster_url(cluster));
    ready();
    for (int i = 0; i < 5; i++) {
        struct ledger_record record = {.sha256 = {(uint8_t)getpid()}};
        struct tick_writer_outcome outcome =
            import_trades(connection, &record, "A", DAY_2024_08_08, 3000);
        if (!outcome.seq_is_ours)
            _exit(1);
    }
    connection_close(&connection);
    cluster_close(&cluster);
    _exit(0);
}

ON_BOTH_ENGINES(writer, imports_at_once_can_each_be_undone)
{
    struct error error = {0};
    pid_t pids[3];
    for (size_t i = 0; i < 3; i++)
        pids[i] = process_play(&database->home, play_import);
    for (size_t i = 0; i < 3; i++) {
        int status = 1;
        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_assert_eq(status, 0);
    }
    struct ledger_entry *entries;
    size_t count;
    MUST(ledger_list(database->connection, &entries, &count, &error));
    cr_assert_eq(count, 15);
    for (size_t i = 0; i < count; i++) {
        int64_t rows;
        MUST(ledger_undo(database->connection, entries[i].id, &rows, &error));
        cr_assert_eq(rows, 3000);
    }
    mem_free(entries);
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 0);
}

ON_BOTH_ENGINES(writer, live_writers_do_not_wait_for_an_import)
{
    struct error error = {0};
    struct tick_writer_options options = import_of(one_day);
    struct tick_writer *import = begin(database->connection, &options);
    add(import, "A", DAY_2024_08_08, ONE);
    struct connection *connection = open_database(cluster_url(database->cluster));
    connection_set_stall_us(connection, 20 * TIME_SECOND_US);
    struct tick_writer_options live = {.range = one_day, .reason = "ingest"};
    struct tick_writer *writer = begin(connection, &live);
    add(writer, "B", DAY_2024_08_08, ONE);
    MUST(tick_writer_finish(&writer, NULL, &error));
    MUST(tick_writer_finish(&import, NULL, &error));
    cr_assert_eq(ask_number(connection, "select count(*) from public.tick_data"), 2);
    connection_close(&connection);
}
