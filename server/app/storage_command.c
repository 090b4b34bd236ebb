#include "app/storage_command.h"

#include "app/cells.h"
#include "app/operations_connection.h"
#include "app/terminal.h"
#include "app/when.h"
#include "market/time.h"
#include "store/storage_query.h"
#include "wire/size_text.h"
#include "wire/storage.h"

#include <math.h>
#include <stdio.h>

#define JSON_BYTES_MAX ((size_t)16 << 20)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define STORAGE_FIELD(field) .offset = offsetof(struct storage_values, field)
#define JSON_OPTION                                                                                \
    {                                                                                              \
        .name = "json", .type = OPTION_SWITCH, STORAGE_FIELD(json),                                \
        .help = "print one JSON object, as the protocol has it; times in µs since the epoch"      \
    }

const struct storage_values storage_defaults = {.limit = STORAGE_HISTORY_LIMIT};
const struct option storage_options[STORAGE_OPTION_COUNT] = {JSON_OPTION};
const struct option storage_history_options[STORAGE_HISTORY_OPTION_COUNT] = {
    {.name = "limit",
     .type = OPTION_INTEGER,
     STORAGE_FIELD(limit),
     .min = 1,
     .max = STORAGE_HISTORY_MAX,
     .help = "how many samples, the newest first (default 30)"},
    JSON_OPTION,
};

/* ---- JSON ---- */

static void begin_json(struct writer *writer, struct buffer *json, size_t pairs)
{
    buffer_init(json, JSON_BYTES_MAX);
    writer_init(writer, json, WIRE_JSON);
    writer_map(writer, pairs);
}

static enum status print_json(struct writer *writer, struct buffer *json, struct error *error)
{
    writer_end(writer);
    bool is_whole = !json->failed;
    if (is_whole)
        printf("%s\n", buffer_text(json));
    buffer_deinit(json);
    return is_whole ? STATUS_OK : error_set(error, STATUS_LIMIT, "more than can be told at once");
}

/* Without what only a running server has: its cache and its alerts. */
static enum status print_report_json(const struct storage_report *report, struct error *error)
{
    struct buffer json;
    struct writer writer;
    begin_json(&writer, &json, 8);
    writer_key(&writer, "database_size_bytes");
    writer_integer(&writer, report->database_bytes);
    writer_key(&writer, "database_size_pretty");
    writer_text(&writer, size_format(report->database_bytes).text);
    writer_key(&writer, "timestamp");
    operations_write_time(&writer, report->taken_at, WIRE_TIMES_US);
    writer_key(&writer, "tables");
    storage_write_tables(&writer, report);
    writer_key(&writer, "compression");
    storage_write_compression(&writer, report);
    writer_key(&writer, "disk");
    storage_write_disk(&writer, &report->disk);
    writer_key(&writer, "growth_bytes_per_day");
    operations_write_number(&writer, report->growth_bytes_per_day);
    writer_key(&writer, "days_until_full");
    operations_write_number(&writer, storage_days_until_full(report));
    return print_json(&writer, &json, error);
}

static enum status print_history_json(const struct storage_history *history, struct error *error)
{
    struct buffer json;
    struct writer writer;
    begin_json(&writer, &json, 1);
    writer_key(&writer, "samples");
    storage_write_samples(&writer, history, WIRE_TIMES_US);
    return print_json(&writer, &json, error);
}

/* ---- for people ---- */

static void print_growth(const struct storage_report *report)
{
    double growth = report->growth_bytes_per_day;
    if (isnan(growth)) {
        printf("growth    not known yet: the samples of a few nights tell\n");
        return;
    }
    printf("growth    %s%s a day", growth < 0 ? "-" : "",
           terminal_bytes((int64_t)fabs(growth)).text);
    double days = storage_days_until_full(report);
    if (isfinite(days))
        printf("; the disk is full in %s days", terminal_count((int64_t)fmin(days, 1e9)).text);
    printf("\n");
}

static void print_whole(const struct storage_report *report)
{
    printf("database  %s at %.19sZ\n", terminal_bytes(report->database_bytes).text,
           time_format(report->taken_at).text);
    if (report->disk.path != NULL)
        printf("disk      %s free of %s, %s\n", terminal_bytes(report->disk.free_bytes).text,
               terminal_bytes(report->disk.total_bytes).text, report->disk.path);
    else
        printf("disk      not on this machine\n");
    print_growth(report);
}

static void print_tables(const struct storage_report *report)
{
    static const struct table_column columns[] = {{"table", CELL_TEXT},
                                                  {"rows", CELL_NUMBER},
                                                  {"size", CELL_BYTES},
                                                  {"hypertable", CELL_BOOL}};
    struct cells cells;
    cells_init(&cells, columns, COUNT(columns));
    for (size_t i = 0; i < report->table_count; i++) {
        const struct storage_table *table = &report->tables[i];
        cells_add(&cells, table->name);
        cells_add_format(&cells, "%s%s", table->exact ? "" : "about ",
                         terminal_count(table->rows).text);
        cells_add_number(&cells, table->bytes);
        cells_add(&cells, table->is_hypertable ? "t" : "f");
    }
    printf("\n");
    cells_print(&cells);
    cells_deinit(&cells);
}

