/*
 * Stored candles, whatever happens to their ticks: random ticks and a random sequence of writing,
 * foreign inserts, back-fill, refresh, compression, retention and taken-back imports, out of one
 * seed that is printed. Afterwards
 *
 *   where ticks are       the candles of all intervals are those of a slow recomputation
 *   where they were dropped   the candles are what they were before
 *   candles_differences   finds nothing; of a candle that was falsified it finds exactly that
 *   candles_exact(), _rolled()   are right all the way, whatever is queued or stored at that moment
 *
 * Others are polite (they add before, behind, or something new, which reconciling finds), or wild:
 * they change, delete and copy anywhere, and triggers tell of it, or nothing but TimescaleDB's own
 * books.
 *
 * TAPEDECK_TEST_SEED=N repeats a run.
 */
#include "cluster_fixture.h"

#include "base/mem.h"
#include "candles_oracle.h"
#include "store/candle_check.h"
#include "store/ledger.h"
#include "store/refresh.h"
#include "store/tick_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_DAY INT64_C(1722816000000000) /* 2024-08-05 */
#define DAYS 5
#define STEPS 32
#define SYMBOLS 3
#define IMPORTS_MAX STEPS

enum manners { POLITE, WILD_AND_TOLD, WILD };

struct world {
    struct database *database;
    enum manners manners;
    struct connection *connection;
    uint64_t seed;
    uint64_t random;
    int64_t kept_from; /* days before it were dropped */
    int64_t imports[IMPORTS_MAX];
    size_t import_count;
    int64_t low[SYMBOLS]; /* of the ticks that anybody wrote */
    int64_t high[SYMBOLS];
    unsigned foreign_symbols;
};

static const char *const views[] = {"candle_1m", "candle_5m", "candle_15m", "candle_1h",
                                    "candle_1d"};
static const char *const names[SYMBOLS] = {"P:A", "P:B", "X'\\\"ü"};

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

