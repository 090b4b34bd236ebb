/* Subscriptions to storage, and its history: what is told, how often, and to how many. */
#include "feed_watching.h"

#include <sched.h>
#include <stdio.h>

TestSuite(feed_storage, .init = watching_set_up, .fini = feed_tear_down, .timeout = 60);

static char data_folder[] = "/srv/data";
static char broken[] = "out of memory";

#define SUBSCRIBE "{'op':'storage.subscribe','req':1,'id':7"

static void use_disk(int64_t percent)
{
    pthread_mutex_lock(&database.lock);
    database.disk =
        (struct storage_disk){.path = data_folder, .total_bytes = 100, .free_bytes = 100 - percent};
    pthread_mutex_unlock(&database.lock);
}

Test(feed_storage, are_answered_with_the_newest_snapshot)
{
    ask(SUBSCRIBE "}");
    await("storage.snapshot");
    cr_assert_eq(number("re"), 1);
    cr_assert_eq(number("id"), 7);
    cr_assert_eq(number("database_size_bytes"), 100 << 20);
    cr_assert_str_eq(text("database_size_pretty"), "100 MB");
    cr_assert_eq(number("timestamp"), FAKE_NOW);
    cr_assert_eq(json_array_size(json_object_get(heard, "tables")), 2);
    cr_assert_eq(json_array_size(json_object_get(heard, "alerts")), 0);
    const json_t *cache = json_object_get(heard, "cache");
    cr_assert_eq(json_integer_value(json_object_get(cache, "budget_bytes")), 64 << 20);
    check_quiet(10 * WATCH_SECOND_US);
}

Test(feed_storage, are_pushed_as_often_as_each_of_them_wants)
{
    ask(SUBSCRIBE ",'every_s':1}");
    await("storage.snapshot");
    ask("{'op':'storage.subscribe','id':8,'every_s':30}");
    await("storage.snapshot");
    cr_assert_eq(number("id"), 8);
    int64_t begun_us = real_us();
    for (int i = 0; i < 3; i++) {
        await("storage.snapshot");
        cr_assert_eq(number("id"), 7, "30 s have not passed");
        cr_assert_null(json_object_get(heard, "re"));
    }
    cr_assert_geq(real_us() - begun_us, S,
                  "three times half a second, less one that was under way");
}

Test(feed_storage, tell_at_once_when_alerts_come_and_go)
{
    ask(SUBSCRIBE ",'every_s':3600}");
    await("storage.snapshot");
    fake_operations_run(&database, 1001, broken);
    look();
    await("storage.snapshot");
    cr_assert_eq(json_array_size(json_object_get(heard, "alerts")), 1);
    cr_assert_eq(number("timestamp"), FAKE_NOW);
    ask("{'op':'storage.subscribe','id':8}");
    await("storage.snapshot");
    cr_assert_eq(json_array_size(json_object_get(heard, "alerts")), 1, "who comes later hears it");
    fake_operations_run(&database, 1001, NULL);
    look();
    await("storage.snapshot");
    cr_assert_eq(json_array_size(json_object_get(heard, "alerts")), 0);
}

Test(feed_storage, tell_the_newest_state_to_who_has_not_listened)
{
    ask(SUBSCRIBE ",'every_s':3600}");
    await("storage.snapshot");
    for (int i = 0; i < 10; i++) {
        fake_operations_run(&database, 1001, i % 2 == 0 ? broken : NULL);
        look();
    }
    fake_operations_run(&database, 1002, broken);
    look();
    await("storage.snapshot");
    const json_t *alert = json_array_get(json_object_get(heard, "alerts"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(alert, "subject")), "job 1002");
    check_quiet(3 * WATCH_SECOND_US);
}

Test(feed_storage, end_with_unsubscribe)
{
    ask(SUBSCRIBE ",'every_s':1}");
    await("storage.snapshot");
    check_refused(SUBSCRIBE "}", "conflict");
    check_refused("{'op':'policies.unsubscribe','id':7}", "not_found");
    ask("{'op':'storage.unsubscribe','req':2,'id':7}");
    await("ok");
    cr_assert_eq(number("re"), 2);
    check_refused("{'op':'storage.unsubscribe','id':7}", "not_found");
    check_quiet(S);
    ask(SUBSCRIBE "}");
    await("storage.snapshot");
}

