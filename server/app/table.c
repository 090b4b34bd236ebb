#include "app/table.h"

#include "app/table_inner.h"
#include "app/table_print.h"
#include "app/terminal.h"
#include "base/mem.h"
#include "market/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES_MAX 4096
#define PERCENTILES_MAX 16 /* as tapedeck.table_buckets() has it */
#define ARRAY_BYTES_MAX 1024

/* ---- the frame of all of them ---- */

int table_missing(const char *what)
{
    terminal_error("%s", what);
    return EXIT_USAGE;
}

int table_run(const struct configuration *configuration, const struct invocation *invocation,
              const char *verb, table_work_fn *work)
{
    struct database database;
    struct error error = {.text = ""};
    struct table_run run = {.values = invocation->values,
                            .name =
                                invocation->argument_count > 0 ? invocation->arguments[0] : NULL};
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        run.connection = database_connect(&database, "table", &error);
        status = run.connection != NULL ? work(&run, &error) : error.status;
        connection_close(&run.connection);
        database_close(&database);
    }
    if (status == STATUS_OK)
        return run.is_refused ? EXIT_FAILED : EXIT_DONE;
    if (run.name != NULL)
        (void)error_prefix(&error, "table %s %s", verb, run.name);
    else
        (void)error_prefix(&error, "table %s", verb);
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}

const char *table_number(struct table_text *text, int64_t number)
{
    (void)snprintf(text->text, sizeof text->text, "%lld", (long long)number);
    return text->text;
}

const char *table_duration(struct table_text *text, int64_t duration_us)
{
    return duration_us > 0 ? table_number(text, duration_us) : NULL;
}

const char *table_instant(struct table_text *text, int64_t time)
{
    if (time == TABLE_ANY)
        return NULL;
    (void)snprintf(text->text, sizeof text->text, "%s", time_format(time).text);
    return text->text;
}

/* ---- routines that change something and say what is so now ---- */

static enum status tell(struct table_run *run, const char *sql, int count,
                        const char *const *parameters, struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(run->connection, sql, count, parameters, &row, error);
    if (status != STATUS_OK)
        return status;
    terminal_step("%s", result_text(row, 0, 0));
    PQclear(row);
    return STATUS_OK;
}

static enum status make_hypertable(struct table_run *run, struct error *error)
{
    const struct table_values *values = run->values;
    struct table_text chunk;
    const char *parameters[] = {run->name, values->time, table_number(&chunk, values->chunk_us),
                                values->migrate_data ? "true" : "false"};
    return tell(run, "select tapedeck.table_hypertable($1, $2, $3, $4)", 4, parameters, error);
}

int table_hypertable_run(const struct configuration *configuration,
                         const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if (values->time == NULL)
        return table_missing("table hypertable needs the column of times: --time COLUMN");
    return table_run(configuration, invocation, "hypertable", make_hypertable);
}

static enum status set_retention(struct table_run *run, struct error *error)
{
    struct table_text after;
    const char *parameters[] = {run->name, table_duration(&after, run->values->drop_after_us)};
    return tell(run, "select tapedeck.table_retention($1, $2)", 2, parameters, error);
}

int table_retention_run(const struct configuration *configuration,
                        const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if ((values->drop_after_us > 0) == values->off)
        return table_missing("table retention needs one of --drop-after DURATION and --off");
    return table_run(configuration, invocation, "retention", set_retention);
}

static enum status set_compression(struct table_run *run, struct error *error)
{
    const struct table_values *values = run->values;
    struct table_text after;
    const char *parameters[] = {run->name, table_duration(&after, values->after_us),
                                values->segment_by, values->order_by};
    return tell(run, "select tapedeck.table_compression($1, $2, $3, $4)", 4, parameters, error);
}

int table_compression_run(const struct configuration *configuration,
                          const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if ((values->after_us > 0) == values->off)
        return table_missing("table compression needs one of --after DURATION and --off");
    return table_run(configuration, invocation, "compression", set_compression);
}

static enum status make_aggregate(struct table_run *run, struct error *error)
{
    const struct table_values *values = run->values;
    struct table_text bucket;
    struct table_text refresh;
    const char *parameters[] = {run->name,
                                values->source,
                                table_duration(&bucket, values->bucket_us),
                                values->time,
                                values->group_by,
                                values->select,
                                values->order,
                                table_duration(&refresh, values->refresh_us)};
    return tell(run, "select tapedeck.table_aggregate($1, $2, $3, $4, $5, $6, $7, $8)", 8,
                parameters, error);
}

int table_aggregate_run(const struct configuration *configuration,
                        const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if (values->source == NULL || values->bucket_us == 0 || values->time == NULL ||
        values->select == NULL)
        return table_missing("table aggregate needs --from TABLE, --bucket DURATION, --time COLUMN "
                             "and --select LIST");
    return table_run(configuration, invocation, "aggregate", make_aggregate);
}

/* ---- questions ---- */

static void print_lines(const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++)
        printf("%s\n", result_text(result, row, 0));
}

