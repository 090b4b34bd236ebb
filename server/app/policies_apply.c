#include "app/policies_apply.h"

#include "app/terminal.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JSON_LINE_BYTES_MAX 65536
#define COMPARE_US_MAX INT64_C(5000000) /* a server does not wait longer for it */

const struct option policies_apply_options[POLICIES_APPLY_OPTION_COUNT] = {
    {.name = "dry-run",
     .type = OPTION_SWITCH,
     .offset = offsetof(struct policies_apply_values, dry_run),
     .help = "only show what would be changed; the exit status is 3 when there is something"},
    {.name = "yes",
     .type = OPTION_SWITCH,
     .offset = offsetof(struct policies_apply_values, yes),
     .help = "do not ask; needed where there is no terminal"},
    {.name = "json",
     .type = OPTION_SWITCH,
     .offset = offsetof(struct policies_apply_values, json),
     .help = "a JSON object a line: kind is add, change, remove, unsupported, paused, refusal, "
             "finding, and last of all summary"},
};

const char policies_apply_description[] =
    "Policies say when chunks of tick_data are compressed and dropped, which candles are looked at "
    "again and how often, and when the database is measured. They are declared in tapedeck.yaml:\n"
    "\n"
    "  policies:\n"
    "    tick_data: {chunk: 1d, compress_after: 30d, drop_after: 90d}\n"
    "    candle_1m: {start_offset: 60d, end_offset: 1m, refresh_every: 1m}\n"
    "    database: {sample_at: \"03:00\"}\n"
    "\n"
    "What is not declared there has its default; `tapedeck config` prints all of them. The command "
    "compares them with the database, shows one line for each change (~ changed, + new, - removed, "
    "! left as it is), asks, and makes all the changes in one transaction. Declarations that would "
    "lose candles are refused, with the line of the file. Paused policies stay paused, and "
    "policies of other tables are not touched. A server may run meanwhile.\n\n"
    "The exit status is 0 when the policies are as declared, 1 when they are not (refused, not "
    "wanted, failed), 3 after --dry-run when there is something to change.";

/* The columns of policies_plan(); of policies_apply() the first six but `source`. */
enum plan_column { ACTION, TARGET, SETTING, JOB_ID, WAS, BECOMES, SOURCE, DETAIL };

struct apply {
    const struct policies_apply_values *values;
    struct database database;
    struct connection *connection;
    struct buffer declared;
    PGresult *plan;
    int change_count;
    int refusal_count; /* and findings */
    int unsupported_count;
};

static bool is_action(const PGresult *plan, int row, const char *action)
{
    return strcmp(result_text(plan, row, ACTION), action) == 0;
}

static bool is_change(const PGresult *plan, int row)
{
    return is_action(plan, row, "add") || is_action(plan, row, "change") ||
           is_action(plan, row, "remove");
}

static bool is_refusal(const PGresult *plan, int row)
{
    return is_action(plan, row, "refusal") || is_action(plan, row, "finding");
}

static const char *field(const PGresult *plan, int row, enum plan_column column)
{
    const char *text = result_text(plan, row, (int)column);
    return text != NULL ? text : "";
}

static void declare(const struct configuration *configuration, const struct database *database,
                    struct buffer *declared)
{
    buffer_init(declared, DECLARED_JSON_BYTES_MAX);
    declared_policies_json(&configuration->policies, configuration->file,
                           database->engine.kind == ENGINE_POSTGRESQL, declared);
}

/* ---- for people ---- */

static void print_change(const PGresult *plan, int row)
{
    const char *detail = field(plan, row, DETAIL);
    const char *mark = is_action(plan, row, "add")      ? "+"
                       : is_action(plan, row, "remove") ? "-"
                                                        : "~";
    bool is_default = strcmp(field(plan, row, SOURCE), "default") == 0;
    printf("%s %s %s %s → %s%s%s%s\n", mark, field(plan, row, TARGET), field(plan, row, SETTING),
           field(plan, row, WAS), field(plan, row, BECOMES), is_default ? " (default)" : "",
           detail[0] != '\0' ? ": " : "", detail);
}

