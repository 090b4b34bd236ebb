#include "wire/storage.h"

#include "market/time.h"
#include "wire/session.h"
#include "wire/size_text.h"

#include <math.h>

enum status storage_subscribe_read(const struct request *request,
                                   struct storage_subscribe *subscribe, struct error *error)
{
    struct storage_subscribe read = {.every_s = STORAGE_EVERY_S};
    int64_t every_s = STORAGE_EVERY_S;
    enum status status = request_id(request, &read.id, error);
    if (status == STATUS_OK)
        status = request_integer(request, "every_s", 1, STORAGE_EVERY_S_MAX, &every_s, error);
    if (status != STATUS_OK)
        return status;
    read.every_s = (unsigned)every_s;
    *subscribe = read;
    return STATUS_OK;
}

enum status storage_history_limit_read(const struct request *request, size_t *limit,
                                       struct error *error)
{
    int64_t read = STORAGE_HISTORY_LIMIT;
    enum status status = request_integer(request, "limit", 1, STORAGE_HISTORY_MAX, &read, error);
    if (status == STATUS_OK)
        *limit = (size_t)read;
    return status;
}

/* ---- values ---- */

void operations_write_time(struct writer *writer, int64_t time, enum wire_times times)
{
    if (time == TIME_NONE)
        writer_nil(writer);
    else if (times == WIRE_TIMES_TEXT)
        writer_text(writer, time_format(time).text);
    else
        writer_integer(writer, time);
}

void operations_write_number(struct writer *writer, double number)
{
    if (isfinite(number))
        writer_float(writer, number);
    else
        writer_nil(writer);
}

double storage_days_until_full(const struct storage_report *report)
{
    bool is_known = report->disk.path != NULL && report->growth_bytes_per_day > 0;
    return is_known ? (double)report->disk.free_bytes / report->growth_bytes_per_day : NAN;
}

static void write_table(struct writer *writer, const struct storage_table *table)
{
    writer_map(writer, 6);
    writer_key(writer, "table_name");
    writer_text(writer, table->name);
    writer_key(writer, "row_count");
    writer_integer(writer, table->rows);
    writer_key(writer, "exact");
    writer_bool(writer, table->exact);
    writer_key(writer, "size_bytes");
    writer_integer(writer, table->bytes);
    writer_key(writer, "size_pretty");
    writer_text(writer, size_format(table->bytes).text);
    writer_key(writer, "is_hypertable");
    writer_bool(writer, table->is_hypertable);
    writer_end(writer);
}

size_t storage_tables_told(size_t table_count)
{
    return table_count < STORAGE_TABLES_MAX ? table_count : STORAGE_TABLES_MAX;
}

void storage_write_tables(struct writer *writer, const struct storage_report *report)
{
    size_t count = storage_tables_told(report->table_count);
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++)
        write_table(writer, &report->tables[i]);
    writer_end(writer);
}

static double ratio_of(const struct storage_compression *compression)
{
    if (compression->compressed_bytes <= 0)
        return NAN;
    return (double)compression->uncompressed_bytes / (double)compression->compressed_bytes;
}

void storage_write_compression(struct writer *writer, const struct storage_report *report)
{
    size_t count = storage_tables_told(report->compression_count);
    writer_map(writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct storage_compression *compression = &report->compression[i];
        writer_key(writer, compression->table);
        writer_map(writer, 6);
        writer_key(writer, "total_chunks");
        writer_integer(writer, compression->total_chunks);
        writer_key(writer, "compressed_chunks");
        writer_integer(writer, compression->compressed_chunks);
        writer_key(writer, "overdue_chunks");
        writer_integer(writer, compression->overdue_chunks);
        writer_key(writer, "compressed_size");
        writer_integer(writer, compression->compressed_bytes);
        writer_key(writer, "uncompressed_size");
        writer_integer(writer, compression->uncompressed_bytes);
        writer_key(writer, "compression_ratio");
        operations_write_number(writer, ratio_of(compression));
        writer_end(writer);
    }
    writer_end(writer);
}

void storage_write_disk(struct writer *writer, const struct storage_disk *disk)
{
    if (disk->path == NULL) {
        writer_nil(writer);
        return;
    }
    writer_map(writer, 3);
    writer_key(writer, "path");
    writer_text(writer, disk->path);
    writer_key(writer, "total_bytes");
    writer_integer(writer, disk->total_bytes);
    writer_key(writer, "free_bytes");
    writer_integer(writer, disk->free_bytes);
    writer_end(writer);
}

