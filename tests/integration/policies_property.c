/*
 * Random declarations: each is refused before anything is changed, or is in force afterwards with
 * nothing left to change and nothing for policies_check() to find.
 */
#include "app/declared_policies.h"
#include "cluster_fixture.h"
#include "market/time.h"
#include "unit/random.h"

#include <stdio.h>
#include <string.h>

#define DECLARATIONS 60
#define SEED 20260808

/* Lengths of all sizes, near the ones that the rules are about rather often. */
static int64_t random_length(struct random *random, const struct declared_setting *setting)
{
    static const int64_t favourites_us[] = {
        30 * TIME_SECOND_US, TIME_MINUTE_US,   3 * TIME_MINUTE_US, 10 * TIME_MINUTE_US,
        TIME_HOUR_US,        3 * TIME_HOUR_US, TIME_DAY_US,        2 * TIME_DAY_US,
        7 * TIME_DAY_US,     30 * TIME_DAY_US, 62 * TIME_DAY_US,   90 * TIME_DAY_US,
        400 * TIME_DAY_US};
    size_t count = sizeof favourites_us / sizeof favourites_us[0];
    int64_t us = favourites_us[random_below(random, count)];
    if (random_one_in(random, 3))
        us += random_between(random, -us / 2, us);
    us = us < setting->min_us ? setting->min_us : us;
    return us > setting->max_us ? setting->max_us : us;
}

static struct declared_policies random_policies(struct random *random)
{
    struct declared_policies policies = {0};
    size_t count;
    size_t rarity = 1 + random_below(random, 12);
    const struct declared_setting *all = declared_settings(&count);
    for (size_t i = 0; i < count; i++) {
        struct declared_value *value = &policies.of[i];
        value->is_given = random_one_in(random, rarity);
        value->is_never =
            value->is_given && all[i].type == DECLARED_LENGTH_OR_NEVER && random_one_in(random, 2);
        value->us = all[i].type == DECLARED_TIME_OF_DAY
                        ? random_between(random, 0, 1439) * TIME_MINUTE_US
                        : random_length(random, &all[i]);
        value->line = (unsigned)i + 1;
    }
    return policies;
}

/* The number that a question with the declaration as $1 is answered with. */
static int64_t ask_of(struct database *database, const char *sql, const char *declared)
{
    struct error error = {0};
    PGresult *row;
    int64_t number;
    MUST(connection_query_row(database->connection, sql, 1, &declared, &row, &error));
    cr_assert_eq(result_int64(row, 0, 0, &number), STATUS_OK);
    PQclear(row);
    return number;
}

static const char state[] = "select coalesce(hashtextextended(string_agg(s::text, ',' order by"
                            " s.target, s.setting), 0), 0) from (select target, setting, value,"
                            " job_id, enabled from tapedeck.policies_state()) s";

static bool is_refused(struct database *database, const char *declared)
{
    return ask_of(database,
                  "select count(*) from tapedeck.policies_plan($1::jsonb) p where p.action in"
                  " ('refusal', 'finding')",
                  declared) > 0;
}

static void must_stay(struct database *database, const char *declared)
{
    struct error error = {0};
    PGresult *none;
    int64_t before = ask_number(database->connection, state);
    MUST_FAIL(connection_query(database->connection,
                               "select * from tapedeck.policies_apply($1::jsonb)", 1, &declared,
                               &none, &error),
              STATUS_CONFLICT);
    cr_assert_str_eq(connection_sqlstate(database->connection), "TD012");
    cr_assert_eq(ask_number(database->connection, state), before, "%s", declared);
}

static void must_be_put(struct database *database, const char *declared)
{
    int64_t planned = ask_of(database,
                             "select count(*) from tapedeck.policies_plan($1::jsonb) p where"
                             " p.action in ('add', 'change', 'remove')",
                             declared);
    int64_t done =
        ask_of(database, "select count(*) from tapedeck.policies_apply($1::jsonb)", declared);
    cr_assert_eq(done, planned, "%s", declared);
    cr_assert_eq(ask_of(database,
                        "select count(*) from tapedeck.policies_plan($1::jsonb) p where"
                        " p.action not in ('unsupported', 'paused')",
                        declared),
                 0, "%s", declared);
    cr_assert_eq(ask_number(database->connection, "select count(*) from tapedeck.policies_check()"),
                 0, "%s", declared);
}

