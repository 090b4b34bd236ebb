/*
 * What the database says about itself, over HTTP; times in RFC 3339.
 *
 *   GET /api/storage           as storage.snapshot
 *   GET /api/storage/tables    {timestamp, tables:[…]}
 *   GET /api/storage/sizes     {timestamp, database_size_bytes, database_size_pretty, sizes:{TABLE:
 *                              {size_bytes, size_pretty}}, disk, growth_bytes_per_day,
 *                              days_until_full}
 *   GET /api/storage/history   {samples:[{sampled_at, total_bytes, table_sizes}]}
 *   GET /api/policies          as policies.snapshot
 *
 * Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_HTTP_OPERATIONS_H
#define TAPEDECK_WIRE_HTTP_OPERATIONS_H

#include "wire/policies.h"
#include "wire/storage.h"

/* `message->id` is not looked at. */
void http_storage_write(struct buffer *out, const struct storage_message *message);
void http_storage_tables_write(struct buffer *out, const struct storage_report *report);
void http_storage_sizes_write(struct buffer *out, const struct storage_report *report);
void http_storage_history_write(struct buffer *out, const struct storage_history *history);
void http_policies_write(struct buffer *out, const struct policies_report *report,
                         struct decoder *decoder);

#endif
