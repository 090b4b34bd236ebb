/*
 * What a real server tells Prometheus, and whether it calls itself ready: against what the test did
 * and what SQL says. Every metric that docker/monitoring names must be there.
 */
#include "player.h"
#include "support/exposition.h"
#include "support/http_client.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 120
#define PAUSE_MS 100 /* between two looks at something that takes a while */
#define TICKS "'symbols':['SIM:A'],'from':0"

static struct deck deck;
static struct http_response response;
static struct exposition metrics;
static struct exposition before;
static pid_t held; /* a keeper that is stopped; 0: none */

static void start(void)
{
    static const char *const arguments[] = {"--lanes", "2", NULL};
    char output[8192];
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--symbols", "SIM:A", "--every", "10s"), 0,
                 "%s", output);
    deck_serve(&deck, arguments);
}

static void let_go(void)
{
    if (held > 0)
        kill(held, SIGCONT);
    held = 0;
}

static void stop(void)
{
    let_go();
    http_response_deinit(&response);
    exposition_deinit(&metrics);
    exposition_deinit(&before);
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(metrics, .init = start, .fini = stop, .timeout = 400);

static void get(const char *target)
{
    http_response_deinit(&response);
    http_get(deck.port, target, &response);
}

static void scrape(void)
{
    get("/metrics");
    cr_assert_eq(response.status, 200, "%s", response.text);
    exposition_deinit(&metrics);
    cr_assert(exposition_read(&metrics, response.body), "%s", metrics.problem);
}

static double sum(const char *name, const char *label, const char *value)
{
    double found = exposition_sum(&metrics, name, label, value);
    cr_assert(!isnan(found), "there is no %s with %s=\"%s\"", name, label, value);
    return found;
}

/* A moment; then whether there is still time. */
static bool may_look_again(time_t begun)
{
    const struct timespec moment = {.tv_nsec = PAUSE_MS * 1000000L};
    nanosleep(&moment, NULL);
    return time(NULL) - begun < DEADLINE_S;
}

static void scrape_until(const char *name, const char *label, const char *value, double expected)
{
    time_t begun = time(NULL);
    do {
        scrape();
    } while (exposition_sum(&metrics, name, label, value) != expected && may_look_again(begun));
    cr_assert_eq(sum(name, label, value), expected, "%s", name);
}

static bool is_count(const struct exposition *of, const struct exposition_sample *sample)
{
    const struct exposition_family *family = &of->families[sample->family];
    return strcmp(family->type, "gauge") != 0;
}

/* Every count of `before` is still there, and has not fallen. */
static void check_growth(void)
{
    size_t counts = 0;
    for (size_t i = 0; i < before.sample_count; i++) {
        const struct exposition_sample *old = &before.samples[i];
        if (!is_count(&before, old))
            continue;
        const struct exposition_sample *now = exposition_same(&metrics, old);
        cr_assert_not_null(now, "%s has gone", old->name);
        cr_assert_geq(now->value, old->value, "%s has fallen from %g to %g", old->name, old->value,
                      now->value);
        counts++;
    }
    cr_assert_gt(counts, 100);
}

static void keep_as_before(void)
{
    exposition_deinit(&before);
    before = metrics;
    metrics = (struct exposition){.families = NULL};
}

/* How much more than before. */
static double more(const char *name, const char *label, const char *value)
{
    double old = exposition_sum(&before, name, label, value);
    return sum(name, label, value) - (isnan(old) ? 0 : old);
}

static void await_more(const char *name, const char *label, const char *value)
{
    time_t begun = time(NULL);
    while (more(name, label, value) == 0 && may_look_again(begun))
        scrape();
    cr_assert_gt(more(name, label, value), 0, "%s", name);
}

/* ---- what a client does ---- */

Test(metrics, agree_with_what_a_client_was_sent)
{
    struct player player;
    int64_t ticks = deck_number(&deck, "select count(*) from tick_data where symbol = 'SIM:A'");
    scrape();
    cr_assert_eq(sum("tapedeck_viewers", NULL, NULL), 0);
    keep_as_before();
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 1, TICKS ",'speed':'max','state':'playing'");
    player_until(&player, "ended");
    cr_assert_str_eq(player_refused(&player, "{'op':'fly','req':1}"), "unknown_op");
    scrape();
    check_growth();
    cr_assert_eq(more("tapedeck_ticks_total", NULL, NULL), (double)ticks);
    cr_assert_eq(more("tapedeck_frames_total", NULL, NULL), (double)player.frames);
    cr_assert_eq(sum("tapedeck_viewers", NULL, NULL), 1);
    cr_assert_eq(sum("tapedeck_connections", NULL, NULL), 2, "and the scrape itself");
    cr_assert_eq(sum("tapedeck_replays", "state", "ended"), 1);
    cr_assert_eq(sum("tapedeck_replays", NULL, NULL), 1);
    cr_assert_eq(more("tapedeck_requests_total", "op", "replay.open"), 1);
    cr_assert_eq(more("tapedeck_errors_total", "code", "unknown_op"), 1);
    cr_assert_geq(more("tapedeck_load_rows_total", NULL, NULL), (double)ticks);
    cr_assert_geq(more("tapedeck_cache_misses_total", NULL, NULL), 1);
    cr_assert_gt(sum("tapedeck_cache_bytes", NULL, NULL), 0);
    cr_assert_gt(more("tapedeck_sent_bytes_total", NULL, NULL), (double)ticks);
    /* The last rows of a query are shown before it ends. */
    await_more("tapedeck_query_seconds_count", "query", "ticks");
    cr_assert_gt(more("tapedeck_query_seconds_sum", "query", "ticks"), 0);
    player_close(&player);
    scrape_until("tapedeck_viewers", NULL, NULL, 0);
    cr_assert_eq(sum("tapedeck_replays", NULL, NULL), 0);
}

