/*
 * Candles over a real WebSocket, out of a real database: equal to SQL when they are asked for, and
 * again after every writer's commit, and when the database has been away.
 */
#include "player.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define S INT64_C(1000000)
#define ROWS_MAX 1000
#define FIELDS 7 /* time, open, high, low, close, volume, trades */
/* A commit is to be seen within a second; the rest is for a machine that is busy with other tests.
 */
#define SEEN_MS 10000

static struct deck deck;
static PGconn *writer;

static void start(void)
{
    static const char *const arguments[] = {"--connections-per-address-max", "0", NULL};
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    deck_serve(&deck, arguments);
    writer = deck_connect(&deck);
}

static void stop(void)
{
    if (deck.home[0] == '\0')
        return;
    PQfinish(writer);
    deck_deinit(&deck);
}

TestSuite(live_candles, .init = start, .fini = stop, .timeout = 400);

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * S + now.tv_nsec / 1000;
}

/* ---- writers ---- */

/* Ticks of symbol A, one each `step_us`; every seventh is a quote. By `tapedeck import`. */
static void import(int64_t from, size_t count, int64_t step_us)
{
    static int files;
    char path[256];
    char output[16384];
    (void)snprintf(path, sizeof path, "%s/ticks-%d.csv", deck.home, files++);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fprintf(file, "time,symbol,bid_price,ask_price,last_price,volume\n");
    for (size_t i = 0; i < count; i++) {
        bool is_quote = i % 7 == 3;
        (void)fprintf(file, "%" PRId64 ",A,100,101,%s,%zu.5\n", from + (int64_t)i * step_us,
                      is_quote ? ""
                      : i % 2  ? "100.25"
                               : "99.125",
                      i);
    }
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(DECK_RUN(&deck, output, "import", path), 0, "%s", output);
}

static void execute(const char *sql)
{
    PGresult *result = PQexec(writer, sql);
    ExecStatusType status = PQresultStatus(result);
    cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s",
              PQerrorMessage(writer));
    PQclear(result);
}

/* As any program would, which knows nothing of tapedeck. */
static void insert_foreign(int64_t time, const char *price)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "insert into tick_data (time, symbol, last_price, volume) values "
                   "(timestamptz 'epoch' + %" PRId64 " * interval '1 microsecond', 'A', %s, 2)",
                   time, price);
    execute(sql);
}

/* The same with an announcement, as tapedeck's own writers do: known at once, also where it is. */
static void insert_announced(int64_t time, const char *price)
{
    char sql[512];
    execute("begin");
    insert_foreign(time, price);
    (void)snprintf(sql, sizeof sql,
                   "with i as (select timestamptz 'epoch' + %" PRId64
                   " * interval '1 microsecond' as t), queued as ("
                   "insert into tapedeck.pending_refresh (range_from, range_to, reason) "
                   "select t, t + interval '1 microsecond', 'ingest' from i) "
                   "select tapedeck.change_notify('ticks', t, t + interval '1 microsecond', '{A}') "
                   "from i",
                   time);
    execute(sql);
    execute("commit");
}

/* ---- the oracle ---- */

struct rows {
    size_t count;
    int64_t values[ROWS_MAX][FIELDS]; /* decimals at exp 8 */
};

/* All candles of A by plain SQL over the ticks. */
static void ask_sql(const char *interval, struct rows *rows)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof sql,
        "select (extract(epoch from bucket) * 1000000)::bigint, (open * 1e8)::bigint, "
        "(high * 1e8)::bigint, (low * 1e8)::bigint, (close * 1e8)::bigint, "
        "(volume * 1e8)::bigint, trades from (select "
        "date_bin('%s', time, timestamptz '2000-01-03 00:00+00') as bucket, "
        "(array_agg(last_price order by time, seq))[1] as open, max(last_price) as high, "
        "min(last_price) as low, (array_agg(last_price order by time desc, seq desc))[1] as close, "
        "sum(volume) as volume, count(*) as trades from tick_data "
        "where symbol = 'A' and last_price is not null group by 1) candles order by 1",
        interval);
    PGconn *connection = deck_connect(&deck);
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    rows->count = (size_t)PQntuples(result);
    cr_assert_leq(rows->count, ROWS_MAX);
    for (size_t row = 0; row < rows->count; row++) {
        for (int field = 0; field < FIELDS; field++)
            rows->values[row][field] = strtoll(PQgetvalue(result, (int)row, field), NULL, 10);
    }
    PQclear(result);
    PQfinish(connection);
}

