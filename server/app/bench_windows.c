/*
 * tapedeck bench windows: one client that asks for windows of ticks or candles, and times them.
 */
#include "app/bench_windows.h"

#include "app/terminal.h"
#include "base/mem.h"
#include "bench/report.h"
#include "market/interval.h"
#include "market/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPORT_BYTES_MAX 65536
#define COUNT_MAX 5000 /* of candles, as candles.subscribe has it */
#define INSTANT_BYTES_MAX 128

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
    {.name = "instants",
     .type = OPTION_TEXT,
     WINDOWS_FIELD(instants),
     .value = "FILE",
     .help = "the instants, one a line, or - for those that standard input says by and by; each is "
             "reported as soon as it is answered"},
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
    {.name = "json",
     .type = OPTION_SWITCH,
     WINDOWS_FIELD(json),
     .help = "print one JSON object; with --instants, one a line"},
};

static enum status check(const struct bench_windows_values *values, struct error *error)
{
    int ways = (values->at != WINDOWS_HERE) + (values->instants != NULL) +
               (values->from != WINDOWS_HERE || values->to != WINDOWS_HERE);
    if ((values->ticks_us > 0) == (values->candles != NULL))
        return error_set(error, STATUS_INVALID,
                         "--ticks DURATION or --candles INTERVAL: choose one");
    if (ways > 1)
        return error_set(error, STATUS_INVALID, "--at, --instants, or --from and --to: choose one");
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

/* ---- instants, one by one ---- */

struct instants {
    const char *name;
    int fd;
    char bytes[INSTANT_BYTES_MAX]; /* a line, as far as it has come */
    size_t count;
    unsigned line; /* the last one that was read; from 1 */
};

static enum status instants_open(struct instants *instants, const char *name, struct error *error)
{
    bool is_input = strcmp(name, "-") == 0;
    *instants = (struct instants){.name = is_input ? "standard input" : name, .fd = STDIN_FILENO};
    if (!is_input)
        instants->fd = open(name, O_RDONLY | O_CLOEXEC);
    if (instants->fd < 0)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", name, strerror(errno));
    return STATUS_OK;
}

static void instants_close(struct instants *instants)
{
    if (instants->fd > STDIN_FILENO)
        (void)close(instants->fd);
}

/* The rest of the lines moves to the front. */
static enum status take_line(struct instants *instants, size_t length, int64_t *at,
                             struct error *error)
{
    size_t used = length < instants->count ? length + 1 : length;
    enum status status = time_parse(instants->bytes, length, at);
    instants->line++;
    if (status != STATUS_OK)
        return error_set(error, STATUS_INVALID, "%s, line %u: %.*s is no time", instants->name,
                         instants->line, (int)length, instants->bytes);
    instants->count -= used;
    memmove(instants->bytes, instants->bytes + used, instants->count);
    return STATUS_OK;
}

/* STATUS_END: there are no more. */
static enum status instants_next(struct instants *instants, struct windows *windows, int64_t *at,
                                 struct error *error)
{
    for (;;) {
        const char *end = memchr(instants->bytes, '\n', instants->count);
        if (end != NULL)
            return take_line(instants, (size_t)(end - instants->bytes), at, error);
        if (instants->count == sizeof instants->bytes)
            return error_set(error, STATUS_INVALID, "%s, line %u: too long for a time",
                             instants->name, instants->line + 1);
        enum status status = windows_await(windows, instants->fd, error);
        if (status != STATUS_OK)
            return status;
        ssize_t more = read(instants->fd, instants->bytes + instants->count,
                            sizeof instants->bytes - instants->count);
        if (more < 0)
            return error_set(error, STATUS_UNAVAILABLE, "%s: %s", instants->name, strerror(errno));
        if (more == 0)
            return instants->count > 0 ? take_line(instants, instants->count, at, error)
                                       : STATUS_END;
        instants->count += (size_t)more;
    }
}

static enum status ask_each(struct windows *windows, const struct windows_options *options,
                            const struct bench_windows_values *values,
                            struct windows_result *result, struct error *error)
{
    struct instants instants;
    int64_t at;
    enum status status = instants_open(&instants, values->instants, error);
    while (status == STATUS_OK) {
        status = instants_next(&instants, windows, &at, error);
        if (status != STATUS_OK)
            break;
        *result = (struct windows_result){.rows = 0};
        status = windows_ask_at(windows, at, result, error);
        if (status == STATUS_OK)
            status = print(options, result, values->json, error);
    }
    instants_close(&instants);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status ask_all(struct windows *windows, const struct windows_options *options,
                           const struct bench_windows_values *values, struct windows_result *result,
                           struct error *error)
{
    enum status status = windows_ask_all(windows, result, error);
    return status == STATUS_OK ? print(options, result, values->json, error) : status;
}

static enum status run(const struct windows_options *options,
                       const struct bench_windows_values *values, struct error *error)
{
    struct windows *windows = windows_open(options, error);
    if (windows == NULL)
        return error->status;
    /* Too large for a stack: it has histograms. */
    struct windows_result *result = MEM_NEW(struct windows_result);
    enum status status = values->instants != NULL
                             ? ask_each(windows, options, values, result, error)
                             : ask_all(windows, options, values, result, error);
    mem_free(result);
    windows_close(&windows);
    return status;
}

int bench_windows_run(const struct configuration *configuration,
                      const struct invocation *invocation)
{
    const struct bench_windows_values *values = invocation->values;
    struct error error = {.text = ""};
    struct windows_options options;
    struct bench_target target;
    enum status status = bench_target_open(configuration, &values->server, &target, &error);
    if (status == STATUS_OK)
        status = make_options(values, &target.channel, &options, &error);
    if (status == STATUS_OK)
        status = run(&options, values, &error);
    bench_target_close(&target);
    if (status == STATUS_OK)
        return EXIT_DONE;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}
