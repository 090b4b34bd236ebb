#include "market/operations.h"

#include "base/mem.h"

#include <string.h>

static void tables_free(struct storage_table *tables, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(tables[i].name);
    mem_free(tables);
}

void storage_report_free(struct storage_report **report)
{
    struct storage_report *gone = *report;
    *report = NULL;
    if (gone == NULL)
        return;
    tables_free(gone->tables, gone->table_count);
    for (size_t i = 0; i < gone->compression_count; i++)
        mem_free(gone->compression[i].table);
    mem_free(gone->compression);
    mem_free(gone->disk.path);
    mem_free(gone);
}

void storage_history_free(struct storage_history **history)
{
    struct storage_history *gone = *history;
    *history = NULL;
    if (gone == NULL)
        return;
    for (size_t i = 0; i < gone->sample_count; i++)
        tables_free(gone->samples[i].tables, gone->samples[i].table_count);
    mem_free(gone->samples);
    mem_free(gone);
}

static void policy_deinit(struct policy *policy)
{
    mem_free(policy->target);
    mem_free(policy->config);
    mem_free(policy->last_error);
}

void policies_report_free(struct policies_report **report)
{
    struct policies_report *gone = *report;
    *report = NULL;
    if (gone == NULL)
        return;
    for (size_t i = 0; i < gone->policy_count; i++)
        policy_deinit(&gone->policies[i]);
    for (size_t i = 0; i < gone->aggregate_count; i++)
        mem_free(gone->aggregates[i].view);
    for (size_t i = 0; i < gone->finding_count; i++)
        mem_free(gone->findings[i]);
    mem_free(gone->policies);
    mem_free(gone->aggregates);
    mem_free(gone->findings);
    mem_free(gone);
}

static const char *const kind_names[POLICY_KINDS] = {
    [POLICY_COMPRESSION] = "compression",
    [POLICY_RETENTION] = "retention",
    [POLICY_REFRESH] = "refresh",
    [POLICY_SAMPLE] = "sample",
    [POLICY_OTHER] = "other",
};

const char *policy_kind_name(enum policy_kind kind)
{
    return kind_names[kind];
}

enum policy_kind policy_kind_of(const char *name)
{
    for (size_t i = 0; i < POLICY_KINDS; i++) {
        if (strcmp(name, kind_names[i]) == 0)
            return (enum policy_kind)i;
    }
    return POLICY_OTHER;
}

static const char *const status_names[] = {
    [POLICY_NEVER_RAN] = NULL,
    [POLICY_OK] = "ok",
    [POLICY_FAILED] = "failed",
    [POLICY_RUNNING] = "running",
};

const char *policy_status_name(enum policy_status status)
{
    return status_names[status];
}

enum policy_status policy_status_of(const char *name)
{
    for (size_t i = POLICY_OK; name != NULL && i <= POLICY_RUNNING; i++) {
        if (strcmp(name, status_names[i]) == 0)
            return (enum policy_status)i;
    }
    return POLICY_NEVER_RAN;
}
