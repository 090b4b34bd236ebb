#include "store/ledger.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_BYTES 24
#define SYMBOLS_BYTES_MAX ((size_t)256 << 20)
#define SHA256_TEXT_BYTES (2 * LEDGER_SHA256_BYTES + 3) /* \x… and a NUL */

static const char *number(int64_t value, char text[NUMBER_BYTES])
{
    (void)snprintf(text, NUMBER_BYTES, "%lld", (long long)value);
    return text;
}

static const char *sha256_text(const uint8_t sha256[LEDGER_SHA256_BYTES],
                               char text[SHA256_TEXT_BYTES])
{
    (void)snprintf(text, SHA256_TEXT_BYTES, "\\x");
    for (size_t i = 0; i < LEDGER_SHA256_BYTES; i++)
        (void)snprintf(text + 2 + 2 * i, 3, "%02x", sha256[i]);
    return text;
}

/* ---- record ---- */

static void append_symbols(struct buffer *array, const struct tick_writer_outcome *outcome)
{
    for (size_t i = 0; i < outcome->symbol_count; i++) {
        buffer_append_u8(array, i == 0 ? '{' : ',');
        buffer_append_u8(array, '"');
        for (const char *at = outcome->symbols[i].name; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                buffer_append_u8(array, '\\');
            buffer_append_u8(array, (uint8_t)*at);
        }
        buffer_append_u8(array, '"');
    }
    buffer_append_text(array, outcome->symbol_count == 0 ? "{}" : "}");
}

