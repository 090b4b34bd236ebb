#include "intake/intake.h"

#include "base/assert.h"
#include "base/mem.h"
#include "intake/csv.h"
#include "intake/format.h"
#include "intake/names.h"
#include "intake/row.h"
#include "market/symbol.h"

#include <stdio.h>
#include <string.h>

#define DETECT_LINES_MAX 16 /* lines with text that are looked at to find the format */
#define SHOWN_BYTES 80      /* of a line that is not understood */

struct intake {
    struct file *file;
    const struct format *format;
    struct row_rules rules;
    bool header_pending;
    char source[SYMBOL_BYTES_MAX + 1];
    struct csv csv;
};

/* The next line with text. */
static enum status next_line(struct intake *intake, struct line *line, struct error *error)
{
    enum status status;
    do
        status = file_next_line(intake->file, line, error);
    while (status == STATUS_OK && line->bytes == 0 && line->fault == LINE_FINE);
    return status;
}

static void copy_shown(const struct line *line, char shown[SHOWN_BYTES + 1])
{
    size_t bytes = line->bytes < SHOWN_BYTES ? line->bytes : SHOWN_BYTES;
    for (size_t i = 0; i < bytes; i++)
        shown[i] = (char)(line->text[i] >= ' ' && line->text[i] <= '~' ? line->text[i] : '?');
    shown[bytes] = '\0';
}

static enum status not_recognised(const struct format *named, const char *shown,
                                  struct error *error)
{
    if (named != NULL)
        return error_set(error, STATUS_INVALID,
                         "this is no %s file: it would begin like \"%s\", and begins with \"%s\"",
                         named->name, named->example, shown);
    return error_set(error, STATUS_INVALID,
                     "the format of this file is not recognised: it begins with \"%s\"; the "
                     "formats are %s",
                     shown, format_list());
}

/* Looks at one line; STATUS_NOT_FOUND: it tells nothing. */
static enum status detect_in_line(struct intake *intake, const struct format *named,
                                  const struct line *line, bool is_first, struct error *error)
{
    if (line->fault != LINE_FINE || csv_split(&intake->csv, line->text, line->bytes, NULL))
        return STATUS_NOT_FOUND;
    return format_recognise(named, &intake->csv, is_first, &intake->format, &intake->rules.layout,
                            error);
}

/* A bad first row must not hide the format, so that some lines more are looked at. */
static enum status detect(struct intake *intake, enum intake_format id, struct error *error)
{
    const struct format *named = format_of(id);
    char shown[SHOWN_BYTES + 1] = "";
    for (int i = 0; i < DETECT_LINES_MAX; i++) {
        struct line line;
        enum status status = next_line(intake, &line, error);
        if (status == STATUS_END && i == 0)
            return error_set(error, STATUS_INVALID, "the file is empty");
        if (status == STATUS_END)
            break;
        if (status != STATUS_OK)
            return status;
        if (i == 0)
            copy_shown(&line, shown);
        status = detect_in_line(intake, named, &line, i == 0, error);
        if (status != STATUS_NOT_FOUND)
            return status;
    }
    return not_recognised(named, shown, error);
}

static enum status names_begin(struct intake *intake, const char *venue, struct error *error)
{
    char prefix[SYMBOL_BYTES_MAX + 2] = "";
    if (venue != NULL) {
        enum status status = symbol_check(venue, strlen(venue), error);
        if (status != STATUS_OK)
            return error_prefix(error, "--venue");
        (void)snprintf(prefix, sizeof prefix, "%s:", venue);
    }
    intake->rules.names = names_create(prefix);
    return STATUS_OK;
}

/* The symbol of all rows, when they have no column for it: the user's, or the file name's. */
static enum status symbol_begin(struct intake *intake, const char *symbol, const char *file_name,
                                struct error *error)
{
    if (intake->rules.layout.at[ROLE_SYMBOL] != NO_COLUMN) {
        if (symbol == NULL)
            return STATUS_OK;
        return error_set(error, STATUS_INVALID,
                         "the rows of this %s file name their symbols: drop --symbol",
                         intake->format->name);
    }
    size_t bytes = symbol != NULL ? strlen(symbol) : 0;
    const struct format *format = intake->format;
    if (symbol == NULL &&
        (format->symbol_in_name == NULL || !format->symbol_in_name(file_name, &symbol, &bytes)))
        return error_set(error, STATUS_INVALID,
                         "this format (%s) names no symbol: give --symbol NAME", format->name);
    return names_intern(intake->rules.names, symbol, bytes, &intake->rules.symbol_id, error);
}

