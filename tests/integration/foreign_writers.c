/*
 * Programs that write ticks themselves, with the triggers on: random statements in random
 * transactions, out of one seed that is printed. After each transaction
 *
 *   at once          candles_exact is what a slow query makes of the ticks
 *   when reconciled  the books know where each symbol begins and ends; where they say that a count
 *                    is exact it is, and no field is denied that some tick has
 *   when healed      the stored candles are those of the ticks, and candles_differences finds none
 *
 * And what others do without triggers, which is the limit of what can be noticed.
 *
 * TAPEDECK_TEST_SEED=N repeats a run.
 */
#include "cluster_fixture.h"

#include "store/ledger.h"
#include "store/refresh.h"
#include "store/tick_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_DAY INT64_C(1722816000000000) /* 2024-08-05 */
#define DAYS 3
#define TRANSACTIONS 40
#define SYMBOLS 3

struct world {
    struct database *database;
    struct connection *connection;
    struct connection *stranger;
    uint64_t seed;
    uint64_t random;
};

static const char *const names[SYMBOLS] = {"T:A", "T:B", "X'\\\"ü"};

/* ---- chance ---- */

static uint64_t draw(struct world *world, uint64_t below)
{
    uint64_t x = world->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    world->random = x;
    return (x * UINT64_C(2685821657736338717) >> 16) % below;
}

static const char *draw_name(struct world *world)
{
    return names[draw(world, SYMBOLS)];
}

/* Seconds to a day. */
static struct time_range draw_range(struct world *world)
{
    static const int64_t lengths[] = {TIME_SECOND_US, 10 * TIME_MINUTE_US, 3 * TIME_HOUR_US,
                                      TIME_DAY_US};
    int64_t end = FIRST_DAY + DAYS * TIME_DAY_US;
    int64_t from = FIRST_DAY + (int64_t)draw(world, DAYS * TIME_DAY_US / 1000) * 1000;
    int64_t to = from + lengths[draw(world, 4)];
    return (struct time_range){from, to < end ? to : end};
}

/* "time >= … and time < …" of a random range, and a symbol, or all. */
static void draw_where(struct world *world, char *text, size_t bytes)
{
    struct time_range range = draw_range(world);
    char symbol[64] = "";
    if (draw(world, 3) > 0)
        (void)snprintf(symbol, sizeof symbol, " and symbol = $n$%s$n$", draw_name(world));
    (void)snprintf(text, bytes, "time >= '%s' and time < '%s'%s", time_format(range.from).text,
                   time_format(range.to).text, symbol);
}

/* ---- what strangers do ---- */

static void insert(struct world *world)
{
    struct time_range range = draw_range(world);
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "select setseed(%f);"
                   "insert into public.tick_data (time, symbol, bid_price, last_price, volume)"
                   " select timestamptz '%s' + floor(random() * %lld)::bigint"
                   " * interval '1 microsecond', $n$%s$n$,"
                   " case when random() < 0.3 then round((random() * 100)::numeric, 2) end,"
                   " case when random() < 0.8 then round((random() * 1000)::numeric, 8) end,"
                   " case when random() < 0.8 then round((random() * 9999)::numeric, 8) end"
                   " from generate_series(1, %d)",
                   (double)draw(world, 1000) / 1000.0, time_format(range.from).text,
                   (long long)(range.to - range.from), draw_name(world), 1 + (int)draw(world, 200));
    execute(world->stranger, sql);
}

static void copy(struct world *world)
{
    struct error error = {0};
    struct time_range range = draw_range(world);
    MUST(connection_copy_in_begin(world->stranger,
                                  "copy public.tick_data (time, symbol, last_price) from stdin csv",
                                  &error));
    int64_t rows = 0;
    for (size_t i = 0; i < SYMBOLS - 1; i++) {
        char line[128];
        int length = snprintf(line, sizeof line, "%s,%s,%d\n", time_format(range.from).text,
                              names[i], (int)draw(world, 1000));
        MUST(connection_copy_in_put(world->stranger, line, (size_t)length, &error));
    }
    MUST(connection_copy_in_end(world->stranger, &rows, &error));
    cr_assert_eq(rows, SYMBOLS - 1);
}