static int64_t draw_price(struct world *world)
{
    static const int64_t steps[] = {100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    int64_t price = (int64_t)draw(world, UINT64_C(300000000000));
    int64_t step = steps[draw(world, 9)]; /* 0 … 8 decimals */
    price -= price % step;
    return draw(world, 20) == 0 ? -price : price;
}

/* A dozen of the large ones do not fit into 64 bits. */
static int64_t draw_volume(struct world *world)
{
    if (draw(world, 6) == 0)
        return DECIMAL_NULL;
    if (draw(world, 3) == 0)
        return INT64_C(999999999999999999) - (int64_t)draw(world, 1000);
    return (int64_t)draw(world, UINT64_C(1000000000));
}

static struct tick draw_tick(struct world *world, int64_t time)
{
    bool has_quote = draw(world, 2) == 0;
    bool has_trade = !has_quote || draw(world, 3) == 0;
    struct tick tick = {.time = time};
    for (size_t i = 0; i < TICK_FIELDS; i++)
        tick.fields[i] = DECIMAL_NULL;
    if (has_quote) {
        tick.fields[0] = draw_price(world);
        tick.fields[1] = draw(world, 10) == 0 ? DECIMAL_NULL : draw_price(world);
    }
    if (has_trade && draw(world, 10) > 0)
        tick.fields[2] = draw_price(world);
    /* A volume without a price counts nowhere. */
    tick.fields[3] = draw_volume(world);
    return tick;
}

/* Instants of a coarse grid, so that many ticks share one. */
static int64_t draw_time(struct world *world, struct time_range range)
{
    static const int64_t grids[] = {1, 250000, TIME_SECOND_US, TIME_MINUTE_US};
    int64_t grid = grids[draw(world, 4)];
    int64_t time = range.from + (int64_t)draw(world, (uint64_t)(range.to - range.from));
    int64_t floored = time_floor(time, grid);
    return floored < range.from ? range.from : floored;
}

/* Minutes to a day, within the days that are kept. */
static struct time_range draw_range(struct world *world)
{
    int64_t end = FIRST_DAY + DAYS * TIME_DAY_US;
    int64_t from = world->kept_from + (int64_t)draw(world, (uint64_t)(end - world->kept_from));
    static const int64_t lengths[] = {TIME_SECOND_US, 5 * TIME_MINUTE_US, 3 * TIME_HOUR_US,
                                      TIME_DAY_US};
    int64_t to = from + lengths[draw(world, 4)];
    return (struct time_range){from, to < end ? to : end};
}

static void note(struct world *world, size_t symbol, int64_t time)
{
    if (time < world->low[symbol])
        world->low[symbol] = time;
    if (time > world->high[symbol])
        world->high[symbol] = time;
}

/* ---- what happens ---- */

static void write_ours(struct world *world)
{
    struct error error = {0};
    struct time_range range = draw_range(world);
    struct ledger_record record = {.file_name = "p", .format = "csv"};
    record.sha256[0] = (uint8_t)world->import_count;
    struct tick_writer_options options = {.range = range,
                                          .reason = "import",
                                          .is_import = true,
                                          .record = ledger_record,
                                          .record_owner = &record};
    struct tick_writer *writer = NULL;
    MUST(tick_writer_begin(world->connection, &options, &writer, &error));
    size_t count = 1 + draw(world, 400);
    for (size_t i = 0; i < count; i++) {
        size_t symbol = draw(world, SYMBOLS);
        struct written_tick tick = {.symbol = names[symbol],
                                    .tick = draw_tick(world, draw_time(world, range))};
        MUST(tick_writer_add(writer, &tick, &error));
        note(world, symbol, tick.tick.time);
    }
    MUST(tick_writer_finish(&writer, NULL, &error));
    if (world->import_count < IMPORTS_MAX)
        world->imports[world->import_count++] = record.id;
}

/* By somebody who knows nothing of us. */
static void insert(struct world *world, const char *symbol, struct time_range range)
{
    char sql[2048];
    (void)snprintf(
        sql, sizeof sql,
        "select setseed(%f);"
        "insert into public.tick_data (time, symbol, bid_price, last_price, volume)"
        " select least(timestamptz 'epoch' + (%lld + floor(random() * %lld)::bigint / 1000 * 1000)"
        " * interval '1 microsecond', timestamptz 'epoch' + %lld * interval '1 microsecond'),"
        " $n$%s$n$, round((random() * 100)::numeric, 2),"
        " case when random() < 0.7 then round((random() * 1000)::numeric, 8) end,"
        " case when random() < 0.8 then round((random() * 9999999999)::numeric, 8) end"
        " from generate_series(1, %d)",
        (double)draw(world, 1000) / 1000.0, (long long)range.from,
        (long long)(range.to - range.from), (long long)range.to - 1, symbol,
        1 + (int)draw(world, 300));
    execute(world->connection, sql);
}

/* After or before all that is known of a symbol, or of a new one: what reconciling can find. */
static void insert_foreign(struct world *world)
{
    size_t symbol = draw(world, SYMBOLS);
    int64_t end = FIRST_DAY + DAYS * TIME_DAY_US;
    struct time_range range = {world->high[symbol] + 1, end};
    if (draw(world, 2) == 0)
        range = (struct time_range){world->kept_from, world->low[symbol]};
    if (range.from >= range.to || draw(world, 4) == 0) {
        char name[32];
        (void)snprintf(name, sizeof name, "F:%u", world->foreign_symbols++);
        insert(world, name, draw_range(world));
    } else {
        int64_t middle = range.from + (int64_t)draw(world, (uint64_t)(range.to - range.from));
        range = range.from > world->low[symbol] ? (struct time_range){range.from, middle + 1}
                                                : (struct time_range){middle, range.to};
        insert(world, names[symbol], range);
        note(world, symbol, range.from);
        note(world, symbol, range.to - 1);
    }
    execute(world->connection, "select tapedeck.symbols_reconcile()");
}

/* A statement of others on ticks of a range, wherever that is. */
static void change_foreign(struct world *world)
{
    static const char *const changes[] = {
        "delete from public.tick_data",
        "update public.tick_data set last_price = round(volume / 7, 8), volume = null",
        "update public.tick_data set bid_price = last_price, last_price = null",
        "update public.tick_data set symbol = 'F:moved'",
    };
    struct time_range range = draw_range(world);
    char sql[512];
    (void)snprintf(sql, sizeof sql, "%s where symbol = $n$%s$n$ and time >= '%s' and time < '%s'",
                   changes[draw(world, sizeof changes / sizeof *changes)],
                   names[draw(world, SYMBOLS)], time_format(range.from).text,
                   time_format(range.to).text);
    execute(world->connection, sql);
}

static void copy_foreign(struct world *world)
{
    struct error error = {0};
    struct time_range range = draw_range(world);
    int64_t rows;
    MUST(connection_copy_in_begin(
        world->connection, "copy public.tick_data (time, symbol, last_price, volume) from stdin",
        &error));
    for (size_t left = 1 + draw(world, 100); left > 0; left--) {
        static const char *const symbols[SYMBOLS] = {"P:A", "P:B", "X'\\\\\"ü"};
        char line[256];
        int bytes = snprintf(
            line, sizeof line, "%s\t%s\t%d\t%d\n", time_format(draw_time(world, range)).text,
            symbols[draw(world, SYMBOLS)], (int)draw(world, 1000), (int)draw(world, 1000));
        MUST(connection_copy_in_put(world->connection, line, (size_t)bytes, &error));
    }
    MUST(connection_copy_in_end(world->connection, &rows, &error));
}

static void be_wild(struct world *world)
{
    uint64_t what = draw(world, 3);
    if (what == 0)
        insert(world, names[draw(world, SYMBOLS)], draw_range(world));
    else if (what == 1)
        copy_foreign(world);
    else
        change_foreign(world);
}

/* What TimescaleDB's policies would do: nobody else hears of what is wild and not told. */
static void run_policies(struct world *world)
{
    for (size_t i = 0; world->manners == WILD && i < sizeof views / sizeof *views; i++) {
        char sql[256];
        (void)snprintf(
            sql, sizeof sql, "call public.refresh_continuous_aggregate('%s', '%s', '%s')", views[i],
            time_format(world->kept_from).text, time_format(FIRST_DAY + DAYS * TIME_DAY_US).text);
        execute(world->connection, sql);
    }
}

/* As the server does it, without its patience. */
static void refresh(struct world *world)
{
    struct error error = {0};
    execute(world->connection, "select tapedeck.symbols_reconcile();"
                               "update tapedeck.candle_tails set queued_at = '-infinity'");
    execute(world->connection, "select tapedeck.tails_queue()");
    MUST(refresh_heal(world->connection, NULL, NULL, NULL, &error));
    cr_assert_eq(ask_number(world->connection, "select count(*) from tapedeck.pending_list()"), 0,
                 "seed %llu", (unsigned long long)world->seed);
    run_policies(world);
}

static void compress(struct world *world)
{
    if (world->database->engine == ENGINE_TIMESCALEDB)
        execute(world->connection,
                "select public.compress_chunk(c, if_not_compressed => true)"
                " from public.show_chunks('public.tick_data') c order by random() limit 2");
}

static void undo(struct world *world)
{
    if (world->import_count == 0)
        return;
    struct error error = {0};
    int64_t rows;
    size_t at = draw(world, world->import_count);
    MUST(ledger_undo(world->connection, world->imports[at], &rows, &error));
    world->imports[at] = world->imports[--world->import_count];
}

/* Drops the oldest day that is left; its candles are put by. At least two days stay. */
static void drop_day(struct world *world)
{
    if (world->kept_from >= FIRST_DAY + (DAYS - 2) * TIME_DAY_US)
        return;
    refresh(world);
    world->kept_from += TIME_DAY_US;
    struct time_text day = time_format(world->kept_from);
    char sql[1024];
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        (void)snprintf(
            sql, sizeof sql,
            "delete from public.outlived where view = '%s';"
            "insert into public.outlived select '%s', c.bucket, c.symbol, c.open, c.high,"
            " c.low, c.close, c.volume, c.trades from public.%s c where c.bucket < '%s'",
            views[i], views[i], views[i], day.text);
        execute(world->connection, sql);
    }
    if (world->database->engine == ENGINE_TIMESCALEDB)
        (void)snprintf(sql, sizeof sql,
                       "select public.drop_chunks('public.tick_data', older_than => '%s'"
                       "::timestamptz)",
                       day.text);
    else
        (void)snprintf(sql, sizeof sql,
                       "select tapedeck.job_retention(jsonb_build_object('drop_after',"
                       " clock_timestamp() - '%s'::timestamptz - interval '1 second'))",
                       day.text);
    execute(world->connection, sql);
    for (size_t i = 0; i < SYMBOLS; i++)
        if (world->low[i] < world->kept_from)
            world->low[i] = world->kept_from;
}

