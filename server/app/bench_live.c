/*
 * tapedeck bench live: writes one tick after the other into the database, and measures how long
 * each takes to reach everybody who watches its candle.
 *
 *   write, COMMIT ──▶ until the last subscriber has its price ──▶ pause ──▶ the next
 */
#include "app/bench_live.h"

#include "app/database.h"
#include "app/terminal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/crowd.h"
#include "bench/process.h"
#include "market/symbol.h"
#include "market/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PRICE_PARTS INT64_C(100000000) /* a price is told at exp 8 */
#define PRICE_FIRST 100

#define LIVE_FIELD(field) .offset = offsetof(struct bench_live_values, field)

const struct bench_live_values bench_live_defaults = {
    .symbol = "BENCH:LIVE",
    .interval = "1h",
    .subscribers = 1000,
    .changes = 20,
    .pause_us = 500000,
};

const struct option bench_live_options[BENCH_LIVE_OPTION_COUNT] = {
    BENCH_SERVER_OPTIONS(struct bench_live_values),
    {.name = "symbol",
     .type = OPTION_TEXT,
     LIVE_FIELD(symbol),
     .value = "NAME",
     .help = "whose ticks are written (default BENCH:LIVE)"},
    {.name = "interval",
     .type = OPTION_TEXT,
     LIVE_FIELD(interval),
     .value = "INTERVAL",
     .help = "of the candle that is watched (default 1h)"},
    {.name = "subscribers",
     .type = OPTION_INTEGER,
     LIVE_FIELD(subscribers),
     .min = 1,
     .max = 60000,
     .help = "how many watch it (default 1000)"},
    {.name = "changes",
     .type = OPTION_INTEGER,
     LIVE_FIELD(changes),
     .min = 1,
     .max = 1000000,
     .help = "how many ticks are written, one after the other (default 20)"},
    {.name = "pause",
     .type = OPTION_DURATION,
     LIVE_FIELD(pause_us),
     .min = 0,
     .max = TIME_MINUTE_US,
     .help = "from one that everybody has heard of to the next (default 500ms)"},
    {.name = "foreign",
     .type = OPTION_SWITCH,
     LIVE_FIELD(foreign),
     .help = "write as a program that knows nothing of tapedeck; else it is announced"},
    {.name = "json", .type = OPTION_SWITCH, LIVE_FIELD(json), .help = "print one JSON object"},
};

/* ---- the writer ---- */

/* As tapedeck's own writers do, or as any program. */
static const char announced_sql[] =
    "with prepared as materialized (select tapedeck.write_prepare(now(), now() + interval '1 us',"
    " false)), written as (insert into public.tick_data (time, symbol, last_price, volume)"
    " select now(), $1, $2, 1 from prepared returning time)"
    " select tapedeck.write_finish(array[$1], array[w.time], array[w.time], array[1::bigint],"
    " 'bench', array[false], array[false], array[true]) from written w";
static const char foreign_sql[] = "insert into public.tick_data (time, symbol, last_price, volume)"
                                  " values (now(), $1, $2, 1)";

static enum status write_tick(struct connection *connection, const struct bench_live_values *values,
                              int64_t price, int64_t *committed_us, struct error *error)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, price);
    PGresult *result;
    enum status status = connection_execute(connection, "begin", error);
    if (status == STATUS_OK)
        status = connection_query(connection, values->foreign ? foreign_sql : announced_sql, 2,
                                  (const char *const[]){values->symbol, text}, &result, error);
    if (status != STATUS_OK)
        return status;
    PQclear(result);
    status = connection_execute(connection, "commit", error);
    *committed_us = clock_monotonic_us();
    return status;
}

/* ---- measuring ---- */

struct live_result {
    struct histogram each_us;  /* from the commit to a subscriber */
    struct histogram first_us; /* to the first of each change */
    struct histogram last_us;  /* to the last */
    struct histogram span_us;  /* from the first to the last */
    uint64_t messages;
    int64_t server_cpu_us; /* −1: not known */
};

static void rest(int64_t pause_us)
{
    struct timespec pause = {.tv_sec = pause_us / 1000000, .tv_nsec = pause_us % 1000000 * 1000};
    (void)nanosleep(&pause, NULL);
}

