/*
 * tapedeck import FILE…: reads each file twice. The first pass checks every row and tells what the
 * file would bring, so that everything that can be refused is refused before anything is written;
 * the second writes it, in one transaction.
 */
#include "app/commands.h"
#include "app/load.h"
#include "app/terminal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "intake/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bad rows that are written down before a hopeless file is given up. */
#define REJECTS_SHOWN_MAX 10000
#define PARTIAL_ROWS INT64_C(250000) /* of one transaction with --partial */

struct file_import {
    const struct import_options *options;
    const char *path;
    struct connection *connection;
    struct intake *intake;
    struct rejects *rejects;
    struct survey survey;
    int64_t rejected_left; /* second pass: bad rows that may still come */
    int64_t rows_left;     /* second pass: of this transaction */
    int64_t skip;          /* second pass: rows an earlier --partial import has written */
    bool is_last_part;     /* second pass: reads on to the end of the file */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- first pass ---------------------------------------------------------------------------- */

static bool show_survey(void *owner, struct file_progress progress)
{
    terminal_progress_set(owner, (int64_t)progress.read_bytes);
    return true;
}

static enum status survey_file(struct file_import *file, struct error *error)
{
    struct terminal_progress progress;
    struct file_progress size = intake_progress(file->intake);
    int64_t most = file->options->errors_max;
    struct survey_options options = {
        .rejected_max = most > REJECTS_SHOWN_MAX ? most : REJECTS_SHOWN_MAX,
        .rejects = file->rejects,
        .progress = show_survey,
        .owner = &progress,
    };
    terminal_progress_begin(&progress, "checking", (int64_t)size.total_bytes, "bytes");
    enum status status = survey_run(file->intake, &options, &file->survey, error);
    terminal_progress_end(&progress);
    struct error written = {.text = ""};
    if (rejects_finish(file->rejects, &written) != STATUS_OK && status == STATUS_OK) {
        *error = written;
        status = written.status;
    }
    return status;
}

static void tell_rejects(const struct file_import *file)
{
    const struct survey *survey = &file->survey;
    if (survey->rejected == 0)
        return;
    terminal_warning("%" PRId64 " bad rows, written to %s:", survey->rejected,
                     rejects_path(file->rejects));
    for (uint32_t i = 0; i < survey->reason_count; i++)
        terminal_warning("  line %" PRId64 ": %s (%" PRId64 " of them)", survey->reasons[i].line,
                         survey->reasons[i].text, survey->reasons[i].rows);
}

static enum status check_rejects(const struct file_import *file, struct error *error)
{
    if (file->survey.rejected <= file->options->errors_max || file->options->partial)
        return STATUS_OK;
    return error_set(error, STATUS_LIMIT,
                     "%" PRId64 " bad rows (they are in %s), --max-errors allows %" PRId64
                     ": nothing was imported",
                     file->survey.rejected, rejects_path(file->rejects), file->options->errors_max);
}

/* ---- second pass --------------------------------------------------------------------------- */

static enum status check_unchanged(struct file_import *file, struct error *error)
{
    uint8_t sha256[FILE_SHA256_BYTES];
    enum status status = intake_sha256(file->intake, sha256, error);
    if (status != STATUS_OK)
        return status;
    if (memcmp(sha256, file->survey.sha256, sizeof sha256) != 0)
        return error_set(error, STATUS_CONFLICT, "the file changed while it was read");
    return STATUS_END;
}

static enum status count_bad_row(struct file_import *file, struct error *error)
{
    if (file->rejected_left-- > 0)
        return STATUS_OK;
    return error_set(error, STATUS_LIMIT,
                     "more bad rows than the %" PRId64 " that --max-errors allows",
                     file->options->errors_max);
}

/* A load_next_fn. */
static enum status next_row(void *owner, struct intake_row *row, struct error *error)
{
    struct file_import *file = owner;
    if (file->rows_left == 0 && !file->is_last_part)
        return STATUS_END;
    for (;;) {
        enum status status = intake_next(file->intake, row, error);
        if (status == STATUS_END)
            return check_unchanged(file, error);
        if (status == STATUS_INVALID)
            status = count_bad_row(file, error);
        else if (status == STATUS_OK && file->skip > 0)
            file->skip--;
        else if (status == STATUS_OK && file->rows_left-- > 0)
            return STATUS_OK;
        else if (status == STATUS_OK)
            return error_set(error, STATUS_CONFLICT, "the file grew while it was read");
        if (status != STATUS_OK)
            return status;
    }
}

static void fill_record(const struct file_import *file, struct ledger_record *record)
{
    *record = (struct ledger_record){
        .file_name = base_name(file->path),
        .format = intake_format_name(intake_format(file->intake)),
        .rejected = file->survey.rejected,
    };
    memcpy(record->sha256, file->survey.sha256, sizeof record->sha256);
}

/* One transaction of `rows` rows; `written` grows. */
static enum status write_part(struct file_import *file, int64_t rows, int64_t *written,
                              struct error *error)
{
    struct load load = {
        .label = base_name(file->path),
        .range = {.from = file->survey.first, .to = file->survey.last + 1},
        .rows = rows,
        .next = next_row,
        .owner = file,
    };
    file->rows_left = rows;
    fill_record(file, &load.record);
    enum status status = load_write(file->connection, &load, &file->options->load, error);
    *written += load.written;
    if (status == STATUS_OK)
        load_tell(&load, intake_symbol(file->intake, 0), file->survey.symbol_count > 1);
    return status;
}

/* How much of this content earlier --partial imports have written. */
static enum status read_written(struct file_import *file, int64_t *written, struct error *error)
{
    struct ledger_entry *entries;
    size_t count;
    enum status status = ledger_list(file->connection, &entries, &count, error);
    if (status != STATUS_OK)
        return status;
    *written = 0;
    for (size_t i = 0; i < count; i++) {
        bool same = memcmp(entries[i].sha256, file->survey.sha256, LEDGER_SHA256_BYTES) == 0;
        if (same && entries[i].undone_at == INT64_MIN)
            *written += entries[i].rows;
    }
    mem_free(entries);
    return STATUS_OK;
}

/* One transaction after the other; what was committed stays, and another run goes on from there. */
static enum status write_in_parts(struct file_import *file, int64_t *written, struct error *error)
{
    enum status status = read_written(file, &file->skip, error);
    int64_t rows_left = file->survey.rows - file->skip;
    if (status == STATUS_OK && file->skip > 0)
        terminal_step("%s rows of it were imported before", terminal_count(file->skip).text);
    while (status == STATUS_OK && rows_left > 0) {
        int64_t rows = rows_left < PARTIAL_ROWS ? rows_left : PARTIAL_ROWS;
        file->is_last_part = rows == rows_left;
        status = write_part(file, rows, written, error);
        rows_left -= rows;
    }
    return status;
}

/* ---- a file -------------------------------------------------------------------------------- */

static enum status check_file(struct file_import *file, struct error *error)
{
    enum status status = survey_file(file, error);
    tell_rejects(file);
    if (status == STATUS_OK)
        status = check_rejects(file, error);
    if (status == STATUS_OK && file->survey.rows == 0)
        status = error_set(error, STATUS_INVALID, "there is no good row in it");
    if (status != STATUS_OK)
        return status;
    struct ledger_record record;
    fill_record(file, &record);
    if (!file->options->partial)
        status = load_check_ledger(file->connection, &record, &file->options->load, error);
    if (status == STATUS_OK)
        status = load_check_retention(file->connection, file->survey.first, clock_wall_us(),
                                      &file->options->load, error);
    return status;
}

static enum status import_open_file(struct file_import *file, struct error *error)
{
    enum status status = check_file(file, error);
    if (status != STATUS_OK)
        return status;
    file->rejected_left = file->options->errors_max;
    status = intake_rewind(file->intake, error);
    if (status != STATUS_OK)
        return status;
    int64_t written = 0;
    file->is_last_part = true;
    if (file->options->partial)
        status = write_in_parts(file, &written, error);
    else
        status = write_part(file, file->survey.rows, &written, error);
    if (written > 0)
        load_refresh_candles(file->connection);
    return status;
}

static enum status import_file(const struct import_options *options, const char *path,
                               struct connection *connection, struct error *error)
{
    struct file_import file = {.options = options, .path = path, .connection = connection};
    enum status status = intake_open(path, &options->intake, &file.intake, error);
    if (status == STATUS_OK) {
        file.rejects = rejects_create(path, options->rejects_path);
        status = import_open_file(&file, error);
        survey_deinit(&file.survey);
        rejects_destroy(&file.rejects);
        intake_destroy(&file.intake);
    }
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, "%s", path);
}

int import_run(const struct configuration *configuration, const struct import_options *options)
{
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status != STATUS_OK) {
        terminal_error("%s", error.text);
        return 1;
    }
    struct connection *connection = database_connect(&database, "import", &error);
    int failures = connection == NULL;
    if (connection == NULL)
        terminal_error("%s", error.text);
    for (size_t i = 0; connection != NULL && i < options->file_count; i++) {
        if (import_file(options, options->files[i], connection, &error) == STATUS_OK)
            continue;
        database_explain(&database, &error);
        terminal_error("%s", error.text);
        failures++;
    }
    connection_close(&connection);
    database_close(&database);
    return failures > 0 ? 1 : 0;
}
