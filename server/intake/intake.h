/*
 * Files to ticks: opens a file of market data, finds out its format, and hands out one checked row
 * after the other, in file order.
 *
 *   file.h (bytes → lines) → csv.h (lines → fields) → row.h (fields → ticks, by format.h)
 *
 * What a row says is either exactly a tick or a reason to reject it: nothing is rounded, clamped
 * or filled in, except that times are floored to microseconds and `last_from` is asked for. Reads
 * with bounded memory, twice if need be (intake_rewind), and knows nothing of databases. README.md
 * lists the formats and the rules. One owner thread; strings handed out live as long as stated.
 */
#ifndef TAPEDECK_INTAKE_INTAKE_H
#define TAPEDECK_INTAKE_INTAKE_H

#include "base/status.h"
#include "intake/file.h"
#include "intake/uuid.h"
#include "market/tick.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum intake_format {
    INTAKE_DETECT,
    INTAKE_TAPEDECK,
    INTAKE_TRUEFX,
    INTAKE_HISTDATA,
    INTAKE_TARDIS_TRADES,
    INTAKE_TARDIS_QUOTES,
    INTAKE_BINANCE_TRADES,
    INTAKE_BINANCE_AGGTRADES,
};

/* Where a row with a quote and no trade gets its last price from. A side that is null gives null;
 * mid = (bid + ask) / 2, exact, except that a 9th decimal (always a 5) is rounded up. */
enum intake_last_from {
    INTAKE_LAST_FROM_DEFAULT, /* mid for truefx and histdata, none for the others */
    INTAKE_LAST_FROM_NONE,
    INTAKE_LAST_FROM_MID,
    INTAKE_LAST_FROM_BID,
    INTAKE_LAST_FROM_ASK,
};

/* Texts are copied; NULL: not given. */
struct intake_options {
    enum intake_format format;
    const char *symbol; /* required if the format names none and the file's name does not */
    const char *venue;  /* makes every symbol VENUE:NAME */
    const char *source; /* for rows whose file names none; default: the format's family */
    enum intake_last_from last_from;
    int64_t latest; /* microseconds: rows after it are "in the future"; TIME_MAX: no limit */
};

/* One row. Pointers are borrowed until the next call, `symbol` until intake_destroy. */
struct intake_row {
    int64_t line; /* number, from 1 */
    const char *raw;
    size_t raw_bytes; /* ≤ FILE_LINE_BYTES_MAX; only the beginning of an overlong line */

    int64_t time; /* microseconds, in [TIME_MIN, TIME_MAX] */
    const char *symbol;
    uint32_t symbol_id;          /* from 0, in order of appearance, kept by intake_rewind */
    int64_t fields[TICK_FIELDS]; /* mantissa at exp 8, or DECIMAL_NULL; not all are null */
    const char *source;          /* UTF-8, 1 … 128 bytes; NULL: null */
    bool has_trade_id;
    bool has_account_id;
    uint8_t trade_id[UUID_BYTES];
    uint8_t account_id[UUID_BYTES];
};

struct intake;

/*
 * Finds the format by the first lines unless it is given. STATUS_INVALID with a sentence: an
 * unknown or ambiguous format, wrong columns, a missing or superfluous symbol; others as file_open.
 */
enum status intake_open(const char *path, const struct intake_options *options,
                        struct intake **intake, struct error *error) MUST_CHECK;
/* The same over memory, borrowed until intake_destroy; `name` is what the file would be called. */
enum status intake_open_memory(const void *bytes, size_t count, const char *name,
                               const struct intake_options *options, struct intake **intake,
                               struct error *error) MUST_CHECK;
void intake_destroy(struct intake **intake);

/*
 * STATUS_OK: a row. STATUS_END: no more. STATUS_INVALID: a bad row: `line` and `raw` are set, the
 * rest is not, `error` holds the reason (without the row's values, so that reasons can be counted),
 * and reading can go on. Anything else is final: the file is damaged (STATUS_BAD_MESSAGE), cannot
 * be read (STATUS_UNAVAILABLE) or has more than NAMES_MAX symbols (STATUS_LIMIT).
 */
enum status intake_next(struct intake *intake, struct intake_row *row,
                        struct error *error) MUST_CHECK;
/* Back to the first row, also after a final error; symbol ids stay. */
enum status intake_rewind(struct intake *intake, struct error *error) MUST_CHECK;

/* The format in use, never INTAKE_DETECT. */
enum intake_format intake_format(const struct intake *intake);
struct file_progress intake_progress(const struct intake *intake);
uint32_t intake_symbol_count(const struct intake *intake);
const char *intake_symbol(const struct intake *intake, uint32_t symbol_id);
/* Of the unpacked content; STATUS_CONFLICT unless intake_next gave STATUS_END. Compare it over two
 * passes: a file that changes in between must not be imported. */
enum status intake_sha256(const struct intake *intake, uint8_t sha256[FILE_SHA256_BYTES],
                          struct error *error) MUST_CHECK;

/* "binance-trades" … and back (in format.c). */
const char *intake_format_name(enum intake_format format);
enum status intake_format_parse(const char *name, enum intake_format *format,
                                struct error *error) MUST_CHECK;
/* "none", "mid", "bid", "ask". */
enum status intake_last_from_parse(const char *name, enum intake_last_from *last_from,
                                   struct error *error) MUST_CHECK;

#endif