static void step(struct world *world)
{
    uint64_t what = draw(world, 100);
    if (what < 35)
        write_ours(world);
    else if (what < 60 && world->manners == POLITE)
        insert_foreign(world);
    else if (what < 60)
        be_wild(world);
    else if (what < 75)
        refresh(world);
    else if (what < 85)
        compress(world);
    else if (what < 93)
        undo(world);
    else
        drop_day(world);
}

/* ---- what must be true ---- */

/* Some of the candles that differ, from the ticks (<) or stored (>); "" when there are none. */
static const char *wrong(struct world *world, const char *view, const char *width)
{
    char sql[2048];
    struct time_text day = time_format(world->kept_from);
    (void)snprintf(
        sql, sizeof sql,
        "with truth as (select date_bin('%s', time, '2000-01-03Z') as bucket, symbol,"
        " (array_agg(last_price order by time, seq) filter (where last_price is not null))[1]"
        " as open, max(last_price) as high, min(last_price) as low,"
        " (array_agg(last_price order by time desc, seq desc) filter (where last_price is not"
        " null))[1] as close, sum(volume) filter (where last_price is not null) as volume,"
        " count(last_price) as trades from public.tick_data group by 1, 2"
        " having count(last_price) > 0"
        " union all select bucket, symbol, open, high, low, close, volume, trades"
        " from public.outlived where view = '%s' and bucket < '%s'),"
        " stored as (select bucket, symbol, open, high, low, close, volume, trades from public.%s)"
        " select coalesce(string_agg(d::text, E'\\n'), '') from (select * from ("
        "(select '<', * from (table truth except all table stored) a) union all"
        " (select '>', * from (table stored except all table truth) b)) c"
        " order by 2, 3 limit 6) d",
        width, view, day.text, view);
    return ask_text(world->connection, sql);
}

