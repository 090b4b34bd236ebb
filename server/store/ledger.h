/*
 * The list of imports: so that the same file is noticed, and an import can be taken back.
 *
 * Runs on the connection's owner thread. Owns nothing but the lists it returns.
 */
#ifndef TAPEDECK_STORE_LEDGER_H
#define TAPEDECK_STORE_LEDGER_H

#include "market/symbol.h"
#include "market/time.h"
#include "store/connection.h"
#include "store/tick_writer.h"

#define LEDGER_SHA256_BYTES 32
#define LEDGER_NAME_BYTES 256
#define LEDGER_FORMAT_BYTES 32

/* What the importer knows beside the writer's outcome. */
struct ledger_record {
    uint8_t sha256[LEDGER_SHA256_BYTES]; /* of the file as it was read */
    const char *file_name;               /* without its folder */
    const char *format;                  /* "csv", "ndjson", … */
    const char *options;                 /* JSON object, or NULL */
    int64_t rejected;                    /* lines refused */
    int64_t id;                          /* out: the number of the import */
};

/* A tick_writer_record_fn; its owner is a `struct ledger_record *`. */
enum status ledger_record(struct connection *connection, const struct tick_writer_outcome *outcome,
                          void *owner, struct error *error) MUST_CHECK;

struct ledger_entry {
    int64_t id;
    uint8_t sha256[LEDGER_SHA256_BYTES];
    char file_name[LEDGER_NAME_BYTES];
    char format[LEDGER_FORMAT_BYTES];
    struct time_range range;
    int64_t symbol_count;
    char first_symbol[SYMBOL_BYTES_MAX + 1];
    int64_t rows;
    int64_t rejected;
    int64_t imported_at;
    int64_t undone_at; /* INT64_MIN: not undone */
};

/* The newest import of that file that was not undone; STATUS_NOT_FOUND: there is none. */
enum status ledger_find(struct connection *connection, const uint8_t sha256[LEDGER_SHA256_BYTES],
                        struct ledger_entry *entry, struct error *error) MUST_CHECK;
/* Every import, undone ones too, newest first. mem_free(*entries). */
enum status ledger_list(struct connection *connection, struct ledger_entry **entries, size_t *count,
                        struct error *error) MUST_CHECK;
/*
 * Deletes the ticks of an import that are still there, and tells how many; afterwards refresh_heal.
 * STATUS_CONFLICT when there is no such import, it was undone before, or somebody else wrote ticks
 * of the same symbols and times while it ran, so that nothing tells them apart: then nothing is
 * deleted.
 */
enum status ledger_undo(struct connection *connection, int64_t id, int64_t *rows,
                        struct error *error) MUST_CHECK;

#endif
