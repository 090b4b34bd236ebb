/*
 * As-of candles over a real WebSocket, out of a real database, on real ticks: every one of them is
 * the aggregate of SQL over the ticks before the edge, and knows nothing of those after it.
 */
#include "player.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BTC "binance-usdm-btcusdt-20240808.csv.gz"
/* 2024-08-08T23:54:00Z … 2024-08-09T00:00:00Z holds the file whole; its ticks begin at 23:54:15. */
#define FILE_FROM INT64_C(1723161240000000)
#define FILE_TO INT64_C(1723161600000000)
#define RANGE "'symbols':['BTCUSDT'],'from':1723161240000000,'to':1723161600000000"
#define BUCKET_ORIGIN INT64_C(946857600000000) /* 2000-01-03T00:00:00Z */

#define INTERVALS 7
#define HISTORY 20
#define CHECKS_MAX 20000
#define ROWS_CHECKED 150     /* of one test: the others are as good as these */
#define FRAMES_PER_PICTURE 9 /* the whole picture is kept as of every so many frames */

static const struct {
    const char *text;
    int64_t us;
} intervals[INTERVALS] = {{"1s", 1000000},    {"7s", 7000000},   {"1m", 60000000},
                          {"3m", 180000000},  {"5m", 300000000}, {"1h", 3600000000},
                          {"1d", 86400000000}};

/* A candle as a test compares it: prices and volume at exp 8. */
enum { TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, TRADES, FINAL, FIELDS };
struct row {
    bool is_none;
    int64_t values[FIELDS];
};

/* What was said of an interval as of an edge; a picture is the newest candle there is. */
struct check {
    size_t interval;
    int64_t edge;
    bool is_picture;
    struct row row;
};

/* What a client that follows the protocol shows. */
struct chart {
    struct row newest[INTERVALS];
    size_t rows;
    size_t snapshots;
    json_t *picture; /* `candles` of the last snapshot */
    size_t count;
    struct check checks[CHECKS_MAX];
};

static struct deck deck;
static struct chart chart;
static char output[16384];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    const char *path = deck_shared_file(BTC);
    deck_init(&deck, deck_engine());
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    deck_serve(&deck, NULL);
}

