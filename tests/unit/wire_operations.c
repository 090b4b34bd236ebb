/*
 * Messages about the database itself, as wire_messages.c has the others, with a golden file of
 * their own; their requests; and the same over HTTP.
 */
#include "wire/http_operations.h"
#include "wire/size_text.h"

#include "market/time.h"
#include "wire/session.h"
#include "wire_message_table.h"

#include <math.h>

#define T0 INT64_C(1723161255088169)

static const struct request seventh = {.op = "x", .has_req = true, .req = 7};

/* Texts that the reports may point to. */
static char tick_data[] = "tick_data";
static char candle_1m[] = "candle_1m";
static char data_folder[] = "/srv/data";
static char quoted[] = "it \"failed\"\n";

static struct storage_table tables[] = {
    {.name = tick_data, .rows = 1000000, .exact = true, .bytes = 83886080, .is_hypertable = true},
    {.name = candle_1m, .rows = 60, .bytes = 8192},
};
static struct storage_compression compression[] = {
    {.table = tick_data,
     .total_chunks = 5,
     .compressed_chunks = 2,
     .compressed_bytes = 1000,
     .uncompressed_bytes = 12500,
     .overdue_chunks = 1},
    {.table = candle_1m, .total_chunks = 1},
};

static struct storage_report full_report(void)
{
    return (struct storage_report){
        .taken_at = T0,
        .database_bytes = 104857600,
        .tables = tables,
        .table_count = 2,
        .compression = compression,
        .compression_count = 2,
        .disk = {.path = data_folder, .total_bytes = 1000000, .free_bytes = 500000},
        .growth_bytes_per_day = 250000,
    };
}

static struct alert alerts[] = {
    {.kind = ALERT_DISK,
     .subject = data_folder,
     .severity = ALERT_CRITICAL,
     .message = quoted,
     .since = T0 - 1},
};

static const struct storage_cache cache = {
    .bytes = 4096, .budget_bytes = 268435456, .blocks = 2, .hits = 10, .misses = 3};

static void write_snapshot(struct writer *writer)
{
    struct storage_report report = full_report();
    struct storage_message message = {
        .id = 4, .report = &report, .alerts = alerts, .alert_count = 1, .cache = cache};
    storage_snapshot_write(writer, &seventh, &message);
}

/* A server that knows little: no table, no disk, no growth. */
static void write_bare_snapshot(struct writer *writer)
{
    struct storage_report report = {
        .taken_at = T0, .database_bytes = 8192, .growth_bytes_per_day = NAN};
    struct storage_message message = {.id = 4, .report = &report};
    storage_snapshot_write(writer, NULL, &message);
}

static void write_shrinking_snapshot(struct writer *writer)
{
    struct storage_report report = full_report();
    report.table_count = 0;
    report.compression_count = 0;
    report.growth_bytes_per_day = -1.5;
    struct storage_message message = {.id = 4, .report = &report, .cache = cache};
    storage_snapshot_write(writer, NULL, &message);
}

static struct storage_sample samples[] = {
    {.sampled_at = T0, .total_bytes = 104857600, .tables = tables, .table_count = 2},
    {.sampled_at = T0 - TIME_DAY_US, .total_bytes = 100},
};
static const struct storage_history history = {.samples = samples, .sample_count = 2};

static void write_history(struct writer *writer)
{
    storage_history_write(writer, &seventh, &history);
}

static void write_no_history(struct writer *writer)
{
    static const struct storage_history none = {.sample_count = 0};
    storage_history_write(writer, &seventh, &none);
}

