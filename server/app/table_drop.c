/*
 * tapedeck table drop-chunks: what would go, the question, and the drop of exactly what was shown.
 */
#include "app/table_inner.h"
#include "app/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define NAMES_BYTES_MAX (16 << 20) /* of chunks: a hundred thousand of them */

/* Columns of the list, as they are asked for. */
enum { CHUNK, FROM, TO, ROWS, BYTES, COMPRESSED, KEPT, COLUMN_COUNT };

static const struct table_column columns[COLUMN_COUNT] = {
    {"chunk", CELL_TEXT},         {"from", CELL_TEXT},  {"to", CELL_TEXT},
    {"rows (about)", CELL_COUNT}, {"size", CELL_BYTES}, {"compressed", CELL_BOOL},
    {"stays because", CELL_TEXT},
};

/* What would go. */
struct drop {
    int64_t chunks;
    int64_t rows;
    int64_t bytes;
    int64_t kept;
    struct buffer names; /* an array as PostgreSQL writes it: {"a.b","c.d"} */
};

static void append_name(struct buffer *names, const char *name)
{
    buffer_append_text(names, names->count > 0 ? ",\"" : "{\"");
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            buffer_append_u8(names, '\\');
        buffer_append_u8(names, (uint8_t)*name);
    }
    buffer_append_u8(names, '"');
}

static void add_up(struct drop *drop, const PGresult *list)
{
    for (int row = 0; row < PQntuples(list); row++) {
        int64_t number;
        if (result_text(list, row, KEPT) != NULL) {
            drop->kept++;
            continue;
        }
        drop->chunks++;
        drop->rows += result_int64(list, row, ROWS, &number) == STATUS_OK ? number : 0;
        drop->bytes += result_int64(list, row, BYTES, &number) == STATUS_OK ? number : 0;
        append_name(&drop->names, result_text(list, row, CHUNK));
    }
    buffer_append_u8(&drop->names, '}');
}

/* "1 chunk", "12 345 chunks". */
static struct table_text count_chunks(int64_t count)
{
    struct table_text text;
    (void)snprintf(text.text, sizeof text.text, "%s chunk%s", terminal_count(count).text,
                   count == 1 ? "" : "s");
    return text;
}

/* Whether it may be done; says why not. */
static bool is_allowed(struct table_run *run, const struct drop *drop)
{
    if (run->values->yes)
        return true;
    run->is_refused = true;
    if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
        terminal_error("nobody can be asked here, so nothing was dropped: --yes drops them");
        return false;
    }
    if (terminal_confirm("Drop %s of %s for good?", count_chunks(drop->chunks).text, run->name)) {
        run->is_refused = false;
        return true;
    }
    terminal_warning("nothing was dropped");
    return false;
}

static enum status drop_listed(struct table_run *run, const char *before, struct drop *drop,
                               struct error *error)
{
    if (drop->names.failed)
        return error_set(error, STATUS_LIMIT,
                         "too many chunks at once: choose an earlier --before");
    const char *parameters[] = {run->name, before, buffer_text(&drop->names)};
    PGresult *gone;
    enum status status =
        connection_query(run->connection, "select tapedeck.table_drop_chunks($1, $2, $3)", 3,
                         parameters, &gone, error);
    if (status != STATUS_OK)
        return status;
    int64_t count = PQntuples(gone);
    PQclear(gone);
    if (count == drop->chunks)
        terminal_step("%s dropped: about %s rows, %s", count_chunks(count).text,
                      terminal_count(drop->rows).text, terminal_bytes(drop->bytes).text);
    else
        terminal_warning("only %s of %s dropped; into the others somebody wrote meanwhile",
                         terminal_count(count).text, count_chunks(drop->chunks).text);
    return STATUS_OK;
}

static enum status drop_of(struct table_run *run, const char *before, const PGresult *list,
                           struct drop *drop, struct error *error)
{
    add_up(drop, list);
    if (PQntuples(list) > 0)
        table_show(list, columns, false);
    if (drop->chunks == 0) {
        terminal_step(drop->kept > 0 ? "none of them may go: nothing was dropped"
                                     : "there is nothing before that: nothing to drop");
        return STATUS_OK;
    }
    printf("%s would go: about %s rows, %s\n", count_chunks(drop->chunks).text,
           terminal_count(drop->rows).text, terminal_bytes(drop->bytes).text);
    (void)fflush(stdout); /* the question goes to another stream */
    return is_allowed(run, drop) ? drop_listed(run, before, drop, error) : STATUS_OK;
}

static enum status drop_chunks(struct table_run *run, struct error *error)
{
    struct table_text before;
    const char *parameters[] = {run->name, table_instant(&before, run->values->before)};
    struct table_question question = {
        .sql = "select chunk, tapedeck.table_time_text(range_start),"
               " tapedeck.table_time_text(range_end), row_estimate, bytes, compressed, kept"
               " from tapedeck.table_drop_list($1, $2)",
        .parameters = parameters,
        .parameter_count = 2,
        .columns = columns};
    PGresult *list;
    enum status status = table_ask(run, &question, &list, error);
    if (status != STATUS_OK)
        return status;
    struct drop drop = {.chunks = 0};
    buffer_init(&drop.names, NAMES_BYTES_MAX);
    status = drop_of(run, before.text, list, &drop, error);
    buffer_deinit(&drop.names);
    PQclear(list);
    return status;
}

int table_drop_chunks_run(const struct configuration *configuration,
                          const struct invocation *invocation)
{
    const struct table_values *values = invocation->values;
    if (values->before == TABLE_ANY)
        return table_missing("table drop-chunks needs --before TIME");
    return table_run(configuration, invocation, "drop-chunks", drop_chunks);
}
