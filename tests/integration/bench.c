/*
 * `tapedeck bench replay` and `tapedeck bench windows` against a real server: what they counted is
 * what SQL counts, to the sum of all values, and what goes wrong is said with status 1.
 */
#include "deck.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct deck deck;
static char output[65536];

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    int status =
        DECK_RUN(&deck, output, "generate", "--symbols", "SIM:A,SIM:B", "--every", "20ms", "--from",
                 "2024-08-08T12:00:00Z", "--to", "2024-08-08T12:20:00Z", "--keep");
    cr_assert_eq(status, 0, "%s", output);
    /* The client asks again as soon as it is answered, which is more often than a client may. */
    deck_serve(&deck, (const char *const[]){"--requests-per-second", "1000000", "--requests-burst",
                                            "1000000", NULL});
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(bench, .init = start, .fini = stop, .timeout = 300);

#define ARGUMENTS_MAX 24

/* Runs `bench WHAT` with --json and the arguments, which end with NULL; a new reference. */
static json_t *measure(const char *what, const char *const *arguments)
{
    char url[64];
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/ws", deck.port);
    const char *all[ARGUMENTS_MAX] = {"bench", what, "--json", "--url", url};
    for (size_t i = 0; arguments[i] != NULL; i++)
        all[5 + i] = arguments[i];
    int status = deck_run(&deck, output, sizeof output, all);
    cr_assert_eq(status, 0, "%s", output);
    json_error_t error;
    json_t *result = json_loads(output, 0, &error);
    cr_assert_not_null(result, "%s: %s", error.text, output);
    return result;
}
#define MEASURE(...) measure("replay", (const char *const[]){__VA_ARGS__, NULL})
#define MEASURE_WINDOWS(...) measure("windows", (const char *const[]){__VA_ARGS__, NULL})

static int64_t integer_of(const json_t *result, const char *key)
{
    const json_t *value = json_object_get(result, key);
    cr_assert(json_is_integer(value), "%s is no integer: %s", key, output);
    return (int64_t)json_integer_value(value);
}

/* The sum of all times and mantissas at exp 8, modulo 2^64, by SQL's own arithmetic. */
#define SUM                                                                                        \
    "mod(sum(extract(epoch from time) * 1000000 + coalesce(bid_price, 0) * 100000000 + "           \
    "coalesce(ask_price, 0) * 100000000 + coalesce(last_price, 0) * 100000000 + "                  \
    "coalesce(volume, 0) * 100000000), 18446744073709551616)"

/* The one value of a query is the text at `key`. */
static void expect_text(const json_t *result, const char *key, const char *sql)
{
    PGconn *connection = deck_connect(&deck);
    PGresult *row = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(row), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    cr_assert_str_eq(json_string_value(json_object_get(result, key)), PQgetvalue(row, 0, 0));
    PQclear(row);
    PQfinish(connection);
}

static void expect_ticks(const json_t *result, const char *count_key, const char *sum_key,
                         const char *where)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql, "select count(*) from tick_data where %s", where);
    int64_t ticks = deck_number(&deck, sql);
    cr_assert_gt(ticks, 0);
    cr_assert_eq(integer_of(result, count_key), ticks);
    (void)snprintf(sql, sizeof sql, "select " SUM "::numeric(30, 0) from tick_data where %s",
                   where);
    expect_text(result, sum_key, sql);
}

static void expect_pass(const json_t *result, const char *where)
{
    expect_ticks(result, "pass_ticks", "pass_sum", where);
}

Test(bench, viewers_at_max_count_what_sql_counts)
{
    json_t *result = MEASURE("--speed", "max", "--viewers", "5", "--stagger", "0");
    expect_pass(result, "true");
    cr_assert_eq(integer_of(result, "ticks"), 5 * integer_of(result, "pass_ticks"));
    cr_assert_eq(integer_of(result, "server_pid"), deck.server);
    cr_assert_gt(integer_of(result, "server_rss_bytes"), 0);
    cr_assert_gt(json_real_value(json_object_get(result, "ticks_per_second")), 0);
    cr_assert(json_is_null(json_object_get(json_object_get(result, "lateness_us"), "p99")));
    json_decref(result);
}