static void print_row(const PGresult *plan, int row)
{
    const char *target = field(plan, row, TARGET);
    const char *setting = field(plan, row, SETTING);
    const char *source = field(plan, row, SOURCE);
    const char *detail = field(plan, row, DETAIL);
    if (is_change(plan, row))
        print_change(plan, row);
    else if (is_action(plan, row, "unsupported"))
        printf("! %s of %s (%s) has no effect here: %s\n", setting, target, source, detail);
    else if (is_action(plan, row, "paused"))
        printf("! the %s policy %s of %s is paused: %s\n", setting, field(plan, row, JOB_ID),
               target, detail);
    else if (is_action(plan, row, "refusal"))
        terminal_error("%s of %s = %s (%s): %s", setting, target, field(plan, row, BECOMES), source,
                       detail);
    else
        terminal_error("%s", detail);
}

/* ---- for programs ---- */

static void write_row(struct writer *writer, const PGresult *plan, int row)
{
    static const char *const keys[] = {"kind", "target",  "setting", "job_id",
                                       "was",  "becomes", "source",  "detail"};
    size_t pairs = 0;
    for (int i = ACTION; i <= DETAIL; i++)
        pairs += result_text(plan, row, i) != NULL;
    writer_map(writer, pairs);
    for (int i = ACTION; i <= DETAIL; i++) {
        const char *text = result_text(plan, row, i);
        if (text == NULL)
            continue;
        writer_key(writer, keys[i]);
        if (i == JOB_ID)
            writer_digits(writer, text);
        else
            writer_text(writer, text);
    }
    writer_end(writer);
}

static void print_json(const PGresult *plan, int row)
{
    struct buffer line;
    struct writer writer;
    buffer_init(&line, JSON_LINE_BYTES_MAX);
    writer_init(&writer, &line, WIRE_JSON);
    write_row(&writer, plan, row);
    printf("%s\n", buffer_text(&line));
    buffer_deinit(&line);
}

static void print_summary(const struct apply *apply, bool is_applied)
{
    printf("{\"kind\":\"summary\",\"changes\":%d,\"refusals\":%d,\"applied\":%s}\n",
           apply->change_count, apply->refusal_count, is_applied ? "true" : "false");
}

/* ---- the plan ---- */

static enum status make_plan(struct apply *apply, struct error *error)
{
    const char *declared = buffer_text(&apply->declared);
    enum status status =
        connection_query(apply->connection,
                         "select p.action, p.target, p.setting, p.job_id, p.was, p.becomes,"
                         " p.source, p.detail from tapedeck.policies_plan($1::jsonb) p",
                         1, &declared, &apply->plan, error);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < PQntuples(apply->plan); row++) {
        apply->change_count += is_change(apply->plan, row);
        apply->refusal_count += is_refusal(apply->plan, row);
        apply->unsupported_count += is_action(apply->plan, row, "unsupported");
    }
    return STATUS_OK;
}

static void show_plan(const struct apply *apply)
{
    for (int row = 0; row < PQntuples(apply->plan); row++) {
        if (apply->values->json)
            print_json(apply->plan, row);
        else
            print_row(apply->plan, row);
    }
    (void)fflush(stdout);
}

/* ---- the change ---- */

/* Whether what was done is what was shown: somebody may have been quicker. */
static bool is_as_planned(const struct apply *apply, const PGresult *done)
{
    int at = 0;
    for (int row = 0; row < PQntuples(apply->plan); row++) {
        if (!is_change(apply->plan, row))
            continue;
        if (at == PQntuples(done))
            return false;
        for (int i = ACTION; i <= BECOMES; i++) {
            if (i != JOB_ID && strcmp(field(apply->plan, row, (enum plan_column)i),
                                      field(done, at, (enum plan_column)i)) != 0)
                return false;
        }
        at++;
    }
    return at == PQntuples(done);
}

static enum status put(struct apply *apply, struct error *error)
{
    PGresult *done;
    const char *declared = buffer_text(&apply->declared);
    enum status status =
        connection_query(apply->connection,
                         "select a.action, a.target, a.setting, a.job_id, a.was, a.becomes"
                         " from tapedeck.policies_apply($1::jsonb) a",
                         1, &declared, &done, error);
    if (status != STATUS_OK)
        return status;
    bool is_good = is_as_planned(apply, done);
    PQclear(done);
    return is_good ? connection_commit(apply->connection, error)
                   : error_set(error, STATUS_CONFLICT,
                               "somebody changed the policies meanwhile: nothing was changed; "
                               "look at the plan again");
}