ON_BOTH_ENGINES(policies, random_declarations_are_refused_or_in_force)
{
    struct random random = {SEED};
    size_t refused = 0;
    for (size_t i = 0; i < DECLARATIONS; i++) {
        struct declared_policies policies = random_policies(&random);
        struct buffer declared;
        buffer_init(&declared, DECLARED_JSON_BYTES_MAX);
        declared_policies_json(&policies, "random", database->engine == ENGINE_POSTGRESQL,
                               &declared);
        bool is_bad = is_refused(database, buffer_text(&declared));
        if (is_bad)
            must_stay(database, buffer_text(&declared));
        else
            must_be_put(database, buffer_text(&declared));
        refused += is_bad;
        buffer_deinit(&declared);
    }
    /* Both happened, and often. */
    cr_assert_gt(refused, DECLARATIONS / 10, "%zu", refused);
    cr_assert_lt(refused, DECLARATIONS * 9 / 10, "%zu", refused);
}

ON_BOTH_ENGINES(policies, a_partial_declaration_leaves_the_rest_as_it_is)
{
    static const char declared[] = "[{\"target\": \"tick_data\", \"setting\": \"drop_after\","
                                   " \"value\": \"80 days\", \"source\": \"test\"}]";
    execute(database->connection, "select tapedeck.retention_disable()");
    must_be_put(database, declared);
    cr_assert_eq(ask_of(database,
                        "select count(*) from tapedeck.policies_list() l where $1 <> ''"
                        " and not l.enabled and l.config ->> 'drop_after' = '80 days'",
                        declared),
                 1);
    cr_assert(is_refused(database, "[{\"target\": \"tick_data\", \"setting\": \"drop_after\","
                                   " \"value\": \"1 day\", \"source\": \"test\"}]"));
    cr_assert(is_refused(database, "[{\"target\": \"candle_1m\", \"setting\": \"end_offset\","
                                   " \"value\": null, \"source\": \"test\"}]"));
    cr_assert(is_refused(database, "[{\"target\": \"candle_1m\", \"setting\": \"end_offset\","
                                   " \"value\": \"-5 minutes\", \"source\": \"test\"}]"));
    cr_assert(is_refused(database, "[{\"target\": \"candle_1m\", \"setting\": \"start_offset\","
                                   " \"value\": null, \"source\": \"test\"}]"));
    cr_assert(is_refused(database, "[{\"target\": \"candle_1m\", \"setting\": \"refresh_every\","
                                   " \"value\": \"0\", \"source\": \"test\"}]"));
    cr_assert(is_refused(database, "[{\"target\": \"nobody\", \"setting\": \"drop_after\","
                                   " \"value\": \"90 days\", \"source\": \"test\"}]"));
    cr_assert(is_refused(database, "[{\"target\": \"tick_data\", \"setting\": \"nothing\","
                                   " \"value\": \"90 days\", \"source\": \"test\"}]"));
}

ON_BOTH_ENGINES(policies, lengths_of_time_have_words_that_can_be_read_again)
{
    static const char *const texts[] = {"90 days",     "2160:00:00",   "1 mon",  "00:01:30",
                                        "-5 minutes",  "-1 day -2:00", "0",      "00:00:00.25",
                                        "1 day 25:00", "366 days",     "1 hour", "1 second"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_eq(ask_of(database,
                            "select (tapedeck.words_interval(tapedeck.interval_words($1::interval))"
                            " = $1::interval)::int",
                            texts[i]),
                     1, "%s", texts[i]);
    cr_assert_str_eq(
        ask_text(database->connection, "select tapedeck.interval_words('1 day 01:01:01.50')"),
        "1 day 1 hour 1 minute 1.5 seconds");
}
