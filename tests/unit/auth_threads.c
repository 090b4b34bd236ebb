/*
 * The gate between lanes: some verify, some are renewed, and one changes the keys all the while.
 */
#include "auth/gate.h"
#include "auth/verifier.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES 4
#define CHANGES 2000
#define ROUNDS 2000 /* of all lanes together, at least */
#define S INT64_C(1000000)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct gate *gate;
static atomic_bool is_over;
static atomic_uint rounds;

/* Of two sets of keys; "tdk_both" is in each, with another role. */
static struct verifier *keys(bool first)
{
    static const char *const names[] = {"both", "own"};
    struct jwt_keys jwt;
    struct key_list list = {NULL, 0};
    struct error error;
    jwt_keys_init(&jwt);
    for (size_t i = 0; i < 2; i++) {
        struct key_entry entry = {.role = first ? ROLE_VIEWER : ROLE_WRITER,
                                  .expires_us = IDENTITY_NEVER};
        const char *key = i == 0 ? "tdk_both" : first ? "tdk_first" : "tdk_second";
        (void)snprintf(entry.name, sizeof entry.name, "%s", names[i]);
        key_digest(key, strlen(key), entry.digest);
        CHECK(key_list_add(&list, &entry, &error) == STATUS_OK);
    }
    return verifier_create(&list, &jwt);
}

static void *ask(void *argument)
{
    struct address address = {.bytes = {[15] = (uint8_t)(uintptr_t)argument}};
    struct identity identity = {.role = ROLE_NONE};
    struct error error;
    struct now now = {.monotonic_us = S, .wall_us = S};
    while (!atomic_load(&is_over)) {
        now.monotonic_us += 10 * S; /* so that nobody has failed too often */
        CHECK(gate_check(gate, &address, "tdk_both", now, &identity, &error) == STATUS_OK);
        CHECK(identity.role == ROLE_VIEWER || identity.role == ROLE_WRITER);
        CHECK(gate_renew(gate, now.wall_us, &identity, &error) == STATUS_OK);
        enum status own = gate_check(gate, &address, "tdk_first", now, &identity, &error);
        CHECK(own == STATUS_OK || own == STATUS_UNAUTHORIZED);
        CHECK(gate_check(gate, &address, "tdk_none", now, &identity, &error) ==
              STATUS_UNAUTHORIZED);
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[LANES];
    log_set_level(LOG_ERROR);
    gate = gate_create(keys(true));
    for (size_t i = 0; i < LANES; i++)
        CHECK(pthread_create(&threads[i], NULL, ask, (void *)(uintptr_t)i) == 0);
    for (int i = 0; i < CHANGES || atomic_load(&rounds) < ROUNDS; i++)
        gate_change(gate, keys(i % 2 == 1));
    atomic_store(&is_over, true);
    for (size_t i = 0; i < LANES; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    gate_destroy(&gate);
    (void)printf("%u rounds of %d lanes under changing keys\n", atomic_load(&rounds), LANES);
    return 0;
}
