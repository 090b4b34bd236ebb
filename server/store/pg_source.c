/*
 * The three kinds of request as tasks of the pool.
 *
 *   tick_load.node ⇄ tick_task.load_link      a ring of two: how cancel finds the task
 *
 * Entry points: any thread. run and finish: the pool's threads. Owns one small task per request
 * from its submission to its end, and the tick queries that are not running. Never touches a
 * request after its done or its letter.
 */
#include "store/pg_source.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/candle_load.h"
#include "store/tick_query.h"

#include <stdatomic.h>
#include <string.h>

/* Tick queries that wait for their next run, with a builder of 2.5 MiB each. */
#define QUERIES_KEPT 4
/* One name of a text[] parameter: every byte escaped, quotes and comma. */
#define ARRAY_BYTES_MAX (SOURCE_SYMBOLS_PER_REQUEST * (2 * SYMBOL_BYTES_MAX + 3) + 2)

struct pg_source {
    struct source source;
    struct pool *pool;
    pthread_mutex_t lock; /* the rings, the kept queries */
    struct tick_query *kept[QUERIES_KEPT];
    size_t kept_count;
    atomic_uint_least64_t loads;
    struct load_counts counts;
    struct latency latencies[PG_SOURCE_QUERIES];
};

static struct pg_source *pg_source_of(struct source *source)
{
    return CONTAINER_OF(source, struct pg_source, source);
}

static void note_latency(struct pg_source *source, enum pg_source_query query, int64_t begun_us)
{
    latency_note(&source->latencies[query], clock_monotonic_us() - begun_us);
}

/* ---- loads of ticks, and of candles ---- */

struct tick_task {
    struct pool_task task;
    struct pg_source *owner;
    struct tick_load *load;
    struct list load_link;
    struct load_progress progress;
};

static struct tick_task *tick_task_of(struct pool_task *task)
{
    return CONTAINER_OF(task, struct tick_task, task);
}

static struct tick_query *query_borrow(struct pg_source *owner)
{
    struct tick_query *query = NULL;
    pthread_mutex_lock(&owner->lock);
    if (owner->kept_count > 0)
        query = owner->kept[--owner->kept_count];
    pthread_mutex_unlock(&owner->lock);
    if (query == NULL) {
        query = MEM_NEW(struct tick_query);
        tick_query_init(query);
    }
    return query;
}

static void query_free(struct tick_query *query)
{
    tick_query_deinit(query);
    mem_free(query);
}

static void query_return(struct pg_source *owner, struct tick_query *query)
{
    bool is_kept = query->cutter.builder.capacity <= 2 * BLOCK_ROWS_MAX;
    pthread_mutex_lock(&owner->lock);
    is_kept = is_kept && owner->kept_count < QUERIES_KEPT;
    if (is_kept)
        owner->kept[owner->kept_count++] = query;
    pthread_mutex_unlock(&owner->lock);
    if (!is_kept)
        query_free(query);
}

static enum status load_check(const struct tick_load *load, struct error *error)
{
    size_t length = strnlen(load->symbol, sizeof load->symbol);
    enum status status = symbol_check(load->symbol, length, error);
    if (status != STATUS_OK)
        return status;
    if (load->range.from > load->range.to || load->range.from < TIME_MIN ||
        load->range.to > TIME_MAX + 1)
        return error_set(error, STATUS_INVALID, "not a time range: from %s to %s",
                         time_format(load->range.from).text, time_format(load->range.to).text);
    return load->interval_us != 0 ? candle_load_check(load, error) : STATUS_OK;
}

static enum status run_ticks(struct tick_task *task, struct connection *connection,
                             struct error *error)
{
    struct tick_query *query = query_borrow(task->owner);
    int64_t begun_us = clock_monotonic_us();
    enum status status = tick_query_run(query, connection, task->load, &task->progress, error);
    note_latency(task->owner, PG_SOURCE_TICKS, begun_us);
    query_return(task->owner, query);
    return status;
}

static enum status run_candles(struct tick_task *task, struct connection *connection,
                               struct error *error)
{
    int64_t begun_us = clock_monotonic_us();
    enum status status = candle_load_run(connection, task->load, &task->progress, error);
    note_latency(task->owner, PG_SOURCE_CANDLES, begun_us);
    return status;
}