void table_show(const PGresult *result, const struct table_column *columns, bool is_sheet)
{
    size_t rows = (size_t)PQntuples(result);
    size_t width = (size_t)PQnfields(result);
    const char **cells = mem_alloc_zeroed((rows * width + 1) * sizeof *cells);
    for (size_t i = 0; i < rows * width; i++)
        cells[i] = result_text(result, (int)(i / width), (int)(i % width));
    struct table_print print = {
        .columns = columns, .column_count = width, .cells = cells, .row_count = rows};
    if (is_sheet && rows == 1)
        table_print_sheet(&print, 0, stdout);
    else
        table_print(&print, stdout);
    mem_free(cells);
}

enum status table_ask(struct table_run *run, const struct table_question *question,
                      PGresult **result, struct error *error)
{
    char sql[SQL_BYTES_MAX];
    int length =
        snprintf(sql, sizeof sql, run->values->json ? "select row_to_json(r) from (%s) r" : "%s",
                 question->sql);
    if (length < 0 || (size_t)length >= sizeof sql)
        return error_set(error, STATUS_INTERNAL, "a question longer than %d bytes", SQL_BYTES_MAX);
    return connection_query(run->connection, sql, question->parameter_count, question->parameters,
                            result, error);
}

/* Asks, and prints the answer as JSON lines, as a table, or one row as a sheet. */
static enum status ask_and_print(struct table_run *run, const struct table_question *question,
                                 struct error *error)
{
    PGresult *result;
    enum status status = table_ask(run, question, &result, error);
    if (status != STATUS_OK)
        return status;
    if (run->values->json)
        print_lines(result);
    else
        table_show(result, question->columns, question->is_sheet);
    PQclear(result);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "the answer cannot be written: %s",
                         strerror(errno));
    return STATUS_OK;
}

static const struct table_column chunk_columns[] = {
    {"chunk", CELL_TEXT},         {"from", CELL_TEXT},   {"to", CELL_TEXT},
    {"rows (about)", CELL_COUNT}, {"size", CELL_BYTES},  {"compressed", CELL_BOOL},
    {"before", CELL_BYTES},       {"after", CELL_BYTES},
};

static enum status list_chunks(struct table_run *run, struct error *error)
{
    struct table_text from;
    struct table_text to;
    const char *parameters[] = {run->name, table_instant(&from, run->values->from),
                                table_instant(&to, run->values->to)};
    struct table_question question = {
        .sql = "select chunk, tapedeck.table_time_text(range_start) as range_start,"
               " tapedeck.table_time_text(range_end) as range_end, row_estimate, bytes, compressed,"
               " before_bytes, after_bytes from tapedeck.table_chunks($1, $2, $3)",
        .parameters = parameters,
        .parameter_count = 3,
        .columns = chunk_columns};
    return ask_and_print(run, &question, error);
}

int table_chunks_run(const struct configuration *configuration, const struct invocation *invocation)
{
    return table_run(configuration, invocation, "chunks", list_chunks);
}

/* "{50,99.9}" of texts that are numbers, and nothing else. */
static enum status percentile_array(const struct option_list *list, char *array, size_t bytes,
                                    struct error *error)
{
    size_t used = 0;
    if (list->count > PERCENTILES_MAX)
        return error_set(error, STATUS_LIMIT, "at most %d percentiles", PERCENTILES_MAX);
    for (size_t i = 0; i < list->count; i++) {
        char *end;
        double value = strtod(list->items[i], &end);
        if (end == list->items[i] || *end != '\0' || !(value >= 0 && value <= 100))
            return error_set(error, STATUS_INVALID,
                             "--percentiles: \"%s\" is no number from 0 to 100", list->items[i]);
        used += (size_t)snprintf(array + used, bytes - used, "%s%.15g", i > 0 ? "," : "{", value);
    }
    (void)snprintf(array + used, bytes - used, used > 0 ? "}" : "{}");
    return STATUS_OK;
}

/* Adds "percentiles[1] as p50" for each, with a column of that title. */
static void add_percentiles(const struct option_list *list, struct buffer *sql,
                            struct table_column *columns, char titles[][32])
{
    for (size_t i = 0; i < list->count; i++) {
        (void)snprintf(titles[i], 32, "p%.15g", strtod(list->items[i], NULL));
        columns[i] = (struct table_column){titles[i], CELL_NUMBER};
        buffer_append_format(sql, ", percentiles[%zu] as \"%s\"", i + 1, titles[i]);
    }
}

