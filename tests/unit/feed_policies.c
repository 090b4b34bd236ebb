/* Subscriptions to policies, and what an operator makes them do. */
#include "feed/client.h"
#include "feed_watching.h"

#include <sched.h>

static char broken[] = "out of memory";

TestSuite(feed_policies, .init = watching_set_up, .fini = feed_tear_down, .timeout = 60);

#define SUBSCRIBE "{'op':'policies.subscribe','req':1,'id':7}"

static void subscribe(void)
{
    ask(SUBSCRIBE);
    await("policies.snapshot");
    cr_assert_eq(number("re"), 1);
}

static void check_event(int64_t job_id, const char *status, const char *error)
{
    await("policies.event");
    cr_assert_eq(number("id"), 7);
    cr_assert_eq(number("job_id"), job_id);
    cr_assert_str_eq(text("status"), status);
    cr_assert_str_eq(text("error"), error);
}

static const json_t *policy_heard(size_t index)
{
    return json_array_get(json_object_get(heard, "policies"), index);
}

Test(feed_policies, are_answered_with_a_snapshot)
{
    subscribe();
    cr_assert_eq(json_array_size(json_object_get(heard, "policies")), 2);
    cr_assert_eq(json_integer_value(json_object_get(policy_heard(0), "job_id")), 1001);
    cr_assert(json_is_null(json_object_get(policy_heard(0), "last_status")));
    check_quiet(5 * WATCH_SECOND_US);
}

Test(feed_policies, tell_each_run_once_and_how_things_are_then)
{
    subscribe();
    fake_operations_run(&database, 1001, NULL);
    check_event(1001, "ok", "");
    cr_assert_null(json_object_get(heard, "error"));
    await("policies.snapshot");
    cr_assert_str_eq(json_string_value(json_object_get(policy_heard(0), "last_status")), "ok");
    fake_operations_run(&database, 1002, broken);
    check_event(1002, "failed", "out of memory");
    await("policies.snapshot");
    check_quiet(10 * WATCH_SECOND_US);
}

Test(feed_policies, tell_that_a_run_has_begun_by_a_snapshot)
{
    subscribe();
    pthread_mutex_lock(&database.lock);
    struct policy *policy = fake_operations_find(&database, 1001);
    policy->last_status = POLICY_RUNNING;
    policy->last_run_at = database.now;
    policy->total_runs = 1;
    pthread_mutex_unlock(&database.lock);
    await("policies.snapshot");
    cr_assert_str_eq(json_string_value(json_object_get(policy_heard(0), "last_status")), "running");
    pthread_mutex_lock(&database.lock);
    policy->last_status = POLICY_OK;
    pthread_mutex_unlock(&database.lock);
    check_event(1001, "ok", "");
    await("policies.snapshot");
}

/* Nobody watched, so the last look was long ago: the subscription begins with a new one. */
Test(feed_policies, tell_nothing_of_what_ran_before)
{
    fake_operations_run(&database, 1001, broken);
    subscribe();
    cr_assert_str_eq(json_string_value(json_object_get(policy_heard(0), "last_status")), "failed");
    check_quiet(5 * WATCH_SECOND_US);
    ask("{'op':'policies.unsubscribe','id':7}");
    await("ok");
    fake_operations_run(&database, 1001, NULL);
    subscribe();
    check_quiet(5 * WATCH_SECOND_US);
}

Test(feed_policies, tell_what_is_known_when_a_look_does_not_come)
{
    fake_operations_be(&database, FAKE_FAILS);
    ask(SUBSCRIBE);
    check_quiet(5 * WATCH_SECOND_US);
    pass(2 * S + 1000);
    await("policies.snapshot");
    cr_assert_eq(number("re"), 1);
    fake_operations_run(&database, 1001, broken); /* it may have been before the subscription */
    fake_operations_be(&database, FAKE_ANSWERS);
    await("policies.snapshot");
    cr_assert_str_eq(json_string_value(json_object_get(policy_heard(0), "last_status")), "failed");
    fake_operations_run(&database, 1001, NULL);
    check_event(1001, "ok", "");
}

static void run_often(int times)
{
    for (int i = 0; i < times; i++) {
        fake_operations_run(&database, 1001, i % 2 == 0 ? broken : NULL);
        look();
    }
}

Test(feed_policies, tell_who_has_not_listened_what_he_missed)
{
    subscribe();
    run_often(10);
    for (int i = 0; i < 10; i++)
        check_event(1001, i % 2 == 0 ? "failed" : "ok", i % 2 == 0 ? "out of memory" : "");
    await("policies.snapshot");
    check_quiet(3 * WATCH_SECOND_US);
}