static enum status source_begin(struct intake *intake, const char *source, struct error *error)
{
    if (source == NULL) {
        intake->rules.source = intake->format->source;
        return STATUS_OK;
    }
    size_t bytes = strlen(source);
    enum status status = symbol_check(source, bytes, error);
    if (status != STATUS_OK)
        return error_prefix(error, "--source");
    memcpy(intake->source, source, bytes + 1);
    intake->rules.source = intake->source;
    return STATUS_OK;
}

static enum status begin(struct intake *intake, const char *file_name,
                         const struct intake_options *options, struct error *error)
{
    enum status status = detect(intake, options->format, error);
    if (status == STATUS_OK)
        status = names_begin(intake, options->venue, error);
    if (status == STATUS_OK)
        status = symbol_begin(intake, options->symbol, file_name, error);
    if (status == STATUS_OK)
        status = source_begin(intake, options->source, error);
    if (status != STATUS_OK)
        return status;
    bool by_format = options->last_from == INTAKE_LAST_FROM_DEFAULT;
    intake->rules.last_from = by_format ? intake->format->last_from : options->last_from;
    intake->rules.latest = options->latest;
    return intake_rewind(intake, error);
}

/* Takes `file`, also when it fails. */
static enum status intake_create(struct file *file, const char *file_name,
                                 const struct intake_options *options, struct intake **intake,
                                 struct error *error)
{
    struct intake *created = MEM_NEW(struct intake);
    created->file = file;
    enum status status = begin(created, file_name, options, error);
    if (status != STATUS_OK) {
        intake_destroy(&created);
        return status;
    }
    *intake = created;
    return STATUS_OK;
}

enum status intake_open(const char *path, const struct intake_options *options,
                        struct intake **intake, struct error *error)
{
    struct file *file;
    enum status status = file_open(path, &file, error);
    if (status != STATUS_OK)
        return status;
    const char *slash = strrchr(path, '/');
    return intake_create(file, slash != NULL ? slash + 1 : path, options, intake, error);
}

enum status intake_open_memory(const void *bytes, size_t count, const char *name,
                               const struct intake_options *options, struct intake **intake,
                               struct error *error)
{
    struct file *file;
    enum status status = file_open_memory(bytes, count, &file, error);
    return status == STATUS_OK ? intake_create(file, name, options, intake, error) : status;
}

void intake_destroy(struct intake **intake)
{
    struct intake *closed = *intake;
    *intake = NULL;
    if (closed == NULL)
        return;
    file_destroy(&closed->file);
    names_destroy(&closed->rules.names);
    mem_free(closed);
}

static enum status line_fault(enum line_fault fault, struct error *error)
{
    if (fault == LINE_TOO_LONG)
        return error_set(error, STATUS_INVALID, "the line is longer than %d bytes",
                         FILE_LINE_BYTES_MAX);
    ASSERT(fault == LINE_HAS_NUL);
    return error_set(error, STATUS_INVALID, "the line has a NUL byte");
}

enum status intake_next(struct intake *intake, struct intake_row *row, struct error *error)
{
    struct line line;
    enum status status = next_line(intake, &line, error);
    if (status == STATUS_OK && intake->header_pending) {
        intake->header_pending = false;
        status = next_line(intake, &line, error);
    }
    if (status != STATUS_OK)
        return status;
    row->line = line.number;
    row->raw = line.text;
    row->raw_bytes = line.bytes;
    if (line.fault != LINE_FINE)
        return line_fault(line.fault, error);
    status = csv_split(&intake->csv, line.text, line.bytes, error);
    return status == STATUS_OK ? row_read(&intake->rules, &intake->csv, row, error) : status;
}

enum status intake_rewind(struct intake *intake, struct error *error)
{
    intake->header_pending = intake->rules.layout.has_header;
    return file_rewind(intake->file, error);
}

enum intake_format intake_format(const struct intake *intake)
{
    return intake->format->id;
}

struct file_progress intake_progress(const struct intake *intake)
{
    return file_progress(intake->file);
}

uint32_t intake_symbol_count(const struct intake *intake)
{
    return names_count(intake->rules.names);
}

const char *intake_symbol(const struct intake *intake, uint32_t symbol_id)
{
    return names_text(intake->rules.names, symbol_id);
}

enum status intake_sha256(const struct intake *intake, uint8_t sha256[FILE_SHA256_BYTES],
                          struct error *error)
{
    return file_sha256(intake->file, sha256, error);
}