Test(bench, a_part_of_the_range_with_acknowledgements_is_counted_too)
{
    json_t *result =
        MEASURE("--speed", "200", "--symbols", "SIM:B", "--from", "2024-08-08T12:03:00.01Z", "--to",
                "2024-08-08T12:09:59.98Z", "--flow", "ack");
    expect_pass(result, "symbol = 'SIM:B' and time >= '2024-08-08T12:03:00.01Z' and "
                        "time < '2024-08-08T12:09:59.98Z'");
    cr_assert_geq(integer_of(json_object_get(result, "lateness_us"), "p99"), 0);
    json_decref(result);
}

Test(bench, seeks_are_measured_playing_and_paused)
{
    json_t *result = MEASURE("--seeks", "20", "--viewers", "3");
    cr_assert_eq(integer_of(result, "seeks"), 60);
    cr_assert_gt(integer_of(json_object_get(result, "seek_us"), "max"), 0);
    json_decref(result);
    result = MEASURE("--seeks", "20", "--paused");
    cr_assert_eq(integer_of(result, "seeks"), 20);
    cr_assert_eq(integer_of(result, "frames"), 0);
    json_decref(result);
}

Test(bench, backward_comes_to_the_same_ticks_as_sql)
{
    json_t *result = MEASURE("--speed", "-max", "--viewers", "2");
    expect_pass(result, "true");
    json_decref(result);
    result = MEASURE("--speed", "-400", "--symbols", "SIM:A");
    expect_pass(result, "symbol = 'SIM:A'");
    json_decref(result);
    result = MEASURE("--speed", "-1", "--seeks", "20");
    cr_assert_eq(integer_of(result, "seeks"), 20);
    json_decref(result);
}

Test(bench, steps_come_to_the_same_ticks_as_sql)
{
    /* Every tick once: the range ends before the steps do. */
    json_t *result = MEASURE("--steps", "100000", "--symbols", "SIM:A", "--from",
                             "2024-08-08T12:01:00Z", "--to", "2024-08-08T12:01:20Z");
    cr_assert_eq(integer_of(result, "ticks"),
                 deck_number(&deck, "select count(*) from tick_data where symbol = 'SIM:A' and "
                                    "time >= '2024-08-08T12:01:00Z' and "
                                    "time < '2024-08-08T12:01:20Z'"));
    json_decref(result);
    result = MEASURE("--steps", "100", "--step-by", "1m", "--speed", "-max");
    cr_assert_eq(integer_of(result, "steps"), 20);
    cr_assert_eq(integer_of(result, "ticks"), deck_number(&deck, "select count(*) from tick_data"));
    json_decref(result);
}

Test(bench, a_duration_ends_a_paced_run_and_a_loop)
{
    json_t *result = MEASURE("--viewers", "10", "--duration", "1s", "--stagger", "100ms");
    cr_assert_geq(json_real_value(json_object_get(result, "seconds")), 1);
    cr_assert_gt(integer_of(result, "frames"), 0);
    cr_assert(json_is_null(json_object_get(result, "pass_ticks")));
    json_decref(result);
    /* Few ticks: however busy the machine is, they have passed once before the time is over. */
    result = MEASURE("--speed", "max", "--loop", "--duration", "1s", "--symbols", "SIM:A", "--to",
                     "2024-08-08T12:00:05Z");
    expect_pass(result, "symbol = 'SIM:A' and time < '2024-08-08T12:00:05Z'");
    json_decref(result);
}

Test(bench, a_window_of_ticks_is_what_sql_has_there)
{
    json_t *result = MEASURE_WINDOWS("--symbol", "SIM:B", "--ticks", "90s", "--at",
                                     "2024-08-08T12:03:00.01Z", "--again", "2");
    expect_ticks(result, "rows", "sum",
                 "symbol = 'SIM:B' and time >= '2024-08-08T12:03:00.01Z' and "
                 "time < '2024-08-08T12:04:30.01Z'");
    cr_assert_eq(integer_of(result, "windows"), 1);
    cr_assert_gt(integer_of(json_object_get(result, "again_us"), "max"), 0);
    json_decref(result);
}

static const char *instants_file(const char *text)
{
    static char path[sizeof deck.home + sizeof "/instants"];
    (void)snprintf(path, sizeof path, "%s/instants", deck.home);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    return path;
}