static char compress_config[] = "{\"hypertable_id\": 1, \"compress_after\": \"30 days\"}";
static char broken_config[] = "{";
static struct policy policies[] = {
    {.job_id = 1000,
     .kind = POLICY_COMPRESSION,
     .target = tick_data,
     .config = compress_config,
     .schedule_interval_s = 43200,
     .enabled = true,
     .last_run_at = T0,
     .last_status = POLICY_FAILED,
     .last_duration_ms = 12.5,
     .last_error = quoted,
     .next_run_at = T0 + TIME_HOUR_US,
     .total_runs = 9,
     .total_failures = 1},
    {.job_id = 1001,
     .kind = POLICY_OTHER,
     .target = candle_1m,
     .config = broken_config,
     .schedule_interval_s = 0.5,
     .last_run_at = TIME_NONE,
     .last_duration_ms = NAN,
     .next_run_at = TIME_NONE},
};
static struct aggregate aggregates[] = {
    {.view = candle_1m, .watermark = T0, .lag_s = 1.5},
    {.view = tick_data, .watermark = TIME_NONE, .lag_s = NAN},
};
static const struct policies_report policies_report = {
    .taken_at = T0,
    .policies = policies,
    .policy_count = 2,
    .aggregates = aggregates,
    .aggregate_count = 2,
};

static struct decoder *configs(void)
{
    static struct decoder *decoder;
    if (decoder == NULL)
        decoder = decoder_create();
    return decoder;
}

static void write_policies(struct writer *writer)
{
    policies_snapshot_write(writer, &seventh, 5, &policies_report, configs());
}

static void write_no_policies(struct writer *writer)
{
    static const struct policies_report none = {.taken_at = T0};
    policies_snapshot_write(writer, NULL, 5, &none, configs());
}

static void write_event(struct writer *writer)
{
    policies_event_write(writer,
                         &(struct policies_event){.id = 5, .job_id = 1000, .status = POLICY_OK});
}

static void write_failure(struct writer *writer)
{
    policies_event_write(writer,
                         &(struct policies_event){
                             .id = 5, .job_id = 1000, .status = POLICY_FAILED, .error = quoted});
}

static void write_ok_of_action(struct writer *writer)
{
    policies_ok_write(writer, &seventh, 1000);
}

#define TABLES                                                                                     \
    "'tables':[{'table_name':'tick_data','row_count':1000000,'exact':true,'size_bytes':83886080,"  \
    "'size_pretty':'80 MB','is_hypertable':true},{'table_name':'candle_1m','row_count':60,"        \
    "'exact':false,'size_bytes':8192,'size_pretty':'8192 bytes','is_hypertable':false}]"
#define COMPRESSION                                                                                \
    "'compression':{'tick_data':{'total_chunks':5,'compressed_chunks':2,'overdue_chunks':1,"       \
    "'compressed_size':1000,'uncompressed_size':12500,'compression_ratio':12.5},'candle_1m':{"     \
    "'total_chunks':1,'compressed_chunks':0,'overdue_chunks':0,'compressed_size':0,"               \
    "'uncompressed_size':0,'compression_ratio':null}}"
#define DISK "'disk':{'path':'/srv/data','total_bytes':1000000,'free_bytes':500000}"
#define CACHE "'cache':{'bytes':4096,'budget_bytes':268435456,'blocks':2,'hits':10,'misses':3}"

