#include "app/load.h"

#include "app/terminal.h"
#include "base/clock.h"
#include "store/refresh.h"

#include <stdio.h>

/* ---- what stands against it --------------------------------------------------------------- */

enum status load_check_ledger(struct connection *connection, const struct ledger_record *record,
                              const struct load_options *options, struct error *error)
{
    if (options->again)
        return STATUS_OK;
    struct ledger_entry entry;
    enum status status = ledger_find(connection, record->sha256, &entry, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    return error_set(error, STATUS_CONFLICT,
                     "this content was imported before, as number %lld at %s from %s: --again "
                     "imports it once more, `tapedeck import undo %lld` takes it back",
                     (long long)entry.id, time_format(entry.imported_at).text, entry.file_name,
                     (long long)entry.id);
}

/* How far back ticks are kept, in µs; 0: for ever. */
static enum status read_horizon(struct connection *connection, int64_t *horizon_us,
                                struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(
        connection,
        "select coalesce((extract(epoch from tapedeck.retention_horizon()) * 1000000)::bigint, 0)",
        0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    if (result_int64(row, 0, 0, horizon_us) != STATUS_OK)
        status = error_set(error, STATUS_INTERNAL, "retention_horizon() told no interval");
    PQclear(row);
    return status;
}

static enum status switch_retention_off(struct connection *connection, struct error *error)
{
    enum status status =
        connection_execute(connection, "select tapedeck.retention_disable()", error);
    if (status == STATUS_OK)
        terminal_step(
            "the retention policy of tick_data is switched off (--keep); it stays listed");
    return status;
}

enum status load_check_retention(struct connection *connection, int64_t oldest, int64_t now,
                                 const struct load_options *options, struct error *error)
{
    int64_t horizon_us;
    enum status status = read_horizon(connection, &horizon_us, error);
    if (status != STATUS_OK || horizon_us == 0 || oldest >= now - horizon_us)
        return status;
    if (options->keep)
        return switch_retention_off(connection, error);
    return error_set(error, STATUS_CONFLICT,
                     "the ticks begin at %s, but ticks older than %lld days are deleted by the "
                     "retention policy at its next run: --keep switches that policy off, or choose "
                     "newer ticks, or lengthen the policy",
                     time_format(oldest).text, (long long)(horizon_us / TIME_DAY_US));
}

/* ---- writing ------------------------------------------------------------------------------- */

static struct written_tick as_written(const struct intake_row *row)
{
    struct written_tick tick = {
        .tick = {.time = row->time},
        .symbol = row->symbol,
        .source = row->source,
        .trade_id = row->has_trade_id ? row->trade_id : NULL,
        .account_id = row->has_account_id ? row->account_id : NULL,
    };
    for (size_t i = 0; i < TICK_FIELDS; i++)
        tick.tick.fields[i] = row->fields[i];
    return tick;
}

static enum status write_rows(struct tick_writer *writer, struct load *load,
                              struct terminal_progress *progress, struct error *error)
{
    struct intake_row row;
    enum status status;
    int64_t rows = 0;
    while ((status = load->next(load->owner, &row, error)) == STATUS_OK) {
        struct written_tick tick = as_written(&row);
        status = tick_writer_add(writer, &tick, error);
        if (status != STATUS_OK)
            return status;
        if ((++rows & 4095) == 0)
            terminal_progress_set(progress, rows);
    }
    terminal_progress_set(progress, rows);
    return status == STATUS_END ? STATUS_OK : status;
}

enum status load_write(struct connection *connection, struct load *load,
                       const struct load_options *options, struct error *error)
{
    int64_t began_us = clock_monotonic_us();
    struct tick_writer_options writer_options = {
        .range = load->range,
        .reason = "import",
        .rebuild = options->rebuild_candles,
        .is_import = true,
        .record = ledger_record,
        .record_owner = &load->record,
    };
    struct tick_writer *writer;
    enum status status = tick_writer_begin(connection, &writer_options, &writer, error);
    if (status != STATUS_OK)
        return status;
    struct terminal_progress progress;
    terminal_progress_begin(&progress, load->label, load->rows, "rows");
    status = write_rows(writer, load, &progress, error);
    terminal_progress_end(&progress);
    if (status != STATUS_OK) {
        tick_writer_abort(&writer);
        return status;
    }
    struct tick_writer_outcome outcome;
    status = tick_writer_finish(&writer, &outcome, error);
    load->written = status == STATUS_OK ? outcome.rows : 0;
    load->took_us = clock_monotonic_us() - began_us;
    return status;
}

void load_tell(const struct load *load, const char *symbol, bool and_others)
{
    double seconds = (double)load->took_us / 1e6;
    terminal_step("%s ticks of %s%s from %s to %s, %s rows/s", terminal_count(load->written).text,
                  symbol, and_others ? " and others" : "", time_format(load->range.from).text,
                  time_format(load->range.to - 1).text,
                  terminal_short_count(seconds > 0 ? (double)load->written / seconds : 0).text);
}

/* ---- candles ------------------------------------------------------------------------------- */

static bool show_refresh(void *owner, const struct refresh_progress *progress)
{
    struct terminal_progress *bar = owner;
    terminal_progress_set(
        bar, progress->steps > 0 ? (int64_t)(progress->step * 100 / progress->steps) : 0);
    return true;
}

void load_refresh_candles(struct connection *connection)
{
    struct terminal_progress progress;
    struct error error = {.text = ""};
    terminal_progress_begin(&progress, "candles", 100, "%");
    enum status status = refresh_heal(connection, show_refresh, &progress, NULL, &error);
    terminal_progress_end(&progress);
    if (status != STATUS_OK)
        terminal_warning(
            "the candles are not up to date yet (%s): the ticks are safe, and a running "
            "server or the next command refreshes them",
            error.text);
}
