#include "intake/generate.h"

#include "intake_support.h"

#include <inttypes.h>

#define FROM INT64_C(1723075200000000) /* 2024-08-08 */

static const char *const symbols[] = {"BTCUSDT", "EURUSD", "ACME"};

static struct generate_options three_symbols(int64_t length_us)
{
    return (struct generate_options){
        .symbols = symbols, .symbol_count = 3, .from = FROM, .to = FROM + length_us, .seed = 42};
}

static struct generator *generator_of(const struct generate_options *options)
{
    struct generator *generator = NULL;
    struct error error = {0};
    cr_assert(generate_create(options, &generator, &error) == STATUS_OK, "%s", error.text);
    return generator;
}

/* FNV-1a over everything in a row that an import would store. */
static uint64_t hash_value(uint64_t hash, int64_t value)
{
    for (int i = 0; i < 64; i += 8)
        hash = (hash ^ (uint8_t)((uint64_t)value >> i)) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_rows(const struct generate_options *options)
{
    struct generator *generator = generator_of(options);
    struct intake_row row;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    while (generate_next(generator, &row) == STATUS_OK) {
        hash = hash_value(hash, row.time);
        hash = hash_value(hash, row.symbol_id);
        for (size_t i = 0; i < TICK_FIELDS; i++)
            hash = hash_value(hash, row.fields[i]);
    }
    generate_destroy(&generator);
    cr_assert(generator == NULL);
    return hash;
}

/* These must never change: demonstrations and benchmarks are compared across versions. */
static const struct {
    enum generate_shape shape;
    uint64_t seed;
    uint64_t hash;
} golden[] = {
    {GENERATE_DAY, 42, UINT64_C(0x0c4e59b5fdd790be)},
    {GENERATE_DAY, 43, UINT64_C(0xcc709afc71693f4a)},
    {GENERATE_FLAT, 42, UINT64_C(0x55a3a4cb42bcc6f5)},
    {GENERATE_STORM, 42, UINT64_C(0x0e99215dcad70b43)},
};

Test(intake_generate, gives_the_same_rows_on_every_machine)
{
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct generate_options options = three_symbols(TIME_HOUR_US);
        options.shape = golden[i].shape;
        options.seed = golden[i].seed;
        uint64_t hash = hash_rows(&options);
        cr_assert(hash == golden[i].hash, "case %zu: 0x%016" PRIx64, i, hash);
    }
}

Test(intake_generate, a_day_at_250_ms_has_345_600_rows_per_symbol_in_time_order)
{
    struct generate_options options = three_symbols(TIME_DAY_US);
    struct generator *generator = generator_of(&options);
    cr_assert(generate_row_count(generator) == 3 * 345600);
    int64_t counts[3] = {0};
    int64_t line = 0;
    struct intake_row row;
    while (generate_next(generator, &row) == STATUS_OK) {
        cr_assert(row.symbol_id < 3);
        cr_assert(row.line == ++line);
        cr_assert(row.symbol_id == (uint32_t)((line - 1) % 3));
        cr_assert(row.time == FROM + counts[row.symbol_id] * GENERATE_EVERY_US_DEFAULT);
        cr_assert_str_eq(row.symbol, symbols[row.symbol_id]);
        counts[row.symbol_id]++;
    }
    cr_assert(line == 3 * 345600);
    cr_assert(generate_next(generator, &row) == STATUS_END);
    generate_destroy(&generator);
}

/* What holds in every row, whatever the options. */
static void check_row(const struct intake_row *row)
{
    int64_t bid = row->fields[TICK_BID];
    int64_t ask = row->fields[TICK_ASK];
    int64_t last = row->fields[TICK_LAST];
    int64_t volume = row->fields[TICK_VOLUME];
    cr_assert(bid > 0 && bid < ask);
    cr_assert(ask < INT64_C(1000000) * DECIMAL_ONE);
    cr_assert((last == DECIMAL_NULL) == (volume == DECIMAL_NULL));
    if (last != DECIMAL_NULL) {
        cr_assert(last == bid || last == ask);
        cr_assert(volume > 0 && volume < INT64_C(100000000) * DECIMAL_ONE);
    }
    cr_assert_str_eq(row->source, "generated");
    cr_assert(!row->has_trade_id && !row->has_account_id);
}