Test(bench, instants_of_a_file_are_reported_one_by_one)
{
    char url[64];
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/ws", deck.port);
    const char *path = instants_file("2024-08-08T12:03:00Z\n2024-08-08 14:07:00+02");
    cr_assert_eq(DECK_RUN(&deck, output, "bench", "windows", "--json", "--url", url, "--symbol",
                          "SIM:B", "--ticks", "2m", "--instants", path),
                 0, "%s", output);
    const char *const from[] = {"2024-08-08T12:03:00Z", "2024-08-08T12:07:00Z"};
    char *line = output;
    for (size_t i = 0; i < 2; i++) {
        char where[160];
        (void)snprintf(where, sizeof where,
                       "symbol = 'SIM:B' and time >= '%s' and time < timestamptz '%s' + "
                       "interval '2 minutes'",
                       from[i], from[i]);
        char *end = strchr(line, '\n');
        cr_assert_not_null(end);
        json_t *result = json_loadb(line, (size_t)(end - line), 0, NULL);
        expect_ticks(result, "rows", "sum", where);
        json_decref(result);
        line = end + 1;
    }
    cr_assert_str_eq(line, "");
}

Test(bench, the_newest_candles_before_an_instant_are_what_sql_makes_of_the_ticks)
{
    json_t *result = MEASURE_WINDOWS("--symbol", "SIM:A", "--candles", "2m", "--count", "5", "--at",
                                     "2024-08-08T12:16:00Z");
    cr_assert_eq(integer_of(result, "rows"), 5);
    expect_text(result, "sum",
                "select mod(sum(extract(epoch from bucket) * 1000000 + 100000000 * "
                "(open + high + low + close + volume + trades + 1)), 18446744073709551616)"
                "::numeric(30, 0) from tapedeck.candles_of_ticks('2 minutes', 'SIM:A', "
                "'2024-08-08T12:06:00Z', '2024-08-08T12:16:00Z')");
    json_decref(result);
}

Test(bench, windows_are_asked_for_at_many_instants_once_and_again)
{
    json_t *result = MEASURE_WINDOWS("--ticks", "1m", "--windows", "7", "--again", "3");
    cr_assert_eq(integer_of(result, "windows"), 7);
    cr_assert_eq(integer_of(result, "rows"), 7 * 3000);
    json_decref(result);
    result = MEASURE_WINDOWS("--candles", "10s", "--count", "20", "--windows", "7", "--again", "0");
    cr_assert_leq(integer_of(result, "rows"), 7 * 20);
    cr_assert(json_is_null(json_object_get(json_object_get(result, "again_us"), "p99")));
    json_decref(result);
}

static void expect_failure(const char *const *arguments, const char *words)
{
    int status = deck_run(&deck, output, sizeof output, arguments);
    cr_assert_eq(status, 1, "%s", output);
    cr_assert_not_null(strstr(output, words), "%s", output);
}

Test(bench, what_fails_is_said_with_status_1)
{
    char url[64];
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/ws", deck.port);
    expect_failure((const char *const[]){"bench", "replay", "--url", url, "--symbols", "NO", NULL},
                   "0 of the 1 symbols");
    expect_failure((const char *const[]){"bench", "replay", "--url", url, "--from",
                                         "2024-08-08T12:20:00Z", NULL},
                   "--from is not before --to");
    expect_failure((const char *const[]){"bench", "windows", "--url", url, "--ticks", "1m",
                                         "--symbol", "NO", NULL},
                   "no symbol NO");
    expect_failure((const char *const[]){"bench", "windows", "--url", url, "--ticks", "1h", NULL},
                   "no room for such a window");
    expect_failure((const char *const[]){"bench", "windows", "--url", url, NULL}, "choose one");
    expect_failure((const char *const[]){"bench", "windows", "--url", url, "--candles", "7x", NULL},
                   "--candles");
    const char *instants = instants_file("2024-08-08T12:03:00Z\nsoon\n");
    expect_failure((const char *const[]){"bench", "windows", "--url", url, "--ticks", "1m",
                                         "--instants", instants, NULL},
                   "line 2: soon is no time");
    expect_failure((const char *const[]){"bench", "windows", "--url", url, "--ticks", "1m", "--at",
                                         "2024-08-08", "--instants", instants, NULL},
                   "choose one");
    deck_kill(&deck);
    expect_failure((const char *const[]){"bench", "replay", "--url", url, NULL},
                   "Connection refused");
}