Test(metrics, of_lateness_hold_every_paced_frame_once)
{
    struct player player;
    char fields[128];
    int64_t first = deck_number(
        &deck, "select (extract(epoch from min(time)) * 1000000)::bigint from tick_data");
    (void)snprintf(fields, sizeof fields,
                   "'symbols':['SIM:A'],'from':%" PRId64 ",'speed':600,'state':'playing'", first);
    scrape();
    keep_as_before();
    player_connect(&player, &deck, WIRE_SUBPROTOCOL_MSGPACK);
    player_open(&player, 1, fields);
    while (player.frames < 60)
        cr_assert(player_take(&player, PLAYER_DEADLINE_MS));
    scrape();
    cr_assert_eq(sum("tapedeck_replays", "state", "playing") +
                     sum("tapedeck_replays", "state", "buffering"),
                 1);
    check_growth();
    keep_as_before();
    player_control(&player, "replay.pause", "");
    scrape();
    check_growth();
    cr_assert_eq(sum("tapedeck_replays", "state", "paused"), 1);
    /* The reader has seen that the buckets add up to _count; and no other frames were sent. */
    cr_assert_eq(sum("tapedeck_frame_lateness_seconds_count", NULL, NULL),
                 sum("tapedeck_frames_total", NULL, NULL));
    cr_assert_eq(sum("tapedeck_frame_lateness_seconds_count", NULL, NULL), (double)player.frames);
    player_close(&player);
}

static double number_of(const char *name)
{
    double count = 0;
    for (size_t i = 0; i < metrics.sample_count; i++)
        count += strcmp(metrics.samples[i].name, name) == 0;
    return count;
}

Test(metrics, tell_what_the_database_says_about_itself)
{
    time_t begun = time(NULL);
    bool is_there = false;
    while (!is_there && may_look_again(begun)) {
        scrape();
        is_there = number_of("tapedeck_storage_taken_timestamp_seconds") == 1 &&
                   number_of("tapedeck_policies_taken_timestamp_seconds") == 1;
    }
    cr_assert(is_there, "no report has come");
    cr_assert_leq(
        fabs(sum("tapedeck_storage_taken_timestamp_seconds", NULL, NULL) - (double)time(NULL)),
        DEADLINE_S);
    cr_assert_gt(sum("tapedeck_database_bytes", NULL, NULL), 0);
    cr_assert_gt(sum("tapedeck_table_bytes", "table", "tick_data"), 0);
    cr_assert_gt(sum("tapedeck_disk_bytes", NULL, NULL),
                 sum("tapedeck_disk_free_bytes", NULL, NULL));
    int64_t policies = deck_number(&deck, "select count(*) from tapedeck.policies_list()");
    cr_assert_gt(policies, 0);
    cr_assert_eq(number_of("tapedeck_policy_enabled"), (double)policies);
    cr_assert_eq(number_of("tapedeck_policy_runs_total"), (double)policies);
    cr_assert_geq(number_of("tapedeck_alerts"), 10, "of every kind, also where there is none");
    cr_assert_eq(sum("tapedeck_build_info", "engine", deck_engine()), 1);
}

