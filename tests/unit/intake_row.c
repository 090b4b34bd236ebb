#include "intake_support.h"

#include "market/symbol.h"

#include <inttypes.h>

#define N DECIMAL_NULL
#define E8 INT64_C(100000000)
#define TIME INT64_C(1723161255088169) /* 2024-08-08T23:54:15.088169Z */
#define ALL                                                                                        \
    "time,symbol,bid_price,ask_price,last_price,volume,source,trade_id,account_id,"                \
    "venue_trade_id\n"
#define AT "2024-08-08T23:54:15.088169Z,A,"

/* The status of the first row of a text. */
static enum status first_row(const char *text, const struct intake_options *options,
                             struct intake **intake, struct intake_row *row, struct error *error)
{
    *intake = intake_over(text, "file.csv", options);
    *error = (struct error){0};
    return intake_next(*intake, row, error);
}

static const struct {
    const char *text;
    const char *symbol;
    int64_t time;
    int64_t fields[TICK_FIELDS];
} good_rows[] = {
    {ALL AT "1,2,3,4,,,,\n", NULL, TIME, {E8, 2 * E8, 3 * E8, 4 * E8}},
    {ALL AT "61800.20,61800.30,,,binance,,,\r\n", NULL, TIME, {6180020000000, 6180030000000, N, N}},
    {ALL AT ",,0.00000001,0,,,,\n", NULL, TIME, {N, N, 1, 0}},
    {ALL AT ",,92233720368.54775807,92233720368.54775807,,,,",
     NULL,
     TIME,
     {N, N, INT64_MAX, INT64_MAX}},
    {ALL AT "-37.63,-37.5,,,,,,", NULL, TIME, {-3763000000, -3750000000, N, N}},
    {ALL AT "2,1,,,,,,", NULL, TIME, {2 * E8, E8, N, N}}, /* crossed books exist */
    {ALL AT "1e1,,,,,,,", NULL, TIME, {10 * E8, N, N, N}},
    {ALL AT "1.0000000000,,,,,,,", NULL, TIME, {E8, N, N, N}},
    {ALL "\"1723161255088169\",\"A\",\"1\",,,,,,,\n", NULL, TIME, {E8, N, N, N}},
    {"volume,last_price,symbol,time\n5,7,A,1723161255088169\n", NULL, TIME, {N, N, 7 * E8, 5 * E8}},
    {"timestamp,bid,ask\n2024-08-08 23:54:15.088169+00:00,1,2\n",
     "S",
     TIME,
     {E8, 2 * E8, 3 * E8 / 2, N}},
    {"S,20240808 23:54:15.088169,1,2\n", NULL, TIME, {E8, 2 * E8, 3 * E8 / 2, N}},
    {"20240808 185415088,1.1,1.3,0\n", "S", TIME - 169, {110000000, 130000000, 120000000, N}},
    {"20240808 185415088,1.1,1.3,\n", "S", TIME - 169, {110000000, 130000000, 120000000, N}},
    {"20240808 185415088,1.1,1.3,7\n", "S", TIME - 169, {110000000, 130000000, 120000000, 7 * E8}},
    {"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
     "bitmex,XBTUSD,1723161255088169,1723161255188169,7,sell,8531.5,2152\n",
     NULL,
     TIME,
     {N, N, 853150000000, 2152 * E8}},
    {"exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
     "huobi,BTC-USD,1723161255088169,1723161255188169,5494,8629.3,8629.2,806\n",
     NULL,
     TIME,
     {862920000000, 862930000000, N, N}},
    {"exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
     "huobi,BTC-USD,1723161255088169,1723161255188169,5494,8629.3,,\n",
     NULL,
     TIME,
     {N, 862930000000, N, N}},
    {"28457,4.00000100,12.00000000,48.00,1723161255088,true\n",
     "S",
     TIME - 169,
     {N, N, 400000100, 12 * E8}},
    {"28457,4.00000100,12.00000000,48.00,1723161255088169,True,True\n",
     "S",
     TIME,
     {N, N, 400000100, 12 * E8}},
    {"id,price,qty,quote_qty,time,is_buyer_maker\n28457,4,12,48.00,1723161255088,true\n",
     "S",
     TIME - 169,
     {N, N, 4 * E8, 12 * E8}},
    {"26129,0.01633102,4.70443515,27781,27781,1723161255088,true\n",
     "S",
     TIME - 169,
     {N, N, 1633102, 470443515}},
    {"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
     "26129,0.01633102,4.70443515,27781,27781,1723161255088,true\n",
     "S",
     TIME - 169,
     {N, N, 1633102, 470443515}},
};

