/*
 * Average prices by volume, over HTTP and over a real WebSocket, out of a real database: to the
 * last digit what SQL says of the ticks.
 */
#include "player.h"
#include "support/http_client.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BTC "binance-usdm-btcusdt-20240808.csv.gz"
#define ROWS_MAX 32000
#define TEXT_BYTES 80
#define SEEN_MS 20000

static struct deck deck;
static PGconn *writer;
static struct http_response response;
static char output[16384];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
}

static void serve(void)
{
    deck_serve(&deck, NULL);
    writer = deck_connect(&deck);
}

static void stop(void)
{
    http_response_deinit(&response);
    PQfinish(writer);
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(vwap, .init = start, .fini = stop, .timeout = 400);

static void execute(const char *sql)
{
    PGresult *result = PQexec(writer, sql);
    ExecStatusType status = PQresultStatus(result);
    cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
              PQerrorMessage(writer));
    PQclear(result);
}

/* ---- the oracle ---- */

struct rows {
    size_t count;
    int64_t times[ROWS_MAX];
    char vwaps[ROWS_MAX][TEXT_BYTES]; /* the shortest text that is exact; "null" */
};

static struct rows wanted;
static struct rows got;

/*
 * By numeric arithmetic over the ticks, and not as tapedeck.candles_vwap() does it: the quotient to
 * more digits than a tie can have (a divisor below 10^26 leaves 8 + 26 of them), then rounded. The
 * routine must say the same.
 */
#define SQL_VWAP                                                                                   \
    "select (extract(epoch from bucket) * 1000000)::bigint, coalesce(trim_scale(round(value "      \
    "::numeric(200, 90) / nullif(volume, 0), 8))::text, 'null') from (select date_bin('%d "        \
    "seconds', time, timestamptz '2000-01-03 00:00+00') as bucket, sum(last_price * volume) as "   \
    "value, sum(volume) as volume from tick_data where symbol = '%s' and last_price is not null "  \
    "and time < timestamptz 'epoch' + %" PRId64                                                    \
    " * interval '1 microsecond' group by 1 order by 1 desc limit %d) x order by 1"

static void ask(const char *sql, struct rows *rows)
{
    PGresult *result = PQexec(writer, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(writer));
    rows->count = (size_t)PQntuples(result);
    cr_assert_leq(rows->count, ROWS_MAX);
    for (size_t i = 0; i < rows->count; i++) {
        rows->times[i] = strtoll(PQgetvalue(result, (int)i, 0), NULL, 10);
        (void)snprintf(rows->vwaps[i], TEXT_BYTES, "%s", PQgetvalue(result, (int)i, 1));
    }
    PQclear(result);
}

#define FOREVER INT64_C(4102444800000000) /* 2100 */

static void ask_sql(const char *symbol, int seconds, int64_t before, int limit)
{
    char sql[2048];
    (void)snprintf(sql, sizeof sql, SQL_VWAP, seconds, symbol, before, limit);
    ask(sql, &wanted);
}

static void ask_routine(const char *symbol, int seconds, struct rows *rows)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof sql,
        "select (extract(epoch from bucket) * 1000000)::bigint, "
        "coalesce(trim_scale(vwap)::text, 'null') from tapedeck.candles_vwap(%d * 1000000::bigint, "
        "'%s', tapedeck.bucket_floor(%d * interval '1 second', '2024-08-01Z'), "
        "tapedeck.bucket_ceil(%d * interval '1 second', '2024-08-16Z'))",
        seconds, symbol, seconds, seconds);
    ask(sql, rows);
}

static void compare(const char *what)
{
    cr_assert_eq(got.count, wanted.count, "%s: %zu rows, SQL has %zu", what, got.count,
                 wanted.count);
    for (size_t i = 0; i < got.count; i++) {
        cr_assert_eq(got.times[i], wanted.times[i], "%s: row %zu", what, i);
        cr_assert_str_eq(got.vwaps[i], wanted.vwaps[i], "%s: row %zu of %zu, at %" PRId64, what, i,
                         got.count, got.times[i]);
    }
}