static enum status insert_record(struct connection *connection,
                                 const struct tick_writer_outcome *outcome,
                                 struct ledger_record *record, const char *symbols,
                                 struct error *error)
{
    char sha256[SHA256_TEXT_BYTES];
    char seq_from[NUMBER_BYTES];
    char seq_to[NUMBER_BYTES];
    char rows[NUMBER_BYTES];
    char rejected[NUMBER_BYTES];
    struct time_text from = time_format(outcome->range.from);
    struct time_text to = time_format(outcome->range.to);
    const char *const parameters[] = {sha256_text(record->sha256, sha256),
                                      record->file_name,
                                      record->format,
                                      symbols,
                                      from.text,
                                      to.text,
                                      number(outcome->seq_from, seq_from),
                                      number(outcome->seq_to, seq_to),
                                      number(outcome->rows, rows),
                                      number(record->rejected, rejected),
                                      record->options};
    PGresult *row;
    enum status status = connection_query_row(
        connection, "select tapedeck.import_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        11, parameters, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, &record->id);
    PQclear(row);
    return status;
}

enum status ledger_record(struct connection *connection, const struct tick_writer_outcome *outcome,
                          void *owner, struct error *error)
{
    struct buffer symbols;
    buffer_init(&symbols, SYMBOLS_BYTES_MAX);
    append_symbols(&symbols, outcome);
    enum status status =
        symbols.failed ? error_set(error, STATUS_LIMIT, "too many symbols in one import")
                       : insert_record(connection, outcome, owner, buffer_text(&symbols), error);
    buffer_deinit(&symbols);
    return status;
}

/* ---- find, list ---- */

enum entry_column {
    ENTRY_ID,
    ENTRY_SHA256,
    ENTRY_FILE_NAME,
    ENTRY_FORMAT,
    ENTRY_FROM,
    ENTRY_TO,
    ENTRY_SYMBOL_COUNT,
    ENTRY_FIRST_SYMBOL,
    ENTRY_ROWS,
    ENTRY_REJECTED,
    ENTRY_IMPORTED_AT,
    ENTRY_UNDONE_AT,
};

#define ENTRY_COLUMNS                                                                              \
    "i.id, pg_catalog.encode(i.sha256, 'hex'), i.file_name, i.format,"                             \
    " tapedeck.time_us(i.time_from), tapedeck.time_us(i.time_to),"                                 \
    " pg_catalog.cardinality(i.symbols), i.symbols[1], i.rows, i.rejected,"                        \
    " tapedeck.time_us(i.imported_at), tapedeck.time_us(i.undone_at)"

static void copy_text(char *to, size_t bytes, const PGresult *rows, int row, int column)
{
    const char *text = result_text(rows, row, column);
    (void)snprintf(to, bytes, "%s", text != NULL ? text : "");
}

static void read_sha256(const char *text, uint8_t sha256[LEDGER_SHA256_BYTES])
{
    for (size_t i = 0; i < LEDGER_SHA256_BYTES; i++) {
        unsigned byte = 0;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return;
        sha256[i] = (uint8_t)byte;
    }
}

static enum status read_entry(const PGresult *rows, int row, struct ledger_entry *entry,
                              struct error *error)
{
    *entry = (struct ledger_entry){.undone_at = INT64_MIN};
    copy_text(entry->file_name, sizeof entry->file_name, rows, row, ENTRY_FILE_NAME);
    copy_text(entry->format, sizeof entry->format, rows, row, ENTRY_FORMAT);
    copy_text(entry->first_symbol, sizeof entry->first_symbol, rows, row, ENTRY_FIRST_SYMBOL);
    const char *sha256 = result_text(rows, row, ENTRY_SHA256);
    if (sha256 != NULL && strlen(sha256) == 2 * (size_t)LEDGER_SHA256_BYTES)
        read_sha256(sha256, entry->sha256);
    bool is_whole =
        result_int64(rows, row, ENTRY_ID, &entry->id) == STATUS_OK &&
        result_int64(rows, row, ENTRY_FROM, &entry->range.from) == STATUS_OK &&
        result_int64(rows, row, ENTRY_TO, &entry->range.to) == STATUS_OK &&
        result_int64(rows, row, ENTRY_SYMBOL_COUNT, &entry->symbol_count) == STATUS_OK &&
        result_int64(rows, row, ENTRY_ROWS, &entry->rows) == STATUS_OK &&
        result_int64(rows, row, ENTRY_REJECTED, &entry->rejected) == STATUS_OK &&
        result_int64(rows, row, ENTRY_IMPORTED_AT, &entry->imported_at) == STATUS_OK;
    if (!is_whole)
        return error_set(error, STATUS_INTERNAL, "the list of imports has a row without numbers");
    if (result_text(rows, row, ENTRY_UNDONE_AT) != NULL)
        return result_int64(rows, row, ENTRY_UNDONE_AT, &entry->undone_at);
    return STATUS_OK;
}

enum status ledger_find(struct connection *connection, const uint8_t sha256[LEDGER_SHA256_BYTES],
                        struct ledger_entry *entry, struct error *error)
{
    char text[SHA256_TEXT_BYTES];
    PGresult *row;
    enum status status = connection_query_row(
        connection,
        "select " ENTRY_COLUMNS " from tapedeck.imports_list() i where i.id ="
        " (select f.id from tapedeck.import_find($1) f order by f.id desc limit 1)",
        1, (const char *const[]){sha256_text(sha256, text)}, &row, error);
    if (status != STATUS_OK)
        return status;
    status = read_entry(row, 0, entry, error);
    PQclear(row);
    return status;
}

enum status ledger_list(struct connection *connection, struct ledger_entry **entries, size_t *count,
                        struct error *error)
{
    PGresult *rows;
    enum status status =
        connection_query(connection, "select " ENTRY_COLUMNS " from tapedeck.imports_list() i", 0,
                         NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    size_t row_count = (size_t)PQntuples(rows);
    struct ledger_entry *list = mem_alloc_zeroed((row_count + 1) * sizeof *list);
    for (size_t i = 0; i < row_count && status == STATUS_OK; i++)
        status = read_entry(rows, (int)i, &list[i], error);
    PQclear(rows);
    if (status != STATUS_OK) {
        mem_free(list);
        return status;
    }
    *entries = list;
    *count = row_count;
    return STATUS_OK;
}

/* ---- undo ---- */

enum status ledger_undo(struct connection *connection, int64_t id, int64_t *rows,
                        struct error *error)
{
    char text[NUMBER_BYTES];
    PGresult *row;
    enum status status = connection_query_row(connection, "select tapedeck.import_undo($1)", 1,
                                              (const char *const[]){number(id, text)}, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, rows);
    PQclear(row);
    return status;
}