static void update(struct world *world)
{
    /* Within their day: TimescaleDB moves no row to another chunk. */
    static const char *const changes[] = {
        "last_price = last_price + 1",
        "volume = null, ask_price = 3",
        "last_price = null",
        "symbol = $n$T:B$n$",
        ("time = date_bin('24 hours', time, '2000-01-03Z') + (time - date_bin('24 hours', time,"
         " '2000-01-03Z')) / 2"),
    };
    char where[256];
    char sql[1024];
    draw_where(world, where, sizeof where);
    (void)snprintf(sql, sizeof sql, "update public.tick_data set %s where %s",
                   changes[draw(world, 5)], where);
    execute(world->stranger, sql);
}

static void erase(struct world *world)
{
    char where[256];
    char sql[512];
    draw_where(world, where, sizeof where);
    (void)snprintf(sql, sizeof sql, "delete from public.tick_data where %s", where);
    execute(world->stranger, sql);
}

static void statement(struct world *world)
{
    uint64_t what = draw(world, 100);
    if (what < 40)
        insert(world);
    else if (what < 50)
        copy(world);
    else if (what < 75)
        update(world);
    else if (what < 97)
        erase(world);
    else
        execute(world->stranger, "truncate public.tick_data");
}

static void transaction(struct world *world)
{
    static const char *const ends[] = {"commit", "commit", "commit", "rollback"};
    execute(world->stranger, "begin; set local timescaledb."
                             "max_tuples_decompressed_per_dml_transaction = 0");
    size_t count = 1 + draw(world, 4);
    for (size_t i = 0; i < count; i++) {
        bool is_undone = draw(world, 4) == 0;
        execute(world->stranger, "savepoint s");
        statement(world);
        if (is_undone)
            execute(world->stranger, "rollback to s");
    }
    execute(world->stranger, ends[draw(world, 4)]);
}

/* ---- what else happens ---- */

static void write_ours(struct world *world)
{
    struct error error = {0};
    struct time_range range = draw_range(world);
    struct ledger_record record = {.file_name = "t", .format = "csv"};
    record.sha256[0] = (uint8_t)draw(world, 256);
    struct tick_writer_options options = {.range = range,
                                          .reason = "import",
                                          .is_import = true,
                                          .record = ledger_record,
                                          .record_owner = &record};
    struct tick_writer *writer = NULL;
    MUST(tick_writer_begin(world->connection, &options, &writer, &error));
    for (size_t i = 0; i < 50; i++) {
        struct written_tick tick = {.symbol = draw_name(world)};
        tick.tick.time = range.from + (int64_t)draw(world, (uint64_t)(range.to - range.from));
        for (size_t field = 0; field < TICK_FIELDS; field++)
            tick.tick.fields[field] = (int64_t)draw(world, 1000) * 100000000;
        MUST(tick_writer_add(writer, &tick, &error));
    }
    MUST(tick_writer_finish(&writer, NULL, &error));
    cr_assert_eq(ask_number(world->connection, "select count(*) from tapedeck.pending_refresh"
                                               " where kind is not null"),
                 0, "our own writers tell themselves");
    if (draw(world, 2) == 0) {
        int64_t rows;
        /* Somebody may have changed or deleted some of them, but only before. */
        MUST(ledger_undo(world->connection, record.id, &rows, &error));
        cr_assert_eq(rows, 50);
        cr_assert_eq(ask_number(world->connection, "select count(*) from tapedeck.pending_refresh"
                                                   " where kind is not null"),
                     0, "taking back tells itself");
    }
}

static void compress(struct world *world)
{
    if (world->database->engine == ENGINE_TIMESCALEDB)
        execute(world->connection,
                "select public.compress_chunk(c, if_not_compressed => true)"
                " from public.show_chunks('public.tick_data') c order by random() limit 2");
}

static void heal(struct world *world)
{
    struct error error = {0};
    execute(world->connection, "select tapedeck.symbols_reconcile();"
                               "update tapedeck.candle_tails set queued_at = '-infinity'");
    execute(world->connection, "select tapedeck.tails_queue()");
    MUST(refresh_heal(world->connection, NULL, NULL, NULL, &error));
    cr_assert_eq(ask_number(world->connection, "select count(*) from tapedeck.pending_list()"), 0,
                 "seed %llu", (unsigned long long)world->seed);
}