Test(intake_row, reads_the_rows_of_every_format_exactly)
{
    for (size_t i = 0; i < sizeof good_rows / sizeof *good_rows; i++) {
        struct intake_options options = any_format();
        options.symbol = good_rows[i].symbol;
        struct intake *intake;
        struct intake_row row;
        struct error error;
        enum status status = first_row(good_rows[i].text, &options, &intake, &row, &error);
        cr_assert(status == STATUS_OK, "%s: %s", good_rows[i].text, error.text);
        cr_assert(row.time == good_rows[i].time, "%s: %" PRId64, good_rows[i].text, row.time);
        for (size_t j = 0; j < TICK_FIELDS; j++)
            cr_assert(row.fields[j] == good_rows[i].fields[j], "%s: field %zu is %" PRId64,
                      good_rows[i].text, j, row.fields[j]);
        cr_assert(intake_next(intake, &row, &error) == STATUS_END);
        intake_destroy(&intake);
    }
}

#define LAST "time,symbol,last_price\n"

static const struct {
    const char *text;
    const char *symbol;
    const char *reason;
} bad_rows[] = {
    {LAST "2024-08-08,A\n", NULL, "2 fields instead of 3"},
    {LAST "2024-08-08,A,1,\n", NULL, "4 fields instead of 3"},
    {LAST "2024-08-08,A,\n", NULL, "neither bid, ask nor last price"},
    {LAST "2024-08-08,A,abc\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A, 1\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,1 \n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,NaN\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,inf\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,0x10\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,-\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,1.2.3\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,\"1,5\"\n", NULL, "last_price is no number"},
    {LAST "2024-08-08,A,1.123456789\n", NULL, "last_price has more than 8 decimals"},
    {LAST "2024-08-08,A,0.000000001\n", NULL, "last_price has more than 8 decimals"},
    {LAST "2024-08-08,A,-1.123456789\n", NULL, "last_price has more than 8 decimals"},
    {LAST "2024-08-08,A,92233720368.54775808\n", NULL, "last_price is out of bounds"},
    {LAST "2024-08-08,A,-92233720368.54775808\n", NULL, "last_price is out of bounds"},
    {LAST "2024-08-08,A,92233720369\n", NULL, "last_price is out of bounds"},
    {LAST "2024-08-08,A,1e300\n", NULL, "out of bounds"},
    {LAST "2024-08-08,A,1e-9\n", NULL, "more than 8 decimals"},
    {LAST ",A,1\n", NULL, "time is empty"},
    {LAST "yesterday,A,1\n", NULL, "time is not an RFC 3339 time or an integer of microseconds"},
    {LAST "1723161255,A,1\n", NULL, "time is not"},
    {LAST "999999999999999999,A,1\n", NULL, "time is not in the years 1 to 9999"},
    {LAST "2024-08-08,,1\n", NULL, "symbol is empty"},
    {LAST "2024-08-08, A,1\n", NULL, "symbol is not"},
    {LAST "2024-08-08,A\tB,1\n", NULL, "symbol is not"},
    {LAST "2024-08-08,\xc3\x28,1\n", NULL, "symbol is not"},
    {LAST "2024-08-08,\"A,1\n", NULL, "quoted field is not closed"},
    {LAST "2024-08-08,A\"B,1\n", NULL, "quote inside an unquoted field"},
    {"time,symbol,last_price,volume\n2024-08-08,A,1,-1\n", NULL, "volume is negative"},
    {"time,symbol,volume\n2024-08-08,A,1\n", NULL, "neither bid, ask nor last price"},
    {"time,symbol,last_price,source\n2024-08-08,A,1,\xff\n", NULL, "source is not"},
    {"time,symbol,last_price,trade_id\n2024-08-08,A,1,17\n", NULL, "trade_id is no UUID"},
    {"time,symbol,last_price,account_id\n2024-08-08,A,1,me\n", NULL, "account_id is no UUID"},
    {"timestamp,bid,ask\n2024-08-08,,2\n", "S", "bid_price is empty"},
    {"timestamp,bid,ask\n2024-08-08,1,\n", "S", "ask_price is empty"},
    {"timestamp,bid,ask\n1723161255088169,1,2\n", "S", "time is not an RFC 3339 time"},
    {"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
     "bitmex,XBTUSD,1723161255088169,1723161255188169,7,sell,,2152\n",
     NULL, "last_price is empty"},
    {"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
     "bitmex,XBTUSD,1723161255088169,1723161255188169,7,sell,1,\n",
     NULL, "volume is empty"},
    {"exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
     "huobi,BTC-USD,1723161255088169,1723161255188169,,,,\n",
     NULL, "neither bid, ask nor last price"},
};

