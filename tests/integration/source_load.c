/* Tick loads, last values and symbols against a real database. */
#include "source_support.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1723161240000000) /* 2024-08-08 23:54:00 */
#define GRAIN_US (4 * TIME_SECOND_US)

static struct connection *own;
static struct pg_source *source;

static void setup(void)
{
    own = test_connect();
    struct pool_options options = pool_options_default(test_url());
    struct error error = {.text = ""};
    cr_assert(pg_source_create(&options, &source, &error) == STATUS_OK, "%s", error.text);
}

static void teardown(void)
{
    pg_source_destroy(&source);
    connection_close(&own);
}

/* `count` ticks from `from` on, `per_instant` at each instant, `gap_us` apart: quotes and trades.
 */
static void fill(const char *symbol, int64_t from, int64_t count, int64_t per_instant,
                 int64_t gap_us)
{
    struct buffer name;
    struct error error = {.text = ""};
    buffer_init(&name, 1024);
    cr_assert(connection_append_literal(own, &name, symbol, &error) == STATUS_OK);
    test_execute(own,
                 "INSERT INTO public.tick_data (time, symbol, bid_price, ask_price, last_price,"
                 " volume) SELECT '%s'::timestamptz + (i / %lld * %lld) * interval '1 microsecond',"
                 " %s, CASE WHEN i %% 4 <> 0 THEN 100 + (i %% 977) * 0.1 END,"
                 " CASE WHEN i %% 4 <> 0 THEN 101 + (i %% 977) * 0.1 END,"
                 " CASE WHEN i %% 4 = 0 THEN 100.5 + (i %% 977) * 0.00000001 END,"
                 " CASE WHEN i %% 4 = 0 THEN (i %% 13) * 0.001 END"
                 " FROM generate_series(0::bigint, %lld) i",
                 time_format(from).text, (long long)per_instant, (long long)gap_us,
                 buffer_text(&name), (long long)count - 1);
    buffer_deinit(&name);
}

static void check_against_sql(const char *symbol, struct time_range range, int64_t grain_us,
                              struct test_load *load)
{
    size_t count;
    struct tick *expected = test_expected(own, symbol, range, &count);
    test_load_init(load, symbol, range, grain_us, SOURCE_URGENT);
    source_load_ticks(pg_source_interface(source), &load->load);
    test_load_wait(load);
    test_load_check(load, expected, count);
    mem_free(expected);
}

TestSuite(source_load, .init = setup, .fini = teardown);

Test(source_load, a_load_is_what_sql_says_in_stretches_of_a_grain)
{
    struct test_symbol symbol = test_symbol("plain");
    fill(symbol.name, T0 + 1234567, 20000, 3, 1700);
    struct test_load load;
    check_against_sql(symbol.name, (struct time_range){T0, T0 + TIME_MINUTE_US}, GRAIN_US, &load);
    cr_assert(load.tick_count == 20000);
    cr_assert(load.stretches >= 4, "a block per grain");
    cr_assert(load.empty_stretches == 1, "only the tail is empty: %zu", load.empty_stretches);
    test_load_deinit(&load);
}

Test(source_load, stretches_with_ticks_end_at_multiples_of_the_grain)
{
    struct test_symbol symbol = test_symbol("grain");
    fill(symbol.name, T0, 100, 1, 1000000);
    struct time_range range = {T0 + 1, T0 + 99 * TIME_SECOND_US};
    struct test_load load;
    check_against_sql(symbol.name, range, 7 * TIME_SECOND_US, &load);
    /* From the first multiple of 7 s on one block for each, a part of one at both ends. */
    int64_t grains = range.to / (7 * TIME_SECOND_US) - range.from / (7 * TIME_SECOND_US) + 1;
    cr_assert(load.stretches == (size_t)grains, "%zu", load.stretches);
    test_load_deinit(&load);
}

Test(source_load, the_range_is_half_open)
{
    struct test_symbol symbol = test_symbol("half-open");
    fill(symbol.name, T0, 11, 1, 1000000);
    struct test_load load;
    check_against_sql(symbol.name, (struct time_range){T0, T0 + 10 * TIME_SECOND_US}, GRAIN_US,
                      &load);
    cr_assert(load.tick_count == 10);
    test_load_deinit(&load);
}

Test(source_load, a_range_without_ticks_is_one_empty_stretch)
{
    struct test_symbol symbol = test_symbol("empty");
    struct test_load load;
    check_against_sql(symbol.name, (struct time_range){T0, T0 + TIME_DAY_US}, GRAIN_US, &load);
    cr_assert(load.stretches == 1);
    cr_assert(load.empty_stretches == 1);
    test_load_deinit(&load);
}

