/*
 * The options of what loads ticks, import and generate, and what becomes of them. Main thread.
 */
#include "app/load_options.h"

#include "app/commands.h"
#include "base/clock.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ALWAYS INT64_MIN /* a time that was not given */

/* ---- import ---------------------------------------------------------------------------------- */

/* In the order of enum intake_format and enum intake_last_from. */
static const char *const formats[] = {"detect",         "tapedeck",          "truefx",
                                      "histdata",       "tardis-trades",     "tardis-quotes",
                                      "binance-trades", "binance-aggtrades", NULL};
static const char *const last_froms[] = {"default", "none", "mid", "bid", "ask", NULL};

#define IMPORT_FIELD(field) .offset = offsetof(struct import_values, field)

const struct option import_options[IMPORT_OPTION_COUNT] = {
    {.name = "format",
     .type = OPTION_CHOICE,
     IMPORT_FIELD(format),
     .choices = formats,
     .help = "the files' format; detected by default"},
    {.name = "symbol",
     .type = OPTION_TEXT,
     IMPORT_FIELD(symbol),
     .value = "NAME",
     .help = "the symbol, where the file names none (HistData, TrueFX with a header)"},
    {.name = "venue",
     .type = OPTION_TEXT,
     IMPORT_FIELD(venue),
     .value = "VENUE",
     .help = "the venue: every symbol becomes VENUE:NAME"},
    {.name = "source",
     .type = OPTION_TEXT,
     IMPORT_FIELD(source),
     .value = "TEXT",
     .help =
         "stored with every tick, where the file has no source of its own; by default the format's "
         "family, such as binance"},
    {.name = "last-from",
     .type = OPTION_CHOICE,
     IMPORT_FIELD(last_from),
     .choices = last_froms,
     .help =
         "what quotes without a trade get as last price; by default mid for truefx and histdata, "
         "none for the others"},
    {.name = "max-errors",
     .type = OPTION_INTEGER,
     IMPORT_FIELD(max_errors),
     .min = 0,
     .max = INT64_MAX,
     .help = "how many bad rows a file may have and still be imported; they go to the rejects file "
             "(default 0)"},
    {.name = "rejects",
     .type = OPTION_TEXT,
     IMPORT_FIELD(rejects),
     .value = "FILE",
     .help =
         "where bad rows go, with line and reason; by default FILE.rejects.csv beside the input"},
    {.name = "partial",
     .type = OPTION_SWITCH,
     IMPORT_FIELD(partial),
     .help =
         "commit every 250 000 rows, and keep them when a later row fails; the same command goes "
         "on from there. Without it a file is imported whole or not at all"},
    {.name = "keep",
     .type = OPTION_SWITCH,
     IMPORT_FIELD(keep),
     .help = "pause the retention policy of tick_data if it would delete these ticks"},
    {.name = "again",
     .type = OPTION_SWITCH,
     IMPORT_FIELD(again),
     .help = "import a file although the same content was imported before"},
    {.name = "rebuild-candles",
     .type = OPTION_SWITCH,
     IMPORT_FIELD(rebuild_candles),
     .help = "import also where candles have outlived their ticks, and rebuild those candles from "
             "the imported ticks alone; without it such a file is refused"},
};

int import_command(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct import_values *values = invocation->values;
    struct import_options options = {
        .files = invocation->arguments,
        .file_count = invocation->argument_count,
        .intake = {.format = (enum intake_format)values->format,
                   .symbol = values->symbol,
                   .venue = values->venue,
                   .source = values->source,
                   .last_from = (enum intake_last_from)values->last_from,
                   .latest = clock_wall_us() + configuration->future_tolerance_us},
        .rejects_path = values->rejects,
        .errors_max = values->max_errors,
        .partial = values->partial,
        .load = {.keep = values->keep,
                 .again = values->again,
                 .rebuild_candles = values->rebuild_candles},
    };
    return import_run(configuration, &options);
}

int imports_list_command(const struct configuration *configuration,
                         const struct invocation *invocation)
{
    (void)invocation;
    return imports_list_run(configuration);
}

int imports_undo_command(const struct configuration *configuration,
                         const struct invocation *invocation)
{
    return imports_undo_run(configuration, strtoll(invocation->arguments[0], NULL, 10));
}

/* ---- generate -------------------------------------------------------------------------------- */

/* In the order of enum generate_shape. */
static const char *const shapes[] = {"day", "flat", "storm", NULL};
static const char *const standard_symbols[] = {"SIM:BTCUSD"};

#define GENERATE_FIELD(field) .offset = offsetof(struct generate_values, field)

const struct generate_values generate_defaults = {
    .from = ALWAYS,
    .to = ALWAYS,
    .every_us = GENERATE_EVERY_US_DEFAULT,
    .seed = 1,
};

const struct option generate_options[GENERATE_OPTION_COUNT] = {
    {.name = "symbols",
     .type = OPTION_LIST,
     GENERATE_FIELD(symbols),
     .value = "NAME,…",
     .help = "symbols to make up ticks for (default SIM:BTCUSD)"},
    {.name = "from",
     .type = OPTION_TIME,
     GENERATE_FIELD(from),
     .help = "time of the first tick; by default a day before --to"},
    {.name = "to",
     .type = OPTION_TIME,
     GENERATE_FIELD(to),
     .help = "all ticks are before this time; by default the last midnight, UTC"},
    {.name = "every",
     .type = OPTION_DURATION,
     GENERATE_FIELD(every_us),
     .min = 1,
     .max = TIME_DAY_US,
     .help = "time between two ticks of a symbol (default 250ms)"},
    {.name = "seed",
     .type = OPTION_INTEGER,
     GENERATE_FIELD(seed),
     .min = 0,
     .max = INT64_MAX,
     .help = "the same seed and options give the same ticks on every machine (default 1)"},
    {.name = "shape",
     .type = OPTION_CHOICE,
     GENERATE_FIELD(shape),
     .choices = shapes,
     .help =
         "day: busy at both ends of the UTC day (default); flat: the same all day; storm: always "
         "volatile"},
    {.name = "if-empty",
     .type = OPTION_SWITCH,
     GENERATE_FIELD(if_empty),
     .help = "do nothing when there are ticks already"},
    {.name = "keep",
     .type = OPTION_SWITCH,
     GENERATE_FIELD(keep),
     .help = "pause the retention policy of tick_data if it would delete these ticks"},
    {.name = "again",
     .type = OPTION_SWITCH,
     GENERATE_FIELD(again),
     .help = "generate although the same ticks were generated before"},
};

int generate_command(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct generate_values *values = invocation->values;
    int64_t now = clock_wall_us();
    int64_t to = values->to != ALWAYS ? values->to : now - now % TIME_DAY_US;
    bool are_named = values->symbols.count > 0;
    struct generate_command command = {
        .generate = {.symbols = are_named ? values->symbols.items : standard_symbols,
                     .symbol_count = are_named ? values->symbols.count : COUNT(standard_symbols),
                     .from = values->from != ALWAYS ? values->from : to - TIME_DAY_US,
                     .to = to,
                     .every_us = values->every_us,
                     .seed = (uint64_t)values->seed,
                     .shape = (enum generate_shape)values->shape},
        .if_empty = values->if_empty,
        .latest = now + configuration->future_tolerance_us,
        .load = {.keep = values->keep, .again = values->again},
    };
    return generate_run(configuration, &command);
}