/* ---- the client ---- */

/* What a chart would show. */
struct chart {
    int64_t id;
    struct rows rows;
    size_t snapshots;
    size_t updates;
};

static void read_rows(const json_t *message, struct rows *rows)
{
    static const char *const names[FIELDS] = {"time",  "open",   "high",  "low",
                                              "close", "volume", "trades"};
    static int64_t values[ROWS_MAX];
    rows->count = (size_t)json_integer_value(json_object_get(message, "n"));
    cr_assert_leq(rows->count, ROWS_MAX);
    for (size_t field = 0; field < FIELDS; field++) {
        const json_t *column = json_object_get(message, names[field]);
        bool is_decimal = field > 0 && field < 6;
        bool good = is_decimal ? wire_column_decimals(column, rows->count, values)
                               : wire_column_times(column, rows->count, values);
        cr_assert(good, "column %s cannot be read", names[field]);
        for (size_t row = 0; row < rows->count; row++)
            rows->values[row][field] = values[row];
    }
}

static void replace_row(struct rows *rows, const int64_t *row)
{
    size_t at = 0;
    while (at < rows->count && rows->values[at][0] < row[0])
        at++;
    if (at == rows->count || rows->values[at][0] != row[0]) {
        cr_assert_lt(rows->count, ROWS_MAX);
        memmove(rows->values + at + 1, rows->values + at,
                (rows->count - at) * sizeof rows->values[0]);
        rows->count++;
    }
    memcpy(rows->values[at], row, sizeof rows->values[0]);
}

static void apply(struct chart *chart, const json_t *message)
{
    static struct rows news;
    read_rows(message, &news);
    if (strcmp(json_string_value(json_object_get(message, "ev")), "candles.snapshot") == 0) {
        chart->rows = news;
        chart->snapshots++;
        return;
    }
    for (size_t row = 0; row < news.count; row++)
        replace_row(&chart->rows, news.values[row]);
    chart->updates++;
}

static bool is_equal(const struct rows *a, const struct rows *b)
{
    return a->count == b->count &&
           memcmp(a->values, b->values, a->count * sizeof a->values[0]) == 0;
}

/* The first row that is not the same: what it is / what it should be. */
static const char *difference(const struct rows *is, const struct rows *should_be)
{
    static char text[512];
    size_t row = 0;
    while (row < is->count && row < should_be->count &&
           memcmp(is->values[row], should_be->values[row], sizeof is->values[row]) == 0)
        row++;
    size_t used = (size_t)snprintf(text, sizeof text, "row %zu:", row);
    for (size_t field = 0; field < FIELDS && row < is->count && row < should_be->count; field++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %" PRId64 "/%" PRId64,
                                 is->values[row][field], should_be->values[row][field]);
    return text;
}

/* Takes messages until the charts are what SQL says now; returns how long that took. */
static int64_t await_sql(struct wire_client *client, struct chart *charts, size_t count,
                         const char *const *intervals)
{
    static struct rows expected;
    int64_t began_ms = now_ms();
    for (size_t i = 0; i < count; i++) {
        ask_sql(intervals[i], &expected);
        while (!is_equal(&charts[i].rows, &expected)) {
            int64_t left_ms = began_ms + SEEN_MS - now_ms();
            json_t *message = wire_client_receive_tree(client, left_ms > 0 ? (int)left_ms : 0);
            cr_assert_not_null(message, "%s: %zu candles, SQL has %zu; %s", intervals[i],
                               charts[i].rows.count, expected.count,
                               difference(&charts[i].rows, &expected));
            int64_t id = (int64_t)json_integer_value(json_object_get(message, "id"));
            cr_assert(json_object_get(message, "n") != NULL, "%s",
                      json_string_value(json_object_get(message, "message")));
            for (size_t k = 0; k < count; k++) {
                if (charts[k].id == id)
                    apply(&charts[k], message);
            }
            json_decref(message);
        }
    }
    return now_ms() - began_ms;
}

