/*
 * tapedeck serve: puts the parts together, waits for a signal, and takes them apart again, the
 * other way round.
 *
 *   keys, certificate → cluster → schema → store threads → operations → tape → symbols → scheduler
 *   → change feed → lanes
 *
 * SIGHUP reads keys and certificate anew.
 */
#include "app/changes.h"
#include "app/commands.h"
#include "app/database.h"
#include "app/metrics.h"
#include "app/policies_apply.h"
#include "app/readiness.h"
#include "app/security.h"
#include "app/terminal.h"
#include "base/log.h"
#include "base/mem.h"
#include "live/operations.h"
#include "net/server.h"
#include "store/change_feed.h"
#include "store/pg_operations.h"
#include "store/pg_source.h"
#include "store/scheduler.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_LIST_US INT64_C(10000000)
#define GOODBYE_US INT64_C(3000000) /* for clients to take what was said before we hang up */

/* Everything that runs, in the order it was started. */
struct deck {
    const struct configuration *configuration;
    struct security security;
    struct database database;
    struct pg_source *source;
    struct pg_operations *operations;
    struct tape *tape;
    struct live_symbols *symbols;
    struct live_operations *live_operations;
    struct live_changes *live;
    struct changes changes;
    struct change_feed *feed;
    struct scheduler *scheduler;
    struct server *server;
    struct readiness readiness;
    struct metrics_parts metrics;
    char engine_version[64];
};

static enum status start_source(struct deck *deck, struct error *error)
{
    const struct configuration *configuration = deck->configuration;
    struct pool_options options = pool_options_default(deck->database.url);
    options.threads_min = configuration->store_connections_min;
    options.threads_max = configuration->store_connections_max;
    options.stall_us = configuration->statement_timeout_us;
    enum status status = pg_source_create(&options, &deck->source, error);
    if (status == STATUS_OK)
        pg_source_on_availability(deck->source, readiness_note_database, &deck->readiness);
    return status;
}

/* What counts ticks in idle times asks: whether no replay waits for the database. */
static bool is_database_idle(void *owner)
{
    struct deck *deck = owner;
    struct pool_statistics pool = pg_source_statistics(deck->source).pool;
    unsigned waiting = 0;
    for (int class = 0; class < POOL_CLASSES; class ++)
        waiting += pool.queued[class];
    return pool.busy == 0 && waiting == 0;
}

/* Sizes, policies, history: with a thread and a connection apart from those of the ticks. */
static enum status start_operations(struct deck *deck, struct error *error)
{
    const struct cluster *cluster = deck->database.cluster;
    struct pg_operations_options options = {
        .url = deck->database.url,
        .data_path = cluster != NULL ? cluster_data_path(cluster) : NULL,
    };
    return pg_operations_create(&options, &deck->operations, error);
}

/* What everybody sees of them. */
static void start_watching(struct deck *deck)
{
    struct live_operations_options options = {
        .thresholds = {.disk_percent = deck->configuration->disk_alert_percent},
    };
    deck->live_operations =
        live_operations_create(pg_operations_interface(deck->operations), &options);
}

static void look_at_policies(void *owner)
{
    (void)live_operations_look(owner);
}

static void watched(void *owner, bool is_watched)
{
    struct deck *deck = owner;
    change_feed_set_watched(deck->feed, is_watched);
}

static enum status start_feed(struct deck *deck, struct error *error)
{
    struct change_feed_options options = {
        .url = deck->database.url,
        .marker_us = CHANGE_FEED_MARKER_US,
        .watched_us = CHANGE_FEED_WATCHED_US,
        .changed = changes_apply,
        .owner = &deck->changes,
    };
    enum status status = change_feed_create(&options, &deck->feed, error);
    deck->readiness.feed = deck->feed;
    if (status == STATUS_OK)
        live_changes_on_watch(deck->live, watched, deck);
    return status;
}

