/*
 * tapedeck: the table of subcommands. What each option means is said here once, for the parser and
 * for --help; what a subcommand does is in the file of its name.
 */
#include "app/commands.h"
#include "app/options.h"
#include "app/setting.h"
#include "base/clock.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ALWAYS INT64_MIN /* a time that was not given */

/* ---- serve, migrate ------------------------------------------------------------------------- */

static int serve(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)invocation;
    return serve_run(configuration);
}

struct down_values {
    int64_t steps;
};

static const struct down_values down_defaults = {.steps = 1};
static const struct option down_options[] = {
    {.name = "steps",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct down_values, steps),
     .min = 1,
     .max = MIGRATIONS_MAX,
     .help = "how many migrations to undo, newest first; their data goes with them (default 1)"},
};

static int up(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)invocation;
    return migrate_run(configuration, MIGRATE_UP, 0);
}

static int down(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct down_values *values = invocation->values;
    return migrate_run(configuration, MIGRATE_DOWN, values->steps);
}

static int status(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)invocation;
    return migrate_run(configuration, MIGRATE_STATUS, 0);
}

/* ---- import ---------------------------------------------------------------------------------- */

/* In the order of enum intake_format and enum intake_last_from. */
static const char *const formats[] = {"detect",         "tapedeck",          "truefx",
                                      "histdata",       "tardis-trades",     "tardis-quotes",
                                      "binance-trades", "binance-aggtrades", NULL};
static const char *const last_froms[] = {"default", "none", "mid", "bid", "ask", NULL};

struct import_values {
    int format;
    const char *symbol;
    const char *venue;
    const char *source;
    int last_from;
    int64_t max_errors;
    const char *rejects;
    bool partial;
    bool keep;
    bool again;
    bool rebuild_candles;
};

#define IMPORT_FIELD(field) .offset = offsetof(struct import_values, field)

static const struct option import_options[] = {
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
     .help = "makes every symbol VENUE:NAME"},
    {.name = "source",
     .type = OPTION_TEXT,
     IMPORT_FIELD(source),
     .value = "TEXT",
     .help =
         "where the ticks are from, where the file does not say; by default the format's family"},
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
     .help = "bad rows a file may have; they go to the rejects file (default 0)"},
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
     .help = "switch the retention policy of tick_data off if it would delete these ticks"},
    {.name = "again",
     .type = OPTION_SWITCH,
     IMPORT_FIELD(again),
     .help = "import content that was imported before"},
    {.name = "rebuild-candles",
     .type = OPTION_SWITCH,
     IMPORT_FIELD(rebuild_candles),
     .help = "where candles have outlived their ticks: rebuild them from these ticks alone"},
};

static int import(const struct configuration *configuration, const struct invocation *invocation)
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

static int list(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)invocation;
    return imports_list_run(configuration);
}

static int undo(const struct configuration *configuration, const struct invocation *invocation)
{
    return imports_undo_run(configuration, strtoll(invocation->arguments[0], NULL, 10));
}

/* ---- generate -------------------------------------------------------------------------------- */

/* In the order of enum generate_shape. */
static const char *const shapes[] = {"day", "flat", "storm", NULL};
static const char *const standard_symbols[] = {"SIM:BTCUSD"};

struct generate_values {
    struct option_list symbols;
    int64_t from;
    int64_t to;
    int64_t every_us;
    int64_t seed;
    int shape;
    bool if_empty;
    bool keep;
    bool again;
};

#define GENERATE_FIELD(field) .offset = offsetof(struct generate_values, field)

static const struct generate_values generate_defaults = {
    .from = ALWAYS,
    .to = ALWAYS,
    .every_us = GENERATE_EVERY_US_DEFAULT,
    .seed = 1,
};