/* ---- what must be true ---- */

/* Candles by a slow query over all ticks, and how those of a function or a view differ from them:
 * some of the differences as text, '' for none. */
static const char oracle_sql[] =
    "create function public.truth(p_width interval)"
    " returns table (bucket timestamptz, symbol text, open numeric, high numeric, low numeric,"
    " close numeric, volume numeric, trades bigint) language sql as $$"
    " select date_bin(p_width, time, '2000-01-03Z'), symbol,"
    " (array_agg(last_price order by time, seq) filter (where last_price is not null))[1],"
    " max(last_price), min(last_price),"
    " (array_agg(last_price order by time desc, seq desc) filter (where last_price is not"
    " null))[1], sum(volume) filter (where last_price is not null), count(last_price)"
    " from public.tick_data group by 1, 2 having count(last_price) > 0 $$;"
    "create function public.compare(p_width interval, p_rows text) returns text"
    " language plpgsql as $$ declare v_text text; begin execute format("
    " 'with truth as materialized (select * from public.truth(%L)), told as materialized (%s)"
    " select coalesce(string_agg(d::text, E''\\n''), '''') from (select * from ("
    "(select ''<'', * from (table truth except all table told) a) union all"
    " (select ''>'', * from (table told except all table truth) b)) c order by 2, 3 limit 6) d',"
    " p_width, p_rows) into v_text; return v_text; end $$;";

static void must_be_exact(struct world *world)
{
    static const char *const widths[][2] = {{"1m", "1 minute"},
                                            {"5m", "5 minutes"},
                                            {"15m", "15 minutes"},
                                            {"1h", "1 hour"},
                                            {"1d", "1 day"}};
    size_t which = draw(world, 5);
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "select public.compare('%s', $sql$select c.bucket, n.symbol, c.open, c.high,"
                   " c.low, c.close, c.volume, c.trades from (select distinct symbol from"
                   " public.tick_data union select symbol from tapedeck.symbols) n cross join"
                   " lateral tapedeck.candles_exact('%s', n.symbol, '2024-08-05Z', '2024-08-08Z')"
                   " c$sql$)",
                   widths[which][1], widths[which][0]);
    const char *text = ask_text(world->connection, sql);
    cr_assert_str_eq(text, "", "candles_exact of %s, seed %llu:\n%s", widths[which][0],
                     (unsigned long long)world->seed, text);
}

static void must_be_stored(struct world *world)
{
    static const char *const views[][2] = {{"candle_1m", "1 minute"},
                                           {"candle_5m", "5 minutes"},
                                           {"candle_15m", "15 minutes"},
                                           {"candle_1h", "1 hour"},
                                           {"candle_1d", "1 day"}};
    char sql[512];
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(sql, sizeof sql,
                       "select public.compare('%s', 'select bucket, symbol, open, high, low,"
                       " close, volume, trades from public.%s')",
                       views[i][1], views[i][0]);
        const char *text = ask_text(world->connection, sql);
        cr_assert_str_eq(text, "", "%s, seed %llu:\n%s", views[i][0],
                         (unsigned long long)world->seed, text);
    }
}

static int64_t differences(struct connection *connection)
{
    return ask_number(connection,
                      "select count(*) from tapedeck.candles_differences('{1m,5m,15m,1h,1d}', null,"
                      " '2024-08-05Z', '2024-08-08Z')");
}

static void books_must_be_right(struct world *world)
{
    execute(world->connection, "select tapedeck.symbols_reconcile()");
    const char *text = ask_text(
        world->connection,
        "select coalesce(string_agg(w::text, E'\\n'), '') from (select symbol, s.first_time,"
        " t.first_time, s.last_time, t.last_time, s.ticks, t.ticks, s.exact, s.has_bid, t.has_bid,"
        " s.has_ask, t.has_ask, s.has_last, t.has_last from tapedeck.symbols s full join (select"
        " symbol, min(time) as first_time, max(time) as last_time, count(*) as ticks,"
        " count(bid_price) > 0 as has_bid, count(ask_price) > 0 as has_ask, count(last_price) > 0"
        " as has_last from public.tick_data group by 1) t using (symbol)"
        " where s.first_time is distinct from t.first_time"
        " or s.last_time is distinct from t.last_time"
        " or s.exact and s.ticks <> coalesce(t.ticks, 0) or s.exact is null"
        " or not s.has_bid and t.has_bid or not s.has_ask and t.has_ask"
        " or not s.has_last and t.has_last) w");
    cr_assert_str_eq(text, "", "seed %llu:\n%s", (unsigned long long)world->seed, text);
}