Test(metrics, of_the_process_are_the_kernels)
{
    scrape();
    double begun = sum("process_start_time_seconds", NULL, NULL);
    cr_assert_leq(fabs(begun - (double)time(NULL)), DEADLINE_S);
    cr_assert_gt(sum("process_cpu_seconds_total", NULL, NULL), 0);
    cr_assert_gt(sum("process_resident_memory_bytes", NULL, NULL), 1 << 20);
    cr_assert_gt(sum("process_open_fds", NULL, NULL), 5);
    cr_assert_gt(sum("process_max_fds", NULL, NULL), sum("process_open_fds", NULL, NULL));
    bool has_jemalloc =
        !isnan(exposition_sum(&metrics, "tapedeck_build_info", "allocator", "jemalloc"));
    const struct exposition_family *allocated =
        exposition_family(&metrics, "tapedeck_jemalloc_allocated_bytes");
    cr_assert_eq(allocated != NULL, has_jemalloc);
    if (has_jemalloc)
        cr_assert_leq(sum("tapedeck_jemalloc_allocated_bytes", NULL, NULL),
                      sum("tapedeck_jemalloc_resident_bytes", NULL, NULL));
    fprintf(stderr, "a scrape of two lanes: %.0f us, %zu bytes\n",
            sum("tapedeck_metrics_seconds", NULL, NULL) * 1e6, response.body_bytes);
}

/* ---- readiness ---- */

/* Whether /readyz says so, and this check among it. */
static bool is_told(int status, const char *name, bool ok)
{
    get("/readyz");
    cr_assert(response.status == 200 || response.status == 503, "%s", response.text);
    json_t *tree = json_loads(response.body, 0, NULL);
    cr_assert_not_null(tree, "%s", response.body);
    bool found = false;
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(tree, "checks"), i, check)
    {
        const char *detail = json_string_value(json_object_get(check, "detail"));
        cr_assert(detail != NULL && detail[0] != '\0', "%s", response.body);
        if (strcmp(json_string_value(json_object_get(check, "name")), name) == 0)
            found = json_is_true(json_object_get(check, "ok")) == ok;
    }
    json_decref(tree);
    return found && response.status == status;
}

static void await_readiness(int status, const char *name, bool ok)
{
    time_t begun = time(NULL);
    bool is_so;
    do {
        is_so = is_told(status, name, ok);
    } while (!is_so && may_look_again(begun));
    cr_assert(is_so, "%s", response.body);
}

Test(metrics, readiness_goes_and_comes_with_the_database)
{
    await_readiness(200, "database", true);
    /* The database is killed and its keeper held, so that it stays away for a while. */
    pid_t postmaster = deck_postmaster(&deck);
    held = deck_keeper(&deck);
    cr_assert(postmaster > 0 && held > 0);
    kill(held, SIGSTOP);
    kill(postmaster, SIGKILL);
    await_readiness(503, "database", false);
    cr_assert_not_null(strstr(response.body, "cannot be reached"));
    get("/healthz");
    cr_assert_eq(response.status, 200, "the process is well");
    scrape_until("tapedeck_database_up", NULL, NULL, 0);
    scrape_until("tapedeck_change_feed_listening", NULL, NULL, 0);
    let_go();
    await_readiness(200, "database", true);
    scrape_until("tapedeck_database_up", NULL, NULL, 1);
    scrape_until("tapedeck_change_feed_listening", NULL, NULL, 1);
}