Test(intake_generate, every_value_is_sane_in_every_shape_and_at_every_distance)
{
    static const int64_t every_us[] = {1, 1000, GENERATE_EVERY_US_DEFAULT, TIME_MINUTE_US,
                                       TIME_DAY_US};
    for (int shape = GENERATE_DAY; shape <= GENERATE_STORM; shape++) {
        for (size_t i = 0; i < sizeof every_us / sizeof *every_us; i++) {
            struct generate_options options = three_symbols(every_us[i] * 20000);
            options.every_us = every_us[i];
            options.shape = (enum generate_shape)shape;
            struct generator *generator = generator_of(&options);
            struct intake_row row;
            int64_t trades = 0;
            while (generate_next(generator, &row) == STATUS_OK) {
                check_row(&row);
                trades += row.fields[TICK_LAST] != DECIMAL_NULL;
            }
            cr_assert(trades > 23000 && trades < 25000, "40 %% of 60000: %" PRId64, trades);
            generate_destroy(&generator);
        }
    }
}

Test(intake_generate, volumes_are_larger_at_midnight_than_at_noon)
{
    struct generate_options options = three_symbols(TIME_DAY_US);
    options.symbol_count = 1;
    struct generator *generator = generator_of(&options);
    struct intake_row row;
    int64_t hours[24] = {0};
    while (generate_next(generator, &row) == STATUS_OK)
        if (row.fields[TICK_VOLUME] != DECIMAL_NULL)
            hours[(row.time - FROM) / TIME_HOUR_US] += row.fields[TICK_VOLUME] / 100000;
    cr_assert(hours[0] > 2 * hours[12]);
    cr_assert(hours[23] > 2 * hours[12]);
    generate_destroy(&generator);
}

Test(intake_generate, a_symbol_does_not_depend_on_the_others)
{
    struct generate_options options = three_symbols(TIME_MINUTE_US);
    struct generator *together = generator_of(&options);
    options.symbols = &symbols[1];
    options.symbol_count = 1;
    struct generator *alone = generator_of(&options);
    struct intake_row row;
    struct intake_row same;
    while (generate_next(together, &row) == STATUS_OK) {
        if (row.symbol_id != 1)
            continue;
        cr_assert(generate_next(alone, &same) == STATUS_OK);
        cr_assert(memcmp(row.fields, same.fields, sizeof row.fields) == 0);
    }
    cr_assert(generate_next(alone, &same) == STATUS_END);
    generate_destroy(&together);
    generate_destroy(&alone);
}

Test(intake_generate, the_number_of_rows_is_rounded_down)
{
    static const struct {
        int64_t length_us;
        int64_t rows;
    } cases[] = {{0, 0}, {1, 0}, {249999, 0}, {250000, 1}, {250001, 1}, {499999, 1}, {500000, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct generate_options options = three_symbols(cases[i].length_us);
        struct generator *generator = generator_of(&options);
        cr_assert(generate_row_count(generator) == 3 * cases[i].rows);
        struct intake_row row;
        int64_t rows = 0;
        while (generate_next(generator, &row) == STATUS_OK)
            rows++;
        cr_assert(rows == 3 * cases[i].rows);
        generate_destroy(&generator);
    }
}

static void expect_refused(struct generate_options options, const char *sentence)
{
    struct generator *generator = NULL;
    struct error error = {0};
    cr_assert(generate_create(&options, &generator, &error) == STATUS_INVALID, "%s", sentence);
    cr_assert(strstr(error.text, sentence) != NULL, "%s", error.text);
    cr_assert(generator == NULL);
}

Test(intake_generate, refuses_options_that_make_no_sense)
{
    static const char *const twice[] = {"A", "B", "A"};
    static const char *const bad[] = {"A", " B", "C"};
    struct generate_options good = three_symbols(TIME_MINUTE_US);
    struct generate_options options = good;
    options.symbol_count = 0;
    expect_refused(options, "1 to 10000 symbols");
    options = good;
    options.symbol_count = GENERATE_SYMBOLS_MAX + 1;
    expect_refused(options, "1 to 10000 symbols");
    options = good;
    options.symbols = twice;
    expect_refused(options, "A is there twice");
    options.symbols = bad;
    expect_refused(options, "blank");
    options = good;
    options.to = options.from - 1;
    expect_refused(options, "to a later one");
    options.to = TIME_MAX + 1;
    expect_refused(options, "years 1 to 9999");
    options.to = TIME_MAX;
    options.from = TIME_MIN;
    options.every_us = 1;
    expect_refused(options, "too long");
    options = good;
    options.every_us = -1;
    expect_refused(options, "every 1 µs to 1 day");
    options.every_us = TIME_DAY_US + 1;
    expect_refused(options, "every 1 µs to 1 day");
}

Test(intake_generate, reads_the_names_of_shapes)
{
    enum generate_shape shape = GENERATE_DAY;
    cr_assert(generate_shape_parse("storm", &shape, NULL) == STATUS_OK);
    cr_assert(shape == GENERATE_STORM);
    cr_assert(generate_shape_parse("calm", &shape, NULL) == STATUS_INVALID);
    cr_assert(shape == GENERATE_STORM);
}