static enum status measure_one(struct connection *connection, struct crowd *crowd,
                               const struct bench_live_values *values, int64_t price,
                               struct live_result *result, struct error *error)
{
    int64_t committed_us;
    struct crowd_heard heard;
    enum status status = write_tick(connection, values, price, &committed_us, error);
    if (status == STATUS_OK)
        status =
            crowd_await(crowd, price * PRICE_PARTS, committed_us, &result->each_us, &heard, error);
    if (status != STATUS_OK)
        return status;
    histogram_add(&result->first_us, heard.first_us - committed_us);
    histogram_add(&result->last_us, heard.last_us - committed_us);
    histogram_add(&result->span_us, heard.last_us - heard.first_us);
    rest(values->pause_us);
    return STATUS_OK;
}

/* A last price that is greater than any before it: it tells which change a candle shows. */
static enum status find_price(struct connection *connection, const char *symbol, int64_t *price,
                              struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        connection,
        "select coalesce(max(last_price), 0)::bigint from public.tick_data where symbol = $1", 1,
        (const char *const[]){symbol}, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, price);
    PQclear(row);
    *price = *price < PRICE_FIRST ? PRICE_FIRST : *price + 1;
    return status;
}

static enum status measure(struct connection *connection, const struct bench_live_values *values,
                           const struct channel_target *target, struct live_result *result,
                           struct error *error)
{
    struct crowd_options options = {.target = *target,
                                    .symbol = values->symbol,
                                    .interval = values->interval,
                                    .subscribers = (size_t)values->subscribers};
    struct crowd *crowd = NULL;
    int64_t price = 0;
    int64_t committed_us;
    enum status status = find_price(connection, values->symbol, &price, error);
    /* So that there is something to watch. */
    if (status == STATUS_OK)
        status = write_tick(connection, values, price, &committed_us, error);
    if (status == STATUS_OK)
        status = crowd_create(&options, &crowd, error);
    if (status != STATUS_OK)
        return status;
    rest(values->pause_us);
    (void)crowd_take_messages(crowd);
    pid_t server = process_find(crowd_port(crowd));
    int64_t cpu_us = server > 0 ? process_cpu_us(server) : -1;
    for (int64_t i = 1; i <= values->changes && status == STATUS_OK; i++)
        status = measure_one(connection, crowd, values, price + i, result, error);
    result->server_cpu_us = cpu_us >= 0 ? process_cpu_us(server) - cpu_us : -1;
    result->messages = crowd_take_messages(crowd);
    crowd_destroy(&crowd);
    return status;
}

/* ---- telling ---- */

static void print_row(const char *name, const struct histogram *histogram, bool as_json)
{
    printf(as_json ? ", \"%s\": {\"p50\": %" PRId64 ", \"p99\": %" PRId64 ", \"max\": %" PRId64 "}"
                   : "%-10s p50 %" PRId64 " µs  p99 %" PRId64 " µs  max %" PRId64 " µs\n",
           name, histogram_at(histogram, 0.5), histogram_at(histogram, 0.99), histogram->max);
}

static void print_result(const struct bench_live_values *values, const struct live_result *result)
{
    const char *head = values->json ? "{\"subscribers\": %" PRId64 ", \"changes\": %" PRId64
                                      ", \"messages\": %" PRIu64 ", \"server_cpu_s\": %.3f"
                                    : "%" PRId64 " subscribers, %" PRId64 " changes, %" PRIu64
                                      " messages, %.3f s of the server's CPU\n";
    printf(head, values->subscribers, values->changes, result->messages,
           (double)result->server_cpu_us / 1e6);
    print_row(values->json ? "first_us" : "first", &result->first_us, values->json);
    print_row(values->json ? "last_us" : "last", &result->last_us, values->json);
    print_row(values->json ? "each_us" : "each", &result->each_us, values->json);
    print_row(values->json ? "span_us" : "span", &result->span_us, values->json);
    if (values->json)
        printf("}\n");
}

int bench_live_run(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct bench_live_values *values = invocation->values;
    struct error error = {.text = ""};
    struct database database;
    /* Too large for a stack: it has histograms. */
    struct live_result *result = MEM_NEW(struct live_result);
    struct bench_target target;
    enum status status = bench_target_open(configuration, &values->server, &target, &error);
    if (status == STATUS_OK)
        status = symbol_check(values->symbol, strlen(values->symbol), &error);
    if (status == STATUS_OK)
        status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        struct connection *connection = database_connect(&database, "bench", &error);
        status = connection == NULL ? error.status
                                    : measure(connection, values, &target.channel, result, &error);
        connection_close(&connection);
        database_close(&database);
    }
    if (status == STATUS_OK)
        print_result(values, result);
    bench_target_close(&target);
    mem_free(result);
    if (status == STATUS_OK)
        return EXIT_DONE;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}