static enum status tick_task_run(struct pool_task *task, struct connection *connection,
                                 struct error *error)
{
    struct tick_task *tick_task = tick_task_of(task);
    struct tick_load *load = tick_task->load;
    if (atomic_load_explicit(&load->cancelled, memory_order_relaxed))
        return error_set(error, STATUS_END, "cancelled");
    enum status status = load_check(load, error);
    if (status != STATUS_OK)
        return status;
    struct time_range left = tick_task->progress.left;
    status = load->interval_us != 0 ? run_candles(tick_task, connection, error)
                                    : run_ticks(tick_task, connection, error);
    const struct time_range *now_left = &tick_task->progress.left;
    task->progressed = now_left->from > left.from || now_left->to < left.to;
    return status;
}

static void tick_task_finish(struct pool_task *task, enum status status, const struct error *error)
{
    struct tick_task *tick_task = tick_task_of(task);
    struct pg_source *owner = tick_task->owner;
    struct tick_load *load = tick_task->load;
    /* From here on a cancel finds nothing, and nothing refers to the task. */
    pthread_mutex_lock(&owner->lock);
    list_remove(&load->node);
    pthread_mutex_unlock(&owner->lock);
    mem_free(tick_task);
    atomic_fetch_add(&owner->loads, 1);
    load->done(load, status, error);
}

static const struct pool_task_ops tick_task_ops = {tick_task_run, tick_task_finish};

static void load_ticks(struct source *source, struct tick_load *load)
{
    struct pg_source *owner = pg_source_of(source);
    struct tick_task *task = MEM_NEW(struct tick_task);
    task->task.ops = &tick_task_ops;
    task->task.class = load->urgency == SOURCE_URGENT ? POOL_URGENT : POOL_PREFETCH;
    task->owner = owner;
    task->load = load;
    task->progress = load_progress_start(load, &owner->counts);
    list_init(&task->load_link);
    list_init(&load->node);
    list_append(&task->load_link, &load->node);
    pool_submit(owner->pool, &task->task);
}

/* Under the lock: NULL when the load has come to its end. */
static struct tick_task *task_of_load(struct tick_load *load)
{
    if (list_is_empty(&load->node))
        return NULL;
    return CONTAINER_OF(load->node.next, struct tick_task, load_link);
}

static void cancel_ticks(struct source *source, struct tick_load *load)
{
    struct pg_source *owner = pg_source_of(source);
    atomic_store(&load->cancelled, true);
    pthread_mutex_lock(&owner->lock);
    struct tick_task *task = task_of_load(load);
    if (task != NULL)
        pool_cancel(owner->pool, &task->task);
    pthread_mutex_unlock(&owner->lock);
}

static void urge_ticks(struct source *source, struct tick_load *load)
{
    struct pg_source *owner = pg_source_of(source);
    pthread_mutex_lock(&owner->lock);
    struct tick_task *task = task_of_load(load);
    if (task != NULL)
        pool_urge(owner->pool, &task->task);
    pthread_mutex_unlock(&owner->lock);
}

/* ---- last values ---- */

struct values_task {
    struct pool_task task;
    struct pg_source *owner;
    struct last_values_request *request;
};

/* {"a","b"} */
static void append_array(struct buffer *text, size_t count, const char *const *names)
{
    buffer_append_u8(text, '{');
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(text, i > 0 ? ",\"" : "\"");
        for (const char *c = names[i]; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\')
                buffer_append_u8(text, '\\');
            buffer_append_u8(text, (uint8_t)*c);
        }
        buffer_append_u8(text, '"');
    }
    buffer_append_u8(text, '}');
}

static enum status read_price(const PGresult *result, int row, int column, int64_t *price)
{
    const char *text = result_text(result, row, column);
    *price = DECIMAL_NULL;
    return text != NULL ? decimal_parse(text, strlen(text), price) : STATUS_OK;
}

static enum status read_values(const PGresult *result, int row, struct last_values *values)
{
    values->time = INT64_MIN;
    if (result_text(result, row, 1) != NULL &&
        result_int64(result, row, 1, &values->time) != STATUS_OK)
        return STATUS_INTERNAL;
    values->fields[TICK_VOLUME] = DECIMAL_NULL;
    for (int field = TICK_BID; field <= TICK_LAST; field++)
        if (read_price(result, row, 2 + field, &values->fields[field]) != STATUS_OK)
            return STATUS_INTERNAL;
    return STATUS_OK;
}

