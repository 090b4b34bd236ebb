#include "net/metrics.h"

#include "base/mem.h"
#include "live/symbols.h"
#include "net/server.h"
#include "tape/tape.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- lanes ---- */

/* A figure of each lane, and where it lies in struct server_figures. */
struct lane_metric {
    enum metrics_type type;
    size_t offset;
    const char *name;
    const char *help;
};

#define LABEL_BYTES 16
#define FIGURE(name) offsetof(struct server_figures, name)

static const struct lane_metric lane_metrics[] = {
    {METRICS_GAUGE, FIGURE(connections), "tapedeck_connections",
     "Sockets that are connected, HTTP ones included."},
    {METRICS_GAUGE, FIGURE(clients), "tapedeck_viewers", "Clients with a WebSocket."},
    {METRICS_GAUGE, FIGURE(unsent), "tapedeck_unsent_clients",
     "Clients that have not taken all that was said to them."},
    {METRICS_GAUGE, FIGURE(unsent_bytes), "tapedeck_unsent_bytes",
     "Bytes held for clients that have not taken them."},
    {METRICS_GAUGE, FIGURE(works), "tapedeck_http_works",
     "Answers over HTTP that wait for data or stream it."},
    {METRICS_COUNTER, FIGURE(accepted), "tapedeck_connections_accepted_total",
     "Connections that were accepted."},
    {METRICS_COUNTER, FIGURE(refused), "tapedeck_connections_refused_total",
     "Connections refused over a cap, or for want of file descriptors."},
    {METRICS_COUNTER, FIGURE(overloaded), "tapedeck_clients_overloaded_total",
     "Clients hung up or turned away because of too many unsent bytes."},
    {METRICS_COUNTER, FIGURE(messages_in), "tapedeck_messages_received_total",
     "WebSocket messages from clients."},
    {METRICS_COUNTER, FIGURE(bytes_in), "tapedeck_received_bytes_total",
     "Bytes of these messages."},
    {METRICS_COUNTER, FIGURE(messages_out), "tapedeck_messages_sent_total",
     "WebSocket messages to clients."},
    {METRICS_COUNTER, FIGURE(bytes_out), "tapedeck_sent_bytes_total", "Bytes of these messages."},
    {METRICS_COUNTER, FIGURE(frames), "tapedeck_frames_total", "Frames of replays sent."},
    {METRICS_COUNTER, FIGURE(ticks), "tapedeck_ticks_total", "Ticks in these frames."},
    {METRICS_COUNTER, FIGURE(acks), "tapedeck_acks_total", "Acknowledgements of frames."},
    {METRICS_COUNTER, FIGURE(candle_updates), "tapedeck_candle_updates_total",
     "Messages to clients that watch candles live."},
    {METRICS_COUNTER, FIGURE(requests_refused), "tapedeck_requests_refused_total",
     "WebSocket requests over the rate."},
    {METRICS_COUNTER, FIGURE(hasty), "tapedeck_http_requests_refused_total",
     "HTTP requests over the rate."},
    {METRICS_COUNTER, FIGURE(turns), "tapedeck_lane_turns_total", "Turns of the loop over poll()."},
    {METRICS_COUNTER, FIGURE(wakeups), "tapedeck_lane_wakeups_total",
     "Times a lane was woken by another thread."},
};

/* A set of them: figures that lie beside each other, each with its own value of one label. */
struct set_metric {
    enum metrics_type type;
    size_t offset; /* of the first */
    size_t count;
    const char *label;
    const char *(*value_of)(size_t index, char text[LABEL_BYTES]); /* NULL: there is none here */
    const char *name;
    const char *help;
};

static const char *state_at(size_t index, char text[LABEL_BYTES])
{
    (void)text;
    return index != REPLAY_CLOSED ? replay_state_name((enum replay_state)index) : NULL;
}

static const char *kind_at(size_t index, char text[LABEL_BYTES])
{
    (void)text;
    return feed_kind_name(index);
}

static const char *op_at(size_t index, char text[LABEL_BYTES])
{
    const char *const *ops;
    size_t count = feed_ops(&ops);
    (void)text;
    if (index == FEED_OPS_MAX)
        return "unknown";
    return index < count ? ops[index] : NULL;
}

static const char *code_at(size_t index, char text[LABEL_BYTES])
{
    (void)text;
    return wire_error_codes[index];
}

static const char *status_at(size_t index, char text[LABEL_BYTES])
{
    (void)snprintf(text, LABEL_BYTES, "%u", http_statuses[index].number);
    return text;
}

static const struct set_metric set_metrics[] = {
    {METRICS_GAUGE, FIGURE(replays), REPLAY_STATES, "state", state_at, "tapedeck_replays",
     "Replays that are open, by their state."},
    {METRICS_GAUGE, FIGURE(open), FEED_KINDS_MAX, "kind", kind_at, "tapedeck_subscriptions",
     "What clients have open: replays, subscriptions, and questions that wait for their answer."},
    {METRICS_COUNTER, FIGURE(ops), FEED_OPS_MAX + 1, "op", op_at, "tapedeck_requests_total",
     "WebSocket requests within the rate, by op."},
    {METRICS_COUNTER, FIGURE(errors), WIRE_ERROR_CODES, "code", code_at, "tapedeck_errors_total",
     "Errors told over WebSocket, by code."},
    {METRICS_COUNTER, FIGURE(answers), HTTP_STATUSES, "status", status_at,
     "tapedeck_http_answers_total", "Answers over HTTP, by status."},
};

/* One reading of all lanes. */
struct lanes {
    unsigned count;
    struct server_figures *of;
};

