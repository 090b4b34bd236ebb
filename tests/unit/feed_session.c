/*
 * Who a client is: before it says so, when it does, when that ends. Clocks move only when the test
 * says so.
 */
#include "feed_fixture.h"

#include "auth/verifier.h"
#include "feed/client.h"
#include "support/token_maker.h"

#include <stdlib.h>
#include <string.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define WALL (1700000000 * S)

static struct verifier *keys(const char *const *names, size_t count, enum role role)
{
    struct jwt_keys jwt;
    struct key_list list = {NULL, 0};
    struct error error;
    jwt_keys_init(&jwt);
    cr_assert(jwt_keys_set_secret(&jwt, SECRET, sizeof SECRET - 1, &error) == STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        struct key_entry entry = {.role = role, .expires_us = IDENTITY_NEVER};
        (void)snprintf(entry.name, sizeof entry.name, "%s", names[i] + strlen(KEY_PREFIX));
        key_digest(names[i], strlen(names[i]), entry.digest);
        cr_assert(key_list_add(&list, &entry, &error) == STATUS_OK, "%s", error.text);
    }
    return verifier_create(&list, &jwt);
}

static const char *const one_key[] = {"tdk_one"};

/* A client that has taken its welcome, of a server that wants to know. */
static void set_up(void)
{
    feed_set_up();
    feed_destroy(&feed);
    now.wall_us = WALL;
    lane.gate = gate_create(keys(one_key, 1, ROLE_OPERATOR));
    feed = feed_create(&lane, &feed_peer, now);
}

static void tear_down(void)
{
    struct gate *gate = lane.gate;
    feed_tear_down();
    gate_destroy(&gate);
}

TestSuite(session, .init = set_up, .fini = tear_down, .timeout = 60);

static json_t *auth_of_welcome(void)
{
    check_heard("welcome");
    return json_object_get(heard, "auth");
}

static void auth_with(const char *token)
{
    char request[4096];
    (void)snprintf(request, sizeof request, "{'op':'auth','req':7,'token':'%s'}", token);
    ask(request);
}

/* A token that ends in so many seconds. */
static void auth_for(int64_t seconds, const char *role)
{
    char claims[128];
    (void)snprintf(claims, sizeof claims, "{'role':'%s','exp':%lld}", role,
                   (long long)((now.wall_us / S) + seconds));
    char *token = token_with_mac(TOKEN_HS256, claims, SECRET, sizeof SECRET - 1);
    auth_with(token);
    free(token);
}

/* The last words, and the code. */
static void check_sent_away(const char *says)
{
    check_heard("error");
    cr_assert_str_eq(text("code"), "unauthorized");
    cr_assert_null(json_object_get(heard, "re"));
    cr_assert_not_null(strstr(text("message"), says), "%s", text("message"));
    cr_assert(hear() == STATUS_END);
    const char *reason;
    cr_assert_eq(feed_close_code(feed, &reason), CLOSE_UNAUTHORIZED);
}

Test(session, begins_with_a_welcome_that_asks_who_this_is)
{
    const json_t *auth = auth_of_welcome();
    cr_assert(json_is_true(json_object_get(auth, "required")));
    cr_assert(json_is_null(json_object_get(auth, "role")));
}

Test(session, that_is_unproven_is_answered_nothing_but_ping_and_auth)
{
    check_heard("welcome");
    const char *const *ops;
    size_t count = feed_ops(&ops);
    for (size_t i = 0; i < count; i++) {
        char request[128];
        if (strcmp(ops[i], "ping") == 0 || strcmp(ops[i], "auth") == 0)
            continue;
        (void)snprintf(request, sizeof request, "{'op':'%s','id':1}", ops[i]);
        check_refused(request, "unauthorized");
    }
    check_refused("{'op':'no.such'}", "unauthorized");
    ask("{'op':'ping'}");
    check_heard("pong");
}

Test(session, is_proven_by_a_key_and_by_a_token)
{
    check_heard("welcome");
    check_refused("{'op':'auth'}", "bad_argument");
    check_refused("{'op':'auth','token':7}", "bad_argument");
    check_refused("{'op':'auth','token':''}", "bad_argument");
    check_refused("{'op':'auth','token':'tdk_two'}", "unauthorized");
    auth_with("tdk_one");
    check_heard("ok");
    cr_assert_eq(number("re"), 7);
    cr_assert_str_eq(text("role"), "operator");
    cr_assert_null(json_object_get(heard, "expires"));
    check_refused("{'op':'replay.play','id':1}", "not_found");
    check_refused("{'op':'no.such'}", "unknown_op");
}

