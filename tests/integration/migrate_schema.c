/*
 * Migrations: up, down and up again on both engines; and everything that is refused.
 */
#include "cluster_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 256

/* The embedded files, with some changed, added or left out. */
struct files {
    struct sql_file of[FILES_MAX];
    size_t count;
};

static void files_init(struct files *files)
{
    cr_assert_leq(sql_file_count + 8, FILES_MAX);
    memcpy(files->of, sql_files, sql_file_count * sizeof *sql_files);
    files->count = sql_file_count;
}

static void files_set(struct files *files, const char *path, const char *text)
{
    size_t i = 0;
    while (i < files->count && strcmp(files->of[i].path, path) != 0)
        i++;
    if (i == files->count)
        files->count++;
    files->of[i] = (struct sql_file){.path = path, .text = text, .length = strlen(text)};
}

static struct migrate_options options_of(const struct database *database, const struct files *files)
{
    return (struct migrate_options){.url = cluster_url(database->cluster),
                                    .plain = database->engine == ENGINE_POSTGRESQL,
                                    .files = files != NULL ? files->of : NULL,
                                    .file_count = files != NULL ? files->count : 0};
}

static int newest_version(const struct database *database)
{
    return (int)ask_number(database->connection, "select max(version) from tapedeck.migrations");
}

/* Numbers may be left out: those of the other engine. */
static int applied_count(const struct database *database)
{
    return (int)ask_number(database->connection, "select count(*) from tapedeck.migrations");
}

static void expect_everything_once(struct database *database)
{
    struct error error = {0};
    struct migrate_options options = options_of(database, NULL);
    struct migrate_outcome outcome;
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_eq(outcome.change_count, 0);
    cr_assert_eq(outcome.version, newest_version(database));
    cr_assert_not(outcome.routines_changed);

    struct migrate_status *report = calloc(1, sizeof *report);
    MUST(migrate_status(&options, report, &error));
    cr_assert_eq(report->engine.kind, database->engine);
    cr_assert(report->engine.is_migrated);
    cr_assert(report->routines_are_current);
    cr_assert_geq(report->count, 4);
    for (size_t i = 0; i < report->count; i++) {
        cr_assert_eq(report->of[i].state, MIGRATION_APPLIED);
        cr_assert_eq(strlen(report->of[i].applied_at), strlen("2026-01-01T00:00:00Z"));
        cr_assert(i == 0 || report->of[i].version > report->of[i - 1].version);
    }
    free(report);
    cr_assert_str_eq(ask_text(database->connection, "select engine from tapedeck.engine_info()"),
                     engine_name(database->engine));
    cr_assert_eq(ask_number(database->connection, "select count(*) from public.tick_data"), 0);
}

/* In a cluster that was made a moment ago. */
static void expect_everything_in_a_new_one(enum engine_kind engine)
{
    struct database database;
    if (!database_init_new(&database, engine))
        return;
    expect_everything_once(&database);
    database_deinit(&database);
}

Test(migrate, on_timescaledb_up_applies_everything_and_a_second_time_nothing, .timeout = 240)
{
    expect_everything_in_a_new_one(ENGINE_TIMESCALEDB);
}

Test(migrate, on_postgresql_up_applies_everything_and_a_second_time_nothing, .timeout = 240)
{
    expect_everything_in_a_new_one(ENGINE_POSTGRESQL);
}

ON_BOTH_ENGINES(migrate, down_takes_everything_back_and_up_brings_it_again)
{
    struct error error = {0};
    struct migrate_options options = options_of(database, NULL);
    struct migrate_outcome outcome;
    int count = applied_count(database);
    for (int turn = 0; turn < 2; turn++) {
        MUST(migrate_down_to(&options, 0, &outcome, &error));
        cr_assert_eq(outcome.change_count, (size_t)count);
        cr_assert_eq(outcome.version, 0);
        cr_assert_str_eq(ask_text(database->connection, "select to_regclass('public.tick_data')"),
                         "(null)");
        cr_assert_eq(ask_number(database->connection,
                                "select count(*) from pg_class c join pg_namespace n"
                                " on n.oid = c.relnamespace where n.nspname = 'tapedeck'"
                                " and c.relkind in ('r', 'v', 'p')"),
                     2, "only the books of the migrations stay");
        MUST(migrate_up(&options, &outcome, &error));
        cr_assert_eq(outcome.change_count, (size_t)count);
        cr_assert(outcome.routines_changed);
    }
}