static enum status start_store(struct deck *deck, struct error *error)
{
    enum status status = start_source(deck, error);
    if (status == STATUS_OK)
        status = start_operations(deck, error);
    if (status != STATUS_OK)
        return status;
    struct source *source = pg_source_interface(deck->source);
    deck->tape = tape_create(source, deck->configuration->cache_bytes);
    deck->symbols = live_symbols_create(source);
    start_watching(deck);
    readiness_begin(&deck->readiness, database_describe(&deck->database).text, deck->symbols);
    struct scheduler_options work = {
        .url = deck->database.url,
        .engine = deck->database.engine.kind,
        .is_idle = is_database_idle,
        .idle_owner = deck,
        .plain = deck->database.plain,
        .checked = readiness_note_schema,
        .checked_owner = &deck->readiness,
    };
    status = scheduler_create(&work, &deck->scheduler, error);
    if (status != STATUS_OK)
        return status;
    deck->live = live_changes_create();
    changes_init(&deck->changes, deck->tape, deck->symbols, deck->live, deck->scheduler);
    deck->changes.policies_changed = look_at_policies;
    deck->changes.policies_owner = deck->live_operations;
    deck->changes.heals = deck->database.engine.kind == ENGINE_POSTGRESQL;
    live_symbols_on_list(deck->symbols, changes_listed, &deck->changes);
    return start_feed(deck, error);
}

static const char *engine_version(struct deck *deck)
{
    const struct engine *engine = &deck->database.engine;
    if (engine->kind == ENGINE_TIMESCALEDB)
        return engine->extension_version;
    (void)snprintf(deck->engine_version, sizeof deck->engine_version, "%d.%d",
                   engine->server_version / 10000, engine->server_version % 10000);
    return deck->engine_version;
}

static enum status start_server(struct deck *deck, struct error *error)
{
    const struct configuration *configuration = deck->configuration;
    struct feed_lane shared = {
        .tape = deck->tape,
        .symbols = deck->symbols,
        .changes = deck->live,
        .source = pg_source_interface(deck->source),
        .gate = deck->security.gate,
        .operations = pg_operations_interface(deck->operations),
        .live_operations = deck->live_operations,
        .server = "tapedeck/" TAPEDECK_VERSION,
        .engine = engine_name(deck->database.engine.kind),
        .engine_version = engine_version(deck),
        .replays_max = configuration->replays_per_connection,
        .rates = {.requests_per_second = configuration->requests_per_second,
                  .requests_burst = configuration->requests_burst,
                  .acks_per_second = configuration->acks_per_second},
    };
    deck->metrics = (struct metrics_parts){
        .source = deck->source,
        .scheduler = deck->scheduler,
        .feed = deck->feed,
        .readiness = &deck->readiness,
        .engine = shared.engine,
        .engine_version = shared.engine_version,
    };
    struct server_options options = {
        .host = configuration->host,
        .port = configuration->port,
        .lane_count = configuration->lanes,
        .web_root = configuration->web_root[0] != '\0' ? configuration->web_root : NULL,
        .connections_max = configuration->connections_max,
        .connections_per_address_max = configuration->connections_per_address_max,
        .allowed_origins = configuration->allowed_origins,
        .allowed_origin_count = configuration->allowed_origin_count,
        .unsent_bytes_max = configuration->unsent_bytes_max,
        .checks_host =
            configuration_is_loopback(configuration->host) || configuration->allowed_host_count > 0,
        .allowed_hosts = configuration->allowed_hosts,
        .allowed_host_count = configuration->allowed_host_count,
        .http_requests_per_second = configuration->http_requests_per_second,
        .http_requests_burst = configuration->http_requests_burst,
        .checks = readiness_list,
        .checks_owner = &deck->readiness,
        .metrics = metrics_collect,
        .metrics_owner = &deck->metrics,
        .tls = deck->security.tls,
    };
    return server_start(&options, &shared, &deck->server, error);
}

