#include "fake_operations.h"

#include "base/assert.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { HELD_STORAGE, HELD_HISTORY, HELD_POLICIES, HELD_ACTION, HELD_KINDS };

static struct fake_operations *fake_of(struct operations *operations)
{
    return CONTAINER_OF(operations, struct fake_operations, operations);
}

static char *copy(const char *text)
{
    return text != NULL ? mem_copy_text(text) : NULL;
}

/* ---- reports ---- */

struct storage_report *fake_operations_storage(struct fake_operations *fake)
{
    struct storage_report *report = MEM_NEW(struct storage_report);
    report->taken_at = fake->now;
    report->database_bytes = fake->database_bytes;
    report->table_count = 2;
    report->tables = mem_alloc_zeroed(2 * sizeof *report->tables);
    report->tables[0] = (struct storage_table){.name = copy("tick_data"),
                                               .rows = 1000,
                                               .exact = true,
                                               .bytes = 80 << 20,
                                               .is_hypertable = true};
    report->tables[1] = (struct storage_table){
        .name = copy("candle_1m"), .rows = 60, .bytes = 8192, .is_hypertable = true};
    report->compression_count = 1;
    report->compression = mem_alloc_zeroed(sizeof *report->compression);
    report->compression[0] = (struct storage_compression){.table = copy("tick_data"),
                                                          .total_chunks = 5,
                                                          .compressed_chunks = 2,
                                                          .compressed_bytes = 1000,
                                                          .uncompressed_bytes = 12500,
                                                          .overdue_chunks = fake->overdue_chunks};
    report->disk = fake->disk;
    report->disk.path = copy(fake->disk.path);
    report->growth_bytes_per_day = NAN;
    return report;
}

struct policies_report *fake_operations_policies(struct fake_operations *fake)
{
    struct policies_report *report = MEM_NEW(struct policies_report);
    report->taken_at = fake->now;
    report->policies = mem_alloc_zeroed((fake->policy_count + 1) * sizeof *report->policies);
    report->policy_count = fake->policy_count;
    for (size_t i = 0; i < fake->policy_count; i++) {
        struct policy *policy = &report->policies[i];
        *policy = fake->policies[i];
        policy->target = copy(policy->target);
        policy->config = copy(policy->config);
        policy->last_error = copy(policy->last_error);
    }
    if (fake->aggregate.view != NULL) {
        report->aggregates = mem_alloc_zeroed(sizeof *report->aggregates);
        report->aggregates[0] = fake->aggregate;
        report->aggregates[0].view = copy(fake->aggregate.view);
        report->aggregate_count = 1;
    }
    if (fake->finding != NULL) {
        report->findings = mem_alloc_zeroed(sizeof *report->findings);
        report->findings[report->finding_count++] = copy(fake->finding);
    }
    return report;
}

static struct storage_history *history_of(struct fake_operations *fake, size_t limit)
{
    struct storage_history *history = MEM_NEW(struct storage_history);
    history->sample_count = limit < 3 ? limit : 3;
    history->samples = mem_alloc_zeroed(history->sample_count * sizeof *history->samples);
    for (size_t i = 0; i < history->sample_count; i++) {
        struct storage_sample *sample = &history->samples[i];
        sample->sampled_at = fake->now - (int64_t)i * 86400000000;
        sample->total_bytes = fake->database_bytes - (int64_t)i;
        sample->tables = mem_alloc_zeroed(sizeof *sample->tables);
        sample->tables[0] = (struct storage_table){.name = copy("tick_data"), .bytes = 80 << 20};
        sample->table_count = 1;
    }
    return history;
}

/* ---- answers ---- */

static void fill(struct fake_operations *fake, int kind, struct operations_request *request)
{
    request->status = STATUS_OK;
    if (kind == HELD_STORAGE) {
        CONTAINER_OF(request, struct storage_request, request)->report =
            fake_operations_storage(fake);
    } else if (kind == HELD_POLICIES) {
        CONTAINER_OF(request, struct policies_request, request)->report =
            fake_operations_policies(fake);
    } else if (kind == HELD_HISTORY) {
        struct storage_history_request *history =
            CONTAINER_OF(request, struct storage_history_request, request);
        history->history = history_of(fake, history->limit);
    } else if (fake->act_status != STATUS_OK) {
        request->status = error_set(&request->error, fake->act_status, "the fake says no");
    }
}