static bool is_equal(void)
{
    if (got.count != wanted.count)
        return false;
    for (size_t i = 0; i < got.count; i++) {
        if (got.times[i] != wanted.times[i] || strcmp(got.vwaps[i], wanted.vwaps[i]) != 0)
            return false;
    }
    return true;
}

/* ---- over HTTP ---- */

/* Texts, because a double of a JSON reader would round. */
static void read_body(void)
{
    got.count = 0;
    for (const char *at = response.body; (at = strstr(at, "{\"time\":\"")) != NULL; at++) {
        const char *vwap = strstr(at, ",\"vwap\":");
        cr_assert_not_null(vwap);
        cr_assert_lt(got.count, ROWS_MAX);
        (void)sscanf(vwap, ",\"vwap\":%79[^}]", got.vwaps[got.count++]);
    }
}

static void check_http(const char *symbol, const char *interval, int seconds, int limit)
{
    char target[256];
    (void)snprintf(target, sizeof target,
                   "/api/v1/candles?symbol=%s&interval=%s&limit=%d&vwap=true", symbol, interval,
                   limit);
    http_response_deinit(&response);
    http_get(deck.port, target, &response);
    cr_assert_eq(response.status, 200, "%s: %s", target, response.body);
    read_body();
    ask_sql(symbol, seconds, FOREVER, limit);
    memcpy(got.times, wanted.times, sizeof got.times); /* their own tests look at times */
    compare(target);
}

/* ---- over WebSocket ---- */

/* "123.4" of 12340000000. */
static void write_text(int64_t mantissa, char *text)
{
    if (mantissa == INT64_MIN) {
        strcpy(text, "null");
        return;
    }
    uint64_t magnitude = mantissa < 0 ? -(uint64_t)mantissa : (uint64_t)mantissa;
    int length = snprintf(text, TEXT_BYTES, "%s%" PRIu64 ".%08" PRIu64, mantissa < 0 ? "-" : "",
                          magnitude / 100000000, magnitude % 100000000);
    while (text[length - 1] == '0')
        text[--length] = '\0';
    if (text[length - 1] == '.')
        text[length - 1] = '\0';
}

static void read_texts(const json_t *column)
{
    const json_t *texts = json_array_get(column, 1);
    cr_assert_eq(json_array_size(texts), got.count);
    for (size_t i = 0; i < got.count; i++) {
        const json_t *text = json_array_get(texts, i);
        (void)snprintf(got.vwaps[i], TEXT_BYTES, "%s",
                       json_is_null(text) ? "null" : json_string_value(text));
    }
}

static void read_message(const json_t *message)
{
    static int64_t values[ROWS_MAX];
    cr_assert_not_null(message);
    cr_assert_not_null(json_object_get(message, "n"), "%s",
                       json_string_value(json_object_get(message, "message")));
    got.count = (size_t)json_integer_value(json_object_get(message, "n"));
    cr_assert(wire_column_times(json_object_get(message, "time"), got.count, got.times));
    const json_t *column = json_object_get(message, "vwap");
    cr_assert_not_null(column);
    if (strcmp(json_string_value(json_array_get(column, 0)), "text") == 0) {
        read_texts(column);
        return;
    }
    cr_assert(wire_column_decimals(column, got.count, values));
    for (size_t i = 0; i < got.count; i++)
        write_text(values[i], got.vwaps[i]);
}

static void check_subscribe(struct player *player, const char *symbol, const char *interval,
                            int seconds, int limit)
{
    cr_assert(wire_client_request(player->client,
                                  "{'op':'candles.subscribe','id':9,'symbol':'%s',"
                                  "'interval':'%s','limit':%d,'vwap':true}",
                                  symbol, interval, limit));
    json_t *message = wire_client_await(player->client, "candles.snapshot", PLAYER_DEADLINE_MS);
    read_message(message);
    json_decref(message);
    ask_sql(symbol, seconds, FOREVER, limit);
    compare(interval);
}

