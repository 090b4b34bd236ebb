/*
 * tapedeck candles refresh | verify: makes stored candles anew from their ticks, and compares them.
 */
#include "app/commands.h"
#include "app/database.h"
#include "app/options.h"
#include "app/terminal.h"
#include "base/mem.h"
#include "store/backoff.h"
#include "store/candle_check.h"
#include "store/refresh.h"
#include "wire/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define VERIFY_FAILED 2
#define JSON_LINE_BYTES_MAX 16384 /* two names and three numbers, all of them escaped */

/* 2024-08-08T23:54:00Z: buckets and chunks begin at whole seconds. */
struct bucket_text {
    char text[TIME_TEXT_BYTES];
};

static struct bucket_text bucket_format(int64_t time)
{
    struct bucket_text out;
    (void)snprintf(out.text, sizeof out.text, "%.19sZ", time_format(time).text);
    return out;
}

static enum status ask_range(struct connection *connection, const char *sql, const char *symbol,
                             struct time_range *range, struct error *error)
{
    PGresult *row;
    enum status status = connection_query_row(connection, sql, symbol != NULL,
                                              (const char *const[]){symbol}, &row, error);
    if (status != STATUS_OK)
        return status;
    if (result_int64(row, 0, 0, &range->from) != STATUS_OK ||
        result_int64(row, 0, 1, &range->to) != STATUS_OK)
        *range = (struct time_range){0, 0}; /* null: nothing there */
    PQclear(row);
    return STATUS_OK;
}

static enum status check_symbol(struct connection *connection, const char *symbol,
                                struct error *error)
{
    if (symbol == NULL)
        return STATUS_OK;
    PGresult *row;
    enum status status =
        connection_query_row(connection, "select from tapedeck.symbols s where s.symbol = $1", 1,
                             (const char *const[]){symbol}, &row, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, status, "there is no symbol \"%s\"", symbol);
    if (status == STATUS_OK)
        PQclear(row);
    return status;
}

/* Connects, with the books up to date with what others wrote. */
static struct connection *connect(const struct database *database, const char *symbol,
                                  struct error *error)
{
    struct connection *connection = database_connect(database, "candles", error);
    if (connection == NULL)
        return NULL;
    enum status status = connection_execute(
        connection, "select tapedeck.symbols_reconcile() where not pg_is_in_recovery()", error);
    if (status == STATUS_OK)
        status = check_symbol(connection, symbol, error);
    if (status != STATUS_OK)
        connection_close(&connection);
    return connection;
}

/* ---- refresh ------------------------------------------------------------------------------- */

static bool show_refresh(void *owner, const struct refresh_progress *progress)
{
    terminal_progress_set(
        owner, progress->steps > 0 ? (int64_t)(progress->step * 100 / progress->steps) : 0);
    return true;
}

/* Where there are ticks, of the symbol or of any. A refresh always is one of all symbols. */
static enum status choose_range(struct connection *connection,
                                const struct candles_options *options, struct time_range *range,
                                struct error *error)
{
    enum status status =
        options->symbol != NULL
            ? ask_range(connection,
                        "select tapedeck.time_us(s.first_time), tapedeck.time_us(s.last_time) + 1"
                        " from tapedeck.symbols s where s.symbol = $1",
                        options->symbol, range, error)
            : ask_range(connection,
                        "select tapedeck.time_us(min(c.range_start)),"
                        " tapedeck.time_us(max(c.range_end)) from tapedeck.tick_chunks() c",
                        NULL, range, error);
    if (status != STATUS_OK)
        return status;
    range->from = options->range.from > range->from ? options->range.from : range->from;
    range->to = options->range.to < range->to ? options->range.to : range->to;
    return STATUS_OK;
}

static enum status queue_range(struct connection *connection, struct time_range range, int64_t *id,
                               struct error *error)
{
    struct time_text from = time_format(range.from);
    struct time_text to = time_format(range.to);
    PGresult *row;
    enum status status =
        connection_query_row(connection, "select tapedeck.pending_add($1, $2, 'repair')", 2,
                             (const char *const[]){from.text, to.text}, &row, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(row, 0, 0, id);
    PQclear(row);
    return status == STATUS_OK ? STATUS_OK
                               : error_set(error, status, "pending_add() told no number");
}

static enum status is_pending(struct connection *connection, int64_t id, bool *pending,
                              struct error *error)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, id);
    PGresult *row;
    enum status status = connection_query_row(
        connection, "select exists (select from tapedeck.pending_list() p where p.id = $1)", 1,
        (const char *const[]){text}, &row, error);
    if (status != STATUS_OK)
        return status;
    *pending = result_bool(row, 0, 0);
    PQclear(row);
    return STATUS_OK;
}

