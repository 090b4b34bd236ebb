/*
 * tapedeck generate: ticks out of a seed, written like an import: known by the SHA-256 of what was
 * asked for, refused twice, taken back by `tapedeck import undo`.
 */
#include "intake/generate.h"
#include "app/commands.h"
#include "app/load.h"
#include "app/terminal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* A load_next_fn. */
static enum status next_row(void *owner, struct intake_row *row, struct error *error)
{
    (void)error;
    return generate_next(owner, row);
}

/* What was asked for, as text: the same text gives the same ticks. */
static void describe(const struct generate_options *options, struct buffer *text)
{
    buffer_append_format(
        text,
        "generate 1 seed=%" PRIu64 " from=%" PRId64 " to=%" PRId64 " every_us=%" PRId64 " shape=%d",
        options->seed, options->from, options->to, options->every_us, (int)options->shape);
    for (size_t i = 0; i < options->symbol_count; i++)
        buffer_append_format(text, " %s", options->symbols[i]);
}

static enum status fill_record(const struct generate_options *options, struct ledger_record *record,
                               struct error *error)
{
    struct buffer text;
    buffer_init(&text, (size_t)GENERATE_SYMBOLS_MAX * (SYMBOL_BYTES_MAX + 2));
    describe(options, &text);
    *record = (struct ledger_record){.file_name = "generated ticks", .format = "generate"};
    unsigned bytes = 0;
    int done = EVP_Digest(text.bytes, text.count, record->sha256, &bytes, EVP_sha256(), NULL);
    buffer_deinit(&text);
    if (done != 1 || bytes != LEDGER_SHA256_BYTES)
        return error_set(error, STATUS_INTERNAL, "SHA-256 is not available");
    return STATUS_OK;
}

static enum status has_ticks(struct connection *connection, bool *has, struct error *error)
{
    PGresult *row;
    enum status status =
        connection_query_row(connection, "select exists (select from tapedeck.symbols_list('', 1))",
                             0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    *has = result_bool(row, 0, 0);
    PQclear(row);
    return STATUS_OK;
}

static enum status write_ticks(struct connection *connection,
                               const struct generate_command *command, struct error *error)
{
    const struct generate_options *options = &command->generate;
    if (options->to > command->latest)
        return error_set(error, STATUS_INVALID, "--to is %s: ticks of the future are refused",
                         time_format(options->to).text);
    struct generator *generator;
    enum status status = generate_create(options, &generator, error);
    if (status != STATUS_OK)
        return status;
    struct load load = {
        .label = "generating",
        .range = {.from = options->from, .to = options->to},
        .rows = generate_row_count(generator),
        .next = next_row,
        .owner = generator,
    };
    status = fill_record(options, &load.record, error);
    if (status == STATUS_OK)
        status = load_check_ledger(connection, &load.record, &command->load, error);
    if (status == STATUS_OK)
        status =
            load_check_retention(connection, options->from, clock_wall_us(), &command->load, error);
    if (status == STATUS_OK)
        status = load_write(connection, &load, &command->load, error);
    generate_destroy(&generator);
    if (status != STATUS_OK)
        return status;
    load_tell(&load, options->symbols[0], options->symbol_count > 1);
    load_refresh_candles(connection);
    return STATUS_OK;
}

static enum status generate_into(const struct database *database,
                                 const struct generate_command *command, struct error *error)
{
    struct connection *connection = database_connect(database, "generate", error);
    if (connection == NULL)
        return error->status;
    bool has = false;
    enum status status = command->if_empty ? has_ticks(connection, &has, error) : STATUS_OK;
    if (status == STATUS_OK && has)
        terminal_step("there are ticks already");
    else if (status == STATUS_OK)
        status = write_ticks(connection, command, error);
    connection_close(&connection);
    return status;
}

int generate_run(const struct configuration *configuration, const struct generate_command *command)
{
    struct database database;
    struct error error = {.text = ""};
    enum status status = database_open(configuration, DATABASE_JOIN, &database, &error);
    if (status == STATUS_OK) {
        status = generate_into(&database, command, &error);
        database_explain(&database, &error);
        database_close(&database);
    }
    if (status == STATUS_OK)
        return 0;
    terminal_error("%s", error.text);
    return 1;
}