Test(intake_row, rejects_every_bad_row_with_its_reason_and_keeps_the_line)
{
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++) {
        struct intake_options options = any_format();
        options.symbol = bad_rows[i].symbol;
        struct intake *intake;
        struct intake_row row;
        struct error error;
        enum status status = first_row(bad_rows[i].text, &options, &intake, &row, &error);
        cr_assert(status == STATUS_INVALID, "%s", bad_rows[i].text);
        cr_assert(strstr(error.text, bad_rows[i].reason) != NULL, "%s: %s", bad_rows[i].text,
                  error.text);
        cr_assert(row.line == 2);
        const char *line = strchr(bad_rows[i].text, '\n') + 1;
        cr_assert(row.raw_bytes == strlen(line) - 1);
        cr_assert(memcmp(row.raw, line, row.raw_bytes) == 0);
        cr_assert(intake_symbol_count(intake) == (bad_rows[i].symbol != NULL ? 1 : 0),
                  "a rejected row leaves no symbol behind");
        cr_assert(intake_next(intake, &row, &error) == STATUS_END);
        intake_destroy(&intake);
    }
}

Test(intake_row, reads_on_after_bad_rows_and_keeps_the_line_numbers)
{
    static const char text[] = "time,symbol,last_price\r\n"
                               "2024-08-08,A,1\r\n"
                               "\r\n"
                               "rubbish\r\n"
                               "2024-08-07,B,2\r\n" /* out of order: file order is kept */
                               "2024-08-08,A,x\r\n"
                               "2024-08-09,A,3";
    struct intake_options options = any_format();
    struct intake *intake = intake_over(text, "f", &options);
    static const struct {
        enum status status;
        int64_t line;
        uint32_t symbol_id;
    } expected[] = {{STATUS_OK, 2, 0},
                    {STATUS_INVALID, 4, 0},
                    {STATUS_OK, 5, 1},
                    {STATUS_INVALID, 6, 0},
                    {STATUS_OK, 7, 0}};
    for (int pass = 0; pass < 2; pass++) {
        struct intake_row row;
        struct error error;
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            cr_assert(intake_next(intake, &row, &error) == expected[i].status, "row %zu", i);
            cr_assert(row.line == expected[i].line, "row %zu", i);
            if (expected[i].status == STATUS_OK)
                cr_assert(row.symbol_id == expected[i].symbol_id, "row %zu", i);
        }
        cr_assert(intake_next(intake, &row, &error) == STATUS_END);
        cr_assert(intake_rewind(intake, &error) == STATUS_OK);
    }
    intake_destroy(&intake);
}