Test(feed_storage, are_as_many_as_a_connection_may_have_of_all_kinds)
{
    char request[128];
    for (int i = 0; i < FEED_SUBSCRIPTIONS_MAX; i++) {
        const char *kind = i % 2 == 0 ? "storage" : "policies";
        snprintf(request, sizeof request, "{'op':'%s.subscribe','id':%d}", kind, 100 + i);
        ask(request);
        now.monotonic_us += S; /* for the rate of requests, not for live/ */
    }
    check_refused("{'op':'storage.subscribe','id':7}", "limit");
    int heard_of[2 * FEED_SUBSCRIPTIONS_MAX + 100] = {0};
    for (int i = 0; i < FEED_SUBSCRIPTIONS_MAX; i++) {
        inbox_drain(&inbox);
        while (hear() != STATUS_OK) {
            sched_yield();
            inbox_drain(&inbox);
        }
        heard_of[number("id")]++;
    }
    for (int i = 0; i < FEED_SUBSCRIPTIONS_MAX; i++)
        cr_assert_eq(heard_of[100 + i], 1);
}

/* A thousand clients, each of whom wants it every second: one question a second. */
Test(feed_storage, cost_one_question_for_a_thousand_clients)
{
    enum { CLIENTS = 1000, SECONDS = 30 };
    static struct feed *feeds[CLIENTS];
    const char *request = "{\"op\":\"storage.subscribe\",\"id\":1,\"every_s\":1}";
    for (int i = 0; i < CLIENTS; i++) {
        feeds[i] = feed_create(&lane, &feed_peer, now);
        feed_receive(feeds[i], (const uint8_t *)request, strlen(request), now);
        for (int message = 0; message < 2; message++) {
            buffer_clear(&out);
            cr_assert(feed_send(feeds[i], now, &out) == STATUS_OK);
        }
    }
    unsigned before = atomic_load(&database.storage_asked);
    int64_t begun_us = real_us();
    while (real_us() - begun_us < SECONDS * WATCH_SECOND_US) {
        inbox_drain(&inbox);
        sched_yield();
    }
    int64_t took_us = real_us() - begun_us;
    unsigned asked = atomic_load(&database.storage_asked) - before;
    cr_assert_leq(asked, 1 + took_us / WATCH_SECOND_US);
    cr_assert_geq(asked, 2);
    for (int i = 0; i < CLIENTS; i++)
        feed_destroy(&feeds[i]);
}

/* ---- a database that is away ---- */

/* A lane whose database has not answered yet. */
static void set_up_away(void)
{
    is_watching = false;
    feed_set_up();
    meet();
    static const struct live_operations_options options = {.thresholds = {.disk_percent = 80},
                                                           .second_us = WATCH_SECOND_US};
    fake_operations_be(&database, FAKE_HOLDS);
    is_watching = true;
    lane.live_operations = live_operations_create(&database.operations, &options);
    lane.operations = &database.operations;
    boards_init(&lane.boards, lane.live_operations, &inbox);
    lane.inquiries = (struct inquiries){
        .operations = lane.operations, .live = lane.live_operations, .inbox = &inbox};
}

static void tear_down_away(void)
{
    live_operations_stop(lane.live_operations);
    fake_operations_be(&database, FAKE_FAILS);
    fake_operations_release(&database);
    feed_tear_down();
}

TestSuite(feed_storage_away, .init = set_up_away, .fini = tear_down_away, .timeout = 60);

Test(feed_storage_away, waits_for_the_first_snapshot)
{
    ask(SUBSCRIBE "}");
    check_quiet(3 * WATCH_SECOND_US);
    pass(9 * S);
    check_quiet(WATCH_SECOND_US);
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    await("storage.snapshot");
    cr_assert_eq(number("re"), 1);
    pass(9 * S);
    check_quiet(WATCH_SECOND_US);
}