static const struct option generate_options[] = {
    {.name = "symbols",
     .type = OPTION_LIST,
     GENERATE_FIELD(symbols),
     .value = "NAME,…",
     .help = "whose ticks (default SIM:BTCUSD)"},
    {.name = "from",
     .type = OPTION_TIME,
     GENERATE_FIELD(from),
     .help = "the first tick's time; by default a day before --to"},
    {.name = "to",
     .type = OPTION_TIME,
     GENERATE_FIELD(to),
     .help = "ticks are before it; by default the last midnight, UTC"},
    {.name = "every",
     .type = OPTION_DURATION,
     GENERATE_FIELD(every_us),
     .min = 1,
     .max = TIME_DAY_US,
     .help = "between two ticks of a symbol (default 250ms)"},
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
         "day: busy at both ends of the UTC day; flat: the same all day; storm: always volatile"},
    {.name = "if-empty",
     .type = OPTION_SWITCH,
     GENERATE_FIELD(if_empty),
     .help = "do nothing when there are ticks already"},
    {.name = "keep",
     .type = OPTION_SWITCH,
     GENERATE_FIELD(keep),
     .help = "switch the retention policy of tick_data off if it would delete these ticks"},
    {.name = "again",
     .type = OPTION_SWITCH,
     GENERATE_FIELD(again),
     .help = "generate what was generated before"},
};

static int generate(const struct configuration *configuration, const struct invocation *invocation)
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

/* ---- bench ------------------------------------------------------------------------------------
 */

/* In the order of false and true: whether frames are acknowledged. */
static const char *const flows[] = {"tcp", "ack", NULL};

struct bench_values {
    const char *url;
    int64_t viewers;
    const char *speed;
    struct option_list symbols;
    int64_t from;
    int64_t to;
    int64_t duration_us;
    int64_t stagger_us;
    int64_t fps;
    int64_t lead_ms;
    int flow;
    int64_t seeks;
    bool paused;
    int64_t seek_every_us;
    int64_t seed;
    bool loop;
    int64_t server_pid;
    bool bare;
    bool json;
};

#define BENCH_FIELD(field) .offset = offsetof(struct bench_values, field)
#define BENCH_LEAD_UNSET (-1)
#define BENCH_LEAD_MS_OF_SEEKS 500 /* what replay.open has by default */
#define BENCH_DURATION_US_MAX (30 * TIME_DAY_US)

static const struct bench_values bench_defaults = {
    .viewers = 1,
    .speed = "1",
    .from = ALWAYS,
    .to = ALWAYS,
    .stagger_us = TIME_SECOND_US,
    .fps = 60,
    .lead_ms = BENCH_LEAD_UNSET,
    .seed = 1,
};