/* ---- real ticks ---- */

static const struct {
    const char *text;
    int seconds;
    int limit;
} intervals[] = {{"1s", 1, 5000},  {"7s", 7, 500},    {"1m", 60, 500},    {"5m", 300, 500},
                 {"90s", 90, 500}, {"1h", 3600, 500}, {"1d", 86400, 500}, {"1w", 604800, 500}};
#define INTERVALS (sizeof intervals / sizeof *intervals)

static void check_all(const char *symbol)
{
    static const char *const subprotocols[] = {WIRE_SUBPROTOCOL_MSGPACK, WIRE_SUBPROTOCOL_JSON};
    for (size_t i = 0; i < INTERVALS; i++)
        check_http(symbol, intervals[i].text, intervals[i].seconds, intervals[i].limit);
    for (size_t p = 0; p < 2; p++) {
        struct player player;
        player_connect(&player, &deck, subprotocols[p]);
        for (size_t i = 0; i < INTERVALS; i++)
            check_subscribe(&player, symbol, intervals[i].text, intervals[i].seconds,
                            intervals[i].limit);
        player_close(&player);
    }
}

static void check_routine(const char *symbol)
{
    for (size_t i = 0; i < INTERVALS; i++) {
        if (intervals[i].seconds < 7)
            continue;
        ask_routine(symbol, intervals[i].seconds, &got);
        ask_sql(symbol, intervals[i].seconds, FOREVER, ROWS_MAX);
        compare(intervals[i].text);
    }
}

Test(vwap, of_real_ticks_is_what_sql_says)
{
    const char *path = deck_shared_file(BTC);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    serve();
    check_all("BTCUSDT");
    check_routine("BTCUSDT");
}

/* Before the playhead: nothing of what comes after it. */
Test(vwap, of_a_replay_is_as_of_its_edge)
{
    static const int64_t edges[] = {INT64_C(1723161255088169), INT64_C(1723161300000000),
                                    INT64_C(1723161432123456)};
    const char *path = deck_shared_file(BTC);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    serve();
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 1, "'symbols':['BTCUSDT'],'from':1723161240000000,'to':1723161600000000");
    for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {
        for (size_t i = 0; i < INTERVALS; i++) {
            cr_assert(wire_client_request(
                player.client,
                "{'op':'replay.history','id':1,'symbol':0,'interval':'%s','before':'2100-01-01',"
                "'count':500,'at':%" PRId64 ",'vwap':true}",
                intervals[i].text, edges[e]));
            json_t *message =
                wire_client_await(player.client, "replay.history", PLAYER_DEADLINE_MS);
            read_message(message);
            json_decref(message);
            ask_sql("BTCUSDT", intervals[i].seconds, edges[e], 500);
            compare(intervals[i].text);
        }
    }
    cr_assert_str_eq(player_refused(&player, "{'op':'replay.set','id':1,'candles':[{'interval':"
                                             "'1m','vwap':true}]}"),
                     "bad_argument");
    player_close(&player);
}

/* ---- made up ticks ---- */

#define DAYS "timestamptz '2024-08-05 00:00+00', timestamptz '2024-08-15 00:00+00'"

/* Ten days: nulls, zero volumes, numbers of 0 to 10 digits before the point and 0 to 8 behind it.
 */
