#include "feed_fixture.h"

#include "base/mem.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct fake_source fake;
struct fake_tape *ticks;
bool is_watching;
struct fake_operations database;
struct tape *tape;
struct inbox inbox;
struct wheel wheel;
struct feed_lane lane;
struct feed *feed;
struct buffer out;
struct now now;
size_t wakes;
json_t *heard; /* the last message */

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

void feed_wake(void *owner)
{
    (void)owner;
    wakes++;
}

const struct feed_peer feed_peer = {.encoding = WIRE_JSON, .wake = feed_wake};

void publish_symbols(void)
{
    struct symbol_list *before = live_symbols_pin(lane.symbols);
    struct symbols_request *request;
    while ((request = atomic_exchange(&fake.symbols, NULL)) == NULL)
        sched_yield();
    request->symbols = MEM_NEW(struct symbol);
    *request->symbols = ticks->symbol;
    request->symbol_count = 1;
    request->status = STATUS_OK;
    inbox_post(request->inbox, &request->letter);
    struct symbol_list *list;
    while ((list = live_symbols_pin(lane.symbols)) == before) {
        symbol_list_unpin(&list);
        sched_yield();
    }
    symbol_list_unpin(&list);
    symbol_list_unpin(&before);
}

static void watch_database(void)
{
    static const struct live_operations_options options = {.thresholds = {.disk_percent = 80},
                                                           .second_us = WATCH_SECOND_US};
    fake_operations_init(&database);
    if (!is_watching)
        return;
    lane.operations = &database.operations;
    lane.live_operations = live_operations_create(&database.operations, &options);
}

static void leave_database(void)
{
    if (is_watching)
        live_operations_stop(lane.live_operations);
    fake_operations_deinit(&database);
}

void feed_set_up(void)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", GRAIN);
    for (int64_t i = 0; i < 10; i++)
        fake_tape_add(ticks, i * S + S / 2, i);
    tape = tape_create(&fake.source, (size_t)64 << 20);
    inbox_init(&inbox, nobody_sleeps, NULL);
    now.monotonic_us = 5 * S;
    wheel_init(&wheel, now.monotonic_us);
    lane = (struct feed_lane){
        .tape = tape,
        .symbols = live_symbols_create(&fake.source),
        .changes = live_changes_create(),
        .source = &fake.source,
        .inbox = &inbox,
        .wheel = &wheel,
        .server = "tapedeck/test",
        .engine = "postgresql",
        .engine_version = "15",
        .replays_max = 2,
        .rates = {.requests_per_second = 10, .requests_burst = 100, .acks_per_second = 50}};
    watch_database();
    feed_lane_init(&lane);
    buffer_init(&out, 1 << 20);
    feed = feed_create(&lane, &feed_peer, now);
}

void feed_tear_down(void)
{
    json_decref(heard);
    feed_destroy(&feed);
    leave_database();
    live_symbols_stop(lane.symbols);
    fake_source_deinit(&fake);
    struct symbols_request *request = atomic_exchange(&fake.symbols, NULL);
    if (request != NULL) {
        request->status = STATUS_UNAVAILABLE;
        inbox_post(request->inbox, &request->letter);
    }
    live_symbols_destroy(&lane.symbols);
    inbox_drain(&inbox);
    if (is_watching)
        live_operations_destroy(&lane.live_operations);
    tape_destroy(&tape);
    feed_lane_deinit(&lane);
    live_changes_destroy(&lane.changes);
    inbox_deinit(&inbox);
    buffer_deinit(&out);
    cr_assert(mem_block_bytes() == 0);
}

void ask(const char *request)
{
    char *json = strdup(request);
    for (char *at = json; *at != '\0'; at++) {
        if (*at == '\'')
            *at = '"';
    }
    feed_receive(feed, (const uint8_t *)json, strlen(json), now);
    free(json);
}

enum status hear(void)
{
    json_decref(heard);
    heard = NULL;
    buffer_clear(&out);
    enum status status = feed_send(feed, now, &out);
    if (status == STATUS_OK) {
        heard = wire_message_read(out.bytes, out.count, false);
        cr_assert_not_null(heard);
    }
    return status;
}

void serve(void)
{
    while (fake_source_load(&fake) != NULL || !list_is_empty(&fake.requests)) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
}

void serve_start(void)
{
    serve();
    cr_assert(hear() == STATUS_WAIT);
    serve();
}

const char *text(const char *key)
{
    const char *value = json_string_value(json_object_get(heard, key));
    return value != NULL ? value : "";
}

void check_heard(const char *ev)
{
    enum status status = hear();
    cr_assert(status == STATUS_OK, "%s: %s", ev, status_name(status));
    cr_assert_str_eq(text("ev"), ev);
}

void check_refused(const char *request, const char *code)
{
    ask(request);
    check_heard("error");
    cr_assert_str_eq(text("code"), code, "%s: %s", request, text("message"));
    cr_assert(strlen(text("message")) > 10);
}

void meet(void)
{
    check_heard("welcome");
    publish_symbols();
}

int64_t number(const char *key)
{
    const json_t *value = json_object_get(heard, key);
    cr_assert(json_is_integer(value), "%s is missing", key);
    return (int64_t)json_integer_value(value);
}

void pass(int64_t wait_us)
{
    now.monotonic_us += wait_us;
    now.wall_us += wait_us;
    wheel_run(&wheel, now.monotonic_us);
}