static const struct message messages[] = {
    {"storage.snapshot", write_snapshot,
     "{'ev':'storage.snapshot','re':7,'id':4,'database_size_bytes':104857600,"
     "'database_size_pretty':'100 MB','timestamp':1723161255088169," TABLES "," COMPRESSION "," DISK
     "," CACHE ",'alerts':[{'kind':'disk','severity':'critical','subject':'/srv/data',"
     "'message':'it \\'failed\\'\\n','since':1723161255088168}],'growth_bytes_per_day':250000.0,"
     "'days_until_full':2.0}"},
    {"storage.snapshot of little", write_bare_snapshot,
     "{'ev':'storage.snapshot','id':4,'database_size_bytes':8192,"
     "'database_size_pretty':'8192 bytes','timestamp':1723161255088169,'tables':[],"
     "'compression':{},'disk':null,'cache':{'bytes':0,'budget_bytes':0,'blocks':0,'hits':0,"
     "'misses':0},'alerts':[],'growth_bytes_per_day':null,'days_until_full':null}"},
    {"storage.snapshot of what shrinks", write_shrinking_snapshot,
     "{'ev':'storage.snapshot','id':4,'database_size_bytes':104857600,"
     "'database_size_pretty':'100 MB','timestamp':1723161255088169,'tables':[],"
     "'compression':{}," DISK "," CACHE ",'alerts':[],'growth_bytes_per_day':-1.5,"
     "'days_until_full':null}"},
    {"storage.history", write_history,
     "{'ev':'storage.history','re':7,'samples':[{'sampled_at':1723161255088169,"
     "'total_bytes':104857600,'table_sizes':{'tick_data':83886080,'candle_1m':8192}},"
     "{'sampled_at':1723074855088169,'total_bytes':100,'table_sizes':{}}]}"},
    {"storage.history without samples", write_no_history,
     "{'ev':'storage.history','re':7,'samples':[]}"},
    {"policies.snapshot", write_policies,
     "{'ev':'policies.snapshot','re':7,'id':5,'timestamp':1723161255088169,'policies':["
     "{'job_id':1000,'kind':'compression','target':'tick_data','config':{'hypertable_id':1,"
     "'compress_after':'30 days'},'schedule_interval_s':43200.0,'enabled':true,"
     "'last_run_at':1723161255088169,'last_status':'failed','last_duration_ms':12.5,"
     "'last_error':'it \\'failed\\'\\n','next_run_at':1723164855088169,'total_runs':9,"
     "'total_failures':1},{'job_id':1001,'kind':'other','target':'candle_1m','config':null,"
     "'schedule_interval_s':0.5,'enabled':false,'last_run_at':null,'last_status':null,"
     "'last_duration_ms':null,'last_error':null,'next_run_at':null,'total_runs':0,"
     "'total_failures':0}],'aggregates':[{'view':'candle_1m','watermark':1723161255088169,"
     "'lag_s':1.5},{'view':'tick_data','watermark':null,'lag_s':null}]}"},
    {"policies.snapshot of none", write_no_policies,
     "{'ev':'policies.snapshot','id':5,'timestamp':1723161255088169,'policies':[],"
     "'aggregates':[]}"},
    {"policies.event", write_event, "{'ev':'policies.event','id':5,'job_id':1000,'status':'ok'}"},
    {"policies.event of a failure", write_failure,
     "{'ev':'policies.event','id':5,'job_id':1000,'status':'failed',"
     "'error':'it \\'failed\\'\\n'}"},
    {"ok of an operator's action", write_ok_of_action, "{'ev':'ok','re':7,'job_id':1000}"},
};

Test(wire_operations, every_message_in_json_is_what_is_spelled_here)
{
    check_spelled(messages, COUNT_OF(messages));
}

Test(wire_operations, every_message_is_the_same_tree_in_both_encodings)
{
    check_same_tree(messages, COUNT_OF(messages));
}

Test(wire_operations, the_golden_messages_are_what_the_server_writes)
{
    check_golden("operations.json", messages, COUNT_OF(messages));
}

/* ---- requests ---- */

#define BOTH(encoding)                                                                             \
    enum wire_encoding encoding = WIRE_JSON;                                                       \
    encoding <= WIRE_MSGPACK;                                                                      \
    encoding = (enum wire_encoding)(encoding + 1)

Test(wire_operations, a_subscription_says_how_often)
{
    for (BOTH(encoding)) {
        struct storage_subscribe subscribe;
        struct request request = request_from(encoding, "{'op':'x','id':3}");
        cr_assert_eq(storage_subscribe_read(&request, &subscribe, NULL), STATUS_OK);
        cr_assert_eq(subscribe.id, 3);
        cr_assert_eq(subscribe.every_s, 30);
        request = request_from(encoding, "{'op':'x','id':3,'every_s':3600}");
        cr_assert_eq(storage_subscribe_read(&request, &subscribe, NULL), STATUS_OK);
        cr_assert_eq(subscribe.every_s, 3600);
    }
}