/* Takes apart whatever was put together. Every part outlives those who ask it. */
static void stop(struct deck *deck)
{
    if (deck->server != NULL)
        server_stop(deck->server, GOODBYE_US);
    if (deck->feed != NULL) {
        live_changes_on_watch(deck->live, NULL, NULL);
        change_feed_destroy(&deck->feed);
    }
    if (deck->scheduler != NULL)
        scheduler_destroy(&deck->scheduler);
    if (deck->symbols != NULL)
        live_symbols_stop(deck->symbols);
    if (deck->live_operations != NULL)
        live_operations_stop(deck->live_operations);
    if (deck->source != NULL)
        pg_source_destroy(&deck->source);
    if (deck->operations != NULL)
        pg_operations_destroy(&deck->operations); /* every request has its answer now */
    if (deck->server != NULL)
        server_destroy(&deck->server); /* what it delivers late may ask for a look */
    if (deck->live_operations != NULL)
        live_operations_destroy(&deck->live_operations);
    if (deck->symbols != NULL)
        live_symbols_destroy(&deck->symbols);
    if (deck->live != NULL) {
        changes_deinit(&deck->changes);
        live_changes_destroy(&deck->live);
    }
    if (deck->tape != NULL)
        tape_destroy(&deck->tape);
    readiness_deinit(&deck->readiness);
    database_close(&deck->database);
    security_close(&deck->security);
}

static enum status start(struct deck *deck, struct error *error)
{
    enum status status = security_open(deck->configuration, &deck->security, error);
    if (status != STATUS_OK)
        return status;
    security_warn(deck->configuration, &deck->security);
    status = database_open(deck->configuration, DATABASE_SERVE, &deck->database, error);
    if (status != STATUS_OK)
        return status;
    terminal_step("engine: %s", database_describe(&deck->database).text);
    policies_compare(deck->configuration, &deck->database);
    status = start_store(deck, error);
    if (status != STATUS_OK)
        return status;
    /* So that the first client finds the symbols. A database that goes away just now is no reason
     * not to start: replays wait for it. */
    if (!live_symbols_await(deck->symbols, FIRST_LIST_US))
        terminal_warning("the database does not answer yet; /readyz tells when it does");
    return start_server(deck, error);
}

/* The signals that are for us come to the main thread only: every other inherits the mask. */
static void take_signals(sigset_t *ours)
{
    sigemptyset(ours);
    sigaddset(ours, SIGTERM);
    sigaddset(ours, SIGINT);
    sigaddset(ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ours, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* SIGHUP from a process asks for a reload; from the kernel it says that our terminal is gone. */
static void serve_until_signalled(struct deck *deck, const sigset_t *ours)
{
    for (;;) {
        siginfo_t info;
        int caught = sigwaitinfo(ours, &info);
        if (caught < 0)
            continue; /* a debugger has looked at us */
        if (caught != SIGHUP || info.si_code == SI_KERNEL) {
            log_info("serve.stop", "signal=%d", caught);
            return;
        }
        log_info("serve.reload", "pid=%d", (int)info.si_pid);
        security_reload(deck->configuration, &deck->security, deck->server);
    }
}

static void say_where(const struct deck *deck)
{
    const char *host = deck->configuration->host;
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    bool is_v6 = !is_any && strchr(host, ':') != NULL;
    terminal_step("ready: %s://%s%s%s:%u/", deck->security.tls != NULL ? "https" : "http",
                  is_v6 ? "[" : "", is_any ? "localhost" : host, is_v6 ? "]" : "",
                  server_port(deck->server));
}

int serve_run(const struct configuration *configuration)
{
    sigset_t ours;
    struct error error = {.text = ""};
    struct deck *deck = MEM_NEW(struct deck);
    deck->configuration = configuration;
    readiness_init(&deck->readiness);
    take_signals(&ours);
    enum status status = start(deck, &error);
    if (status == STATUS_OK) {
        log_info("serve.ready", "port=%u engine=%s jemalloc=%d", server_port(deck->server),
                 engine_name(deck->database.engine.kind), mem_has_jemalloc());
        say_where(deck);
        serve_until_signalled(deck, &ours);
    }
    stop(deck);
    mem_free(deck);
    if (status != STATUS_OK) {
        terminal_error("%s", error.text);
        return 1;
    }
    return 0;
}