static enum status put_in_force(struct apply *apply, struct error *error)
{
    enum status status = connection_begin(apply->connection, 0, error);
    if (status == STATUS_OK)
        status = put(apply, error);
    if (status != STATUS_OK)
        connection_rollback(apply->connection);
    return status;
}

/* ---- the command ---- */

/* What ends the command before anything is changed; -1: go on. */
static int decide(const struct apply *apply)
{
    bool is_loud = !apply->values->json;
    if (apply->refusal_count > 0) {
        if (is_loud)
            terminal_warning("nothing was changed");
        return EXIT_FAILED;
    }
    if (apply->change_count == 0) {
        if (is_loud)
            terminal_step("nothing to change: the policies are %s",
                          apply->unsupported_count > 0 ? "as declared, as far as they can be"
                                                       : "as declared");
        return EXIT_DONE;
    }
    if (apply->values->dry_run)
        return POLICIES_EXIT_CHANGES;
    if (apply->values->yes)
        return -1;
    if (!terminal_can_ask()) {
        terminal_error("nobody can be asked here: say --yes to make these changes");
        return EXIT_USAGE;
    }
    if (terminal_confirm("Make these changes?"))
        return -1;
    terminal_warning("nothing was changed");
    return EXIT_FAILED;
}

static enum status work(struct apply *apply, int *result, struct error *error)
{
    enum status status = make_plan(apply, error);
    if (status != STATUS_OK)
        return status;
    show_plan(apply);
    *result = decide(apply);
    bool goes_on = *result < 0;
    if (goes_on) {
        status = put_in_force(apply, error);
        *result = EXIT_DONE;
    }
    if (status != STATUS_OK)
        return status;
    if (apply->values->json)
        print_summary(apply, goes_on);
    else if (goes_on)
        terminal_step("%d change%s made: the policies are as declared", apply->change_count,
                      apply->change_count == 1 ? "" : "s");
    return STATUS_OK;
}

int policies_apply_run(const struct configuration *configuration,
                       const struct invocation *invocation)
{
    struct apply apply = {.values = invocation->values};
    struct error error = {.text = ""};
    int result = EXIT_FAILED;
    enum status status = database_open(configuration, DATABASE_MEND, &apply.database, &error);
    if (status == STATUS_OK) {
        apply.connection = database_connect(&apply.database, "policies", &error);
        declare(configuration, &apply.database, &apply.declared);
        status = apply.connection != NULL ? work(&apply, &result, &error) : error.status;
        PQclear(apply.plan);
        buffer_deinit(&apply.declared);
        connection_close(&apply.connection);
        database_close(&apply.database);
    }
    if (status == STATUS_OK)
        return result;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}

/* ---- at the start of a server ---- */

static enum status count_differences(struct connection *connection, const char *declared,
                                     int64_t *count, struct error *error)
{
    PGresult *row;
    connection_set_stall_us(connection, COMPARE_US_MAX);
    enum status status = connection_query_row(
        connection, "select count(*) from tapedeck.policies_differences($1::jsonb)", 1, &declared,
        &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, count);
    PQclear(row);
    return status == STATUS_OK ? STATUS_OK : error_set(error, status, "count(*) is no number");
}

void policies_compare(const struct configuration *configuration, const struct database *database)
{
    if (!declared_policies_are_given(&configuration->policies))
        return; /* nobody said what they should be */
    struct error error = {.text = ""};
    struct buffer declared;
    int64_t count = 0;
    declare(configuration, database, &declared);
    struct connection *connection = database_connect(database, "policies", &error);
    enum status status = connection != NULL
                             ? count_differences(connection, buffer_text(&declared), &count, &error)
                             : error.status;
    if (status != STATUS_OK)
        log_warn("policies.declared", "error=%s", LOG_QUOTE(error.text));
    else if (count > 0)
        log_warn("policies.declared", "file=%s differences=%" PRId64 " command=%s",
                 LOG_QUOTE(configuration->file), count,
                 LOG_QUOTE("tapedeck policies apply --dry-run"));
    connection_close(&connection);
    buffer_deinit(&declared);
}
