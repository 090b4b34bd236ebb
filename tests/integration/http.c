/*
 * Ticks and candles over plain HTTP, out of a real database: to the last byte what SQL says.
 */
#include "deck.h"
#include "support/http_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BTC "binance-usdm-btcusdt-20240808.csv.gz"
#define BTC_ROWS 87402
#define STALLED 16
/* What so many clients may hold, and what an allocator keeps beside. All of the answers together
 * are more than 100 MiB. */
#define STALLED_KIB_MAX (STALLED * 64 + 4 * 1024)
#define CHANGE_SECONDS 20

static struct deck deck;
static struct http_response response;

/* What is freed shall not count as held: the address sanitizer keeps up to 256 MiB of it. */
static void keep_no_quarantine(void)
{
    char options[512];
    const char *old = getenv("ASAN_OPTIONS");
    (void)snprintf(options, sizeof options,
                   "%s%squarantine_size_mb=1:thread_local_quarantine_size_kb=64",
                   old != NULL ? old : "", old != NULL ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    const char *path = deck_shared_file(BTC);
    char output[16384];
    deck_init(&deck, deck_engine());
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
    keep_no_quarantine();
    deck_serve(&deck, NULL);
}

static void stop(void)
{
    http_response_deinit(&response);
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(http, .init = start, .fini = stop, .timeout = 400);

static void get(const char *target, const char *headers)
{
    http_response_deinit(&response);
    http_request(deck.port, "GET", target, headers, &response);
}

static char *sql_text(const char *sql)
{
    PGconn *connection = deck_connect(&deck);
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    char *text = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(connection);
    return text;
}

/* Says where two texts part, not all of them. */
static void check_text(const char *target, const char *got, const char *expected)
{
    size_t at = 0;
    while (got[at] == expected[at] && got[at] != '\0')
        at++;
    size_t from = at < 60 ? 0 : at - 60;
    cr_assert(got[at] == expected[at], "%s: at byte %zu\n%.120s\nis not\n%.120s", target, at,
              got + from, expected + from);
}

static void check_answer(const char *target, const char *sql)
{
    char *expected = sql_text(sql);
    get(target, NULL);
    cr_assert_eq(response.status, 200, "%s: %s%s", target, response.text, response.body);
    cr_assert(response.is_whole, "%s", target);
    check_text(target, response.body, expected);
    free(expected);
}

/* ---- ticks ---- */

#define SQL_TIME "to_char(time at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define SQL_NUMBERS                                                                                \
    "trim_scale(bid_price)::text, trim_scale(ask_price)::text, trim_scale(last_price)::text, "     \
    "trim_scale(volume)::text"
#define SQL_CSV                                                                                    \
    "select 'time,bid,ask,last,volume' || E'\\n' || coalesce(string_agg(concat_ws('', t, ',', b, " \
    "',', a, ',', l, ',', v, E'\\n'), '' order by time, seq), '') from (select time, "             \
    "seq, " SQL_TIME ", " SQL_NUMBERS                                                              \
    " from tick_data where symbol = 'BTCUSDT'%s) x(time, seq, t, b, a, "                           \
    "l, v)"
#define SQL_NDJSON                                                                                 \
    "select string_agg(format('{\"time\":\"%%s\",\"bid\":%%s,\"ask\":%%s,\"last\":%%s,"            \
    "\"volume\":%%s}', t, coalesce(b, 'null'), coalesce(a, 'null'), coalesce(l, 'null'), "         \
    "coalesce(v, 'null')) || E'\\n', '' order by time, seq) from (select time, seq, " SQL_TIME     \
    ", " SQL_NUMBERS " from tick_data where symbol = 'BTCUSDT'%s) x(time, seq, t, b, a, l, v)"

static void check_ticks(const char *parameters, const char *sql_format, const char *where)
{
    char target[256];
    char sql[2048];
    (void)snprintf(target, sizeof target, "/api/v1/ticks?symbol=BTCUSDT%s", parameters);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(sql, sizeof sql, sql_format, where);
#pragma GCC diagnostic pop
    check_answer(target, sql);
}

static size_t lines_of(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static long server_kib(void)
{
    char path[64];
    char line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)deck.server);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    }
    fclose(file);
    return kib;
}