#define INTERVALS 3
static const char *const wire_intervals[] = {"10s", "1m", "90m"};
static const char *const sql_intervals[] = {"10 seconds", "1 minute", "90 minutes"};
static struct chart charts[INTERVALS];

static void subscribe_all(struct wire_client *client)
{
    memset(charts, 0, sizeof charts);
    for (int i = 0; i < INTERVALS; i++) {
        charts[i].id = i + 1;
        cr_assert(wire_client_request(client,
                                      "{'op':'candles.subscribe','req':%d,'id':%d,'symbol':'A',"
                                      "'interval':'%s','live':true,'limit':900}",
                                      i, i + 1, wire_intervals[i]));
    }
}

static struct wire_client *connect_client(void)
{
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    return player.client;
}

/* The list of symbols is read again after a change: until then a new symbol is not known. */
static void await_symbol(struct wire_client *client)
{
    int64_t end_ms = now_ms() + SEEN_MS;
    bool is_there = false;
    while (!is_there) {
        cr_assert(now_ms() < end_ms, "symbol A is not listed");
        cr_assert(wire_client_request(client, "{'op':'symbols','prefix':'A'}"));
        json_t *symbols = wire_client_await(client, "symbols", PLAYER_DEADLINE_MS);
        cr_assert_not_null(symbols);
        is_there = json_array_size(json_object_get(symbols, "symbols")) == 1;
        json_decref(symbols);
        usleep(20000);
    }
}

/* Twenty minutes of ticks until a minute ago. */
static int64_t import_first_ticks(void)
{
    int64_t from = wall_us() - 21 * 60 * S;
    import(from, 240, 5 * S);
    return from + 240 * 5 * S;
}

Test(live_candles, live_follow_every_writer_within_a_second)
{
    int64_t at = import_first_ticks();
    struct wire_client *client = connect_client();
    await_symbol(client);
    subscribe_all(client);
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    for (int i = 0; i < INTERVALS; i++)
        cr_assert_eq(charts[i].snapshots, 1);

    import(at, 10, S);
    int64_t own_ms = await_sql(client, charts, INTERVALS, sql_intervals);
    insert_foreign(at + 11 * S, "98.5");
    int64_t foreign_ms = await_sql(client, charts, INTERVALS, sql_intervals);
    insert_announced(at - 90 * S, "97.5"); /* into candles that were final */
    int64_t late_ms = await_sql(client, charts, INTERVALS, sql_intervals);
    insert_announced(at + 12 * S, "98.75");
    int64_t announced_ms = await_sql(client, charts, INTERVALS, sql_intervals);
    /* Whose ticks and where, nobody knows. It is noticed only if it is alone between two looks at
     * the marker, so one that finds nothing has to pass. It is in a stored minute that no other
     * write has put in doubt: on plain PostgreSQL such a minute follows with the refresh of every
     * minute, which is asked to run now. */
    usleep(1500000);
    insert_foreign(at - 150 * S, "96.5");
    if (strcmp(deck.engine, "postgresql") == 0)
        execute("select tapedeck.policy_run(job_id) from tapedeck.jobs where kind = 'refresh'");
    int64_t hidden_ms = await_sql(client, charts, INTERVALS, sql_intervals);
    fprintf(stderr,
            "[live_candles] seen on %s: import %" PRId64 " ms, foreign %" PRId64
            " ms, late %" PRId64 " ms, announced %" PRId64 " ms, foreign and late %" PRId64
            " ms after the commit\n",
            deck.engine, own_ms, foreign_ms, late_ms, announced_ms, hidden_ms);
    for (int i = 0; i < INTERVALS; i++)
        cr_assert_geq(charts[i].updates, 3, "%s: mostly updates, not snapshots", wire_intervals[i]);
    wire_client_close(&client);
}