/* With the lock. */
static void answer(struct fake_operations *fake, int kind, struct operations_request *request)
{
    if (fake->mood == FAKE_FAILS)
        request->status = error_set(&request->error, STATUS_UNAVAILABLE, "the fake is away");
    else
        fill(fake, kind, request);
    inbox_post(request->inbox, &request->letter);
}

static void take(struct fake_operations *fake, int kind, struct operations_request *request)
{
    pthread_mutex_lock(&fake->lock);
    if (fake->mood == FAKE_HOLDS)
        list_append(&fake->held[kind], &request->node);
    else
        answer(fake, kind, request);
    pthread_mutex_unlock(&fake->lock);
}

static void take_storage(struct operations *operations, struct storage_request *request)
{
    struct fake_operations *fake = fake_of(operations);
    request->report = NULL;
    atomic_fetch_add(&fake->storage_asked, 1);
    take(fake, HELD_STORAGE, &request->request);
}

static void take_history(struct operations *operations, struct storage_history_request *request)
{
    struct fake_operations *fake = fake_of(operations);
    request->history = NULL;
    fake->history_limit = request->limit;
    atomic_fetch_add(&fake->history_asked, 1);
    take(fake, HELD_HISTORY, &request->request);
}

static void take_policies(struct operations *operations, struct policies_request *request)
{
    struct fake_operations *fake = fake_of(operations);
    request->report = NULL;
    atomic_fetch_add(&fake->policies_asked, 1);
    take(fake, HELD_POLICIES, &request->request);
}

static void take_action(struct operations *operations, struct policy_action_request *request)
{
    struct fake_operations *fake = fake_of(operations);
    fake->last_action.action = request->action;
    fake->last_action.job_id = request->job_id;
    atomic_fetch_add(&fake->acted, 1);
    take(fake, HELD_ACTION, &request->request);
}

static const struct operations_ops ops = {
    .storage = take_storage,
    .history = take_history,
    .policies = take_policies,
    .act = take_action,
};

void fake_operations_init(struct fake_operations *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->operations.ops = &ops;
    pthread_mutex_init(&fake->lock, NULL);
    for (int kind = 0; kind < HELD_KINDS; kind++)
        list_init(&fake->held[kind]);
    fake->now = FAKE_NOW;
    fake->database_bytes = 100 << 20;
}

void fake_operations_deinit(struct fake_operations *fake)
{
    fake_operations_be(fake, FAKE_FAILS);
    fake_operations_release(fake);
    pthread_mutex_destroy(&fake->lock);
}

void fake_operations_be(struct fake_operations *fake, enum fake_mood mood)
{
    pthread_mutex_lock(&fake->lock);
    fake->mood = mood;
    pthread_mutex_unlock(&fake->lock);
}

void fake_operations_release(struct fake_operations *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (int kind = 0; kind < HELD_KINDS; kind++) {
        struct list *node;
        while ((node = list_take_first(&fake->held[kind])) != NULL)
            answer(fake, kind, CONTAINER_OF(node, struct operations_request, node));
    }
    pthread_mutex_unlock(&fake->lock);
}

struct policy *fake_operations_policy(struct fake_operations *fake, int32_t job_id,
                                      enum policy_kind kind, char *target)
{
    static char nothing[] = "{}";
    ASSERT(fake->policy_count < FAKE_POLICIES_MAX);
    struct policy *policy = &fake->policies[fake->policy_count++];
    *policy = (struct policy){
        .job_id = job_id,
        .kind = kind,
        .target = target,
        .config = nothing,
        .schedule_interval_s = 60,
        .enabled = true,
        .last_run_at = TIME_NONE,
        .last_duration_ms = NAN,
        .next_run_at = TIME_NONE,
    };
    return policy;
}

struct policy *fake_operations_find(struct fake_operations *fake, int32_t job_id)
{
    size_t i = 0;
    while (i < fake->policy_count && fake->policies[i].job_id != job_id)
        i++;
    ASSERT(i < fake->policy_count);
    return &fake->policies[i];
}

void fake_operations_run(struct fake_operations *fake, int32_t job_id, char *error)
{
    pthread_mutex_lock(&fake->lock);
    struct policy *policy = fake_operations_find(fake, job_id);
    fake->now += 1000;
    policy->last_run_at = fake->now;
    policy->last_duration_ms = 0.5;
    policy->total_runs++;
    policy->total_failures += error != NULL;
    policy->last_status = error != NULL ? POLICY_FAILED : POLICY_OK;
    policy->last_error = error;
    pthread_mutex_unlock(&fake->lock);
}