/* To the end. A row near which somebody else is at work, as a server, is waited for: it may also
 * be that one who does it. */
static enum status heal_row(struct connection *connection, int64_t id,
                            struct terminal_progress *progress, struct error *error)
{
    uint64_t random = (uint64_t)id;
    for (unsigned tries = 1;; tries++) {
        enum status status = refresh_heal(connection, show_refresh, progress, NULL, error);
        bool pending = true;
        if (status == STATUS_OK)
            status = is_pending(connection, id, &pending, error);
        if (status != STATUS_OK || !pending)
            return status;
        (void)usleep((unsigned)backoff_us(tries, &random));
    }
}

static enum status tell_dropped(struct connection *connection, struct time_range range,
                                struct error *error)
{
    struct candle_check check = {.range = range};
    struct candle_piece *pieces;
    size_t count;
    enum status status = candle_check_list(connection, &check, &pieces, &count, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (pieces[i].kind == CANDLE_PIECE_DROPPED)
            terminal_warning("from %s to %s the ticks were dropped: the candles stay as they are",
                             bucket_format(pieces[i].range.from).text,
                             bucket_format(pieces[i].range.to).text);
    mem_free(pieces);
    return STATUS_OK;
}

static enum status refresh(struct connection *connection, const struct candles_options *options,
                           struct error *error)
{
    struct time_range range;
    enum status status = tell_dropped(connection, options->range, error);
    if (status == STATUS_OK)
        status = choose_range(connection, options, &range, error);
    if (status != STATUS_OK)
        return status;
    if (range.from >= range.to) {
        terminal_step("there are no ticks in that range: nothing to refresh");
        return STATUS_OK;
    }
    int64_t id;
    status = queue_range(connection, range, &id, error);
    if (status != STATUS_OK)
        return status;
    struct terminal_progress progress;
    terminal_progress_begin(&progress, "candles", 100, "%");
    status = heal_row(connection, id, &progress, error);
    terminal_progress_end(&progress);
    if (status == STATUS_OK)
        terminal_step("the candles from %s to %s are those of their ticks",
                      time_format(range.from).text, time_format(range.to).text);
    return status;
}

int candles_refresh_run(const struct configuration *configuration,
                        const struct candles_options *options)
{
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        struct connection *connection = connect(&database, options->symbol, &error);
        status = connection != NULL ? refresh(connection, options, &error) : error.status;
        connection_close(&connection);
        database_explain(&database, &error);
        database_close(&database);
    }
    if (status == STATUS_OK)
        return EXIT_DONE;
    terminal_error("%s", error.text);
    return EXIT_FAILED;
}

/* ---- verify: what is printed ---------------------------------------------------------------- */

struct verify {
    const struct candles_options *options;
    struct candle_check check;
    struct terminal_progress progress;
    bool is_progress_shown;
    struct buffer line; /* of JSON */
    int64_t differences;
    int64_t compared; /* pieces */
    int64_t dropped;
    int64_t pending;
};

static void print_json(struct verify *verify, struct writer *writer)
{
    writer_end(writer);
    printf("%s\n", buffer_text(&verify->line));
}

static void begin_json(struct verify *verify, struct writer *writer, const char *kind, size_t pairs)
{
    buffer_clear(&verify->line);
    writer_init(writer, &verify->line, WIRE_JSON);
    writer_map(writer, pairs + 1);
    writer_key(writer, "kind");
    writer_text(writer, kind);
}

static void write_pair(struct writer *writer, const char *key, const char *text)
{
    writer_key(writer, key);
    if (text != NULL)
        writer_text(writer, text);
    else
        writer_nil(writer);
}

static void print_difference_json(struct verify *verify, const struct candle_difference *difference)
{
    struct writer writer;
    bool differs = difference->field != NULL;
    begin_json(verify, &writer, difference->kind, differs ? 6 : 3);
    write_pair(&writer, "bucket", bucket_format(difference->bucket).text);
    write_pair(&writer, "interval", difference->interval);
    write_pair(&writer, "symbol", difference->symbol);
    if (differs) {
        write_pair(&writer, "field", difference->field);
        write_pair(&writer, "stored", difference->stored);
        write_pair(&writer, "recomputed", difference->recomputed);
    }
    print_json(verify, &writer);
}

static void print_difference(const struct candle_difference *difference)
{
    printf("%s  %-3s  %s  ", bucket_format(difference->bucket).text, difference->interval,
           difference->symbol);
    if (difference->field == NULL)
        printf("%s\n", difference->kind);
    else
        printf("%s: stored %s, recomputed %s\n", difference->field,
               difference->stored != NULL ? difference->stored : "null",
               difference->recomputed != NULL ? difference->recomputed : "null");
}