Test(feed_storage_away, waits_for_ten_seconds_only)
{
    ask(SUBSCRIBE "}");
    pass(10 * S + 1000);
    check_heard("error");
    cr_assert_str_eq(text("code"), "unavailable");
    cr_assert_eq(number("re"), 1);
    cr_assert_eq(number("id"), 7);
    ask("{'op':'policies.subscribe','req':2,'id':7}"); /* the id is free */
    pass(10 * S + 1000);
    check_heard("error");
    cr_assert_str_eq(text("code"), "unavailable");
    cr_assert_eq(number("re"), 2);
}

Test(feed_storage_away, may_be_given_up)
{
    ask(SUBSCRIBE "}");
    ask("{'op':'storage.unsubscribe','req':2,'id':7}");
    check_heard("error");
    cr_assert_eq(number("re"), 1);
    cr_assert_str_eq(text("code"), "conflict");
    check_heard("ok");
    cr_assert_eq(number("re"), 2);
}

Test(feed_storage_away, tells_nothing_false)
{
    use_disk(90);
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    ask(SUBSCRIBE ",'every_s':1}");
    await("storage.snapshot");
    fake_operations_be(&database, FAKE_FAILS);
    check_quiet(S);
    ask("{'op':'storage.subscribe','id':8}");
    await("storage.snapshot");
    cr_assert_eq(number("timestamp"), FAKE_NOW, "as old as it says");
    cr_assert_eq(json_array_size(json_object_get(heard, "alerts")), 1);
}

/* ---- the history ---- */

TestSuite(feed_storage_history, .init = watching_set_up, .fini = feed_tear_down, .timeout = 60);

Test(feed_storage_history, is_asked_of_the_database)
{
    ask("{'op':'storage.history','req':3,'limit':2}");
    await("storage.history");
    cr_assert_eq(number("re"), 3);
    cr_assert_eq(json_array_size(json_object_get(heard, "samples")), 2);
    ask("{'op':'storage.history'}");
    await("storage.history");
    cr_assert_eq(database.history_limit, 30);
    check_refused("{'op':'storage.history','limit':91}", "bad_argument");
}

Test(feed_storage_history, is_unavailable_when_the_database_is_away)
{
    fake_operations_be(&database, FAKE_FAILS);
    ask("{'op':'storage.history','req':3}");
    await("error");
    cr_assert_str_eq(text("code"), "unavailable");
    cr_assert_eq(number("re"), 3);
}

Test(feed_storage_history, may_be_waited_for_by_so_many)
{
    enum { CLIENTS = INQUIRIES_MAX / FEED_INQUIRIES_MAX };
    struct feed *feeds[CLIENTS];
    const char *request = "{\"op\":\"storage.history\"}";
    fake_operations_be(&database, FAKE_HOLDS);
    for (int i = 0; i < CLIENTS; i++) {
        feeds[i] = feed_create(&lane, &feed_peer, now);
        for (int k = 0; k < FEED_INQUIRIES_MAX; k++)
            feed_receive(feeds[i], (const uint8_t *)request, strlen(request), now);
    }
    check_refused("{'op':'storage.history'}", "unavailable");
    for (int i = 0; i < CLIENTS; i++)
        feed_destroy(&feeds[i]);
    check_refused("{'op':'storage.history'}", "unavailable"); /* they are still on their way */
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    inbox_drain(&inbox);
    fake_operations_be(&database, FAKE_HOLDS);
    for (int k = 0; k < FEED_INQUIRIES_MAX; k++)
        ask("{'op':'storage.history'}");
    check_refused("{'op':'storage.history'}", "limit");
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    for (int k = 0; k < FEED_INQUIRIES_MAX; k++)
        await("storage.history");
}

Test(feed_storage_nobody, is_there_to_tell, .init = feed_set_up, .fini = feed_tear_down)
{
    meet();
    check_refused(SUBSCRIBE "}", "unavailable");
    check_refused("{'op':'policies.subscribe','id':7}", "unavailable");
    check_refused("{'op':'storage.history'}", "unavailable");
    check_refused("{'op':'policies.run','job_id':1}", "unavailable");
}
