#include "store/storage_query.h"

#include "base/mem.h"
#include "store/data_folder.h"
#include "store/result_number.h"

#include <stdio.h>
#include <string.h>

static enum status is_wrong(const char *routine, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, "database: tapedeck.%s answered something else",
                     routine);
}

/* ---- a report ---- */

static enum status read_whole(struct connection *connection, struct storage_report *report,
                              struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        connection,
        "select tapedeck.time_us(pg_catalog.clock_timestamp()),"
        " pg_catalog.pg_database_size(pg_catalog.current_database()), tapedeck.storage_growth()",
        0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    if (result_int64(row, 0, 0, &report->taken_at) != STATUS_OK ||
        result_int64(row, 0, 1, &report->database_bytes) != STATUS_OK ||
        result_double(row, 0, 2, &report->growth_bytes_per_day) != STATUS_OK)
        status = is_wrong("storage_growth", error);
    PQclear(row);
    return status;
}

static bool read_table(const PGresult *rows, int row, struct storage_table *table)
{
    const char *name = result_text(rows, row, 0);
    if (name == NULL || result_int64(rows, row, 1, &table->rows) != STATUS_OK ||
        result_int64(rows, row, 3, &table->bytes) != STATUS_OK)
        return false;
    table->name = mem_copy_text(name);
    table->exact = result_bool(rows, row, 2);
    table->is_hypertable = result_bool(rows, row, 4);
    return true;
}

static enum status read_tables(struct connection *connection, struct storage_report *report,
                               struct error *error)
{
    PGresult *rows;
    enum status status =
        connection_query(connection,
                         "select table_name, row_count, exact, size_bytes, is_hypertable"
                         " from tapedeck.storage_tables()",
                         0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    int count = PQntuples(rows);
    report->tables = mem_alloc_zeroed(sizeof *report->tables * ((size_t)count + 1));
    for (int row = 0; row < count && status == STATUS_OK; row++) {
        if (read_table(rows, row, &report->tables[row]))
            report->table_count++;
        else
            status = is_wrong("storage_tables", error);
    }
    PQclear(rows);
    return status;
}

static bool read_compressed(const PGresult *rows, int row, struct storage_compression *of)
{
    const char *name = result_text(rows, row, 0);
    if (name == NULL || result_int64(rows, row, 1, &of->total_chunks) != STATUS_OK ||
        result_int64(rows, row, 2, &of->compressed_chunks) != STATUS_OK ||
        result_int64(rows, row, 3, &of->compressed_bytes) != STATUS_OK ||
        result_int64(rows, row, 4, &of->uncompressed_bytes) != STATUS_OK ||
        result_int64(rows, row, 5, &of->overdue_chunks) != STATUS_OK)
        return false;
    of->table = mem_copy_text(name);
    return true;
}

static enum status read_compression(struct connection *connection, struct storage_report *report,
                                    struct error *error)
{
    PGresult *rows;
    enum status status = connection_query(
        connection,
        "select table_name, total_chunks, compressed_chunks, compressed_size, uncompressed_size,"
        " overdue_chunks from tapedeck.storage_compression()",
        0, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    int count = PQntuples(rows);
    report->compression = mem_alloc_zeroed(sizeof *report->compression * ((size_t)count + 1));
    for (int row = 0; row < count && status == STATUS_OK; row++) {
        if (read_compressed(rows, row, &report->compression[row]))
            report->compression_count++;
        else
            status = is_wrong("storage_compression", error);
    }
    PQclear(rows);
    return status;
}

static enum status read_disk(struct connection *connection, const char *data_path,
                             struct storage_report *report, struct error *error)
{
    if (data_path == NULL)
        return data_folder_find(connection, &report->disk, error);
    data_folder_measure(data_path, &report->disk);
    return STATUS_OK;
}

enum status storage_query_report(struct connection *connection, const char *data_path,
                                 struct storage_report **answer, struct error *error)
{
    struct storage_report *report = MEM_NEW(struct storage_report);
    enum status status = read_whole(connection, report, error);
    if (status == STATUS_OK)
        status = read_tables(connection, report, error);
    if (status == STATUS_OK)
        status = read_compression(connection, report, error);
    if (status == STATUS_OK)
        status = read_disk(connection, data_path, report, error);
    if (status == STATUS_OK)
        *answer = report;
    else
        storage_report_free(&report);
    return status;
}

/* ---- history ---- */

/* Rows of one sample follow each other; the first tells when and how much. */
enum history_column { HISTORY_AT, HISTORY_TOTAL, HISTORY_TABLE, HISTORY_BYTES };

static const char history_sql[] =
    "select tapedeck.time_us(s.sampled_at), s.total_bytes, t.name, t.bytes"
    "  from tapedeck.storage_history($1) s"
    "  left join lateral (select e.key, e.value::bigint"
    "                       from pg_catalog.jsonb_each_text(s.table_sizes) e) as t (name, bytes)"
    "    on true"
    " order by s.sampled_at desc, t.name collate \"C\"";

static bool begins_sample(const PGresult *rows, int row)
{
    return row == 0 ||
           strcmp(PQgetvalue(rows, row, HISTORY_AT), PQgetvalue(rows, row - 1, HISTORY_AT)) != 0;
}

static int rows_of_sample(const PGresult *rows, int row)
{
    int next = row + 1;
    while (next < PQntuples(rows) && !begins_sample(rows, next))
        next++;
    return next - row;
}

static bool read_sample(const PGresult *rows, int first, int count, struct storage_sample *sample)
{
    if (result_int64(rows, first, HISTORY_AT, &sample->sampled_at) != STATUS_OK ||
        result_int64(rows, first, HISTORY_TOTAL, &sample->total_bytes) != STATUS_OK)
        return false;
    sample->tables = mem_alloc_zeroed(sizeof *sample->tables * (size_t)count);
    for (int row = first; row < first + count; row++) {
        const char *name = result_text(rows, row, HISTORY_TABLE);
        struct storage_table *table = &sample->tables[sample->table_count];
        if (name == NULL) /* a sample of no tables */
            continue;
        if (result_int64(rows, row, HISTORY_BYTES, &table->bytes) != STATUS_OK)
            return false;
        table->name = mem_copy_text(name);
        sample->table_count++;
    }
    return true;
}

static enum status read_history(const PGresult *rows, size_t limit, struct storage_history *history,
                                struct error *error)
{
    history->samples = mem_alloc_zeroed(sizeof *history->samples * limit);
    int row = 0;
    while (row < PQntuples(rows) && history->sample_count < limit) {
        int count = rows_of_sample(rows, row);
        if (!read_sample(rows, row, count, &history->samples[history->sample_count++]))
            return is_wrong("storage_history", error);
        row += count;
    }
    return STATUS_OK;
}

enum status storage_query_history(struct connection *connection, size_t limit,
                                  struct storage_history **answer, struct error *error)
{
    if (limit < 1 || limit > STORAGE_HISTORY_MAX)
        return error_set(error, STATUS_INVALID, "a limit from 1 to %d", STORAGE_HISTORY_MAX);
    char most[24];
    (void)snprintf(most, sizeof most, "%zu", limit);
    PGresult *rows;
    enum status status =
        connection_query(connection, history_sql, 1, (const char *const[]){most}, &rows, error);
    if (status != STATUS_OK)
        return status;
    struct storage_history *history = MEM_NEW(struct storage_history);
    status = read_history(rows, limit, history, error);
    PQclear(rows);
    if (status == STATUS_OK)
        *answer = history;
    else
        storage_history_free(&history);
    return status;
}