struct findings {
    size_t count;
    struct candle_difference last; /* its texts are not kept, but for these */
    char interval[8];
    char symbol[64];
    char field[16];
    char kind[16];
};

static bool find(void *owner, const struct candle_difference *difference)
{
    struct findings *findings = owner;
    findings->count++;
    findings->last = *difference;
    (void)snprintf(findings->interval, sizeof findings->interval, "%s", difference->interval);
    (void)snprintf(findings->symbol, sizeof findings->symbol, "%s", difference->symbol);
    (void)snprintf(findings->kind, sizeof findings->kind, "%s", difference->kind);
    (void)snprintf(findings->field, sizeof findings->field, "%s",
                   difference->field != NULL ? difference->field : "-");
    return true;
}

static struct findings verify(struct world *world, const char *interval, size_t *compared,
                              size_t *dropped)
{
    struct error error = {0};
    struct candle_check check = {.interval = interval, .range = {TIME_MIN, TIME_MAX + 1}};
    struct candle_piece *pieces;
    struct findings findings = {0};
    size_t count;
    MUST(candle_check_list(world->connection, &check, &pieces, &count, &error));
    *compared = *dropped = 0;
    for (size_t i = 0; i < count; i++) {
        cr_assert_neq(pieces[i].kind, CANDLE_PIECE_PENDING);
        *dropped += pieces[i].kind == CANDLE_PIECE_DROPPED;
        if (pieces[i].kind != CANDLE_PIECE_COMPARE)
            continue;
        ++*compared;
        MUST(candle_check_run(world->connection, &check, pieces[i].range, find, &findings, &error));
    }
    mem_free(pieces);
    return findings;
}

static void must_be_right(struct world *world)
{
    static const char *const widths[] = {"1 minute", "5 minutes", "15 minutes", "1 hour", "1 day"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const char *text = wrong(world, views[i], widths[i]);
        cr_assert_str_eq(text, "", "%s, seed %llu:\n%s", views[i], (unsigned long long)world->seed,
                         text);
    }
    size_t compared;
    size_t dropped;
    struct findings findings = verify(world, NULL, &compared, &dropped);
    cr_assert_eq(findings.count, 0, "%zu differences, as %s %s of %s %s, seed %llu", findings.count,
                 findings.kind, findings.field, findings.interval, findings.symbol,
                 (unsigned long long)world->seed);
    cr_assert_gt(compared, 0);
    cr_assert_eq(dropped > 0, world->kept_from > FIRST_DAY);
}

/* Of candles that are made of ticks which are still there, at any moment. */
static void must_be_exact(struct world *world)
{
    static const int64_t widths_s[] = {45,   60,   180,   300,   600,   900,
                                       3600, 7200, 14400, 86400, 604800};
    for (size_t i = 0; i < sizeof widths_s / sizeof *widths_s; i++) {
        if (world->kept_from > FIRST_DAY && widths_s[i] > 86400)
            continue;
        const char *text = candles_inexact(world->connection, widths_s[i], world->kept_from);
        cr_assert_str_eq(text, "", "%lld s, seed %llu:\n%s", (long long)widths_s[i],
                         (unsigned long long)world->seed, text);
    }
}

/* ---- the mutation ---- */

/* The table that holds the stored candles of an interval. */
static const char *rows_of(struct world *world, const char *interval)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "select tapedeck.candle_rows('%s')", interval);
    return ask_text(world->connection, sql);
}