static enum status read_subscribe(const struct request *request, struct error *error)
{
    struct storage_subscribe subscribe;
    return storage_subscribe_read(request, &subscribe, error);
}

static enum status read_limit(const struct request *request, struct error *error)
{
    size_t limit;
    return storage_history_limit_read(request, &limit, error);
}

static enum status read_job(const struct request *request, struct error *error)
{
    int32_t job_id;
    return policies_job_read(request, &job_id, error);
}

Test(wire_operations, what_is_wrong_with_a_request_is_said)
{
    static const struct {
        enum status (*read)(const struct request *request, struct error *error);
        const char *json;
        const char *sentence;
    } wrong[] = {
        {read_subscribe, "{'op':'x'}",
         "id is missing; it must be an unsigned integer up to 9007199254740991 (2^53-1)"},
        {read_subscribe, "{'op':'x','id':1,'every_s':0}",
         "every_s is 0; it must be an integer from 1 to 3600"},
        {read_subscribe, "{'op':'x','id':1,'every_s':3601}",
         "every_s is 3601; it must be an integer from 1 to 3600"},
        {read_subscribe, "{'op':'x','id':1,'every_s':'1'}",
         "every_s is \"1\"; it must be an integer from 1 to 3600"},
        {read_limit, "{'op':'x','limit':0}", "limit is 0; it must be an integer from 1 to 90"},
        {read_limit, "{'op':'x','limit':91}", "limit is 91; it must be an integer from 1 to 90"},
        {read_job, "{'op':'x'}",
         "job_id is missing; it must be the job_id of a policy in policies.snapshot"},
        {read_job, "{'op':'x','job_id':0}",
         "job_id is 0; it must be an integer from 1 to 2147483647"},
        {read_job, "{'op':'x','job_id':2147483648}",
         "job_id is 2147483648; it must be an integer from 1 to 2147483647"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        for (BOTH(encoding)) {
            struct error error = {.text = ""};
            struct request request = request_from(encoding, wrong[i].json);
            cr_assert_eq(wrong[i].read(&request, &error), STATUS_INVALID, "%s", wrong[i].json);
            cr_assert_str_eq(error.text, wrong[i].sentence);
        }
    }
}

/* ---- sizes ---- */

/* select pg_size_pretty(…) of PostgreSQL 15 */
Test(wire_operations, sizes_are_printed_as_postgresql_prints_them)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 bytes"},
        {10239, "10239 bytes"},
        {10240, "10 kB"},
        {-10239, "-10239 bytes"},
        {-10240, "-10 kB"},
        {10751, "10 kB"},
        {10752, "11 kB"},
        {10485247, "10239 kB"},
        {10485248, "10 MB"},
        {104857600, "100 MB"},
        {10736893951, "10239 MB"},
        {10736893952, "10 GB"},
        {10994579406847, "10239 GB"},
        {10994579406848, "10 TB"},
        {11258449312612352, "10 PB"},
        {INT64_MAX, "8192 PB"},
        {INT64_MIN, "-8192 PB"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert_str_eq(size_format(cases[i].bytes).text, cases[i].text);
}

/* ---- HTTP ---- */

static void check_body(struct buffer *out, const char *expected)
{
    char *json = json_of(expected);
    cr_assert_str_eq(buffer_text(out), json);
    free(json);
    buffer_clear(out);
}

Test(wire_operations, bodies_over_http_have_times_as_text)
{
    struct buffer out;
    struct storage_report report = full_report();
    struct storage_message message = {
        .report = &report, .alerts = alerts, .alert_count = 1, .cache = cache};
    buffer_init(&out, 1 << 20);
    http_storage_write(&out, &message);
    check_body(&out,
               "{'database_size_bytes':104857600,'database_size_pretty':'100 MB',"
               "'timestamp':'2024-08-08T23:54:15.088169Z'," TABLES "," COMPRESSION "," DISK
               "," CACHE ",'alerts':[{'kind':'disk','severity':'critical','subject':'/srv/data',"
               "'message':'it \\'failed\\'\\n','since':'2024-08-08T23:54:15.088168Z'}],"
               "'growth_bytes_per_day':250000.0,'days_until_full':2.0}\n");
    http_storage_tables_write(&out, &report);
    check_body(&out, "{'timestamp':'2024-08-08T23:54:15.088169Z'," TABLES "}\n");
    http_storage_sizes_write(&out, &report);
    check_body(&out,
               "{'timestamp':'2024-08-08T23:54:15.088169Z','database_size_bytes':104857600,"
               "'database_size_pretty':'100 MB','sizes':{'tick_data':{'size_bytes':83886080,"
               "'size_pretty':'80 MB'},'candle_1m':{'size_bytes':8192,'size_pretty':"
               "'8192 bytes'}}," DISK ",'growth_bytes_per_day':250000.0,'days_until_full':2.0}\n");
    http_storage_history_write(&out, &history);
    check_body(&out, "{'samples':[{'sampled_at':'2024-08-08T23:54:15.088169Z','total_bytes':"
                     "104857600,'table_sizes':{'tick_data':83886080,'candle_1m':8192}},"
                     "{'sampled_at':'2024-08-07T23:54:15.088169Z','total_bytes':100,"
                     "'table_sizes':{}}]}\n");
    buffer_deinit(&out);
}

Test(wire_operations, policies_over_http_are_those_of_the_snapshot)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    http_policies_write(&out, &policies_report, configs());
    json_t *body = json_loads(buffer_text(&out), 0, NULL);
    json_t *message = tree_written(written(&messages[5], WIRE_JSON), WIRE_JSON);
    json_t *policy = json_array_get(json_object_get(body, "policies"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(policy, "last_run_at")),
                     "2024-08-08T23:54:15.088169Z");
    json_t *same = json_array_get(json_object_get(message, "policies"), 0);
    cr_assert(json_equal(json_object_get(policy, "config"), json_object_get(same, "config")));
    cr_assert_eq(json_object_size(policy), json_object_size(same));
    cr_assert_eq(json_object_size(body), json_object_size(message) - 3, "all but ev, re and id");
    json_decref(body);
    json_decref(message);
    buffer_deinit(&out);
}

/* ---- bounds ---- */

/* A database that is shared with others may have any number of tables and jobs. */
Test(wire_operations, no_more_tables_and_policies_are_told_than_there_is_room_for)
{
    enum { MANY = STORAGE_TABLES_MAX + 5 };
    static struct storage_table many_tables[MANY];
    static struct policy many_policies[MANY];
    for (size_t i = 0; i < MANY; i++) {
        many_tables[i] = tables[1];
        many_policies[i] = policies[0];
    }
    struct storage_report report = {.tables = many_tables, .table_count = MANY};
    struct policies_report jobs = {.policies = many_policies, .policy_count = MANY};
    struct storage_message message = {.report = &report};
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    storage_snapshot_write(&writer, NULL, &message);
    json_t *tree = tree_written(out, WIRE_MSGPACK);
    cr_assert_eq(json_array_size(json_object_get(tree, "tables")), STORAGE_TABLES_MAX);
    json_decref(tree);
    writer = writer_on(&out, WIRE_MSGPACK);
    policies_snapshot_write(&writer, NULL, 1, &jobs, configs());
    tree = tree_written(out, WIRE_MSGPACK);
    cr_assert_eq(json_array_size(json_object_get(tree, "policies")), POLICIES_MAX);
    json_decref(tree);
}
