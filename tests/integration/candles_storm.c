/*
 * Everybody at once: our writers, others who write and change, two healers, compression, somebody
 * who drops old days, and readers. Whatever a reader sees at any moment is what follows from the
 * ticks of the same moment, and so is what is stored in the end. Triggers tell of the others.
 *
 * TAPEDECK_TEST_SECONDS=N makes it longer.
 */
#include "candles_oracle.h"
#include "cluster_fixture.h"

#include "base/clock.h"
#include "store/refresh.h"
#include "store/tick_writer.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 5
#define FIRST_DAY INT64_C(1722816000000000) /* 2024-08-05 */
#define QUIET_DAYS 2                        /* nobody writes into them: they are dropped */
#define DAYS 4
#define SYMBOLS 3

struct storm {
    const char *url;
    int64_t until_us;
    atomic_bool is_over; /* somebody has failed */
};

struct actor {
    const char *name;
    enum status (*act)(struct actor *actor, struct error *error);
    struct storm *storm;
    struct connection *connection;
    pthread_t thread;
    uint64_t random;
    size_t acts;
    size_t collisions; /* ended by the database for the sake of another, and begun again */
    char complaint[4096];
};

static const char *const names[SYMBOLS] = {"S:A", "S:B", "S:C"};

static uint64_t draw(struct actor *actor, uint64_t below)
{
    uint64_t x = actor->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    actor->random = x;
    return (x * UINT64_C(2685821657736338717) >> 16) % below;
}

static struct time_range draw_range(struct actor *actor)
{
    static const int64_t lengths[] = {TIME_SECOND_US, 5 * TIME_MINUTE_US, 3 * TIME_HOUR_US};
    int64_t from = FIRST_DAY + QUIET_DAYS * TIME_DAY_US +
                   (int64_t)draw(actor, (DAYS - QUIET_DAYS) * TIME_DAY_US - 4 * TIME_HOUR_US);
    return (struct time_range){from, from + lengths[draw(actor, 3)]};
}

/* ---- who writes ---- */

static enum status write_range(struct connection *connection, struct actor *actor,
                               struct time_range range, size_t count, struct error *error)
{
    struct tick_writer_options options = {.range = range, .reason = "import"};
    struct tick_writer *writer = NULL;
    enum status status = tick_writer_begin(connection, &options, &writer, error);
    for (; status == STATUS_OK && count > 0; count--) {
        int64_t at = range.from + (int64_t)draw(actor, (uint64_t)(range.to - range.from));
        int64_t price = (int64_t)draw(actor, 1000) * 10000000;
        struct written_tick tick = {
            .symbol = names[draw(actor, SYMBOLS)],
            .tick = {time_floor(at, TIME_SECOND_US) < range.from ? range.from
                                                                 : time_floor(at, TIME_SECOND_US),
                     {price, DECIMAL_NULL, draw(actor, 3) == 0 ? DECIMAL_NULL : price, price}}};
        status = tick_writer_add(writer, &tick, error);
    }
    if (writer == NULL)
        return status;
    struct error second;
    enum status finished = tick_writer_finish(&writer, NULL, status == STATUS_OK ? error : &second);
    return status == STATUS_OK ? finished : status;
}

static enum status write_ours(struct actor *actor, struct error *error)
{
    return write_range(actor->connection, actor, draw_range(actor), 1 + draw(actor, 200), error);
}

static enum status write_foreign(struct actor *actor, struct error *error)
{
    static const char *const changes[] = {
        ("insert into public.tick_data (time, symbol, last_price, volume) select timestamptz '%s' +"
         " g * interval '1 second', '%s', g, 1 from generate_series(0, 60) g where timestamptz '%s'"
         " is not null"),
        "delete from public.tick_data where time >= '%s' and symbol = '%s' and time < '%s'",
        ("update public.tick_data set last_price = volume, volume = 7 where time >= '%s' and"
         " symbol = '%s' and time < '%s'"),
    };
    char sql[512];
    struct time_range range = draw_range(actor);
    int64_t to = range.from + 5 * TIME_MINUTE_US;
    (void)snprintf(sql, sizeof sql, changes[draw(actor, 3)], time_format(range.from).text,
                   names[draw(actor, SYMBOLS)], time_format(to).text);
    return connection_execute(actor->connection, sql, error);
}

/* ---- who works on what was written ---- */