ON_BOTH_ENGINES(migrate, down_goes_step_by_step_and_to_a_version)
{
    struct error error = {0};
    struct migrate_options options = options_of(database, NULL);
    struct migrate_outcome outcome;
    int newest = newest_version(database);
    MUST(migrate_down(&options, 1, &outcome, &error));
    cr_assert_lt(outcome.version, newest);
    cr_assert_eq(newest_version(database), outcome.version);
    MUST(migrate_down_to(&options, 2, &outcome, &error));
    cr_assert_eq(outcome.version, 2);
    MUST(migrate_down_to(&options, 3, &outcome, &error));
    cr_assert_eq(outcome.change_count, 0, "down never goes up");
    MUST_FAIL(migrate_down_to(&options, -1, &outcome, &error), STATUS_INVALID);

    struct migrate_status *report = calloc(1, sizeof *report);
    MUST(migrate_status(&options, report, &error));
    cr_assert_eq(report->of[0].state, MIGRATION_APPLIED);
    cr_assert_eq(report->of[2].state, MIGRATION_PENDING);
    cr_assert_str_eq(report->of[2].applied_at, "");
    cr_assert_not(report->routines_are_current);
    free(report);
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_eq(outcome.version, newest);
    MUST(migrate_down(&options, 100, &outcome, &error));
    cr_assert_eq(outcome.version, 0);
}

/* ---- refused ---- */