Test(http, ticks_are_row_for_row_the_rows_of_sql)
{
    check_ticks("&format=csv", SQL_CSV, "");
    cr_assert_eq(lines_of(response.body), BTC_ROWS + 1);
    check_ticks("", SQL_NDJSON, "");
    cr_assert_eq(lines_of(response.body), BTC_ROWS);
    check_ticks("&format=csv&from=2024-08-08T23:57:00.5Z&to=2024-08-09T01:58:00%2B02:00", SQL_CSV,
                " and time >= '2024-08-08 23:57:00.5Z' and time < '2024-08-08 23:58:00Z'");
    check_ticks("&format=csv&from=2020-01-01&to=2024-08-08T23:54:15.088177Z", SQL_CSV,
                " and time < '2024-08-08 23:54:15.088177Z'");
    check_ticks("&format=csv&to=2024-01-01", SQL_CSV, " and false");
}

Test(http, clients_that_stop_reading_do_not_make_the_server_grow)
{
    static const char request[] =
        "GET /api/v1/ticks?symbol=BTCUSDT HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int sockets[STALLED];
    get("/api/v1/ticks?symbol=BTCUSDT", NULL); /* all of it is in the cache then */
    long before = server_kib();
    for (size_t i = 0; i < STALLED; i++) {
        sockets[i] = http_connect_narrowly(deck.port);
        cr_assert_geq(sockets[i], 0);
        http_send(sockets[i], request);
        char first;
        cr_assert_eq(recv(sockets[i], &first, 1, 0), 1); /* it has begun, and nobody reads on */
    }
    get("/api/v1/ticks?symbol=BTCUSDT", NULL); /* others are served meanwhile */
    cr_assert(response.is_whole);
    long after = server_kib();
    fprintf(stderr, "%d stalled clients: %ld KiB, after %ld\n", STALLED, after - before, before);
    cr_assert_leq(after - before, STALLED_KIB_MAX);
    for (size_t i = 0; i < STALLED; i++)
        close(sockets[i]);
}

/* ---- candles ---- */

/* From the ticks, with none of the machinery that makes candles; `%s` an interval for SQL. */
#define SQL_CANDLES                                                                                \
    "select format('{\"symbol\":\"BTCUSDT\",\"interval\":\"%s\",\"candles\":[%%s]}', "             \
    "coalesce(string_agg(format('{\"time\":\"%%s\",\"open\":%%s,\"high\":%%s,\"low\":%%s,"         \
    "\"close\":%%s,\"volume\":%%s,\"trades\":%%s,\"final\":true}', " SQL_TIME ", "                 \
    "trim_scale(o), trim_scale(h), trim_scale(l), trim_scale(c), "                                 \
    "coalesce(trim_scale(v)::text, 'null'), n), ',' order by time), '')) || E'\\n' from ("         \
    "select * from (select date_bin('%s', time, '2000-01-03Z') as time, "                          \
    "(array_agg(last_price order by time, seq))[1] as o, max(last_price) as h, "                   \
    "min(last_price) as l, (array_agg(last_price order by time desc, seq desc))[1] as c, "         \
    "sum(volume) as v, count(*) as n from tick_data where symbol = 'BTCUSDT' and "                 \
    "last_price is not null group by 1) y where true %s order by time desc limit %d) x"

static void check_candles(const char *interval, const char *sql_interval, const char *parameters,
                          const char *where, int limit)
{
    char target[256];
    char sql[2048];
    (void)snprintf(target, sizeof target, "/api/v1/candles?symbol=BTCUSDT&interval=%s%s", interval,
                   parameters);
    (void)snprintf(sql, sizeof sql, SQL_CANDLES, interval, sql_interval, where, limit);
    check_answer(target, sql);
}