Test(feed_policies, tell_who_has_not_listened_for_long_how_things_are)
{
    subscribe();
    run_often(LIVE_EVENTS_KEPT + 1);
    await("policies.snapshot");
    cr_assert_eq(json_integer_value(json_object_get(policy_heard(0), "total_runs")),
                 LIVE_EVENTS_KEPT + 1);
    fake_operations_run(&database, 1002, NULL);
    check_event(1002, "ok", "");
}

Test(feed_policies, end_with_unsubscribe)
{
    subscribe();
    check_refused(SUBSCRIBE, "conflict");
    check_refused("{'op':'storage.unsubscribe','id':7}", "not_found");
    ask("{'op':'policies.unsubscribe','req':2,'id':7}");
    await("ok");
    fake_operations_run(&database, 1001, NULL);
    look();
    check_quiet(3 * WATCH_SECOND_US);
}

/* ---- what an operator makes them do ---- */

Test(feed_policies, obey_an_operator)
{
    static const struct {
        const char *request;
        enum policy_action action;
    } cases[] = {
        {"{'op':'policies.run','req':4,'job_id':1001}", POLICY_RUN},
        {"{'op':'policies.pause','req':4,'job_id':1001}", POLICY_PAUSE},
        {"{'op':'policies.resume','req':4,'job_id':1001}", POLICY_RESUME},
    };
    for (size_t i = 0; i < 3; i++) {
        ask(cases[i].request);
        await("ok");
        cr_assert_eq(number("re"), 4);
        cr_assert_eq(number("job_id"), 1001);
        cr_assert_eq(database.last_action.action, cases[i].action);
        cr_assert_eq(database.last_action.job_id, 1001);
    }
    cr_assert_eq(atomic_load(&database.acted), 3);
}

Test(feed_policies, answer_with_what_the_database_says)
{
    static const struct {
        enum status status;
        const char *code;
    } cases[] = {{STATUS_NOT_FOUND, "not_found"},
                 {STATUS_CONFLICT, "conflict"},
                 {STATUS_UNAVAILABLE, "unavailable"}};
    for (size_t i = 0; i < 3; i++) {
        database.act_status = cases[i].status;
        ask("{'op':'policies.run','req':4,'job_id':9}");
        await("error");
        cr_assert_eq(number("re"), 4);
        cr_assert_str_eq(text("code"), cases[i].code);
        cr_assert_str_eq(text("message"), "the fake says no");
    }
    check_refused("{'op':'policies.run'}", "bad_argument");
    check_refused("{'op':'policies.pause','job_id':'x'}", "bad_argument");
}

Test(feed_policies, obey_operators_only)
{
    static const char *const requests[] = {
        "{'op':'policies.run','job_id':1001}",
        "{'op':'policies.pause','job_id':1001}",
        "{'op':'policies.resume','job_id':1001}",
    };
    for (enum role role = ROLE_VIEWER; role < ROLE_OPERATOR; role++) {
        feed->session.role = role;
        for (size_t i = 0; i < 3; i++)
            check_refused(requests[i], "forbidden");
        cr_assert_eq(atomic_load(&database.acted), 0);
    }
    feed->session.role = ROLE_VIEWER;
    subscribe();
}

Test(feed_policies, are_looked_at_once_an_operator_has_acted)
{
    subscribe();
    fake_operations_be(&database, FAKE_HOLDS);
    ask("{'op':'policies.run','req':4,'job_id':1001}");
    fake_operations_run(&database, 1001, NULL);
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    await("ok"); /* before what follows from it */
    check_event(1001, "ok", "");
}

Test(feed_policies, are_acted_on_though_who_asked_has_gone)
{
    struct feed *other = feed_create(&lane, &feed_peer, now);
    const char *request = "{\"op\":\"policies.run\",\"job_id\":1001}";
    unsigned looks = atomic_load(&database.policies_asked);
    fake_operations_be(&database, FAKE_HOLDS);
    feed_receive(other, (const uint8_t *)request, strlen(request), now);
    feed_destroy(&other);
    fake_operations_be(&database, FAKE_ANSWERS);
    fake_operations_release(&database);
    cr_assert_eq(lane.inquiries.count, 1);
    inbox_drain(&inbox);
    cr_assert_eq(lane.inquiries.count, 0);
    while (atomic_load(&database.policies_asked) == looks)
        sched_yield();
}
