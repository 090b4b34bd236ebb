#include "intake_support.h"

#define TRADES_HEADER "id,price,qty,quote_qty,time,is_buyer_maker\n"
#define AGGREGATES_HEADER                                                                          \
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
#define TARDIS_TRADES_HEADER "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
#define TARDIS_QUOTES_HEADER                                                                       \
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"

static const struct {
    const char *text;
    enum intake_format format;
} recognised[] = {
    {"time,symbol\n", INTAKE_TAPEDECK},
    {"symbol,last_price,time,volume\n", INTAKE_TAPEDECK},
    {"\xef\xbb\xbftime,symbol\r\n", INTAKE_TAPEDECK},
    {"\n\ntime,symbol\n", INTAKE_TAPEDECK},
    {"\"time\",\"symbol\"\n", INTAKE_TAPEDECK},
    {"time,symbol,bid_price,ask_price,last_price,volume,source,trade_id,account_id,"
     "venue_trade_id\n",
     INTAKE_TAPEDECK},
    {"timestamp,bid,ask\n", INTAKE_TRUEFX},
    {"EUR/USD,20130101 22:00:00.295,1.3,1.4\n", INTAKE_TRUEFX},
    {"20200101 170000065,1.121200,1.121720,0\n", INTAKE_HISTDATA},
    {TARDIS_TRADES_HEADER, INTAKE_TARDIS_TRADES},
    {"exchange,symbol,timestamp,local_timestamp,id,side,price,amount,new_column\n",
     INTAKE_TARDIS_TRADES},
    {TARDIS_QUOTES_HEADER, INTAKE_TARDIS_QUOTES},
    {TRADES_HEADER, INTAKE_BINANCE_TRADES},
    {"id,price,qty,base_qty,time,is_buyer_maker\n", INTAKE_BINANCE_TRADES},
    {"28457,4.00000100,12.00000000,48.00,1499865549590,true\n", INTAKE_BINANCE_TRADES},
    {"51175358,17.8,5.69,101.292242,1583709433583,True,True\n", INTAKE_BINANCE_TRADES},
    {AGGREGATES_HEADER, INTAKE_BINANCE_AGGTRADES},
    {"26129,0.01633102,4.70443515,27781,27781,1498793709153,true\n", INTAKE_BINANCE_AGGTRADES},
    {"0,0.2,50,0,0,1608872400000,False,True\n", INTAKE_BINANCE_AGGTRADES},
    /* a bad first row does not hide the format */
    {"rubbish\n28457,4.000001,12,48.00,1499865549590,true\n", INTAKE_BINANCE_TRADES},
    {"\"rubbish\n20200101 170000065,1.121200,1.121720,0\n", INTAKE_HISTDATA},
};

static const char *symbol_for(enum intake_format format, const char *text)
{
    bool has_symbol_column = format == INTAKE_TAPEDECK || format == INTAKE_TARDIS_TRADES ||
                             format == INTAKE_TARDIS_QUOTES || text[0] == 'E';
    return has_symbol_column ? NULL : "S";
}

Test(intake_format, recognises_every_format_by_its_first_lines)
{
    for (size_t i = 0; i < sizeof recognised / sizeof *recognised; i++) {
        struct intake_options options = any_format();
        options.symbol = symbol_for(recognised[i].format, recognised[i].text);
        struct intake *intake = intake_over(recognised[i].text, "file.csv", &options);
        cr_assert(intake_format(intake) == recognised[i].format, "%s: %s", recognised[i].text,
                  intake_format_name(intake_format(intake)));
        intake_destroy(&intake);
        cr_assert(intake == NULL);

        options.format = recognised[i].format;
        intake = intake_over(recognised[i].text, "file.csv", &options);
        intake_destroy(&intake);
    }
}

