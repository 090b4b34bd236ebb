#include "wire/http_operations.h"

#include "wire/size_text.h"

static struct writer begin(struct buffer *out, size_t pairs)
{
    struct writer writer;
    writer_init(&writer, out, WIRE_JSON);
    writer_map(&writer, pairs);
    return writer;
}

static void end(struct writer *writer)
{
    writer_end(writer);
    buffer_append_u8(writer->out, '\n');
}

static void write_timestamp(struct writer *writer, const struct storage_report *report)
{
    writer_key(writer, "timestamp");
    operations_write_time(writer, report->taken_at, WIRE_TIMES_TEXT);
}

void http_storage_write(struct buffer *out, const struct storage_message *message)
{
    struct writer writer = begin(out, STORAGE_PAIRS);
    storage_write_pairs(&writer, message, WIRE_TIMES_TEXT);
    end(&writer);
}

void http_storage_tables_write(struct buffer *out, const struct storage_report *report)
{
    struct writer writer = begin(out, 2);
    write_timestamp(&writer, report);
    writer_key(&writer, "tables");
    storage_write_tables(&writer, report);
    end(&writer);
}

static void write_size(struct writer *writer, const struct storage_table *table)
{
    writer_key(writer, table->name);
    writer_map(writer, 2);
    writer_key(writer, "size_bytes");
    writer_integer(writer, table->bytes);
    writer_key(writer, "size_pretty");
    writer_text(writer, size_format(table->bytes).text);
    writer_end(writer);
}

void http_storage_sizes_write(struct buffer *out, const struct storage_report *report)
{
    struct writer writer = begin(out, 7);
    write_timestamp(&writer, report);
    writer_key(&writer, "database_size_bytes");
    writer_integer(&writer, report->database_bytes);
    writer_key(&writer, "database_size_pretty");
    writer_text(&writer, size_format(report->database_bytes).text);
    writer_key(&writer, "sizes");
    size_t count = storage_tables_told(report->table_count);
    writer_map(&writer, count);
    for (size_t i = 0; i < count; i++)
        write_size(&writer, &report->tables[i]);
    writer_end(&writer);
    writer_key(&writer, "disk");
    storage_write_disk(&writer, &report->disk);
    writer_key(&writer, "growth_bytes_per_day");
    operations_write_number(&writer, report->growth_bytes_per_day);
    writer_key(&writer, "days_until_full");
    operations_write_number(&writer, storage_days_until_full(report));
    end(&writer);
}

void http_storage_history_write(struct buffer *out, const struct storage_history *history)
{
    struct writer writer = begin(out, 1);
    writer_key(&writer, "samples");
    storage_write_samples(&writer, history, WIRE_TIMES_TEXT);
    end(&writer);
}

void http_policies_write(struct buffer *out, const struct policies_report *report,
                         struct decoder *decoder)
{
    struct writer writer = begin(out, POLICIES_PAIRS);
    policies_write_pairs(&writer, report, decoder, WIRE_TIMES_TEXT);
    end(&writer);
}
