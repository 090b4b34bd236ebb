#include "source_support.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_uint_least64_t done_count;

const char *test_url(void)
{
    const char *url = getenv("TAPEDECK_TEST_URL");
    if (url == NULL || *url == '\0')
        cr_skip_test("TAPEDECK_TEST_URL is not set");
    return url;
}

struct connection *test_connect_more(void)
{
    struct error error = {.text = ""};
    struct connection *connection = connection_open(test_url(), "test", &error);
    cr_assert(connection != NULL, "%s", error.text);
    /* Plain PostgreSQL wants its partitions made before the ticks come. */
    test_execute(connection, "SELECT tapedeck.chunks_prepare('2024-08-08Z', '2024-08-10Z')");
    return connection;
}

struct connection *test_connect(void)
{
    struct connection *connection = test_connect_more();
    test_execute(connection, "SELECT pg_advisory_lock_shared(hashtext('tests of the source'))");
    return connection;
}

struct connection *test_connect_alone(void)
{
    struct connection *connection = test_connect_more();
    test_execute(connection, "SELECT pg_advisory_lock(hashtext('tests of the source'))");
    return connection;
}

static char *formatted(const char *format, va_list arguments)
{
    char *sql = NULL;
    cr_assert(vasprintf(&sql, format, arguments) >= 0);
    return sql;
}

void test_execute(struct connection *connection, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sql = formatted(format, arguments);
    va_end(arguments);
    struct error error = {.text = ""};
    cr_assert(connection_execute(connection, sql, &error) == STATUS_OK, "%s: %s", sql, error.text);
    free(sql);
}

int64_t test_number(struct connection *connection, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sql = formatted(format, arguments);
    va_end(arguments);
    struct error error = {.text = ""};
    PGresult *result = NULL;
    int64_t number = 0;
    cr_assert(connection_query_row(connection, sql, 0, NULL, &result, &error) == STATUS_OK,
              "%s: %s", sql, error.text);
    cr_assert(result_int64(result, 0, 0, &number) == STATUS_OK, "%s", sql);
    PQclear(result);
    free(sql);
    return number;
}

struct test_symbol test_symbol(const char *name)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct test_symbol symbol;
    (void)snprintf(symbol.name, sizeof symbol.name, "TEST:%s-%d-%lld", name, (int)getpid(),
                   (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    return symbol;
}

static int64_t number_of(const PGresult *result, int row, int column)
{
    int64_t number = 0;
    cr_assert(result_int64(result, row, column, &number) == STATUS_OK);
    return number;
}

static int64_t decimal_of(const PGresult *result, int row, int column)
{
    const char *text = result_text(result, row, column);
    int64_t mantissa = DECIMAL_NULL;
    if (text != NULL)
        cr_assert(decimal_parse(text, strlen(text), &mantissa) == STATUS_OK, "%s", text);
    return mantissa;
}

struct tick *test_expected(struct connection *connection, const char *symbol,
                           struct time_range range, size_t *count)
{
    struct time_text from = time_format(range.from);
    struct time_text to = time_format(range.to);
    const char *const parameters[] = {symbol, from.text, to.text};
    struct error error = {.text = ""};
    PGresult *result = NULL;
    cr_assert(connection_query(connection,
                               "SELECT tapedeck.time_us(time), bid_price, ask_price, last_price,"
                               " volume FROM public.tick_data WHERE symbol = $1"
                               " AND time >= $2::timestamptz AND time < $3::timestamptz"
                               " ORDER BY time, seq",
                               3, parameters, &result, &error) == STATUS_OK,
              "%s", error.text);
    *count = (size_t)PQntuples(result);
    struct tick *ticks = mem_alloc((*count + 1) * sizeof *ticks);
    for (int row = 0; row < PQntuples(result); row++) {
        ticks[row].time = number_of(result, row, 0);
        for (int field = 0; field < TICK_FIELDS; field++)
            ticks[row].fields[field] = decimal_of(result, row, 1 + field);
    }
    PQclear(result);
    return ticks;
}

/* ---- loads ---- */

static void append_block(struct test_load *load, const struct block *block)
{
    size_t needed = load->tick_count + block->rows;
    if (needed > load->tick_capacity) {
        load->tick_capacity = 2 * needed;
        load->ticks = mem_resize(load->ticks, load->tick_capacity * sizeof *load->ticks);
    }
    bool backward = load->load.backward;
    for (size_t row = 0; row < block->rows; row++)
        load->ticks[load->tick_count++] = block_tick(block, backward ? block->rows - 1 - row : row);
}

static void check_block(struct test_load *load, struct time_range range, const struct block *block)
{
    int64_t step_us = load->step_us;
    cr_assert(block->rows >= 1);
    cr_assert(block->range.from == range.from);
    cr_assert(block->range.to == range.to);
    cr_assert(block_time(block, 0) >= range.from);
    cr_assert(block_time(block, block->rows - 1) < range.to);
    cr_assert(range.to - range.from <= step_us, "a stretch of more than a step");
    cr_assert(range.from / step_us == (range.to - 1) / step_us, "across a multiple of the step");
    load->step_us = step_us < load->load.grain_us ? 2 * step_us : step_us;
    bool is_one_instant = block_time(block, 0) == block_time(block, block->rows - 1);
    cr_assert(block->rows <= BLOCK_ROWS_MAX || is_one_instant);
    load->rows_most = block->rows > load->rows_most ? block->rows : load->rows_most;
}

static void on_publish(struct tick_load *tick_load, struct time_range range, struct block *block)
{
    struct test_load *load = CONTAINER_OF(tick_load, struct test_load, load);
    pthread_mutex_lock(&load->lock);
    cr_assert(load->done == 0, "published after done");
    bool backward = load->load.backward;
    cr_assert((backward ? range.to : range.from) == load->reached, "a gap, or twice");
    cr_assert(range.to > range.from);
    cr_assert(range.from >= load->load.range.from);
    cr_assert(range.to <= load->load.range.to);
    load->reached = backward ? range.from : range.to;
    load->stretches++;
    if (block != NULL) {
        check_block(load, range, block);
        append_block(load, block);
        block_release(&block);
    } else {
        load->empty_stretches++;
    }
    pthread_mutex_unlock(&load->lock);
    if (load->on_publish != NULL)
        load->on_publish(load);
}

static void on_done(struct tick_load *tick_load, enum status status, const struct error *error)
{
    struct test_load *load = CONTAINER_OF(tick_load, struct test_load, load);
    pthread_mutex_lock(&load->lock);
    load->done++;
    load->done_rank = atomic_fetch_add(&done_count, 1);
    load->status = status;
    load->error = *error;
    pthread_cond_signal(&load->changed);
    pthread_mutex_unlock(&load->lock);
}

void test_load_init(struct test_load *load, const char *symbol, struct time_range range,
                    int64_t grain_us, enum source_urgency urgency)
{
    memset(load, 0, sizeof *load);
    (void)snprintf(load->load.symbol, sizeof load->load.symbol, "%s", symbol);
    load->load.range = range;
    load->load.urgency = urgency;
    load->load.grain_us = grain_us;
    load->load.publish = on_publish;
    load->load.done = on_done;
    load->reached = range.from;
    load->step_us = grain_us;
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->changed, NULL);
}

