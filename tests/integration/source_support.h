/*
 * What the tests of the database source share: a scratch symbol filled with ticks, a load that
 * checks every stretch it gets, and the same ticks read through plain SQL as the oracle.
 *
 * The database is TAPEDECK_TEST_URL, with the schema migrated; tests are skipped without it. Every
 * test writes symbols of its own, so tests may run side by side.
 */
#ifndef TAPEDECK_TESTS_SOURCE_SUPPORT_H
#define TAPEDECK_TESTS_SOURCE_SUPPORT_H

#include "store/pg_source.h"

#include <pthread.h>

#define TEST_PATIENCE_S 60

/* Skips the test when there is none. */
const char *test_url(void);
/* A connection for the test itself; asserts that it opens. Tests run side by side, except one that
 * must not be disturbed by what others write: the first connection of that one is `alone`, all
 * others wait for its end. Further connections of a test are `more`. */
struct connection *test_connect(void);
struct connection *test_connect_alone(void);
struct connection *test_connect_more(void);
void test_execute(struct connection *connection, const char *format, ...) PRINTF_LIKE(2, 3);
int64_t test_number(struct connection *connection, const char *format, ...) PRINTF_LIKE(2, 3);
/* A name that no other test and no other run uses. */
struct test_symbol {
    char name[SYMBOL_BYTES_MAX + 1];
};
struct test_symbol test_symbol(const char *name);

/* The ticks of a symbol in a range, ORDER BY time, seq. Freed with mem_free. */
struct tick *test_expected(struct connection *connection, const char *symbol,
                           struct time_range range, size_t *count);

/* ---- a load that checks what it gets ---- */

struct test_load {
    struct tick_load load;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct tick *ticks; /* in the order of the load: backward newest first */
    size_t tick_count;
    size_t tick_capacity;
    size_t stretches;
    size_t empty_stretches;
    size_t rows_most;   /* in one block */
    int64_t reached;    /* where the next stretch must begin */
    int64_t step_us;    /* of the next stretch with ticks */
    int64_t previous;   /* time of the last tick */
    unsigned done;      /* calls */
    uint64_t done_rank; /* among all loads of the process */
    enum status status;
    struct error error;
    void (*on_publish)(struct test_load *load); /* may be NULL */
};

void test_load_init(struct test_load *load, const char *symbol, struct time_range range,
                    int64_t grain_us, enum source_urgency urgency);
/* After init: which way it goes, and how small its first stretch is (0: a grain). */
void test_load_set_course(struct test_load *load, bool backward, int64_t first_us);
void test_load_deinit(struct test_load *load);
/* Until done was called, once; asserts after TEST_PATIENCE_S. */
void test_load_wait(struct test_load *load);
/* STATUS_OK, the whole range, exactly the expected ticks, given in (time, seq) order. */
void test_load_check(struct test_load *load, const struct tick *expected, size_t count);

/* ---- an inbox that is drained by the test ---- */

struct test_inbox {
    struct inbox inbox;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
};

void test_inbox_init(struct test_inbox *inbox);
void test_inbox_deinit(struct test_inbox *inbox);
/* Until `*delivered` is true. */
void test_inbox_wait(struct test_inbox *inbox, const bool *delivered);

#endif
