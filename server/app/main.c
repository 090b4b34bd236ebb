/*
 * tapedeck: the table of subcommands. What each option means is said here once, for the parser and
 * for --help; what a subcommand does is in the file of its name.
 */
#include "app/bench.h"
#include "app/bench_live.h"
#include "app/bench_windows.h"
#include "app/commands.h"
#include "app/keys.h"
#include "app/load_options.h"
#include "app/options.h"
#include "app/policies_apply.h"
#include "app/policies_command.h"
#include "app/setting.h"
#include "app/storage_command.h"
#include "app/table.h"
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
     .help = "how many migrations to undo, newest first (default 1)"},
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

/* ---- candles --------------------------------------------------------------------------------- */

static const char *const intervals[] = {"all", "1m", "5m", "15m", "1h", "1d", NULL};

struct candles_values {
    const char *symbol;
    int64_t from;
    int64_t to;
    int interval;
    bool json;
};

#define CANDLES_FIELD(field) .offset = offsetof(struct candles_values, field)

static const struct candles_values candles_defaults = {.from = TIME_MIN, .to = TIME_MAX + 1};

static const struct option refresh_options[] = {
    {.name = "symbol",
     .type = OPTION_TEXT,
     CANDLES_FIELD(symbol),
     .value = "NAME",
     .help =
         "only the range in which this symbol has ticks; candles of other symbols in that range "
         "are made anew as well"},
    {.name = "from",
     .type = OPTION_TIME,
     CANDLES_FIELD(from),
     .help = "start of the range; by default the first tick"},
    {.name = "to",
     .type = OPTION_TIME,
     CANDLES_FIELD(to),
     .help = "end of the range; by default the last tick; the forming candle is left out"},
};

static const struct option verify_options[] = {
    {.name = "symbol",
     .type = OPTION_TEXT,
     CANDLES_FIELD(symbol),
     .value = "NAME",
     .help = "only candles of this symbol"},
    {.name = "from",
     .type = OPTION_TIME,
     CANDLES_FIELD(from),
     .help = "start of the range; by default where candles begin; widened to whole candles"},
    {.name = "to",
     .type = OPTION_TIME,
     CANDLES_FIELD(to),
     .help = "end of the range; by default where stored candles end"},
    {.name = "interval",
     .type = OPTION_CHOICE,
     CANDLES_FIELD(interval),
     .choices = intervals,
     .help = "only candles of this interval (default all)"},
    {.name = "json",
     .type = OPTION_SWITCH,
     CANDLES_FIELD(json),
     .help = "a JSON object a line: kind is differs, missing, superfluous, dropped, pending, and "
             "last of all summary"},
};

static struct candles_options candles_options(const struct candles_values *values)
{
    return (struct candles_options){
        .symbol = values->symbol,
        .interval = values->interval > 0 ? intervals[values->interval] : NULL,
        .range = {values->from, values->to},
        .json = values->json,
    };
}

static int candles_refresh(const struct configuration *configuration,
                           const struct invocation *invocation)
{
    struct candles_options options = candles_options(invocation->values);
    return candles_refresh_run(configuration, &options);
}

static int candles_verify(const struct configuration *configuration,
                          const struct invocation *invocation)
{
    struct candles_options options = candles_options(invocation->values);
    return candles_verify_run(configuration, &options);
}

/* ---- triggers -------------------------------------------------------------------------------- */

static int triggers_on(const struct configuration *configuration,
                       const struct invocation *invocation)
{
    (void)invocation;
    return triggers_run(configuration, TRIGGERS_ON);
}

static int triggers_off(const struct configuration *configuration,
                        const struct invocation *invocation)
{
    (void)invocation;
    return triggers_run(configuration, TRIGGERS_OFF);
}

static int triggers_status(const struct configuration *configuration,
                           const struct invocation *invocation)
{
    (void)invocation;
    return triggers_run(configuration, TRIGGERS_STATUS);
}