static void write_cache(struct writer *writer, const struct storage_cache *cache)
{
    writer_map(writer, 5);
    writer_key(writer, "bytes");
    writer_integer(writer, cache->bytes);
    writer_key(writer, "budget_bytes");
    writer_integer(writer, cache->budget_bytes);
    writer_key(writer, "blocks");
    writer_integer(writer, cache->blocks);
    writer_key(writer, "hits");
    writer_integer(writer, cache->hits);
    writer_key(writer, "misses");
    writer_integer(writer, cache->misses);
    writer_end(writer);
}

static void write_alerts(struct writer *writer, const struct storage_message *message,
                         enum wire_times times)
{
    writer_array(writer, message->alert_count);
    for (size_t i = 0; i < message->alert_count; i++) {
        const struct alert *alert = &message->alerts[i];
        writer_map(writer, 5);
        writer_key(writer, "kind");
        writer_text(writer, alert_kind_name(alert->kind));
        writer_key(writer, "severity");
        writer_text(writer, alert_severity_name(alert->severity));
        writer_key(writer, "subject");
        writer_text(writer, alert->subject);
        writer_key(writer, "message");
        writer_text(writer, alert->message);
        writer_key(writer, "since");
        operations_write_time(writer, alert->since, times);
        writer_end(writer);
    }
    writer_end(writer);
}

void storage_write_pairs(struct writer *writer, const struct storage_message *message,
                         enum wire_times times)
{
    const struct storage_report *report = message->report;
    writer_key(writer, "database_size_bytes");
    writer_integer(writer, report->database_bytes);
    writer_key(writer, "database_size_pretty");
    writer_text(writer, size_format(report->database_bytes).text);
    writer_key(writer, "timestamp");
    operations_write_time(writer, report->taken_at, times);
    writer_key(writer, "tables");
    storage_write_tables(writer, report);
    writer_key(writer, "compression");
    storage_write_compression(writer, report);
    writer_key(writer, "disk");
    storage_write_disk(writer, &report->disk);
    writer_key(writer, "cache");
    write_cache(writer, &message->cache);
    writer_key(writer, "alerts");
    write_alerts(writer, message, times);
    writer_key(writer, "growth_bytes_per_day");
    operations_write_number(writer, report->growth_bytes_per_day);
    writer_key(writer, "days_until_full");
    operations_write_number(writer, storage_days_until_full(report));
}

/* ---- messages ---- */

void storage_snapshot_write(struct writer *writer, const struct request *request,
                            const struct storage_message *message)
{
    writer_map(writer, answer_pairs(request) + 1 + STORAGE_PAIRS);
    answer_head(writer, "storage.snapshot", request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)message->id);
    storage_write_pairs(writer, message, WIRE_TIMES_US);
    writer_end(writer);
}

static void write_sizes(struct writer *writer, const struct storage_sample *sample)
{
    size_t count = storage_tables_told(sample->table_count);
    writer_map(writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_key(writer, sample->tables[i].name);
        writer_integer(writer, sample->tables[i].bytes);
    }
    writer_end(writer);
}

void storage_write_samples(struct writer *writer, const struct storage_history *history,
                           enum wire_times times)
{
    writer_array(writer, history->sample_count);
    for (size_t i = 0; i < history->sample_count; i++) {
        const struct storage_sample *sample = &history->samples[i];
        writer_map(writer, 3);
        writer_key(writer, "sampled_at");
        operations_write_time(writer, sample->sampled_at, times);
        writer_key(writer, "total_bytes");
        writer_integer(writer, sample->total_bytes);
        writer_key(writer, "table_sizes");
        write_sizes(writer, sample);
        writer_end(writer);
    }
    writer_end(writer);
}

void storage_history_write(struct writer *writer, const struct request *request,
                           const struct storage_history *history)
{
    writer_map(writer, answer_pairs(request) + 1);
    answer_head(writer, "storage.history", request);
    writer_key(writer, "samples");
    storage_write_samples(writer, history, WIRE_TIMES_US);
    writer_end(writer);
}
