/*
 * Fields to a row: reads and checks what the layout says is where, whatever the format. One owner
 * thread.
 */
#ifndef TAPEDECK_INTAKE_ROW_H
#define TAPEDECK_INTAKE_ROW_H

#include "intake/csv.h"
#include "intake/format.h"
#include "intake/intake.h"
#include "intake/names.h"
#include "market/symbol.h"

/* How the rows of one file become ticks. Borrows everything it points to. */
struct row_rules {
    struct layout layout;
    struct names *names;
    uint32_t symbol_id;                    /* of every row, when there is no symbol column */
    const char *source;                    /* of rows that name none, or NULL */
    char row_source[SYMBOL_BYTES_MAX + 1]; /* the last row's own */
    enum intake_last_from last_from;       /* not DEFAULT */
    int64_t latest;
};

/* Fills all of `row` but line and raw. STATUS_INVALID with a reason, or STATUS_LIMIT (symbols). */
enum status row_read(struct row_rules *rules, const struct csv *csv, struct intake_row *row,
                     struct error *error) MUST_CHECK;

#endif