/* The scheduler looks when it connects, and connects when it has to: for ticks that came. */
static void make_it_look(void)
{
    (void)deck_number(&deck, "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                             "where application_name like '%scheduler%'");
    (void)deck_number(&deck, "with new as (insert into tick_data (time, symbol, last_price) "
                             "values (now(), 'SIM:A', 1) returning 1) select count(*) from new");
}

Test(metrics, readiness_notices_that_the_schema_has_changed)
{
    await_readiness(200, "schema", true);
    (void)deck_number(&deck, "with c as (update tapedeck.migrations set checksum = 'x' || checksum"
                             " where version = (select max(version) from tapedeck.migrations)"
                             " returning 1) select count(*) from c");
    make_it_look();
    await_readiness(503, "schema", false);
    cr_assert_not_null(strstr(response.body, "migration"), "%s", response.body);
    (void)deck_number(&deck, "with c as (update tapedeck.migrations set checksum = "
                             "substr(checksum, 2) where checksum like 'x%' returning 1) "
                             "select count(*) from c");
    make_it_look();
    await_readiness(200, "schema", true);
}

/* ---- what docker/monitoring names ---- */

static bool is_part_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Of a histogram its three series, too. */
static bool is_there(const char *name)
{
    for (size_t i = 0; i < metrics.family_count; i++) {
        const struct exposition_family *family = &metrics.families[i];
        size_t bytes = strlen(family->name);
        const char *rest = name + bytes;
        if (strncmp(name, family->name, bytes) != 0)
            continue;
        if (strcmp(family->type, "histogram") != 0 && *rest == '\0')
            return true;
        if (strcmp(family->type, "histogram") == 0 &&
            (strcmp(rest, "_bucket") == 0 || strcmp(rest, "_sum") == 0 ||
             strcmp(rest, "_count") == 0))
            return true;
    }
    /* A build without jemalloc has none of these; one with it is looked at as closely. */
    return strncmp(name, "tapedeck_jemalloc_", 18) == 0 &&
           exposition_family(&metrics, "tapedeck_jemalloc_allocated_bytes") == NULL;
}

/* Every word of the text that begins as our metrics do is one; returns how many there are. */
static size_t check_names(const char *path, const char *text)
{
    static const char *const prefixes[] = {"tapedeck_", "process_"};
    size_t count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (at > text && is_part_of_name(at[-1]))
            continue;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            char name[EXPOSITION_NAME_BYTES] = "";
            size_t bytes = 0;
            if (strncmp(at, prefixes[i], strlen(prefixes[i])) != 0)
                continue;
            while (is_part_of_name(at[bytes]) && bytes < sizeof name - 1)
                bytes++;
            memcpy(name, at, bytes);
            cr_expect(is_there(name), "%s names %s, which /metrics does not have", path, name);
            count++;
        }
    }
    return count;
}

static char *read_file(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, TAPEDECK_SOURCE_DIR "/docker/monitoring/%s", name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    char *text = calloc(1, 1 << 20);
    size_t bytes = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    cr_assert(bytes > 0 && bytes < (1 << 20) - 1);
    return text;
}

static void check_file(const char *name, size_t least)
{
    char *text = read_file(name);
    size_t count = check_names(name, text);
    cr_assert_geq(count, least, "%s: only %zu names were found", name, count);
    free(text);
}

Test(metrics, that_dashboard_and_rules_name_are_there)
{
    scrape();
    check_file("grafana/dashboards/tapedeck.json", 50);
    check_file("alerts.yml", 10);
    check_file("alerts_test.yml", 10);
    cr_assert_not(is_there("tapedeck_nope"));
    cr_assert_not(is_there("tapedeck_frame_lateness_seconds"), "it has no samples by that name");
    cr_assert_not(is_there("tapedeck_frames_total_count"));
}

Test(metrics, the_dashboard_is_json_with_panels_that_ask_something)
{
    char *text = read_file("grafana/dashboards/tapedeck.json");
    json_error_t where;
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    cr_assert_not_null(tree, "line %d: %s", where.line, where.text);
    size_t i;
    json_t *panel;
    json_array_foreach(json_object_get(tree, "panels"), i, panel)
    {
        const char *type = json_string_value(json_object_get(panel, "type"));
        json_t *targets = json_object_get(panel, "targets");
        cr_assert_not_null(json_object_get(panel, "title"));
        cr_assert(strcmp(type, "row") == 0 || json_array_size(targets) > 0, "panel %zu", i);
    }
    cr_assert_gt(i, 30);
    json_decref(tree);
    free(text);
}
