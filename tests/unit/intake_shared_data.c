#include "intake/survey.h"

#include "intake_support.h"

static const struct {
    const char *name;
    enum intake_format format;
    const char *symbol; /* to be given */
    const char *expected_symbol;
    int64_t rows;
    int64_t trades; /* rows with a volume */
} files[] = {
    {"binance-usdm-btcusdt-20240808.csv.gz", INTAKE_TAPEDECK, NULL, "BTCUSDT", 87402, 21313},
    {"binance-usdm-ethusdt-20240808.csv.gz", INTAKE_TAPEDECK, NULL, "ETHUSDT", 68068, 14076},
    {"truefx-usdjpy-20130101.csv", INTAKE_TRUEFX, "USDJPY", "USDJPY", 1000, 0},
    {"histdata-eurusd-20200101.csv", INTAKE_HISTDATA, "EURUSD", "EURUSD", 9500, 0},
    {"tardis-bitmex-trades-xbtusd.csv", INTAKE_TARDIS_TRADES, NULL, "XBTUSD", 10, 10},
    {"tardis-huobi-quotes-btcusd.csv", INTAKE_TARDIS_QUOTES, NULL, "BTC-USD", 10, 0},
};
#define FILES (sizeof files / sizeof *files)

static struct intake *open_file(size_t i, struct intake_row *first)
{
    struct temporary found = shared_data(files[i].name);
    struct intake_options options = any_format();
    options.symbol = files[i].symbol;
    struct intake *intake = NULL;
    struct error error = {0};
    cr_assert(intake_open(found.path, &options, &intake, &error) == STATUS_OK, "%s", error.text);
    cr_assert(intake_next(intake, first, &error) == STATUS_OK, "%s", error.text);
    return intake;
}

Test(intake_shared_data, every_row_of_every_file_is_taken)
{
    for (size_t i = 0; i < FILES; i++) {
        struct intake_row first;
        struct intake *intake = open_file(i, &first);
        struct survey survey;
        struct survey_options options = {.rejected_max = 0};
        struct error error = {0};
        cr_assert(survey_run(intake, &options, &survey, &error) == STATUS_OK, "%s: %s",
                  files[i].name, error.text);
        cr_assert(survey.rows == files[i].rows, "%s", files[i].name);
        cr_assert(survey.rejected == 0);
        cr_assert(survey.symbol_count == 1);
        cr_assert(survey.symbols[0].rows == survey.rows);
        cr_assert(survey.first == first.time);
        cr_assert_str_eq(intake_symbol(intake, 0), files[i].expected_symbol);
        cr_assert(intake_format(intake) == files[i].format);
        survey_deinit(&survey);
        intake_destroy(&intake);
    }
}

Test(intake_shared_data, trades_have_volumes_and_quotes_have_none)
{
    for (size_t i = 0; i < FILES; i++) {
        struct intake_row row;
        struct intake *intake = open_file(i, &row);
        int64_t trades = 0;
        do
            trades += row.fields[TICK_VOLUME] != DECIMAL_NULL;
        while (intake_next(intake, &row, NULL) == STATUS_OK);
        cr_assert(trades == files[i].trades, "%s", files[i].name);
        intake_destroy(&intake);
    }
}

Test(intake_shared_data, histdata_begins_at_five_in_the_afternoon_in_new_york)
{
    struct intake_row row;
    struct intake *intake = open_file(3, &row);
    cr_assert_str_eq(time_format(row.time).text, "2020-01-01T22:00:00.065000Z");
    cr_assert(row.fields[TICK_BID] == 112120000);
    cr_assert(row.fields[TICK_ASK] == 112172000);
    cr_assert(row.fields[TICK_LAST] == 112146000); /* the middle */
    cr_assert(row.fields[TICK_VOLUME] == DECIMAL_NULL);
    cr_assert_str_eq(row.source, "histdata");
    intake_destroy(&intake);
}

Test(intake_shared_data, a_trade_of_tardis_keeps_its_uuid_and_its_exchange)
{
    static const uint8_t id[UUID_BYTES] = {0xcc, 0xc3, 0xc1, 0xfa, 0x21, 0x2c, 0xe8, 0xb0,
                                           0x17, 0x06, 0x9b, 0x9c, 0x4f, 0x3d, 0x5e, 0xcf};
    struct intake_row row;
    struct intake *intake = open_file(4, &row);
    cr_assert(row.time == INT64_C(1583020803145000));
    cr_assert(row.has_trade_id);
    cr_assert(memcmp(row.trade_id, id, sizeof id) == 0);
    cr_assert_str_eq(row.source, "bitmex");
    cr_assert(row.fields[TICK_LAST] == INT64_C(853150000000));
    intake_destroy(&intake);
}

Test(intake_shared_data, a_numbered_trade_of_binance_keeps_its_number)
{
    struct intake_row row;
    struct intake *intake = open_file(0, &row);
    cr_assert(!row.has_trade_id); /* a quote */
    cr_assert(intake_next(intake, &row, NULL) == STATUS_OK);
    cr_assert(row.has_trade_id);
    uint64_t number = 0;
    for (size_t i = 8; i < UUID_BYTES; i++)
        number = number << 8 | row.trade_id[i];
    cr_assert(number == UINT64_C(5266583935));
    cr_assert_str_eq(row.source, "binance");
    intake_destroy(&intake);
}
