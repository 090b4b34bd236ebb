/*
 * COPY … TO STDOUT in its text format (sql-copy, "Text Format"): a row a line, columns apart by
 * tabs, \N for null, backslash escapes. libpq gives whole rows.
 */
#include "store/candle_check.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 7
#define SQL_BYTES_MAX 4096

/* ---- the list ---- */

static const char *intervals_of(const struct candle_check *check, char *text, size_t bytes)
{
    if (check->interval == NULL)
        return "{1m,5m,15m,1h,1d}";
    (void)snprintf(text, bytes, "{%s}", check->interval);
    return text;
}

static enum status read_piece(const PGresult *result, int row, struct candle_piece *piece,
                              struct error *error)
{
    static const char *const kinds[] = {"compare", "dropped", "pending"};
    const char *kind = result_text(result, row, 0);
    size_t at = 0;
    while (kind != NULL && at < sizeof kinds / sizeof *kinds && strcmp(kind, kinds[at]) != 0)
        at++;
    if (kind == NULL || at == sizeof kinds / sizeof *kinds ||
        result_int64(result, row, 1, &piece->range.from) != STATUS_OK ||
        result_int64(result, row, 2, &piece->range.to) != STATUS_OK)
        return error_set(error, STATUS_INTERNAL, "candles_pieces() told no kind and range");
    piece->kind = (enum candle_piece_kind)at;
    return STATUS_OK;
}

static enum status read_pieces(const PGresult *result, struct candle_piece **pieces, size_t *count,
                               struct error *error)
{
    size_t rows = (size_t)PQntuples(result);
    struct candle_piece *list = mem_alloc((rows + 1) * sizeof *list);
    for (size_t i = 0; i < rows; i++) {
        enum status status = read_piece(result, (int)i, &list[i], error);
        if (status != STATUS_OK) {
            mem_free(list);
            return status;
        }
    }
    *pieces = list;
    *count = rows;
    return STATUS_OK;
}

enum status candle_check_list(struct connection *connection, const struct candle_check *check,
                              struct candle_piece **pieces, size_t *count, struct error *error)
{
    char intervals[32];
    struct time_range range = time_range_clip(check->range);
    struct time_text from = time_format(range.from);
    struct time_text to = time_format(range.to);
    const char *const parameters[] = {intervals_of(check, intervals, sizeof intervals), from.text,
                                      to.text};
    PGresult *result;
    enum status status = connection_query(
        connection,
        "select p.kind, tapedeck.time_us(p.range_from), tapedeck.time_us(p.range_to)"
        " from tapedeck.candles_pieces($1::text[], $2, $3) p order by p.range_from",
        3, parameters, &result, error);
    if (status != STATUS_OK)
        return status;
    status = read_pieces(result, pieces, count, error);
    PQclear(result);
    return status;
}

/* ---- a row of COPY ---- */

static char unescaped(char letter)
{
    static const char *const pairs = "b\bf\fn\nr\rt\tv\v";
    for (const char *pair = pairs; *pair != '\0'; pair += 2)
        if (*pair == letter)
            return pair[1];
    return letter; /* a backslash, or itself */
}

/* Cuts the line at its tabs and takes the escapes out, in place. False: not COLUMNS columns. */
static bool split(char *line, const char **columns)
{
    size_t count = 0;
    for (char *at = line; at != NULL; count++) {
        char *end = strchr(at, '\t');
        if (count == COLUMNS)
            return false;
        if (end != NULL)
            *end++ = '\0';
        columns[count] = strcmp(at, "\\N") == 0 ? NULL : at;
        char *to = at;
        for (; *at != '\0'; at++)
            *to++ = *at == '\\' && at[1] != '\0' ? unescaped(*++at) : *at;
        *to = '\0';
        at = end;
        if (end == NULL)
            return count + 1 == COLUMNS;
    }
    return false;
}

static enum status read_row(struct buffer *line, struct candle_difference *difference,
                            struct error *error)
{
    const char *columns[COLUMNS] = {NULL};
    (void)buffer_text(line);
    char *end;
    if (line->failed || !split((char *)line->bytes, columns) || columns[0] == NULL ||
        columns[1] == NULL || columns[2] == NULL || columns[3] == NULL)
        return error_set(error, STATUS_INTERNAL, "candles_differences() told something else");
    *difference = (struct candle_difference){
        .kind = columns[0],
        .interval = columns[1],
        .bucket = strtoll(columns[2], &end, 10),
        .symbol = columns[3],
        .field = columns[4],
        .stored = columns[5],
        .recomputed = columns[6],
    };
    return *end == '\0' ? STATUS_OK
                        : error_set(error, STATUS_INTERNAL, "candles_differences() told no time");
}

/* STATUS_END: the last row was read before. */
static enum status next_row(struct connection *connection, struct buffer *line, struct error *error)
{
    const char *bytes;
    size_t count;
    enum status status = connection_copy_out_next(connection, &bytes, &count, error);
    if (status != STATUS_OK)
        return status;
    if (bytes == NULL)
        return STATUS_END;
    buffer_clear(line);
    buffer_append(line, bytes, count > 0 && bytes[count - 1] == '\n' ? count - 1 : count);
    return STATUS_OK;
}

/* ---- one piece ---- */

static enum status append_literal(struct connection *connection, struct buffer *sql,
                                  const char *text, struct error *error)
{
    if (text != NULL)
        return connection_append_literal(connection, sql, text, error);
    buffer_append_text(sql, "null");
    return STATUS_OK;
}

/* COPY takes no parameters. */
static enum status write_sql(struct connection *connection, const struct candle_check *check,
                             struct time_range piece, struct buffer *sql, struct error *error)
{
    char intervals[32];
    buffer_append_format(sql,
                         "COPY (select d.kind, d.candle_interval, tapedeck.time_us(d.bucket),"
                         " d.symbol, d.field, d.stored, d.recomputed"
                         " from tapedeck.candles_differences('%s', ",
                         intervals_of(check, intervals, sizeof intervals));
    enum status status = append_literal(connection, sql, check->symbol, error);
    if (status != STATUS_OK)
        return status;
    buffer_append_format(sql, ", '%s', '%s') d) TO STDOUT", time_format(piece.from).text,
                         time_format(piece.to).text);
    (void)buffer_text(sql);
    return sql->failed ? error_set(error, STATUS_LIMIT, "the symbol's name is too long")
                       : STATUS_OK;
}

static enum status read_rows(struct connection *connection, candle_difference_fn *found,
                             void *owner, struct error *error)
{
    struct buffer line;
    struct candle_difference difference;
    buffer_init(&line, SIZE_MAX);
    enum status status;
    bool goes_on = true;
    while (goes_on && (status = next_row(connection, &line, error)) == STATUS_OK) {
        status = read_row(&line, &difference, error);
        goes_on = status == STATUS_OK && found(owner, &difference);
    }
    buffer_deinit(&line);
    if (goes_on)
        return status == STATUS_END ? STATUS_OK : status;
    connection_copy_out_abort(connection);
    return status == STATUS_OK ? error_set(error, STATUS_END, "stopped") : status;
}

enum status candle_check_run(struct connection *connection, const struct candle_check *check,
                             struct time_range piece, candle_difference_fn *found, void *owner,
                             struct error *error)
{
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    enum status status = write_sql(connection, check, piece, &sql, error);
    if (status == STATUS_OK)
        status = connection_copy_out_begin(connection, (const char *)sql.bytes, error);
    buffer_deinit(&sql);
    return status == STATUS_OK ? read_rows(connection, found, owner, error) : status;
}