static enum status read_all_values(const PGresult *result, struct last_values_request *request,
                                   struct error *error)
{
    bool is_right = (size_t)PQntuples(result) == request->symbol_count;
    for (size_t i = 0; i < request->symbol_count && is_right; i++) {
        const char *symbol = result_text(result, (int)i, 0);
        is_right = symbol != NULL && strcmp(symbol, request->symbols[i]) == 0 &&
                   read_values(result, (int)i, &request->values[i]) == STATUS_OK;
    }
    return is_right ? STATUS_OK
                    : error_set(error, STATUS_INTERNAL,
                                "database: tapedeck.last_values answered something else");
}

static enum status query_values(struct connection *connection, struct last_values_request *request,
                                struct buffer *array, struct error *error)
{
    append_array(array, request->symbol_count, request->symbols);
    const char *names = buffer_text(array);
    if (array->failed)
        return error_set(error, STATUS_LIMIT, "names of symbols too long");
    struct time_text at = time_format(request->at);
    const char *const parameters[] = {names, at.text};
    PGresult *result;
    enum status status =
        connection_query(connection,
                         "SELECT symbol, tapedeck.time_us(tick_time), bid_price, ask_price,"
                         " last_price FROM tapedeck.last_values($1::text[], $2::timestamptz)",
                         2, parameters, &result, error);
    if (status != STATUS_OK)
        return status;
    status = read_all_values(result, request, error);
    PQclear(result);
    return status;
}

static enum status values_task_run(struct pool_task *task, struct connection *connection,
                                   struct error *error)
{
    const struct values_task *values_task = CONTAINER_OF(task, struct values_task, task);
    struct buffer array;
    buffer_init(&array, ARRAY_BYTES_MAX);
    int64_t begun_us = clock_monotonic_us();
    enum status status = query_values(connection, values_task->request, &array, error);
    note_latency(values_task->owner, PG_SOURCE_LAST_VALUES, begun_us);
    buffer_deinit(&array);
    return status;
}

static void values_task_finish(struct pool_task *task, enum status status,
                               const struct error *error)
{
    struct last_values_request *request = CONTAINER_OF(task, struct values_task, task)->request;
    mem_free(CONTAINER_OF(task, struct values_task, task));
    request->status = status;
    request->error = *error;
    inbox_post(request->inbox, &request->letter);
}

static const struct pool_task_ops values_task_ops = {values_task_run, values_task_finish};

static void ask_last_values(struct source *source, struct last_values_request *request)
{
    ASSERT(request->symbol_count <= SOURCE_SYMBOLS_PER_REQUEST);
    struct values_task *task = MEM_NEW(struct values_task);
    task->task.ops = &values_task_ops;
    task->task.class = POOL_SMALL;
    task->owner = pg_source_of(source);
    task->request = request;
    pool_submit(pg_source_of(source)->pool, &task->task);
}

/* ---- symbols ---- */

struct symbols_task {
    struct pool_task task;
    struct pg_source *owner;
    struct symbols_request *request;
};

static void read_symbol_fields(const PGresult *result, int row, struct symbol *symbol)
{
    for (int field = TICK_BID; field <= TICK_LAST; field++) {
        int column = 5 + field;
        if (result_text(result, row, column) == NULL)
            continue;
        uint8_t *set = result_bool(result, row, column) ? &symbol->has : &symbol->lacks;
        *set |= (uint8_t)TICK_FIELD_BIT(field);
    }
}

static enum status read_symbol(const PGresult *result, int row, struct symbol *symbol)
{
    const char *name = result_text(result, row, 0);
    if (name == NULL || symbol_check(name, strlen(name), NULL) != STATUS_OK)
        return STATUS_INVALID;
    memcpy(symbol->name, name, strlen(name) + 1);
    if (result_int64(result, row, 1, &symbol->from) != STATUS_OK ||
        result_int64(result, row, 2, &symbol->to) != STATUS_OK ||
        result_int64(result, row, 3, &symbol->ticks) != STATUS_OK)
        return STATUS_INTERNAL;
    symbol->to++;
    symbol->exact = result_bool(result, row, 4);
    read_symbol_fields(result, row, symbol);
    return STATUS_OK;
}

static enum status read_symbols(const PGresult *result, struct symbols_request *request,
                                struct error *error)
{
    int rows = PQntuples(result);
    struct symbol *symbols = mem_alloc_zeroed(sizeof *symbols * (size_t)(rows > 0 ? rows : 1));
    size_t count = 0;
    for (int row = 0; row < rows; row++) {
        enum status status = read_symbol(result, row, &symbols[count]);
        if (status == STATUS_INTERNAL) {
            mem_free(symbols);
            return error_set(error, STATUS_INTERNAL,
                             "database: tapedeck.symbols_list answered something else");
        }
        /* Others may write names that no client could ask for: they are left out. */
        count += status == STATUS_OK;
    }
    request->symbols = symbols;
    request->symbol_count = count;
    return STATUS_OK;
}

