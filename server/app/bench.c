/*
 * tapedeck bench replay: viewers over real WebSockets, who check what they are sent and measure it.
 */
#include "app/bench.h"

#include "app/terminal.h"
#include "base/mem.h"
#include "bench/report.h"
#include "market/time.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_BYTES_MAX 65536
#define SPEED_MIN 0.01 /* as replay.open has it */
#define SPEED_MAX 100000.0

/* ---- options ---- */

/* In the order of false and true: whether frames are acknowledged. */
static const char *const flows[] = {"tcp", "ack", NULL};

#define BENCH_FIELD(field) .offset = offsetof(struct bench_values, field)
#define BENCH_WHOLE INT64_MIN /* --from or --to was not given */
#define BENCH_LEAD_UNSET (-1)
#define BENCH_LEAD_MS_OF_SEEKS 500 /* what replay.open has by default */
#define BENCH_DURATION_US_MAX (30 * TIME_DAY_US)

const struct bench_values bench_defaults = {
    .viewers = 1,
    .speed = "1",
    .from = BENCH_WHOLE,
    .to = BENCH_WHOLE,
    .stagger_us = TIME_SECOND_US,
    .fps = 60,
    .lead_ms = BENCH_LEAD_UNSET,
    .step_by = "tick",
    .seed = 1,
};

const struct option bench_options[BENCH_OPTION_COUNT] = {
    BENCH_SERVER_OPTIONS(struct bench_values),
    {.name = "viewers",
     .type = OPTION_INTEGER,
     BENCH_FIELD(viewers),
     .min = 1,
     .max = AUDIENCE_VIEWERS_MAX,
     .help = "how many viewers, each with a connection and a replay of its own (default 1)"},
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
     .help = "symbols to play; by default every one there is, at most 64"},
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
    {.name = "steps",
     .type = OPTION_INTEGER,
     BENCH_FIELD(steps),
     .min = 0,
     .max = INT64_C(1) << 40,
     .help = "steps of each viewer from where its replay begins, each measured from the request to "
             "its last frame (default 0: none)"},
    {.name = "step-by",
     .type = OPTION_TEXT,
     BENCH_FIELD(step_by),
     .value = "tick|frame|INTERVAL",
     .help = "how far a step goes (default tick)"},
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

/* ---- what they mean ---- */

/* "max", "-max", or a number in bounds; "max" is speed 0 with a direction. */
static enum status parse_speed(const char *text, struct requests_open *open, struct error *error)
{
    open->direction = text[0] == '-' ? -1 : 1;
    open->speed = 0;
    if (strcmp(text, "max") == 0 || strcmp(text, "-max") == 0)
        return STATUS_OK;
    char *end;
    errno = 0;
    open->speed = strtod(text, &end);
    if (errno == 0 && end != text && *end == '\0' && fabs(open->speed) >= SPEED_MIN &&
        fabs(open->speed) <= SPEED_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "--speed = %s: expected 0.01 … 100000, or max; with - it plays backward",
                     text);
}

static enum status check(const struct audience_options *options, struct error *error)
{
    const struct viewer_options *viewer = &options->viewer;
    if (viewer->symbol_count > REQUESTS_SYMBOLS_MAX)
        return error_set(error, STATUS_INVALID, "--symbols: a replay has at most %d",
                         REQUESTS_SYMBOLS_MAX);
    if (viewer->loops && options->duration_us == 0)
        return error_set(error, STATUS_INVALID, "--loop has no end: give a --duration too");
    if (viewer->is_bare && options->duration_us == 0)
        return error_set(error, STATUS_INVALID, "--bare has no end: give a --duration too");
    if (viewer->loops && viewer->seeks > 0)
        return error_set(error, STATUS_INVALID, "--loop and --seeks: choose one");
    if (viewer->steps > 0 && (viewer->loops || viewer->seeks > 0))
        return error_set(error, STATUS_INVALID, "--steps goes with neither --loop nor --seeks");
    if (viewer->steps > 0 && viewer->step.unit == STEP_BY_FRAME && viewer->open.speed == 0)
        return error_set(error, STATUS_INVALID, "--step-by = frame: at max there are no frames");
    return STATUS_OK;
}

static enum status make_options(const struct bench_values *values,
                                const struct channel_target *target,
                                struct audience_options *options, struct error *error)
{
    *options = (struct audience_options){
        .target = *target,
        .viewer_count = (size_t)values->viewers,
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
                   .steps = values->steps,
                   .loops = values->loop,
                   .is_bare = values->bare,
                   .symbols = values->symbols.items,
                   .symbol_count = values->symbols.count,
                   .from = values->from,
                   .to = values->to},
    };
    enum status status = parse_speed(values->speed, &options->viewer.open, error);
    if (status == STATUS_OK)
        status = step_parse(values->step_by, &options->viewer.step, error);
    return status == STATUS_OK ? check(options, error) : status;
}

/* ---- running ---- */

static enum status print(const struct audience_options *options,
                         const struct audience_result *result, bool as_json, struct error *error)
{
    struct buffer out;
    buffer_init(&out, REPORT_BYTES_MAX);
    if (as_json)
        report_json(options, result, &out);
    else
        report_table(options, result, &out);
    bool failed = fwrite(out.bytes, 1, out.count, stdout) != out.count || fflush(stdout) != 0;
    buffer_deinit(&out);
    return failed ? error_set(error, STATUS_UNAVAILABLE, "cannot write the report") : STATUS_OK;
}

int bench_replay_run(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct bench_values *values = invocation->values;
    struct error error = {.text = ""};
    struct audience_options options;
    /* Too large for a stack: it has histograms. */
    struct audience_result *result = MEM_NEW(struct audience_result);
    struct bench_target target;
    enum status status = bench_target_open(configuration, &values->server, &target, &error);
    if (status == STATUS_OK)
        status = make_options(values, &target.channel, &options, &error);
    if (status == STATUS_OK)
        status = audience_run(&options, result, &error);
    if (status == STATUS_OK)
        status = print(&options, result, values->json, &error);
    bench_target_close(&target);
    mem_free(result);
    if (status == STATUS_OK)
        return EXIT_DONE;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}