/* ---- the tests ---- */

static uint64_t choose_seed(void)
{
    const char *text = getenv("TAPEDECK_TEST_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20240808;
}

/* No background work but ours. */
static void quiet(struct database *database)
{
    jobs_stop(database);
    execute(database->connection, "select tapedeck.chunks_prepare('2024-08-05Z', '2024-08-08Z')");
}

ON_BOTH_ENGINES(foreign_writers, are_followed_whatever_they_do_when_triggers_tell)
{
    struct world world = {.database = database,
                          .connection = database->connection,
                          .stranger = open_database(cluster_url(database->cluster)),
                          .seed = choose_seed()};
    world.random = world.seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    (void)fprintf(stderr, "[SEED] %llu (TAPEDECK_TEST_SEED=… repeats it)\n",
                  (unsigned long long)world.seed);
    quiet(database);
    execute(world.connection, oracle_sql);
    cr_assert_eq(ask_number(world.connection, "select tapedeck.triggers_enable()::integer"), 1);
    write_ours(&world);
    heal(&world);
    for (int i = 0; i < TRANSACTIONS; i++) {
        if (draw(&world, 5) == 0)
            write_ours(&world);
        if (draw(&world, 5) == 0)
            compress(&world);
        transaction(&world);
        must_be_exact(&world);
        books_must_be_right(&world);
        if (draw(&world, 2) == 0) {
            heal(&world);
            must_be_exact(&world);
            must_be_stored(&world);
        }
    }
    heal(&world);
    must_be_stored(&world);
    cr_assert_eq(differences(world.connection), 0);
    connection_close(&world.stranger);
}

/* A day of one tick a minute, stored. */
static void write_a_day(struct world *world)
{
    execute(world->connection,
            "insert into public.tick_data (time, symbol, last_price, volume)"
            " select g, 'T:A', 100, 1 from generate_series('2024-08-06Z'::timestamptz,"
            " '2024-08-06 23:59Z'::timestamptz, interval '1 minute') g");
    heal(world);
    cr_assert_eq(differences(world->connection), 0);
}

static const char between_sql[] = "insert into public.tick_data (time, symbol, last_price, volume)"
                                  " values ('2024-08-06 12:00:30Z', 'T:A', 200, 1)";

ON_BOTH_ENGINES(foreign_writers, between_known_ticks_are_not_noticed_without_triggers_but_found)
{
    struct world world = {.database = database, .connection = database->connection};
    quiet(database);
    write_a_day(&world);
    execute(world.connection, between_sql);
    heal(&world);
    cr_expect_gt(differences(world.connection), 0, "candles verify finds it");
    cr_expect_eq(ask_number(world.connection,
                            "select high::bigint from public.candle_1h where symbol = 'T:A'"
                            " and bucket = '2024-08-06 12:00Z'"),
                 100);
    /* A time that nobody can have meant stops nobody from booking. */
    execute(world.connection, "select tapedeck.foreign_queue(tstzmultirange(tstzrange("
                              "'2024-08-06 12:00Z', '294276-12-31 23:59Z')), 'trigger')");
    cr_expect_eq(ask_number(world.connection, "delete from tapedeck.pending_refresh"
                                              " where range_to < now() + interval '2 days'"
                                              " returning 1"),
                 1);
    /* The other way: turned on, and the same once more. */
    execute(world.connection, "select tapedeck.triggers_enable()");
    execute(world.connection, between_sql);
    heal(&world);
    cr_expect_eq(differences(world.connection), 0);
    cr_expect_eq(ask_number(world.connection,
                            "select high::bigint from public.candle_1h where symbol = 'T:A'"
                            " and bucket = '2024-08-06 12:00Z'"),
                 200);
}

static int64_t enabled(struct connection *connection)
{
    return ask_number(connection, "select count(*) filter (where enabled) from"
                                  " tapedeck.triggers_status()");
}

ON_BOTH_ENGINES(foreign_writers, triggers_are_off_at_first_and_stay_as_they_were_turned)
{
    struct connection *connection = database->connection;
    struct migrate_options options = {.url = cluster_url(database->cluster),
                                      .plain = database->engine == ENGINE_POSTGRESQL};
    struct migrate_outcome outcome;
    struct error error = {0};
    cr_assert_eq(enabled(connection), 0);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_enable()::integer"), 1);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_enable()::integer"), 0);
    execute(connection, "delete from tapedeck.routines");
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert(outcome.routines_changed);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_tell()::integer"), 1);
    /* One that somebody took off or disabled is not enough, and is mended. */
    execute(connection, "drop trigger tapedeck_updated on public.tick_data");
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_tell()::integer"), 0);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_enable()::integer"), 1);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_tell()::integer"), 1);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_disable()::integer"), 1);
    cr_assert_eq(ask_number(connection, "select tapedeck.triggers_disable()::integer"), 0);
    cr_assert_eq(enabled(connection), 0);
    /* Down and up again leaves none behind. */
    execute(connection, "select tapedeck.triggers_enable()");
    MUST(migrate_down(&options, 2, &outcome, &error)); /* 0008 and what followed it */
    cr_assert_eq(ask_number(connection, "select count(*) from pg_trigger where tgrelid ="
                                        " 'public.tick_data'::regclass and tgname ~ '^tapedeck'"),
                 0);
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_eq(enabled(connection), 0);
}