Test(source_load, an_empty_range_is_done_without_a_stretch)
{
    struct test_load load;
    check_against_sql("TEST:nobody", (struct time_range){T0, T0}, GRAIN_US, &load);
    cr_assert(load.stretches == 0);
    test_load_deinit(&load);
}

Test(source_load, emptiness_between_ticks_is_one_stretch)
{
    struct test_symbol symbol = test_symbol("gap");
    fill(symbol.name, T0, 10, 1, 1000);
    fill(symbol.name, T0 + TIME_HOUR_US, 10, 1, 1000);
    struct test_load load;
    check_against_sql(symbol.name, (struct time_range){T0 - TIME_HOUR_US, T0 + 2 * TIME_HOUR_US},
                      GRAIN_US, &load);
    cr_assert(load.empty_stretches == 3, "before, between, after");
    cr_assert(load.stretches == 5);
    test_load_deinit(&load);
}

Test(source_load, a_full_block_ends_at_a_change_of_time)
{
    struct test_symbol symbol = test_symbol("full");
    fill(symbol.name, T0, 150000, 7, 10);
    struct test_load load;
    check_against_sql(symbol.name, (struct time_range){T0, T0 + GRAIN_US}, GRAIN_US, &load);
    cr_assert(load.rows_most > BLOCK_ROWS_MAX - 7);
    cr_assert(load.stretches == 3);
    test_load_deinit(&load);
}

Test(source_load, one_instant_stays_whole_whatever_it_holds)
{
    struct test_symbol symbol = test_symbol("instant");
    fill(symbol.name, T0 - 5000, 100, 1, 10);
    fill(symbol.name, T0, 70000, 70000, 1);
    fill(symbol.name, T0 + 5000, 100, 1, 10);
    struct test_load load;
    check_against_sql(symbol.name, (struct time_range){T0 - GRAIN_US, T0 + GRAIN_US}, GRAIN_US,
                      &load);
    cr_assert(load.rows_most >= 70000);
    test_load_deinit(&load);
}

Test(source_load, a_name_is_a_value_and_never_sql)
{
    const char *const names[] = {
        "TEST:o'brien", "TEST:x\\' OR true --", "TEST:'); --", "TEST:\"q\"", "TEST:$1", "TEST:Ä€𝄞"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        test_execute(own, "DELETE FROM public.tick_data WHERE symbol = $a$%s$a$", names[i]);
        fill(names[i], T0, 5, 1, 1);
        struct test_load load;
        check_against_sql(names[i], (struct time_range){T0, T0 + GRAIN_US}, GRAIN_US, &load);
        cr_assert(load.tick_count == 5, "%s", names[i]);
        test_load_deinit(&load);
    }
}

Test(source_load, a_name_that_is_none_and_a_range_backwards_are_invalid)
{
    struct test_load loads[3];
    test_load_init(&loads[0], "", (struct time_range){T0, T0 + 1}, GRAIN_US, SOURCE_URGENT);
    test_load_init(&loads[1], "\xff\xfe", (struct time_range){T0, T0 + 1}, GRAIN_US, SOURCE_URGENT);
    test_load_init(&loads[2], "TEST:x", (struct time_range){T0, T0 - 1}, GRAIN_US, SOURCE_URGENT);
    for (size_t i = 0; i < 3; i++) {
        source_load_ticks(pg_source_interface(source), &loads[i].load);
        test_load_wait(&loads[i]);
        cr_assert(loads[i].status == STATUS_INVALID);
        cr_assert(loads[i].stretches == 0);
        test_load_deinit(&loads[i]);
    }
}

/* ---- both directions, short first stretches ---- */

struct course {
    bool backward;
    int64_t first_us;
};

static const struct course courses[] = {
    {true, 0}, {false, GRAIN_US >> 8}, {true, GRAIN_US >> 8}, {true, GRAIN_US >> 3}};
#define COURSES (sizeof courses / sizeof *courses)

static void check_course_against_sql(const char *symbol, struct time_range range,
                                     const struct course *course, struct test_load *load)
{
    size_t count;
    struct tick *expected = test_expected(own, symbol, range, &count);
    test_load_init(load, symbol, range, GRAIN_US, SOURCE_URGENT);
    test_load_set_course(load, course->backward, course->first_us);
    source_load_ticks(pg_source_interface(source), &load->load);
    test_load_wait(load);
    test_load_check(load, expected, count);
    mem_free(expected);
}

static void check_courses(const char *symbol, struct time_range range)
{
    for (size_t i = 0; i < COURSES; i++) {
        struct test_load load;
        check_course_against_sql(symbol, range, &courses[i], &load);
        test_load_deinit(&load);
    }
}