static enum status heal(struct actor *actor, struct error *error)
{
    enum status status =
        connection_execute(actor->connection, "select tapedeck.symbols_reconcile()", error);
    if (status == STATUS_OK)
        status = connection_execute(
            actor->connection, "update tapedeck.candle_tails set queued_at = '-infinity'", error);
    if (status == STATUS_OK)
        status = connection_execute(actor->connection, "select tapedeck.tails_queue()", error);
    return status == STATUS_OK ? refresh_heal(actor->connection, NULL, NULL, NULL, error) : status;
}

/* Days into which nobody writes: while TimescaleDB 2.24 compresses a chunk anew, who reads it sees
 * a part of its rows. */
static enum status compress(struct actor *actor, struct error *error)
{
    (void)poll(NULL, 0, 50);
    return connection_execute(actor->connection,
                              "select public.compress_chunk(c, if_not_compressed => true) from"
                              " public.show_chunks('public.tick_data', older_than => timestamptz"
                              " '2024-08-07Z') c",
                              error);
}

/* A quiet day at the beginning of each half; twice, because two may want the same. */
static enum status drop(struct actor *actor, struct error *error)
{
    char sql[128];
    int64_t day = 1 + (int64_t)(actor->acts / 2 % QUIET_DAYS);
    (void)poll(NULL, 0, 200);
    (void)snprintf(sql, sizeof sql, "select tapedeck.table_drop_chunks('tick_data', '%s')",
                   time_format(FIRST_DAY + day * TIME_DAY_US).text);
    return connection_execute(actor->connection, sql, error);
}

static enum status recount(struct actor *actor, struct error *error)
{
    return connection_execute(actor->connection, "select tapedeck.symbols_recount(1)", error);
}

/* ---- who reads ---- */

#define FOLDED                                                                                     \
    "(array_agg(last_price order by time, seq))[1] as open, max(last_price) as high,"              \
    " min(last_price) as low, (array_agg(last_price order by time desc, seq desc))[1] as close,"   \
    " sum(volume) as volume, count(*) as trades"

static enum status read(struct actor *actor, struct error *error)
{
    static const int64_t widths_s[] = {60, 300, 900, 3600, 7200, 86400};
    char sql[2048];
    int64_t width_s = widths_s[draw(actor, 6)];
    const char *symbol = names[draw(actor, SYMBOLS)];
    struct time_text from = time_format(FIRST_DAY + QUIET_DAYS * TIME_DAY_US);
    struct time_text to = time_format(FIRST_DAY + DAYS * TIME_DAY_US);
    (void)snprintf(
        sql, sizeof sql,
        "with truth as (select date_bin('%lld s', time, '2000-01-03Z') as bucket, " FOLDED
        " from public.tick_data where symbol = '%s' and last_price is not null and time >= '%s'"
        " group by 1), exact as (select * from tapedeck.candles_rolled(%lld, '%s', '%s', '%s'))"
        " select coalesce(string_agg(d::text, E'\\n'), '') from (select * from ("
        "(select '<', * from (table truth except all table exact) a) union all"
        " (select '>', * from (table exact except all table truth) b)) c order by 2 limit 6) d",
        (long long)width_s, symbol, from.text, (long long)(width_s * TIME_SECOND_US), symbol,
        from.text, to.text);
    PGresult *result;
    enum status status = connection_query_row(actor->connection, sql, 0, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    const char *text = result_text(result, 0, 0);
    if (text[0] != '\0') {
        (void)snprintf(actor->complaint, sizeof actor->complaint, "%lld s of %s:\n%s",
                       (long long)width_s, symbol, text);
        status = STATUS_INTERNAL;
    }
    PQclear(result);
    return status;
}

/* ---- all at once ---- */

/* Somebody had to give way: nothing is wrong with that as long as nothing is wrong afterwards. */
static bool is_collision(const struct actor *actor, enum status status)
{
    static const char *const states[] = {"40P01", "40001", "55P03", "23505", "TD010"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(connection_sqlstate(actor->connection), states[i]) == 0)
            return true;
    /* A healer has asked something else since. */
    return actor->act == heal && (status == STATUS_CONFLICT || status == STATUS_UNAVAILABLE);
}

static void *run(void *argument)
{
    struct actor *actor = argument;
    struct storm *storm = actor->storm;
    while (clock_monotonic_us() < storm->until_us && !atomic_load(&storm->is_over)) {
        struct error error = {.text = ""};
        enum status status = actor->act(actor, &error);
        actor->acts++;
        if (status == STATUS_OK)
            continue;
        connection_rollback(actor->connection);
        if (actor->complaint[0] == '\0' && is_collision(actor, status)) {
            actor->collisions++;
            (void)fprintf(stderr, "[%s] %s\n", actor->name, error.text);
            continue;
        }
        if (actor->complaint[0] == '\0')
            (void)snprintf(actor->complaint, sizeof actor->complaint, "%s %s: %s",
                           status_name(status), connection_sqlstate(actor->connection), error.text);
        atomic_store(&storm->is_over, true);
    }
    return NULL;
}

static void fill(struct database *database)
{
    struct actor actor = {.random = 88172645463325252U};
    struct error error = {0};
    for (int day = 0; day < DAYS; day++) {
        int64_t from = FIRST_DAY + day * TIME_DAY_US;
        MUST(write_range(database->connection, &actor,
                         (struct time_range){from, from + TIME_DAY_US}, 500, &error));
    }
    MUST(refresh_heal(database->connection, NULL, NULL, NULL, &error));
}

static void storm_of(struct database *database, struct actor *actors, size_t count)
{
    const char *text = getenv("TAPEDECK_TEST_SECONDS");
    struct storm storm = {.url = cluster_url(database->cluster)};
    storm.until_us =
        clock_monotonic_us() + (text != NULL ? strtoll(text, NULL, 10) : SECONDS) * TIME_SECOND_US;
    atomic_init(&storm.is_over, false);
    for (size_t i = 0; i < count; i++) {
        actors[i].storm = &storm;
        actors[i].random = 88172645463325252U + i * UINT64_C(0x9e3779b97f4a7c15);
        actors[i].connection = open_database(storm.url);
    }
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(pthread_create(&actors[i].thread, NULL, run, &actors[i]), 0);
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(actors[i].thread, NULL);
        connection_close(&actors[i].connection);
    }
}

