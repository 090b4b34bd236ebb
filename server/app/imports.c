/*
 * tapedeck import list | undo NUMBER: the ledger of imports in a terminal.
 */
#include "app/commands.h"
#include "app/database.h"
#include "app/load.h"
#include "app/terminal.h"
#include "base/mem.h"
#include "store/ledger.h"

#include <inttypes.h>
#include <stdio.h>

static void print_entry(const struct ledger_entry *entry)
{
    char symbols[SYMBOL_BYTES_MAX + 32];
    (void)snprintf(symbols, sizeof symbols, entry->symbol_count > 1 ? "%s +%" PRId64 : "%s",
                   entry->first_symbol, entry->symbol_count - 1);
    printf("%6" PRId64 "  %-19.19s  %-16s  %11" PRId64 "  %8" PRId64 "  %-20s  %-19.19s  %s%s\n",
           entry->id, time_format(entry->imported_at).text, entry->format, entry->rows,
           entry->rejected, symbols, time_format(entry->range.from).text, entry->file_name,
           entry->undone_at == INT64_MIN ? "" : "  (undone)");
}

static enum status list(struct connection *connection, struct error *error)
{
    struct ledger_entry *entries;
    size_t count;
    enum status status = ledger_list(connection, &entries, &count, error);
    if (status != STATUS_OK)
        return status;
    printf("%6s  %-19s  %-16s  %11s  %8s  %-20s  %-19s  %s\n", "number", "imported (UTC)", "format",
           "ticks", "rejected", "symbols", "ticks from (UTC)", "file");
    for (size_t i = 0; i < count; i++)
        print_entry(&entries[i]);
    mem_free(entries);
    return STATUS_OK;
}

static enum status undo(struct connection *connection, int64_t id, struct error *error)
{
    int64_t rows;
    enum status status = ledger_undo(connection, id, &rows, error);
    if (status != STATUS_OK)
        return status;
    terminal_step("import %" PRId64 " was taken back: %" PRId64 " ticks deleted", id, rows);
    load_refresh_candles(connection);
    return STATUS_OK;
}

static int with_ledger(const struct configuration *configuration, const int64_t *undone)
{
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        struct connection *connection = database_connect(&database, "ledger", &error);
        if (connection == NULL)
            status = error.status;
        else
            status = undone != NULL ? undo(connection, *undone, &error) : list(connection, &error);
        connection_close(&connection);
        database_explain(&database, &error);
        database_close(&database);
    }
    if (status == STATUS_OK)
        return 0;
    terminal_error("%s", error.text);
    return 1;
}

int imports_list_run(const struct configuration *configuration)
{
    return with_ledger(configuration, NULL);
}

int imports_undo_run(const struct configuration *configuration, int64_t id)
{
    return with_ledger(configuration, &id);
}