static void write_random(const char *symbol, const char *sign, int count)
{
    char sql[2048];
    execute("begin");
    execute("select tapedeck.write_prepare(" DAYS ", false)");
    execute("select setseed(0.42)");
    (void)snprintf(
        sql, sizeof sql,
        "insert into tick_data (time, symbol, last_price, volume) "
        "select date_trunc('milliseconds', timestamptz '2024-08-05 00:00+00' + random() * interval "
        "'9 days'), '%s', case when random() < 0.2 then null else "
        "round((random() * 9 * 10 ^ floor(random() * 11))::numeric, floor(random() * 9)::int) end, "
        "case when random() < 0.15 then null when random() < 0.1 then 0 else %s "
        "round((random() * 9 * 10 ^ floor(random() * 11 - 3))::numeric, floor(random() * 9)::int) "
        "end from generate_series(1, %d)",
        symbol, sign, count);
    execute(sql);
    (void)snprintf(sql, sizeof sql,
                   "select tapedeck.write_finish(array[symbol], array[min(time)], array[max(time)],"
                   " array[count(*)], 'ingest') from tick_data where symbol = '%s' group by symbol",
                   symbol);
    execute(sql);
    execute("commit");
}

static void await_symbol(struct player *player, const char *symbol)
{
    size_t count = 0;
    for (int round = 0; count == 0; round++) {
        cr_assert_lt(round, 2000, "symbol %s is not listed", symbol);
        cr_assert(wire_client_request(player->client, "{'op':'symbols','prefix':'%s'}", symbol));
        json_t *symbols = wire_client_await(player->client, "symbols", PLAYER_DEADLINE_MS);
        cr_assert_not_null(symbols);
        count = json_array_size(json_object_get(symbols, "symbols"));
        json_decref(symbols);
        usleep(10000); /* within the rate that a client is allowed */
    }
}

static void check_random(const char *symbol, const char *sign, int count)
{
    struct player player;
    serve();
    write_random(symbol, sign, count);
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    await_symbol(&player, symbol);
    player_close(&player);
    check_routine(symbol);
    check_all(symbol);
}

Test(vwap, of_random_ticks_is_what_sql_says)
{
    check_random("RANDOM", "", 30000);
}

/* Corrections: averages beyond every price, and volumes that come to nothing. */
Test(vwap, of_volumes_below_zero_is_what_sql_says)
{
    check_random("SIGNED", "sign(random() - 0.5) *", 3000);
}

Test(vwap, of_live_candles_follows_every_commit)
{
    struct player player;
    serve();
    write_random("LIVE", "", 2000);
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_JSON);
    await_symbol(&player, "LIVE");
    cr_assert(wire_client_request(player.client, "{'op':'candles.subscribe','id':9,'symbol':'LIVE',"
                                                 "'interval':'90m','limit':1,'live':true,"
                                                 "'vwap':true}"));
    for (int i = 0; i < 20; i++) {
        ask_sql("LIVE", 90 * 60, FOREVER, 1);
        do {
            json_t *message = wire_client_receive_tree(player.client, SEEN_MS);
            read_message(message);
            json_decref(message);
        } while (!is_equal());
        execute(
            "insert into tick_data (time, symbol, last_price, volume) select max(time), 'LIVE', "
            "round((random() * 1000)::numeric, 8), round((random() * 10)::numeric, 8) "
            "from tick_data where symbol = 'LIVE'");
    }
    player_close(&player);
}

/* ---- ticks that were dropped ---- */

static void drop_first_days(void)
{
    bool is_timescale = strcmp(deck.engine, "timescaledb") == 0;
    if (is_timescale) {
        execute("select drop_chunks('tick_data', timestamptz '2024-08-09 00:00+00')");
        return;
    }
    for (int day = 5; day < 9; day++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "drop table tapedeck.tick_data_2024080%d", day);
        execute(sql);
    }
}

