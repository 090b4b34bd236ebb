/*
 * tapedeck bench windows: one client that asks for windows of ticks or candles, and times them.
 */
#include "app/bench_windows.h"

#include "app/terminal.h"
#include "base/mem.h"
#include "bench/report.h"
#include "market/interval.h"
#include "market/time.h"

#include <stdio.h>
#include <string.h>

#define REPORT_BYTES_MAX 65536
#define COUNT_MAX 5000 /* of candles, as candles.subscribe has it */

#define WINDOWS_FIELD(field) .offset = offsetof(struct bench_windows_values, field)

const struct bench_windows_values bench_windows_defaults = {
    .count = 500,
    .windows = 100,
    .again = 1,
    .at = WINDOWS_HERE,
    .from = WINDOWS_HERE,
    .to = WINDOWS_HERE,
    .seed = 1,
};

const struct option bench_windows_options[BENCH_WINDOWS_OPTION_COUNT] = {
    BENCH_SERVER_OPTIONS(struct bench_windows_values),
    {.name = "symbol",
     .type = OPTION_TEXT,
     WINDOWS_FIELD(symbol),
     .value = "NAME",
     .help = "the symbol to ask for; by default the first there is"},
    {.name = "ticks",
     .type = OPTION_DURATION,
     WINDOWS_FIELD(ticks_us),
     .min = 1,
     .max = INTERVAL_MAX_US,
     .help = "ask for windows of ticks, each this long"},
    {.name = "candles",
     .type = OPTION_TEXT,
     WINDOWS_FIELD(candles),
     .value = "INTERVAL",
     .help = "ask for the newest candles before an instant, of an interval such as 1m"},
    {.name = "count",
     .type = OPTION_INTEGER,
     WINDOWS_FIELD(count),
     .min = 1,
     .max = COUNT_MAX,
     .help = "how many candles (default 500)"},
    {.name = "windows",
     .type = OPTION_INTEGER,
     WINDOWS_FIELD(windows),
     .min = 1,
     .max = INT64_C(1) << 40,
     .help = "how many different instants to ask at (default 100)"},
    {.name = "again",
     .type = OPTION_INTEGER,
     WINDOWS_FIELD(again),
     .min = 0,
     .max = INT64_C(1) << 40,
     .help = "how often each is asked for again, which the server answers out of its cache "
             "(default 1)"},
    {.name = "at",
     .type = OPTION_TIME,
     WINDOWS_FIELD(at),
     .help = "the only instant: ticks from there on, candles that begin before it"},
    {.name = "from",
     .type = OPTION_TIME,
     WINDOWS_FIELD(from),
     .help = "where the range of instants begins; by default at the first tick"},
    {.name = "to",
     .type = OPTION_TIME,
     WINDOWS_FIELD(to),
     .help = "where it ends; by default after the last tick"},
    {.name = "seed",
     .type = OPTION_INTEGER,
     WINDOWS_FIELD(seed),
     .min = 0,
     .max = INT64_MAX,
     .help = "the same seed asks at the same instants (default 1)"},
    {.name = "json", .type = OPTION_SWITCH, WINDOWS_FIELD(json), .help = "print one JSON object"},
};

static enum status check(const struct bench_windows_values *values, struct error *error)
{
    bool has_range = values->from != WINDOWS_HERE || values->to != WINDOWS_HERE;
    if ((values->ticks_us > 0) == (values->candles != NULL))
        return error_set(error, STATUS_INVALID,
                         "--ticks DURATION or --candles INTERVAL: choose one");
    if (values->at != WINDOWS_HERE && has_range)
        return error_set(error, STATUS_INVALID, "--at goes with neither --from nor --to");
    return STATUS_OK;
}

static enum status make_options(const struct bench_windows_values *values,
                                const struct channel_target *target,
                                struct windows_options *options, struct error *error)
{
    *options = (struct windows_options){
        .target = *target,
        .symbol = values->symbol,
        .window = {.ticks_us = values->ticks_us,
                   .interval = values->candles,
                   .count = values->count},
        .places = values->windows,
        .again = values->again,
        .at = values->at,
        .from = values->from,
        .to = values->to,
        .seed = (uint64_t)values->seed,
    };
    enum status status = check(values, error);
    if (status != STATUS_OK || values->candles == NULL)
        return status;
    status = interval_parse(values->candles, strlen(values->candles), &options->window.interval_us,
                            error);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, "--candles");
}

static enum status print(const struct windows_options *options, const struct windows_result *result,
                         bool as_json, struct error *error)
{
    struct buffer out;
    buffer_init(&out, REPORT_BYTES_MAX);
    if (as_json)
        report_windows_json(options, result, &out);
    else
        report_windows_table(options, result, &out);
    bool failed = fwrite(out.bytes, 1, out.count, stdout) != out.count || fflush(stdout) != 0;
    buffer_deinit(&out);
    return failed ? error_set(error, STATUS_UNAVAILABLE, "cannot write the report") : STATUS_OK;
}

int bench_windows_run(const struct configuration *configuration,
                      const struct invocation *invocation)
{
    const struct bench_windows_values *values = invocation->values;
    struct error error = {.text = ""};
    struct windows_options options;
    /* Too large for a stack: it has histograms. */
    struct windows_result *result = MEM_NEW(struct windows_result);
    struct bench_target target;
    enum status status = bench_target_open(configuration, &values->server, &target, &error);
    if (status == STATUS_OK)
        status = make_options(values, &target.channel, &options, &error);
    if (status == STATUS_OK)
        status = windows_run(&options, result, &error);
    if (status == STATUS_OK)
        status = print(&options, result, values->json, &error);
    bench_target_close(&target);
    mem_free(result);
    if (status == STATUS_OK)
        return EXIT_DONE;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}