static enum status query_symbols(struct connection *connection, struct symbols_request *request,
                                 struct error *error)
{
    PGresult *result;
    enum status status = connection_query(
        connection,
        "SELECT symbol, tapedeck.time_us(first_time), tapedeck.time_us(last_time),"
        " ticks, exact, has_bid, has_ask, has_last FROM tapedeck.symbols_list(NULL, NULL)",
        0, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    status = read_symbols(result, request, error);
    PQclear(result);
    return status;
}

static enum status symbols_task_run(struct pool_task *task, struct connection *connection,
                                    struct error *error)
{
    const struct symbols_task *symbols_task = CONTAINER_OF(task, struct symbols_task, task);
    int64_t begun_us = clock_monotonic_us();
    enum status status = query_symbols(connection, symbols_task->request, error);
    note_latency(symbols_task->owner, PG_SOURCE_SYMBOLS, begun_us);
    return status;
}

static void symbols_task_finish(struct pool_task *task, enum status status,
                                const struct error *error)
{
    struct symbols_request *request = CONTAINER_OF(task, struct symbols_task, task)->request;
    mem_free(CONTAINER_OF(task, struct symbols_task, task));
    request->status = status;
    request->error = *error;
    inbox_post(request->inbox, &request->letter);
}

static const struct pool_task_ops symbols_task_ops = {symbols_task_run, symbols_task_finish};

static void ask_symbols(struct source *source, struct symbols_request *request)
{
    request->symbols = NULL;
    request->symbol_count = 0;
    struct symbols_task *task = MEM_NEW(struct symbols_task);
    task->task.ops = &symbols_task_ops;
    task->task.class = POOL_SMALL;
    task->owner = pg_source_of(source);
    task->request = request;
    pool_submit(pg_source_of(source)->pool, &task->task);
}

/* ---- the source ---- */

static const struct source_ops ops = {
    .load_ticks = load_ticks,
    .cancel_ticks = cancel_ticks,
    .urge_ticks = urge_ticks,
    .last_values = ask_last_values,
    .symbols = ask_symbols,
};

enum status pg_source_create(const struct pool_options *options, struct pg_source **created,
                             struct error *error)
{
    enum status status = connection_url_check(options->url, error);
    if (status != STATUS_OK)
        return status;
    struct pg_source *source = MEM_NEW(struct pg_source);
    source->source.ops = &ops;
    pthread_mutex_init(&source->lock, NULL);
    status = pool_create(options, &source->pool, error);
    if (status != STATUS_OK) {
        pthread_mutex_destroy(&source->lock);
        mem_free(source);
        return status;
    }
    *created = source;
    return STATUS_OK;
}

void pg_source_destroy(struct pg_source **place)
{
    struct pg_source *source = *place;
    *place = NULL;
    if (source == NULL)
        return;
    pool_destroy(&source->pool);
    while (source->kept_count > 0)
        query_free(source->kept[--source->kept_count]);
    pthread_mutex_destroy(&source->lock);
    mem_free(source);
}

struct source *pg_source_interface(struct pg_source *source)
{
    return &source->source;
}

const char *pg_source_query_name(enum pg_source_query query)
{
    switch (query) {
    case PG_SOURCE_TICKS:
        return "ticks";
    case PG_SOURCE_CANDLES:
        return "candles";
    case PG_SOURCE_LAST_VALUES:
        return "last_values";
    case PG_SOURCE_SYMBOLS:
        break;
    }
    return "symbols";
}

struct pg_source_statistics pg_source_statistics(struct pg_source *source)
{
    struct pg_source_statistics statistics = {
        .pool = pool_statistics(source->pool),
        .loads = atomic_load(&source->loads),
        .stretches = atomic_load(&source->counts.stretches),
        .rows = atomic_load(&source->counts.rows),
    };
    for (int query = 0; query < PG_SOURCE_QUERIES; query++)
        statistics.latencies[query] = latency_read(&source->latencies[query]);
    return statistics;
}

void pg_source_on_availability(struct pg_source *source, pool_availability_fn *fn, void *owner)
{
    pool_on_availability(source->pool, fn, owner);
}