Test(live_candles, are_the_current_state_without_asking_after_the_database_was_away)
{
    int64_t at = import_first_ticks();
    struct wire_client *client = connect_client();
    await_symbol(client);
    subscribe_all(client);
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    PQfinish(writer);
    pid_t postmaster = deck_postmaster(&deck);
    cr_assert_gt(postmaster, 0);
    cr_assert_eq(kill(postmaster, SIGKILL), 0);
    /* The first connection that is accepted again writes, before the server has noticed anything.
     */
    int64_t end_ms = now_ms() + 60000;
    while (PQstatus(writer = PQconnectdb(deck.url)) != CONNECTION_OK) {
        cr_assert(now_ms() < end_ms, "the database did not come back");
        PQfinish(writer);
        usleep(10000);
    }
    insert_foreign(at + 30 * S, "98.5");
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    wire_client_close(&client);
}

/* ---- others, whoever they are ---- */

#define COMMITS 24

static int compare_ms(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* How long each of many foreign appends took to be seen; prints and returns the sorted times. */
static void measure_appends(struct wire_client *client, int64_t at, const char *what,
                            int64_t took_ms[COMMITS])
{
    for (int i = 0; i < COMMITS; i++) {
        usleep((useconds_t)(i * 37 % 250) * 1000); /* anywhere between two looks */
        insert_foreign(at + i * S / 2, i % 2 == 0 ? "98.5" : "97.25");
        took_ms[i] = await_sql(client, charts, INTERVALS, sql_intervals);
    }
    qsort(took_ms, COMMITS, sizeof took_ms[0], compare_ms);
    fprintf(stderr,
            "[live_candles] on %s %d appends of others, %s: seen after p50 %" PRId64
            " ms, p90 %" PRId64 " ms, max %" PRId64 " ms\n",
            deck.engine, COMMITS, what, took_ms[COMMITS / 2], took_ms[COMMITS * 9 / 10],
            took_ms[COMMITS - 1]);
}

Test(live_candles, follow_what_others_append_well_within_a_second)
{
    int64_t took_ms[COMMITS];
    int64_t at = import_first_ticks();
    struct wire_client *client = connect_client();
    await_symbol(client);
    subscribe_all(client);
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    measure_appends(client, at + S, "without triggers", took_ms);
    cr_assert_lt(took_ms[COMMITS / 2], 2000, "the half of them; the rest is for a busy machine");
    /* A writer who takes his time holds nobody up but himself. */
    execute("begin");
    insert_foreign(at + 30 * S, "98.5");
    usleep(600000);
    execute("commit");
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    wire_client_close(&client);
}

static void turn_triggers(const char *to)
{
    char output[4096];
    cr_assert_eq(DECK_RUN(&deck, output, "triggers", to), 0, "%s", output);
}

/* A replay of all ticks, to its end, is what SQL says; the server then knows them all. */
static void replay_all(int64_t from, int64_t to)
{
    char fields[128];
    struct player player;
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    (void)snprintf(fields, sizeof fields,
                   "'symbols':['A'],'from':%" PRId64 ",'to':%" PRId64
                   ",'speed':'max','state':'playing'",
                   from, to);
    player_open(&player, 1, fields);
    player_until(&player, "ended");
    player_compare(&player, 0, &deck, "A", from, to);
    player_close(&player);
}

Test(live_candles, follow_whatever_others_do_when_triggers_tell)
{
    static const char *const statements[] = {
        /* between known ticks, long ago */
        "insert into tick_data (time, symbol, last_price, volume) select min(time) + interval '1 "
        "minute 123 ms', 'A', 77.5, 3 from tick_data where symbol = 'A'",
        "update tick_data set last_price = 150 where symbol = 'A' and last_price = 77.5",
        "update tick_data set volume = volume + 1 where symbol = 'A' and seq % 3 = 0",
        "update tick_data set time = time + interval '1 ms' where symbol = 'A' and seq % 5 = 0",
        "delete from tick_data where symbol = 'A' and seq % 4 = 0",
        "update tick_data set symbol = 'B' where symbol = 'A' and seq % 7 = 0",
        "delete from tick_data where time >= (select max(time) - interval '3 minutes' from "
        "tick_data)",
        "truncate tick_data",
    };
    int64_t took_ms[COMMITS];
    char output[4096];
    cr_assert_eq(DECK_RUN(&deck, output, "triggers", "status"), 2, "off at first: %s", output);
    turn_triggers("on");
    cr_assert_eq(DECK_RUN(&deck, output, "triggers", "status"), 0, "%s", output);
    int64_t at = import_first_ticks();
    struct wire_client *client = connect_client();
    await_symbol(client);
    subscribe_all(client);
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    measure_appends(client, at + S, "told by triggers", took_ms);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        replay_all(at - 30 * 60 * S, at + 60 * S);
        execute("begin");
        execute(statements[i]);
        execute("rollback");
        execute(statements[i]);
        int64_t seen_ms = await_sql(client, charts, INTERVALS, sql_intervals);
        fprintf(stderr, "[live_candles] on %s seen %" PRId64 " ms after: %.40s…\n", deck.engine,
                seen_ms, statements[i]);
    }
    insert_foreign(at + 20 * S, "98.5");
    (void)await_sql(client, charts, INTERVALS, sql_intervals);
    await_symbol(client); /* it was gone, and the list comes after the candles */
    replay_all(at, at + 60 * S);
    wire_client_close(&client);
}