static void stop(void)
{
    json_decref(chart.picture);
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(candles_replay, .init = start, .fini = stop, .timeout = 400);

/* ---- the client --------------------------------------------------------------------------- */

static int64_t integer_at(const json_t *list, size_t index)
{
    const json_t *value = json_array_get(list, index);
    cr_assert(json_is_integer(value), "value %zu of a candle is no integer", index);
    return (int64_t)json_integer_value(value);
}

static int64_t at_exp_8(int64_t mantissa, int64_t exp)
{
    for (; exp < 8; exp++)
        mantissa *= 10;
    return mantissa;
}

static size_t interval_named(const char *text)
{
    size_t i = 0;
    while (i < INTERVALS && (text == NULL || strcmp(text, intervals[i].text) != 0))
        i++;
    cr_assert_lt(i, INTERVALS, "a candle of an interval that nobody asked for");
    return i;
}

static void keep(size_t interval, int64_t edge, bool is_picture, const struct row *row)
{
    cr_assert_lt(chart.count, CHECKS_MAX);
    chart.checks[chart.count++] = (struct check){interval, edge, is_picture, *row};
}

static void keep_picture(int64_t edge)
{
    for (size_t i = 0; i < INTERVALS; i++)
        keep(i, edge, true, &chart.newest[i]);
}

static struct row row_of(const json_t *list)
{
    struct row row = {.is_none = json_is_null(json_array_get(list, 2))};
    if (row.is_none)
        return row;
    row.values[TIME] = integer_at(list, 2);
    for (size_t i = 0; i < 4; i++)
        row.values[OPEN + i] = at_exp_8(integer_at(list, 4 + i), integer_at(list, 3));
    row.values[VOLUME] = at_exp_8(integer_at(list, 9), integer_at(list, 8));
    row.values[TRADES] = integer_at(list, 10);
    row.values[FINAL] = integer_at(list, 11);
    return row;
}

static void take_row(const json_t *list, int64_t edge, bool is_forward)
{
    size_t interval = interval_named(json_string_value(json_array_get(list, 1)));
    struct row row = row_of(list);
    struct row *newest = &chart.newest[interval];
    cr_assert(memcmp(&row, newest, sizeof row) != 0, "a row that changes nothing");
    if (is_forward && !newest->is_none)
        cr_assert_geq(row.values[TIME], newest->values[TIME], "newer candles come first");
    *newest = row;
    chart.rows++;
    keep(interval, edge, !is_forward, &row);
}

static void take_frame(const struct player *player, const json_t *message)
{
    bool is_forward = json_integer_value(json_object_get(message, "dir")) > 0;
    size_t index;
    const json_t *list;
    json_array_foreach(json_object_get(message, "candles"), index, list)
        take_row(list, player->edge, is_forward);
    if (player->frames % FRAMES_PER_PICTURE == 0)
        keep_picture(player->edge);
}

/* One series of a snapshot, all rows of it. */
static void take_series(const json_t *item, int64_t at)
{
    static const char *const names[FIELDS] = {"time",  "open",   "high",   "low",
                                              "close", "volume", "trades", "final"};
    static int64_t values[FIELDS][HISTORY + 1];
    size_t interval = interval_named(json_string_value(json_object_get(item, "interval")));
    size_t count = (size_t)json_integer_value(json_object_get(item, "n"));
    cr_assert_leq(count, HISTORY + 1);
    for (size_t f = 0; f < FIELDS; f++) {
        const json_t *column = json_object_get(item, names[f]);
        bool is_decimal = f >= OPEN && f <= VOLUME;
        cr_assert(is_decimal ? wire_column_decimals(column, count, values[f])
                             : wire_column_times(column, count, values[f]),
                  "column %s cannot be read", names[f]);
    }
    chart.newest[interval] = (struct row){.is_none = true};
    for (size_t i = 0; i < count; i++) {
        struct row row = {.is_none = false};
        for (size_t f = 0; f < FIELDS; f++)
            row.values[f] = values[f][i];
        chart.newest[interval] = row;
        keep(interval, at, false, &row);
    }
}

static void take_snapshot(const json_t *message)
{
    int64_t at = (int64_t)json_integer_value(json_object_get(message, "at"));
    json_decref(chart.picture);
    chart.picture = json_incref(json_object_get(message, "candles"));
    cr_assert_eq(json_array_size(chart.picture), INTERVALS);
    size_t index;
    const json_t *item;
    json_array_foreach(chart.picture, index, item) take_series(item, at);
    keep_picture(at);
    chart.snapshots++;
}

static void listen_to(struct player *player, const json_t *message)
{
    const char *ev = json_string_value(json_object_get(message, "ev"));
    if (strcmp(ev, "replay.frame") == 0)
        take_frame(player, message);
    else if (strcmp(ev, "replay.snapshot") == 0)
        take_snapshot(message);
}

static void await_snapshot(struct player *player, size_t seen)
{
    while (chart.snapshots == seen)
        cr_assert(player_take(player, PLAYER_DEADLINE_MS), "no snapshot");
}

/* Opens with all intervals, and waits for the picture. */
static void open_with_candles(struct player *player, const char *fields)
{
    char all[1024];
    int used = snprintf(all, sizeof all, "%s,'candles':[", fields);
    for (size_t i = 0; i < INTERVALS; i++)
        used += snprintf(all + used, sizeof all - (size_t)used, "%s{'interval':'%s','history':%d}",
                         i > 0 ? "," : "", intervals[i].text, HISTORY);
    (void)snprintf(all + used, sizeof all - (size_t)used, "]");
    player->listener = listen_to;
    size_t seen = chart.snapshots;
    player_open(player, 1, all);
    await_snapshot(player, seen);
}

/* ---- the oracle --------------------------------------------------------------------------- */

#define INSTANT(parameter) "timestamptz 'epoch' + " parameter "::bigint * interval '1 microsecond'"

static PGresult *ask(PGconn *connection, const char *sql, int64_t from, int64_t to)
{
    char texts[2][32];
    (void)snprintf(texts[0], sizeof texts[0], "%" PRId64, from);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRId64, to);
    const char *const values[] = {texts[0], texts[1]};
    PGresult *result = PQexecParams(connection, sql, 2, NULL, values, NULL, NULL, 0);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    return result;
}