/* A line that is redrawn and lines that stay do not go together. */
static void hide_progress(struct verify *verify)
{
    if (verify->is_progress_shown && verify->progress.redraws) {
        terminal_progress_end(&verify->progress);
        verify->is_progress_shown = false;
    }
}

static bool found(void *owner, const struct candle_difference *difference)
{
    struct verify *verify = owner;
    verify->differences++;
    hide_progress(verify);
    if (verify->options->json)
        print_difference_json(verify, difference);
    else
        print_difference(difference);
    return true;
}

static void print_unverified(struct verify *verify, const struct candle_piece *piece)
{
    bool is_dropped = piece->kind == CANDLE_PIECE_DROPPED;
    struct time_text from = time_format(piece->range.from);
    struct time_text to = time_format(piece->range.to);
    if (verify->options->json) {
        struct writer writer;
        begin_json(verify, &writer, is_dropped ? "dropped" : "pending", 2);
        write_pair(&writer, "from", from.text);
        write_pair(&writer, "to", to.text);
        print_json(verify, &writer);
    } else {
        terminal_warning("not verified: from %s to %s, %s", from.text, to.text,
                         is_dropped ? "where the ticks were dropped"
                                    : "which is queued for refresh");
    }
}

static void print_outcome(struct verify *verify)
{
    if (verify->options->json) {
        struct writer writer;
        begin_json(verify, &writer, "summary", 4);
        const struct {
            const char *key;
            int64_t value;
        } counts[] = {{"differences", verify->differences},
                      {"compared", verify->compared},
                      {"dropped", verify->dropped},
                      {"pending", verify->pending}};
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            writer_key(&writer, counts[i].key);
            writer_integer(&writer, counts[i].value);
        }
        print_json(verify, &writer);
    } else if (verify->differences > 0) {
        terminal_warning("%s differences; `tapedeck candles refresh` makes these candles anew",
                         terminal_count(verify->differences).text);
    } else if (verify->compared == 0) {
        terminal_step("nothing to verify: no candles with ticks are stored in that range");
    } else {
        terminal_step("the stored candles are those of their ticks");
    }
}

/* ---- verify: the work ----------------------------------------------------------------------- */

static void tell_unverified(struct verify *verify, const struct candle_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        verify->compared += pieces[i].kind == CANDLE_PIECE_COMPARE;
        verify->dropped += pieces[i].kind == CANDLE_PIECE_DROPPED;
        verify->pending += pieces[i].kind == CANDLE_PIECE_PENDING;
        if (pieces[i].kind != CANDLE_PIECE_COMPARE)
            print_unverified(verify, &pieces[i]);
    }
}

static enum status compare(struct verify *verify, struct connection *connection,
                           const struct candle_piece *pieces, size_t count, struct error *error)
{
    enum status status = STATUS_OK;
    int64_t done = 0;
    terminal_progress_begin(&verify->progress, "verifying", 100, "%");
    verify->is_progress_shown = true;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (pieces[i].kind != CANDLE_PIECE_COMPARE)
            continue;
        status =
            candle_check_run(connection, &verify->check, pieces[i].range, found, verify, error);
        done++;
        if (verify->is_progress_shown)
            terminal_progress_set(&verify->progress, done * 100 / verify->compared);
    }
    if (verify->is_progress_shown)
        terminal_progress_end(&verify->progress);
    return status;
}

static enum status verify_all(struct verify *verify, struct connection *connection,
                              struct error *error)
{
    struct candle_piece *pieces;
    size_t count;
    enum status status = candle_check_list(connection, &verify->check, &pieces, &count, error);
    if (status != STATUS_OK)
        return status;
    tell_unverified(verify, pieces, count);
    status = compare(verify, connection, pieces, count, error);
    mem_free(pieces);
    if (status == STATUS_OK)
        print_outcome(verify);
    return status;
}

int candles_verify_run(const struct configuration *configuration,
                       const struct candles_options *options)
{
    struct verify verify = {.options = options,
                            .check = {.interval = options->interval,
                                      .symbol = options->symbol,
                                      .range = options->range}};
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        buffer_init(&verify.line, JSON_LINE_BYTES_MAX);
        struct connection *connection = connect(&database, options->symbol, &error);
        status = connection != NULL ? verify_all(&verify, connection, &error) : error.status;
        connection_close(&connection);
        buffer_deinit(&verify.line);
        database_close(&database);
    }
    if (status == STATUS_OK && (fflush(stdout) != 0 || ferror(stdout) != 0))
        status = error_set(&error, STATUS_UNAVAILABLE,
                           "the list of differences could not be written, or not all of it");
    if (status == STATUS_OK)
        return verify.differences == 0 ? EXIT_DONE : EXIT_FAILED;
    terminal_error("%s", error.text);
    return VERIFY_FAILED;
}