/* One row of the interval, where ticks are, is changed by `change` (the tail of a statement). */
static void falsify(struct world *world, const char *interval, const char *change)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "%s where (bucket, symbol) = (select c.bucket, c.symbol from %s c where"
                   " c.bucket >= '%s' order by md5(c.bucket::text || c.symbol) limit 1)",
                   change, rows_of(world, interval), time_format(world->kept_from).text);
    execute(world->connection, sql);
}

static void must_find(struct world *world, const char *interval, const char *kind,
                      const char *field)
{
    size_t compared;
    size_t dropped;
    struct findings findings = verify(world, interval, &compared, &dropped);
    cr_assert_eq(findings.count, 1, "%s: %zu, seed %llu", interval, findings.count,
                 (unsigned long long)world->seed);
    cr_assert_str_eq(findings.kind, kind);
    cr_assert_str_eq(findings.interval, interval);
    cr_assert_str_eq(findings.field, field);
}

/* Stored anew, though nobody wrote a tick. */
static void repair(struct world *world)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "select tapedeck.pending_add('%s', '%s', 'repair')",
                   time_format(FIRST_DAY).text, time_format(FIRST_DAY + DAYS * TIME_DAY_US).text);
    execute(world->connection, sql);
    refresh(world);
}

static void find_and_mend_falsehoods(struct world *world)
{
    static const char *const intervals[] = {"1m", "5m", "15m", "1h", "1d"};
    char sql[256];
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        char rows[128];
        (void)snprintf(rows, sizeof rows, "%s", rows_of(world, intervals[i]));
        (void)snprintf(sql, sizeof sql, "update %s set high = high + 0.00000001", rows);
        falsify(world, intervals[i], sql);
        must_find(world, intervals[i], "differs", "high");
        repair(world);
        (void)snprintf(sql, sizeof sql, "delete from %s", rows);
        falsify(world, intervals[i], sql);
        must_find(world, intervals[i], "missing", "-");
        repair(world);
        (void)snprintf(sql, sizeof sql, "update %s set symbol = 'nobody'", rows);
        falsify(world, intervals[i], sql);
        size_t compared;
        size_t dropped;
        cr_assert_eq(verify(world, intervals[i], &compared, &dropped).count, 2,
                     "one is missing, one superfluous");
        repair(world);
    }
    must_be_right(world);
}

/* ---- the test ---- */

static uint64_t choose_seed(void)
{
    const char *text = getenv("TAPEDECK_TEST_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20240808;
}

/* No background work but ours. */
static void quiet(struct world *world)
{
    jobs_stop(world->database);
    execute(world->connection,
            "select tapedeck.chunks_prepare('2024-08-05Z', '2024-08-10Z');"
            "create table public.outlived (view text, bucket timestamptz, symbol text,"
            " open numeric, high numeric, low numeric, close numeric, volume numeric,"
            " trades bigint)");
}

static void play(struct database *database, enum manners manners)
{
    struct world world = {.database = database,
                          .manners = manners,
                          .connection = database->connection,
                          .seed = choose_seed(),
                          .kept_from = FIRST_DAY};
    world.random = world.seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    (void)fprintf(stderr, "[SEED] %llu (TAPEDECK_TEST_SEED=… repeats it)\n",
                  (unsigned long long)world.seed);
    for (size_t i = 0; i < SYMBOLS; i++) {
        world.low[i] = FIRST_DAY + DAYS * TIME_DAY_US;
        world.high[i] = FIRST_DAY;
    }
    quiet(&world);
    if (manners == WILD_AND_TOLD)
        execute(world.connection, "select tapedeck.triggers_enable()");
    write_ours(&world);
    for (int i = 0; i < STEPS; i++) {
        step(&world);
        if (draw(&world, 4) == 0)
            must_be_exact(&world);
    }
    drop_day(&world);
    write_ours(&world);
    if (manners == POLITE)
        insert_foreign(&world);
    else
        be_wild(&world);
    must_be_exact(&world);
    refresh(&world);
    must_be_exact(&world);
    must_be_right(&world);
    if (manners == POLITE)
        find_and_mend_falsehoods(&world);
}

ON_BOTH_ENGINES(candles, are_those_of_their_ticks_whatever_happens_and_falsehoods_are_found)
{
    play(database, POLITE);
}

ON_BOTH_ENGINES(candles, are_those_of_ticks_that_others_change_while_triggers_tell)
{
    play(database, WILD_AND_TOLD);
}

/* Plain PostgreSQL has no such books. */
Test(candles, on_timescaledb_are_those_of_ticks_that_others_change_while_nobody_tells,
     .timeout = 240)
{
    struct database database;
    if (!database_init(&database, ENGINE_TIMESCALEDB))
        return;
    play(&database, WILD);
    database_deinit(&database);
}