ON_BOTH_ENGINES(storm, leaves_and_shows_the_candles_of_the_ticks)
{
    struct connection *connection = database->connection;
    jobs_stop(database);
    execute(connection, "select tapedeck.triggers_enable()");
    fill(database);
    int64_t outlived = ask_number(connection, "select sum(trades) from public.candle_1m where"
                                              " bucket < '2024-08-07Z'");
    struct actor actors[] = {
        {.name = "ours", .act = write_ours},
        {.name = "ours too", .act = write_ours},
        {.name = "other", .act = write_foreign},
        {.name = "another", .act = write_foreign},
        {.name = "healer", .act = heal},
        {.name = "second healer", .act = heal},
        {.name = "dropper", .act = drop},
        {.name = "second dropper", .act = drop},
        {.name = "recount", .act = recount},
        {.name = "reader", .act = read},
        {.name = "second reader", .act = read},
        {.name = "compression", .act = compress}, /* last: TimescaleDB's */
    };
    size_t count = sizeof actors / sizeof *actors - (database->engine == ENGINE_POSTGRESQL);
    storm_of(database, actors, count);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "[STORM] %s: %zu, %zu collisions\n", actors[i].name, actors[i].acts,
                      actors[i].collisions);
        cr_expect_str_eq(actors[i].complaint, "", "%s: %s", actors[i].name, actors[i].complaint);
        cr_expect_gt(actors[i].acts, actors[i].collisions, "%s", actors[i].name);
    }
    struct error error = {0};
    struct actor last = {.connection = connection};
    for (int i = 0; i < 3; i++)
        MUST(heal(&last, &error));
    cr_expect_eq(ask_number(connection, "select count(*) from tapedeck.pending_list()"), 0);
    cr_expect_eq(candles_wrong_fields(connection, "2024-08-07Z", "2024-08-09Z"), 0);
    /* What was held back while candles were owed. */
    execute(connection, "select tapedeck.table_drop_chunks('tick_data', '2024-08-07Z')");
    cr_expect_str_eq(ask_text(connection, "select coalesce(string_agg(kept, ','), '') from"
                                          " tapedeck.table_drop_list('tick_data', '2024-08-07Z')"),
                     "");
    cr_expect_eq(ask_number(connection, "select sum(trades) from public.candle_1m where"
                                        " bucket < '2024-08-07Z'"),
                 outlived, "candles outlive their ticks");
    cr_expect_eq(ask_number(connection, "select count(*) from public.tick_data where time <"
                                        " '2024-08-07Z'"),
                 0);
}