static const struct {
    enum intake_format format;
    const char *text;
    const char *sentence; /* a part of it */
} refused[] = {
    {INTAKE_DETECT, "", "the file is empty"},
    {INTAKE_DETECT, "\n\n\r\n", "the file is empty"},
    {INTAKE_DETECT, "\xef\xbb\xbf", "the file is empty"},
    {INTAKE_DETECT, "hello\n", "begins with \"hello\"; the formats are tapedeck, truefx, histdata"},
    {INTAKE_DETECT, "open,high,low,close\n1,2,3,4\n", "not recognised"},
    {INTAKE_DETECT, "\x01\x02\xff\n", "begins with \"???\""},
    {INTAKE_DETECT, "timestamp,symbol,bid_price\n", "not recognised"},
    {INTAKE_DETECT, "exchange,symbol,timestamp,local_timestamp,price\n", "not recognised"},
    {INTAKE_DETECT, "id,price,qty,time\n", "not recognised"},
    {INTAKE_DETECT, "id,price,price,qty,time,is_buyer_maker\n", "not recognised"},
    {INTAKE_DETECT, "1,2,3,4,5,true\n", "not recognised"}, /* a time of 5 */
    {INTAKE_DETECT, "time,symbol,bid\n", "column \"bid\" is unknown"},
    {INTAKE_DETECT, "time,symbol,Volume\n", "column \"Volume\" is unknown"},
    {INTAKE_DETECT, "time,symbol,volume,volume\n", "column \"volume\" is there twice"},
    {INTAKE_DETECT, "time,bid_price,ask_price\n", "column \"symbol\" is missing"},
    {INTAKE_DETECT, "symbol,bid_price,ask_price\n", "column \"time\" is missing"},
    {INTAKE_TRUEFX, "time,symbol\n", "this is no truefx file"},
    {INTAKE_TAPEDECK, "20200101 170000065,1.1,1.2,0\n", "this is no tapedeck file"},
    {INTAKE_BINANCE_TRADES, AGGREGATES_HEADER, "this is no binance-trades file"},
    {INTAKE_BINANCE_AGGTRADES, TRADES_HEADER, "this is no binance-aggtrades file"},
};

Test(intake_format, refuses_what_it_does_not_know_and_says_why)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct intake_options options = any_format();
        struct intake *intake = NULL;
        struct error error = {0};
        options.format = refused[i].format;
        enum status status = intake_open_memory(refused[i].text, strlen(refused[i].text), "file",
                                                &options, &intake, &error);
        cr_assert(status == STATUS_INVALID, "%s", refused[i].text);
        cr_assert(strstr(error.text, refused[i].sentence) != NULL, "%s: %s", refused[i].text,
                  error.text);
        cr_assert(intake == NULL);
    }
}

Test(intake_format, names_and_ids_of_formats_go_both_ways)
{
    for (int i = INTAKE_TAPEDECK; i <= INTAKE_BINANCE_AGGTRADES; i++) {
        enum intake_format format = INTAKE_DETECT;
        const char *name = intake_format_name((enum intake_format)i);
        cr_assert(intake_format_parse(name, &format, NULL) == STATUS_OK, "%s", name);
        cr_assert(format == (enum intake_format)i);
    }
    struct error error = {0};
    enum intake_format format = INTAKE_TRUEFX;
    cr_assert(intake_format_parse("excel", &format, &error) == STATUS_INVALID);
    cr_assert(strstr(error.text, "binance-aggtrades") != NULL, "%s", error.text);
    cr_assert(format == INTAKE_TRUEFX);
    enum intake_last_from last_from = INTAKE_LAST_FROM_DEFAULT;
    cr_assert(intake_last_from_parse("mid", &last_from, NULL) == STATUS_OK);
    cr_assert(last_from == INTAKE_LAST_FROM_MID);
    cr_assert(intake_last_from_parse("middle", &last_from, &error) == STATUS_INVALID);
}

#define TRADE "28457,4.000001,12,48.00,1499865549590,true\n"
#define AGGREGATE "26129,0.01633102,4.70443515,27781,27781,1498793709153,true\n"
#define QUOTE "20200101 170000065,1.121200,1.121720,0\n"
#define TICK "time,symbol,last_price\n2024-08-08,ACME,1\n"

static const struct {
    const char *text;
    const char *file_name;
    const char *symbol;
    const char *venue;
    const char *expected; /* NULL: refused */
} symbol_cases[] = {
    {TRADE, "BTCUSDT-trades-2024-08-08.csv", NULL, NULL, "BTCUSDT"},
    {TRADE, "BTCUSD_PERP-trades-2024-08.csv.gz", NULL, NULL, "BTCUSD_PERP"},
    {TRADE, "BTCUSDT-trades-2024-08-08.csv", "OTHER", NULL, "OTHER"},
    {TRADE, "BTCUSDT-trades-2024-08-08.csv", NULL, "BINANCE", "BINANCE:BTCUSDT"},
    {TRADE, "BTCUSDT-aggTrades-2024-08-08.csv", NULL, NULL, NULL},
    {TRADE, "-trades-2024-08-08.csv", NULL, NULL, NULL},
    {TRADE, "trades.csv", NULL, NULL, NULL},
    {TRADE, "trades.csv", "X", NULL, "X"},
    {TRADE, "trades.csv", "", NULL, NULL},
    {TRADE, "trades.csv", "X", "", NULL},
    {AGGREGATE, "ETHUSDT-aggTrades-2024-08.csv.zst", NULL, NULL, "ETHUSDT"},
    {AGGREGATE, "ETHUSDT-trades-2024-08.csv", NULL, NULL, NULL},
    {QUOTE, "DAT_ASCII_EURUSD_T_202001.csv", NULL, NULL, "EURUSD"},
    {QUOTE, "DAT_ASCII_EURUSD_T_202001.csv", NULL, "FX", "FX:EURUSD"},
    {QUOTE, "DAT_ASCII_EURUSD_M1_2020.csv", NULL, NULL, NULL},
    {QUOTE, "DAT_ASCII__T_202001.csv", NULL, NULL, NULL},
    {QUOTE, "histdata.csv", "EURUSD", NULL, "EURUSD"},
    {"timestamp,bid,ask\n2013-01-01,1,2\n", "USDJPY.csv", NULL, NULL, NULL},
    {"timestamp,bid,ask\n2013-01-01,1,2\n", "USDJPY.csv", "USDJPY", NULL, "USDJPY"},
    {"EUR/USD,20130101 22:00:00.295,1.3,1.4\n", "f", NULL, NULL, "EUR/USD"},
    {"EUR/USD,20130101 22:00:00.295,1.3,1.4\n", "f", NULL, "FX", "FX:EUR/USD"},
    {TICK, "f", NULL, NULL, "ACME"},
    {TICK, "f", NULL, "NYSE", "NYSE:ACME"},
    {TICK, "f", "ACME", NULL, NULL}, /* would rename the rows of every symbol */
    {TICK, "f", NULL, "NY\nSE", NULL},
};