Test(source_load, backward_and_slow_starting_loads_are_what_sql_says)
{
    struct test_symbol symbol = test_symbol("courses");
    fill(symbol.name, T0 + 1234567, 20000, 3, 1700);
    fill(symbol.name, T0 + 30 * TIME_SECOND_US, 500, 1, 7000);
    check_courses(symbol.name, (struct time_range){T0, T0 + TIME_MINUTE_US});
    check_courses(symbol.name,
                  (struct time_range){T0 + 2 * TIME_SECOND_US + 1, T0 + 11 * TIME_SECOND_US + 77});
}

Test(source_load, an_instant_stays_whole_and_full_blocks_are_cut_in_both_directions)
{
    struct test_symbol symbol = test_symbol("dense-courses");
    fill(symbol.name, T0 - 50000, 80000, 7, 1);
    fill(symbol.name, T0, 70000, 70000, 1);
    fill(symbol.name, T0 + 5000, 80000, 9, 1);
    check_courses(symbol.name, (struct time_range){T0 - GRAIN_US, T0 + GRAIN_US});
}

Test(source_load, a_backward_load_over_gaps_and_midnight_begins_at_its_end)
{
    struct test_symbol symbol = test_symbol("gap-courses");
    fill(symbol.name, T0, 10, 1, 1000);
    fill(symbol.name, T0 + TIME_HOUR_US, 10, 1, 1000);
    struct time_range range = {T0 - TIME_HOUR_US, T0 + 2 * TIME_HOUR_US};
    check_courses(symbol.name, range);
    struct test_load load;
    check_course_against_sql(symbol.name, range, &courses[0], &load);
    cr_assert(load.empty_stretches == 3, "after, between, before");
    cr_assert(load.stretches == 5);
    cr_assert(load.ticks[0].time == T0 + TIME_HOUR_US + 9000);
    test_load_deinit(&load);
}

Test(source_load, nothing_and_an_empty_range_load_backward_too)
{
    struct test_symbol symbol = test_symbol("empty-courses");
    struct test_load load;
    const struct course *backward = &courses[0];
    check_course_against_sql(symbol.name, (struct time_range){T0, T0 + TIME_DAY_US}, backward,
                             &load);
    cr_assert(load.stretches == 1);
    test_load_deinit(&load);
    check_course_against_sql(symbol.name, (struct time_range){T0, T0}, backward, &load);
    cr_assert(load.stretches == 0);
    test_load_deinit(&load);
}

/* A day of its own, so that compressing it disturbs no other test. */
#define T1 (T0 - 100 * TIME_DAY_US)

static void compress_day(int64_t time)
{
    const char *engine = getenv("TAPEDECK_TEST_ENGINE");
    if (engine == NULL || strcmp(engine, "timescaledb") != 0)
        return;
    cr_assert(test_number(own,
                          "SELECT count(public.compress_chunk(c.chunk::regclass))"
                          " FROM tapedeck.tick_chunks() c WHERE c.range_start <= '%s'"
                          " AND c.range_end > '%s'",
                          time_format(time).text, time_format(time).text) == 1);
}

Test(source_load, compressed_ticks_and_back_filled_ones_come_in_order_both_ways)
{
    struct test_symbol symbol = test_symbol("compressed");
    test_execute(own, "SELECT tapedeck.chunks_prepare('%s', '%s')", time_format(T1).text,
                 time_format(T1 + 1).text);
    fill(symbol.name, T1, 20000, 3, 700);
    compress_day(T1);
    struct time_range range = {T1 + 100000, T1 + 4000000};
    check_courses(symbol.name, range);
    fill(symbol.name, T1 + 70000, 5000, 2, 700);
    check_courses(symbol.name, range);
    struct test_load load;
    check_against_sql(symbol.name, range, GRAIN_US, &load);
    test_load_deinit(&load);
}

/* ---- cancelling ---- */

static void cancel_at_once(struct test_load *load)
{
    if (load->stretches == 1)
        source_cancel_ticks(pg_source_interface(source), &load->load);
}