static const struct option bench_options[] = {
    {.name = "url",
     .type = OPTION_TEXT,
     BENCH_FIELD(url),
     .value = "URL",
     .help = "the server; by default ws://127.0.0.1:PORT/ws with the configured port"},
    {.name = "viewers",
     .type = OPTION_INTEGER,
     BENCH_FIELD(viewers),
     .min = 1,
     .max = AUDIENCE_VIEWERS_MAX,
     .help = "how many, each with a connection and a replay of its own (default 1)"},
    {.name = "speed",
     .type = OPTION_TEXT,
     BENCH_FIELD(speed),
     .value = "N|max|-N|-max",
     .help = "market seconds a second, 0.01 … 100000, or as fast as it goes; with - backward "
             "(default 1)"},
    {.name = "symbols",
     .type = OPTION_LIST,
     BENCH_FIELD(symbols),
     .value = "NAME,…",
     .help = "what is played; by default every symbol there is, at most 64"},
    {.name = "from",
     .type = OPTION_TIME,
     BENCH_FIELD(from),
     .help = "where the range begins; by default at the first tick"},
    {.name = "to",
     .type = OPTION_TIME,
     BENCH_FIELD(to),
     .help = "where it ends; by default after the last tick"},
    {.name = "duration",
     .type = OPTION_DURATION,
     BENCH_FIELD(duration_us),
     .min = 0,
     .max = BENCH_DURATION_US_MAX,
     .help = "stop so long after everybody plays, and measure only that time; by default the range "
             "is played to its end"},
    {.name = "stagger",
     .type = OPTION_DURATION,
     BENCH_FIELD(stagger_us),
     .min = 0,
     .max = TIME_HOUR_US,
     .help = "the viewers' starts are spread over it (default 1s)"},
    {.name = "fps",
     .type = OPTION_INTEGER,
     BENCH_FIELD(fps),
     .min = 1,
     .max = 240,
     .help = "frames a second (default 60)"},
    {.name = "lead-ms",
     .type = OPTION_INTEGER,
     BENCH_FIELD(lead_ms),
     .min = 0,
     .max = 5000,
     .help = "how far ahead of its time a frame may be sent (default 0, so that lateness means "
             "something; with --seeks 500, so that nobody waits for the first frame's time)"},
    {.name = "flow",
     .type = OPTION_CHOICE,
     BENCH_FIELD(flow),
     .choices = flows,
     .help = "what keeps the server from running ahead: the socket, or acknowledgements"},
    {.name = "seeks",
     .type = OPTION_INTEGER,
     BENCH_FIELD(seeks),
     .min = 0,
     .max = INT64_C(1) << 40,
     .help = "seeks of each viewer to instants all over the range, each measured from the request "
             "to the first frame (default 0: none)"},
    {.name = "paused",
     .type = OPTION_SWITCH,
     BENCH_FIELD(paused),
     .help = "seek while paused, and measure to the snapshot"},
    {.name = "seek-every",
     .type = OPTION_DURATION,
     BENCH_FIELD(seek_every_us),
     .min = 0,
     .max = TIME_HOUR_US,
     .help = "from one seek of a viewer to its next; by default as soon as the last is done"},
    {.name = "seed",
     .type = OPTION_INTEGER,
     BENCH_FIELD(seed),
     .min = 0,
     .max = INT64_MAX,
     .help = "the same seed seeks to the same instants (default 1)"},
    {.name = "loop",
     .type = OPTION_SWITCH,
     BENCH_FIELD(loop),
     .help = "at the end, play from the beginning again"},
    {.name = "server-pid",
     .type = OPTION_INTEGER,
     BENCH_FIELD(server_pid),
     .min = 0,
     .max = INT32_MAX,
     .help = "whose CPU time and memory to tell; by default whoever listens at the port here"},
    {.name = "bare",
     .type = OPTION_SWITCH,
     BENCH_FIELD(bare),
     .help = "only count messages: the other end is bench/bare_server"},
    {.name = "json", .type = OPTION_SWITCH, BENCH_FIELD(json), .help = "print one JSON object"},
};

static int64_t bench_lead_ms(const struct bench_values *values)
{
    if (values->lead_ms != BENCH_LEAD_UNSET)
        return values->lead_ms;
    return values->seeks > 0 ? BENCH_LEAD_MS_OF_SEEKS : 0;
}

static int bench(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct bench_values *values = invocation->values;
    struct bench_command command = {
        .url = values->url,
        .speed = values->speed,
        .prints_json = values->json,
        .audience = {.viewer_count = (size_t)values->viewers,
                     .duration_us = values->duration_us,
                     .stagger_us = values->stagger_us,
                     .seed = (uint64_t)values->seed,
                     .server_pid = values->server_pid,
                     .viewer = {.open = {.fps = values->fps,
                                         .lead_ms = bench_lead_ms(values),
                                         .acks = values->flow != 0},
                                .seeks = values->seeks,
                                .seeks_paused = values->paused,
                                .seek_every_us = values->seek_every_us,
                                .loops = values->loop,
                                .is_bare = values->bare,
                                .symbols = values->symbols.items,
                                .symbol_count = values->symbols.count,
                                .from = values->from,
                                .to = values->to}},
    };
    return bench_replay_run(configuration, &command);
}

static int config(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)invocation;
    return configuration_run(configuration);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define OPTIONS(table) .options = (table), .option_count = COUNT(table)

