/*
 * Writing a load of ticks, as `import` and `generate` both do it: refuse what retention would
 * delete, one transaction, a record in the ledger, then the candles of the range. Main thread.
 */
#ifndef TAPEDECK_APP_LOAD_H
#define TAPEDECK_APP_LOAD_H

#include "app/database.h"
#include "intake/intake.h"
#include "store/ledger.h"
#include "store/tick_writer.h"

struct load_options {
    bool keep;            /* switch retention off rather than be refused */
    bool again;           /* the same content was loaded before: load it once more */
    bool rebuild_candles; /* where candles outlived their ticks */
};

/* Refuses content that the ledger knows (STATUS_CONFLICT), unless `again`. */
enum status load_check_ledger(struct connection *connection, const struct ledger_record *record,
                              const struct load_options *options, struct error *error) MUST_CHECK;
/* Refuses ticks older than the retention of tick_data, unless `keep`, which switches it off and
 * says so. `now` and `oldest` in µs. */
enum status load_check_retention(struct connection *connection, int64_t oldest, int64_t now,
                                 const struct load_options *options,
                                 struct error *error) MUST_CHECK;

/* The next row to write: STATUS_OK, STATUS_END, or a failure that undoes the load. */
typedef enum status load_next_fn(void *owner, struct intake_row *row, struct error *error);

struct load {
    const char *label;       /* of the progress bar */
    struct time_range range; /* every row lies in it */
    int64_t rows;            /* that are expected */
    load_next_fn *next;
    void *owner;
    struct ledger_record record;
    int64_t written; /* out: rows that were committed */
    int64_t took_us; /* out: from BEGIN to COMMIT */
};
/* One transaction. */
enum status load_write(struct connection *connection, struct load *load,
                       const struct load_options *options, struct error *error) MUST_CHECK;
/* "345 600 ticks of SIM:A and others from … to …, 1.2 M rows/s" */
void load_tell(const struct load *load, const char *symbol, bool and_others);

/* Brings the candles of what was written up to date, with progress. A failure is told, and healed
 * later by whoever comes next: the ticks are safe. */
void load_refresh_candles(struct connection *connection);

#endif