Test(intake_format, the_symbol_comes_from_the_row_the_user_or_the_file_name)
{
    for (size_t i = 0; i < sizeof symbol_cases / sizeof *symbol_cases; i++) {
        struct intake_options options = any_format();
        options.symbol = symbol_cases[i].symbol;
        options.venue = symbol_cases[i].venue;
        struct intake *intake = NULL;
        struct error error = {0};
        const char *text = symbol_cases[i].text;
        enum status status = intake_open_memory(text, strlen(text), symbol_cases[i].file_name,
                                                &options, &intake, &error);
        bool refuse = symbol_cases[i].expected == NULL;
        cr_assert(status == (refuse ? STATUS_INVALID : STATUS_OK), "case %zu: %s", i, error.text);
        if (refuse)
            continue;
        struct intake_row row;
        cr_assert(intake_next(intake, &row, &error) == STATUS_OK, "case %zu: %s", i, error.text);
        cr_assert_str_eq(row.symbol, symbol_cases[i].expected);
        cr_assert(row.symbol_id == 0);
        cr_assert(intake_symbol_count(intake) == 1);
        cr_assert_str_eq(intake_symbol(intake, 0), row.symbol);
        intake_destroy(&intake);
    }
}

Test(intake_format, a_missing_symbol_is_asked_for)
{
    struct intake_options options = any_format();
    struct intake *intake = NULL;
    struct error error = {0};
    cr_assert(intake_open_memory(QUOTE, strlen(QUOTE), "f", &options, &intake, &error) ==
              STATUS_INVALID);
    cr_assert(strstr(error.text, "names no symbol: give --symbol NAME") != NULL, "%s", error.text);
}

static const struct {
    const char *text;
    const char *symbol;
    const char *source;
    const char *expected;
} source_cases[] = {
    {TRADE, "S", NULL, "binance"},
    {AGGREGATE, "S", NULL, "binance"},
    {QUOTE, "S", NULL, "histdata"},
    {QUOTE, "S", "archive", "archive"},
    {"EUR/USD,20130101 22:00:00.295,1.3,1.4\n", NULL, NULL, "truefx"},
    {TARDIS_TRADES_HEADER "bitmex,X,1583020803145000,1,id,sell,1,2\n", NULL, NULL, "bitmex"},
    {TARDIS_TRADES_HEADER "bitmex,X,1583020803145000,1,id,sell,1,2\n", NULL, "mine", "bitmex"},
    {TICK, NULL, NULL, NULL},
    {TICK, NULL, "mine", "mine"},
    {"time,symbol,last_price,source\n2024-08-08,A,1,its own\n", NULL, "mine", "its own"},
    {"time,symbol,last_price,source\n2024-08-08,A,1,\n", NULL, "mine", "mine"},
    {"time,symbol,last_price,source\n2024-08-08,A,1,\n", NULL, NULL, NULL},
};

Test(intake_format, the_source_is_what_the_row_says_or_else_the_user_or_the_format)
{
    for (size_t i = 0; i < sizeof source_cases / sizeof *source_cases; i++) {
        struct intake_options options = any_format();
        options.symbol = source_cases[i].symbol;
        options.source = source_cases[i].source;
        struct intake *intake = intake_over(source_cases[i].text, "f", &options);
        struct intake_row row;
        cr_assert(intake_next(intake, &row, NULL) == STATUS_OK, "case %zu", i);
        if (source_cases[i].expected == NULL)
            cr_assert(row.source == NULL, "case %zu", i);
        else
            cr_assert_str_eq(row.source, source_cases[i].expected);
        intake_destroy(&intake);
    }
}