Test(migrate, a_changed_file_is_refused_by_name, .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct error error = {0};
    struct files files;
    files_init(&files);
    files_set(&files, "migrations/postgresql/0002_tick_data.up.sql", "select 1;");
    struct migrate_options options = options_of(&database, &files);
    struct migrate_outcome outcome;
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("sql/migrations/postgresql/0002_tick_data.up.sql");
    MUST_FAIL(migrate_down(&options, 1, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("0002_tick_data");
    struct migrate_status *report = calloc(1, sizeof *report);
    MUST(migrate_status(&options, report, &error));
    cr_assert_eq(report->of[1].state, MIGRATION_CHANGED);
    cr_assert_str_eq(migration_state_name(report->of[1].state), "changed");
    free(report);
    database_deinit(&database);
}

Test(migrate, a_database_that_is_ahead_is_refused, .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct error error = {0};
    struct files files;
    files_init(&files);
    files_set(&files, "migrations/common/9001_future.up.sql", "create table tapedeck.future ()");
    files_set(&files, "migrations/common/9001_future.down.sql", "drop table tapedeck.future");
    struct migrate_options newer = options_of(&database, &files);
    struct migrate_options older = options_of(&database, NULL);
    struct migrate_outcome outcome;
    MUST(migrate_up(&newer, &outcome, &error));
    cr_assert_eq(outcome.version, 9001);
    MUST_FAIL(migrate_up(&older, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("9001_future");
    struct migrate_status *report = calloc(1, sizeof *report);
    MUST(migrate_status(&older, report, &error));
    cr_assert_eq(report->of[report->count - 1].state, MIGRATION_UNKNOWN);
    cr_assert_str_eq(report->of[report->count - 1].name, "future");
    free(report);
    MUST(migrate_down(&newer, 1, &outcome, &error));
    MUST(migrate_up(&older, &outcome, &error));
    database_deinit(&database);
}

Test(migrate, a_migration_that_came_too_late_is_refused, .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct error error = {0};
    execute(database.connection, "insert into tapedeck.migrations select (jsonb_populate_record(m,"
                                 " '{\"version\": 9000, \"name\": \"late\"}')).*"
                                 " from tapedeck.migrations m where m.version = 4");
    struct files files;
    files_init(&files);
    struct migrate_options options = options_of(&database, &files);
    struct migrate_outcome outcome;
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("9000_late");
    execute(database.connection, "delete from tapedeck.migrations where version in (3, 9000)");
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("0003_candles.up.sql was never applied");
    database_deinit(&database);
}

ON_BOTH_ENGINES(migrate, a_strangers_tick_data_is_refused_and_left_alone)
{
    struct error error = {0};
    struct migrate_options options = options_of(database, NULL);
    struct migrate_outcome outcome;
    MUST(migrate_down_to(&options, 0, &outcome, &error));
    execute(database->connection, "drop schema tapedeck cascade;"
                                  "create table public.tick_data (mine int);"
                                  "insert into public.tick_data values (7)");
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("public.tick_data that tapedeck did not make");
    cr_assert_eq(ask_number(database->connection, "select mine from public.tick_data"), 7);
    cr_assert_str_eq(ask_text(database->connection, "select to_regnamespace('tapedeck')"),
                     "(null)");
}

Test(migrate, a_failing_migration_is_named_and_leaves_nothing, .timeout = 120)
{
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    struct error error = {0};
    struct files files;
    files_init(&files);
    files_set(&files, "migrations/common/0098_half.up.sql",
              "create table tapedeck.half (); select 1/0;");
    files_set(&files, "migrations/common/0098_half.down.sql", "drop table tapedeck.half");
    struct migrate_options options = options_of(&database, &files);
    struct migrate_outcome outcome;
    int before = newest_version(&database);
    cr_assert_neq(migrate_up(&options, &outcome, &error), STATUS_OK);
    MUST_SAY("sql/migrations/common/0098_half.up.sql");
    MUST_SAY("division by zero");
    cr_assert_str_eq(ask_text(database.connection, "select to_regclass('tapedeck.half')"),
                     "(null)");
    cr_assert_eq(newest_version(&database), before);

    files_set(&files, "migrations/common/0098_half.up.sql",
              "create table tapedeck.half (); commit;");
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_INTERNAL);
    MUST_SAY("must not end its transaction");
    database_deinit(&database);
}

Test(migrate, files_that_do_not_belong_together_are_refused, .timeout = 120)
{
    static const struct {
        const char *path;
        const char *says;
    } rows[] = {
        {"migrations/common/0099_one_way.up.sql", "goes one way only"},
        {"migrations/common/0099_odd.sql", "is not named NNNN_name"},
        {"migrations/common/odd.up.sql", "is not named NNNN_name"},
        {"migrations/postgresql/0001_twin.up.sql", "has the version of another migration"},
    };
    struct database database;
    (void)database_init(&database, ENGINE_POSTGRESQL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        struct files files;
        files_init(&files);
        files_set(&files, rows[i].path, "select 1");
        struct migrate_options options = options_of(&database, &files);
        struct migrate_outcome outcome;
        MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_INTERNAL);
        MUST_SAY(rows[i].says);
    }
    database_deinit(&database);
}

/* ---- routines and policies ---- */

ON_BOTH_ENGINES(migrate, routines_are_applied_only_when_they_changed)
{
    struct error error = {0};
    struct files files;
    files_init(&files);
    files_set(&files, "routines/common/99_more.sql",
              "create or replace function tapedeck.more() returns int language sql as 'select 1'");
    struct migrate_options options = options_of(database, &files);
    struct migrate_outcome outcome;
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert(outcome.routines_changed);
    cr_assert_eq(ask_number(database->connection, "select tapedeck.more()"), 1);
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert_not(outcome.routines_changed);
    files_set(&files, "routines/common/99_more.sql",
              "create or replace function tapedeck.more() returns int language sql as 'select 2'");
    MUST(migrate_up(&options, &outcome, &error));
    cr_assert(outcome.routines_changed);
    cr_assert_eq(ask_number(database->connection, "select tapedeck.more()"), 2);
    files_set(&files, "routines/common/99_more.sql", "select 1/0");
    cr_assert_neq(migrate_up(&options, &outcome, &error), STATUS_OK);
    MUST_SAY("sql/routines/common/99_more.sql");
    cr_assert_eq(ask_number(database->connection, "select tapedeck.more()"), 2);
}

ON_BOTH_ENGINES(migrate, dangerous_policies_are_refused_and_listed)
{
    struct error error = {0};
    execute(
        database->connection,
        database->engine == ENGINE_TIMESCALEDB
            ? "select public.alter_job(job_id, config => config || '{\"drop_after\": \"3 days\"}')"
              " from timescaledb_information.jobs where proc_name = 'policy_retention'"
            : "update tapedeck.jobs set config = '{\"drop_after\": \"1 day\"}'"
              " where kind = 'retention'");
    struct migrate_options options = options_of(database, NULL);
    struct migrate_outcome outcome;
    MUST_FAIL(migrate_up(&options, &outcome, &error), STATUS_CONFLICT);
    MUST_SAY("policies");
    MUST_SAY("tick_data");
}

/* ---- several at once ---- */

struct starter {
    struct migrate_options options;
    enum status status;
    struct error error;
    struct migrate_outcome outcome;
};

static void *start_main(void *argument)
{
    struct starter *starter = argument;
    starter->status = migrate_up(&starter->options, &starter->outcome, &starter->error);
    return NULL;
}

ON_BOTH_ENGINES(migrate, several_servers_may_start_at_once)
{
    enum { COUNT = 4 };
    struct error error = {0};
    struct migrate_options options = options_of(database, NULL);
    struct migrate_outcome outcome;
    int newest = newest_version(database);
    int count = applied_count(database);
    MUST(migrate_down_to(&options, 0, &outcome, &error));
    struct starter starters[COUNT];
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++) {
        starters[i] = (struct starter){.options = options};
        cr_assert_eq(pthread_create(&threads[i], NULL, start_main, &starters[i]), 0);
    }
    size_t changes = 0;
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_eq(starters[i].status, STATUS_OK, "%s", starters[i].error.text);
        cr_assert_eq(starters[i].outcome.version, newest);
        changes += starters[i].outcome.change_count;
    }
    cr_assert_eq(changes, (size_t)count, "each migration ran once");
}