static int config(const struct configuration *configuration, const struct invocation *invocation)
{
    (void)invocation;
    return configuration_run(configuration);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define OPTIONS(table) .options = (table), .option_count = COUNT(table)
#define ONE_TABLE .arguments = "TABLE", .arguments_min = 1, .arguments_max = 1

static const struct subcommand subcommands[] = {
    {.name = "serve",
     .summary = "run the server: replays, candles and ticks for clients, and the web app",
     .uses = SETTING_OF_DATABASE | SETTING_OF_SERVER | SETTING_OF_ALL,
     .description =
         "Without a database URL tapedeck runs its own PostgreSQL cluster in its home folder: with "
         "TimescaleDB where that is installed. It runs until SIGTERM or SIGINT (Ctrl-C) and then "
         "stops cleanly; after any accident the next start recovers. SIGHUP reads keys and "
         "certificate anew.\n\n"
         "At 127.0.0.1, without keys, everybody is an operator, because only this machine can "
         "connect. Elsewhere it wants keys (`tapedeck keys add`) or JSON Web Tokens, and should "
         "have a certificate; with --insecure it asks nobody, and everybody is a viewer.",
     .examples = "tapedeck serve\n"
                 "tapedeck serve --home /var/lib/tapedeck --port 9000\n"
                 "tapedeck serve --host 0.0.0.0 --auth-keys-file keys --tls-certificate-file "
                 "cert.pem --tls-key-file key.pem\n"
                 "TIMESCALE_DATABASE_URL=postgresql://me@db/ticks tapedeck serve\n",
     .is_service = true,
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
         "range are refreshed. A server may run meanwhile.",
     .examples = "tapedeck import ticks.csv.gz\n"
                 "tapedeck import DAT_ASCII_EURUSD_T_202001.csv --keep --venue FX\n"
                 "tapedeck import truefx.csv --symbol USDJPY --last-from bid --max-errors 100\n",
     .run = import_command},
    {.name = "import list",
     .summary = "show what was imported, newest first",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = imports_list_command},
    {.name = "import undo",
     .summary = "take an import back: deletes its ticks and refreshes their candles",
     .arguments = "NUMBER",
     .arguments_min = 1,
     .arguments_max = 1,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description = "NUMBER is the one that `tapedeck import list` shows.",
     .examples = "tapedeck import undo 3\n",
     .run = imports_undo_command},
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
     .run = generate_command},
    {.name = "bench replay",
     .summary = "play to many viewers over real WebSockets, check what they get, and measure",
     .options = bench_options,
     .option_count = BENCH_OPTION_COUNT,
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
     .run = bench_replay_run},
    {.name = "bench windows",
     .summary = "ask for windows of ticks, or for the newest candles, and time each answer",
     .options = bench_windows_options,
     .option_count = BENCH_WINDOWS_OPTION_COUNT,
     .values_bytes = sizeof(struct bench_windows_values),
     .defaults = &bench_windows_defaults,
     .uses = SETTING_OF_ALL,
     .description =
         "One window after another over one connection: for the first time at instants all over "
         "the range, each a place of its own, and then again at each of them. What comes again "
         "must be what came first. The first time is cold where the server has not read that part "
         "before: start it anew.\n\n"
         "Windows of ticks are played at max, from replay.open to `ended`. Candles are asked for "
         "by candles.subscribe, or, where the server does not answer that, by the snapshot of a "
         "replay that is opened there.",
     .examples = "tapedeck bench windows --ticks 15m\n"
                 "tapedeck bench windows --candles 1m --count 500 --windows 200 --again 10\n"
                 "tapedeck bench windows --candles 1h --at 2024-08-08T12:00:00Z --json\n",
     .run = bench_windows_run},
    {.name = "bench live",
     .summary = "write ticks, and time when everybody who watches their candle has heard",
     .options = bench_live_options,
     .option_count = BENCH_LIVE_OPTION_COUNT,
     .values_bytes = sizeof(struct bench_live_values),
     .defaults = &bench_live_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "Writes into the server's database, one tick after the other, each at the wall clock's "
         "time, and waits until the last subscriber has heard of it. Times are counted from when "
         "the commit has come back to the writer.",
     .examples = "tapedeck bench live --subscribers 1000\n"
                 "tapedeck bench live --subscribers 1 --foreign --changes 100 --json\n",
     .run = bench_live_run},
    {.name = "candles refresh",
     .summary = "make the stored candles of a range anew",
     OPTIONS(refresh_options),
     .values_bytes = sizeof(struct candles_values),
     .defaults = &candles_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "Stored candles follow their ticks by themselves; this is for when somebody changed them "
         "behind tapedeck's back. Candles whose ticks were dropped are never touched. A server may "
         "run meanwhile; the range is queued, so that it is finished even if this command is not.",
     .examples = "tapedeck candles refresh\n"
                 "tapedeck candles refresh --symbol FX:EURUSD\n"
                 "tapedeck candles refresh --from 2024-08-08 --to 2024-08-09\n",
     .run = candles_refresh},
    {.name = "candles verify",
     .summary = "compare the stored candles with their ticks",
     OPTIONS(verify_options),
     .values_bytes = sizeof(struct candles_values),
     .defaults = &candles_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "Computes every stored candle anew from its ticks and lists every difference: the field, "
         "what is stored and what was computed; candles that are missing; candles that should not "
         "be there. Says which ranges could not be verified, because their ticks were dropped or "
         "because they are queued for refresh. The exit status is 0 when all are equal, 1 when "
         "there are differences, 2 when it failed. Changes no candle.",
     .examples = "tapedeck candles verify\n"
                 "tapedeck candles verify --interval 1h --from 2024-08-01 --json\n",
     .run = candles_verify},
    {.name = "storage",
     .summary = "how much the database holds: tables, compression, disk, growth",
     .options = storage_options,
     .option_count = STORAGE_OPTION_COUNT,
     .values_bytes = sizeof(struct storage_values),
     .defaults = &storage_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = storage_run},
    {.name = "storage history",
     .summary = "the sizes of earlier nights",
     .options = storage_history_options,
     .option_count = STORAGE_HISTORY_OPTION_COUNT,
     .values_bytes = sizeof(struct storage_values),
     .defaults = &storage_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = storage_history_run},
    {.name = "storage sample",
     .summary = "measure the database now, for the history",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description = "A sample is taken every night at 03:00 UTC. The newest 90 are kept.",
     .run = storage_sample_run},
    {.name = "policies",
     .summary = "what the database does by itself, and how it went",
     .options = policies_options,
     .option_count = POLICIES_OPTION_COUNT,
     .values_bytes = sizeof(struct policies_values),
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = policies_list_run},
    {.name = "policies list",
     .summary = "the same as `tapedeck policies`",
     .options = policies_options,
     .option_count = POLICIES_OPTION_COUNT,
     .values_bytes = sizeof(struct policies_values),
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = policies_list_run},
    {.name = "policies check",
     .summary = "what is wrong with the policies; status 1 when anything is",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = policies_check_run},
    {.name = "policies run",
     .summary = "run a policy now",
     .arguments = "JOB",
     .arguments_min = 1,
     .arguments_max = 1,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = policies_run_run},
    {.name = "policies pause",
     .summary = "let a policy run no more until it is resumed",
     .arguments = "JOB",
     .arguments_min = 1,
     .arguments_max = 1,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = policies_pause_run},
    {.name = "policies resume",
     .summary = "let a paused policy run by its schedule again, unless candles would be lost",
     .arguments = "JOB",
     .arguments_min = 1,
     .arguments_max = 1,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = policies_resume_run},
    {.name = "policies apply",
     .summary = "put the policies that tapedeck.yaml declares in force",
     .options = policies_apply_options,
     .option_count = POLICIES_APPLY_OPTION_COUNT,
     .values_bytes = sizeof(struct policies_apply_values),
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description = policies_apply_description,
     .examples = "tapedeck policies apply --dry-run\n"
                 "tapedeck policies apply --yes --json\n",
     .run = policies_apply_run},
    {.name = "table info",
     .summary = "how large a table is, and what works on it; without TABLE: all of them",
     .arguments = "TABLE",
     .arguments_max = 1,
     .examples = "tapedeck table info tick_data\n",
     TABLE_SUBCOMMAND(info)},
    {.name = "table chunks",
     .summary = "the chunks or partitions of a table",
     ONE_TABLE,
     .examples = "tapedeck table chunks tick_data --from 2024-08-01 --json\n",
     TABLE_SUBCOMMAND(chunks)},
    {.name = "table drop-chunks",
     .summary = "drop the old chunks or partitions of a table",
     ONE_TABLE,
     .examples = "tapedeck table drop-chunks tick_data --before 2024-01-01\n",
     TABLE_SUBCOMMAND(drop_chunks)},
    {.name = "table buckets",
     .summary = "figures of a column per bucket of time",
     ONE_TABLE,
     .examples =
         "tapedeck table buckets app.trades --bucket 5m --time at --value price --group-by symbol "
         "--percentiles 50,99\n",
     TABLE_SUBCOMMAND(buckets)},
    {.name = "table ohlcv",
     .summary = "open, high, low, close and volume per bucket of time",
     ONE_TABLE,
     .examples = "tapedeck table ohlcv app.trades --bucket 1h --time at --price price --volume qty "
                 "--order id\n",
     TABLE_SUBCOMMAND(ohlcv)},
    {.name = "table hypertable",
     .summary = "make a hypertable of a table",
     ONE_TABLE,
     .examples = "tapedeck table hypertable app.trades --time at --chunk 7d --migrate-data\n",
     TABLE_SUBCOMMAND(hypertable)},
    {.name = "table retention",
     .summary = "let old chunks of a table be dropped",
     ONE_TABLE,
     .examples = "tapedeck table retention app.trades --drop-after 90d\n",
     TABLE_SUBCOMMAND(retention)},
    {.name = "table compression",
     .summary = "let old chunks of a table be compressed",
     ONE_TABLE,
     .examples = "tapedeck table compression app.trades --after 30d --segment-by symbol\n",
     TABLE_SUBCOMMAND(compression)},
    {.name = "table aggregate",
     .summary = "make a continuous aggregate over a hypertable",
     .arguments = "NAME",
     .arguments_min = 1,
     .arguments_max = 1,
     .examples = "tapedeck table aggregate app.trades_5m --from app.trades --bucket 5m --time at "
                 "--group-by symbol --select 'avg(price), sum(qty), count(*)' --refresh 30d\n",
     TABLE_SUBCOMMAND(aggregate)},
    {.name = "triggers on",
     .summary = "let triggers tell of everything that other programs do to tick_data",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "Without them a server notices ticks that other programs append within a second, but not "
         "what they insert between known ticks, change or delete. With them it hears of every "
         "INSERT, COPY, UPDATE, DELETE and TRUNCATE as it commits, and mends exactly what that "
         "changed. Every statement of every writer pays for it, tapedeck's own imports too: "
         "sql/README.md says how much. Statements on single chunks or partitions are not heard "
         "of. Waits for running writers; tells nothing of what was done before.",
     .examples = "tapedeck triggers on\n"
                 "tapedeck candles verify    # what was done before\n",
     .run = triggers_on},
    {.name = "triggers off",
     .summary = "take these triggers off again",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = triggers_off},
    {.name = "triggers status",
     .summary = "whether they are on",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description = "The exit status is 0 when they are on, 2 when they are off or incomplete, 1 "
                    "when it failed.",
     .run = triggers_status},
    {.name = "migrate up",
     .summary = "bring the tables and routines of a database up to date",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "The embedded database is kept up to date by itself; this is for a database given "
         "by URL. The SQL it runs is inside this binary, and to be read in sql/ of the sources.",
     .run = up},
    {.name = "migrate down",
     .summary = "undo migrations, and with them their data",
     OPTIONS(down_options),
     .values_bytes = sizeof(struct down_values),
     .defaults = &down_defaults,
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .description =
         "A migration that is undone takes its tables with it, and whatever is in them: the one of "
         "tick_data takes every tick. It does not ask.",
     .examples = "tapedeck migrate down --steps 2\n",
     .run = down},
    {.name = "migrate status",
     .summary = "show which migrations are applied to a database",
     .uses = SETTING_OF_DATABASE | SETTING_OF_ALL,
     .run = status},
    {.name = "keys add",
     .summary = "make an API key, and print it once",
     .arguments = "NAME",
     .arguments_min = 1,
     .arguments_max = 1,
     .options = keys_options,
     .option_count = KEYS_OPTION_COUNT,
     .values_bytes = sizeof(struct keys_values),
     .defaults = &keys_defaults,
     .uses = SETTING_OF_KEYS | SETTING_OF_ALL,
     .description =
         "The file holds only a hash of the key, with its name and role. A server that is given "
         "the file asks everybody for a key: as Authorization: Bearer KEY over HTTP, or with an "
         "auth request on the WebSocket. It reads the file anew on SIGHUP.",
     .examples = "tapedeck keys add desk-1 --role viewer --auth-keys-file keys\n"
                 "tapedeck keys add importer --role writer --expires 90d\n",
     .run = keys_add_run},
    {.name = "keys list",
     .summary = "whose keys there are",
     .uses = SETTING_OF_KEYS | SETTING_OF_ALL,
     .run = keys_list_run},
    {.name = "keys revoke",
     .summary = "take a key back; on SIGHUP the server hangs up on whoever uses it",
     .arguments = "NAME",
     .arguments_min = 1,
     .arguments_max = 1,
     .uses = SETTING_OF_KEYS | SETTING_OF_ALL,
     .examples = "tapedeck keys revoke desk-1\nkill -HUP $(pidof tapedeck)\n",
     .run = keys_revoke_run},
    {.name = "config",
     .summary = "print the settings in force, and where each comes from",
     .uses = SETTING_OF_DATABASE | SETTING_OF_SERVER | SETTING_OF_WRITERS | SETTING_OF_ALL,
     .description =
         "What it prints is a tapedeck.yaml that gives the same settings again, except for "
         "passwords, which are masked: a file to begin with. Policies are printed as they are "
         "declared, which is not always how the database has them (`tapedeck policies apply "
         "--dry-run`). The database is not asked.",
     .examples = "tapedeck config\n"
                 "tapedeck config --port 9000 > tapedeck.yaml\n",
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