static int64_t value_of(const PGresult *result, int column)
{
    return PQgetisnull(result, 0, column) ? INT64_MIN
                                          : strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static int64_t bucket_of(int64_t interval_us, int64_t time)
{
    return time - (time - BUCKET_ORIGIN) % interval_us;
}

/* The candle of a bucket as of an edge: of the ticks in both. */
static struct row candle_of(PGconn *connection, size_t interval, int64_t bucket, int64_t edge)
{
    int64_t end = bucket + intervals[interval].us;
    PGresult *result =
        ask(connection,
            "select count(*), ((array_agg(last_price order by time, seq))[1] * 100000000)::bigint, "
            "(max(last_price) * 100000000)::bigint, (min(last_price) * 100000000)::bigint, "
            "((array_agg(last_price order by time desc, seq desc))[1] * 100000000)::bigint, "
            "(sum(volume) * 100000000)::bigint from tick_data where symbol = 'BTCUSDT' "
            "and last_price is not null and time >= " INSTANT("$1") " and time < " INSTANT("$2"),
            bucket, end < edge ? end : edge);
    struct row row = {.is_none = value_of(result, 0) == 0};
    row.values[TIME] = bucket;
    for (int i = 0; i < 5; i++)
        row.values[OPEN + i] = value_of(result, 1 + i);
    row.values[TRADES] = value_of(result, 0);
    row.values[FINAL] = end <= edge;
    PQclear(result);
    return row;
}

static struct row newest_of(PGconn *connection, size_t interval, int64_t edge)
{
    PGresult *result = ask(connection,
                           "select (extract(epoch from max(time)) * 1000000)::bigint from "
                           "tick_data where symbol = 'BTCUSDT' and last_price is not null and "
                           "time >= " INSTANT("$1") " and time < " INSTANT("$2"),
                           FILE_FROM, edge);
    int64_t time = value_of(result, 0);
    PQclear(result);
    if (time == INT64_MIN)
        return (struct row){.is_none = true};
    return candle_of(connection, interval, bucket_of(intervals[interval].us, time), edge);
}

static void compare(PGconn *connection, const struct check *check)
{
    struct row want = check->is_picture ? newest_of(connection, check->interval, check->edge)
                                        : candle_of(connection, check->interval,
                                                    check->row.values[TIME], check->edge);
    cr_assert_eq(check->row.is_none, want.is_none, "%s as of %" PRId64 ": a candle, or none",
                 intervals[check->interval].text, check->edge);
    for (size_t f = 0; f < FIELDS && !want.is_none; f++)
        cr_assert_eq(check->row.values[f], want.values[f],
                     "%s as of %" PRId64 ", value %zu: %" PRId64 ", SQL has %" PRId64,
                     intervals[check->interval].text, check->edge, f, check->row.values[f],
                     want.values[f]);
}

/* A sample of all that was said, and all of the end. */
static void check_all(void)
{
    PGconn *connection = deck_connect(&deck);
    size_t step = chart.count / ROWS_CHECKED + 1;
    size_t last = chart.count > INTERVALS ? chart.count - INTERVALS : 0;
    for (size_t i = 0; i < chart.count; i += i < last ? step : 1)
        compare(connection, &chart.checks[i]);
    PQfinish(connection);
    chart.count = 0;
}

/* ---- play, seek, step --------------------------------------------------------------------- */

static void play_all(const char *fields)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    open_with_candles(&player, fields);
    chart.rows = 0;
    player_control(&player, "replay.play", "");
    player_until(&player, "ended");
    keep_picture(player.edge);
    cr_assert_gt(chart.rows, 100, "only %zu rows of candles", chart.rows);
    check_all();
    player_close(&player);
}

Test(candles_replay, forward_every_candle_is_that_of_sql_before_the_edge)
{
    play_all(RANGE ",'speed':100");
    for (size_t i = 0; i < INTERVALS; i++)
        cr_assert(!chart.newest[i].is_none);
}

Test(candles_replay, backward_every_candle_is_that_of_sql_before_the_edge)
{
    play_all(RANGE ",'speed':-100");
    for (size_t i = 0; i < INTERVALS; i++)
        cr_assert(chart.newest[i].is_none, "a candle before the first tick");
}

Test(candles_replay, at_any_speed_and_without_ticks_they_are_the_same)
{
    play_all(RANGE ",'speed':'max','ticks':false");
    play_all(RANGE ",'speed':'-max'");
}