static void add_compressed(struct cells *cells, const struct storage_compression *of)
{
    cells_add(cells, of->table);
    cells_add_number(cells, of->total_chunks);
    cells_add_number(cells, of->compressed_chunks);
    cells_add_number(cells, of->overdue_chunks);
    if (of->compressed_chunks == 0 || of->compressed_bytes == 0) {
        cells_add(cells, NULL);
        cells_add(cells, NULL);
        cells_add(cells, NULL);
        return;
    }
    cells_add_number(cells, of->uncompressed_bytes);
    cells_add_number(cells, of->compressed_bytes);
    cells_add_format(cells, "%.1f", (double)of->uncompressed_bytes / (double)of->compressed_bytes);
}

static void print_compression(const struct storage_report *report)
{
    static const struct table_column columns[] = {
        {"compression", CELL_TEXT}, {"chunks", CELL_COUNT}, {"compressed", CELL_COUNT},
        {"overdue", CELL_COUNT},    {"before", CELL_BYTES}, {"after", CELL_BYTES},
        {"ratio", CELL_NUMBER}};
    if (report->compression_count == 0)
        return;
    struct cells cells;
    cells_init(&cells, columns, COUNT(columns));
    for (size_t i = 0; i < report->compression_count; i++)
        add_compressed(&cells, &report->compression[i]);
    printf("\n");
    cells_print(&cells);
    cells_deinit(&cells);
}

/* Of the largest of its tables: all of them would be a line too long. */
static const struct storage_table *largest_of(const struct storage_sample *sample)
{
    const struct storage_table *largest = NULL;
    for (size_t i = 0; i < sample->table_count; i++)
        if (largest == NULL || sample->tables[i].bytes > largest->bytes)
            largest = &sample->tables[i];
    return largest;
}

static void print_history(const struct storage_history *history)
{
    static const struct table_column columns[] = {{"sampled (UTC)", CELL_TEXT},
                                                  {"database", CELL_BYTES},
                                                  {"change", CELL_NUMBER},
                                                  {"largest table", CELL_TEXT},
                                                  {"size", CELL_BYTES}};
    struct cells cells;
    cells_init(&cells, columns, COUNT(columns));
    for (size_t i = 0; i < history->sample_count; i++) {
        const struct storage_sample *sample = &history->samples[i];
        const struct storage_table *largest = largest_of(sample);
        cells_add_format(&cells, "%.19s", time_format(sample->sampled_at).text);
        cells_add_number(&cells, sample->total_bytes);
        if (i + 1 < history->sample_count) {
            int64_t change = sample->total_bytes - history->samples[i + 1].total_bytes;
            cells_add_format(&cells, "%c%s", change < 0 ? '-' : '+',
                             terminal_bytes(change < 0 ? -change : change).text);
        } else {
            cells_add(&cells, NULL);
        }
        cells_add(&cells, largest != NULL ? largest->name : NULL);
        if (largest != NULL)
            cells_add_number(&cells, largest->bytes);
        else
            cells_add(&cells, NULL);
    }
    cells_print(&cells);
    cells_deinit(&cells);
}

/* ---- the commands ---- */

static enum status report(struct connection *connection, const struct database *database,
                          void *owner, struct error *error)
{
    const struct storage_values *values = owner;
    const char *data_path = database->cluster != NULL ? cluster_data_path(database->cluster) : NULL;
    struct storage_report *report;
    enum status status = storage_query_report(connection, data_path, &report, error);
    if (status != STATUS_OK)
        return status;
    if (values->json) {
        status = print_report_json(report, error);
    } else {
        print_whole(report);
        print_tables(report);
        print_compression(report);
    }
    storage_report_free(&report);
    return status;
}

int storage_run(const struct configuration *configuration, const struct invocation *invocation)
{
    struct storage_values values = *(const struct storage_values *)invocation->values;
    return operations_work(configuration, DATABASE_JOIN, report, NULL, &values) ? EXIT_DONE
                                                                                : EXIT_FAILED;
}

static enum status list_history(struct connection *connection, const struct database *database,
                                void *owner, struct error *error)
{
    (void)database;
    const struct storage_values *values = owner;
    struct storage_history *history;
    enum status status = storage_query_history(connection, (size_t)values->limit, &history, error);
    if (status != STATUS_OK)
        return status;
    if (values->json)
        status = print_history_json(history, error);
    else if (history->sample_count == 0)
        terminal_step(
            "there are no samples yet: one is taken every night, and by `tapedeck storage "
            "sample`");
    else
        print_history(history);
    storage_history_free(&history);
    return status;
}

int storage_history_run(const struct configuration *configuration,
                        const struct invocation *invocation)
{
    struct storage_values values = *(const struct storage_values *)invocation->values;
    return operations_work(configuration, DATABASE_JOIN, list_history, NULL, &values) ? EXIT_DONE
                                                                                      : EXIT_FAILED;
}

static enum status take_sample(struct connection *connection, const struct database *database,
                               void *owner, struct error *error)
{
    (void)database;
    (void)owner;
    return connection_execute(connection, "select tapedeck.storage_sample()", error);
}

int storage_sample_run(const struct configuration *configuration,
                       const struct invocation *invocation)
{
    (void)invocation;
    if (!operations_work(configuration, DATABASE_JOIN, take_sample, NULL, NULL))
        return EXIT_FAILED;
    terminal_step("the sizes are in the history");
    return EXIT_DONE;
}
