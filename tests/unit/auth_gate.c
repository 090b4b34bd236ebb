#include "auth/attempts.h"
#include "auth/gate.h"
#include "auth/verifier.h"
#include "base/mem.h"
#include "captured.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#define S INT64_C(1000000)

static struct error error;

static struct address address(uint32_t number)
{
    struct address made = {.bytes = {[10] = 0xff, [11] = 0xff}};
    for (unsigned i = 0; i < 4; i++)
        made.bytes[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    return made;
}

static struct address address_of_text(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET6};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    cr_assert_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    memcpy(&storage, &in6, sizeof in6);
    return address_of(&storage);
}

Test(address, is_written_as_it_counts)
{
    struct address v4 = address(0xc0000207);
    struct address v6 = address_of_text("2001:db8:1:2:3:4:5:6");
    struct address mapped = address_of_text("::ffff:192.0.2.7");
    struct address none = {{0}};
    cr_assert_str_eq(address_format(&v4).text, "192.0.2.7");
    cr_assert_str_eq(address_format(&v6).text, "2001:db8:1:2::/64");
    cr_assert_str_eq(address_format(&none).text, "::/64");
    cr_assert(address_equals(&v4, &mapped));
    cr_assert_not(address_equals(&v4, &v6));
}

Test(attempts, are_so_many_and_come_back_with_time)
{
    struct attempts *attempts = MEM_NEW(struct attempts);
    struct address one = address(1);
    struct address other = address(2);
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++) {
        cr_assert(attempts_may_try(attempts, &one, S));
        attempts_note_failure(attempts, &one, S);
    }
    cr_assert_not(attempts_may_try(attempts, &one, S));
    cr_assert(attempts_may_try(attempts, &other, S), "it is another's failure");
    cr_assert_not(attempts_may_try(attempts, &one, 2 * S - 1));
    cr_assert(attempts_may_try(attempts, &one, 2 * S));
    attempts_note_failure(attempts, &one, 2 * S);
    cr_assert_not(attempts_may_try(attempts, &one, 2 * S));
    mem_free(attempts);
}

Test(attempts, of_one_network_count_together)
{
    struct attempts *attempts = MEM_NEW(struct attempts);
    struct address near = address_of_text("2001:db8::1");
    struct address same = address_of_text("2001:db8::ffff:1");
    struct address far = address_of_text("2001:db8:0:1::1");
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++)
        attempts_note_failure(attempts, &near, S);
    cr_assert_not(attempts_may_try(attempts, &same, S));
    cr_assert(attempts_may_try(attempts, &far, S));
    mem_free(attempts);
}

/* The table has a size: who failed longest ago is forgotten, who fails now is not. */
Test(attempts, of_a_crowd_do_not_hide_the_newest)
{
    struct attempts *attempts = MEM_NEW(struct attempts);
    for (uint32_t i = 0; i < 100000; i++) {
        struct address one = address(i);
        for (int j = 0; j < ATTEMPTS_AT_ONCE; j++)
            attempts_note_failure(attempts, &one, S + i);
        cr_assert_not(attempts_may_try(attempts, &one, S + i));
    }
    mem_free(attempts);
}

/* ---- the gate ---- */

static struct verifier *verifier_of(const char *key, enum role role)
{
    struct jwt_keys jwt;
    struct key_list list = {NULL, 0};
    struct key_entry entry = {.name = "desk", .role = role, .expires_us = IDENTITY_NEVER};
    jwt_keys_init(&jwt);
    key_digest(key, strlen(key), entry.digest);
    cr_assert(key_list_add(&list, &entry, &error) == STATUS_OK);
    return verifier_create(&list, &jwt);
}

Test(gate, that_is_open_has_one_role_for_everybody)
{
    struct gate *gate = gate_create_open(ROLE_VIEWER);
    cr_assert(gate_is_open(gate));
    cr_assert_eq(gate_role_unproven(gate), ROLE_VIEWER);
    gate_destroy(&gate);
    cr_assert_null(gate);
}

Test(gate, that_is_guarded_lets_nobody_in_without_proof)
{
    struct gate *gate = gate_create(verifier_of("tdk_right", ROLE_WRITER));
    struct address from = address(1);
    struct identity identity = {.role = ROLE_NONE};
    struct now now = {S, S};
    cr_assert_not(gate_is_open(gate));
    cr_assert_eq(gate_role_unproven(gate), ROLE_NONE);
    cr_assert(gate_check(gate, &from, "tdk_wrong", now, &identity, &error) == STATUS_UNAUTHORIZED);
    cr_assert_eq(identity.role, ROLE_NONE);
    cr_assert(gate_check(gate, &from, "tdk_right", now, &identity, &error) == STATUS_OK);
    cr_assert_eq(identity.role, ROLE_WRITER);
    gate_change(gate, verifier_of("tdk_other", ROLE_VIEWER));
    cr_assert(gate_check(gate, &from, "tdk_right", now, &identity, &error) == STATUS_UNAUTHORIZED);
    cr_assert(gate_renew(gate, S, &identity, &error) == STATUS_UNAUTHORIZED);
    cr_assert(gate_check(gate, &from, "tdk_other", now, &identity, &error) == STATUS_OK);
    cr_assert(gate_renew(gate, S, &identity, &error) == STATUS_OK);
    gate_destroy(&gate);
}

Test(gate, does_not_look_at_tokens_of_who_has_failed_too_often)
{
    struct gate *gate = gate_create(verifier_of("tdk_right", ROLE_WRITER));
    struct address from = address(1);
    struct address other = address(2);
    struct identity identity;
    struct now now = {S, S};
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++)
        cr_assert(gate_check(gate, &from, "tdk_wrong", now, &identity, &error) ==
                  STATUS_UNAUTHORIZED);
    cr_assert(gate_check(gate, &from, "tdk_wrong", now, &identity, &error) == STATUS_LIMIT);
    cr_assert(gate_check(gate, &from, "tdk_right", now, &identity, &error) == STATUS_LIMIT);
    cr_assert(gate_check(gate, &other, "tdk_right", now, &identity, &error) == STATUS_OK);
    now.monotonic_us += S;
    cr_assert(gate_check(gate, &from, "tdk_right", now, &identity, &error) == STATUS_OK,
              "a right one costs nothing");
    cr_assert(gate_check(gate, &from, "tdk_right", now, &identity, &error) == STATUS_OK);
    gate_destroy(&gate);
}

#define SECRET_TOKEN "tdk_never-to-be-read-in-a-log"

static void knock(void)
{
    struct gate *gate = gate_create(verifier_of(SECRET_TOKEN, ROLE_WRITER));
    struct address from = address(0x7f000001);
    struct identity identity;
    struct now now = {S, S};
    (void)!gate_check(gate, &from, SECRET_TOKEN, now, &identity, &error);
    for (int i = 0; i < 100; i++)
        (void)!gate_check(gate, &from, SECRET_TOKEN "-wrong", now, &identity, &error);
    gate_destroy(&gate);
}

Test(gate, writes_who_came_and_from_where_but_no_token_and_not_for_ever)
{
    struct captured captured = capture_stderr(knock);
    cr_assert_not_null(strstr(captured.text, "event=auth.admit address=127.0.0.1 name=\"desk\""));
    cr_assert_not_null(strstr(captured.text, "event=auth.refuse address=127.0.0.1"));
    cr_assert_null(strstr(captured.text, "never-to-be-read"));
    size_t lines = 0;
    for (const char *at = captured.text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    cr_assert_leq(lines, 1 + 5, "a flood is swallowed: %s", captured.text);
}