Test(intake_row, an_overlong_line_and_a_nul_byte_cost_one_row_each)
{
    struct bytes text = bytes_plain("time,symbol,last_price\n2024-08-08,A,1\n", 38);
    struct bytes nuls = bytes_plain("2024-08-08,A,\0001\n", 16);
    struct bytes overlong = {mem_alloc(3 * FILE_LINE_BYTES_MAX), 3 * FILE_LINE_BYTES_MAX};
    memset(overlong.at, '1', overlong.count);
    overlong.at[overlong.count - 1] = '\n';
    text = bytes_join(bytes_join(bytes_join(text, nuls), overlong),
                      bytes_plain("2024-08-08,A,2\n", 15));
    struct intake_options options = any_format();
    struct intake *intake = NULL;
    struct intake_row row;
    struct error error = {0};
    cr_assert(intake_open_memory(text.at, text.count, "f", &options, &intake, &error) == STATUS_OK);
    cr_assert(intake_next(intake, &row, &error) == STATUS_OK);
    cr_assert(intake_next(intake, &row, &error) == STATUS_INVALID);
    cr_assert(strstr(error.text, "NUL") != NULL, "%s", error.text);
    cr_assert(intake_next(intake, &row, &error) == STATUS_INVALID);
    cr_assert(strstr(error.text, "longer than 65536 bytes") != NULL, "%s", error.text);
    cr_assert(row.raw_bytes == FILE_LINE_SHOWN_BYTES);
    cr_assert(row.line == 4);
    cr_assert(intake_next(intake, &row, &error) == STATUS_OK);
    cr_assert(row.fields[TICK_LAST] == 2 * E8);
    cr_assert(intake_next(intake, &row, &error) == STATUS_END);
    intake_destroy(&intake);
    bytes_free(&text);
}

Test(intake_row, a_row_after_the_latest_time_is_in_the_future)
{
    struct intake_options options = any_format();
    options.latest = TIME;
    struct intake *intake =
        intake_over(LAST "1723161255088169,A,1\n1723161255088170,A,1\n", "f", &options);
    struct intake_row row;
    struct error error;
    cr_assert(intake_next(intake, &row, &error) == STATUS_OK);
    cr_assert(intake_next(intake, &row, &error) == STATUS_INVALID);
    cr_assert_str_eq(error.text, "time is in the future");
    intake_destroy(&intake);
}

static const struct {
    enum intake_last_from last_from;
    const char *numbers; /* bid, ask, last */
    int64_t last;
} last_cases[] = {
    {INTAKE_LAST_FROM_DEFAULT, "1,2,", N},
    {INTAKE_LAST_FROM_NONE, "1,2,", N},
    {INTAKE_LAST_FROM_BID, "1,2,", E8},
    {INTAKE_LAST_FROM_BID, ",2,", N},
    {INTAKE_LAST_FROM_ASK, "1,2,", 2 * E8},
    {INTAKE_LAST_FROM_ASK, "1,,", N},
    {INTAKE_LAST_FROM_MID, "1,2,", 3 * E8 / 2},
    {INTAKE_LAST_FROM_MID, "1,2,9", 9 * E8}, /* a trade is a trade */
    {INTAKE_LAST_FROM_MID, "1,,", N},
    {INTAKE_LAST_FROM_MID, ",1,", N},
    {INTAKE_LAST_FROM_MID, "1.12345678,1.12345679,", 112345679}, /* …785 */
    {INTAKE_LAST_FROM_MID, "1.12345677,1.12345679,", 112345678},
    {INTAKE_LAST_FROM_MID, "0.00000001,0.00000002,", 2},
    {INTAKE_LAST_FROM_MID, "-0.00000002,-0.00000001,", -1}, /* half up, not away from 0 */
    {INTAKE_LAST_FROM_MID, "-0.00000001,0.00000002,", 1},
    {INTAKE_LAST_FROM_MID, "-0.00000002,0.00000001,", 0},
    {INTAKE_LAST_FROM_MID, "-1,1,", 0},
    {INTAKE_LAST_FROM_MID, "92233720368.54775807,92233720368.54775807,", INT64_MAX},
    {INTAKE_LAST_FROM_MID, "92233720368.54775806,92233720368.54775807,", INT64_MAX},
    {INTAKE_LAST_FROM_MID, "-92233720368.54775807,-92233720368.54775807,", -INT64_MAX},
    {INTAKE_LAST_FROM_MID, "-92233720368.54775807,92233720368.54775807,", 0},
};