Test(http, candles_are_what_sql_says_of_the_ticks)
{
    check_candles("1m", "1 minute", "", "", 500);
    check_candles("1m", "1 minute", "&limit=2", "", 2);
    check_candles("2m", "2 minutes", "", "", 500);
    check_candles("7m", "7 minutes", "", "", 500);
    check_candles("1h", "1 hour", "", "", 500);
    check_candles("1d", "1 day", "", "", 500);
    check_candles("1w", "7 days", "", "", 500);
    check_candles("1s", "1 second", "&limit=5000", "", 5000);
    check_candles("13s", "13 seconds", "", "", 500);
    check_candles("1m", "1 minute", "&from=2024-08-08T23:56:00Z&to=2024-08-08T23:58:00.000001Z",
                  " and time >= '2024-08-08 23:56Z' and time <= '2024-08-08 23:58Z'", 500);
    check_candles("5m", "5 minutes", "&from=2030-01-01", " and false", 500);
}

static void import_text(const char *text);

/* More of them than a piece of the stream holds, so that pieces part in the middle of it. */
#define BURST_TICKS 3000
#define BURST_TIME "2024-08-08T12:00:00.000001Z"

Test(http, an_instant_with_more_ticks_than_a_piece_is_whole_and_in_order)
{
    static char file[BURST_TICKS * 64];
    static char expected[BURST_TICKS * 64] = "time,bid,ask,last,volume\n";
    char *line = file + sprintf(file, "time,symbol,last_price,volume\n");
    char *tick = expected + strlen(expected);
    for (int i = 0; i < BURST_TICKS; i++) {
        int price = (i * 7919) % 3001; /* not in the order of time or price, but of the file */
        line += sprintf(line, BURST_TIME ",BURST,%d.5,1\n", price);
        tick += sprintf(tick, BURST_TIME ",,,%d.5,1\n", price);
    }
    import_text(file);
    time_t end = time(NULL) + CHANGE_SECONDS;
    do {
        usleep(50000);
        get("/api/v1/ticks?symbol=BURST&format=csv", NULL);
    } while (response.status == 404 && time(NULL) < end);
    cr_assert(response.is_whole);
    check_text("BURST", response.body, expected);
}

static void import_text(const char *text)
{
    char path[256];
    char output[8192];
    (void)snprintf(path, sizeof path, "%s/more.csv", deck.home);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path, "--keep"), 0, "%s", output);
}

#define SETTLED "/api/v1/candles?symbol=BTCUSDT&interval=1m&to=2024-08-09"

Test(http, what_a_client_has_is_not_sent_again_until_it_changes)
{
    char tag[64];
    char headers[128];
    get(SETTLED, NULL);
    cr_assert(http_header(&response, "ETag", tag, sizeof tag));
    (void)snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", tag);
    get(SETTLED, headers);
    cr_assert_eq(response.status, 304);
    /* A tick that was forgotten, and a symbol whose name has to be encoded. */
    import_text("time,symbol,bid_price,ask_price,last_price,volume\n"
                "2024-08-08T23:55:30Z,BTCUSDT,,,99999.5,1.25\n"
                "2024-08-08T23:55:30Z,A&B=\xE2\x82\xAC+ /?,,,1,\n");
    time_t end = time(NULL) + CHANGE_SECONDS;
    while (response.status == 304 && time(NULL) < end) {
        usleep(50000);
        get(SETTLED, headers);
    }
    cr_assert_eq(response.status, 200);
    check_candles("1m", "1 minute", "", "", 500);
    get("/api/v1/ticks?symbol=A%26B%3D%E2%82%AC%2B+%2F%3F&format=csv", NULL);
    while (response.status == 404 && time(NULL) < end) {
        usleep(50000);
        get("/api/v1/ticks?symbol=A%26B%3D%E2%82%AC%2B+%2F%3F&format=csv", NULL);
    }
    cr_assert_str_eq(response.body, "time,bid,ask,last,volume\n"
                                    "2024-08-08T23:55:30.000000Z,,,1,\n");
}