Test(candles_replay, after_seeks_and_steps_they_are_those_of_sql)
{
    static const char *const steps[] = {"'unit':'tick','count':1",  "'unit':'tick','count':-1",
                                        "'unit':'1m','count':1",    "'unit':'1m','count':-1",
                                        "'unit':'7s','count':2",    "'unit':'7s','count':-3",
                                        "'unit':'frame','count':9", "'unit':'frame','count':-9"};
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_JSON);
    open_with_candles(&player, RANGE ",'speed':1");
    for (int64_t i = 0; i < 16; i++) {
        char fields[64];
        int64_t to = FILE_FROM + (i * 7919 % 16 + 2) * 20000000 - i % 3 * 123457;
        (void)snprintf(fields, sizeof fields, "'to':%" PRId64, to);
        size_t seen = chart.snapshots;
        player_control(&player, "replay.seek", fields);
        await_snapshot(&player, seen);
        player_control(&player, "replay.step", steps[i % 8]);
        while (player.seq == 0)
            cr_assert(player_take(&player, PLAYER_DEADLINE_MS), "a step without a frame");
        keep_picture(player.edge);
    }
    check_all();
    player_close(&player);
}

Test(candles_replay, intervals_that_are_set_while_it_plays_begin_with_their_picture)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    open_with_candles(&player, RANGE ",'speed':60");
    player_control(&player, "replay.play", "");
    for (int i = 0; i < 6; i++) {
        int64_t until = player.edge + 30000000;
        while (player.edge < until)
            cr_assert(player_take(&player, PLAYER_DEADLINE_MS));
        size_t seen = chart.snapshots;
        player_control(&player, "replay.set",
                       "'candles':[{'interval':'1s','history':20},{'interval':'7s'},"
                       "{'interval':'1m','history':3},{'interval':'3m','history':1},"
                       "{'interval':'5m'},{'interval':'1h'},{'interval':'1d','history':20}]");
        await_snapshot(&player, seen);
    }
    keep_picture(player.edge);
    check_all();
    player_close(&player);
}

/* ---- what they may depend on -------------------------------------------------------------- */

#define T INT64_C(1723161450500000) /* 2024-08-08T23:57:30.5Z, in the middle */

static void import_trade(const char *name, const char *time, const char *price)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.csv", deck.home, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "time,symbol,bid_price,ask_price,last_price,volume\n%s,BTCUSDT,,,%s,0.123\n",
            time, price);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
}

/* The picture as of an instant, of a replay of its own; a new reference. */
static json_t *picture_at(int64_t at)
{
    struct player player;
    char fields[256];
    (void)snprintf(fields, sizeof fields, RANGE ",'at':%" PRId64, at);
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_JSON);
    open_with_candles(&player, fields);
    player_close(&player);
    return json_incref(chart.picture);
}

/* What a server has cached it forgets when it hears of the change: within a second. What was said
 * before is no more what SQL has. */
static void await_another_picture(int64_t at, json_t **old)
{
    bool is_another = false;
    for (int i = 0; i < 100 && !is_another; i++) {
        chart.count = 0;
        json_t *now = picture_at(at);
        is_another = !json_equal(now, *old);
        json_decref(*old);
        *old = now;
        if (!is_another)
            usleep(50000);
    }
    cr_assert(is_another, "the new tick is not in any candle");
}

Test(candles_replay, a_tick_at_or_after_the_edge_changes_nothing_and_one_before_it_does)
{
    json_t *before = picture_at(T);
    json_t *after = picture_at(T + 2000000);
    import_trade("at", "2024-08-08T23:57:30.5Z", "99999.5");
    await_another_picture(T + 2000000, &after);
    import_trade("later", "2024-08-08T23:57:31.25Z", "1.5");
    await_another_picture(T + 2000000, &after); /* the server knows both … */
    json_t *still = picture_at(T);
    cr_assert(json_equal(before, still), "a candle as of T knows of a tick at or after T");
    check_all();
    /* … and says so only of later instants. The twin: */
    import_trade("earlier", "2024-08-08T23:57:30.499999Z", "88888.5");
    await_another_picture(T, &before);
    check_all();
    play_all(RANGE ",'speed':'-max'");
    json_decref(before);
    json_decref(after);
    json_decref(still);
}