Test(intake_row, fills_the_last_price_of_quotes_as_asked_and_exactly)
{
    for (size_t i = 0; i < sizeof last_cases / sizeof *last_cases; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "time,symbol,bid_price,ask_price,last_price\n2024-08-08,A,%s\n",
                       last_cases[i].numbers);
        struct intake_options options = any_format();
        options.last_from = last_cases[i].last_from;
        struct intake *intake;
        struct intake_row row;
        struct error error;
        cr_assert(first_row(text, &options, &intake, &row, &error) == STATUS_OK, "%s", error.text);
        cr_assert(row.fields[TICK_LAST] == last_cases[i].last, "%s: %" PRId64,
                  last_cases[i].numbers, row.fields[TICK_LAST]);
        intake_destroy(&intake);
    }
}

Test(intake_row, the_default_for_truefx_and_histdata_can_be_switched_off)
{
    struct intake_options options = any_format();
    options.symbol = "S";
    options.last_from = INTAKE_LAST_FROM_NONE;
    struct intake *intake;
    struct intake_row row;
    struct error error;
    cr_assert(first_row("20240808 185415088,1,2,0\n", &options, &intake, &row, &error) ==
              STATUS_OK);
    cr_assert(row.fields[TICK_LAST] == N);
    intake_destroy(&intake);
}

static const struct {
    const char *ids; /* trade_id, account_id, venue_trade_id */
    int trade_end;   /* the last byte of trade_id; −1: none */
    int account_end;
} id_cases[] = {
    {",,", -1, -1},
    {",,5", 5, -1},
    {",,ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf", 0xcf, -1},
    {",,T-5", -1, -1}, /* neither a number nor a UUID: cannot be kept */
    {",,007", -1, -1},
    {",,-1", -1, -1},
    {"ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf,,5", 0xcf, -1},
    {",ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ece,5", 5, 0xce},
};

Test(intake_row, keeps_ids_as_uuids)
{
    for (size_t i = 0; i < sizeof id_cases / sizeof *id_cases; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, ALL AT "1,2,3,4,s,%s\n", id_cases[i].ids);
        struct intake_options options = any_format();
        struct intake *intake;
        struct intake_row row;
        struct error error;
        cr_assert(first_row(text, &options, &intake, &row, &error) == STATUS_OK, "%s", error.text);
        cr_assert(row.has_trade_id == (id_cases[i].trade_end >= 0), "%s", id_cases[i].ids);
        cr_assert(row.has_account_id == (id_cases[i].account_end >= 0), "%s", id_cases[i].ids);
        if (row.has_trade_id)
            cr_assert(row.trade_id[UUID_BYTES - 1] == id_cases[i].trade_end);
        if (row.has_account_id)
            cr_assert(row.account_id[UUID_BYTES - 1] == id_cases[i].account_end);
        intake_destroy(&intake);
    }
}

Test(intake_row, damage_behind_good_rows_is_final)
{
    struct bytes packed = bytes_gzip(LAST "2024-08-08,A,1\n", 38);
    packed = bytes_join(packed, bytes_plain("rubbish", 7));
    struct intake_options options = any_format();
    struct intake *intake = NULL;
    struct error error = {0};
    enum status status =
        intake_open_memory(packed.at, packed.count, "f", &options, &intake, &error);
    struct intake_row row;
    while (status == STATUS_OK)
        status = intake_next(intake, &row, &error);
    cr_assert(status == STATUS_BAD_MESSAGE, "%s", error.text);
    intake_destroy(&intake);
    bytes_free(&packed);
}
