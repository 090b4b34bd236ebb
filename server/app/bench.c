/*
 * tapedeck bench replay: viewers over real WebSockets, who check what they are sent and measure it.
 */
#include "app/commands.h"
#include "app/terminal.h"
#include "base/mem.h"
#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_BYTES 64
#define REPORT_BYTES_MAX 65536
#define SPEED_MIN 0.01 /* as replay.open has it */
#define SPEED_MAX 100000.0

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
    return STATUS_OK;
}

static enum status print(const struct bench_command *command,
                         const struct audience_options *options,
                         const struct audience_result *result, struct error *error)
{
    struct buffer out;
    buffer_init(&out, REPORT_BYTES_MAX);
    if (command->prints_json)
        report_json(options, result, &out);
    else
        report_table(options, result, &out);
    bool failed = fwrite(out.bytes, 1, out.count, stdout) != out.count || fflush(stdout) != 0;
    buffer_deinit(&out);
    return failed ? error_set(error, STATUS_UNAVAILABLE, "cannot write the report") : STATUS_OK;
}

int bench_replay_run(const struct configuration *configuration, const struct bench_command *command)
{
    struct error error = {.text = ""};
    struct audience_options options = command->audience;
    struct audience_result *result = MEM_NEW(struct audience_result);
    char url[URL_BYTES];
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/ws", configuration->port);
    options.url = command->url != NULL ? command->url : url;
    enum status status = parse_speed(command->speed, &options.viewer.open, &error);
    if (status == STATUS_OK)
        status = check(&options, &error);
    if (status == STATUS_OK)
        status = audience_run(&options, result, &error);
    if (status == STATUS_OK)
        status = print(command, &options, result, &error);
    mem_free(result);
    if (status == STATUS_OK)
        return 0;
    terminal_error("%s", error.text);
    return 1;
}