#define CROWD 1000

/* Until every one of them has the update with this close. */
static void await_crowd(struct wire_client *const *crowd, int64_t close)
{
    for (int i = 0; i < CROWD; i++) {
        bool has_it = false;
        while (!has_it) {
            json_t *message = wire_client_await(crowd[i], "candles.update", PLAYER_DEADLINE_MS);
            cr_assert_not_null(message, "subscriber %d was not told", i);
            static struct rows rows;
            read_rows(message, &rows);
            has_it = rows.count > 0 && rows.values[rows.count - 1][4] == close;
            json_decref(message);
        }
    }
}

Test(live_candles, of_one_change_reach_a_thousand_subscribers)
{
    static struct wire_client *crowd[CROWD];
    struct rlimit files;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < CROWD + 100)
        cr_skip_test("only %d files may be open", (int)files.rlim_cur);
    int64_t at = import_first_ticks();
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = connect_client();
        if (i == 0)
            await_symbol(crowd[0]);
        cr_assert(wire_client_request(crowd[i], "{'op':'candles.subscribe','id':1,'symbol':'A',"
                                                "'interval':'10s','live':true,'limit':5}"));
    }
    for (int i = 0; i < CROWD; i++) {
        json_t *snapshot = wire_client_await(crowd[i], "candles.snapshot", PLAYER_DEADLINE_MS);
        cr_assert_not_null(snapshot);
        json_decref(snapshot);
    }
    for (int round = 0; round < 5; round++) {
        char price[32];
        (void)snprintf(price, sizeof price, "%d", 200 + round);
        insert_announced(at + (20 + round) * S, price);
        int64_t began_ms = now_ms();
        await_crowd(crowd, (200 + round) * INT64_C(100000000));
        fprintf(stderr,
                "[live_candles] on %s %d subscribers were told %" PRId64 " ms after the commit\n",
                deck.engine, CROWD, now_ms() - began_ms);
        usleep(1500000); /* so that reconciling, which finds the row too, is not in the figure */
    }
    for (int i = 0; i < CROWD; i++)
        wire_client_close(&crowd[i]);
}
