#include "bench/report.h"

#include <inttypes.h>

#define MILLION 1e6

static double seconds_of(const struct audience_result *result)
{
    return (double)result->seconds_us / MILLION;
}

static double rate_of(const struct audience_result *result)
{
    return result->seconds_us > 0 ? (double)result->tally.ticks / seconds_of(result) : 0;
}

/* ---- the table ---- */

static void append_row(struct buffer *out, const char *name)
{
    buffer_append_format(out, "%-16s ", name);
}

/* At the widest fitting unit: µs, ms or s. */
static void append_duration(struct buffer *out, const char *name, int64_t us)
{
    if (us < 10000)
        buffer_append_format(out, "  %s %" PRId64 " µs", name, us);
    else if (us < 10000000)
        buffer_append_format(out, "  %s %.1f ms", name, (double)us / 1e3);
    else
        buffer_append_format(out, "  %s %.1f s", name, (double)us / 1e6);
}

static void append_percentiles(struct buffer *out, const char *name,
                               const struct histogram *histogram)
{
    if (histogram->count == 0)
        return;
    append_row(out, name);
    buffer_append_format(out, "%" PRIu64 " measured:", histogram->count);
    append_duration(out, "p50", histogram_at(histogram, 0.5));
    append_duration(out, "p99", histogram_at(histogram, 0.99));
    append_duration(out, "p99.9", histogram_at(histogram, 0.999));
    append_duration(out, "max", histogram->max);
    buffer_append_text(out, "\n");
}

static void append_server(struct buffer *out, const struct audience_result *result)
{
    append_row(out, "server");
    if (result->server_pid == 0) {
        buffer_append_text(out, "its process is not on this machine, or not this user's: no CPU "
                                "time, no memory\n");
        return;
    }
    buffer_append_format(out, "pid %" PRId64, result->server_pid);
    if (result->server_cpu_us >= 0 && result->seconds_us > 0)
        buffer_append_format(out, ", %.3f s of CPU (%.1f %% of a core)",
                             (double)result->server_cpu_us / MILLION,
                             100.0 * (double)result->server_cpu_us / (double)result->seconds_us);
    if (result->server_rss_bytes >= 0)
        buffer_append_format(out, ", %.1f MiB resident",
                             (double)result->server_rss_bytes / 1048576.0);
    buffer_append_text(out, "\n");
}

void report_table(const struct audience_options *options, const struct audience_result *result,
                  struct buffer *out)
{
    const struct tally *tally = &result->tally;
    append_row(out, "viewers");
    buffer_append_format(out, "%zu, for %.3f s\n", options->viewer_count, seconds_of(result));
    append_row(out, "ticks");
    buffer_append_format(out, "%" PRId64 ", %.3f M a second", tally->ticks,
                         rate_of(result) / MILLION);
    if (tally->ticks > 0)
        buffer_append_format(out, ", %.2f bytes each", (double)tally->bytes / (double)tally->ticks);
    buffer_append_text(out, "\n");
    append_row(out, "frames");
    buffer_append_format(out, "%" PRId64 ", %" PRId64 " bytes, %.0f bytes each\n", tally->frames,
                         tally->bytes,
                         tally->frames > 0 ? (double)tally->bytes / (double)tally->frames : 0);
    append_percentiles(out, "opens", &tally->open_us);
    append_percentiles(out, "lateness", &tally->lateness_us);
    append_percentiles(out, "steps", &tally->step_us);
    append_percentiles(out, "seeks", &tally->seek_us);
    if (tally->bufferings > 0) {
        append_row(out, "buffering");
        buffer_append_format(out, "%" PRId64 " times\n", tally->bufferings);
    }
    append_server(out, result);
    append_row(out, "this client");
    buffer_append_format(out, "%.3f s of CPU\n", (double)result->client_cpu_us / MILLION);
    if (result->pass_ticks >= 0) {
        append_row(out, "a whole pass");
        buffer_append_format(out, "%" PRId64 " ticks, sum %" PRIu64 "\n", result->pass_ticks,
                             result->pass_sum);
    }
}

/* ---- JSON ---- */

static void append_key(struct buffer *out, const char *key)
{
    buffer_append_format(out, "%s\"%s\": ", out->count > 1 ? ", " : "", key);
}

static void append_integer(struct buffer *out, const char *key, int64_t value)
{
    append_key(out, key);
    buffer_append_format(out, "%" PRId64, value);
}

static void append_known(struct buffer *out, const char *key, bool is_known, int64_t value)
{
    append_key(out, key);
    if (is_known)
        buffer_append_format(out, "%" PRId64, value);
    else
        buffer_append_text(out, "null");
}