ON_BOTH_ENGINES(foreign_writers, do_not_wait_for_each_other_and_need_no_rights_on_the_books)
{
    struct connection *connection = database->connection;
    struct connection *other = open_database(cluster_url(database->cluster));
    quiet(database);
    execute(connection, "select tapedeck.triggers_enable();"
                        "create role stranger; grant insert, update, delete, select on"
                        " public.tick_data to stranger");
    execute(other, "set role stranger; set lock_timeout = '1s'");
    execute(connection, between_sql);
    execute(connection, "begin");
    execute(connection, between_sql);
    execute(other, between_sql);
    execute(other, "update public.tick_data set volume = 2 where seq = 1");
    execute(other, "delete from public.tick_data where seq = 1");
    /* Nor does booking wait for them. A count that is not known is at least not said to be. */
    execute(other, "reset role; select tapedeck.symbols_reconcile()");
    cr_expect_eq(ask_number(other, "select count(*) from tapedeck.symbols where symbol = 'T:A'"
                                   " and first_time = last_time and (ticks = 1 or not exact)"),
                 1);
    execute(connection, "commit");
    cr_expect_eq(ask_number(connection, "select count(*) from tapedeck.pending_refresh"
                                        " where kind = 'insert' and symbol = 'T:A' and ticks = 1"),
                 1);
    connection_close(&other);
}

/* Where candles have outlived their ticks, a tick that somebody brings there must not cost them. */
Test(foreign_writers, do_not_refresh_candles_that_have_outlived_their_ticks, .timeout = 240)
{
    struct database database;
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    struct world world = {.database = &database, .connection = database.connection};
    static const char sum_sql[] = "select sum(high)::bigint + count(*) from public.candle_1m"
                                  " where bucket < '2024-08-06 20:00Z'";
    quiet(&database);
    execute(world.connection, "select tapedeck.triggers_enable()");
    write_a_day(&world);
    int64_t before = ask_number(world.connection, sum_sql);
    execute(world.connection, "select public.drop_chunks('public.tick_data', older_than =>"
                              " '2024-08-07Z'::timestamptz)");
    for (int i = 0; i < 2; i++) { /* the first brings the chunk back, the second finds it there */
        execute(world.connection, between_sql);
        heal(&world);
        cr_assert_eq(ask_number(world.connection, sum_sql), before);
    }
    database_deinit(&database);
}