static const struct subcommand subcommands[] = {
    {.name = "serve",
     .summary = "serve replays, and the web app",
     .uses = SETTING_OF_DATABASE | SETTING_OF_SERVER | SETTING_OF_ALL,
     .description =
         "Without a database URL tapedeck runs its own PostgreSQL cluster in its home folder: with "
         "TimescaleDB where that is installed. It stops cleanly on SIGTERM and SIGINT; after any "
         "accident the next start recovers.",
     .examples = "tapedeck serve\n"
                 "tapedeck serve --home /var/lib/tapedeck --port 9000\n"
                 "TIMESCALE_DATABASE_URL=postgresql://me@db/ticks tapedeck serve\n",
     .run = serve},
    {.name = "import",
     .summary = "load ticks from files",
     .arguments = "FILE…",
     .arguments_min = 1,
     .arguments_max = SIZE_MAX,
     OPTIONS(import_options),
     .values_bytes = sizeof(struct import_values),
     .uses = SETTING_OF_DATABASE | SETTING_OF_WRITERS | SETTING_OF_ALL,
     .description =
         "Reads plain, gzip and zstd files of these formats: tapedeck's own CSV, TrueFX, HistData, "
         "tardis.dev trades and quotes, Binance trades and aggTrades. A file is checked first and "
         "then written in one transaction, in the file's order; afterwards the candles of its "
         "range "
         "are refreshed. A server may run meanwhile.",
     .examples = "tapedeck import ticks.csv.gz\n"
                 "tapedeck import DAT_ASCII_EURUSD_T_202001.csv --keep --venue FX\n"
                 "tapedeck import truefx.csv --symbol USDJPY --last-from bid --max-errors 100\n",
     .run = import},
    {.name = "import list",
     .summary = "what was imported, newest first",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = list},
    {.name = "import undo",
     .summary = "take an import back: deletes its ticks and refreshes their candles",
     .arguments = "NUMBER",
     .arguments_min = 1,
     .arguments_max = 1,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .examples = "tapedeck import undo 3\n",
     .run = undo},
    {.name = "generate",
     .summary = "make up ticks that look like a market",
     OPTIONS(generate_options),
     .values_bytes = sizeof(struct generate_values),
     .defaults = &generate_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_WRITERS | SETTING_OF_ALL,
     .description = "By default the last full day (UTC) of one symbol every 250 ms: 345 600 ticks.",
     .examples = "tapedeck generate\n"
                 "tapedeck generate --symbols SIM:A,SIM:B --every 10ms --seed 7\n"
                 "tapedeck generate --from 2020-01-01 --to 2020-02-01 --every 1s --keep\n",
     .run = generate},
    {.name = "bench replay",
     .summary = "play to many viewers over real WebSockets, check what they get, and measure",
     OPTIONS(bench_options),
     .values_bytes = sizeof(struct bench_values),
     .defaults = &bench_defaults,
     .uses = SETTING_OF_ALL,
     .description =
         "Every viewer verifies everything it is sent against the protocol: numbered frames, spans "
         "without gap or overlap, ticks in their span and in order, the totals at the end, and the "
         "same ticks for all. The first thing that is wrong ends the run with a sentence and "
         "status 1.\n\n"
         "A frame's lateness is counted from the time it was scheduled for, so nothing that waits "
         "behind a slow one is forgotten. It is told as the client saw it, and includes how long "
         "the client itself had to wait for a processor.",
     .examples = "tapedeck bench replay --speed max --viewers 10\n"
                 "tapedeck bench replay --viewers 1000 --duration 20s --json\n"
                 "tapedeck bench replay --seeks 1000 --url ws://127.0.0.1:9000/ws\n",
     .run = bench},
    {.name = "migrate up",
     .summary = "bring the schema up to date",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "The embedded database is kept up to date by itself; this is for a database given "
         "by URL. Everything it runs is in sql/ of the sources and inside this binary.",
     .run = up},
    {.name = "migrate down",
     .summary = "undo migrations, and with them their data",
     OPTIONS(down_options),
     .values_bytes = sizeof(struct down_values),
     .defaults = &down_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .examples = "tapedeck migrate down --steps 2\n",
     .run = down},
    {.name = "migrate status",
     .summary = "which migrations are applied",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = status},
    {.name = "config",
     .summary = "print the settings in force, and where each comes from",
     .uses = SETTING_OF_DATABASE | SETTING_OF_SERVER | SETTING_OF_WRITERS | SETTING_OF_ALL,
     .run = config},
};

static const struct program tapedeck = {
    .name = "tapedeck",
    .version = TAPEDECK_VERSION,
    .summary = "a DVR for market data",
    .subcommands = subcommands,
    .subcommand_count = COUNT(subcommands),
};

int main(int argc, char **argv)
{
    return options_main(&tapedeck, argc, argv);
}