Test(source_load, a_running_load_ends_when_it_is_cancelled_and_the_connection_serves_on)
{
    struct test_symbol symbol = test_symbol("cancel");
    fill(symbol.name, T0, 200000, 1, 100);
    struct time_range range = {T0, T0 + TIME_MINUTE_US};
    for (int round = 0; round < 10; round++) {
        struct test_load load;
        test_load_init(&load, symbol.name, range, TIME_SECOND_US, SOURCE_URGENT);
        test_load_set_course(&load, round % 2 == 1, 0);
        load.on_publish = cancel_at_once;
        source_load_ticks(pg_source_interface(source), &load.load);
        test_load_wait(&load);
        cr_assert(load.status == STATUS_END);
        cr_assert(load.reached != (load.load.backward ? range.from : range.to));
        test_load_deinit(&load);
    }
    struct test_load whole;
    check_against_sql(symbol.name, range, TIME_SECOND_US, &whole);
    test_load_deinit(&whole);
    struct pg_source_statistics statistics = pg_source_statistics(source);
    cr_assert(statistics.pool.connects <= statistics.pool.threads,
              "cancelling cost %llu connections", (unsigned long long)statistics.pool.connects);
}

/* ---- small requests ---- */

struct answer {
    struct last_values_request values;
    struct symbols_request symbols;
    bool has_values;
    bool has_symbols;
};

static void values_delivered(struct letter *letter)
{
    CONTAINER_OF(letter, struct answer, values.letter)->has_values = true;
}

static void symbols_delivered(struct letter *letter)
{
    CONTAINER_OF(letter, struct answer, symbols.letter)->has_symbols = true;
}

Test(source_load, last_values_are_the_newest_before_the_instant)
{
    struct test_symbol symbol = test_symbol("values \"quoted\\");
    struct test_symbol nobody = test_symbol("nobody");
    fill(symbol.name, T0, 10, 1, TIME_SECOND_US);
    struct test_inbox inbox;
    test_inbox_init(&inbox);
    static struct answer answer;
    letter_init(&answer.values.letter, values_delivered);
    answer.values.inbox = &inbox.inbox;
    answer.values.symbol_count = 3;
    answer.values.symbols[0] = symbol.name;
    answer.values.symbols[1] = nobody.name;
    answer.values.symbols[2] = symbol.name;
    answer.values.at = T0 + 8 * TIME_SECOND_US;
    source_last_values(pg_source_interface(source), &answer.values);
    test_inbox_wait(&inbox, &answer.has_values);
    cr_assert(answer.values.status == STATUS_OK, "%s", answer.values.error.text);
    const struct last_values *values = answer.values.values;
    cr_assert(values[0].time == T0 + 7 * TIME_SECOND_US);
    cr_assert(values[0].fields[TICK_BID] == INT64_C(10070000000));
    cr_assert(values[0].fields[TICK_ASK] == INT64_C(10170000000));
    cr_assert(values[0].fields[TICK_LAST] == INT64_C(10050000004), "of the trade at 4 s");
    cr_assert(values[1].time == INT64_MIN);
    cr_assert(values[1].fields[TICK_BID] == DECIMAL_NULL);
    cr_assert(memcmp(&values[0], &values[2], sizeof values[0]) == 0);
    test_inbox_deinit(&inbox);
}

Test(source_load, symbols_are_sorted_and_end_behind_their_last_tick)
{
    struct test_symbol symbol = test_symbol("listed");
    test_execute(own,
                 "INSERT INTO tapedeck.symbols (symbol, first_time, last_time, ticks, exact,"
                 " has_bid, has_ask) VALUES ('%s', '%s', '%s', 42, true, true, false)",
                 symbol.name, time_format(T0).text, time_format(T0 + 9).text);
    struct test_inbox inbox;
    test_inbox_init(&inbox);
    static struct answer answer;
    letter_init(&answer.symbols.letter, symbols_delivered);
    answer.symbols.inbox = &inbox.inbox;
    source_symbols(pg_source_interface(source), &answer.symbols);
    test_inbox_wait(&inbox, &answer.has_symbols);
    cr_assert(answer.symbols.status == STATUS_OK, "%s", answer.symbols.error.text);
    bool found = false;
    for (size_t i = 0; i < answer.symbols.symbol_count; i++) {
        const struct symbol *listed = &answer.symbols.symbols[i];
        cr_assert(i == 0 || strcmp(listed[-1].name, listed->name) < 0);
        if (strcmp(listed->name, symbol.name) != 0)
            continue;
        found = true;
        cr_assert(listed->from == T0);
        cr_assert(listed->to == T0 + 10);
        cr_assert(listed->ticks == 42);
        cr_assert(listed->exact);
        cr_assert(listed->has == TICK_FIELD_BIT(TICK_BID));
        cr_assert(listed->lacks == TICK_FIELD_BIT(TICK_ASK), "of the last price nothing is known");
    }
    cr_assert(found);
    mem_free(answer.symbols.symbols);
    test_execute(own, "DELETE FROM tapedeck.symbols WHERE symbol = '%s'", symbol.name);
    test_inbox_deinit(&inbox);
}