void test_load_set_course(struct test_load *load, bool backward, int64_t first_us)
{
    load->load.backward = backward;
    load->load.first_us = first_us;
    load->reached = backward ? load->load.range.to : load->load.range.from;
    load->step_us = first_us != 0 ? first_us : load->load.grain_us;
}

void test_load_deinit(struct test_load *load)
{
    cr_assert(load->done == 1, "done came %u times", load->done);
    pthread_cond_destroy(&load->changed);
    pthread_mutex_destroy(&load->lock);
    mem_free(load->ticks);
}

static struct timespec patience_end(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TEST_PATIENCE_S;
    return until;
}

void test_load_wait(struct test_load *load)
{
    struct timespec until = patience_end();
    int failure = 0;
    pthread_mutex_lock(&load->lock);
    while (load->done == 0 && failure == 0)
        failure = pthread_cond_timedwait(&load->changed, &load->lock, &until);
    pthread_mutex_unlock(&load->lock);
    cr_assert(failure == 0, "%s: not done", load->load.symbol);
}

void test_load_check(struct test_load *load, const struct tick *expected, size_t count)
{
    cr_assert(load->done == 1);
    cr_assert(load->status == STATUS_OK, "%s", load->error.text);
    bool backward = load->load.backward;
    cr_assert(load->reached == (backward ? load->load.range.from : load->load.range.to),
              "not to its end");
    cr_assert(load->tick_count == count, "%zu instead of %zu ticks", load->tick_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct tick *wanted = &expected[backward ? count - 1 - i : i];
        cr_assert(memcmp(&load->ticks[i], wanted, sizeof *wanted) == 0, "tick %zu is another", i);
    }
}

/* ---- inbox ---- */

static void wake(void *owner)
{
    struct test_inbox *inbox = owner;
    pthread_mutex_lock(&inbox->lock);
    inbox->is_woken = true;
    pthread_cond_signal(&inbox->woken);
    pthread_mutex_unlock(&inbox->lock);
}

void test_inbox_init(struct test_inbox *inbox)
{
    memset(inbox, 0, sizeof *inbox);
    pthread_mutex_init(&inbox->lock, NULL);
    pthread_cond_init(&inbox->woken, NULL);
    inbox_init(&inbox->inbox, wake, inbox);
}

void test_inbox_deinit(struct test_inbox *inbox)
{
    inbox_deinit(&inbox->inbox);
    pthread_cond_destroy(&inbox->woken);
    pthread_mutex_destroy(&inbox->lock);
}

void test_inbox_wait(struct test_inbox *inbox, const bool *delivered)
{
    struct timespec until = patience_end();
    while (!*delivered) {
        int failure = 0;
        pthread_mutex_lock(&inbox->lock);
        while (!inbox->is_woken && failure == 0)
            failure = pthread_cond_timedwait(&inbox->woken, &inbox->lock, &until);
        inbox->is_woken = false;
        pthread_mutex_unlock(&inbox->lock);
        cr_assert(failure == 0, "no answer");
        (void)inbox_drain(&inbox->inbox);
    }
}