static enum status ask_buckets(struct table_run *run, struct buffer *sql, const char *array,
                               struct error *error)
{
    const struct table_values *values = run->values;
    struct table_column columns[7 + PERCENTILES_MAX] = {
        {"bucket", CELL_TEXT}, {"group", CELL_TEXT}, {"count", CELL_COUNT}, {"avg", CELL_NUMBER},
        {"min", CELL_NUMBER},  {"max", CELL_NUMBER}, {"sum", CELL_NUMBER},
    };
    char titles[PERCENTILES_MAX][32];
    struct table_text bucket;
    struct table_text from;
    struct table_text to;
    struct table_text limit;
    bool is_grouped = values->group_by != NULL;
    if (!is_grouped)
        memmove(&columns[1], &columns[2], 5 * sizeof *columns);
    buffer_append_format(sql,
                         "select tapedeck.table_time_text(bucket) as bucket, %scount, avg, min,"
                         " max, sum",
                         is_grouped ? "grouped as \"group\", " : "");
    add_percentiles(&values->percentiles, sql, &columns[is_grouped ? 7 : 6], titles);
    buffer_append_text(sql, " from tapedeck.table_buckets($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    const char *parameters[] = {run->name,
                                table_number(&bucket, values->bucket_us),
                                values->time,
                                values->value,
                                values->group_by,
                                table_instant(&from, values->from),
                                table_instant(&to, values->to),
                                array,
                                table_number(&limit, values->limit)};
    struct table_question question = {.sql = buffer_text(sql),
                                      .parameters = parameters,
                                      .parameter_count = 9,
                                      .columns = columns};
    return ask_and_print(run, &question, error);
}

static enum status show_buckets(struct table_run *run, struct error *error)
{
    char array[ARRAY_BYTES_MAX];
    enum status status = percentile_array(&run->values->percentiles, array, sizeof array, error);
    if (status != STATUS_OK)
        return status;
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    status = ask_buckets(run, &sql, array, error);
    buffer_deinit(&sql);
    return status;
}

int table_buckets_run(const struct configuration *configuration,
                      const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if (values->bucket_us == 0 || values->time == NULL || values->value == NULL)
        return table_missing("table buckets needs --bucket DURATION, --time COLUMN and --value "
                             "COLUMN");
    return table_run(configuration, invocation, "buckets", show_buckets);
}

static const struct table_column ohlcv_columns[] = {
    {"bucket", CELL_TEXT}, {"symbol", CELL_TEXT},  {"open", CELL_NUMBER},   {"high", CELL_NUMBER},
    {"low", CELL_NUMBER},  {"close", CELL_NUMBER}, {"volume", CELL_NUMBER}, {"trades", CELL_COUNT},
};

static enum status show_ohlcv(struct table_run *run, struct error *error)
{
    const struct table_values *values = run->values;
    struct table_text bucket;
    struct table_text from;
    struct table_text to;
    struct table_text limit;
    const char *parameters[] = {run->name,
                                table_number(&bucket, values->bucket_us),
                                values->time,
                                values->price,
                                values->volume,
                                values->symbol_column,
                                values->symbol,
                                values->order,
                                table_instant(&from, values->from),
                                table_instant(&to, values->to),
                                table_number(&limit, values->limit)};
    struct table_question question = {
        .sql = "select tapedeck.table_time_text(bucket) as bucket, symbol, open, high, low, close,"
               " volume, trades from"
               " tapedeck.table_ohlcv($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        .parameters = parameters,
        .parameter_count = 11,
        .columns = ohlcv_columns};
    return ask_and_print(run, &question, error);
}

int table_ohlcv_run(const struct configuration *configuration, const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if (values->bucket_us == 0 || values->time == NULL || values->price == NULL)
        return table_missing("table ohlcv needs --bucket DURATION, --time COLUMN and --price "
                             "COLUMN");
    if (values->symbol != NULL && values->symbol_column == NULL)
        return table_missing("--symbol needs the column that it is in: --symbol-column COLUMN");
    return table_run(configuration, invocation, "ohlcv", show_ohlcv);
}

static const struct table_column info_columns[] = {
    {"table", CELL_TEXT},    {"kind", CELL_TEXT},    {"rows (about)", CELL_COUNT},
    {"total", CELL_BYTES},   {"heap", CELL_BYTES},   {"indexes", CELL_BYTES},
    {"toast", CELL_BYTES},   {"chunks", CELL_COUNT}, {"compressed", CELL_COUNT},
    {"before", CELL_BYTES},  {"after", CELL_BYTES},  {"ratio", CELL_NUMBER},
    {"policies", CELL_TEXT},
};

static enum status show_info(struct table_run *run, struct error *error)
{
    bool json = run->values->json;
    struct table_question question = {
        .sql = json ? "select * from tapedeck.table_info($1)"
                    : "select table_name, kind, row_estimate, total_bytes, table_bytes,"
                      " index_bytes, toast_bytes, chunks, compressed_chunks, before_bytes,"
                      " after_bytes, round(compression_ratio::numeric, 2),"
                      " (select string_agg(concat_ws(' ', p ->> 'kind',"
                      " coalesce(p #>> '{config,drop_after}', p #>> '{config,compress_after}',"
                      " p #>> '{config,start_offset}'),"
                      " case when p ->> 'enabled' = 'false' then '(off)' end), ', ')"
                      " from jsonb_array_elements(policies) p)"
                      " from tapedeck.table_info($1)",
        .parameters = &run->name,
        .parameter_count = 1,
        .columns = info_columns,
        .is_sheet = run->name != NULL};
    return ask_and_print(run, &question, error);
}

int table_info_run(const struct configuration *configuration, const struct invocation *invocation)
{
    return table_run(configuration, invocation, "info", show_info);
}