static void append_seconds(struct buffer *out, const char *key, int64_t us)
{
    append_key(out, key);
    if (us >= 0)
        buffer_append_format(out, "%.6f", (double)us / MILLION);
    else
        buffer_append_text(out, "null");
}

static void append_ratio(struct buffer *out, const char *key, double over, double under)
{
    append_key(out, key);
    if (under > 0)
        buffer_append_format(out, "%.3f", over / under);
    else
        buffer_append_text(out, "null");
}

static void append_histogram(struct buffer *out, const char *key, const struct histogram *histogram)
{
    append_key(out, key);
    if (histogram->count == 0)
        buffer_append_text(out, "{\"p50\": null, \"p99\": null, \"p999\": null, \"max\": null}");
    else
        buffer_append_format(out,
                             "{\"p50\": %" PRId64 ", \"p99\": %" PRId64 ", \"p999\": %" PRId64
                             ", \"max\": %" PRId64 "}",
                             histogram_at(histogram, 0.5), histogram_at(histogram, 0.99),
                             histogram_at(histogram, 0.999), histogram->max);
}

void report_json(const struct audience_options *options, const struct audience_result *result,
                 struct buffer *out)
{
    const struct tally *tally = &result->tally;
    buffer_append_text(out, "{");
    append_ratio(out, "ticks_per_second", (double)tally->ticks, seconds_of(result));
    append_ratio(out, "bytes_per_tick", (double)tally->bytes, (double)tally->ticks);
    append_histogram(out, "lateness_us", &tally->lateness_us);
    append_histogram(out, "seek_us", &tally->seek_us);
    append_histogram(out, "step_us", &tally->step_us);
    append_histogram(out, "open_us", &tally->open_us);
    append_seconds(out, "server_cpu_s", result->server_cpu_us);
    append_known(out, "server_rss_bytes", result->server_rss_bytes >= 0, result->server_rss_bytes);
    append_known(out, "server_pid", result->server_pid > 0, result->server_pid);
    append_seconds(out, "client_cpu_s", result->client_cpu_us);
    append_integer(out, "viewers", (int64_t)options->viewer_count);
    append_seconds(out, "seconds", result->seconds_us);
    append_integer(out, "ticks", tally->ticks);
    append_integer(out, "frames", tally->frames);
    append_integer(out, "bytes", tally->bytes);
    append_integer(out, "seeks", (int64_t)tally->seek_us.count);
    append_integer(out, "steps", (int64_t)tally->step_us.count);
    append_integer(out, "bufferings", tally->bufferings);
    append_integer(out, "early_us_max", tally->early_us_max);
    append_known(out, "pass_ticks", result->pass_ticks >= 0, result->pass_ticks);
    /* A text: 64 bits are more than most readers of JSON keep of a number. */
    append_key(out, "pass_sum");
    if (result->pass_ticks >= 0)
        buffer_append_format(out, "\"%" PRIu64 "\"", result->pass_sum);
    else
        buffer_append_text(out, "null");
    buffer_append_text(out, "}\n");
}

/* ---- windows ---- */

/* "by replay.open at max", … */
static const char *way_of(const struct windows_options *options,
                          const struct windows_result *result)
{
    if (options->window.ticks_us > 0)
        return "replay.open at max";
    return result->is_subscribed ? "candles.subscribe" : "replay.open paused";
}

void report_windows_table(const struct windows_options *options,
                          const struct windows_result *result, struct buffer *out)
{
    append_row(out, "windows");
    buffer_append_format(out, "%" PRIu64 " by %s\n", result->first_us.count,
                         way_of(options, result));
    append_row(out, options->window.ticks_us > 0 ? "ticks" : "candles");
    buffer_append_format(out, "%" PRId64 ", at least %" PRId64 " each, sum %" PRIu64 "\n",
                         result->rows, result->rows_least, result->sum);
    append_percentiles(out, "the first time", &result->first_us);
    append_percentiles(out, "again", &result->again_us);
}

void report_windows_json(const struct windows_options *options, const struct windows_result *result,
                         struct buffer *out)
{
    buffer_append_text(out, "{");
    append_histogram(out, "first_us", &result->first_us);
    append_histogram(out, "again_us", &result->again_us);
    append_integer(out, "windows", (int64_t)result->first_us.count);
    append_integer(out, "rows", result->rows);
    append_integer(out, "rows_least", result->rows_least);
    append_key(out, "sum");
    buffer_append_format(out, "\"%" PRIu64 "\"", result->sum);
    append_key(out, "by");
    buffer_append_format(out, "\"%s\"}\n", way_of(options, result));
}