/* Their candles stay. A week of which some days have gone has no average either. */
Test(vwap, is_null_where_ticks_have_been_dropped)
{
    struct player player;
    serve();
    write_random("DROPPED", "", 20000);
    cr_assert_eq(
        DECK_RUN(&deck, output, "candles", "refresh", "--from", "2024-08-05", "--to", "2024-08-15"),
        0, "%s", output);
    PQfinish(writer);
    writer = NULL;
    cr_assert_eq(deck_stop(&deck), 0);
    serve();
    drop_first_days();
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    await_symbol(&player, "DROPPED");
    cr_assert(wire_client_request(player.client,
                                  "{'op':'candles.subscribe','id':9,'symbol':'DROPPED',"
                                  "'interval':'1d','vwap':true}"));
    json_t *message = wire_client_await(player.client, "candles.snapshot", PLAYER_DEADLINE_MS);
    read_message(message);
    json_decref(message);
    cr_assert_eq(got.count, 9);
    for (size_t i = 0; i < 9; i++)
        cr_assert_eq(strcmp(got.vwaps[i], "null") == 0, i < 4, "day %zu: %s", i, got.vwaps[i]);
    cr_assert(wire_client_request(player.client,
                                  "{'op':'candles.subscribe','id':9,'symbol':'DROPPED',"
                                  "'interval':'1w','vwap':true}"));
    message = wire_client_await(player.client, "candles.snapshot", PLAYER_DEADLINE_MS);
    read_message(message);
    json_decref(message);
    ask_routine("DROPPED", 604800, &wanted);
    compare("1w");
    cr_assert_eq(got.count, 2);
    cr_assert_str_eq(got.vwaps[0], "null");
    cr_assert(strcmp(got.vwaps[1], "null") != 0);
    player_close(&player);
}

/* ---- what one question may cost ---- */

/* Four million ticks are read, on a machine that may have other things to do. */
#define MANY_DEADLINE_MS (4 * PLAYER_DEADLINE_MS)

Test(vwap, of_too_many_ticks_is_refused_and_the_bound_is_named, .timeout = 900)
{
    serve();
    execute("begin");
    execute("select tapedeck.write_prepare(" DAYS ", false)");
    execute("insert into tick_data (time, symbol, last_price, volume) select timestamptz "
            "'2024-08-06 00:00+00' + i * interval '10 milliseconds', 'MANY', 1, 1 "
            "from generate_series(1, 3999999) i");
    execute("select tapedeck.write_finish('{MANY}', array[timestamptz '2024-08-06 00:00:00.01+00'],"
            " array[timestamptz '2024-08-06 11:06:39.99+00'], '{3999999}', 'ingest')");
    execute("commit");
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    await_symbol(&player, "MANY");
    cr_assert(wire_client_request(player.client, "{'op':'candles.subscribe','id':8,'symbol':'MANY',"
                                                 "'interval':'1d','live':true,'vwap':true}"));
    json_t *message = wire_client_await(player.client, "candles.snapshot", MANY_DEADLINE_MS);
    read_message(message);
    json_decref(message);
    cr_assert(got.count == 1 && strcmp(got.vwaps[0], "1") == 0);
    /* Two more are one too many: that is the end of the subscription, and said. */
    execute("insert into tick_data (time, symbol, last_price, volume) select timestamptz "
            "'2024-08-06 12:00+00', 'MANY', 1, 1 from generate_series(1, 2)");
    message = wire_client_await(player.client, "error", MANY_DEADLINE_MS);
    cr_assert_not_null(message);
    cr_assert_str_eq(json_string_value(json_object_get(message, "code")), "limit");
    cr_assert_eq(json_integer_value(json_object_get(message, "id")), 8);
    cr_assert_null(json_object_get(message, "re"));
    json_decref(message);
    cr_assert_str_eq(player_refused(&player, "{'op':'candles.unsubscribe','id':8}"), "not_found");
    cr_assert_str_eq(player_refused(&player, "{'op':'candles.subscribe','id':9,'symbol':'MANY',"
                                             "'interval':'1d','vwap':true}"),
                     "limit");
    player_close(&player);
    http_get(deck.port, "/api/v1/candles?symbol=MANY&interval=1d&vwap=true", &response);
    cr_assert_eq(response.status, 400, "%s", response.body);
    cr_assert_not_null(strstr(response.body, "\"limit\""));
    cr_assert_not_null(strstr(response.body, "4000000"), "%s", response.body);
    check_http("MANY", "1m", 60, 500);
}