static struct lanes read_lanes(const struct server *server)
{
    struct lanes lanes = {.count = server_lanes(server)};
    lanes.of = mem_alloc(lanes.count * sizeof *lanes.of);
    for (unsigned i = 0; i < lanes.count; i++)
        lanes.of[i] = server_lane_figures(server, i);
    return lanes;
}

static uint64_t figure_at(const struct server_figures *figures, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const char *)figures + offset, sizeof value);
    return value;
}

static const char *name_lane(unsigned lane, char text[LABEL_BYTES])
{
    (void)snprintf(text, LABEL_BYTES, "%u", lane);
    return text;
}

static void write_lane_metric(struct metrics_text *text, const struct lanes *lanes,
                              const struct lane_metric *metric)
{
    char name[LABEL_BYTES];
    metrics_text_family(text, metric->type, metric->name, metric->help);
    for (unsigned lane = 0; lane < lanes->count; lane++)
        metrics_text_count(text, METRICS_LABELS({"lane", name_lane(lane, name)}),
                           figure_at(&lanes->of[lane], metric->offset));
}

static void write_set_of_lane(struct metrics_text *text, const struct server_figures *figures,
                              unsigned lane, const struct set_metric *metric)
{
    char name[LABEL_BYTES];
    char space[LABEL_BYTES];
    (void)name_lane(lane, name);
    for (size_t i = 0; i < metric->count; i++) {
        const char *value = metric->value_of(i, space);
        if (value != NULL)
            metrics_text_count(text, METRICS_LABELS({"lane", name}, {metric->label, value}),
                               figure_at(figures, metric->offset + i * sizeof(uint64_t)));
    }
}

static void write_set_metric(struct metrics_text *text, const struct lanes *lanes,
                             const struct set_metric *metric)
{
    metrics_text_family(text, metric->type, metric->name, metric->help);
    for (unsigned lane = 0; lane < lanes->count; lane++)
        write_set_of_lane(text, &lanes->of[lane], lane, metric);
}

static void write_lateness(struct metrics_text *text, const struct lanes *lanes)
{
    char name[LABEL_BYTES];
    double bounds[FEED_LATE_BOUNDS];
    for (size_t i = 0; i < FEED_LATE_BOUNDS; i++)
        bounds[i] = (double)feed_late_bounds_us[i] / 1e6;
    metrics_text_family(text, METRICS_HISTOGRAM, "tapedeck_frame_lateness_seconds",
                        "How long after its due time a paced frame was written; 0: in time.");
    for (unsigned lane = 0; lane < lanes->count; lane++) {
        const struct server_figures *figures = &lanes->of[lane];
        const struct metrics_buckets buckets = {.bounds = bounds,
                                                .bound_count = FEED_LATE_BOUNDS,
                                                .counts = figures->late,
                                                .sum = (double)figures->late_us / 1e6};
        metrics_text_histogram(text, METRICS_LABELS({"lane", name_lane(lane, name)}), &buckets);
    }
}

void metrics_server(struct metrics_text *text, const struct server *server)
{
    struct lanes lanes = read_lanes(server);
    for (size_t i = 0; i < sizeof lane_metrics / sizeof *lane_metrics; i++)
        write_lane_metric(text, &lanes, &lane_metrics[i]);
    for (size_t i = 0; i < sizeof set_metrics / sizeof *set_metrics; i++)
        write_set_metric(text, &lanes, &set_metrics[i]);
    write_lateness(text, &lanes);
    mem_free(lanes.of);
}

/* ---- tape and symbols ---- */

void metrics_tape(struct metrics_text *text, struct tape *tape)
{
    struct tape_statistics tape_now;
    tape_statistics(tape, &tape_now);
    const struct tape_counts *counts = &tape_now.counts;
    metrics_text_gauge(text, "tapedeck_cache_bytes", "Ticks and candles that are held.",
                       (double)counts->bytes);
    metrics_text_gauge(text, "tapedeck_cache_budget_bytes", "Most of these that are kept unpinned.",
                       (double)tape_now.budget_bytes);
    metrics_text_gauge(text, "tapedeck_cache_blocks", "Blocks that are held.",
                       (double)counts->blocks);
    metrics_text_gauge(text, "tapedeck_cache_tracks",
                       "Symbols, and stored intervals of them, of which something is known.",
                       (double)tape_now.tracks);
    metrics_text_gauge(text, "tapedeck_cache_loading", "Loads from the database under way.",
                       (double)tape_now.loading);
    metrics_text_counter(text, "tapedeck_cache_hits_total",
                         "Blocks that were there when asked for.", counts->hits);
    metrics_text_counter(text, "tapedeck_cache_misses_total", "Blocks that had to be waited for.",
                         counts->misses);
    metrics_text_counter(text, "tapedeck_cache_evictions_total",
                         "Stretches that were forgotten to keep within the budget.",
                         counts->evictions);
    metrics_text_family(text, METRICS_COUNTER, "tapedeck_cache_loads_total",
                        "Loads asked of the database, by whether somebody waited.");
    metrics_text_count(text, METRICS_LABELS({"urgency", "urgent"}), counts->urgent_loads);
    metrics_text_count(text, METRICS_LABELS({"urgency", "prefetch"}), counts->prefetch_loads);
}

void metrics_symbols(struct metrics_text *text, struct live_symbols *symbols)
{
    struct symbol_list *list = live_symbols_pin(symbols);
    if (list == NULL)
        return; /* not known yet: no figure is better than a wrong one */
    metrics_text_gauge(text, "tapedeck_symbols", "Symbols that have ticks.", (double)list->count);
    symbol_list_unpin(&list);
}