Test(session, has_the_role_of_the_newest_proof_at_once)
{
    check_heard("welcome");
    auth_with("tdk_one");
    check_heard("ok");
    auth_for(60, "viewer");
    check_heard("ok");
    cr_assert_str_eq(text("role"), "viewer");
    cr_assert_eq(number("expires"), WALL + 60 * S);
    check_refused("{'op':'auth','token':'tdk_wrong'}", "unauthorized");
    check_refused("{'op':'replay.play','id':1}", "not_found"); /* a wrong one takes nothing away */
}

Test(session, ends_when_its_token_does)
{
    check_heard("welcome");
    auth_for(60, "viewer");
    check_heard("ok");
    pass(59 * S);
    cr_assert(hear() == STATUS_WAIT);
    size_t before = wakes;
    pass(2 * S);
    cr_assert_gt(wakes, before);
    check_sent_away("expired");
}

Test(session, goes_on_when_it_is_renewed_in_time)
{
    check_heard("welcome");
    auth_for(60, "viewer");
    check_heard("ok");
    pass(59 * S);
    auth_for(60, "viewer");
    check_heard("ok");
    pass(59 * S);
    cr_assert(hear() == STATUS_WAIT);
    auth_with("tdk_one"); /* which does not expire */
    check_heard("ok");
    pass(600 * S);
    cr_assert(hear() == STATUS_WAIT);
}

/* The timer runs by the monotonic clock; a wall clock that is set forward counts with the next
 * request. */
Test(session, ends_by_the_wall_clock_too)
{
    check_heard("welcome");
    auth_for(60, "viewer");
    check_heard("ok");
    now.wall_us += 3600 * S;
    ask("{'op':'symbols'}");
    check_sent_away("expired");
}

Test(session, that_stays_unproven_ends)
{
    check_heard("welcome");
    pass(FEED_UNPROVEN_US - S);
    cr_assert(hear() == STATUS_WAIT);
    pass(2 * S);
    check_sent_away("who this is");
}

Test(session, that_was_proven_before_the_upgrade_needs_no_auth)
{
    struct identity identity = {.role = ROLE_VIEWER, .expires_us = WALL + 60 * S};
    struct feed_peer peer = feed_peer;
    peer.identity = &identity;
    feed_destroy(&feed);
    feed = feed_create(&lane, &peer, now);
    const json_t *auth = auth_of_welcome();
    cr_assert(json_is_true(json_object_get(auth, "required")));
    cr_assert_str_eq(json_string_value(json_object_get(auth, "role")), "viewer");
    check_refused("{'op':'replay.play','id':1}", "not_found");
    pass(61 * S);
    check_sent_away("expired");
}

Test(session, ends_when_its_key_is_revoked_and_follows_a_changed_one)
{
    static const char *const two[] = {"tdk_two"};
    check_heard("welcome");
    auth_with("tdk_one");
    check_heard("ok");
    feed_renew(feed, now);
    cr_assert(hear() == STATUS_WAIT, "nothing has changed");
    gate_change(lane.gate, keys(one_key, 1, ROLE_VIEWER));
    feed_renew(feed, now);
    cr_assert(hear() == STATUS_WAIT, "nothing is said of it");
    gate_change(lane.gate, keys(two, 1, ROLE_VIEWER));
    feed_renew(feed, now);
    check_sent_away("revoked");
}

Test(session, that_is_unproven_is_not_touched_by_new_keys)
{
    check_heard("welcome");
    gate_change(lane.gate, keys(NULL, 0, ROLE_VIEWER));
    feed_renew(feed, now);
    cr_assert(hear() == STATUS_WAIT);
}

Test(session, of_an_open_server_has_its_role_and_any_token_is_as_good)
{
    struct gate *guarded = lane.gate;
    struct gate *open = gate_create_open(ROLE_VIEWER);
    feed_destroy(&feed);
    lane.gate = open;
    feed = feed_create(&lane, &feed_peer, now);
    const json_t *auth = auth_of_welcome();
    cr_assert(json_is_false(json_object_get(auth, "required")));
    cr_assert_str_eq(json_string_value(json_object_get(auth, "role")), "viewer");
    auth_with("whatever");
    check_heard("ok");
    cr_assert_str_eq(text("role"), "viewer");
    pass(3600 * S);
    cr_assert(hear() == STATUS_WAIT, "nobody is sent away");
    feed_renew(feed, now);
    cr_assert(hear() == STATUS_WAIT);
    feed_destroy(&feed);
    lane.gate = guarded;
    feed = feed_create(&lane, &feed_peer, now);
    gate_destroy(&open);
}
