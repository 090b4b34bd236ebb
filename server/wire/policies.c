#include "wire/policies.h"

#include "wire/session.h"

#include <string.h>

enum status policies_job_read(const struct request *request, int32_t *job_id, struct error *error)
{
    int64_t read = 0;
    enum status status =
        request_need(request, "job_id", "the job_id of a policy in policies.snapshot", error);
    if (status == STATUS_OK)
        status = request_integer(request, "job_id", 1, INT32_MAX, &read, error);
    if (status == STATUS_OK)
        *job_id = (int32_t)read;
    return status;
}

static void write_config(struct writer *writer, const char *config, struct decoder *decoder)
{
    const struct value *root;
    uint16_t close_code;
    if (config != NULL && decoder_decode(decoder, WIRE_JSON, (const uint8_t *)config,
                                         strlen(config), &root, &close_code, NULL) == STATUS_OK)
        writer_value(writer, root);
    else
        writer_nil(writer);
}

static void write_text(struct writer *writer, const char *text)
{
    if (text != NULL)
        writer_text(writer, text);
    else
        writer_nil(writer);
}

static void write_policy(struct writer *writer, const struct policy *policy,
                         struct decoder *decoder, enum wire_times times)
{
    writer_map(writer, 13);
    writer_key(writer, "job_id");
    writer_integer(writer, policy->job_id);
    writer_key(writer, "kind");
    writer_text(writer, policy_kind_name(policy->kind));
    writer_key(writer, "target");
    writer_text(writer, policy->target);
    writer_key(writer, "config");
    write_config(writer, policy->config, decoder);
    writer_key(writer, "schedule_interval_s");
    operations_write_number(writer, policy->schedule_interval_s);
    writer_key(writer, "enabled");
    writer_bool(writer, policy->enabled);
    writer_key(writer, "last_run_at");
    operations_write_time(writer, policy->last_run_at, times);
    writer_key(writer, "last_status");
    write_text(writer, policy_status_name(policy->last_status));
    writer_key(writer, "last_duration_ms");
    operations_write_number(writer, policy->last_duration_ms);
    writer_key(writer, "last_error");
    write_text(writer, policy->last_error);
    writer_key(writer, "next_run_at");
    operations_write_time(writer, policy->next_run_at, times);
    writer_key(writer, "total_runs");
    writer_integer(writer, policy->total_runs);
    writer_key(writer, "total_failures");
    writer_integer(writer, policy->total_failures);
    writer_end(writer);
}

static void write_aggregate(struct writer *writer, const struct aggregate *aggregate,
                            enum wire_times times)
{
    writer_map(writer, 3);
    writer_key(writer, "view");
    writer_text(writer, aggregate->view);
    writer_key(writer, "watermark");
    operations_write_time(writer, aggregate->watermark, times);
    writer_key(writer, "lag_s");
    operations_write_number(writer, aggregate->lag_s);
    writer_end(writer);
}

void policies_write_pairs(struct writer *writer, const struct policies_report *report,
                          struct decoder *decoder, enum wire_times times)
{
    writer_key(writer, "timestamp");
    operations_write_time(writer, report->taken_at, times);
    writer_key(writer, "policies");
    size_t count = report->policy_count < POLICIES_MAX ? report->policy_count : POLICIES_MAX;
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++)
        write_policy(writer, &report->policies[i], decoder, times);
    writer_end(writer);
    writer_key(writer, "aggregates");
    writer_array(writer, report->aggregate_count);
    for (size_t i = 0; i < report->aggregate_count; i++)
        write_aggregate(writer, &report->aggregates[i], times);
    writer_end(writer);
}

void policies_snapshot_write(struct writer *writer, const struct request *request, uint64_t id,
                             const struct policies_report *report, struct decoder *decoder)
{
    writer_map(writer, answer_pairs(request) + 1 + POLICIES_PAIRS);
    answer_head(writer, "policies.snapshot", request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)id);
    policies_write_pairs(writer, report, decoder, WIRE_TIMES_US);
    writer_end(writer);
}

void policies_event_write(struct writer *writer, const struct policies_event *event)
{
    writer_map(writer, 4 + (event->error != NULL ? 1U : 0U));
    writer_key(writer, "ev");
    writer_text(writer, "policies.event");
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)event->id);
    writer_key(writer, "job_id");
    writer_integer(writer, event->job_id);
    writer_key(writer, "status");
    write_text(writer, policy_status_name(event->status));
    if (event->error != NULL) {
        writer_key(writer, "error");
        writer_text(writer, event->error);
    }
    writer_end(writer);
}

void policies_ok_write(struct writer *writer, const struct request *request, int32_t job_id)
{
    writer_map(writer, answer_pairs(request) + 1);
    answer_head(writer, "ok", request);
    writer_key(writer, "job_id");
    writer_integer(writer, job_id);
    writer_end(writer);
}
