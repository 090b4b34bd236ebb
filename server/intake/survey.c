#include "intake/survey.h"

#include "base/assert.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_SYMBOLS 16

static void symbols_grow(struct survey *survey, uint32_t needed)
{
    uint32_t capacity = survey->symbol_capacity > 0 ? survey->symbol_capacity : FIRST_SYMBOLS;
    while (capacity < needed)
        capacity *= 2; /* ids are bounded by NAMES_MAX */
    survey->symbols = mem_resize(survey->symbols, capacity * sizeof *survey->symbols);
    survey->symbol_capacity = capacity;
}

static struct survey_symbol *symbol_at(struct survey *survey, uint32_t id)
{
    if (id >= survey->symbol_capacity)
        symbols_grow(survey, id + 1);
    for (; survey->symbol_count <= id; survey->symbol_count++)
        survey->symbols[survey->symbol_count] =
            (struct survey_symbol){.first = INT64_MAX, .last = INT64_MIN};
    return &survey->symbols[id];
}

static void count_row(struct survey *survey, const struct intake_row *row)
{
    struct survey_symbol *symbol = symbol_at(survey, row->symbol_id);
    symbol->rows++;
    if (row->time < symbol->first)
        symbol->first = row->time;
    if (row->time > symbol->last)
        symbol->last = row->time;
    survey->rows++;
    if (row->time < survey->first)
        survey->first = row->time;
    if (row->time > survey->last)
        survey->last = row->time;
}

/* The entry of a reason, new if need be; the last entry takes all that find no room. */
static struct survey_reason *reason_at(struct survey *survey, const char *text, int64_t line)
{
    uint32_t i = 0;
    while (i < survey->reason_count &&
           strncmp(survey->reasons[i].text, text, SURVEY_REASON_BYTES - 1) != 0)
        i++;
    if (i == SURVEY_REASONS_MAX)
        return &survey->reasons[SURVEY_REASONS_MAX - 1];
    if (i == survey->reason_count) {
        bool is_last = i == SURVEY_REASONS_MAX - 1;
        struct survey_reason *reason = &survey->reasons[survey->reason_count++];
        (void)snprintf(reason->text, sizeof reason->text, "%.*s", SURVEY_REASON_BYTES - 1,
                       is_last ? "other reasons" : text);
        reason->line = line;
    }
    return &survey->reasons[i];
}

static enum status too_many_rejected(const struct survey *survey, int64_t rejected_max,
                                     struct error *error)
{
    const struct survey_reason *first = &survey->reasons[0];
    if (rejected_max == 0)
        return error_set(error, STATUS_LIMIT, "line %" PRId64 ": %s", first->line, first->text);
    return error_set(error, STATUS_LIMIT,
                     "more than %" PRId64 " bad rows, the first in line %" PRId64 ": %s",
                     rejected_max, first->line, first->text);
}

static enum status count_bad_row(struct survey *survey, const struct survey_options *options,
                                 const struct intake_row *row, struct error *error)
{
    struct error reason = *error;
    survey->rejected++;
    reason_at(survey, reason.text, row->line)->rows++;
    enum status status = STATUS_OK;
    if (options->rejects != NULL)
        status =
            rejects_add(options->rejects, row->line, reason.text, row->raw, row->raw_bytes, error);
    if (status == STATUS_OK && survey->rejected > options->rejected_max)
        status = too_many_rejected(survey, options->rejected_max, error);
    return status;
}

static enum status tell_progress(const struct intake *intake, const struct survey_options *options,
                                 struct error *error)
{
    if (options->progress == NULL || options->progress(options->owner, intake_progress(intake)))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "interrupted");
}

static enum status count_rows(struct intake *intake, const struct survey_options *options,
                              struct survey *survey, struct error *error)
{
    for (int64_t i = 1;; i++) {
        struct intake_row row;
        enum status status = intake_next(intake, &row, error);
        if (status == STATUS_OK)
            count_row(survey, &row);
        else if (status == STATUS_INVALID)
            status = count_bad_row(survey, options, &row, error);
        if (status == STATUS_OK && i % SURVEY_PROGRESS_ROWS == 0)
            status = tell_progress(intake, options, error);
        if (status != STATUS_OK)
            return status;
    }
}

enum status survey_run(struct intake *intake, const struct survey_options *options,
                       struct survey *survey, struct error *error)
{
    ASSERT(error != NULL); /* reasons come in it */
    memset(survey, 0, sizeof *survey);
    survey->first = INT64_MAX;
    survey->last = INT64_MIN;
    enum status status = intake_rewind(intake, error);
    if (status == STATUS_OK)
        status = count_rows(intake, options, survey, error);
    if (status != STATUS_END)
        return status;
    status = tell_progress(intake, options, error);
    return status == STATUS_OK ? intake_sha256(intake, survey->sha256, error) : status;
}

void survey_deinit(struct survey *survey)
{
    mem_free(survey->symbols);
    survey->symbols = NULL;
    survey->symbol_count = 0;
    survey->symbol_capacity = 0;
}
